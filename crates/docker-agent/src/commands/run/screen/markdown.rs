//! Markdown on a terminal while it is still being written.
//!
//! Nothing that was shown is ever taken back, so nothing flickers and a terminal may change its size at any time:
//! a line is shown word by word as soon as it is clear what kind of line it is, code by whole lines, a table when it is
//! over. Reads what models write (headings, lists, quotes, code, tables, emphasis), line by line; a line break stays one.

use std::fmt::Write as _;

use clap::builder::styling::Style;

use super::inline::{self, Line};
use super::table;
use crate::output::wrap::{Piece, Wrap, width};

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Markdown {
    /// What of the current line is not shown yet.
    rest: String,
    /// The current line, once its kind is known.
    text: Option<(Wrap, Style)>,
    /// What ends the code that we are in.
    fence: Option<Fence>,
    /// Lines of a table that may go on.
    table: Vec<String>,
    /// Whether the last line was blank, or there is none.
    after_text: bool,
}

#[derive(Debug)]
struct Fence {
    marker: char,
    length: usize,
    /// Code in a list is indented in the source; that much is not shown.
    indent: usize,
}

/// What kind of line one is.
enum Kind {
    /// More has to be known.
    Unclear,
    Blank,
    Fence(Fence),
    TableRow,
    Rule,
    Text {
        /// Bytes of the source that the start replaces.
        skip: usize,
        /// What the line begins with.
        start: String,
        /// What further lines begin with.
        indent: String,
        style: Style,
    },
}

impl Markdown {
    /// Adds text; answers what can be shown of it, for a terminal of that width.
    pub(super) fn add(&mut self, text: &str, limit: usize) -> String {
        let mut out = String::new();
        for part in text.split_inclusive('\n') {
            self.rest.push_str(part);
            if self.rest.ends_with('\n') {
                self.rest.pop();
                self.whole_line(&mut out, limit);
            } else {
                self.growing_line(&mut out, limit);
            }
        }
        out
    }

    /// Ends the text; answers what is left, with the end of its line.
    pub(super) fn end(&mut self, limit: usize) -> String {
        let mut out = String::new();
        if self.text.is_some() || !self.rest.is_empty() {
            self.whole_line(&mut out, limit);
        }
        self.end_table(&mut out, limit);
        *self = Self::default();
        out
    }

    /// Whether what was shown ends with a line.
    pub(super) fn is_at_line_start(&self) -> bool {
        self.text.is_none()
    }

    fn growing_line(&mut self, out: &mut String, limit: usize) {
        if self.fence.is_some() {
            return;
        }
        if self.text.is_none() {
            let kind = kind(&self.rest, Line::Grows);
            let Kind::Text { .. } = kind else { return };
            self.begin(kind, out, limit);
        }
        self.show_text(Line::Grows, out, limit);
    }

    fn whole_line(&mut self, out: &mut String, limit: usize) {
        if let Some(fence) = &self.fence {
            if fence.is_closed_by(&self.rest) {
                self.fence = None;
            } else {
                let indent = self.rest.len() - self.rest.trim_start_matches(' ').len();
                let _ = writeln!(out, "  {}", &self.rest[indent.min(fence.indent)..]);
            }
            self.rest.clear();
            return;
        }
        if self.text.is_none() {
            let kind = kind(&self.rest, Line::Whole);
            self.begin(kind, out, limit);
        }
        if self.text.is_some() {
            self.show_text(Line::Whole, out, limit);
            out.push('\n');
        }
        self.text = None;
        self.rest.clear();
    }

    /// Begins a line whose kind is known.
    fn begin(&mut self, kind: Kind, out: &mut String, limit: usize) {
        if !matches!(kind, Kind::TableRow) {
            self.end_table(out, limit);
        }
        match kind {
            Kind::TableRow => {
                self.table.push(std::mem::take(&mut self.rest));
                self.after_text = true;
            }
            Kind::Blank => {
                if std::mem::take(&mut self.after_text) {
                    out.push('\n');
                }
            }
            Kind::Fence(fence) => {
                self.fence = Some(fence);
                self.after_text = true;
            }
            Kind::Rule => {
                let _ = writeln!(out, "{}", "─".repeat(limit.min(40)));
                self.after_text = true;
            }
            Kind::Text { skip, start, indent, style } => {
                out.push_str(&start);
                self.rest.drain(..skip);
                self.text = Some((Wrap::new(width(&start), indent), style));
                self.after_text = true;
            }
            Kind::Unclear => {}
        }
    }

