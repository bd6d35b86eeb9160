//! Strips: the parts of a whole in one bar, each with its number.

use askama::Template;

use super::facts::{Fact, Numbers};
use super::views::StripSpec;

/// A bar of parts.
#[derive(Debug, Template)]
#[template(path = "parts/strip.html")]
pub(crate) struct Strip {
    title: &'static str,
    note: &'static str,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    fact: Fact,
    class: &'static str,
    /// In percent of the whole.
    x: String,
    width: String,
    share: String,
}

impl Strip {
    /// Fills a strip; `None` when there is nothing in it.
    pub(crate) fn new(spec: &StripSpec, numbers: Numbers<'_>) -> Option<Self> {
        let facts: Vec<(Fact, &'static str)> = spec
            .parts
            .iter()
            .filter_map(|(label, path, class)| Some((numbers.fact(label, path)?, *class)))
            .collect();
        let number = |fact: &Fact| fact.exact.parse::<f64>().unwrap_or_default();
        let whole: f64 = facts.iter().map(|(fact, _)| number(fact)).sum();
        if whole <= 0.0 {
            return None;
        }
        let mut x = 0.0;
        let part = |(fact, class): (Fact, &'static str)| {
            let share = number(&fact) / whole;
            let start = x;
            x += share;
            Part {
                fact,
                class,
                x: format!("{:.2}", 100.0 * start),
                width: format!("{:.2}", 100.0 * share),
                share: super::format::percent(share).text,
            }
        };
        Some(Self { title: spec.title, note: spec.note, parts: facts.into_iter().map(part).collect() })
    }
}
