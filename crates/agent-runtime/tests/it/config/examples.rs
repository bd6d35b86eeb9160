//! The example agents: they read, they show every feature, and their list says which of them run.
//!
//! To write the list anew, run the test with `UPDATE_EXAMPLES=1`.

use std::fs;
use std::path::{Path, PathBuf};

use agent_runtime::config::{self, Config};
use agent_runtime::{Agent, Choice, Environment, Keys};

/// Folders below `examples` that hold something else.
const NO_AGENTS: [&str; 3] = ["acme", "notes", "recordings"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Every example by its path below `examples`, with its text.
fn all() -> Vec<(String, String)> {
    fn walk(folder: &Path, path: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if entry.path().is_dir() {
                if !NO_AGENTS.contains(&name.as_str()) {
                    walk(&entry.path(), &inner, found);
                }
            } else if name.ends_with(".yaml") {
                found.push((inner, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&folder(), "", &mut found);
    found.sort_by_key(|(path, _)| (path.matches('/').count(), path.clone()));
    found
}

pub fn texts() -> Vec<String> {
    all().into_iter().map(|(_, text)| text).collect()
}

fn read(path: &str, text: &str) -> Config {
    config::from_yaml(path, text).unwrap_or_else(|error| panic!("{error}"))
}

/// An example runs if every agent in it does.
fn runs(config: &Config) -> bool {
    config.agents.iter().all(|agent| {
        let choice = Choice::default().agent(&agent.name).keys(Keys::Unused);
        Agent::new(config, &choice, &Environment::default()).is_ok()
    })
}

#[test]
fn examples_read_and_say_what_they_show() {
    for (path, text) in all() {
        let config = read(&path, &text);
        assert!(!config.agents.is_empty());
        assert!(text.starts_with("# "), "{path} begins with a sentence about what it shows");
        assert_eq!(runs(&config), config.unsupported().is_empty(), "{path}");
    }
}

#[test]
fn examples_written_out_read_as_the_same() {
    for (path, text) in all() {
        let written = read(&path, &text).to_yaml().unwrap();
        assert_eq!(read(&path, &written).to_yaml().unwrap(), written, "{path}");
        assert!(!written.contains("***"), "{path} has what looks like a secret:\n{written}");
    }
}

/// Keys of the schema, one example at least for each.
const KEYS: &str = "
version agents models providers mcps rag metadata permissions author license description readme
model fallback welcome_message instruction toolsets sub_agents handoffs add_date add_environment_info
code_mode_tools add_description_parameter max_iterations num_history_items add_prompt_files commands
structured_output skills hooks retries cooldown schema strict
pre_tool_use post_tool_use session_start session_end on_user_input matcher command timeout
provider temperature max_tokens top_p frequency_penalty presence_penalty base_url parallel_tool_calls token_key
provider_opts track_usage thinking_budget routing examples api_type api_version
type tools toon defer name ignore_vcs post_edit path cmd env shell args required working_dir shared
api_config endpoint method headers output_schema url remote transport_type ref config file_types
allow ask deny
docs respect_vcs tool strategies database chunking size overlap results limit fusion strategy k weights reranking
top_k threshold criteria deduplicate include_score return_full_content
";

/// Values of the schema, one example at least for each.
const VALUES: &str = "
type: filesystem|type: shell|type: script|type: think|type: todo|type: tasks|type: memory|type: fetch|type: api
|type: openapi|type: mcp|type: a2a|type: lsp|type: user_prompt|type: model_picker|type: background_agents
|openai/|anthropic/|google/|amazon-bedrock|dmr/|ollama/|mistral/|xai/|nebius/|requesty/|minimax/|azure
|openai_responses|model: auto|thinking_budget: high|thinking_budget: none|thinking_budget: 8192
|openai_chatcompletions|anthropic_messages|thinking_budget: -1|interleaved_thinking: true|retries: -1
|model: openai/gpt-4o,anthropic/|transport_type: streamable|transport_type: sse|method: GET|method: POST
|sub_agents: [example/sql-expert:1, |/proofreader.yaml|skills: true
|ref: docker:|run_background_job|defer: true|defer: [|skills: [|${args[0]}|${args.join(|${env.USER || |type: bm25
";

#[test]
fn examples_show_the_whole_schema() {
    let texts = texts();
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    for key in KEYS.split_whitespace() {
        let named = |line: &str| {
            line.match_indices(&format!("{key}:")).any(|(at, _)| {
                !line.trim_start().starts_with('#')
                    && line[..at].chars().next_back().is_none_or(|c| matches!(c, ' ' | '{'))
            })
        };
        assert!(lines.iter().any(|line| named(line)), "no example shows the key `{key}`");
    }
    for value in VALUES.split('|').map(str::trim) {
        assert!(texts.iter().any(|text| text.contains(value)), "no example shows `{value}`");
    }
}

#[test]
fn the_list_of_examples_is_true() {
    const START: &str = "| agent | what it shows | runs today |\n|---|---|---|\n";
    let rows = all().into_iter().map(|(path, text)| {
        let shows = text.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
        let runs = if runs(&read(&path, &text)) { "yes" } else { "not yet" };
        format!("| [{path}]({path}) | {shows} | {runs} |\n")
    });
    let expected = format!("{START}{}", rows.collect::<String>());
    let file = folder().join("README.md");
    let mut page = fs::read_to_string(&file).unwrap();
    let start = page.find(START).unwrap_or(page.len());
    if std::env::var_os("UPDATE_EXAMPLES").is_some() && page[start..] != expected {
        page.truncate(start);
        page.push_str(&expected);
        fs::write(&file, &page).unwrap();
    }
    for (found, expected) in page[start..].lines().zip(expected.lines()) {
        assert_eq!(found, expected, "examples/README.md");
    }
    assert_eq!(page[start..].lines().count(), expected.lines().count(), "examples/README.md");
}
