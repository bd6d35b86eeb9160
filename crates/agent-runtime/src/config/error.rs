//! What is wrong with an agent file, where, and the word that was probably meant.

use std::fmt;

use crate::yaml::Position;

/// Most problems that are listed; the rest is counted.
const MOST_PROBLEMS: usize = 20;

/// Longest part of a line that an excerpt shows, in characters.
const EXCERPT_CHARS: usize = 100;

/// Everything that is wrong with an agent file, in the order of the file; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file as it was named.
    pub file_name: String,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// How many problems were not kept.
    pub more: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where, if a place is known.
    pub position: Option<Position>,
    /// What is wrong, with the path of the key.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line of the file, and how many characters of it stand before the place.
    excerpt: Option<(String, usize)>,
}

impl Problem {
    pub(crate) fn new(position: Position, text: impl Into<String>) -> Self {
        let position = (position.line > 0).then_some(position);
        Self { position, text: text.into(), hint: None, excerpt: None }
    }

    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    fn find_excerpt(&mut self, source: &str) {
        let Some(position) = self.position else { return };
        let line = usize::try_from(position.line - 1).ok().and_then(|index| source.lines().nth(index));
        let before = usize::try_from(position.column.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(line) = line
            && before < EXCERPT_CHARS
        {
            let shown: String = line.chars().take(EXCERPT_CHARS).collect();
            self.excerpt = Some((shown, before));
        }
    }
}

impl ConfigError {
    /// Sorts problems and finds the lines of `source` that they are about.
    pub(crate) fn new(file_name: &str, mut problems: Vec<Problem>, source: &str) -> Self {
        problems.sort_by_key(|problem| problem.position);
        problems.dedup();
        let more = problems.len().saturating_sub(MOST_PROBLEMS);
        problems.truncate(MOST_PROBLEMS);
        problems.iter_mut().for_each(|problem| problem.find_excerpt(source));
        Self { file_name: file_name.to_owned(), problems, more }
    }
}

/// One problem per line, or several lines where there is an excerpt: `file:line:column: text (hint)`.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}{problem}", visible(&self.file_name))?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", visible(&self.text))?;
        if let Some(hint) = &self.hint {
            write!(f, " ({})", visible(hint))?;
        }
        if let (Some((line, before)), Some(position)) = (&self.excerpt, self.position) {
            let number = position.line.to_string();
            let margin = " ".repeat(number.len());
            write!(f, "\n {number} | {}\n {margin} | {}^", visible(line), " ".repeat(*before))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// What a file says may be meant for a terminal rather than for its reader: control characters become visible.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The hint `did you mean …?` for the known word that is nearest to `word`, if one is near at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest_of(word, known).map(|known| format!("did you mean `{known}`?"))
}

/// The known word that is nearest to `word`, if one is near at all.
pub(crate) fn nearest_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A word that is much longer than any of ours is none of them, and would take long to compare.
    const LONGEST_WORD: usize = 100;
    let length = word.chars().count();
    if length > LONGEST_WORD {
        return None;
    }
    let limit = (length / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance where a swap of neighbours counts as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut best =
                (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + usize::from(!same));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
