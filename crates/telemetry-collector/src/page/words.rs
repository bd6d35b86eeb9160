//! What the codes of answers mean, for people.

use crate::catalogue::RejectCode;

/// A code in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) text: &'static str,
    /// Whether the code stands beside the words: for those who look for it in a client's log or in the answer.
    pub(crate) has_code: bool,
}

/// What a value of a column means, where it is a code.
pub(crate) fn of(column: &str, code: &str) -> Option<Words> {
    let (known, has_code): (&[_], bool) = match column {
        "fate" => (&FATES, true),
        "code" => (&REFUSALS, true),
        "failure_verdict" | "duration_verdict" => (&VERDICTS, false),
        "what" => (&COUNTED, false),
        _ => return None,
    };
    let (_, text) = known.iter().find(|(known, _)| *known == code)?;
    Some(Words { text, has_code })
}

/// What became of what arrived, as the health answer counts it.
const FATES: [(&str, &str); 10] = [
    ("accepted", "Stored"),
    ("late", "Of the stored: on a later day than theirs"),
    ("clock_off", "Of the stored: by a clock more than 10 minutes off"),
    ("duplicate", "Sent again, stored once"),
    ("conflict", "Sent again with other content; the first stays"),
    ("rejected", "Refused"),
    ("rejected_property", "A property of what was refused"),
    ("dropped", "Left out, the rest was stored"),
    ("dropped_property", "A property that was left out"),
    ("capped_name", "Stored as “other”: too many new names in a day"),
];

const REFUSALS: [(&str, &str); 8] = [
    (RejectCode::UnknownSource.as_str(), "From a tool whose events are not taken here"),
    (RejectCode::UnknownEvent.as_str(), "An event that is not in the tool's catalogue"),
    (RejectCode::MissingProperty.as_str(), "Something that must be there is missing"),
    (RejectCode::BadType.as_str(), "A value that its property cannot have"),
    (RejectCode::BadName.as_str(), "A name that is no plain identifier"),
    (RejectCode::TooOld.as_str(), "More than 45 days old"),
    (RejectCode::InFuture.as_str(), "More than a day in the future"),
    (RejectCode::TooLarge.as_str(), "Longer than a record may be"),
];

const VERDICTS: [(&str, &str); 4] = [
    ("worse", "worse"),
    ("better", "better"),
    ("same", "no difference beyond chance"),
    ("too_few", "too few to tell"),
];

const COUNTED: [(&str, &str); 2] = [("commands", "Commands"), ("tool_calls", "Tool calls")];
