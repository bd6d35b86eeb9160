//! A place for a model to think aloud. Nothing happens with the thought.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, BoxFuture, Context, Outcome, Tool, arguments};
use crate::provider::ToolDefinition;

pub(super) const NAME: &str = "think";

/// The `think` tool.
#[derive(Debug)]
pub(super) struct Think;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[expect(dead_code, reason = "a thought is checked to be a text and left alone")]
    thought: String,
}

impl Tool for Think {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: NAME.to_owned(),
            description:
                "Writes a thought down, to reason step by step before acting. Changes nothing, finds nothing \
                          out."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": { "thought": { "type": "string", "description": "The thought" } },
                "required": ["thought"],
                "additionalProperties": false,
            }),
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::NOTHING
    }

    fn is_parallel_safe(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, value: Value, _context: &'a Context) -> BoxFuture<'a, Outcome> {
        let checked = arguments::<Arguments>(NAME, value).map(|_| "noted".to_owned().into());
        Box::pin(std::future::ready(checked))
    }
}
