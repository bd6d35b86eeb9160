//! A server's tools as a model gets to see them: names that providers accept, texts of bearable length.

use std::sync::Arc;

use rmcp::model;
use serde_json::{Map, Value, json};

use super::{McpTool, Server};
use crate::provider::ToolDefinition;
use crate::tools::capped;
use crate::tools::toolbox::Offer;

const MAX_TOOLS: usize = 200;
/// What providers accept.
const MAX_NAME_BYTES: usize = 64;
const MAX_DESCRIPTION_BYTES: usize = 4_000;
const MAX_SCHEMA_BYTES: usize = 64_000;
const MAX_INSTRUCTIONS_BYTES: usize = 8_000;

/// Takes over what a server has, as far as it is wanted and fit.
pub(super) fn offer(server: &Server, tools: Vec<model::Tool>, instructions: Option<String>) -> Offer {
    let settings = &server.0.settings;
    let label = &settings.label;
    let mut offer = Offer::default();
    let mut unseen: Vec<&String> = server.0.only.iter().flatten().collect();
    for tool in tools {
        let remote = tool.name.into_owned();
        let name = fit(settings.prefix.as_deref(), &remote);
        if let Some(only) = &server.0.only {
            if !only.iter().any(|wanted| *wanted == name || *wanted == remote) {
                continue;
            }
            unseen.retain(|wanted| **wanted != name && **wanted != remote);
        }
        let mut warn = |why: &str| {
            offer.warnings.push(format!("MCP server `{label}`: tool `{remote:.64}` is left out: {why}"));
        };
        let parameters = object_schema(tool.input_schema.as_ref().clone());
        if offer.tools.len() == MAX_TOOLS {
            warn(&format!("it is one too many, {MAX_TOOLS} are taken"));
            break;
        }
        if name.is_empty() || offer.tools.iter().any(|known| known.name() == name) {
            warn("another one has the same name");
            continue;
        }
        if parameters.to_string().len() > MAX_SCHEMA_BYTES {
            warn(&format!("the schema of its arguments is longer than {MAX_SCHEMA_BYTES} bytes"));
            continue;
        }
        let description = capped(tool.description.unwrap_or_default().into_owned(), MAX_DESCRIPTION_BYTES);
        let definition = ToolDefinition { name, description, parameters };
        let says_it_reads = tool.annotations.and_then(|hints| hints.read_only_hint) == Some(true);
        offer.tools.push(Arc::new(McpTool { server: server.clone(), remote, definition, says_it_reads }));
    }
    for name in unseen {
        offer.warnings.push(format!("MCP server `{label}` has no tool `{name}`"));
    }
    offer.instructions = instructions.filter(|text| !text.trim().is_empty()).map(|text| {
        format!("The MCP server `{label}` says about its tools:\n{}", capped(text, MAX_INSTRUCTIONS_BYTES))
    });
    offer
}

/// The name that models call a tool by.
fn fit(prefix: Option<&str>, remote: &str) -> String {
    let whole = prefix.map_or_else(|| remote.to_owned(), |prefix| format!("{prefix}_{remote}"));
    let fitting = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    whole.chars().map(fitting).take(MAX_NAME_BYTES).collect()
}

/// Providers want the schema of an object, with properties.
fn object_schema(mut schema: Map<String, Value>) -> Value {
    schema.entry("type").or_insert_with(|| json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    Value::Object(schema)
}
