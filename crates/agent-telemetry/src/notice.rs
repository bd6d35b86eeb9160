//! The notice: what a person is told before the first byte leaves.

use std::fmt;

use crate::catalogue::Catalogue;
use crate::endpoint::Endpoint;
use crate::name::NameKind;
use crate::value::Kind;

/// The notice's text; show it on stderr, then call [`crate::Telemetry::notice_shown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText {
    app: &'static str,
    command: &'static str,
    what: What,
    /// Where it goes, or why nowhere.
    host: Result<String, &'static str>,
    explicit: bool,
}

impl NoticeText {
    pub(crate) fn new(
        app: &'static str,
        catalogue: &'static Catalogue,
        endpoint: &Endpoint,
        explicit: bool,
    ) -> Self {
        let nowhere = endpoint.problem().unwrap_or("no endpoint");
        Self {
            app,
            command: app,
            what: What::of(catalogue),
            host: endpoint.host().map(str::to_owned).ok_or(nowhere),
            explicit,
        }
    }

    /// Names the tool in the commands that it proposes as its user calls it, when that is not by its own name: `docker
    /// agent` for a plugin that is on nobody's path.
    #[must_use]
    pub fn called(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }
}

/// What a catalogue can hold, in words: a tool without agents does not speak of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
struct What {
    /// What is counted, such as `commands`.
    used: Vec<&'static str>,
    /// What is measured.
    measured: Vec<&'static str>,
}

impl What {
    fn of(catalogue: &Catalogue) -> Self {
        let kinds = || catalogue.events.iter().flat_map(|event| event.fields).map(|field| field.kind);
        let has = |wanted: Kind| kinds().any(|kind| kind == wanted);
        let pick = |words: &[(bool, &'static str)]| {
            words.iter().filter(|(is_there, _)| *is_there).map(|(_, word)| *word).collect::<Vec<_>>()
        };
        let mut used = pick(&[
            (has(Kind::Command), "commands"),
            (has(Kind::Name(NameKind::Agent)), "agents"),
            (has(Kind::Name(NameKind::Tool)), "tools"),
            (has(Kind::Name(NameKind::Model)), "models"),
        ]);
        if used.is_empty() {
            used.push("features");
        }
        let measured = pick(&[
            (has(Kind::Bool), "whether they succeed"),
            (has(Kind::Millis), "how long they take"),
            (has(Kind::Tokens), "tokens"),
            (has(Kind::Usd), "cost"),
        ]);
        Self { used, measured }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}

impl fmt::Display for NoticeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, command, what, .. } = self;
        write!(f, "{app} collects anonymous usage data: which {} are used", list(&what.used))?;
        match what.measured.as_slice() {
            [] => writeln!(f, ".")?,
            measured => write!(f, ",\n{}. ", list(measured))?,
        }
        writeln!(f, "It helps decide what to improve.")?;
        writeln!(f, "Never prompts, answers, files, paths, arguments, error texts, keys or host names.")?;
        match (&self.host, self.explicit) {
            (Ok(host), true) => writeln!(f, "You turned it on: it goes to {host} from now on.")?,
            (Ok(host), false) => {
                writeln!(
                    f,
                    "It goes to {host}, from your next command on. This run sends nothing; what it notes is held"
                )?;
                writeln!(f, "here, and later runs send it unless you say no first.")?;
            }
            (Err(problem), _) => writeln!(f, "It is kept on this machine: {problem}.")?,
        }
        writeln!(f, "  See it:   {command} telemetry status | log --pending | explain")?;
        writeln!(
            f,
            "  Stop it:  {command} telemetry disable   (or TELEMETRY_ENABLED=false, or DO_NOT_TRACK=1)"
        )
    }
}
