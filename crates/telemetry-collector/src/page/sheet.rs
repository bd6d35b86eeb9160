//! A view with its numbers: the answer laid out as [`super::views`] says.

use askama::Template;

use super::cards::Card;
use super::changes::{self, Changed};
use super::cohorts::Cohorts;
use super::facts::Numbers;
use super::filters::{FilterForm, Reach};
use super::grid::Grid;
use super::layout::Layout;
use super::plot::Plot;
use super::state::{Asked, State, tool_path};
use super::strip::Strip;
use super::verdict::{self, Told};
use super::views::{PageSpec, Section};
use crate::answer::range::show;
use crate::answer::table::Table;
use crate::answer::{FILTERS, Scope};
use crate::catalogue::TRACK_PATH;
use crate::store::question::{Key, View};
use crate::store::{StoreError, UnixMs, day_of};

/// What a request for a view says.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) spec: &'static PageSpec,
    pub(crate) state: State,
    /// The one tool that the page is about.
    pub(crate) tool: Option<String>,
    /// Where the collector was asked, as in `https://HOST`.
    pub(crate) origin: String,
    pub(crate) now_ms: UnixMs,
}

/// What a store has to say to a request.
#[derive(Debug)]
pub(crate) struct Found {
    tables: Vec<Table>,
    values: Vec<Vec<std::sync::Arc<str>>>,
    /// Nothing was ever stored.
    is_untouched: bool,
}

/// A view.
#[derive(Debug, Template)]
#[template(path = "view.html")]
pub(crate) struct Sheet {
    pub(crate) layout: Layout,
    form: FilterForm,
    title: &'static str,
    tool: Option<String>,
    lead: &'static str,
    days: String,
    covers_today: bool,
    is_compared: bool,
    endpoint: String,
    is_untouched: bool,
    cards: Vec<Card>,
    strips: Vec<Strip>,
    changes: Option<Changes>,
    verdicts: Vec<Told>,
    parts: Vec<Part>,
    longer: String,
    unfiltered: Option<String>,
}

#[derive(Debug)]
struct Changes {
    api: String,
    before: String,
    /// With the address of the page that has more of it.
    all: Vec<(Changed, String)>,
}

/// A section with what it shows.
#[derive(Debug)]
struct Part {
    section: &'static Section,
    plots: Vec<Plot>,
    cohorts: Option<Cohorts>,
    grid: Option<Grid>,
    /// The page with more of it.
    more: Option<String>,
}

impl Request {
    /// Asks a store; no more than what is shown.
    pub(crate) fn ask(&self, view: &mut dyn View) -> Result<Found, StoreError> {
        let asked = self.asked();
        let scope: Scope = asked.scope(day_of(self.now_ms));
        Ok(Found {
            tables: asked.spec.answer(view, &scope, asked.compare)?,
            values: super::filters::values(view)?,
            is_untouched: view.last_row()? == 0,
        })
    }

    fn asked(&self) -> Asked {
        let tool = FILTERS.iter().find(|filter| filter.key == Key::Tool);
        let asked = match (&self.tool, tool) {
            (Some(name), Some(filter)) => {
                Asked::new(self.spec.spec, &self.state.with(filter, vec![name.clone()]))
            }
            _ => Asked::new(self.spec.spec, &self.state),
        };
        if self.spec.always_compares { asked.compared() } else { asked }
    }

    fn path(&self) -> String {
        self.tool.as_deref().map_or_else(|| self.spec.path.to_owned(), tool_path)
    }
}

impl Sheet {
    /// Lays out what a store found.
    pub(crate) fn new(request: Request, found: &Found) -> Self {
        let asked = request.asked();
        let (spec, path) = (request.spec, request.path());
        let today = day_of(request.now_ms);
        let elapsed = request.state.range.elapsed(today);
        let numbers = Numbers { asked: &asked, tables: &found.tables, elapsed };
        let reach =
            Reach { always_compares: spec.always_compares, serves: spec.spec.serves, limit: spec.spec.limit };
        let Request { state, tool, origin, now_ms, .. } = request;
        let layout = Layout::of(spec.view, &path, &state).with_charts();
        let range = state.range;
        Self {
            form: FilterForm::new(&path, &state, reach, &found.values, now_ms),
            title: spec.title,
            tool,
            lead: spec.lead,
            days: if range.len() == 1 {
                show(range.from)
            } else {
                format!("{} to {}", show(range.from), show(range.to))
            },
            covers_today: range.contains(today),
            is_compared: asked.compare,
            endpoint: format!("{origin}{TRACK_PATH}"),
            is_untouched: found.is_untouched,
            cards: spec.cards.iter().filter_map(|card| Card::new(card, numbers)).collect(),
            strips: spec.strips.iter().filter_map(|strip| Strip::new(strip, numbers)).collect(),
            changes: spec.always_compares.then(|| Changes::new(numbers, &state)),
            verdicts: verdict::told(numbers, &state, &path),
            parts: spec
                .sections
                .iter()
                .filter_map(|section| Part::new(section, numbers, &state, today))
                .collect(),
            longer: state.over(range.longer()).link(&path),
            unfiltered: (!state.filters.is_empty()).then(|| state.unfiltered().link(&path)),
            layout,
        }
    }
}

impl Changes {
    fn new(numbers: Numbers<'_>, state: &State) -> Self {
        let before = state.range.previous();
        let with_link = |changed: Changed| {
            let href = state.link(&changed.path);
            (changed, href)
        };
        Self {
            api: numbers.asked.api(),
            before: format!("{} to {}", show(before.from), show(before.to)),
            all: changes::most(numbers).into_iter().map(with_link).collect(),
        }
    }
}

impl Part {
    /// `None` when the answer does not have the table.
    fn new(section: &'static Section, numbers: Numbers<'_>, state: &State, today: i64) -> Option<Self> {
        numbers.table(section.table)?;
        let has_rows = section.plots.is_empty() || numbers.has_any(section.table);
        let plot =
            |plot: &super::plot::PlotSpec| Plot::new(numbers, *plot, section.table, state.range, today);
        Some(Self {
            section,
            plots: section.plots.iter().filter_map(plot).collect(),
            cohorts: section.has_cohorts.then(|| Cohorts::new(numbers, today)).flatten(),
            grid: has_rows.then(|| Grid::new(numbers, section, &|path| state.link(path))).flatten(),
            more: (!section.more.is_empty()).then(|| state.link(section.more)),
        })
    }

    fn is_folded(&self) -> bool {
        !self.plots.is_empty() || self.cohorts.is_some()
    }
}
