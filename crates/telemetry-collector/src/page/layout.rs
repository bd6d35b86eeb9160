//! What every page has around its own part: the head, the way to the other views, the way out.

use super::state::State;
use super::views::PAGES;

/// See `templates/base.html`, which every page extends and which expects it as `layout`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// The name of the view, for programs that look at the page; empty when it is none.
    pub(crate) view: &'static str,
    /// Empty where there is nothing to go to.
    pub(crate) nav: Vec<NavItem>,
    /// Whether somebody is logged in and can leave.
    pub(crate) can_log_out: bool,
    pub(crate) styles: &'static [&'static str],
    pub(crate) scripts: &'static [&'static str],
}

/// A link to a view.
#[derive(Debug, Clone)]
pub(crate) struct NavItem {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

impl Layout {
    /// A page with the way to every view; the links keep the state.
    pub(crate) fn of(view: &'static str, path: &str, state: &State) -> Self {
        let pages = PAGES.iter().map(|page| (page.title, page.path));
        let others = [("Live", "/live"), ("What is collected", "/collected")];
        let item = |(label, to): (&'static str, &str)| NavItem {
            label,
            href: state.link(to),
            // The page of one tool is among the tools.
            is_current: to == path || (to != "/" && path.starts_with(&format!("{to}/"))),
        };
        Self { view, nav: pages.chain(others).map(item).collect(), ..Self::default() }
    }

    pub(crate) fn with_charts(self) -> Self {
        Self {
            styles: &["/assets/vendor/uPlot.min.css"],
            scripts: &["/assets/vendor/uPlot.iife.min.js", "/assets/page.js"],
            ..self
        }
    }

    pub(crate) fn with_live(self) -> Self {
        Self { scripts: &["/assets/live.js"], ..self }
    }
}
