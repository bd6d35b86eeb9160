//! Records of the Go program (`source: cagent`), which were not made from our definitions.
//!
//! They have no id, and beside numbers and names they carry free text: arguments, error texts, and tags, which may
//! even stand where a number belongs. What is not in [`PROPERTIES`] is dropped unseen, its name too, for a tag's name
//! is text as well; what is there but is no value of its kind becomes absent. Both are counted, and the record stays.
//!
//! Every such record becomes an event with a new id. A resend is therefore stored again; the program never resends,
//! while two of its records may well be equal to the byte (its tool calls all took 0 ms), so equal is not the same.

use serde_json::{Map, Value};

use crate::catalogue::{
    CUSTOM, CatalogueDoc, Checked, KindDoc, LanguageTag, RejectCode, Rejection, UNKNOWN, Version,
    unknown_properties,
};

/// What the program calls itself.
pub(crate) const SOURCE: &str = "cagent";

/// The properties that it sends and that have a place in our definitions.
const PROPERTIES: [&str; 18] = [
    "action",
    "agent_name",
    "cost",
    "duration_ms",
    "error_count",
    "input_tokens",
    "is_success",
    "model_name",
    "os",
    "os_language",
    "output_tokens",
    "session_id",
    "tool_calls",
    "tool_name",
    "total_tokens",
    "turns",
    "user_uuid",
    "version",
];
/// Those that it is known to send beside them; any other name is somebody's tag.
const DROPPED: [&str; 3] = ["args", "desktop_uuid", "error"];
/// Commands of the program that ours does not have.
const COMMANDS: [&str; 11] =
    ["alias", "api", "catalog", "debug", "eval", "exec", "new", "pull", "push", "serve", "share"];

/// What became of a record.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) checked: Checked,
    /// The names of dropped properties, tags as `unknown`.
    pub(crate) unknown: Vec<String>,
}

/// Our definitions as far as the program's records can meet them: nothing is required.
pub(crate) fn definitions(ours: &CatalogueDoc) -> CatalogueDoc {
    let mut theirs = ours.clone();
    SOURCE.clone_into(&mut theirs.source);
    let own = theirs.events.iter_mut().map(|event| (event.event == "command", &mut event.fields));
    for (is_command, fields) in own.chain([(false, &mut theirs.common)]) {
        fields.retain(|field| PROPERTIES.contains(&field.name.as_str()));
        for field in fields {
            field.required = false;
            if let (true, "action", KindDoc::Closed { values }) =
                (is_command, field.name.as_str(), &mut field.kind)
            {
                for command in COMMANDS.into_iter().chain([UNKNOWN]) {
                    if !values.iter().any(|known| known == command) {
                        values.push(command.to_owned());
                    }
                }
            }
        }
    }
    theirs
}

/// Whether a record says that it is the program's.
pub(crate) fn is_theirs(record: &Value) -> bool {
    record.get("source").and_then(Value::as_str) == Some(SOURCE)
}

/// The name of a property as it may be counted.
pub(crate) fn countable(property: &str) -> &str {
    let known = PROPERTIES.contains(&property) || DROPPED.contains(&property);
    if known { property } else { UNKNOWN }
}

/// Checks a record against `definitions`, and drops what does not meet them.
pub(crate) fn settle(record: &Value, definitions: &CatalogueDoc) -> Result<Settled, Rejection> {
    let mut record = record.clone();
    // Not theirs to choose: the program sends none.
    record.as_object_mut().map(|record| record.remove("event_id"));
    let mut dropped = 0;
    let mut unknown = Vec::new();
    if let Some(given) = record.get_mut("properties").and_then(Value::as_object_mut) {
        given.retain(|name, _| {
            let kept = PROPERTIES.contains(&name.as_str());
            if !kept {
                dropped += 1;
                unknown.push(countable(name).to_owned());
            }
            kept
        });
        rewrite(given, "os_language", |text| LanguageTag::from_locale(text).to_string());
        rewrite(given, "version", version);
    }
    // Each round takes at least one property away or makes it valid, so this ends.
    loop {
        match definitions.check(&record) {
            Ok(mut checked) => {
                // Some belong to another event only.
                unknown.extend(unknown_properties(&record, &checked));
                checked.dropped += dropped;
                return Ok(Settled { checked, unknown });
            }
            Err(rejection) => {
                let given = record.get_mut("properties").and_then(Value::as_object_mut);
                let Some(given) = given.filter(|_| is_about_a_value(&rejection)) else {
                    return Err(rejection);
                };
                let name = rejection.detail.as_str();
                let Some(refused) = given.remove(name) else { return Err(rejection) };
                dropped += 1;
                let stand_in = match (rejection.code, name) {
                    (RejectCode::BadName, _) => CUSTOM,
                    (_, "action") => UNKNOWN,
                    _ => continue,
                };
                if refused != stand_in {
                    given.insert(name.to_owned(), stand_in.into());
                }
            }
        }
    }
}

fn is_about_a_value(rejection: &Rejection) -> bool {
    matches!(rejection.code, RejectCode::BadType | RejectCode::BadName)
}

fn rewrite(properties: &mut Map<String, Value>, name: &str, rewritten: impl FnOnce(&str) -> String) {
    if let Some(value) = properties.get_mut(name)
        && let Some(text) = value.as_str()
    {
        *value = rewritten(text).into();
    }
}

/// `v1.2.3` and what `git describe` makes of it, in our form; other texts as they are.
fn version(text: &str) -> String {
    let number = text.strip_prefix('v').unwrap_or(text);
    match number.starts_with(|first: char| first.is_ascii_digit()) {
        true => Version::parse(number).to_string(),
        false => text.to_owned(),
    }
}
