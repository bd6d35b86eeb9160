//! The notice: what a person is told before the first byte leaves.

use std::fmt;

use crate::endpoint::Endpoint;

/// The notice's text; show it on stderr, then call [`crate::Telemetry::notice_shown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText {
    app: &'static str,
    command: &'static str,
    host: Option<String>,
    explicit: bool,
}

impl NoticeText {
    pub(crate) fn new(app: &'static str, endpoint: &Endpoint, explicit: bool) -> Self {
        Self { app, command: app, host: endpoint.host().map(str::to_owned), explicit }
    }

    /// Names the tool in the commands that it proposes as its user calls it, when that is not by its own name: `docker
    /// agent` for a plugin that is on nobody's path.
    #[must_use]
    pub fn called(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }
}

impl fmt::Display for NoticeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, command, .. } = self;
        writeln!(
            f,
            "{app} collects anonymous usage data: which commands, agents, tools and models are used,"
        )?;
        writeln!(
            f,
            "whether they succeed, how long they take, tokens and cost. It helps decide what to improve."
        )?;
        writeln!(f, "Never prompts, answers, files, paths, arguments, error texts, keys or host names.")?;
        match (&self.host, self.explicit) {
            (Some(host), true) => writeln!(f, "You turned it on: it goes to {host} from now on.")?,
            (Some(host), false) => {
                writeln!(
                    f,
                    "It goes to {host}, from your next command on. This run sends nothing; what it notes is held"
                )?;
                writeln!(f, "here, and later runs send it unless you say no first.")?;
            }
            (None, _) => writeln!(f, "It is kept on this machine: no endpoint in this build.")?,
        }
        writeln!(f, "  See it:   {command} telemetry status | log --pending | explain")?;
        writeln!(
            f,
            "  Stop it:  {command} telemetry disable   (or TELEMETRY_ENABLED=false, or DO_NOT_TRACK=1)"
        )
    }
}
