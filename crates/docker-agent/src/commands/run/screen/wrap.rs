//! Words into lines of a terminal: words are kept whole, later lines are indented as their block asks.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar as _;

use super::inline::{Look, Span};

/// Breaks a block's text into lines as it comes.
#[derive(Debug, Default)]
pub(super) struct Wrap {
    /// What begins each line after the first.
    indent: String,
    indent_width: usize,
    column: usize,
    /// A word that may still grow, in pieces that look the same.
    word: Vec<(Style, String)>,
    word_width: usize,
    space: bool,
    style: Style,
}

impl Wrap {
    /// A block that begins behind something of that width, and goes on behind an indent.
    pub(super) fn new(begins_at: usize, indent: String, style: Style) -> Self {
        let indent_width = width(&indent);
        Self { indent, indent_width, column: begins_at, style, ..Self::default() }
    }

    /// Adds a piece; answers what can be shown. A word that is not over is kept.
    pub(super) fn add(&mut self, span: &Span, limit: usize) -> String {
        let mut out = String::new();
        let style = styled(self.style, span.look);
        for c in span.text.chars() {
            // Code is not broken: its spaces may mean something.
            if c == ' ' && !span.look.code {
                self.end_word(&mut out, limit);
                self.space = true;
                continue;
            }
            match self.word.last_mut().filter(|(last, _)| *last == style) {
                Some((_, text)) => text.push(c),
                None => self.word.push((style, c.to_string())),
            }
            let width = c.width().unwrap_or_default();
            self.word_width += width;
            // Scripts without spaces have wide characters, and may break after each.
            if width > 1 {
                self.end_word(&mut out, limit);
            }
        }
        out
    }

    /// Ends the block; answers what was kept.
    pub(super) fn end(&mut self, limit: usize) -> String {
        let mut out = String::new();
        self.end_word(&mut out, limit);
        out
    }

    fn end_word(&mut self, out: &mut String, limit: usize) {
        if self.word.is_empty() {
            return;
        }
        let space = usize::from(std::mem::take(&mut self.space) && self.column > self.indent_width);
        if self.column > self.indent_width && self.column + space + self.word_width > limit {
            out.push('\n');
            out.push_str(&self.indent);
            self.column = self.indent_width;
        } else if space > 0 {
            out.push(' ');
            self.column += 1;
        }
        for (style, text) in self.word.drain(..) {
            let _ = write!(out, "{style}{text}{style:#}");
        }
        self.column += std::mem::take(&mut self.word_width);
    }
}

/// How a piece looks on top of its block.
pub(super) fn styled(base: Style, look: Look) -> Style {
    let mut style = base;
    if look.bold {
        style = style.bold();
    }
    if look.italic {
        style = style.italic();
    }
    if look.strike {
        style = style.strikethrough();
    }
    if look.code {
        style = style.fg_color(Some(AnsiColor::Cyan.into()));
    }
    if look.address {
        style = style.dimmed();
    }
    style
}

/// How many columns a text takes, without styles in it.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or_default()).sum()
}
