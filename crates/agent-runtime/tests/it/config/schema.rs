//! Every part of the schema, as types.

use std::time::Duration;

use agent_runtime::config::{
    ApiType, Defer, Effort, McpSource, ModelRef, RemoteTransport, SkillSource, ThinkingBudget, ToolsetKind,
};
use serde_json::json;

use super::{agent, read, variables};

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
fn a_whole_file_that_runs() {
    let config = read(FULL);
    assert_eq!(config.version.as_deref(), Some("2"));
    assert_eq!(config.metadata.license.as_deref(), Some("MIT"));
    assert_eq!(config.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["helper", "root"]);
    let root = config.default_agent().unwrap();
    assert_eq!(root.name, "root");
    assert_eq!(root.model, ModelRef::Named("smart".to_owned()));
    assert_eq!(root.instruction, "Be brief.\n");
    assert_eq!(root.max_iterations, Some(7));
    assert!(root.add_date && root.add_environment_info);
    assert_eq!(root.toolsets.len(), 2);
    assert_eq!(root.toolsets[0].kind, ToolsetKind::Filesystem { ignore_vcs: true, post_edit: Vec::new() });
    assert_eq!(root.toolsets[0].tools.as_deref().unwrap(), ["read_file", "list_directory"]);
    assert_eq!(config.model("smart").unwrap().temperature, Some(0.2));
    assert_eq!(config.permissions.deny, ["shell:cmd=rm*"]);
    assert_eq!(config.unsupported(), []);
    let environment = variables(&[("OPENAI_API_KEY", "k"), ("USER_NAME", "Ada")]);
    let agent = agent(FULL, &environment).unwrap();
    assert_eq!(agent.welcome_message(), Some("Hello Ada!"));
    let of_the_shell =
        ["shell", "run_background_job", "list_background_jobs", "view_background_job", "stop_background_job"];
    assert_eq!(agent.tools(), [&["read_file", "list_directory"][..], &of_the_shell].concat());
    assert_eq!(agent.model(), "openai/gpt-4o");
    assert!(agent.is_priced());
}

#[test]
fn without_a_root_the_first_agent_is_the_default() {
    let config = read("agents: { b: { model: openai/x }, a: { model: openai/x } }");
    assert_eq!(config.default_agent().unwrap().name, "b");
}

#[test]
fn an_agents_keys() {
    let config = read(
        r#"
agents:
  root:
    model: openai/a, mistral/b
    fallback: { models: [openai/c, auto], retries: -1, cooldown: 1m30s }
    sub_agents: [other]
    handoffs: [other, "example/agent:1"]
    rag: [docs]
    add_prompt_files: [A.md]
    code_mode_tools: true
    add_description_parameter: true
    num_history_items: 3
    structured_output: { name: out, description: d, strict: true, schema: { type: object } }
    skills: [local, "https://s.example"]
    hooks:
      pre_tool_use: [{ matcher: shell, hooks: [{ type: command, command: a, timeout: 5 }] }]
      session_end: [{ type: command, command: b }]
  other: { skills: true, fallback: { models: [openai/c], cooldown: 10 } }
  plain: { skills: false, max_iterations: 0, num_history_items: 0 }
rag:
  docs: { strategies: [{ type: bm25, k1: 1.5 }], results: { fusion: { strategy: max } } }
"#,
    );
    let root = config.agent("root").unwrap();
    assert_eq!(root.model, ModelRef::Alloy(vec!["openai/a".to_owned(), "mistral/b".to_owned()]));
    let fallback = root.fallback.as_ref().unwrap();
    assert_eq!((fallback.retries, fallback.cooldown), (0, Duration::from_secs(90)));
    assert_eq!(fallback.models, [ModelRef::parse("openai/c"), ModelRef::Auto]);
    assert_eq!(
        (root.sub_agents.len(), root.handoffs.len(), root.rag.as_slice()),
        (1, 2, &["docs".to_owned()][..])
    );
    assert_eq!(root.add_prompt_files, ["A.md"]);
    assert!(root.code_mode_tools && root.add_description_parameter);
    assert_eq!(root.num_history_items, Some(3));
    let output = root.structured_output.as_ref().unwrap();
    assert_eq!((output.name.as_str(), output.strict), ("out", true));
    assert_eq!(output.schema, json!({"type": "object"}));
    assert_eq!(root.skills, [SkillSource::Local, SkillSource::Url("https://s.example".to_owned())]);
    assert_eq!(root.hooks.pre_tool_use[0].matcher, "shell");
    assert_eq!(root.hooks.pre_tool_use[0].hooks[0].timeout, 5);
    assert_eq!(root.hooks.session_end[0].timeout, 60);
    let other = config.agent("other").unwrap();
    assert_eq!((other.model.clone(), other.skills.as_slice()), (ModelRef::Auto, &[SkillSource::Local][..]));
    let fallback = other.fallback.as_ref().unwrap();
    assert_eq!((fallback.retries, fallback.cooldown), (2, Duration::from_secs(10)));
    let plain = config.agent("plain").unwrap();
    assert_eq!((plain.max_iterations, plain.num_history_items, plain.skills.len()), (None, None, 0));
    let docs = &config.rag[0];
    assert_eq!((docs.tool.name.as_str(), docs.respect_vcs, docs.results.limit), ("docs", true, 15));
    assert_eq!(docs.strategies[0].parameters["k1"], json!(1.5));
}

