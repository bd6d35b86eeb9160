//! Asking the model: with a history that fits, with every token counted, whoever answers.

use std::time::Duration;

use agent_telemetry::{ErrorClass, Purpose};

use super::compaction;
use super::event::{self, CallUsage, Event, Frontend, TurnOutcome, millis};
use super::reporting::Report;
use super::turn::{Stop, Turn};
use crate::provider::client::{Answered, CallError, Failed, Next, Observer};
use crate::provider::{Delta, Message, ModelId, ProviderError, Question, Reply, Usage};

/// What ids of calls begin with that came without; a number follows.
const CALL_ID: &str = "call_";

/// Tokens of an attempt that failed.
struct Spent {
    model: ModelId,
    usage: Usage,
    duration: Duration,
}

/// Hands the pieces of an answer to the frontend, and failed attempts to the counts.
struct ModelObserver<'a> {
    frontend: &'a mut dyn Frontend,
    report: &'a Report,
    spent: &'a mut Vec<Spent>,
    /// Whether the user gets to see the answer.
    is_shown: bool,
}

/// Why there is no answer.
enum NoAnswer {
    TooLong(ProviderError),
    Stop(Stop),
}

impl Turn<'_> {
    /// Asks the model once, after making room if the conversation no longer fits.
    pub(super) async fn ask(&mut self, summaries_left: &mut u32) -> Result<Reply, Stop> {
        loop {
            if *summaries_left > 0 && self.is_nearly_full() {
                *summaries_left -= 1;
                self.compact().await?;
            }
            let prompt = self.seat().prompt.clone();
            self.thread.history.set_system(prompt);
            match self.ask_once(None, Purpose::Turn).await {
                Ok(reply) => return Ok(reply),
                Err(NoAnswer::Stop(stop)) => return Err(stop),
                Err(NoAnswer::TooLong(error)) => {
                    if *summaries_left == 0 || self.thread.history.len() < 3 {
                        self.fail_for(&error);
                        return Err(Stop::new(TurnOutcome::Failed));
                    }
                    *summaries_left -= 1;
                    self.compact().await?;
                }
            }
        }
    }

    /// Whether the next request would come too close to what the model reads, as far as that is known.
    fn is_nearly_full(&self) -> bool {
        let Some(context) = self.seat().agent.context() else { return false };
        let Some((usage, length)) = self.thread.last else { return false };
        let messages = self.thread.history.messages();
        messages.len() > 2 && compaction::is_due(context, usage, &messages[length.min(messages.len())..])
    }

    /// Replaces what was said by a summary that the model writes.
    async fn compact(&mut self) -> Result<(), Stop> {
        let before = self.thread.history.len();
        let kept = compaction::kept(self.thread.history.messages());
        let messages = compaction::request(self.thread.history.messages(), kept);
        let summary = match self.ask_once(Some(&messages), Purpose::Compaction).await {
            Ok(reply) if !reply.text.trim().is_empty() => reply.text,
            Ok(_) => {
                self.fail(ErrorClass::ContextTooLong, "the model wrote no summary".to_owned());
                return Err(Stop::new(TurnOutcome::Failed));
            }
            Err(NoAnswer::Stop(stop)) => return Err(stop),
            Err(NoAnswer::TooLong(error)) => {
                self.fail(error.class(), format!("no room even for a summary: {error}"));
                return Err(Stop::new(TurnOutcome::Failed));
            }
        };
        let question = self.thread.history.messages().iter().rev().find_map(|message| match message {
            Message::User(text) if kept == 0 => Some(text.clone()),
            _ => None,
        });
        let beginning = compaction::beginning(&summary, question.as_deref());
        self.thread.history.summarise(beginning, kept);
        self.thread.last = None;
        let replaced = before - 1 - kept;
        self.frontend.event(&Event::Compacted { messages: replaced, summary });
        Ok(())
    }

    /// Asks with the history, or with other messages; the user sees the answer only of the former.
    async fn ask_once(&mut self, other: Option<&[Message]>, purpose: Purpose) -> Result<Reply, NoAnswer> {
        let thread = &mut *self.thread;
        let seat = &mut self.seats[thread.seat];
        let mut spent = Vec::new();
        let shown;
        let question = match other {
            Some(messages) => Question { messages, tools: &seat.tools },
            None => {
                shown = thread.history.shown(seat.agent.config.num_history_items);
                Question { messages: &shown, tools: &seat.tools }
            }
        };
        let is_shown = other.is_none();
        let mut observer =
            ModelObserver { frontend: self.frontend, report: &thread.report, spent: &mut spent, is_shown };
        let next_call_id = &mut thread.next_call_id;
        let next_id = || {
            *next_call_id += 1;
            format!("{CALL_ID}{next_call_id}")
        };
        let answered = seat.models.ask(question, &mut observer, &self.world.context.cancel, next_id).await;
        self.thread.totals.model_calls += 1;
        for Spent { model, usage, duration } in spent {
            self.count(&model, None, usage, duration, purpose);
        }
        match answered {
            Ok(Answered { reply, model, duration }) => {
                self.count_reply(&model, &reply, duration, purpose);
                if is_shown {
                    self.thread.last = reply.usage.map(|usage| (usage, self.thread.history.len()));
                }
                Ok(reply)
            }
            Err(CallError::Cancelled { partial, model, duration }) => {
                self.count_reply(&model, &partial, duration, purpose);
                self.thread.report.error(ErrorClass::Cancelled);
                let last_word = if is_shown { partial.text } else { String::new() };
                Err(NoAnswer::Stop(Stop { outcome: TurnOutcome::Cancelled, last_word }))
            }
            Err(CallError::Failed(failure)) => {
                self.count_reply(&failure.model, &failure.partial, failure.duration, purpose);
                if matches!(failure.error, ProviderError::ContextTooLong(_)) {
                    return Err(NoAnswer::TooLong(failure.error));
                }
                self.fail_for(&failure.error);
                let last_word = if is_shown { failure.partial.text } else { String::new() };
                Err(NoAnswer::Stop(Stop { outcome: TurnOutcome::Failed, last_word }))
            }
        }
    }

    /// Counts the tokens of one model call, if the provider told them.
    fn count_reply(&mut self, model: &ModelId, reply: &Reply, duration: Duration, purpose: Purpose) {
        if let Some(usage) = reply.usage {
            self.count(model, reply.model.as_deref(), usage, duration, purpose);
        }
    }

    fn count(
        &mut self,
        asked: &ModelId,
        said: Option<&str>,
        usage: Usage,
        duration: Duration,
        purpose: Purpose,
    ) {
        let prices = &self.seats[self.thread.seat].agent.prices;
        let provider = &asked.provider_name;
        // What a server calls its model may be anything, a path included: only names that are known count.
        let model = said.filter(|said| prices.lists(provider, said)).unwrap_or(&asked.model);
        let cost = prices.cost(provider, model, usage);
        self.thread.totals.add(usage, cost);
        self.thread.report.tokens(asked.provider, model, usage, cost, duration, purpose);
        self.frontend.event(&Event::Usage {
            model: format!("{provider}/{model}"),
            call: CallUsage::new(usage, cost),
            total: self.thread.totals.usage(),
            elapsed_ms: millis(duration),
        });
    }
}

