//! The form that changes the address: days, comparison, and a menu for each filter.
//!
//! A filter that the view cannot serve is greyed out and says why; what was chosen in it stays.

use std::sync::Arc;

use askama::Template;

use super::state::State;
use crate::answer::range::{Range, show};
use crate::answer::{FILTERS, FilterSpec};
use crate::store::question::{Key, View};
use crate::store::{StoreError, UnixMs};

/// More values than this are no menu; others can be typed.
const MOST_CHOICES: usize = 40;
const PRESETS: [(i64, &str); 4] = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "A year")];
/// The filters that have a menu, with what it is called.
const MENUS: [(&str, &str); 7] = [
    ("source", "Program"),
    ("version", "Version"),
    ("os", "System"),
    ("arch", "Architecture"),
    ("caller", "Caller"),
    ("agent", "Agent"),
    ("model", "Model"),
];

/// What a page can be asked for, and why not for more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// It does so in any case.
    pub(crate) always_compares: bool,
    pub(crate) serves: &'static [Key],
    /// The end of a sentence.
    pub(crate) limit: &'static str,
}

/// The form.
#[derive(Debug, Template)]
#[template(path = "parts/filters.html")]
pub(crate) struct FilterForm {
    action: String,
    from: String,
    to: String,
    presets: Vec<Preset>,
    is_compared: bool,
    can_compare: bool,
    menus: Vec<Menu>,
    /// What the form keeps although it has no control for it.
    kept: Vec<(&'static str, String)>,
    chips: Vec<Chip>,
    reason: String,
}

#[derive(Debug)]
struct Preset {
    label: &'static str,
    href: String,
    is_current: bool,
}

#[derive(Debug)]
struct Menu {
    name: &'static str,
    label: &'static str,
    is_served: bool,
    chosen: usize,
    choices: Vec<(String, bool)>,
    more: usize,
}

/// A chosen value, and the address without it.
#[derive(Debug)]
struct Chip {
    label: &'static str,
    value: String,
    is_served: bool,
    href: String,
}

/// The values of the filters that have a menu.
pub(crate) fn values(view: &mut dyn View) -> Result<Vec<Vec<Arc<str>>>, StoreError> {
    menus().map(|(filter, _)| view.values(filter.key)).collect()
}

fn menus() -> impl Iterator<Item = (&'static FilterSpec, &'static str)> {
    let filter = |name| FILTERS.iter().find(move |filter| filter.name == name);
    MENUS.iter().filter_map(move |(name, label)| Some((filter(*name)?, *label)))
}

impl FilterForm {
    pub(crate) fn new(
        path: &str,
        state: &State,
        reach: Reach,
        values: &[Vec<Arc<str>>],
        now_ms: UnixMs,
    ) -> Self {
        let preset = |(days, label)| {
            let range = Range::last(days, now_ms);
            Preset { label, href: state.over(range).link(path), is_current: range == state.range }
        };
        let menus: Vec<Menu> = menus()
            .zip(values)
            // Everything of one tool needs no choice between tools.
            .filter(|((filter, _), values)| filter.key != Key::Source || values.len() > 1)
            .map(|((filter, label), values)| {
                Menu::new((filter, label), state.chosen(filter), values, reach.serves.contains(&filter.key))
            })
            .collect();
        let has_menu =
            |filter: &FilterSpec| menus.iter().any(|menu| menu.name == filter.name && menu.is_served);
        let mut kept: Vec<(&'static str, String)> = Vec::new();
        for (filter, values) in state.filters.iter().filter(|(filter, _)| !has_menu(filter)) {
            kept.extend(values.iter().map(|value| (filter.name, value.clone())));
        }
        if state.compare && reach.always_compares {
            kept.push(("compare", "previous".to_owned()));
        }
        Self {
            action: path.to_owned(),
            from: show(state.range.from),
            to: show(state.range.to),
            presets: PRESETS.map(preset).into(),
            is_compared: state.compare || reach.always_compares,
            can_compare: !reach.always_compares,
            chips: chips(path, state, reach),
            reason: reason(&menus, reach),
            kept,
            menus,
        }
    }
}

impl Menu {
    fn new(
        (filter, label): (&'static FilterSpec, &'static str),
        chosen: &[String],
        values: &[Arc<str>],
        is_served: bool,
    ) -> Self {
        let is_known = |value: &String| values.iter().any(|known| **known == **value);
        let unknown = chosen.iter().filter(|value| !is_known(value)).map(|value| (value.clone(), true));
        let all =
            values.iter().map(|value| (value.to_string(), chosen.iter().any(|chosen| **chosen == **value)));
        let mut choices: Vec<(String, bool)> = unknown.chain(all).collect();
        // Those that are chosen are always there.
        choices.sort_by_key(|(_, is_chosen)| !is_chosen);
        let more = choices.len().saturating_sub(MOST_CHOICES.max(chosen.len()));
        choices.truncate(choices.len() - more);
        Self { name: filter.name, label, is_served, chosen: chosen.len(), choices, more }
    }
}

fn chips(path: &str, state: &State, reach: Reach) -> Vec<Chip> {
    let mut chips = Vec::new();
    for (filter, values) in &state.filters {
        for value in values {
            let others = values.iter().filter(|other| *other != value).cloned().collect();
            chips.push(Chip {
                label: filter.name,
                value: value.clone(),
                is_served: reach.serves.contains(&filter.key),
                href: state.with(filter, others).link(path),
            });
        }
    }
    chips
}

/// Why some controls are greyed out; empty when none is.
fn reason(menus: &[Menu], reach: Reach) -> String {
    let off: Vec<String> =
        menus.iter().filter(|menu| !menu.is_served).map(|menu| menu.label.to_lowercase()).collect();
    let mut says = String::new();
    if !off.is_empty() {
        says = format!("Not here: {}, because {}.", off.join(", "), reach.limit);
    }
    if reach.always_compares {
        says.push_str(" The days before are always compared here.");
    }
    says.trim_start().to_owned()
}
