//! A configuration that is written out reads back as the same, and has no secrets in it.

use serde_json::json;

use super::read;

#[test]
fn defaults_are_filled_in() {
    let text = "agents: { root: { model: openai/x, toolsets: [{ type: filesystem }] } }";
    insta::assert_snapshot!(read(text).to_yaml().unwrap(), @r#"
    version: "7"
    agents:
      root:
        model: openai/x
        toolsets:
        - type: filesystem
          ignore_vcs: true
        add_date: false
        add_environment_info: false
        code_mode_tools: false
        add_description_parameter: false
    permissions:
      allow: []
      ask: []
      deny: []
    "#);
}

#[test]
fn as_json_the_file_keeps_its_shape() {
    let text =
        "agents: { root: { model: openai/x, toolsets: [{ type: mcp, ref: 'docker:x' }, { type: shell }] } }";
    assert_eq!(
        serde_json::to_value(read(text)).unwrap(),
        json!({
            "version": "7",
            "agents": {
                "root": {
                    "model": "openai/x",
                    "add_date": false,
                    "add_environment_info": false,
                    "code_mode_tools": false,
                    "add_description_parameter": false,
                    "toolsets": [{ "type": "mcp", "ref": "docker:x" }, { "type": "shell", "env": {} }],
                },
            },
            "permissions": { "allow": [], "ask": [], "deny": [] },
        })
    );
}

#[test]
fn no_secret_is_written() {
    let text = r#"
agents:
  root:
    model: m
    toolsets:
      - { type: shell, env: { API_KEY: sk-canary, PATH: /bin, DB_PASSWORD: "${env.DB}" } }
      - { type: mcp, command: x, args: [--token, canary, --api-key=canary, --mode, fast], env: { GITHUB_PAT: canary } }
      - { type: mcp, remote: { url: "https://u:canary@h.example/?token=canary", headers: { X: canary } } }
      - { type: mcp, ref: shared }
      - { type: mcp, ref: "docker:x", config: { a: { api_key: canary, path: /srv } } }
      - { type: openapi, url: "https://h.example", headers: { Authorization: Bearer canary } }
      - { type: api, api_config: { name: n, endpoint: "https://h.example/?key=canary", headers: { A: canary } } }
      - { type: lsp, command: x, env: { TOKEN: canary } }
      - { type: script, env: { SECRET: canary }, shell: { t: { cmd: x, env: { MY_KEY: canary } } } }
mcps:
  shared: { command: x, env: { TOKEN: canary } }
models:
  m: { provider: openai, model: x, base_url: "https://u:canary@h.example", provider_opts: { session_token: canary } }
providers:
  p: { base_url: "https://u:canary@h.example" }
"#;
    let written = read(text).to_yaml().unwrap();
    assert!(!written.contains("canary"), "{written}");
    for kept in ["PATH: /bin", "DB_PASSWORD: ${env.DB}", "- fast", "path: /srv", "https://***@h.example"] {
        assert!(written.contains(kept), "{kept} in {written}");
    }
}

#[test]
fn difficult_texts_read_back() {
    for difficult in [
        "yes",
        "null",
        "~",
        "1",
        "1e3",
        "0x10",
        "a: b",
        "# no comment",
        "- x",
        "* y",
        "a\n  b\n",
        "\n\n a",
        "tab\there",
        "trailing ",
        "'",
        "\"",
        "é 𝄞",
        "---",
        "...",
        "%",
        "@",
        "`",
        "!x",
        "&a",
        "a\u{85}b",
        "x\r\ny",
        "{",
        "[",
        "?",
        "|",
        ">",
    ] {
        let source = serde_json::to_string(&json!({
            "agents": { "root": { "model": "openai/x", "instruction": difficult, "commands": { "c": difficult } } }
        }))
        .unwrap();
        let config = read(&source);
        let written = config.to_yaml().unwrap();
        let again = read(&written);
        assert_eq!(again.agents[0].instruction, difficult, "{written}");
        assert_eq!(again.agents[0].commands, config.agents[0].commands, "{written}");
    }
}
