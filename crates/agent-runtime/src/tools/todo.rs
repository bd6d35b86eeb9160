//! A list of things to do, for a model to keep track of.
//!
//! It belongs to an agent, or to several that share it, and lives as long as they do.

use std::sync::{Arc, Mutex, PoisonError};

use agent_telemetry::ErrorClass;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Access, BoxFuture, Context, Failure, Outcome, Tool, Toolbox, arguments};
use crate::provider::ToolDefinition;

pub(super) const NAMES: &[&str] = &["create_todo", "create_todos", "update_todos", "list_todos"];

const MAX_TODOS: usize = 500;
const MAX_DESCRIPTION_BYTES: usize = 2_000;

/// A list; its clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct List(Arc<Mutex<Vec<Todo>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Todo {
    description: String,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Pending,
    InProgress,
    Completed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    descriptions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Updates {
    updates: Vec<Update>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    id: String,
    status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl List {
    /// Makes an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at or changes the list as a whole; what fails has changed nothing.
    fn with<T>(&self, look: impl FnOnce(&mut Vec<Todo>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn create(&self, descriptions: Vec<String>) -> Result<String, Failure> {
        let wrong = |text: String| Err(Failure::model(ErrorClass::InvalidArguments, text));
        if descriptions.is_empty() {
            return wrong("descriptions: expected at least one".to_owned());
        }
        for text in &descriptions {
            if text.trim().is_empty() || text.len() > MAX_DESCRIPTION_BYTES {
                return wrong(format!(
                    "description: expected 1 to {MAX_DESCRIPTION_BYTES} bytes, found {}",
                    text.len()
                ));
            }
        }
        self.with(|todos| {
            if todos.len() + descriptions.len() > MAX_TODOS {
                let text = format!("the list holds {MAX_TODOS} todos at most, there are {}", todos.len());
                return Err(Failure::model(ErrorClass::Limit, text));
            }
            let first = todos.len();
            todos.extend(
                descriptions.into_iter().map(|description| Todo { description, status: Status::Pending }),
            );
            Ok(lines(todos, first))
        })
    }

    fn update(&self, updates: &[Update]) -> Result<String, Failure> {
        if updates.is_empty() {
            return Err(Failure::model(ErrorClass::InvalidArguments, "updates: expected at least one"));
        }
        self.with(|todos| {
            let mut places = Vec::new();
            for update in updates {
                let number = update.id.strip_prefix("todo_").and_then(|id| id.parse::<usize>().ok());
                match number.and_then(|number| number.checked_sub(1)).filter(|place| *place < todos.len()) {
                    Some(place) => places.push((place, update.status)),
                    None => {
                        let shown: String = update.id.chars().take(64).collect();
                        let text = format!("id: there is no todo `{shown}`; nothing was changed");
                        return Err(Failure::model(ErrorClass::NotFound, text));
                    }
                }
            }
            for (place, status) in places {
                todos[place].status = status;
            }
            Ok(lines(todos, 0))
        })
    }

    fn show(&self) -> String {
        self.with(|todos| if todos.is_empty() { "the list is empty\n".to_owned() } else { lines(todos, 0) })
    }
}

fn lines(todos: &[Todo], from: usize) -> String {
    let line = |(place, todo): (usize, &Todo)| {
        let word = match todo.status {
            Status::Pending => "pending",
            Status::InProgress => "in-progress",
            Status::Completed => "completed",
        };
        format!("todo_{} [{word}] {}\n", place + 1, todo.description)
    };
    todos.iter().enumerate().skip(from).map(line).collect()
}

/// Adds the tools that `wanted` names.
pub(super) fn add_to(toolbox: &mut Toolbox, wanted: impl Fn(&str) -> bool, list: &List) {
    for name in NAMES.iter().copied().filter(|name| wanted(name)) {
        toolbox.add(Arc::new(TodoTool { name, list: list.clone() }));
    }
}

/// One of the tools for the list.
#[derive(Debug)]
struct TodoTool {
    name: &'static str,
    list: List,
}

impl Tool for TodoTool {
    fn name(&self) -> &str {
        self.name
    }

    fn definition(&self) -> ToolDefinition {
        let text = json!({ "type": "string", "description": "What is to be done" });
        let (description, required, properties) = match self.name {
            "create_todo" => ("Adds a todo.", Some("description"), json!({ "description": text })),
            "create_todos" => (
                "Adds several todos.",
                Some("descriptions"),
                json!({ "descriptions": { "type": "array", "items": text } }),
            ),
            "update_todos" => {
                let update = json!({
                    "type": "object",
                    "properties": {
                        "id": { "type": "string", "description": "The todo, as the list names it" },
                        "status": { "type": "string", "enum": ["pending", "in-progress", "completed"] },
                    },
                    "required": ["id", "status"],
                    "additionalProperties": false,
                });
                (
                    "Changes the status of todos.",
                    Some("updates"),
                    json!({ "updates": { "type": "array", "items": update } }),
                )
            }
            _ => ("Lists the todos.", None, json!({})),
        };
        ToolDefinition {
            name: self.name.to_owned(),
            description: description.to_owned(),
            parameters: json!({
                "type": "object",
                "properties": properties,
                "required": required.into_iter().collect::<Vec<_>>(),
                "additionalProperties": false,
            }),
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::NOTHING
    }

    fn run<'a>(&'a self, value: Value, _context: &'a Context) -> BoxFuture<'a, Outcome> {
        let work = || match self.name {
            "create_todo" => {
                let One { description } = arguments(self.name, value)?;
                self.list.create(vec![description])
            }
            "create_todos" => {
                let Several { descriptions } = arguments(self.name, value)?;
                self.list.create(descriptions)
            }
            "update_todos" => {
                let Updates { updates } = arguments(self.name, value)?;
                self.list.update(&updates)
            }
            _ => {
                let Nothing {} = arguments(self.name, value)?;
                Ok(self.list.show())
            }
        };
        Box::pin(std::future::ready(work().map(Into::into)))
    }
}
