//! A stored conversation, put together from its changes.

use serde::Serialize;

use super::{Change, Header};
use crate::provider::Message;

/// A conversation as it was left.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// Who, when and where.
    pub header: Header,
    /// The agent that is to answer next.
    pub agent: String,
    /// What a model would get to see, without the system prompt.
    pub messages: Vec<Message>,
    /// Everything that was said, summarised or not.
    pub transcript: Vec<Message>,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// Who, when and where.
    #[serde(flatten)]
    pub header: Header,
    /// How many messages of the user it has.
    pub turns: u64,
    /// How the first of them begins.
    pub title: String,
}

impl Stored {
    /// Puts a conversation together, without its end if it was cut off.
    pub(super) fn of(header: Header, changes: Vec<Change>) -> Self {
        let agent = header.agent.clone();
        let mut stored = Self { header, agent, messages: Vec::new(), transcript: Vec::new() };
        changes.into_iter().for_each(|change| stored.apply(change));
        stored
    }

    /// How many messages of the user it has.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.said().count() as u64
    }

    /// How the first of them begins.
    #[must_use]
    pub fn title(&self) -> String {
        self.said().next().map(title_of).unwrap_or_default()
    }

    fn said(&self) -> impl Iterator<Item = &str> {
        self.transcript.iter().filter_map(|message| match message {
            Message::User(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Message(message) => {
                self.transcript.push(message.clone());
                self.messages.push(message);
            }
            Change::TakenBack { messages } => {
                self.messages.truncate(self.messages.len().saturating_sub(messages));
                self.transcript.truncate(self.transcript.len().saturating_sub(messages));
            }
            Change::Summary { text, kept } => {
                let tail = self.messages.split_off(self.messages.len().saturating_sub(kept));
                self.messages = vec![Message::User(text)];
                self.messages.extend(tail);
            }
            Change::Agent(name) => self.agent = name,
        }
    }

    /// Ends what a crash left open, so that providers accept the conversation; returns what that took.
    pub(super) fn close(&mut self) -> Vec<Message> {
        let open = self.messages.len();
        let last = self.messages.iter().rposition(|message| matches!(message, Message::Assistant { .. }));
        let (asked, since) = self.messages.split_at(last.map_or(0, |last| last + 1));
        if let Some(Message::Assistant { calls, .. }) = asked.last() {
            let is_answered = |id: &str| {
                since.iter().any(|message| matches!(message, Message::Tool { call_id, .. } if call_id == id))
            };
            let unanswered = calls.iter().filter(|call| !is_answered(&call.id));
            let answers: Vec<Message> = unanswered.map(|call| unfinished(&call.id)).collect();
            self.messages.extend(answers);
        }
        if matches!(self.messages.last(), Some(Message::User(_) | Message::Tool { .. })) {
            self.messages.push(Message::assistant("[interrupted]", Vec::new()));
        }
        self.messages[open..].to_vec()
    }
}

impl Listed {
    pub(super) fn of(header: Header, changes: Vec<Change>) -> Self {
        let stored = Stored::of(header, changes);
        Self { turns: stored.turns(), title: stored.title(), header: stored.header }
    }
}

/// The answer to a call whose own was lost.
fn unfinished(call_id: &str) -> Message {
    let text = "[not finished: the conversation was interrupted]".to_owned();
    Message::Tool { call_id: call_id.to_owned(), text }
}

/// The first line of a text, cut to a line of a list.
fn title_of(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = text.trim().lines().next().unwrap_or_default().trim();
    let mut title: String = line.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    if line.chars().count() > MAX_CHARS {
        title.push('…');
    }
    title
}
