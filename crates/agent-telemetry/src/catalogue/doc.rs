//! The catalogue as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Catalogue;
use crate::event::{FieldDef, Properties as _};
use crate::events::Common;
use crate::name::{NameKind, UNKNOWN};
use crate::value::Kind;

/// The version of the exported form.
const FORMAT: u32 = 1;

/// Everything a tool may collect, as data; made by [`Catalogue::document`], read from JSON by the collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueDoc {
    /// The version of this form; 1.
    pub format: u32,
    /// The tool's name, sent as `source`.
    pub source: String,
    /// Properties that go with every event.
    pub common: Vec<FieldDoc>,
    /// The events.
    pub events: Vec<EventDoc>,
}

/// An event's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDoc {
    /// The event's name.
    pub event: String,
    /// What tells apart several events of one name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What happened.
    pub about: String,
    /// Why it is collected.
    pub why: String,
    /// The version that first collects it.
    pub since: String,
    /// When somebody must decide whether it is still needed.
    pub review: String,
    /// Its own properties.
    pub fields: Vec<FieldDoc>,
}

/// A property's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDoc {
    /// The property's name.
    pub name: String,
    /// What it can be.
    pub kind: KindDoc,
    /// False when it may be absent.
    pub required: bool,
    /// The number that an absent property means; 0 for no counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_means: Option<u64>,
    /// What it is needed for.
    pub why: String,
    /// The version that first collects it.
    pub since: String,
}

/// What a property can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KindDoc {
    /// One of fixed words.
    Closed {
        /// The words.
        values: Vec<String>,
    },
    /// `true` or `false`.
    Bool,
    /// A count, 0 to 2^53.
    Count,
    /// A number of tokens, 0 to 2^53.
    Tokens,
    /// Milliseconds, 0 to 2^53.
    Millis,
    /// US dollars with at most 9 decimals.
    Usd,
    /// 0 to 255.
    ExitCode,
    /// A random UUID.
    Uuid,
    /// A release number.
    Version,
    /// A language tag.
    Language,
    /// An identifier of at most 64 bytes: a name of the given thing.
    Name {
        /// `agent`, `tool` or `model`.
        of: String,
    },
    /// An array of fixed words.
    Set {
        /// The words.
        values: Vec<String>,
    },
    /// An object from fixed words to counts.
    Map {
        /// The words.
        keys: Vec<String>,
    },
}

impl FieldDoc {
    /// What the property is when it is absent, where that says something.
    pub(super) fn absent_value(&self) -> Option<Value> {
        match self.kind {
            KindDoc::Map { .. } => self.absent_means.map(|_| Value::Object(serde_json::Map::new())),
            _ => self.absent_means.map(Value::from),
        }
    }
}

impl Catalogue {
    /// The catalogue of the tool named `source` as data.
    #[must_use]
    pub fn document(&self, source: &str) -> CatalogueDoc {
        let fields = |defs: &[FieldDef]| defs.iter().map(|def| self.field(def)).collect();
        CatalogueDoc {
            format: FORMAT,
            source: source.to_owned(),
            common: fields(Common::FIELDS),
            events: self
                .events
                .iter()
                .map(|def| EventDoc {
                    event: def.name.to_owned(),
                    action: def.action.map(str::to_owned),
                    about: def.about.to_owned(),
                    why: def.why.to_owned(),
                    since: def.since.to_owned(),
                    review: def.review.to_owned(),
                    fields: fields(def.fields),
                })
                .collect(),
        }
    }

    fn field(&self, def: &FieldDef) -> FieldDoc {
        FieldDoc {
            name: def.name.to_owned(),
            kind: self.kind(def.kind),
            required: def.required,
            absent_means: def.absent_means,
            why: def.why.to_owned(),
            since: def.since.to_owned(),
        }
    }

    fn kind(&self, kind: Kind) -> KindDoc {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match kind {
            Kind::Closed(words) => KindDoc::Closed { values: owned(words) },
            Kind::Bool => KindDoc::Bool,
            Kind::Count => KindDoc::Count,
            Kind::Tokens => KindDoc::Tokens,
            Kind::Millis => KindDoc::Millis,
            Kind::Usd => KindDoc::Usd,
            Kind::ExitCode => KindDoc::ExitCode,
            Kind::Uuid => KindDoc::Uuid,
            Kind::Version => KindDoc::Version,
            Kind::Language => KindDoc::Language,
            Kind::Name(of) => KindDoc::Name {
                of: match of {
                    NameKind::Agent => "agent",
                    NameKind::Tool => "tool",
                    NameKind::Model => "model",
                }
                .to_owned(),
            },
            Kind::Set(words) => KindDoc::Set { values: owned(words) },
            Kind::Map(words) => KindDoc::Map { keys: owned(words) },
            Kind::Command => {
                let mut values = owned(self.commands);
                values.push(UNKNOWN.to_owned());
                KindDoc::Closed { values }
            }
            Kind::Flags => KindDoc::Set { values: owned(self.flags) },
        }
    }
}

impl CatalogueDoc {
    /// Reads an exported catalogue.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, or that its format is newer than this program's.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let doc: Self = serde_json::from_str(text).map_err(|error| format!("not a catalogue: {error}"))?;
        if doc.format == FORMAT {
            Ok(doc)
        } else {
            Err(format!("catalogue format {}, this program reads format {FORMAT}", doc.format))
        }
    }

    /// The definition of an event: by name and, where there are several of that name, by action.
    #[must_use]
    pub fn event(&self, name: &str, action: Option<&str>) -> Option<&EventDoc> {
        self.events.iter().find(|event| {
            event.event == name && event.action.as_deref().is_none_or(|own| Some(own) == action)
        })
    }
}
