//! Query parameters: each known, each once unless it is a filter; anything else is refused with a reason.
//!
//! A parameter that is not known is named, cut short and with nothing in it that is more than text. The fields of a form
//! are not: what stands at the place of a name there may be a secret.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::ApiError;
use super::format::Format;
use crate::answer::range::Range;
use crate::answer::table::TableSpec;
use crate::answer::{FILTERS, FilterSpec, Scope, ViewSpec};
use crate::page::State;
use crate::store::question::{Filters, Key};
use crate::store::{UnixMs, day_of};

/// More values than this do not fit a question that anybody has.
const MOST_VALUES: usize = 100;

/// Of a name that is not known, as many characters are repeated.
const MOST_NAMED: usize = 40;

/// The parameters of a request.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    origin: Origin,
}

/// Where parameters stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Query,
    Form,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|_| {
            ApiError::bad_query("the query cannot be read: it must be name=value pairs in UTF-8")
        })?;
        Ok(Self { pairs, origin: Origin::Query })
    }
}

impl Params {
    /// The fields of a form, as its browser sends them.
    pub(super) fn of_form(body: &[u8]) -> Self {
        Self { pairs: form_urlencoded::parse(body).into_owned().collect(), origin: Origin::Form }
    }

    /// The values of `names`, in their order; there are no filters.
    ///
    /// `what` is the path's own name, for the person who gave something that it does not take.
    pub(super) fn take<const N: usize>(
        self,
        what: &str,
        names: [&str; N],
    ) -> Result<[Option<String>; N], ApiError> {
        self.take_beside(what, names, &[])
    }

    /// The same beside filters that were taken already.
    fn take_beside<const N: usize>(
        self,
        what: &str,
        names: [&str; N],
        taken: &[Key],
    ) -> Result<[Option<String>; N], ApiError> {
        let mut values = [const { None }; N];
        for (name, value) in self.pairs {
            let Some(index) = names.iter().position(|known| *known == name) else {
                return Err(match FILTERS.iter().find(|filter| filter.name == name) {
                    Some(filter) => ApiError::unservable(what, filter.name, "it takes no filters"),
                    None => unknown((&name, self.origin), what, &names, taken),
                });
            };
            if values[index].replace(value).is_some() {
                return Err(twice(names[index]));
            }
        }
        Ok(values)
    }

    /// The filters, each value once, and the other parameters.
    fn filters(self) -> Result<(Chosen, Self), ApiError> {
        let mut filters = Chosen::new();
        let mut rest = Vec::new();
        let mut count = 0;
        for (name, value) in self.pairs {
            let Some(filter) = FILTERS.iter().find(|filter| filter.name == name) else {
                rest.push((name, value));
                continue;
            };
            if value.is_empty() {
                continue;
            }
            count += 1;
            if count > MOST_VALUES {
                return Err(ApiError::bad_query(format!("a request may filter by {MOST_VALUES} values")));
            }
            match filters.iter_mut().find(|(known, _)| *known == filter) {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => filters.push((filter, vec![value])),
            }
        }
        Ok((filters, Self { pairs: rest, ..self }))
    }

    /// The state of a page. A form sends what was left empty, too.
    pub(super) fn state(self, page: &str, now_ms: UnixMs) -> Result<State, ApiError> {
        let (filters, rest) = self.filters()?;
        let given = rest.take_beside(page, ["from", "to", "compare"], &FILTERS.map(|filter| filter.key))?;
        let [from, to, compare] = given.map(|text| text.filter(|text| !text.is_empty()));
        Ok(State {
            range: Range::parse(from.as_deref(), to.as_deref(), now_ms)?,
            has_days: from.is_some() || to.is_some(),
            compare: compares(compare.as_deref())?,
            filters,
        })
    }

    /// What is asked of a view.
    pub(super) fn asked(self, view: &ViewSpec, now_ms: UnixMs) -> Result<Asked, ApiError> {
        let (filters, rest) = self.filters()?;
        if let Some((filter, _)) = filters.iter().find(|(filter, _)| !view.serves.contains(&filter.key)) {
            return Err(ApiError::unservable(view.name, filter.name, view.limit));
        }
        let [from, to, compare, format, table] =
            rest.take_beside(view.name, ["from", "to", "compare", "format", "table"], view.serves)?;
        let compare = compares(compare.as_deref())?;
        let format = Format::parse(format.as_deref())?;
        Ok(Asked {
            scope: Scope {
                range: Range::parse(from.as_deref(), to.as_deref(), now_ms)?,
                filters: filters
                    .iter()
                    .fold(Filters::default(), |all, (filter, values)| all.with(filter.key, values.clone())),
                today: day_of(now_ms),
            },
            shown_filters: filters.into_iter().map(|(filter, values)| (filter.name, values)).collect(),
            compare,
            format,
            table: table_of(view, table.as_deref(), format)?,
        })
    }
}

type Chosen = Vec<(&'static FilterSpec, Vec<String>)>;

/// What is asked of a view.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scope: Scope,
    /// The filters by the name of their parameter.
    pub(super) shown_filters: Vec<(&'static str, Vec<String>)>,
    pub(super) compare: bool,
    pub(super) format: Format,
    /// For the flat formats.
    pub(super) table: &'static str,
}

/// Reads `compare`.
fn compares(text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None => Ok(false),
        Some("previous") => Ok(true),
        Some(_) => Err(ApiError::bad_query("compare must be previous")),
    }
}

fn table_of(view: &ViewSpec, name: Option<&str>, format: Format) -> Result<&'static str, ApiError> {
    let Some(name) = name else { return Ok(view.main) };
    let known = view.tables.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    let table: &TableSpec = view
        .table(name)
        .ok_or_else(|| ApiError::bad_query(format!("{} has no such table; it has {known}", view.name)))?;
    match format {
        Format::Json => Err(ApiError::bad_query(
            "table goes with format=csv or format=ndjson; a JSON answer has all tables",
        )),
        Format::Csv | Format::Ndjson => Ok(table.name),
    }
}

fn unknown((name, origin): (&str, Origin), what: &str, names: &[&str], filters: &[Key]) -> ApiError {
    let filters = FILTERS.iter().filter(|filter| filters.contains(&filter.key)).map(|filter| filter.name);
    let names: Vec<&str> = names.iter().copied().chain(filters).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    ApiError::bad_query(match origin {
        Origin::Query => format!("{what} takes no parameter {}; it takes {names}", shortened(name)),
        Origin::Form => format!("{what} takes no other fields than {names}"),
    })
}

/// A name in quotes, so that whoever wrote it knows it again, and nobody is hurt by it.
fn shortened(name: &str) -> String {
    let shown: String = name.chars().take(MOST_NAMED).flat_map(char::escape_default).collect();
    let end = if name.chars().nth(MOST_NAMED).is_some() { "…" } else { "" };
    format!("\"{shown}{end}\"")
}

fn twice(name: &str) -> ApiError {
    ApiError::bad_query(format!("{name} is given twice"))
}

/// A whole number within bounds.
pub(super) fn number(
    name: &str,
    text: Option<&str>,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && bounds.contains(number));
    number.map(Some).ok_or_else(|| match *bounds.end() {
        i64::MAX => {
            ApiError::bad_query(format!("{name} must be a whole number, at least {}", bounds.start()))
        }
        end => ApiError::bad_query(format!("{name} must be a whole number from {} to {end}", bounds.start())),
    })
}
