//! Markdown within a line: emphasis, code, links; what is not closed stays as it was written.
//!
//! A line that still grows is read as far as nothing that may follow can change it.

use clap::builder::styling::{AnsiColor, Style};

/// How a piece of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) strike: bool,
    pub(super) code: bool,
    /// The address of a link.
    pub(super) address: bool,
}

/// A piece of a line that looks the same throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) look: Look,
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

/// Whether more of a line may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Grows,
    Whole,
}

/// Reads a line, and says how many of its bytes were read.
pub(super) fn read(text: &str, line: Line) -> (Vec<Span>, usize) {
    let mut reader = Reader { text, line, at: 0, before: None, spans: Vec::new() };
    while reader.step().is_some() {}
    (reader.spans, reader.at)
}

struct Reader<'a> {
    text: &'a str,
    line: Line,
    at: usize,
    before: Option<char>,
    spans: Vec<Span>,
}

/// A marker and what it closes with, found in a line.
enum Found {
    /// The bytes between the markers.
    Closed(usize),
    /// It opens nothing.
    Literal,
    /// What follows will tell.
    Unknown,
}

impl Reader<'_> {
    /// Reads a piece; nothing at the end, or where more has to be known.
    fn step(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        match first {
            '\\' => match rest[1..].chars().next() {
                Some(escaped) if escaped.is_ascii_punctuation() => {
                    self.plain(&rest[1..2]);
                    self.at += 2;
                }
                None if self.line == Line::Grows => return None,
                _ => self.literal(1),
            },
            '`' => {
                let run = rest.len() - rest.trim_start_matches('`').len();
                let found = match code_end(&rest[run..], run) {
                    Some(inside) => Found::Closed(inside),
                    None => self.unclosed(),
                };
                self.marked(run, found, |look| look.code = true)?;
            }
            '*' | '_' => {
                let run = if rest.starts_with("**") || rest.starts_with("__") { 2 } else { 1 };
                let found = self.emphasis(first, run);
                self.marked(run, found, |look| if run == 2 { look.bold = true } else { look.italic = true })?;
            }
            '~' if rest.starts_with("~~") => {
                let found = rest[2..].find("~~").map_or_else(|| self.unclosed(), Found::Closed);
                self.marked(2, found, |look| look.strike = true)?;
            }
            '~' if rest.len() == 1 && self.line == Line::Grows => return None,
            '[' => self.link()?,
            _ => self.literal(first.len_utf8()),
        }
        Some(())
    }

    fn unclosed(&self) -> Found {
        if self.line == Line::Whole { Found::Literal } else { Found::Unknown }
    }

    /// Finds the end of emphasis: it begins before and ends after something that is no space, and an underscore
    /// within a word is only that.
    fn emphasis(&self, marker: char, run: usize) -> Found {
        let rest = &self.text[self.at..];
        let inside = &rest[run..];
        if marker == '_' && self.before.is_some_and(char::is_alphanumeric) {
            return Found::Literal;
        }
        match inside.chars().next() {
            None => return self.unclosed(),
            Some(next) if next.is_whitespace() => return Found::Literal,
            Some(_) => {}
        }
        let closer = &rest[..run];
        let mut from = 0;
        while let Some(found) = inside[from..].find(closer) {
            let end = from + found;
            let after = inside[end + run..].chars().next();
            let doubled = run == 1 && (after == Some(marker) || inside[..end].ends_with(marker));
            if after.is_none() && self.line == Line::Grows {
                return Found::Unknown;
            }
            let word_goes_on = marker == '_' && after.is_some_and(char::is_alphanumeric);
            if end > 0 && !inside[..end].ends_with(char::is_whitespace) && !doubled && !word_goes_on {
                return Found::Closed(end);
            }
            from = end + closer.len();
        }
        self.unclosed()
    }

    /// Takes what is between markers, or the markers as they are.
    fn marked(&mut self, run: usize, found: Found, change: impl Fn(&mut Look)) -> Option<()> {
        match found {
            Found::Unknown => return None,
            Found::Literal => self.literal(run),
            Found::Closed(inside) => {
                let start = self.at + run;
                let text = &self.text[start..start + inside];
                let mut probe = Look::default();
                change(&mut probe);
                let mut spans = if probe.code {
                    // Spaces around code let it begin or end with a backtick.
                    let trimmed = text.strip_prefix(' ').and_then(|text| text.strip_suffix(' '));
                    let text = trimmed.filter(|text| !text.trim().is_empty()).unwrap_or(text).to_owned();
                    vec![Span { text, look: Look::default() }]
                } else {
                    read(text, Line::Whole).0
                };
                spans.iter_mut().for_each(|span| change(&mut span.look));
                self.spans.extend(spans);
                self.at = start + inside + run;
                self.before = self.text[..self.at].chars().next_back();
            }
        }
        Some(())
    }

    fn link(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let parts = rest.find(']').map(|end| (&rest[1..end], &rest[end + 1..]));
        match parts {
            Some((label, after)) if after.starts_with('(') => match after.find(')') {
                Some(close) => {
                    let address = &after[1..close];
                    self.spans.extend(read(label, Line::Whole).0);
                    if !address.is_empty() && address != label {
                        self.plain(" ");
                        let look = Look { address: true, ..Look::default() };
                        self.spans.push(Span { text: format!("({address})"), look });
                    }
                    self.at += label.len() + 2 + close + 1;
                    self.before = Some(')');
                }
                None if self.line == Line::Grows => return None,
                None => self.literal(1),
            },
            Some((_, "")) | None if self.line == Line::Grows => return None,
            _ => self.literal(1),
        }
        Some(())
    }

    fn literal(&mut self, length: usize) {
        let text = &self.text[self.at..self.at + length];
        self.plain(text);
        self.at += length;
    }

    fn plain(&mut self, text: &str) {
        self.before = text.chars().next_back();
        match self.spans.last_mut() {
            Some(last) if last.look == Look::default() => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), look: Look::default() }),
        }
    }
}

