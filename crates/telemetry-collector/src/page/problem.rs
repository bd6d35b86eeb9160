//! A refusal, for a person.

use askama::Template;

use super::layout::Layout;

/// A page that says what was wrong with the request for it.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem<'a> {
    layout: Layout,
    message: &'a str,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(message: &'a str) -> Self {
        Self { layout: Layout::default(), message }
    }
}