#[test]
fn commands_in_both_forms_are_said_by_name() {
    let forms = [
        "{ fix: 'Fix ${args[0]} for ${env.WHO}', all: { description: d, instruction: Do it } }",
        "[{ fix: 'Fix ${args[0]} for ${env.WHO}' }, { all: { description: d, instruction: Do it } }]",
    ];
    for form in forms {
        let text = format!("agents: {{ root: {{ model: ollama/x, commands: {form} }} }}");
        let commands = &read(&text).agents[0].commands;
        assert_eq!((commands[0].name.as_str(), commands[1].description.as_str()), ("fix", "d"));
        let agent = agent(&text, &variables(&[("WHO", "Ada")])).unwrap();
        assert_eq!(agent.message("/fix it now"), "Fix it for Ada");
        assert_eq!(agent.message("/all\nand more"), "Do it and more");
        for said in ["/fixed it", "/tmp/x", "fix it", "//fix", ""] {
            assert_eq!(agent.message(said), said);
        }
    }
}

#[test]
fn a_models_keys() {
    let config = read(
        "
agents: { root: { model: m } }
models:
  m:
    provider: azure
    model: gpt-4o
    base_url: https://h.example/v1
    token_key: K
    headers: { X: $Y }
    top_p: 1
    frequency_penalty: 0.5
    presence_penalty: -0.5
    track_usage: false
    provider_opts: { api_version: 2024-10-21, api_type: openai_responses, region: x }
    routing: [{ model: openai/x, examples: [a, b] }]
providers:
  mine: { api_type: openai_responses, base_url: 'http://h/v1', token_key: K2 }
",
    );
    let model = config.model("m").unwrap();
    assert_eq!(
        (model.top_p, model.presence_penalty, model.track_usage),
        (Some(1.0), Some(-0.5), Some(false))
    );
    assert_eq!(model.headers["X"], "$Y");
    let options = json!({"api_version": "2024-10-21", "api_type": "openai_responses", "region": "x"});
    assert_eq!(json!(model.provider_opts), options);
    assert_eq!(model.routing[0].examples, ["a", "b"]);
    assert_eq!(config.provider("mine").unwrap().api_type, ApiType::Responses);
    assert_eq!(config.key_variables().into_iter().collect::<Vec<_>>(), ["K", "K2"]);
}

#[test]
fn thinking_budgets_in_all_forms() {
    let budget = |written: &str| {
        let text = format!(
            "agents: {{ root: {{ model: m }} }}\nmodels: {{ m: {{ provider: openai, model: x, thinking_budget: {written} }} }}"
        );
        read(&text).models[0].thinking_budget
    };
    assert_eq!(budget("0"), Some(ThinkingBudget::Off));
    assert_eq!(budget("none"), Some(ThinkingBudget::Off));
    assert_eq!(budget("low"), Some(ThinkingBudget::Effort(Effort::Low)));
    assert_eq!(budget("xhigh"), Some(ThinkingBudget::Effort(Effort::ExtraHigh)));
    assert_eq!(budget("8192"), Some(ThinkingBudget::Tokens(8192)));
    assert_eq!(budget("-1"), Some(ThinkingBudget::Tokens(-1)));
    assert_eq!(budget(""), None);
}

