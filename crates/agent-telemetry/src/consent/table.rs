//! The decision as a table for people, rendered out of [`decide`] itself, so that it cannot say anything else.

use std::fmt::Write as _;

use super::{Choice, ConsentFile, Decision, Facts, NOTICE_VERSION, Notice, Saved, State, decide};
use crate::endpoint::Endpoint;
use crate::inputs::Inputs;

/// The collector of the table's machine.
const HERE: &str = "https://telemetry.example/events/v1/track";
const ELSEWHERE: &str = "https://other.example/events/v1/track";
const LOOPBACK: &str = "http://127.0.0.1:4380/events/v1/track";
const PLAIN: &str = "http://telemetry.example/events/v1/track";

/// One combination of inputs; what is not named says nothing.
#[derive(Default)]
struct Row {
    enabled: Option<&'static str>,
    do_not_track: Option<&'static str>,
    env_file: Option<&'static str>,
    choice: Choices,
    /// The endpoint that the notice named when it was shown.
    noticed: Option<&'static str>,
    hidden: bool,
    endpoint: Where,
}

/// What is saved.
#[derive(Default, Clone, Copy)]
enum Choices {
    #[default]
    None,
    On,
    Off,
    OnHereOffInDefaultFolder,
    Corrupt,
    Newer,
}

/// Where events would go.
#[derive(Default, Clone, Copy)]
enum Where {
    #[default]
    Here,
    Elsewhere,
    Loopback,
    Plain,
    Nowhere,
}

/// The decision for the combinations that people ask about, as a Markdown table.
#[must_use]
pub fn table() -> String {
    let mut out = String::from(
        "| `TELEMETRY_ENABLED` | `DO_NOT_TRACK` | env-file | saved choice | notice | endpoint | telemetry is | because of |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows() {
        let decision = row.decide();
        let is = match decision.state {
            State::On => "**on**",
            State::Held => "**held**",
            State::Off => "**off**",
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {is} | {} |",
            code(row.enabled),
            code(row.do_not_track),
            code(row.env_file.map(|value| format!("TELEMETRY_ENABLED={value}")).as_deref()),
            row.choice.words(),
            row.notice(),
            row.endpoint.words(),
            decision.decided_by,
        );
    }
    out
}

fn rows() -> Vec<Row> {
    let row = Row::default;
    let noticed = || Row { noticed: Some(HERE), ..Row::default() };
    vec![
        row(),
        noticed(),
        Row { hidden: true, ..row() },
        Row { endpoint: Where::Elsewhere, ..noticed() },
        Row { endpoint: Where::Loopback, ..noticed() },
        Row { enabled: Some("true"), ..row() },
        Row { enabled: Some("false"), ..noticed() },
        Row { enabled: Some("OFF"), ..noticed() },
        Row { enabled: Some("maybe"), ..noticed() },
        Row { enabled: Some("false"), choice: Choices::On, ..noticed() },
        Row { do_not_track: Some("1"), ..noticed() },
        Row { do_not_track: Some("0"), ..noticed() },
        Row { enabled: Some("true"), do_not_track: Some("1"), ..noticed() },
        Row { enabled: Some("true"), env_file: Some("false"), ..noticed() },
        Row { env_file: Some("true"), ..row() },
        Row { choice: Choices::On, ..row() },
        Row { choice: Choices::Off, ..noticed() },
        Row { enabled: Some("true"), choice: Choices::Off, ..noticed() },
        Row { choice: Choices::OnHereOffInDefaultFolder, ..noticed() },
        Row { enabled: Some("true"), choice: Choices::Corrupt, ..noticed() },
        Row { choice: Choices::Newer, ..noticed() },
        Row { enabled: Some("true"), endpoint: Where::Nowhere, ..row() },
        Row { enabled: Some("true"), endpoint: Where::Plain, ..row() },
    ]
}

impl Row {
    fn decide(&self) -> Decision {
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let inputs = Inputs {
            enabled: owned(self.enabled),
            do_not_track: owned(self.do_not_track),
            file_enabled: owned(self.env_file),
            hide_notice: self.hidden,
            endpoint: owned(self.endpoint.url()),
            ..Inputs::default()
        };
        let endpoint = Endpoint::from_inputs(&inputs);
        let (saved, other) = self.saved();
        decide(Facts::new(&inputs, &saved, other.as_ref(), &endpoint))
    }

    /// What is saved here and in the default folder.
    fn saved(&self) -> (Saved, Option<Saved>) {
        let notice = self.noticed.map(|endpoint| Notice {
            version: NOTICE_VERSION,
            shown_ms: 0,
            endpoint: endpoint.to_owned(),
        });
        let with = |choice| Saved::Read(ConsentFile { choice, notice, ..ConsentFile::default() });
        let off = ConsentFile { choice: Some(Choice::Off), ..ConsentFile::default() };
        match self.choice {
            Choices::None => (with(None), None),
            Choices::On => (with(Some(Choice::On)), None),
            Choices::Off => (with(Some(Choice::Off)), None),
            Choices::OnHereOffInDefaultFolder => (with(Some(Choice::On)), Some(Saved::Read(off))),
            Choices::Corrupt => (Saved::Corrupt, None),
            Choices::Newer => (Saved::Newer, None),
        }
    }

    fn notice(&self) -> &'static str {
        match (self.noticed, self.choice, self.hidden) {
            (_, Choices::Corrupt | Choices::Newer, _) => "unknown",
            (Some(_), ..) => "shown earlier",
            (None, _, true) => "hidden",
            (None, _, false) => "not yet shown",
        }
    }
}

impl Choices {
    const fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::On => "on",
            Self::Off => "off",
            Self::OnHereOffInDefaultFolder => "on here, off in the default folder",
            Self::Corrupt => "cannot be read",
            Self::Newer => "of a newer version",
        }
    }
}

impl Where {
    const fn url(self) -> Option<&'static str> {
        match self {
            Self::Here => Some(HERE),
            Self::Elsewhere => Some(ELSEWHERE),
            Self::Loopback => Some(LOOPBACK),
            Self::Plain => Some(PLAIN),
            Self::Nowhere => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Here => "",
            Self::Elsewhere => "another than in the notice",
            Self::Loopback => "this machine",
            Self::Plain => "plain HTTP to another machine",
            Self::Nowhere => "none in this build",
        }
    }
}

fn code(value: Option<&str>) -> String {
    value.map(|value| format!("`{value}`")).unwrap_or_default()
}
