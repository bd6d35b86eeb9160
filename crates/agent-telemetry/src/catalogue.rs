//! A tool's list of everything it may ever collect.
//!
//! [`Catalogue`] is the compiled form, made by [`catalogue!`](crate::catalogue!); [`CatalogueDoc`] is the same as data:
//! what `telemetry explain --json` prints, what `docs/telemetry.md` is rendered from, and what the collector checks
//! arriving records against.

mod check;
mod doc;
mod explain;
mod schema;

pub use check::{Checked, CheckedValue, RejectCode, Rejection};
pub use doc::{CatalogueDoc, EventDoc, FieldDoc, KindDoc};
pub use explain::{explain, markdown, preview};

use crate::event::EventDef;
use crate::name::{KnownNames, NamePolicy};
use crate::value::{Kind, Value, sealed};
use crate::value::{words_of, write_set, write_word};

/// Everything a tool may collect; made by [`catalogue!`](crate::catalogue!).
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    /// The events, in the order in which they are explained.
    pub events: &'static [EventDef],
    /// The paths of the tool's commands.
    pub commands: &'static [&'static str],
    /// The names of the tool's flags; at most 128.
    pub flags: &'static [&'static str],
    /// The names the tool ships with.
    pub known: KnownNames,
}

/// Declares a [`Catalogue`]: the events, commands, flags and names of a tool, once.
///
/// ```
/// agent_telemetry::catalogue! {
///     /// What acme collects.
///     pub static CATALOGUE = {
///         events: [agent_telemetry::events::CommandEnded],
///         commands: ["export", "sessions list"],
///         flags: ["verbose"],
///     };
/// }
/// assert_eq!(CATALOGUE.events.len(), 1);
/// ```
#[macro_export]
macro_rules! catalogue {
    (
        $(#[$meta:meta])*
        $vis:vis static $name:ident = {
            events: [$($event:ty),* $(,)?],
            commands: $commands:expr,
            flags: $flags:expr
            $(, agents: $agents:expr)?
            $(, tools: $tools:expr)?
            $(, models: $models:expr)?
            $(,)?
        };
    ) => {
        $(#[$meta])*
        $vis static $name: $crate::Catalogue = $crate::Catalogue {
            events: &[$(<$event as $crate::Event>::DEF),*],
            commands: &$commands,
            flags: &$flags,
            known: $crate::KnownNames {
                agents: $crate::catalogue!(@words $($agents)?),
                tools: $crate::catalogue!(@words $($tools)?),
                models: $crate::catalogue!(@words $($models)?),
            },
        };
    };
    (@words) => { &[] };
    (@words $words:expr) => { &$words };
}

impl Catalogue {
    /// Whether an event is listed.
    #[must_use]
    pub fn contains(&self, event: &EventDef) -> bool {
        self.events.iter().any(|known| known.name == event.name && known.action == event.action)
    }

    /// A declared command's path; `unknown` for every other text.
    #[must_use]
    pub fn command(&self, path: &str) -> CommandPath {
        CommandPath(
            self.commands.iter().find(|known| **known == path).copied().unwrap_or(crate::name::UNKNOWN),
        )
    }

    /// The declared ones among some flag names, given with or without leading dashes and values.
    #[must_use]
    pub fn flags<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> FlagSet {
        let mut bits = 0u128;
        for flag in given {
            let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
            if let Some(at) = self.flags.iter().take(128).position(|known| *known == name) {
                bits |= 1 << at;
            }
        }
        FlagSet { bits, words: self.flags }
    }
}

/// The path of a declared command, such as `sessions list`; made by [`Catalogue::command`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandPath(&'static str);

impl CommandPath {
    /// The path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl sealed::Allowed for CommandPath {}
impl Value for CommandPath {
    const KIND: Kind = Kind::Command;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        write_word(out, self.0);
    }
}

/// Names of declared flags; made by [`Catalogue::flags`].
#[derive(Debug, Clone, Copy)]
pub struct FlagSet {
    bits: u128,
    words: &'static [&'static str],
}

impl FlagSet {
    /// No flags.
    pub const EMPTY: Self = Self { bits: 0, words: &[] };
}

impl sealed::Allowed for FlagSet {}
impl Value for FlagSet {
    const KIND: Kind = Kind::Flags;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        write_set(out, words_of(self.bits, self.words));
    }
}
