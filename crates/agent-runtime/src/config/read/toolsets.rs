//! Reads an agent's `toolsets`.

use serde_json::Value as Json;

use super::models::{models_of, single_model};
use super::{Surroundings, mcp};
use crate::config::error::nearest;
use crate::config::fields::Fields;
use crate::config::support::Feature;
use crate::config::toolset::{ApiTool, Defer, Method, PostEdit, ScriptTool, ToolsetConfig, ToolsetKind};
use crate::tools::{FILESYSTEM_TOOLS, SHELL_TOOLS};
use crate::yaml::Value;

/// Every `type`, with the feature that it is and the tools that it has, if the schema names them.
const TYPES: &[(&str, Option<Feature>, &[&str])] = &[
    ("filesystem", Some(Feature::FilesystemToolset), FILESYSTEM_TOOLS),
    ("shell", Some(Feature::ShellToolset), SHELL_TOOLS),
    ("script", Some(Feature::ScriptToolset), &[]),
    ("think", Some(Feature::ThinkToolset), &["think"]),
    ("todo", Some(Feature::TodoToolset), &["create_todo", "create_todos", "update_todos", "list_todos"]),
    (
        "tasks",
        Some(Feature::TasksToolset),
        &[
            "create_task",
            "get_task",
            "update_task",
            "delete_task",
            "list_tasks",
            "next_task",
            "add_dependency",
            "remove_dependency",
        ],
    ),
    (
        "memory",
        Some(Feature::MemoryToolset),
        &["add_memory", "get_memories", "delete_memory", "search_memories", "update_memory"],
    ),
    ("fetch", Some(Feature::FetchToolset), &["fetch"]),
    ("api", Some(Feature::ApiToolset), &[]),
    ("openapi", Some(Feature::OpenapiToolset), &[]),
    // Which feature it is depends on where the server comes from.
    ("mcp", None, &[]),
    ("a2a", Some(Feature::A2aToolset), &[]),
    (
        "lsp",
        Some(Feature::LspToolset),
        &[
            "lsp_workspace",
            "lsp_hover",
            "lsp_definition",
            "lsp_references",
            "lsp_document_symbols",
            "lsp_workspace_symbols",
            "lsp_diagnostics",
            "lsp_rename",
            "lsp_code_actions",
            "lsp_format",
            "lsp_call_hierarchy",
            "lsp_type_hierarchy",
            "lsp_implementations",
            "lsp_signature_help",
            "lsp_inlay_hints",
        ],
    ),
    ("user_prompt", Some(Feature::UserPrompt), &["user_prompt"]),
    ("model_picker", Some(Feature::ModelPicker), &["change_model", "revert_model"]),
    (
        "background_agents",
        Some(Feature::BackgroundAgents),
        &["run_background_agent", "list_background_agents", "view_background_agent", "stop_background_agent"],
    ),
];

/// Tools of a shell that a filter may name and that may not be there yet.
const BACKGROUND_JOBS: &[&str] =
    &["run_background_job", "list_background_jobs", "view_background_job", "stop_background_job"];

/// Reads the list of toolsets, and what the first version wrote in its place.
pub(super) fn toolsets(agent: &Fields<'_>, surroundings: &Surroundings) -> Vec<ToolsetConfig> {
    let mut toolsets = Vec::new();
    if surroundings.version.is_first() {
        toolsets.extend(of_the_first_version(agent));
    }
    let each = agent.items("toolsets", |fields| {
        if surroundings.version.is_before_2() {
            fields.gone("env_file", "give the file with --env-from-file");
        }
        toolset(fields, surroundings)
    });
    toolsets.extend(each.into_iter().flatten());
    toolsets
}

fn toolset(fields: &Fields<'_>, surroundings: &Surroundings) -> Option<ToolsetConfig> {
    let words: Vec<(&str, usize)> = TYPES.iter().enumerate().map(|(index, row)| (row.0, index)).collect();
    if fields.get("type").is_none() {
        fields.missing("`type`");
    }
    let Some((name, feature, tools)) = fields.word("type", &words).map(|index| TYPES[index]) else {
        // Which other keys are right depends on the type.
        let _ = fields.rest();
        return None;
    };
    if name == "mcp" {
        return Some(mcp::toolset(fields, &surroundings.servers));
    }
    if let Some(feature) = feature {
        fields.uses_at(feature, None, fields.path.clone(), fields.node);
    }
    let toolset = with_generic_keys(fields, |fields| kind(fields, name), name == "a2a");
    check_filter(fields, name, tools);
    Some(toolset)
}

