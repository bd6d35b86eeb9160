//! `${…}` in texts: the variables and arguments that are replaced, and everything else, which is refused.
//!
//! The Go program runs JavaScript there. What people write is almost always `${env.NAME}`, sometimes with
//! `|| "default"`, and in commands `${args[0]}` or `${args.join(" ")}`; exactly that is understood here.
//! In the values of variables, and in headers, it replaces `$NAME` and `${NAME}` as a shell does; so it is here.

/// A text with places to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `${env.NAME}`, `${env.NAME || "default"}`.
    Variable {
        name: String,
        default: Option<String>,
    },
    /// `${args[n]}`.
    Argument(usize),
    /// `${args.join(separator)}`, `${args}`.
    Arguments(String),
}

/// Which places a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// Variables.
    Variables,
    /// Variables, and the arguments of a command.
    Arguments,
    /// Variables, also as a shell writes them; `$$` is a dollar sign.
    Shell,
}

impl Template {
    /// Reads a text; the error is the first place that is not understood.
    pub(crate) fn parse(text: &str, places: Places) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('$') {
            let (before, dollar) = rest.split_at(start);
            pieces.push(Piece::Text(before.to_owned()));
            let (piece, length) = piece_at(dollar, places)?;
            pieces.push(piece);
            rest = &dollar[length..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if places == Places::Arguments
            && let Some(call) = bang_call(text)
        {
            return Err(shortened(call));
        }
        Ok(Self { pieces })
    }

    /// Fills in variables; one that is not set, or is empty, becomes its default, else nothing.
    pub(crate) fn with_variables(self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let filled_in = |piece| match piece {
            Piece::Variable { name, default } => {
                Piece::Text(lookup(&name).filter(|value| !value.is_empty()).or(default).unwrap_or_default())
            }
            other => other,
        };
        Self { pieces: self.pieces.into_iter().map(filled_in).collect() }
    }

    /// The variables in it, each with its default if it has one.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable { name, default } => Some((name.as_str(), default.as_deref())),
            _ => None,
        })
    }

    /// Fills in the words of `said`; if no place takes them, `said` is added at the end. Variables stay empty.
    pub(crate) fn with_arguments(&self, said: &str) -> String {
        let said = said.trim();
        let arguments: Vec<&str> = said.split_whitespace().collect();
        let mut out = String::new();
        let mut is_taken = said.is_empty();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable { .. } => {}
                Piece::Argument(index) => {
                    is_taken = true;
                    out.push_str(arguments.get(*index).copied().unwrap_or_default());
                }
                Piece::Arguments(separator) => {
                    is_taken = true;
                    out.push_str(&arguments.join(separator));
                }
            }
        }
        if !is_taken {
            out.push(' ');
            out.push_str(said);
        }
        out
    }
}

/// Replaces `${env.NAME}` in a text that was checked when it was read.
pub(crate) fn expand_env(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    expand(text, Places::Variables, lookup)
}

/// Replaces `$NAME`, `${NAME}` and `${env.NAME}` in the value of a variable that was checked when it was read.
pub(crate) fn expand_value(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    expand(text, Places::Shell, lookup)
}

fn expand(text: &str, places: Places, lookup: impl Fn(&str) -> Option<String>) -> String {
    match Template::parse(text, places) {
        Ok(template) => template.with_variables(lookup).with_arguments(""),
        Err(_) => text.to_owned(),
    }
}

/// Reads what stands at a dollar sign: the piece, and how many bytes it takes.
fn piece_at(dollar: &str, places: Places) -> Result<(Piece, usize), String> {
    let after = &dollar[1..];
    if let Some(inner) = after.strip_prefix('{') {
        let end = end_of_place(inner).ok_or_else(|| shortened(dollar))?;
        let length = "${".len() + end + "}".len();
        let piece = place(inner[..end].trim(), places).ok_or_else(|| shortened(&dollar[..length]))?;
        return Ok((piece, length));
    }
    if places == Places::Shell {
        let name = &after[..end_of_name(after)];
        if name.starts_with(|c: char| !c.is_ascii_digit()) {
            let piece = Piece::Variable { name: name.to_owned(), default: None };
            return Ok((piece, 1 + name.len()));
        }
        if after.starts_with('$') {
            return Ok((Piece::Text("$".to_owned()), 2));
        }
    }
    Ok((Piece::Text("$".to_owned()), 1))
}

