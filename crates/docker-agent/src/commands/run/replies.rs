//! What somebody at a terminal answers to the question of a tool: a line, or a line for each member of an object.
//!
//! An empty line where something is wanted declines; nothing that was typed before the question answers it.

use agent_runtime::{Question, Reply};
use serde_json::{Map, Value};

use super::keys;
use crate::output;

/// A member of the object that is wanted.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    kind: Kind,
    /// What it is for.
    about: String,
    choices: Vec<String>,
    is_required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    YesOrNo,
}

/// Asks, and waits for the whole answer.
pub(super) async fn ask(question: &Question) -> Reply {
    output::ask(heading(question));
    keys::forget_typed_ahead();
    let Some(schema) = &question.schema else {
        return match line("answer, or nothing to decline: ").await {
            Some(text) if !text.is_empty() => Reply::Accept(Value::String(text)),
            Some(_) => Reply::Decline,
            None => Reply::Cancel,
        };
    };
    let mut object = Map::new();
    for member in members(schema) {
        loop {
            let Some(text) = line(&member.prompt()).await else { return Reply::Cancel };
            match (text.is_empty(), member.value(&text)) {
                (true, _) if member.is_required => return Reply::Decline,
                (true, _) => break,
                (false, Some(value)) => {
                    object.insert(member.name, value);
                    break;
                }
                (false, None) => output::ask(format_args!("not {}\n", member.wanted())),
            }
        }
    }
    Reply::Accept(Value::Object(object))
}

async fn line(prompt: &str) -> Option<String> {
    output::ask(prompt);
    keys::line().await.ok().flatten().map(|line| line.trim().to_owned())
}

/// Who asks what.
fn heading(question: &Question) -> String {
    let who =
        question.server.as_ref().map_or_else(|| "the agent".to_owned(), |server| format!("server {server}"));
    let title = question.title.as_ref().map(|title| format!("{title}\n")).unwrap_or_default();
    output::harmless(&format!("{title}{who} asks: {}\n", question.message.trim()))
}

/// The members of an object's schema; those that are no plain values are asked for as text.
fn members(schema: &Value) -> Vec<Member> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let required =
        |name: &String| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let member = |(name, schema): (&String, &Value)| Member {
        name: name.clone(),
        kind: match schema["type"].as_str() {
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::YesOrNo,
            _ => Kind::Text,
        },
        about: text(&schema["description"]),
        choices: schema["enum"].as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default(),
        is_required: required(name),
    };
    properties.iter().map(member).collect()
}

impl Member {
    /// `name (a number; what it is for), or nothing: `.
    fn prompt(&self) -> String {
        let about = if self.about.is_empty() { String::new() } else { format!("; {}", self.about) };
        let without = if self.is_required { "to decline" } else { "to leave it out" };
        let prompt = format!("{} ({}{about}), or nothing {without}: ", self.name, self.wanted());
        output::harmless(&prompt).replace('\n', " ")
    }

    fn wanted(&self) -> String {
        match self.kind {
            _ if !self.choices.is_empty() => format!("one of {}", self.choices.join(", ")),
            Kind::Text => "a text".to_owned(),
            Kind::Integer => "a whole number".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::YesOrNo => "yes or no".to_owned(),
        }
    }

    /// What a text means; nothing if it is not what is wanted.
    fn value(&self, text: &str) -> Option<Value> {
        if !self.choices.is_empty() {
            return self.choices.iter().find(|choice| *choice == text).map(|choice| choice.as_str().into());
        }
        match self.kind {
            Kind::Text => Some(text.into()),
            Kind::Integer => text.parse::<i64>().ok().map(Value::from),
            Kind::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
            Kind::YesOrNo => match text.to_ascii_lowercase().as_str() {
                "y" | "yes" | "true" => Some(true.into()),
                "n" | "no" | "false" => Some(false.into()),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": "in years"},
                "colour": {"type": "string", "enum": ["red", "blue"]},
                "sure": {"type": "boolean"},
            },
            "required": ["age"],
        })
    }

    #[test]
    fn each_member_says_what_it_wants() {
        let prompts: Vec<String> = members(&schema()).iter().map(Member::prompt).collect();
        assert_eq!(
            prompts,
            [
                "age (a whole number; in years), or nothing to decline: ",
                "colour (one of red, blue), or nothing to leave it out: ",
                "sure (yes or no), or nothing to leave it out: ",
            ]
        );
        assert_eq!(members(&json!({"type": "object"})), []);
    }

    #[test]
    fn a_text_becomes_what_is_wanted_or_nothing() {
        let members = members(&schema());
        let table = [
            (0, "42", Some(json!(42))),
            (0, "4.2", None),
            (1, "blue", Some(json!("blue"))),
            (1, "green", None),
            (2, "Y", Some(json!(true))),
            (2, "no", Some(json!(false))),
            (2, "perhaps", None),
        ];
        for (at, text, expected) in table {
            assert_eq!(members[at].value(text), expected, "{text}");
        }
    }
}
