//! What a call changes in a file, line by line: before it runs by what it asks for, afterwards by what it did.

use std::fmt::Write as _;

use agent_runtime::Diff;
use clap::builder::styling::{AnsiColor, Style};
use serde_json::Value;

use crate::output;

/// The most lines of a change that are shown after it was made; what somebody is asked to approve is never cut.
const SHOWN_LINES: usize = 60;

/// A line of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    Kept(String),
    Removed(String),
    Added(String),
    /// Lines that stay and are left out.
    Gap,
}

/// How many lines came and how many went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    added: usize,
    removed: usize,
}

impl Extent {
    pub(super) fn proposed(lines: &[Changed]) -> Self {
        let count = |which: fn(&Changed) -> bool| lines.iter().filter(|line| which(line)).count();
        Self {
            added: count(|line| matches!(line, Changed::Added(_))),
            removed: count(|line| matches!(line, Changed::Removed(_))),
        }
    }

    pub(super) fn made(diff: &Diff) -> Self {
        Self { added: diff.added, removed: diff.removed }
    }
}

impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{} -{}", self.added, self.removed)
    }
}

/// What a call would change, from its arguments: nothing for other calls, or arguments of another form.
pub(super) fn proposed(name: &str, arguments: &Value) -> Option<Vec<Changed>> {
    match name {
        "write_file" => {
            let content = arguments.get("content")?.as_str()?;
            Some(content.lines().map(|line| Changed::Added(output::harmless(line))).collect())
        }
        "edit_file" => {
            let mut lines = Vec::new();
            for edit in arguments.get("edits")?.as_array()? {
                let (old, new) = (edit.get("oldText")?.as_str()?, edit.get("newText")?.as_str()?);
                lines.extend(change(old, new));
            }
            Some(lines)
        }
        _ => None,
    }
}

/// What a call did.
pub(super) fn made(diff: &Diff) -> Vec<Changed> {
    let mut lines = Vec::new();
    for line in diff.text.lines().skip_while(|line| !line.starts_with("@@")) {
        let text = || output::harmless(&line[1..]);
        lines.push(match line.bytes().next() {
            Some(b'@') if lines.is_empty() => continue,
            Some(b'@') => Changed::Gap,
            Some(b'+') => Changed::Added(text()),
            Some(b'-') => Changed::Removed(text()),
            Some(b' ') => Changed::Kept(text()),
            // A remark of the format, or the end of what was cut.
            _ => continue,
        });
    }
    lines
}

/// Lines for a terminal that shows styles, each with its end.
pub(super) fn styled(lines: &[Changed]) -> String {
    let mut out = String::new();
    for line in lines {
        let quiet = Style::new().dimmed();
        let (mark, text, style) = match line {
            Changed::Kept(text) => (' ', text.as_str(), quiet),
            Changed::Removed(text) => ('-', text.as_str(), AnsiColor::Red.on_default()),
            Changed::Added(text) => ('+', text.as_str(), AnsiColor::Green.on_default()),
            Changed::Gap => (' ', "…", quiet),
        };
        let gap = if text.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{style}{mark}{gap}{text}{style:#}");
    }
    out
}

/// As many lines as somebody who only watches wants to see.
pub(super) fn styled_in_short(lines: &[Changed]) -> String {
    match lines.len().checked_sub(SHOWN_LINES) {
        None | Some(0) => styled(lines),
        Some(more) => {
            let quiet = Style::new().dimmed();
            styled(&lines[..SHOWN_LINES]) + &format!("{quiet}  … {more} more lines{quiet:#}\n")
        }
    }
}

/// The lines that differ, between those that are the same at both ends.
fn change(old: &str, new: &str) -> Vec<Changed> {
    let lines = |text: &str| text.lines().map(output::harmless).collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    let same =
        |pairs: &mut dyn Iterator<Item = (&String, &String)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let kept = |lines: &[String]| lines.iter().cloned().map(Changed::Kept).collect::<Vec<_>>();
    let mut out = kept(&old[..head]);
    out.extend(old[head..old.len() - tail].iter().cloned().map(Changed::Removed));
    out.extend(new[head..new.len() - tail].iter().cloned().map(Changed::Added));
    out.extend(kept(&old[old.len() - tail..]));
    out
}

#[cfg(test)]
mod tests {
    use super::Changed::{Added, Gap, Kept, Removed};
    use super::*;
    use serde_json::json;

    #[test]
    fn an_edit_is_shown_as_what_it_changes() {
        let edits = json!({"path": "a", "edits": [{"oldText": "a\nb\nc", "newText": "a\nB\nB2\nc"}]});
        let expected = [
            Kept("a".to_owned()),
            Removed("b".to_owned()),
            Added("B".to_owned()),
            Added("B2".to_owned()),
            Kept("c".to_owned()),
        ];
        assert_eq!(proposed("edit_file", &edits).as_deref(), Some(&expected as &[Changed]));
        assert_eq!(Extent::proposed(&expected).to_string(), "+2 -1");
        assert_eq!(proposed("edit_file", &json!({"edits": "x"})), None);
        assert_eq!(proposed("write_file", &edits), None);
        // What overlaps itself is not counted twice.
        assert_eq!(change("x\nx", "x"), [Kept("x".to_owned()), Removed("x".to_owned())]);
    }

    #[test]
    fn a_new_file_is_shown_as_its_lines() {
        let arguments = json!({"path": "a", "content": "one\n\u{1b}[2Jtwo\n"});
        let expected = [Added("one".to_owned()), Added("\u{fffd}[2Jtwo".to_owned())];
        assert_eq!(proposed("write_file", &arguments).as_deref(), Some(&expected as &[Changed]));
    }

    #[test]
    fn what_was_cut_off_is_counted() {
        let many = vec![Gap; SHOWN_LINES + 2];
        let shown = anstream::adapter::strip_str(&styled_in_short(&many)).to_string();
        assert_eq!(shown.lines().last(), Some("  … 2 more lines"));
        assert_eq!(shown.lines().count(), SHOWN_LINES + 1);
    }
}
