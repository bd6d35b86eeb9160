//! `completion` and `models`: what somebody looks at before an agent runs.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::setup::{Home, shape};
use crate::tools::tool;

#[test]
fn completion_scripts_name_commands_and_begin_nothing() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = home.run(&["completion", shell]).ok();
        assert_eq!(ran.stderr, "", "no notice in a script's start");
        for word in ["telemetry", "hide-tool-calls", "reset-id"] {
            assert!(ran.stdout.contains(word), "{shell}: {word}");
        }
        assert!(!ran.stdout.contains("reference"), "{shell}");
    }
    assert_eq!(home.run(&["completion"]).code, 2);
    assert_eq!(home.files("."), [] as [std::path::PathBuf; 0]);
    assert_eq!(home.run(&["version"]).ok().notices(), 1, "the notice was not used up");
    assert_eq!(shape(&home.pending()), ["version 0"]);
}

#[test]
fn bash_takes_the_script() {
    let Some(bash) = tool("bash") else { return };
    let script = Home::quiet().run(&["completion", "bash"]).ok().stdout;
    let script = format!(
        "{script}\nCOMP_WORDS=(docker-agent tele); COMP_CWORD=1; _docker__agent docker-agent tele docker-agent\n\
         echo \"${{COMPREPLY[@]}}\""
    );
    let output =
        Command::new(bash).args(["--norc", "-c", &script]).stdin(Stdio::null()).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "telemetry\n", "{output:?}");
}

#[test]
fn models_are_those_whose_key_is_set() {
    let none = Home::quiet().run(&["models"]).ok().stdout;
    assert!(none.starts_with("No model with a known price is available"), "{none}");
    assert!(none.contains("OPENAI_API_KEY") && none.contains("ollama"), "{none}");
    let home = Home::quiet();
    home.write("keys.env", "MISTRAL_API_KEY=secret\n");
    let from_file = home.run(&["models", "--env-from-file", "keys.env"]).ok().stdout;
    assert!(from_file.contains("mistral/") && !from_file.contains("openai/gpt"), "{from_file}");
    assert!(!from_file.contains("secret"));
    let all = home.run(&["models", "--all"]).ok().stdout;
    assert!(all.contains("openai/gpt-4o ") && all.contains("no key"), "{all}");
}

#[test]
fn models_are_data_with_json() {
    let home = Home::quiet().with("OPENAI_API_KEY", "secret");
    let json = home.run(&["models", "--json"]).ok().json();
    let models = json["models"].as_array().expect("models");
    let find = |name: &str| models.iter().find(|model| model["model"] == name).expect("a model");
    assert_eq!(find("openai/gpt-4o")["usd_per_million_tokens"]["input"], 2.5);
    assert!(models.iter().all(|model| model["available"] == true));
    let providers = json["providers"].as_array().expect("providers");
    let openai = providers.iter().find(|provider| provider["name"] == "openai").expect("openai");
    assert_eq!((&openai["available"], &openai["key_variable"]), (&true.into(), &"OPENAI_API_KEY".into()));
    assert!(!json.to_string().contains("secret"));
    let all = home.run(&["models", "--json", "--all"]).ok().json();
    let unavailable = |model: &Value| model["available"] == false;
    assert!(all["models"].as_array().expect("models").iter().any(unavailable));
}
