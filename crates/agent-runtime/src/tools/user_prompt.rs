//! A question to the user in the middle of the work.

use serde::Deserialize;
use serde_json::{Value, json};

use agent_telemetry::ErrorClass;

use super::asking::{Question, Reply};
use super::{Access, BoxFuture, Context, Failure, MAX_RESULT_BYTES, Outcome, Tool, arguments, capped};
use crate::provider::ToolDefinition;

pub(super) const NAME: &str = "user_prompt";

/// The `user_prompt` tool.
#[derive(Debug)]
pub(super) struct UserPrompt;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    message: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    schema: Option<Value>,
}

impl Tool for UserPrompt {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: NAME.to_owned(),
            description:
                "Asks the user and waits for the answer: {\"action\": \"accept\", \"content\": …}, or an \
                          action of decline or cancel without content."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "message": { "type": "string", "description": "The question" },
                    "title": { "type": "string", "description": "A heading" },
                    "schema": { "type": "object", "description": "The JSON schema of an object to answer with" },
                },
                "required": ["message"],
                "additionalProperties": false,
            }),
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::NOTHING
    }

    fn run<'a>(&'a self, value: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Arguments { message, title, schema } = arguments(NAME, value)?;
            let wrong = |text: &str| Err(Failure::model(ErrorClass::InvalidArguments, text));
            if message.trim().is_empty() {
                return wrong("message: expected a question");
            }
            if schema.as_ref().is_some_and(|schema| !schema.is_object()) {
                return wrong("schema: expected a JSON schema, an object");
            }
            let question = Question { server: None, title, message, schema };
            let reply = tokio::select! {
                biased;
                () = context.cancel.cancelled() => return Err(Failure::Cancelled { text: String::new() }),
                reply = context.asker.ask(question) => reply,
            };
            let answer = match reply {
                Reply::Accept(content) => json!({ "action": "accept", "content": content }),
                Reply::Decline => json!({ "action": "decline" }),
                Reply::Cancel => json!({ "action": "cancel" }),
            };
            Ok(capped(answer.to_string(), MAX_RESULT_BYTES).into())
        })
    }
}
