//! Agent files: what is read, what is refused, and in which words.

use agent_runtime::config::{self, ModelRef, ToolsetKind};
use agent_runtime::{Agent, AgentError, Choice, Config, Environment, Keys};

fn read(text: &str) -> Config {
    config::from_yaml("agent.yaml", text).unwrap()
}

fn complaint(text: &str) -> String {
    config::from_yaml("agent.yaml", text).unwrap_err().to_string()
}

fn unsupported(text: &str) -> Vec<String> {
    read(text).unsupported().iter().map(ToString::to_string).collect()
}

fn variables(list: &[(&str, &str)]) -> Environment {
    Environment::new(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn agent(text: &str, environment: &Environment) -> Result<Agent, AgentError> {
    Agent::new(&read(text), &Choice::default(), environment)
}

const FULL: &str = r#"#!/usr/bin/env docker-agent run
version: "2"
metadata: { author: somebody, license: MIT }
agents:
  helper: { model: openai/gpt-4o-mini, description: "helps: a lot" }
  root:
    model: smart
    description: The main one
    instruction: |
      Be brief.
    welcome_message: Hello ${env.USER_NAME}!
    max_iterations: 7
    add_date: true
    add_environment_info: true
    toolsets:
      - type: filesystem
        tools: [read_file, list_directory]
        instruction: Read first.
      - type: shell
        env: { GREETING: "hi ${env.USER_NAME}" }
models:
  smart:
    provider: openai
    model: gpt-4o
    temperature: 0.2
    max_tokens: 1000
    parallel_tool_calls: false
permissions:
  allow: ["shell:cmd=ls*"]
  deny: ["shell:cmd=rm*"]
"#;

#[test]
fn a_whole_file() {
    let config = read(FULL);
    assert_eq!(config.version.as_deref(), Some("2"));
    assert_eq!(config.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["helper", "root"]);
    let root = config.default_agent().unwrap();
    assert_eq!(root.name, "root");
    assert_eq!(root.model, ModelRef::Named("smart".to_owned()));
    assert_eq!(root.instruction, "Be brief.\n");
    assert_eq!(root.max_iterations, Some(7));
    assert!(root.add_date && root.add_environment_info);
    assert_eq!(root.toolsets.len(), 2);
    assert_eq!(root.toolsets[0].kind, ToolsetKind::Filesystem { ignore_vcs: true, post_edit: Vec::new() });
    assert_eq!(
        root.toolsets[0].tools.as_deref(),
        Some(&["read_file".to_owned(), "list_directory".to_owned()][..])
    );
    assert_eq!(config.model("smart").unwrap().temperature, Some(0.2));
    assert_eq!(config.permissions.deny, ["shell:cmd=rm*"]);
    assert_eq!(config.unsupported(), []);
    let environment = variables(&[("OPENAI_API_KEY", "k"), ("USER_NAME", "Ada")]);
    let agent = agent(FULL, &environment).unwrap();
    assert_eq!(agent.welcome_message(), Some("Hello Ada!"));
    let jobs = ["run_background_job", "list_background_jobs", "view_background_job", "stop_background_job"];
    assert_eq!(agent.tools(), [&["read_file", "list_directory", "shell"][..], &jobs].concat());
    assert_eq!(agent.model(), "openai/gpt-4o");
}

#[test]
fn without_a_root_the_first_agent_is_the_default() {
    let config = read("agents: { b: { model: openai/x }, a: { model: openai/x } }");
    assert_eq!(config.default_agent().unwrap().name, "b");
}

#[test]
fn unknown_keys_name_their_place_and_the_nearest_key() {
    assert_eq!(
        complaint("agents:\n  root:\n    model: openai/x\n    instrction: hi\n"),
        "agent.yaml:4:5: unknown key `instrction` in agents.root (did you mean `instruction`?)"
    );
    assert_eq!(
        complaint("agent:\n  root: {}\n"),
        "agent.yaml:1:1: unknown key `agent` (did you mean `agents`?)"
    );
    assert_eq!(
        complaint(
            "agents:\n  root:\n    model: openai/x\n    toolsets:\n      - type: shell\n        comand: x\n"
        ),
        "agent.yaml:6:9: unknown key `comand` in agents.root.toolsets[0] (known keys: type, tools, instruction, toon, model, defer, name, env)"
    );
    assert_eq!(
        complaint(
            "agents: { root: { model: m } }\nmodels:\n  m: { provider: openai, model: x, temprature: 1 }\n"
        ),
        "agent.yaml:3:36: unknown key `temprature` in models.m (did you mean `temperature`?)"
    );
}

#[test]
fn dangling_references_and_wrong_values_name_their_place() {
    let cases = [
        (
            "agents:\n  root:\n    model: smrt\nmodels:\n  smart: { provider: openai, model: x }\n",
            "agent.yaml:3:12: agents.root.model: no model `smrt` (did you mean `smart`?)",
        ),
        (
            "agents:\n  root:\n    model: opnai/gpt\n",
            "agent.yaml:3:12: agents.root.model: unknown provider `opnai` (did you mean `openai`?)",
        ),
        (
            "agents:\n  root:\n    model: openai/x\n    sub_agents: [helpr]\n  helper:\n    model: openai/x\n",
            "agent.yaml:4:18: agents.root.sub_agents: no `helpr` (did you mean `helper`?)",
        ),
        (
            "agents:\n  root:\n    model: openai/x\n    toolsets:\n      - type: filesytem\n",
            "agent.yaml:5:15: agents.root.toolsets[0].type: unknown toolset `filesytem` (did you mean `filesystem`?)",
        ),
        (
            "agents:\n  root:\n    model: openai/x\n    toolsets:\n      - type: filesystem\n        tools: [read_fil]\n",
            "agent.yaml:6:17: agents.root.toolsets[0].tools: no tool `read_fil` (did you mean `read_file`?)",
        ),
        (
            "agents:\n  root:\n    model: openai/x\n    max_iterations: many\n",
            "agent.yaml:4:21: agents.root.max_iterations: expected a whole number, found text",
        ),
        (
            "agents:\n  root:\n    model: openai/x\n    add_date: yes\n",
            "agent.yaml:4:15: agents.root.add_date: expected true or false, found text",
        ),
        (
            "version: \"99\"\nagents: { root: { model: openai/x } }\n",
            "agent.yaml:1:10: version: `99` is not a version from 1 to 7",
        ),
        (
            "agents: { root: { model: m } }\nmodels:\n  m: { provider: mine, model: x }\n",
            "agent.yaml:3:18: models.m.provider: unknown provider `mine` (a provider of your own needs a `base_url`)",
        ),
        (
            "agents: { root: { model: openai/x } }\npermissions:\n  deny: ['shell:rm']\n",
            "agent.yaml:3:10: permissions.deny: `shell:rm`: expected tool:argument=value",
        ),
        ("models: {}\n", "agent.yaml:1:1: no agents: the file needs at least one below `agents`"),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(text), expected);
    }
}

#[test]
fn what_is_no_yaml_names_the_line() {
    let text = complaint("agents:\n  root: [\n");
    assert!(text.starts_with("agent.yaml:"), "{text}");
    let text = complaint("agents: { root: { model: openai/x } }\nagents: {}\n");
    assert!(text.starts_with("agent.yaml:2:1: "), "{text}");
    assert!(complaint("").contains("no agents"), "{}", complaint(""));
    assert!(complaint("- a\n").contains("expected a mapping"), "{}", complaint("- a\n"));
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let started = complaint(&bomb);
    assert!(started.starts_with("agent.yaml"), "{started}");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(complaint(&deep).starts_with("agent.yaml"));
    assert!(complaint(&"# padding\n".repeat(200_000)).contains("more than"), "size");
}

#[test]
fn features_that_do_not_run_yet_parse_and_are_named() {
    let text = "\
agents:
  root:
    model: claude
    sub_agents: [helper]
    code_mode_tools: false
    commands: { fix: Fix it }
    hooks: {}
    toolsets:
      - type: mcp
        ref: docker:duckduckgo
      - type: think
  helper:
    model: openai/gpt-4o,openai/gpt-4o-mini
  coder:
    model: openai/gpt-5-codex
  lazy: {}
models:
  claude: { provider: anthropic, model: claude-sonnet-4-0, thinking_budget: 1024 }
";
    assert_eq!(
        unsupported(text),
        [
            "sub_agents (agents.root.sub_agents, line 4)",
            "commands (agents.root.commands, line 6)",
            "toolset `mcp` (agents.root.toolsets[0], line 9)",
            "toolset `think` (agents.root.toolsets[1], line 11)",
            "several models for one agent (agents.helper.model, line 13)",
        ]
    );
    let error = agent(text, &Environment::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("not supported yet: sub_agents (agents.root.sub_agents, line 4); "),
        "{error}"
    );
}

#[test]
fn only_what_the_chosen_agent_needs_is_refused() {
    let text =
        "agents:\n  root: { model: google/x, sub_agents: [simple] }\n  simple: { model: openai/gpt-4o }\n";
    let environment = variables(&[("OPENAI_API_KEY", "k")]);
    let config = read(text);
    assert!(Agent::new(&config, &Choice::default(), &environment).is_err());
    assert!(Agent::new(&config, &Choice::default().agent("simple"), &environment).is_ok());
    let error = Agent::new(&config, &Choice::default().agent("simpel"), &environment).unwrap_err();
    assert_eq!(error.to_string(), "no agent `simpel` in agent.yaml (did you mean `simple`?)");
    let lazy = read("agents: { root: {} }");
    let chosen = Agent::new(&lazy, &Choice::default(), &environment).unwrap();
    assert_eq!(chosen.auto(), Some("openai/gpt-5-mini: OPENAI_API_KEY is set"));
    let named = Agent::new(&lazy, &Choice::default().model("openai/gpt-4o"), &environment).unwrap();
    assert_eq!(named.auto(), None);
    let error = Agent::new(&lazy, &Choice::default().model("gpt"), &environment).unwrap_err();
    assert_eq!(error.to_string(), "no model `gpt` in agent.yaml, and it is no provider/model");
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

#[test]
fn a_config_as_json() {
    let text = "agents: { root: { model: openai/x, toolsets: [{ type: mcp, ref: 'docker:x' }, { type: shell }, { type: filesystem, ignore_vcs: false }] } }";
    assert_eq!(
        serde_json::to_value(read(text)).unwrap(),
        serde_json::json!({
            "agents": [{
                "name": "root",
                "model": "openai/x",
                "add_date": false,
                "add_environment_info": false,
                "toolsets": [
                    { "type": "mcp" },
                    { "type": "shell", "env": {} },
                    { "type": "filesystem", "ignore_vcs": false },
                ],
            }],
            "models": [],
            "providers": [],
            "permissions": { "allow": [], "ask": [], "deny": [] },
        })
    );
}

#[test]
fn syntax_errors_in_words() {
    assert_eq!(
        [
            complaint("agents: { root: [ }"),
            complaint("a: b: c"),
            complaint("agents:\n\troot: {}"),
            complaint("a: *nobody")
        ],
        [
            "agent.yaml:1:17: mismatched bracket '[' closed by '}'",
            "agent.yaml:1:5: mapping values are not allowed in this context",
            "agent.yaml:2:2: tabs disallowed within this context (block indentation)",
            "agent.yaml:1:4: alias references unknown anchor",
        ]
    );
}
