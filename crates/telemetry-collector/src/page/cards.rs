//! Cards: the few numbers that a view begins with.

use askama::Template;

use super::facts::{Fact, Numbers};
use super::plot::{Spark, spark};

/// What a card shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CardSpec {
    pub(crate) title: &'static str,
    /// The number, as in `totals.calls`.
    pub(crate) main: &'static str,
    /// What the number is of; may be empty.
    pub(crate) unit: &'static str,
    /// More numbers, each with a label.
    pub(crate) others: &'static [(&'static str, &'static str)],
    /// The column of days that is drawn behind the number; may be empty.
    pub(crate) spark: &'static str,
    pub(crate) note: &'static str,
}

/// A card of one number.
pub(crate) const fn card(title: &'static str, main: &'static str, unit: &'static str) -> CardSpec {
    CardSpec { title, main, unit, others: &[], spark: "", note: "" }
}

impl CardSpec {
    pub(crate) const fn with(self, others: &'static [(&'static str, &'static str)]) -> Self {
        Self { others, ..self }
    }

    pub(crate) const fn over_time(self, spark: &'static str) -> Self {
        Self { spark, ..self }
    }

    pub(crate) const fn saying(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// A card with its numbers.
#[derive(Debug, Template)]
#[template(path = "parts/card.html")]
pub(crate) struct Card {
    title: &'static str,
    unit: &'static str,
    note: &'static str,
    main: Fact,
    others: Vec<Fact>,
    spark: Option<Spark>,
}

impl Card {
    /// Fills a card; `None` when the answer does not have its number.
    pub(crate) fn new(spec: &CardSpec, numbers: Numbers<'_>) -> Option<Self> {
        Some(Self {
            title: spec.title,
            unit: spec.unit,
            note: spec.note,
            main: numbers.fact(spec.title, spec.main)?,
            others: spec.others.iter().filter_map(|(label, path)| numbers.fact(label, path)).collect(),
            spark: spark(numbers, spec.spark),
        })
    }
}
