//! The login page: a form for the admin's token, and what was wrong with the last one.

use askama::Template;

use super::layout::Layout;
use crate::access::LocalPath;
use crate::api::LOGIN_PATH;

/// The page.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    layout: Layout,
    action: &'static str,
    /// Where to go afterwards.
    next: &'a str,
    /// Where to look at once whether there is a session after all.
    again: Option<String>,
    message: Option<&'a str>,
}

impl<'a> LoginPage<'a> {
    pub(crate) fn new(next: &'a LocalPath, again: Option<String>, message: Option<&'a str>) -> Self {
        Self { layout: Layout::default(), action: LOGIN_PATH, next: next.as_str(), again, message }
    }

    /// As HTML, or why that failed.
    pub(crate) fn html(&self) -> Result<String, String> {
        self.render().map_err(|error| error.to_string())
    }
}
