//! Words into lines of a terminal: words are kept whole, later lines are indented as their block asks.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use unicode_width::UnicodeWidthChar as _;

/// A piece of a block that looks the same throughout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) style: Style,
    /// Its spaces mean something, as those of code do: no line ends within it.
    pub(crate) is_whole: bool,
}

/// Breaks a block's text into lines as it comes.
#[derive(Debug, Default)]
pub(crate) struct Wrap {
    /// What begins each line after the first.
    indent: String,
    indent_width: usize,
    column: usize,
    /// A word that may still grow, in pieces that look the same.
    word: Vec<(Style, String)>,
    word_width: usize,
    space: bool,
}

impl Wrap {
    /// A block that begins behind something of that width, and goes on behind an indent.
    pub(crate) fn new(begins_at: usize, indent: String) -> Self {
        let indent_width = width(&indent);
        Self { indent, indent_width, column: begins_at, ..Self::default() }
    }

    /// Adds a piece; answers what can be shown. A word that is not over is kept.
    pub(crate) fn add(&mut self, piece: Piece<'_>, limit: usize) -> String {
        let mut out = String::new();
        let style = piece.style;
        for c in piece.text.chars() {
            if c == ' ' && !piece.is_whole {
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
    pub(crate) fn end(&mut self, limit: usize) -> String {
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

/// A text with its lines broken between words where they are longer than a terminal is wide.
///
/// Its first line begins behind something of the width `begins_at`, and goes on below its own beginning; so does every
/// further line behind its own indent. Lines that fit stay as they are.
pub(crate) fn broken(text: &str, begins_at: usize, limit: usize) -> String {
    let lines = text.split('\n').enumerate().map(|(number, line)| {
        let words = line.trim_start_matches(' ');
        let own = line.len() - words.len();
        let indent = if number == 0 { begins_at + own } else { own };
        // Where nearly nothing is left beside the indent, breaking helps nobody.
        if indent + width(words) <= limit || indent > limit / 2 {
            return line.to_owned();
        }
        let mut wrap = Wrap::new(indent, " ".repeat(indent));
        let piece = Piece { text: words, style: Style::new(), is_whole: false };
        let begun = wrap.add(piece, limit);
        format!("{}{begun}{}", " ".repeat(own), wrap.end(limit))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How many columns a text takes, without styles in it.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or_default()).sum()
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn long_lines_are_broken_between_words_and_go_on_below_their_beginning() {
        let text = "one two three four\nshort\n  - five six seven eight nine";
        insta::assert_snapshot!(broken(text, 7, 20), @"
        one two three
               four
        short
          - five six seven
          eight nine
        ");
        // What fits stays, spaces included, and a word is never broken.
        assert_eq!(broken("a  b", 7, 20), "a  b");
        assert_eq!(broken("/a/path/longer/than/the/line b", 7, 20), "/a/path/longer/than/the/line\n       b");
        // A mark below a line of a file keeps its place.
        let mark = format!("{}^ here", " ".repeat(18));
        assert_eq!(broken(&mark, 0, 20), mark);
    }
}
