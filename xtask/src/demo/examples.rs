//! The example agents that the demo runs: to add one, add it here and its two files to `examples/`.

/// An agent with a recorded conversation, so that it runs with no key and no network.
#[derive(Debug)]
pub(super) struct Example {
    /// `examples/NAME.yaml` is the agent, `examples/recordings/NAME.yaml` the conversation.
    pub(super) name: &'static str,
    /// What the user says; the recording answers exactly this.
    pub(super) message: &'static str,
    /// What one sees, in a few words.
    pub(super) shows: &'static str,
}

/// The examples in the order in which they run.
pub(super) const EXAMPLES: [Example; 3] = [
    Example {
        name: "read-files",
        message: "When is the next release? See examples/notes/release.txt",
        shows: "an agent that reads a file",
    },
    Example {
        name: "run-command",
        message: "Run: wc -l examples/notes/lunch.txt",
        shows: "an agent that runs a command in a shell",
    },
    Example {
        name: "failing-tool",
        message: "What is in the file examples/notes/budget.txt?",
        shows: "an agent whose tool fails, and what it makes of that",
    },
];

impl Example {
    /// Returns the agent's file, relative to the folder that holds `examples/`.
    pub(super) fn agent(&self) -> String {
        format!("examples/{}.yaml", self.name)
    }

    /// Returns the recorded conversation, relative to the same folder.
    pub(super) fn recording(&self) -> String {
        format!("examples/recordings/{}.yaml", self.name)
    }
}
