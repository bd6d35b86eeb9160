//! When a conversation no longer fits its model, and what becomes of it then.
//!
//! Everything but the current question is summarised by the agent's own model, once. What cannot be made to fit
//! after [`MAX_PER_TURN`] attempts ends the turn: a model that fills its context again and again would pay for
//! summaries for ever.

use super::history::estimate;
use crate::provider::{Message, Usage};
use crate::tools::capped;

/// Summaries within one turn.
pub(super) const MAX_PER_TURN: u32 = 2;

/// Says to the model what to write.
pub(super) const REQUEST: &str = "Summarise this conversation so that it can be continued from the summary alone: \
    what the user wants, what was decided, what was done with which results (files, commands, values), what is \
    still open. Write only the summary.";

/// Tells whether the next request would come too close to what the model reads: beyond nine tenths of it.
///
/// `last` is what the last call used, `since` what was added to the conversation after it.
pub(super) fn is_due(context: u64, last: Usage, since: &[Message]) -> bool {
    let added: u64 = since.iter().map(estimate).sum();
    last.total().saturating_add(added) > context / 10 * 9
}

/// Where the part begins that stays: the current question, if there is something before it to summarise, and if it
/// is not itself most of the conversation.
pub(super) fn kept(messages: &[Message]) -> usize {
    let question = messages.iter().rposition(|message| matches!(message, Message::User(_)));
    let Some(question) = question.filter(|at| *at > 1) else { return 0 };
    let (before, after) = messages.split_at(question);
    let size = |messages: &[Message]| messages.iter().map(estimate).sum::<u64>();
    if size(after) > size(before) { 0 } else { after.len() }
}

/// The messages with which a summary is asked for: what is to be replaced, with long tool results cut, and the request.
///
/// A conversation that is too long to be answered is too long to be summarised as it is.
pub(super) fn request(messages: &[Message], kept: usize) -> Vec<Message> {
    const MAX_RESULT_BYTES: usize = 4_000;
    let replaced = &messages[..messages.len() - kept];
    let mut request: Vec<Message> = replaced
        .iter()
        .map(|message| match message {
            Message::Tool { call_id, text } => {
                Message::Tool { call_id: call_id.clone(), text: capped(text.clone(), MAX_RESULT_BYTES) }
            }
            message => message.clone(),
        })
        .collect();
    request.push(Message::User(REQUEST.to_owned()));
    request
}

/// The summary as the conversation's new beginning. `question` is what is still to be answered, unless it stays.
pub(super) fn beginning(summary: &str, question: Option<&str>) -> String {
    let summary = format!("Summary of the conversation so far:\n\n{}", summary.trim());
    match question {
        Some(question) => format!("{summary}\n\nContinue with the task that is under way:\n\n{question}"),
        None => summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Message {
        Message::User(text.to_owned())
    }

    #[test]
    fn it_is_due_beyond_nine_tenths() {
        let used = |input| Usage { input, output: 0, ..Usage::default() };
        assert!(!is_due(1_000, used(900), &[]));
        assert!(is_due(1_000, used(901), &[]));
        assert!(is_due(1_000, used(880), &[user(&"x".repeat(80))]));
    }

    #[test]
    fn the_question_stays_unless_it_is_the_bulk() {
        let system = Message::System(String::new());
        let long = "x".repeat(10_000);
        let answer = Message::assistant(long, Vec::new());
        let small_question = [system.clone(), user("a"), answer.clone(), user("b")];
        assert_eq!(kept(&small_question), 1);
        let only_one = [system.clone(), user("a"), answer.clone()];
        assert_eq!(kept(&only_one), 0);
        let bulk = [system, user("a"), Message::assistant("b", Vec::new()), user("c"), answer];
        assert_eq!(kept(&bulk), 0);
    }
}
