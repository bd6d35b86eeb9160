//! The pages that maintainers open: every answer as HTML, the newest events, and what is collected.
//!
//! Complete without JavaScript; all state is in the address. A page computes no number of its own: what it shows is in
//! the JSON answer whose address stands beside it, with the same exact value.
//! Every text from the store goes through the templates' escaping, names within `<bdi>`. No other host is named.
//!
//! [`views`] says what each view shows, [`sheet`] lays an answer out, the other modules are its parts.

mod cards;
mod changes;
mod cohorts;
mod collected;
mod facts;
mod filters;
mod format;
mod grid;
mod layout;
mod live;
mod login;
mod plot;
mod problem;
mod sheet;
mod state;
mod strip;
mod verdict;
mod views;
mod words;

pub(crate) mod assets;

pub(crate) use collected::Collected;
pub(crate) use live::{LIVE_EVENTS, Live};
pub(crate) use login::LoginPage;
pub(crate) use problem::Problem;
pub(crate) use sheet::{Request, Sheet};
pub(crate) use state::State;
pub(crate) use views::{PAGES, PageSpec, TOOL};