impl Observer for ModelObserver<'_> {
    fn delta(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(text) if self.is_shown => {
                self.frontend.event(&Event::TextDelta { text: text.clone() });
            }
            Delta::Reasoning(text) if self.is_shown => {
                self.frontend.event(&Event::ReasoningDelta { text: text.clone() });
            }
            _ => {}
        }
    }

    fn failed(&mut self, failed: &Failed<'_>) {
        let (class, text) = (failed.error.class(), failed.error.to_string());
        self.report.error(class);
        if let Some(usage) = failed.usage {
            let (model, duration) = (failed.model.clone(), failed.duration);
            self.spent.push(Spent { model, usage, duration });
        }
        self.frontend.event(&match failed.next {
            Next::Retry { attempt, pause } => {
                Event::Retry { attempt, pause_ms: millis(pause), class: event::class_name(class), text }
            }
            Next::Fallback { to } => Event::Fallback {
                from: failed.model.to_string(),
                to: to.to_string(),
                class: event::class_name(class),
                text,
            },
        });
    }
}

/// The highest number among the ids of calls that were given here; 0 if there is none.
pub(super) fn last_call_id(messages: &[Message]) -> u64 {
    let calls = messages.iter().flat_map(|message| match message {
        Message::Assistant { calls, .. } => calls.as_slice(),
        _ => &[],
    });
    calls.filter_map(|call| call.id.strip_prefix(CALL_ID)?.parse().ok()).max().unwrap_or_default()
}

impl Usage {
    /// All tokens of the call.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