    fn show_text(&mut self, line: Line, out: &mut String, limit: usize) {
        let Some((wrap, base)) = &mut self.text else { return };
        let (spans, read) = inline::read(&self.rest, line);
        self.rest.drain(..read);
        for span in &spans {
            let style = inline::styled(*base, span.look);
            let piece = Piece { text: &span.text, style, is_whole: span.look.code };
            out.push_str(&wrap.add(piece, limit));
        }
        if line == Line::Whole {
            out.push_str(&wrap.end(limit));
        }
    }

    fn end_table(&mut self, out: &mut String, limit: usize) {
        if !self.table.is_empty() {
            out.push_str(&table::show(&std::mem::take(&mut self.table), limit));
        }
    }
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let text = line.trim_start();
        let marker = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = text.len() - text.trim_start_matches(marker).len();
        let info = &text[length..];
        (length >= 3 && !info.contains('`')).then_some(Self {
            marker,
            length,
            indent: line.len() - text.len(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let text = line.trim();
        text.len() >= self.length && text.chars().all(|c| c == self.marker)
    }
}

/// Decides what kind of line one is; a line that grows may need more.
fn kind(line: &str, state: Line) -> Kind {
    let text = line.trim_start_matches(' ');
    let lead = line.len() - text.len();
    if text.trim().is_empty() {
        return if state == Line::Whole { Kind::Blank } else { Kind::Unclear };
    }
    if let Some(fence) = Fence::opened_by(line) {
        return if state == Line::Whole { Kind::Fence(fence) } else { Kind::Unclear };
    }
    if text.starts_with('|') {
        return if state == Line::Whole { Kind::TableRow } else { Kind::Unclear };
    }
    let first = text.chars().next().unwrap_or_default();
    let bare: String = text.chars().filter(|c| *c != ' ').collect();
    if matches!(first, '-' | '*' | '_') && bare.chars().all(|c| c == first) {
        match state {
            Line::Grows => return Kind::Unclear,
            Line::Whole if bare.len() >= 3 => return Kind::Rule,
            Line::Whole => {}
        }
    }
    // A marker of one of these may still become one.
    let all_marker = text.chars().all(|c| matches!(c, '#' | '>' | '+' | '`' | '~'))
        || text.trim_end_matches(['.', ')']).chars().all(|c| c.is_ascii_digit());
    if state == Line::Grows && all_marker && text.len() < 8 {
        return Kind::Unclear;
    }
    begun(text, lead)
}

/// A line of text by what it begins with.
fn begun(text: &str, lead: usize) -> Kind {
    let deeper = " ".repeat(lead);
    let level = text.len() - text.trim_start_matches('#').len();
    if (1..=6).contains(&level) && text[level..].starts_with(' ') {
        let style = if level == 1 { Style::new().bold().underline() } else { Style::new().bold() };
        return Kind::Text { skip: lead + level + 1, start: String::new(), indent: String::new(), style };
    }
    if let Some(rest) = text.strip_prefix('>') {
        let skip = lead + text.len() - rest.strip_prefix(' ').unwrap_or(rest).len();
        let bar = "│ ".to_owned();
        return Kind::Text { skip, start: bar.clone(), indent: bar, style: Style::new().italic() };
    }
    if text.starts_with("- ") || text.starts_with("* ") || text.starts_with("+ ") {
        let (start, indent) = (format!("{deeper}• "), format!("{deeper}  "));
        return Kind::Text { skip: lead + 2, start, indent, style: Style::new() };
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = text[digits..].starts_with(". ") || text[digits..].starts_with(") ");
    if (1..=9).contains(&digits) && numbered {
        let start = format!("{deeper}{} ", &text[..=digits]);
        let indent = " ".repeat(start.len());
        return Kind::Text { skip: lead + digits + 2, start, indent, style: Style::new() };
    }
    Kind::Text { skip: lead, start: deeper.clone(), indent: deeper, style: Style::new() }
}

#[cfg(test)]
mod tests;
