//! What does not run yet is named, with its place, and a run refuses only what it would need.

use agent_runtime::{Agent, Choice, Environment};

use super::{agent, read, variables};

fn unsupported(text: &str) -> Vec<String> {
    read(text).unsupported().iter().map(ToString::to_string).collect()
}

#[test]
fn features_that_do_not_run_yet_parse_and_are_named() {
    let text = "\
agents:
  root:
    model: gemini
    code_mode_tools: false
    hooks: {}
    skills: true
    welcome_message: Hello ${new Date()}
    toolsets:
      - type: mcp
        ref: docker:duckduckgo
      - type: memory
  helper:
    model: openai/gpt-4o,openai/gpt-4o-mini
models:
  gemini: { provider: google, model: gemini-2.5-flash, provider_opts: { project: x } }
";
    assert_eq!(
        unsupported(text),
        [
            "agent.yaml:6: skills in agents.root.skills (put what the agent has to know into `instruction`)",
            "agent.yaml:7: code in a template `${new Date()}` in agents.root.welcome_message (${env.NAME} and \
             ${env.NAME || \"default\"} are what is replaced)",
            "agent.yaml:9: toolset `mcp` from Docker's catalogue in agents.root.toolsets[0] (start the server with \
             `command`, as in `docker run -i --rm mcp/NAME`)",
            "agent.yaml:11: toolset `memory` in agents.root.toolsets[1] (let the agent keep notes in a file)",
            "agent.yaml:15: provider `google` in models.gemini (use another provider)",
            "agent.yaml:15: provider option `project` in models.gemini.provider_opts.project (leave it out)",
        ]
    );
    let error = agent(text, &Environment::default()).unwrap_err().to_string();
    assert!(
        error.starts_with("not supported yet:\n  agent.yaml:6: skills in agents.root.skills "),
        "{error}"
    );
    assert!(!error.contains("helper"), "{error}");
}

#[test]
fn only_what_the_chosen_agent_needs_is_refused() {
    let text = "\
agents:
  root: { model: google/x, toolsets: [{ type: mcp, ref: server }] }
  simple: { model: openai/gpt-4o }
  lead: { model: openai/gpt-4o, handoffs: [middle] }
  middle: { model: openai/gpt-4o, sub_agents: [lead, last] }
  last: { model: openai/gpt-4o, skills: true }
mcps:
  server: { remote: { url: 'https://h.example' } }
";
    let environment = variables(&[("OPENAI_API_KEY", "k")]);
    let config = read(text);
    let refused = |name: &str| match Agent::new(&config, &Choice::default().agent(name), &environment) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(refused("simple"), "");
    let root = refused("root");
    assert!(root.contains("google") && root.contains("in mcps.server") && !root.contains("skills"), "{root}");
    // Two agents away.
    let lead = refused("lead");
    assert!(lead.contains("skills in agents.last.skills") && !lead.contains("google"), "{lead}");
    assert_eq!(
        refused("last"),
        "not supported yet: agent.yaml:6: skills in agents.last.skills (put what the agent has to know into \
         `instruction`)"
    );
    assert_eq!(refused("simpel"), "no agent `simpel` in agent.yaml (did you mean `simple`?)");
}

#[test]
fn another_model_is_looked_at_instead() {
    let environment = variables(&[("OPENAI_API_KEY", "k")]);
    let config = read("agents: { root: { model: google/x } }");
    let with = |model: &str| {
        let choice = Choice::default().model(model);
        Agent::new(&config, &choice, &environment).map(|agent| agent.model()).map_err(|e| e.to_string())
    };
    assert_eq!(with("openai/gpt-4o"), Ok("openai/gpt-4o".to_owned()));
    assert_eq!(
        with("amazon-bedrock/x"),
        Err("not supported yet: agent.yaml: provider `amazon-bedrock` in the model that was asked for (use another \
             provider)"
            .to_owned())
    );
    assert_eq!(with("gpt"), Err("no model `gpt` in agent.yaml, and it is no provider/model".to_owned()));
}

#[test]
fn models_are_looked_at_wherever_they_are_named() {
    let text = "\
agents:
  root:
    model: mistral/x
    fallback: { models: [google/a, own/b] }
    toolsets: [{ type: think, model: google/c }, { type: model_picker, models: [google/d] }]
  idle: {}
providers: { own: { base_url: 'http://h/v1' } }
";
    let list = unsupported(text);
    for part in [
        "agent.yaml:4: provider `google` in agents.root.fallback.models",
        "agent.yaml:5: provider `google` in agents.root.toolsets[0].model",
        "agent.yaml:5: provider `google` in agents.root.toolsets[1].models",
    ] {
        assert!(list.iter().any(|line| line.starts_with(part)), "{part} in {list:?}");
    }
    assert_eq!(list.iter().filter(|line| line.contains("provider")).count(), 3, "{list:?}");
}

#[test]
fn what_says_nothing_uses_nothing() {
    let text = "\
agents:
  root:
    model: openai/gpt-4o
    hooks: {}
    rag: []
    skills: false
    code_mode_tools: false
    num_history_items: 0
    toolsets: [{ type: shell, defer: false, toon: '' }]
";
    assert_eq!(unsupported(text), [] as [String; 0]);
}

#[test]
fn a_toolset_that_runs_brings_its_tools() {
    let toolsets = [
        "{ type: filesystem }",
        "{ type: shell }",
        "{ type: shell, tools: [run_background_job] }",
        "{ type: script, shell: { ip: { cmd: x } } }",
        "{ type: think }",
        "{ type: todo }",
        "{ type: tasks }",
        "{ type: memory }",
        "{ type: fetch }",
        "{ type: api, api_config: { name: n, endpoint: 'https://h.example' } }",
        "{ type: user_prompt }",
        "{ type: model_picker, models: [ollama/x] }",
        "{ type: background_agents }",
    ];
    for toolset in toolsets {
        let text = format!("agents: {{ root: {{ model: ollama/x, toolsets: [{toolset}] }} }}");
        match agent(&text, &Environment::default()) {
            Ok(agent) => assert!(!agent.tools().is_empty(), "{toolset} is neither refused nor there"),
            Err(error) => assert!(error.to_string().starts_with("not supported yet: "), "{error}"),
        }
    }
}
