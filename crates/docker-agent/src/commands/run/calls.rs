//! Tool calls in words: a label in a line, a question that leaves nothing out.

use serde_json::Value;

use crate::output;

/// Longest text of others that is shown in passing, in characters.
const SHOWN_CHARS: usize = 120;

/// A call in a line, for somebody who watches: `read_file a.txt`.
pub(super) fn label(name: &str, arguments: &Value) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // What a call is about; the rest is how.
    let about = ["path", "cmd", "message"].iter().find_map(|name| arguments.get(name));
    let texts: Vec<String> = match (about, arguments) {
        (Some(about), _) => vec![word(about)],
        (None, Value::Object(members)) => members.values().map(word).collect(),
        (None, other) => vec![word(other)],
    };
    shortened(&format!("{name} {}", texts.join(" "))).trim_end().to_owned()
}

/// A call as it was made: `read_file {"path":"a.txt"}`. What somebody is asked to approve is never cut.
pub(super) fn call(name: &str, arguments: &Value) -> String {
    format!("{} {}", shortened(name), one_line(&arguments.to_string()))
}

/// A line that can be shown on a terminal, cut to a length.
pub(super) fn shortened(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn one_line(text: &str) -> String {
    output::harmless(text).replace(['\n', '\t'], " ")
}

/// `12 ms`, `3.4 s`, `2 min 5 s`.
pub(super) fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_label_is_one_harmless_line() {
        let call = label("shell", &json!({"cmd": "ls\n-l\u{1b}[2J", "timeout": 3}));
        assert_eq!(call, "shell ls -l\u{fffd}[2J");
        assert_eq!(
            label("fetch", &json!({"urls": ["http://x"], "format": "text"})),
            "fetch text [\"http://x\"]"
        );
        assert_eq!(label("list", &json!({})), "list");
        assert!(label("write_file", &json!({"content": "x".repeat(500)})).chars().count() <= 121);
    }

    #[test]
    fn what_is_approved_is_never_cut() {
        let long = "x".repeat(500);
        assert!(call("shell", &json!({"cmd": long})).contains(&long));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([7, 1234, 1234567].map(thousands), ["7", "1,234", "1,234,567"]);
        assert_eq!([7, 3450, 125_000].map(elapsed), ["7 ms", "3.4 s", "2 min 5 s"]);
    }
}
