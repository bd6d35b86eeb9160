//! What was said, as a model gets to see it, and the file that remembers it.
//!
//! The first message is always the system prompt of the agent that answers; it is not stored. Everything else goes
//! to the file the moment it is said. A file that cannot be written is given up once, with a warning, and the
//! conversation goes on.

use crate::provider::Message;
use crate::sessions::{Change, SessionFile, StoredId};

/// Old tool results beyond about this many tokens are left out of what a model sees.
const TOOL_RESULT_TOKENS: u64 = 40_000;
const LEFT_OUT: &str = "[an old result, left out to save room]";

#[derive(Debug)]
pub(super) struct History {
    messages: Vec<Message>,
    file: Option<SessionFile>,
    /// Why the file was given up; told once.
    trouble: Option<String>,
}

impl History {
    pub(super) fn new(file: Option<SessionFile>) -> Self {
        Self { messages: vec![Message::System(String::new())], file, trouble: None }
    }

    /// Continues with what was said before; the file has it already.
    pub(super) fn continue_with(&mut self, messages: Vec<Message>) {
        self.messages.truncate(1);
        self.messages.extend(messages);
    }

    pub(super) fn file_id(&self) -> Option<StoredId> {
        self.file.as_ref().map(SessionFile::id)
    }

    /// All messages, the system prompt first.
    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn last(&self) -> Option<&Message> {
        self.messages.last()
    }

    pub(super) fn set_system(&mut self, prompt: String) {
        self.messages[0] = Message::System(prompt);
    }

    pub(super) fn push(&mut self, message: Message) {
        self.remember(&Change::Message(message.clone()));
        self.messages.push(message);
    }

    /// Takes back everything from `first` on.
    pub(super) fn take_back(&mut self, first: usize) {
        let messages = self.messages.len().saturating_sub(first);
        if messages > 0 {
            self.messages.truncate(first);
            self.remember(&Change::TakenBack { messages });
        }
    }

    /// Replaces what was said by a summary and the last `kept` messages.
    pub(super) fn summarise(&mut self, text: String, kept: usize) {
        let kept = kept.min(self.messages.len() - 1);
        let tail = self.messages.split_off(self.messages.len() - kept);
        self.messages.truncate(1);
        self.messages.push(Message::User(text.clone()));
        self.messages.extend(tail);
        self.remember(&Change::Summary { text, kept });
    }

    pub(super) fn agent_changed(&mut self, name: &str) {
        self.remember(&Change::Agent(name.to_owned()));
    }

    /// Why the conversation is no longer stored; each trouble once.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn remember(&mut self, change: &Change) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.append(change)
        {
            self.trouble = Some(format!("this conversation is not stored any more: {error}"));
            self.file = None;
        }
    }

    /// What a model is shown: everything, but for old messages and old tool results beyond the limits.
    ///
    /// `items` limits the messages beside the system prompt. Cuts fall before a message of the user, so that every
    /// tool result keeps its call; the messages since the last one of the user are always shown.
    pub(super) fn shown(&self, items: Option<u32>) -> std::borrow::Cow<'_, [Message]> {
        let first = items.map_or(1, |items| first_shown(&self.messages, items as usize));
        let old = old_results(&self.messages[first..]);
        if first == 1 && old == 0 {
            return (&self.messages).into();
        }
        let mut shown = vec![self.messages[0].clone()];
        shown.extend(self.messages[first..].iter().enumerate().map(|(at, message)| match message {
            Message::Tool { call_id, text } if at < old && text.len() > LEFT_OUT.len() => {
                Message::Tool { call_id: call_id.clone(), text: LEFT_OUT.to_owned() }
            }
            message => message.clone(),
        }));
        shown.into()
    }
}

/// About how many tokens a message has: four bytes each, and something for its frame.
pub(super) fn estimate(message: &Message) -> u64 {
    let bytes = match message {
        Message::System(text) | Message::User(text) | Message::Tool { text, .. } => text.len(),
        Message::Assistant { text, calls, .. } => {
            text.len() + calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>()
        }
    };
    bytes as u64 / 4 + 5
}

