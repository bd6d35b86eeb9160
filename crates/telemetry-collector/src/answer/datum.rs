//! The values that answers are made of: how each is written in JSON and CSV, described in a schema, and compared.
//!
//! A number is kept exact until it is written: money is nano-dollars, a quotient its two halves.
//! What nobody knows is `null` (an empty field in CSV), never zero.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::range::show;
use crate::store::Day;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Date,
    MaybeDate,
    Count,
    MaybeCount,
    /// US dollars with up to 9 decimals.
    Dollars,
    /// A share or a mean, with up to 6 decimals.
    Quotient,
    /// Names with a count each.
    Tally,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Null,
    Text(Arc<str>),
    Date(Day),
    Count(u64),
    /// A difference of counts.
    Change(i128),
    /// Nano-dollars, negative in differences.
    Dollars(i128),
    Quotient(f64),
    Tally(BTreeMap<Arc<str>, u64>),
}

/// A field of a row: its form is known at compile time.
pub(crate) trait Shown {
    const FORM: Form;
    fn datum(&self) -> Datum;
}

impl Shown for Arc<str> {
    const FORM: Form = Form::Text;
    fn datum(&self) -> Datum {
        Datum::Text(Arc::clone(self))
    }
}

impl Shown for u64 {
    const FORM: Form = Form::Count;
    fn datum(&self) -> Datum {
        Datum::Count(*self)
    }
}

impl Shown for Option<u64> {
    const FORM: Form = Form::MaybeCount;
    fn datum(&self) -> Datum {
        self.map_or(Datum::Null, Datum::Count)
    }
}

/// A UTC day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Day);

impl Shown for Date {
    const FORM: Form = Form::Date;
    fn datum(&self) -> Datum {
        Datum::Date(self.0)
    }
}

impl Shown for Option<Date> {
    const FORM: Form = Form::MaybeDate;
    fn datum(&self) -> Datum {
        self.map_or(Datum::Null, |date| Datum::Date(date.0))
    }
}

/// An amount of money in nano-dollars; `None` when nobody knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dollars(pub(crate) Option<u64>);

impl Shown for Dollars {
    const FORM: Form = Form::Dollars;
    fn datum(&self) -> Datum {
        self.0.map_or(Datum::Null, |nano| Datum::Dollars(nano.into()))
    }
}

/// A part of a whole; nothing when there is no whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quotient {
    pub(crate) part: u64,
    pub(crate) whole: u64,
}

impl Quotient {
    pub(crate) fn of(part: u64, whole: u64) -> Self {
        Self { part, whole }
    }
}

impl Shown for Quotient {
    const FORM: Form = Form::Quotient;
    fn datum(&self) -> Datum {
        match self.whole {
            0 => Datum::Null,
            whole => Datum::Quotient(rounded(self.part as f64 / whole as f64)),
        }
    }
}

/// Names with a count each.
pub(crate) type Tally = BTreeMap<Arc<str>, u64>;

impl Shown for Tally {
    const FORM: Form = Form::Tally;
    fn datum(&self) -> Datum {
        Datum::Tally(self.clone())
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

impl Form {
    /// What stands for this value in a row that does not exist.
    pub(crate) fn nothing(self) -> Datum {
        match self {
            Self::Count => Datum::Count(0),
            Self::Tally => Datum::Tally(BTreeMap::new()),
            Self::Text => Datum::Text("".into()),
            Self::Date | Self::MaybeDate | Self::MaybeCount | Self::Dollars | Self::Quotient => Datum::Null,
        }
    }

    /// Whether two values of this form have a difference.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Count | Self::MaybeCount | Self::Dollars | Self::Quotient)
    }

    /// The JSON schema of a value.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Date => json!({ "type": "string", "format": "date" }),
            Self::MaybeDate => json!({ "type": ["string", "null"], "format": "date" }),
            Self::Count => json!({ "type": "integer", "minimum": 0 }),
            Self::MaybeCount => json!({ "type": ["integer", "null"], "minimum": 0 }),
            Self::Dollars | Self::Quotient => json!({ "type": ["number", "null"], "minimum": 0 }),
            Self::Tally => json!({
                "type": "object", "additionalProperties": { "type": "integer", "minimum": 1 }
            }),
        }
    }

    /// The JSON schema of a difference.
    pub(crate) fn change_schema(self) -> Value {
        match self {
            Self::Count => json!({ "type": "integer" }),
            Self::MaybeCount => json!({ "type": ["integer", "null"] }),
            _ => json!({ "type": ["number", "null"] }),
        }
    }

    /// For the documentation.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::MaybeDate => "date or null",
            Self::Count => "count",
            Self::MaybeCount => "count or null",
            Self::Dollars => "US dollars or null",
            Self::Quotient => "number or null",
            Self::Tally => "object of counts",
        }
    }
}

impl Datum {
    /// This value less `before`; null when one of them is not known.
    pub(crate) fn since(&self, before: &Self) -> Self {
        match (self, before) {
            (Self::Count(now), Self::Count(before)) => Self::Change(i128::from(*now) - i128::from(*before)),
            (Self::Dollars(now), Self::Dollars(before)) => Self::Dollars(now - before),
            (Self::Quotient(now), Self::Quotient(before)) => Self::Quotient(rounded(now - before)),
            _ => Self::Null,
        }
    }

    /// The value as text in a table; empty for null.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.to_string(),
            Self::Date(day) => show(*day),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Date(day) => serializer.serialize_str(&show(*day)),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Change(change) => {
                let bound = |bound: i64| i128::from(bound);
                serializer.serialize_i64((*change).clamp(bound(i64::MIN), bound(i64::MAX)) as i64)
            }
            // The quotient of two exact numbers is the double nearest to the decimal.
            Self::Dollars(nano) => serializer.serialize_f64(*nano as f64 / 1e9),
            Self::Quotient(number) => serializer.serialize_f64(*number),
            Self::Tally(tally) => serializer.collect_map(tally.iter().map(|(name, n)| (name.as_ref(), n))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(datum: &Datum) -> String {
        serde_json::to_string(datum).unwrap()
    }

    #[test]
    fn differences_are_exact_and_unknown_stays_unknown() {
        let dollars = |nano| Dollars(nano).datum();
        assert_eq!(json_of(&dollars(Some(300_000_000)).since(&dollars(Some(100_000_001)))), "0.199999999");
        assert_eq!(json_of(&dollars(Some(1)).since(&dollars(None))), "null");
        assert_eq!(json_of(&Datum::Count(0).since(&Datum::Count(u64::MAX))), i64::MIN.to_string());
        assert_eq!(json_of(&Quotient::of(1, 3).datum().since(&Quotient::of(1, 2).datum())), "-0.166667");
        assert_eq!(json_of(&Quotient::of(0, 0).datum()), "null");
    }
}
