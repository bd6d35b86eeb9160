//! May events be sent? One pure, total function of everything that was said.
//!
//! **Any off beats any on.** A value that nobody understands is an off.
//! "On" without an explicit yes means: on after the notice was shown in an earlier run.

mod file;
mod table;

pub use file::{Choice, ConsentFile, Notice, Saved};
pub(crate) use file::{read, update};
pub use table::table;

use crate::endpoint::Endpoint;
use crate::inputs::Inputs;

/// The version of the notice's text; a higher one is shown again.
pub const NOTICE_VERSION: u32 = 1;

/// Whether events are recorded and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Recorded and sent.
    On,
    /// Recorded, kept here, not sent.
    Held,
    /// Nothing is recorded, written or sent.
    Off,
}

impl State {
    /// `on`, `held` or `off`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Held => "held",
            Self::Off => "off",
        }
    }
}

/// What an input does to the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Says off.
    Off,
    /// Says on, explicitly.
    On,
    /// Keeps events here.
    Hold,
    /// Says nothing.
    Nothing,
    /// Is not obeyed.
    Ignored,
}

impl Effect {
    /// The effect as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Hold => "hold",
            Self::Nothing => "nothing",
            Self::Ignored => "ignored",
        }
    }
}

/// One input and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputLine {
    /// Where it comes from.
    pub name: &'static str,
    /// What it says.
    pub value: String,
    /// What that does.
    pub effect: Effect,
}

/// The decision, with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// May events be recorded, and sent?
    pub state: State,
    /// The input that decided.
    pub decided_by: &'static str,
    /// All inputs, in the order in which they are asked.
    pub inputs: Vec<InputLine>,
    /// Whether somebody said yes explicitly.
    pub explicit: bool,
    /// Whether the environment said yes explicitly: then events are sent even when nothing can be written here.
    pub explicit_env: bool,
    /// Whether the notice is still to be shown.
    pub notice_due: bool,
    /// A value that was not understood, in a sentence for stderr.
    pub complaint: Option<String>,
}

/// What [`decide`] knows beside the environment.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// The environment.
    pub inputs: &'a Inputs,
    /// `telemetry.json` in the configuration folder, as it was when the process started.
    pub saved: &'a Saved,
    /// `telemetry.json` in the default folder, when that is another one.
    pub saved_default: Option<&'a Saved>,
    /// Where events go.
    pub endpoint: &'a Endpoint,
}

impl<'a> Facts<'a> {
    /// All facts.
    #[must_use]
    pub fn new(
        inputs: &'a Inputs,
        saved: &'a Saved,
        saved_default: Option<&'a Saved>,
        endpoint: &'a Endpoint,
    ) -> Self {
        Self { inputs, saved, saved_default, endpoint }
    }
}

