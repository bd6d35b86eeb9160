//! The usual surroundings of a conversation in a test: a folder, an agent file, a frontend that takes notes.

use std::time::Duration;

use agent_runtime::{
    Agent, Answer, BoxFuture, Cancel, Choice, Confirmation, Conversation, Diff, Environment, Event, Frontend,
    Question, Reply, RetryPolicy, Settings, Team, ToolStatus, Toolset, Transport, TurnOutcome, config, http,
};
use agent_telemetry::Cx;
use agent_telemetry::testing::{Capture, capture};

use crate::server::Server;

type Hook = Box<dyn FnMut(&Event) + Send>;

/// A frontend that writes everything down and answers questions from a list (no, when it is empty).
#[derive(Default)]
pub struct Notes {
    pub events: Vec<Event>,
    pub answers: Vec<Answer>,
    pub on_event: Option<Hook>,
    /// What is said to questions of tools (declined, when it is empty).
    pub replies: Vec<Reply>,
    /// Never answers a question.
    pub silent: bool,
}

impl Frontend for Notes {
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
        if let Some(hook) = &mut self.on_event {
            hook(event);
        }
    }

    fn confirm<'a>(&'a mut self, _request: &'a Confirmation) -> BoxFuture<'a, Answer> {
        if self.silent {
            return Box::pin(std::future::pending());
        }
        let answer = if self.answers.is_empty() {
            Answer::No { reason: String::new() }
        } else {
            self.answers.remove(0)
        };
        Box::pin(std::future::ready(answer))
    }

    fn ask<'a>(&'a mut self, _question: &'a Question) -> BoxFuture<'a, Reply> {
        if self.silent {
            return Box::pin(std::future::pending());
        }
        let reply = if self.replies.is_empty() { Reply::Decline } else { self.replies.remove(0) };
        Box::pin(std::future::ready(reply))
    }
}

impl Notes {
    pub fn watching(hook: impl FnMut(&Event) + Send + 'static) -> Self {
        Self { on_event: Some(Box::new(hook)), ..Self::default() }
    }

    pub fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: answers.into_iter().collect(), ..Self::default() }
    }

    pub fn text(&self) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::TextDelta { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub fn results(&self) -> Vec<(String, ToolStatus, String)> {
        let results = self.events.iter().filter_map(|event| match event {
            Event::ToolResult { name, status, text, .. } => Some((name.clone(), *status, text.clone())),
            _ => None,
        });
        results.collect()
    }

    pub fn errors(&self) -> Vec<(String, String)> {
        let errors = self.events.iter().filter_map(|event| match event {
            Event::Error { class, text, causes } => {
                let line = causes.iter().fold(text.clone(), |line, cause| format!("{line}: {cause}"));
                Some((class.clone(), line))
            }
            _ => None,
        });
        errors.collect()
    }

    pub fn diffs(&self) -> Vec<Option<Diff>> {
        let diffs = self.events.iter().filter_map(|event| match event {
            Event::ToolResult { diff, .. } => Some(diff.clone()),
            _ => None,
        });
        diffs.collect()
    }

    pub fn asked(&self) -> Vec<Question> {
        let asked = self.events.iter().filter_map(|event| match event {
            Event::Question { question } => Some(question.clone()),
            _ => None,
        });
        asked.collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.events.iter().filter_map(|event| match event {
            Event::Warning { text } => Some(text.clone()),
            _ => None,
        });
        warnings.collect()
    }

    pub fn questions(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::ToolConfirmationRequest { .. })).count()
    }
}

/// A conversation with everything around it.
pub struct Stage {
    pub folder: tempfile::TempDir,
    pub conversation: Conversation,
    pub telemetry: Capture,
    pub cancel: Cancel,
    pub runtime: tokio::runtime::Runtime,
}

pub fn environment() -> Environment {
    let path = std::env::var("PATH").unwrap_or_default();
    Environment::new([
        ("PATH".to_owned(), path),
        ("OPENAI_API_KEY".to_owned(), "sk-canary-0123456789".to_owned()),
    ])
}

/// An agent file with both toolsets, whose model is at `base_url`.
pub fn agent_file(base_url: &str, more: &str) -> String {
    format!(
        "agents:
  root:
    model: m
    instruction: You help.
    toolsets:
      - type: filesystem
      - type: shell
models:
  m:
    provider: openai
    model: gpt-4o
    base_url: {base_url}
{more}"
    )
}

pub fn quick() -> RetryPolicy {
    RetryPolicy { base: Duration::ZERO, max: Duration::ZERO, ..RetryPolicy::default() }
}