/// Reads the keys that every toolset has, after those of its own.
pub(super) fn with_generic_keys(
    fields: &Fields<'_>,
    kind: impl FnOnce(&Fields<'_>) -> ToolsetKind,
    may_have_name: bool,
) -> ToolsetConfig {
    let kind = kind(fields);
    if !may_have_name {
        fields.uses(Feature::ToolsetName, "name");
    }
    fields.uses(Feature::ToolModel, "model");
    fields.uses(Feature::Toon, "toon");
    fields.uses(Feature::Defer, "defer");
    ToolsetConfig {
        kind,
        name: fields.text("name"),
        tools: fields.texts("tools").map(|_| fields.words("tools")),
        instruction: fields.text("instruction"),
        toon: fields.text("toon"),
        model: single_model(fields, "model"),
        defer: defer(fields),
        reference: None,
        position: fields.node.position,
    }
}

fn defer(fields: &Fields<'_>) -> Defer {
    match fields.get("defer").map(|node| &node.value) {
        None | Some(Value::Bool(false)) => Defer::No,
        Some(Value::Bool(true)) => Defer::All,
        Some(_) => match fields.words("defer") {
            names if names.is_empty() => Defer::No,
            names => Defer::Tools(names),
        },
    }
}

/// Checks the names of a `tools` filter against the tools that the toolset has.
fn check_filter(fields: &Fields<'_>, name: &str, tools: &[&str]) {
    let open = matches!(name, "script" | "api" | "openapi" | "a2a");
    for (tool, node) in fields.texts("tools").unwrap_or_default() {
        let later = if name == "shell" { BACKGROUND_JOBS } else { &[] };
        if open || tools.contains(&tool.as_str()) {
            continue;
        } else if later.contains(&tool.as_str()) {
            fields.uses_at(Feature::BackgroundJobs, Some(&tool), fields.path_of("tools"), node);
        } else {
            let hint = nearest(&tool, tools.iter().chain(later).copied());
            fields.problem(fields.about("tools", node, format_args!("no tool `{tool}`")).hint(hint));
        }
    }
}

fn kind(fields: &Fields<'_>, name: &str) -> ToolsetKind {
    match name {
        "filesystem" => {
            fields.uses(Feature::PostEdit, "post_edit");
            ToolsetKind::Filesystem {
                ignore_vcs: fields.boolean("ignore_vcs").unwrap_or(true),
                post_edit: fields.items("post_edit", |fields| PostEdit {
                    path: fields.required("path"),
                    cmd: fields.required("cmd"),
                }),
            }
        }
        "shell" => ToolsetKind::Shell { env: fields.variables("env") },
        "script" => script(fields),
        "think" => ToolsetKind::Think,
        "todo" => ToolsetKind::Todo { shared: fields.flag("shared") },
        "tasks" => ToolsetKind::Tasks { path: fields.text("path") },
        "memory" => ToolsetKind::Memory { path: fields.text("path") },
        "fetch" => ToolsetKind::Fetch { timeout: fields.count("timeout").filter(|seconds| *seconds > 0) },
        "api" => api(fields),
        "openapi" => {
            ToolsetKind::Openapi { url: required_url(fields), headers: fields.texts_by_name("headers") }
        }
        "a2a" => ToolsetKind::A2a { url: required_url(fields), headers: fields.texts_by_name("headers") },
        "lsp" => {
            if !matches!(fields.text("version").as_deref(), Some("false" | "off")) {
                fields.uses(Feature::AutoInstall, "version");
            }
            ToolsetKind::Lsp {
                command: fields.required("command"),
                args: fields.words("args"),
                env: fields.variables("env"),
                file_types: fields.words("file_types"),
                version: fields.text("version"),
            }
        }
        "model_picker" => ToolsetKind::ModelPicker { models: models_of(fields, "models") },
        "background_agents" => ToolsetKind::BackgroundAgents,
        _ => ToolsetKind::UserPrompt,
    }
}

fn required_url(fields: &Fields<'_>) -> String {
    if fields.get("url").is_none() {
        fields.missing("`url`");
    }
    fields.url("url", true).unwrap_or_default()
}

fn script(fields: &Fields<'_>) -> ToolsetKind {
    let scope = fields.scope();
    let shell = fields.entries("shell", |_| scope.clone(), script_tool);
    if fields.get("shell").is_none() {
        fields.missing("`shell`, with a command for each tool,");
    }
    ToolsetKind::Script { shell, env: fields.variables("env") }
}

fn script_tool(fields: &Fields<'_>, name: &str) -> ScriptTool {
    let args = fields.free_map("args");
    let required = match fields.texts("required") {
        None => args.keys().cloned().collect(),
        Some(required) => {
            for (name, node) in required.iter().filter(|(name, _)| !args.contains_key(name)) {
                let hint = nearest(name, args.keys().map(String::as_str));
                let problem = fields.about("required", node, format_args!("no argument `{name}`"));
                fields.problem(problem.hint(hint));
            }
            required.into_iter().map(|(name, _)| name).collect()
        }
    };
    ScriptTool {
        name: name.to_owned(),
        cmd: fields.required("cmd"),
        description: fields.text("description").unwrap_or_default(),
        args,
        required,
        env: fields.variables("env"),
        working_dir: fields.text("working_dir"),
    }
}

fn api(fields: &Fields<'_>) -> ToolsetKind {
    let tool = fields.inner("api_config", |fields| {
        if fields.get("endpoint").is_none() {
            fields.missing("`endpoint`");
        }
        ApiTool {
            name: fields.required("name"),
            instruction: fields.text("instruction").unwrap_or_default(),
            endpoint: endpoint(fields),
            method: fields
                .word("method", &[("GET", Method::Get), ("POST", Method::Post)])
                .unwrap_or_default(),
            headers: fields.texts_by_name("headers"),
            args: fields.free_map("args"),
            required: fields.words("required"),
            output_schema: fields.free("output_schema").filter(|schema| *schema != Json::Null),
        }
    });
    if tool.is_none() && fields.get("api_config").is_none() {
        fields.missing("`api_config`");
    }
    ToolsetKind::Api { api_config: tool.unwrap_or_default() }
}

/// The endpoint of an `api` tool, where places stand for arguments as well.
fn endpoint(fields: &Fields<'_>) -> String {
    let endpoint = fields.text("endpoint").unwrap_or_default();
    let is_url = ["http://", "https://", "${"].iter().any(|start| endpoint.starts_with(start));
    if let (false, false, Some(node)) = (endpoint.is_empty(), is_url, fields.get("endpoint")) {
        let text = "expected a URL that starts with http:// or https://";
        fields.problem(fields.about("endpoint", node, text));
    }
    endpoint
}

/// What the first version wrote as keys of an agent: `todo`, `think` and `memory`.
fn of_the_first_version(agent: &Fields<'_>) -> Vec<ToolsetConfig> {
    let mut toolsets = Vec::new();
    let mut add = |feature: Feature, key: &'static str, kind: ToolsetKind| {
        agent.uses(feature, key);
        toolsets.push(ToolsetConfig {
            kind,
            name: None,
            tools: None,
            instruction: None,
            toon: None,
            model: None,
            defer: Defer::No,
            reference: None,
            position: agent.get(key).unwrap_or(agent.node).position,
        });
    };
    let shared = match agent.get("todo").map(|node| &node.value) {
        Some(Value::Map(_)) => agent.inner("todo", |todo| todo.flag("shared")),
        Some(_) => agent.boolean("todo").filter(|wanted| *wanted).map(|_| false),
        None => None,
    };
    if let Some(shared) = shared {
        add(Feature::TodoToolset, "todo", ToolsetKind::Todo { shared });
    }
    if agent.flag("think") {
        add(Feature::ThinkToolset, "think", ToolsetKind::Think);
    }
    if let Some(path) = agent.inner("memory", |memory| memory.required("path")) {
        add(Feature::MemoryToolset, "memory", ToolsetKind::Memory { path: Some(path) });
    }
    toolsets
}
