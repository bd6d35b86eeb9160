//! What the address of a page says, and the addresses that say it.
//!
//! All that a page shows follows from its address: days, comparison, filters. A filter that a view cannot serve stays in
//! the address, so that it is there again in the next view; it is not asked for, and the page says so.

use crate::answer::range::{Range, show};
use crate::answer::{FilterSpec, Scope, ViewSpec};
use crate::store::Day;
use crate::store::question::{Filters, Key};

/// The state of a page.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) range: Range,
    /// Whether the address names the days; else they move on with the calendar.
    pub(crate) has_days: bool,
    pub(crate) compare: bool,
    /// In the order in which the address has them.
    pub(crate) filters: Vec<(&'static FilterSpec, Vec<String>)>,
}

impl State {
    /// The address of a page in this state.
    pub(crate) fn link(&self, path: &str) -> String {
        let days = self.has_days.then_some(self.range);
        address(path, days, self.compare, pairs(&self.filters))
    }

    /// The same state for other days.
    pub(crate) fn over(&self, range: Range) -> Self {
        Self { range, has_days: true, ..self.clone() }
    }

    /// The same state with these values of one filter.
    pub(crate) fn with(&self, filter: &'static FilterSpec, values: Vec<String>) -> Self {
        let mut filters = self.filters.clone();
        filters.retain(|(known, _)| *known != filter);
        if !values.is_empty() {
            filters.push((filter, values));
        }
        Self { filters, ..self.clone() }
    }

    /// The same state without any filter.
    pub(crate) fn unfiltered(&self) -> Self {
        Self { filters: Vec::new(), ..self.clone() }
    }

    pub(crate) fn chosen(&self, filter: &FilterSpec) -> &[String] {
        self.filters.iter().find(|(known, _)| *known == filter).map_or(&[], |(_, values)| values)
    }
}

/// What is asked of a view for a page: the state without what the view cannot serve.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) spec: &'static ViewSpec,
    pub(crate) compare: bool,
    range: Range,
    filters: Vec<(&'static FilterSpec, Vec<String>)>,
}

impl Asked {
    pub(crate) fn new(spec: &'static ViewSpec, state: &State) -> Self {
        let served = state.filters.iter().filter(|(filter, _)| spec.serves.contains(&filter.key));
        Self { spec, compare: state.compare, range: state.range, filters: served.cloned().collect() }
    }

    /// Asks for the comparison, too, whatever the address says.
    pub(crate) fn compared(self) -> Self {
        Self { compare: true, ..self }
    }

    pub(crate) fn scope(&self, today: Day) -> Scope {
        let filters = self.filters.iter();
        let filters =
            filters.fold(Filters::default(), |all, (filter, values)| all.with(filter.key, values.clone()));
        Scope { range: self.range, filters, today }
    }

    /// Whether a filter is applied.
    pub(crate) fn filters_by(&self, key: Key) -> bool {
        self.filters.iter().any(|(filter, _)| filter.key == key)
    }

    /// The address of this answer as JSON.
    pub(crate) fn api(&self) -> String {
        self.address([])
    }

    /// The address of one of its tables as a file.
    pub(crate) fn file(&self, table: &'static str, format: &'static str) -> String {
        self.address([("format", format), ("table", table)])
    }

    fn address<const N: usize>(&self, more: [(&'static str, &'static str); N]) -> String {
        let path = format!("/api/v1/{}", self.spec.name);
        let filters = pairs(&self.filters).chain(more);
        address(&path, Some(self.range), self.compare, filters)
    }
}

fn pairs<'a>(
    filters: &'a [(&'static FilterSpec, Vec<String>)],
) -> impl Iterator<Item = (&'static str, &'a str)> {
    filters.iter().flat_map(|(filter, values)| values.iter().map(|value| (filter.name, value.as_str())))
}

fn address<'a>(
    path: &str,
    days: Option<Range>,
    compare: bool,
    pairs: impl Iterator<Item = (&'static str, &'a str)>,
) -> String {
    let mut out = path.to_owned();
    let mut push = |name: &str, value: &str| {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        push_encoded(&mut out, value);
    };
    if let Some(range) = days {
        push("from", &show(range.from));
        push("to", &show(range.to));
    }
    if compare {
        push("compare", "previous");
    }
    pairs.for_each(|(name, value)| push(name, value));
    out
}

/// The page of a tool.
pub(crate) fn tool_path(name: &str) -> String {
    let mut path = "/tools/".to_owned();
    push_encoded(&mut path, name);
    path
}

/// Percent-encodes everything but what RFC 3986 (section 2.3) calls unreserved.
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::FILTERS;
    use crate::answer::commands;

    #[test]
    fn the_address_has_the_state_and_the_question_only_what_is_served() {
        let filter = |name| FILTERS.iter().find(|filter| filter.name == name).unwrap();
        let state = State {
            range: Range { from: 20_000, to: 20_001 },
            has_days: false,
            compare: false,
            filters: vec![(filter("agent"), vec!["a b&c".to_owned()])],
        };
        assert_eq!(state.link("/tools"), "/tools?agent=a%20b%26c");
        let state = state.with(filter("os"), vec!["linux".to_owned(), "é".to_owned()]);
        assert_eq!(
            state.over(state.range).link("/"),
            "/?from=2024-10-04&to=2024-10-05&agent=a%20b%26c&os=linux&os=%C3%A9"
        );
        assert_eq!(
            Asked::new(&commands::VIEW, &state).compared().file("days", "csv"),
            "/api/v1/commands?from=2024-10-04&to=2024-10-05&compare=previous&os=linux&os=%C3%A9&format=csv&table=days"
        );
        assert_eq!(tool_path("mcp/a:b"), "/tools/mcp%2Fa%3Ab");
    }
}