/// Finds the brace that ends a place, quotes and inner braces skipped.
fn end_of_place(inner: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn place(inner: &str, places: Places) -> Option<Piece> {
    if let Some(rest) = inner.strip_prefix("env.") {
        let (name, rest) = rest.split_at(end_of_name(rest));
        let default = match rest.trim_start().strip_prefix("||") {
            Some(literal) => Some(literal_text(literal.trim())?),
            None if rest.is_empty() => None,
            None => return None,
        };
        return (!name.is_empty()).then(|| Piece::Variable { name: name.to_owned(), default });
    }
    match places {
        Places::Variables => None,
        Places::Arguments => arguments(inner),
        Places::Shell => {
            let is_name = !inner.is_empty() && end_of_name(inner) == inner.len();
            is_name.then(|| Piece::Variable { name: inner.to_owned(), default: None })
        }
    }
}

fn arguments(inner: &str) -> Option<Piece> {
    let rest = inner.strip_prefix("args")?;
    if rest.is_empty() {
        // A list as text has commas in JavaScript.
        return Some(Piece::Arguments(",".to_owned()));
    }
    if let Some(index) = rest.strip_prefix('[') {
        return index.strip_suffix(']')?.trim().parse().ok().map(Piece::Argument);
    }
    let separator = rest.strip_prefix(".join(")?.strip_suffix(')')?.trim();
    let separator = if separator.is_empty() { ",".to_owned() } else { literal_text(separator)? };
    Some(Piece::Arguments(separator))
}

/// The text between quotes; escapes are not understood.
fn literal_text(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains([quote, '\\']) && !inner.contains("${")).then(|| inner.to_owned())
}

fn end_of_name(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Finds `!tool(`, with which the Go program calls a tool while it expands a command.
fn bang_call(text: &str) -> Option<&str> {
    text.match_indices('!').map(|(at, _)| &text[at..]).find(|rest| {
        let name = &rest[1..];
        let end = end_of_name(name);
        end > 0 && name[end..].starts_with('(')
    })
}

/// A place as an error text shows it.
fn shortened(place: &str) -> String {
    const LIMIT: usize = 60;
    let line = place.lines().next().unwrap_or_default();
    if line.chars().count() <= LIMIT {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(LIMIT).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        [("USER", "ada"), ("EMPTY", "")]
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn variables() {
        let table = [
            ("plain $5 {x} }", "plain $5 {x} }"),
            ("hi ${env.USER}!", "hi ada!"),
            ("${ env.USER }${env.USER}", "adaada"),
            ("[${env.NOBODY}]", "[]"),
            ("${env.NOBODY || \"no one\"}", "no one"),
            ("${env.EMPTY || 'a } b'}", "a } b"),
            ("${env.USER||`x`}", "ada"),
        ];
        for (text, expected) in table {
            assert_eq!(expand_env(text, lookup), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let table = [
            ("a ${1 + 1} b", "${1 + 1}"),
            ("${env.USER.toUpperCase()}", "${env.USER.toUpperCase()}"),
            ("${env.A || env.B}", "${env.A || env.B}"),
            ("${env.}", "${env.}"),
            ("${USER}", "${USER}"),
            ("${env.USER", "${env.USER"),
            ("${args[0]}", "${args[0]}"),
            ("${shell({cmd: \"ls\"})} x", "${shell({cmd: \"ls\"})}"),
        ];
        for (text, place) in table {
            assert_eq!(Template::parse(text, Places::Variables), Err(place.to_owned()), "{text}");
        }
        for text in ["look: !shell(cmd=ls)", "${tool({})}", "${args.map(x => x)}", "${args[-1]}"] {
            assert!(Template::parse(text, Places::Arguments).is_err(), "{text}");
        }
        let long = Template::parse(&format!("${{{}", "é".repeat(100)), Places::Variables).unwrap_err();
        assert_eq!(long.chars().count(), 61);
    }

    #[test]
    fn variables_as_a_shell_writes_them() {
        let table = [
            ("$USER", "ada"),
            ("${USER}/$USER-x", "ada/ada-x"),
            ("${env.USER} $NOBODY.", "ada ."),
            ("${env.NOBODY || 'x'}", "x"),
            ("$$USER costs $5 or 5$", "$USER costs $5 or 5$"),
        ];
        for (text, expected) in table {
            assert_eq!(expand_value(text, lookup), expected, "{text}");
        }
        for text in ["${USER:-x}", "${}", "${USER", "${a.b}"] {
            assert!(Template::parse(text, Places::Shell).is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_of_commands() {
        let table = [
            ("fix ${args[0]} then ${args[1]}", " a  b ", "fix a then b"),
            ("fix ${args[0]}", "", "fix "),
            ("fix ${args.join(\" and \")}", "a b", "fix a and b"),
            ("fix ${args}", "a b", "fix a,b"),
            ("fix ${args.join()}", "a b", "fix a,b"),
            ("fix it", "a\n b", "fix it a\n b"),
            ("fix it for ${env.USER}", "now", "fix it for ada now"),
            // What somebody says is not read as a template again.
            ("say ${args[0]}", "${env.USER}", "say ${env.USER}"),
            ("wow! (really)", "", "wow! (really)"),
        ];
        for (text, said, expected) in table {
            let template = Template::parse(text, Places::Arguments).unwrap().with_variables(lookup);
            assert_eq!(template.with_arguments(said), expected, "{text}");
        }
    }
}