/// Where a run of exactly as many backticks begins.
fn code_end(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text[start..].len() - text[start..].trim_start_matches('`').len();
        if length == run {
            return Some(start);
        }
        at = start + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans with letters for how they look.
    fn shown(text: &str, line: Line) -> String {
        let (spans, read) = read(text, line);
        let one = |span: &Span| {
            let Look { bold, italic, strike, code, address } = span.look;
            let letters = [(bold, 'b'), (italic, 'i'), (strike, 's'), (code, 'c'), (address, 'a')];
            let letters: String = letters.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
            if letters.is_empty() { span.text.clone() } else { format!("{letters}<{}>", span.text) }
        };
        let shown: String = spans.iter().map(one).collect();
        if read < text.len() { format!("{shown}|{}", &text[read..]) } else { shown }
    }

    #[test]
    fn whole_lines() {
        let table = [
            ("plain", "plain"),
            ("a **b c** d", "a b<b c> d"),
            ("*a* _b_ __c__", "i<a> i<b> b<c>"),
            ("**a *b* c**", "b<a >bi<b>b< c>"),
            ("`x * y` ``a`b``", "c<x * y> c<a`b>"),
            ("`**not bold**`", "c<**not bold**>"),
            ("~~gone~~", "s<gone>"),
            ("[text](http://x) [http://y](http://y)", "text a<(http://x)> http://y"),
            ("a[0] and [x] (y)", "a[0] and [x] (y)"),
            (r"\*not\* 2 \\ 3", r"*not* 2 \ 3"),
            // What opens nothing, or is never closed, stays.
            ("2 * 3 * 4", "2 * 3 * 4"),
            ("snake_case_name", "snake_case_name"),
            ("**open", "**open"),
            ("*args and **kwargs", "*args and **kwargs"),
            ("`open", "`open"),
            ("a ~ b", "a ~ b"),
            ("[open](", "[open]("),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text, Line::Whole), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_grows_is_read_as_far_as_it_is_sure() {
        let table = [
            ("plain wor", "plain wor"),
            ("a **b", "a |**b"),
            ("a *", "a |*"),
            ("a *b*", "a |*b*"),
            ("a `co", "a |`co"),
            ("a [li", "a |[li"),
            ("a [li]", "a |[li]"),
            ("a [li](ht", "a |[li](ht"),
            ("a [li] b", "a [li] b"),
            ("a **b** c", "a b<b> c"),
            ("2 * 3", "2 * 3"),
            ("a\\", "a|\\"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text, Line::Grows), expected, "{text}");
        }
    }

    #[test]
    fn growing_by_any_steps_gives_the_same() {
        let text = "a **b `c`** [d](http://e) *f* g_h _i_ ~~j~~ \\* **k";
        let whole: Vec<Span> = read(text, Line::Whole).0;
        let flat = |spans: &[Span]| -> Vec<(char, Look)> {
            spans.iter().flat_map(|span| span.text.chars().map(|c| (c, span.look))).collect()
        };
        for cut in 0..text.len() {
            let (mut spans, at) = read(&text[..cut], Line::Grows);
            let before = text[..at].chars().next_back();
            // What follows an underscore's word is all that a cut can change.
            if before.is_some_and(char::is_alphanumeric) && text[at..].starts_with('_') {
                continue;
            }
            spans.extend(read(&text[at..], Line::Whole).0);
            assert_eq!(flat(&spans), flat(&whole), "cut at {cut}");
        }
    }
}