impl Stage {
    pub fn new(server: &Server) -> Self {
        Self::with_file(&agent_file(&server.base_url, ""))
    }

    pub fn with_file(text: &str) -> Self {
        Self::with(text, |options| options, |settings| settings)
    }

    /// Gives the agent toolsets that are not in its file.
    pub fn with_toolsets(text: &str, toolsets: Vec<Toolset>) -> Self {
        Self::with_toolsets_only(text, toolsets, None)
    }

    /// Gives the agent the tools with these names, of toolsets that are not in its file.
    pub fn with_toolsets_only(text: &str, toolsets: Vec<Toolset>, only: Option<&[String]>) -> Self {
        let environment = environment();
        let transport = Transport::live(http::Options::new("test/1", &environment));
        let more = |agent: Agent| toolsets.into_iter().fold(agent, |agent, set| agent.with_tools(set, only));
        Self::build_with(text, transport, |settings| settings, &environment, &Choice::default(), more)
    }

    pub fn with(
        text: &str,
        options: impl FnOnce(http::Options) -> http::Options,
        settings: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let environment = environment();
        let transport = Transport::live(options(http::Options::new("test/1", &environment)));
        Self::build(text, transport, settings, &environment, &Choice::default())
    }

    /// A conversation with an agent and everybody it can pass work to.
    pub fn with_team(text: &str, settings: impl FnOnce(Settings) -> Settings) -> Self {
        let environment = environment();
        let transport = Transport::live(http::Options::new("test/1", &environment));
        let config = config::from_yaml("agent.yaml", text).unwrap();
        let team = Team::new(&config, &Choice::default(), &environment).unwrap();
        Self::around(team, transport, settings, &environment)
    }

    pub fn build(
        text: &str,
        transport: Transport,
        settings: impl FnOnce(Settings) -> Settings,
        environment: &Environment,
        choice: &Choice,
    ) -> Self {
        Self::build_with(text, transport, settings, environment, choice, |agent| agent)
    }

    pub fn build_with(
        text: &str,
        transport: Transport,
        settings: impl FnOnce(Settings) -> Settings,
        environment: &Environment,
        choice: &Choice,
        change: impl FnOnce(Agent) -> Agent,
    ) -> Self {
        let config = config::from_yaml("agent.yaml", text).unwrap();
        let agent = change(Agent::new(&config, choice, environment).unwrap());
        Self::around(agent.into(), transport, settings, environment)
    }

    fn around(
        team: Team,
        transport: Transport,
        settings: impl FnOnce(Settings) -> Settings,
        environment: &Environment,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (cx, telemetry): (Cx, Capture) = capture();
        let settings = settings(Settings::new(folder.path()).retry(quick()));
        let conversation = Conversation::new(team, transport, settings, environment, &cx).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { folder, conversation, telemetry, cancel: Cancel::new(), runtime }
    }

    pub fn turn(&mut self, message: &str, notes: &mut Notes) -> TurnOutcome {
        self.runtime.block_on(self.conversation.turn(message, notes, &self.cancel))
    }

    /// Takes a turn and cancels it as soon as a file exists in the working folder.
    pub fn turn_cancelled_by(&mut self, file: &str, notes: &mut Notes) -> TurnOutcome {
        let path = self.folder.path().join(file);
        self.runtime.block_on(async {
            let turn = self.conversation.turn("?", notes, &self.cancel);
            tokio::pin!(turn);
            while !path.exists() {
                tokio::select! {
                    biased;
                    outcome = &mut turn => return outcome,
                    () = tokio::task::yield_now() => {}
                }
            }
            self.cancel.cancel();
            turn.await
        })
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    pub fn finish(self) -> Vec<serde_json::Value> {
        let Self { conversation, telemetry, .. } = self;
        conversation.finish();
        let mut records = telemetry.records();
        records.iter_mut().for_each(say_zeros);
        records
    }
}

/// Puts in what a record leaves out because its absence says the same.
fn say_zeros(record: &mut serde_json::Value) {
    let zeros: &[&str] = match (record["event"].as_str(), record["properties"]["action"].as_str()) {
        (Some("token"), _) => &["cache_read_tokens", "cache_write_tokens", "reasoning_tokens"],
        (Some("session"), Some("end")) => &["tool_errors", "error_count", "errors"],
        _ => &[],
    };
    let Some(properties) = record["properties"].as_object_mut() else { return };
    for name in zeros {
        let zero = if *name == "errors" { serde_json::json!({}) } else { 0.into() };
        properties.entry(*name).or_insert(zero);
    }
}
