//! Agent files: what is read, what is refused, in which words, and what an agent is made of.

mod broken;
mod budgets;
mod examples;
mod mutations;
mod schema;
mod support;
mod written;

use agent_runtime::config;
use agent_runtime::{Agent, AgentError, Choice, Config, Environment, Keys};

fn read(text: &str) -> Config {
    config::from_yaml("agent.yaml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn variables(list: &[(&str, &str)]) -> Environment {
    Environment::new(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn agent(text: &str, environment: &Environment) -> Result<Agent, AgentError> {
    Agent::new(&read(text), &Choice::default(), environment)
}

#[test]
fn a_missing_key_is_named_before_anything_starts() {
    let error = |text: &str| agent(text, &Environment::default()).unwrap_err().to_string();
    assert_eq!(
        error("agents: { root: { model: openai/gpt-4o } }"),
        "model `openai/gpt-4o` needs a key: the variable OPENAI_API_KEY is not set"
    );
    assert_eq!(
        error(
            "agents: { root: { model: m } }\nmodels: { m: { provider: mistral, model: x, token_key: MY_KEY } }"
        ),
        "model `m` needs a key: the variable MY_KEY is not set"
    );
    // Custom providers do not switch the check off for the others.
    assert_eq!(
        error("agents: { root: { model: xai/grok-3 } }\nproviders: { mine: { base_url: 'http://h/v1' } }"),
        "model `xai/grok-3` needs a key: the variable XAI_API_KEY is not set"
    );
    assert_eq!(
        error("agents: { root: { model: azure/x } }"),
        "model `azure/x` needs a `base_url`: provider `azure` has no address of its own"
    );
    for text in ["agents: { root: { model: ollama/x } }", "agents: { root: { model: dmr/ai/qwen3 } }"] {
        assert!(agent(text, &Environment::default()).is_ok());
    }
    let text = "agents: { root: { model: openai/gpt-4o } }";
    let replay = Choice::default().keys(Keys::Unused);
    assert!(Agent::new(&read(text), &replay, &Environment::default()).is_ok());
}

#[test]
fn env_files_come_first_and_are_read_strictly() {
    let file =
        agent_runtime::parse_env_file("# c\n\nexport A=1\nB = \"two words\"\nC='x'\nD=a=b\nE=\n").unwrap();
    let environment = variables(&[("A", "0"), ("E", "process"), ("F", "f")]).with_file(file);
    let get = |name| environment.get(name);
    assert_eq!(get("A"), Some("1"));
    assert_eq!(get("B"), Some("two words"));
    assert_eq!(get("C"), Some("x"));
    assert_eq!(get("D"), Some("a=b"));
    assert_eq!(get("E"), Some("process"));
    assert_eq!(get("F"), Some("f"));
    assert_eq!(get("G"), None);
    let error = agent_runtime::parse_env_file("A=1\nsk-secret\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2: expected NAME=value");
}