#[test]
fn toolsets_of_every_type() {
    let config = read(
        r#"
agents:
  root:
    model: openai/x
    toolsets:
      - { type: filesystem, ignore_vcs: false, post_edit: [{ path: "*.rs", cmd: rustfmt }] }
      - { type: shell, env: { A: b, N: 1, E: } }
      - { type: script, shell: { ip: { cmd: "curl $host", args: { host: { type: string } } } }, env: { A: b } }
      - { type: think, name: n, toon: ".*", model: openai/y, defer: true }
      - { type: todo, shared: true, defer: [list_todos] }
      - { type: tasks, path: t.json }
      - { type: memory, path: m.db }
      - { type: fetch, timeout: 5 }
      - { type: api, api_config: { name: n, endpoint: "https://h/${q}", method: POST } }
      - { type: openapi, url: "https://h", headers: { A: b } }
      - { type: a2a, name: n, url: "${env.URL}/x" }
      - { type: lsp, command: gopls, file_types: [.go] }
      - { type: user_prompt }
      - { type: model_picker, models: [openai/x] }
      - { type: background_agents }
"#,
    );
    let toolsets = &config.agents[0].toolsets;
    assert_eq!(toolsets.len(), 15);
    let written = serde_json::to_value(toolsets).unwrap();
    let types: Vec<&str> = written.as_array().unwrap().iter().map(|t| t["type"].as_str().unwrap()).collect();
    let expected = "filesystem shell script think todo tasks memory fetch api openapi a2a lsp user_prompt \
                    model_picker background_agents";
    assert_eq!(types.join(" "), expected);
    let ToolsetKind::Script { shell, .. } = &toolsets[2].kind else { panic!("{:?}", toolsets[2]) };
    // Without `required`, every argument is.
    assert_eq!(shell[0].required, ["host"]);
    assert_eq!(written[1]["env"], json!({"A": "b", "E": "", "N": "1"}));
    assert_eq!((toolsets[3].toon.as_deref(), &toolsets[3].defer), (Some(".*"), &Defer::All));
    assert_eq!(toolsets[4].defer, Defer::Tools(vec!["list_todos".to_owned()]));
}

#[test]
fn mcp_servers_and_the_entries_they_refer_to() {
    let config = read(
        r#"
agents:
  root:
    model: openai/x
    toolsets:
      - { type: mcp, command: npx, args: [-y, x], env: { A: "1" }, name: n }
      - { type: mcp, remote: { url: "https://h/mcp", transport_type: sse } }
      - { type: mcp, ref: "docker:x", config: { a: 1 } }
      - { type: mcp, ref: shared, tools: [b], env: { B: own } }
mcps:
  shared:
    command: server
    env: { A: entry, B: entry }
    tools: [a]
    instruction: From the entry.
"#,
    );
    let servers: Vec<_> = config.agents[0]
        .toolsets
        .iter()
        .map(|toolset| match &toolset.kind {
            ToolsetKind::Mcp(server) => (toolset, server),
            other => panic!("{other:?}"),
        })
        .collect();
    let command = |command: &str, args: &[&str]| McpSource::Command {
        command: command.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
    };
    assert_eq!(servers[0].1.source, command("npx", &["-y", "x"]));
    assert_eq!(servers[0].0.name.as_deref(), Some("n"));
    let McpSource::Remote { remote } = &servers[1].1.source else { panic!("{:?}", servers[1]) };
    assert_eq!(remote.transport_type, Some(RemoteTransport::Sse));
    assert_eq!(servers[2].1.source, McpSource::Catalog { r#ref: "docker:x".to_owned() });
    assert_eq!(servers[2].1.config, Some(json!({"a": 1})));
    let (toolset, server) = servers[3];
    assert_eq!(server.source, command("server", &[]));
    assert_eq!(server.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["A=entry", "B=own"]);
    assert_eq!(toolset.tools.as_deref().unwrap(), ["b"]);
    assert_eq!(toolset.instruction.as_deref(), Some("From the entry."));
    assert_eq!(toolset.reference.as_deref(), Some("shared"));
}

#[test]
fn files_of_older_versions() {
    let first = read(
        "version: 0
agents: { root: { model: m, think: true, todo: true, memory: { path: m.db }, toolsets: [{ type: shell }] } }
models: { m: { type: openai, model: gpt-4o } }
",
    );
    assert_eq!(first.models[0].provider, "openai");
    let kinds: Vec<_> = first.agents[0].toolsets.iter().map(|toolset| toolset.kind.clone()).collect();
    assert_eq!(kinds[0], ToolsetKind::Todo { shared: false });
    assert_eq!(kinds[1], ToolsetKind::Think);
    assert_eq!(kinds[2], ToolsetKind::Memory { path: Some("m.db".to_owned()) });
    assert_eq!(kinds.len(), 4);
    for version in ["1", "\"2\"", "v1", "3", "4", "5", "6", "7"] {
        let text = format!("version: {version}\nagents: {{ root: {{ model: openai/x }} }}\n");
        assert_eq!(read(&text).agents.len(), 1, "{version}");
    }
}