/// Where to begin so that at most `items` messages are shown.
fn first_shown(messages: &[Message], items: usize) -> usize {
    let wanted = messages.len().saturating_sub(items).max(1);
    let users = |range: std::ops::Range<usize>| {
        range.into_iter().find(|at| matches!(messages[*at], Message::User(_)))
    };
    let last_user = messages.iter().rposition(|message| matches!(message, Message::User(_))).unwrap_or(1);
    users(wanted..messages.len()).unwrap_or(last_user).min(last_user)
}

/// Before which message tool results are too old to be shown.
fn old_results(messages: &[Message]) -> usize {
    let mut tokens = 0;
    for (at, message) in messages.iter().enumerate().rev() {
        if matches!(message, Message::Tool { .. }) {
            tokens += estimate(message);
            if tokens > TOOL_RESULT_TOKENS {
                // The newest result is shown whatever its size; tools have caps of their own.
                let newest = messages.iter().rposition(|message| matches!(message, Message::Tool { .. }));
                return if newest == Some(at) { at } else { at + 1 };
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ToolCall;

    fn call(id: &str) -> Message {
        let call = ToolCall { id: id.to_owned(), name: "t".to_owned(), arguments: "{}".to_owned() };
        Message::assistant("", vec![call])
    }

    fn result(id: &str, bytes: usize) -> Message {
        Message::Tool { call_id: id.to_owned(), text: "x".repeat(bytes) }
    }

    fn history(messages: Vec<Message>) -> History {
        let mut history = History::new(None);
        history.continue_with(messages);
        history
    }

    #[test]
    fn everything_is_shown_where_nothing_has_to_go() {
        let history = history(vec![Message::User("a".into()), call("1"), result("1", 10)]);
        assert_eq!(*history.shown(None), *history.messages());
        assert_eq!(*history.shown(Some(3)), *history.messages());
    }

    #[test]
    fn a_cut_never_parts_a_result_from_its_call() {
        let mut messages = Vec::new();
        for turn in 0..5 {
            messages.push(Message::User(format!("question {turn}")));
            messages.push(call(&turn.to_string()));
            messages.push(result(&turn.to_string(), 10));
            messages.push(Message::assistant("done", Vec::new()));
        }
        let history = history(messages);
        for items in 0..=20 {
            let shown = history.shown(Some(items));
            assert!(matches!(shown[1], Message::User(_)), "{items}: {:?}", shown[1]);
            // Where the limit is smaller than the last turn, that turn is still whole.
            assert!(shown.len() - 1 <= (items as usize).max(4), "{items}: {}", shown.len());
        }
    }

    #[test]
    fn old_results_are_left_out_and_the_newest_stays() {
        let mut messages = vec![Message::User("a".into())];
        for turn in 0..4 {
            messages.push(call(&turn.to_string()));
            messages.push(result(&turn.to_string(), 80_000));
        }
        let history = history(messages);
        let shown = history.shown(None);
        let texts: Vec<bool> = shown
            .iter()
            .filter_map(|message| match message {
                Message::Tool { text, .. } => Some(text == LEFT_OUT),
                _ => None,
            })
            .collect();
        assert_eq!(texts, [true, true, true, false]);
        let huge = self::history(vec![Message::User("a".into()), call("1"), result("1", 400_000)]);
        assert_eq!(*huge.shown(None), *huge.messages());
    }

    #[test]
    fn a_summary_keeps_the_tail() {
        let mut history = history(vec![
            Message::User("a".into()),
            Message::assistant("b", Vec::new()),
            Message::User("c".into()),
        ]);
        history.summarise("so far".into(), 1);
        assert_eq!(history.messages()[1..], [Message::User("so far".into()), Message::User("c".into())]);
    }
}
