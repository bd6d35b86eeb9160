//! A refusal, for a person; with the way on.

use askama::Template;

use super::layout::Layout;

/// A page that says why there is nothing to see.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem<'a> {
    layout: Layout,
    title: &'static str,
    message: &'a str,
    /// What the link to the front page is called.
    way_on: &'static str,
}

impl<'a> Problem<'a> {
    /// What was wrong with the request for a page.
    pub(crate) fn refused(message: &'a str) -> Self {
        Self::new("This cannot be shown", message, "Show the last 30 days")
    }

    /// No page is where one was looked for; a sentence says what is there instead.
    pub(crate) fn nothing_here(message: &'a str) -> Self {
        Self::new("There is no page here", message, "Go to the overview")
    }

    fn new(title: &'static str, message: &'a str, way_on: &'static str) -> Self {
        Self { layout: Layout::default(), title, message, way_on }
    }
}
