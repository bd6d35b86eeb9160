//! A text file, and for Rust the knowledge which bytes are code, comment or literal.
//!
//! Rules that look for names must not be fooled by prose, so the lexer knows just enough: nested comments, escapes,
//! raw strings, and the difference between a lifetime and a character.

/// What a byte of a Rust file belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Code,
    Comment,
    /// Strings and characters, their quotes included.
    Literal,
}

/// A file of the workspace.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the workspace's root, with `/`.
    pub(super) path: String,
    /// The whole content.
    pub(super) text: String,
    /// One entry per byte for Rust files, else empty.
    classes: Vec<Class>,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Source {
        let (path, text) = (path.into(), text.into());
        let classes = if path.ends_with(".rs") { classify(&text) } else { Vec::new() };
        Source { path, text, classes }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns whether this is test code: an integration test, its data, or a module's `tests.rs`.
    pub(super) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Returns the code of each line, everything else blanked, with line numbers from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, String)> {
        self.lines_of(Class::Code)
    }

    /// Returns each line with everything blanked that is not of the class (a space per byte), with line numbers from 1.
    pub(super) fn lines_of(&self, class: Class) -> impl Iterator<Item = (usize, String)> {
        let mut start = 0;
        self.text.split_inclusive('\n').enumerate().map(move |(index, line)| {
            let classes = self.classes.get(start..start + line.len()).unwrap_or_default();
            start += line.len();
            let mut kept = String::with_capacity(line.len());
            for (at, c) in line.char_indices() {
                match classes.get(at) {
                    Some(found) if *found == class => kept.push(c),
                    _ => kept.extend(std::iter::repeat_n(' ', c.len_utf8())),
                }
            }
            kept.truncate(kept.trim_end().len());
            (index + 1, kept)
        })
    }

    /// Returns whether the line break that ends a line (counted from 1) is inside a literal.
    pub(super) fn breaks_inside_literal(&self, line: usize) -> bool {
        let end: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        end > 0 && self.classes.get(end - 1) == Some(&Class::Literal)
    }
}

/// Returns the identifiers of a line of code with the byte offsets at which they start.
pub(super) fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + line[rest..].find(part)?;
        let end = line[start..].find(|c| !part(c)).map_or(line.len(), |length| start + length);
        rest = end;
        Some((start, &line[start..end]))
    })
}

fn classify(text: &str) -> Vec<Class> {
    let bytes = text.as_bytes();
    let mut classes = vec![Class::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (class, end) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => (Class::Comment, find(bytes, at, b"\n")),
            b'/' if bytes[at..].starts_with(b"/*") => (Class::Comment, block_comment_end(bytes, at)),
            b'"' => (Class::Literal, quoted_end(bytes, at, b'"')),
            b'r' if starts_word(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => (Class::Literal, end),
                None => (Class::Code, at + 1),
            },
            b'\'' if is_character(text, at) => (Class::Literal, quoted_end(bytes, at, b'\'')),
            _ => (Class::Code, at + 1),
        };
        let end = end.min(bytes.len());
        classes[at..end].fill(class);
        at = end;
    }
    classes
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    bytes[from..].windows(what.len()).position(|window| window == what).map_or(bytes.len(), |at| from + at)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns whether an `r` can begin a raw string here: alone, or after the `b` or `c` of a prefix.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    match at {
        0 => true,
        1 => !part(bytes[0]) || matches!(bytes[0], b'b' | b'c'),
        _ => !part(bytes[at - 1]) || (matches!(bytes[at - 1], b'b' | b'c') && !part(bytes[at - 2])),
    }
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    Some(find(bytes, open + 1, &close) + close.len())
}

fn is_character(text: &str, at: usize) -> bool {
    let mut next = text[at + 1..].chars();
    match next.next() {
        Some('\\') => true,
        Some(_) => next.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<String> {
        Source::new("a.rs", text).code_lines().map(|(_, line)| line).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(code("use a; // reqwest\n"), ["use a;"]);
        assert_eq!(code("a /* x /* y */ z */ b"), ["a                   b"]);
        assert_eq!(code("f(\"a \\\" b\", c)"), ["f(        , c)"]);
        assert_eq!(code("f(r#\"a \" b\"#, br\"x\", c)"), ["f(          , b    , c)"]);
        assert_eq!(code("let for_r = 1;\n\"two\nlines\" x"), ["let for_r = 1;", "", "       x"]);
    }

    #[test]
    fn a_lifetime_is_code_and_a_character_is_not() {
        assert_eq!(code("fn f<'a>(x: &'a str)"), ["fn f<'a>(x: &'a str)"]);
        assert_eq!(
            code("x == '\"' || y == '\\'' || z == 'ß' || w"),
            ["x ==     || y ==      || z ==      || w"]
        );
    }

    #[test]
    fn unclosed_text_ends_with_the_file() {
        for text in ["\"a", "r#\"a\"", "/* a", "'\\", "'", "r", "r#", "b\"\\"] {
            assert_eq!(Source::new("a.rs", text).classes.len(), text.len());
        }
    }

    #[test]
    fn words_are_identifiers() {
        let found: Vec<_> = words("  a_1::b(c2)").collect();
        assert_eq!(found, [(2, "a_1"), (7, "b"), (9, "c2")]);
    }
}