/// Decides. Pure and total: the same facts give the same decision, and every combination gives one.
#[must_use]
pub fn decide(facts: Facts<'_>) -> Decision {
    let Facts { inputs, saved, saved_default, endpoint } = facts;
    let mut lines = Vec::with_capacity(8);
    let mut complaint = None;
    let mut ask = |name: &'static str, value: &str, effect: Effect, unclear: bool| {
        if unclear && complaint.is_none() {
            complaint =
                Some(format!("{name}={value} is not understood, so telemetry is off; use true or false"));
        }
        lines.push(InputLine { name, value: value.to_owned(), effect });
    };

    let enabled = Switch::read(inputs.enabled.as_deref());
    ask("TELEMETRY_ENABLED", shown(inputs.enabled.as_deref()), enabled.effect(), enabled == Switch::Unclear);
    let dnt = do_not_track(inputs.do_not_track.as_deref());
    ask("DO_NOT_TRACK", shown(inputs.do_not_track.as_deref()), dnt, false);
    if inputs.file_enabled.is_some() {
        let switch = Switch::read(inputs.file_enabled.as_deref());
        let effect = if switch == Switch::On { Effect::Ignored } else { switch.effect() };
        ask(
            "TELEMETRY_ENABLED in --env-from-file",
            shown(inputs.file_enabled.as_deref()),
            effect,
            switch == Switch::Unclear,
        );
    }
    if inputs.file_do_not_track.is_some() {
        let effect = do_not_track(inputs.file_do_not_track.as_deref());
        ask("DO_NOT_TRACK in --env-from-file", shown(inputs.file_do_not_track.as_deref()), effect, false);
    }
    let unreadable = |saved: &Saved| {
        saved.problem().map(|problem| format!("telemetry.json {problem}, so telemetry is off"))
    };
    ask("saved choice", saved.describe(), saved.effect(), false);
    if let Some(other) = saved_default {
        ask("saved choice in the default folder", other.describe(), other.effect(), false);
    }
    complaint = complaint.or_else(|| unreadable(saved)).or_else(|| saved_default.and_then(unreadable));

    let notice_shown = saved.notice().is_some_and(|notice| notice.covers(endpoint));
    let hold_notice = if notice_shown { Effect::Nothing } else { Effect::Hold };
    let notice_value = match (notice_shown, inputs.hide_notice) {
        (true, _) => "shown in an earlier run",
        (false, true) => "hidden, not shown yet",
        (false, false) => "not shown before this run",
    };
    lines.push(InputLine { name: "notice", value: notice_value.to_owned(), effect: hold_notice });
    let hold_endpoint = if endpoint.problem().is_some() { Effect::Hold } else { Effect::Nothing };
    lines.push(InputLine { name: "endpoint", value: endpoint.describe(), effect: hold_endpoint });
    if let Some(tags) = &inputs.tags {
        lines.push(InputLine { name: "TELEMETRY_TAGS", value: tags.clone(), effect: Effect::Ignored });
    }

    let first = |effect: Effect| lines.iter().find(|line| line.effect == effect).map(|line| line.name);
    let explicit = first(Effect::On);
    let (state, decided_by) = if let Some(name) = first(Effect::Off) {
        (State::Off, name)
    } else if hold_endpoint == Effect::Hold {
        (State::Held, "endpoint")
    } else if let Some(name) = explicit {
        (State::On, name)
    } else if !notice_shown {
        (State::Held, "notice")
    } else {
        (State::On, "notice")
    };
    let off = state == State::Off;
    Decision {
        state,
        decided_by,
        explicit: explicit.is_some() && !off,
        explicit_env: enabled == Switch::On && !off,
        notice_due: !off && !notice_shown && !inputs.hide_notice,
        complaint,
        inputs: lines,
    }
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("not set")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    Unset,
    On,
    Off,
    Unclear,
}

impl Switch {
    fn read(value: Option<&str>) -> Self {
        match value.map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None | Some("") => Self::Unset,
            Some("true" | "1" | "yes" | "on") => Self::On,
            Some("false" | "0" | "no" | "off") => Self::Off,
            Some(_) => Self::Unclear,
        }
    }

    fn effect(self) -> Effect {
        match self {
            Self::Unset => Effect::Nothing,
            Self::On => Effect::On,
            Self::Off | Self::Unclear => Effect::Off,
        }
    }
}

/// Whether a value of `TELEMETRY_ENABLED` means off.
pub(crate) fn enabled_says_no(value: Option<&str>) -> bool {
    Switch::read(value).effect() == Effect::Off
}

/// Whether a value of `DO_NOT_TRACK` means off.
pub(crate) fn do_not_track_says_no(value: Option<&str>) -> bool {
    do_not_track(value) == Effect::Off
}

/// <https://consoledonottrack.com>: any value opts out, but for the usual ways of writing "no".
fn do_not_track(value: Option<&str>) -> Effect {
    match Switch::read(value) {
        Switch::Unset | Switch::Off => Effect::Nothing,
        Switch::On | Switch::Unclear => Effect::Off,
    }
}
