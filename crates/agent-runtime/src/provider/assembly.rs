//! Puts the pieces of one answer together, whatever format they came in.

use std::collections::BTreeSet;

use super::{
    Delta, FinishReason, Origin, ProviderError, Reasoning, Reply, ToolCall, ToolCallDelta, ToolDefinition,
    fenced,
};

/// More calls than any model makes in one answer.
const MAX_CALLS: usize = 256;

/// Puts the pieces of one answer together.
#[derive(Debug, Default)]
pub struct Assembler {
    origin: Origin,
    reply: Reply,
    indexes: Vec<Option<u64>>,
    spoke: Spoke,
}

/// What of an answer a user may have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoke {
    /// Nothing.
    #[default]
    Nothing,
    /// Thoughts.
    Thoughts,
    /// Text.
    Text,
}

impl Assembler {
    /// An empty answer of one model.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Adds a piece.
    ///
    /// # Errors
    ///
    /// An answer that makes calls without end.
    pub fn add(&mut self, delta: &Delta) -> Result<(), ProviderError> {
        match delta {
            Delta::Model(model) => self.reply.model = Some(model.clone()),
            Delta::Text(text) => {
                self.reply.text.push_str(text);
                self.spoke = Spoke::Text;
            }
            Delta::Reasoning(_) => self.spoke = self.spoke.max(Spoke::Thoughts),
            Delta::Opaque(content) => self.reply.reasoning.push(Reasoning {
                origin: self.origin.clone(),
                after_text: !self.reply.text.is_empty(),
                calls_before: self.reply.calls.len(),
                content: content.clone(),
            }),
            Delta::ToolCall(call) => self.add_call(call)?,
            Delta::Usage(usage) => self.reply.usage = Some(*usage),
            Delta::Finish(finish) => self.reply.finish = Some(*finish),
            Delta::Error(_) | Delta::Done => {}
        }
        Ok(())
    }

    /// Tells whether something arrived that only a whole answer has.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.reply.finish.is_some()
    }

    /// What a user may have seen so far.
    #[must_use]
    pub fn spoke(&self) -> Spoke {
        self.spoke
    }

    /// Ends the answer: finds calls in the text, gives ids where they are missing or doubled.
    ///
    /// `next_id` gives a fresh id for this conversation.
    #[must_use]
    pub fn finish(self, tools: &[ToolDefinition], mut next_id: impl FnMut() -> String) -> Reply {
        let mut reply = self.reply;
        if reply.calls.is_empty()
            && reply.finish != Some(FinishReason::Length)
            && let Some((text, calls)) = fenced::take(&reply.text, tools)
        {
            reply.text = text;
            reply.calls = calls;
        }
        let mut seen = BTreeSet::new();
        for call in &mut reply.calls {
            if call.id.is_empty() || !seen.insert(call.id.clone()) {
                call.id = next_id();
                seen.insert(call.id.clone());
            }
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
        }
        reply
    }

    fn add_call(&mut self, delta: &ToolCallDelta) -> Result<(), ProviderError> {
        let position = match (delta.index, &delta.id) {
            (Some(index), _) => self.indexes.iter().rposition(|known| *known == Some(index)),
            (None, Some(id)) => self.reply.calls.iter().rposition(|call| call.id == *id),
            (None, None) => self.reply.calls.len().checked_sub(1),
        };
        // Some servers number every call 0: another id with a name of its own is another call.
        let position = position.filter(|&position| {
            let known = &self.reply.calls[position].id;
            let other = delta.id.as_ref().is_some_and(|id| !known.is_empty() && id != known);
            !(other && delta.name.is_some())
        });
        let position = match position {
            Some(position) => position,
            None if self.reply.calls.len() == MAX_CALLS => {
                let text = format!("the answer asks for more than {MAX_CALLS} tools");
                return Err(ProviderError::Protocol(text));
            }
            None => {
                self.reply.calls.push(ToolCall::default());
                self.indexes.push(delta.index);
                self.reply.calls.len() - 1
            }
        };
        let call = &mut self.reply.calls[position];
        if let Some(id) = &delta.id
            && call.id.is_empty()
        {
            call.id.clone_from(id);
        }
        if let Some(name) = &delta.name
            && call.name.is_empty()
        {
            call.name.clone_from(name);
        }
        call.arguments.push_str(&delta.arguments);
        Ok(())
    }
}
