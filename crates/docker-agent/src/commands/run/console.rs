//! Follows a conversation for the command line: shows events, asks, and remembers what went wrong.

use std::io;

use agent_runtime::{
    Answer, BoxFuture, Cancel, Confirmation, Event, Frontend, Question, Reply, ToolStatus, TurnOutcome,
};
use agent_telemetry::{Closed as _, ErrorClass};

use super::asking::Asking;
use crate::output;

/// Shows events in one way.
pub(super) trait Sink: Send {
    /// A turn begins.
    fn begin(&mut self) {}

    /// Shows an event; fails when stdout does.
    fn show(&mut self, event: &Event) -> io::Result<()>;

    /// Leaves stdout at the beginning of a line.
    fn settle(&mut self) -> io::Result<()>;

    /// Leaves the terminal to a question.
    fn pause(&mut self) -> io::Result<()> {
        self.settle()
    }

    /// Takes the terminal back.
    fn resume(&mut self) {}
}

/// Leaves out tool calls, whatever they are shown by.
pub(super) struct WithoutCalls(pub(super) Box<dyn Sink>);

impl Sink for WithoutCalls {
    fn begin(&mut self) {
        self.0.begin();
    }

    fn show(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::ToolCall { .. } | Event::ToolResult { .. } => self.0.settle(),
            _ => self.0.show(event),
        }
    }

    fn settle(&mut self) -> io::Result<()> {
        self.0.settle()
    }

    fn pause(&mut self) -> io::Result<()> {
        self.0.pause()
    }

    fn resume(&mut self) {
        self.0.resume();
    }
}

/// The command line's side of a conversation.
pub(super) struct Console {
    sink: Box<dyn Sink>,
    asking: Asking,
    /// Stops the turn, also when there is nobody to read it any more.
    cancel: Cancel,
    error: Option<ErrorClass>,
    stdout_problem: Option<io::Error>,
}

impl Console {
    pub(super) fn new(sink: Box<dyn Sink>, asking: Asking) -> Self {
        Self { sink, asking, cancel: Cancel::new(), error: None, stdout_problem: None }
    }

    /// Begins a turn; answers what stops it.
    pub(super) fn begin(&mut self) -> Cancel {
        self.cancel = Cancel::new();
        output::forget_signals();
        self.error = None;
        self.sink.begin();
        self.cancel.clone()
    }

    /// Whether somebody may be asked.
    pub(super) fn asks_somebody(&self) -> bool {
        self.asking.is_person()
    }

    /// Why stdout cannot be written any more.
    pub(super) fn stdout_problem(&mut self) -> Option<io::Error> {
        self.stdout_problem.take()
    }

    /// Whether stdout cannot be written any more.
    pub(super) fn has_lost_stdout(&self) -> bool {
        self.stdout_problem.is_some()
    }

    /// The class of a turn that did not complete.
    pub(super) fn class_of(&mut self, outcome: TurnOutcome) -> ErrorClass {
        let told = self.error.take();
        match outcome {
            TurnOutcome::Cancelled => ErrorClass::Cancelled,
            TurnOutcome::Limit => ErrorClass::Limit,
            TurnOutcome::Completed | TurnOutcome::Failed => told.unwrap_or(ErrorClass::Other),
        }
    }

    /// Leaves stdout at the beginning of a line.
    pub(super) fn settle(&mut self) {
        let settled = self.sink.settle();
        self.note(settled);
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result
            && self.stdout_problem.is_none()
        {
            self.stdout_problem = Some(error);
            self.cancel.cancel();
        }
    }
}

impl Frontend for Console {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Error { class, .. } => self.error = ErrorClass::from_word(class),
            // A tool that ends the turn says so by its result alone.
            Event::ToolResult { status: ToolStatus::Error, .. } => self.error = Some(ErrorClass::ToolError),
            _ => {}
        }
        if self.stdout_problem.is_none() {
            let result = self.sink.show(event);
            self.note(result);
        }
    }

    fn ask<'a>(&'a mut self, question: &'a Question) -> BoxFuture<'a, Reply> {
        let paused = self.sink.pause();
        self.note(paused);
        Box::pin(async {
            let reply = self.asking.reply(question).await;
            self.sink.resume();
            reply
        })
    }

    fn confirm<'a>(&'a mut self, request: &'a Confirmation) -> BoxFuture<'a, Answer> {
        let paused = self.sink.pause();
        self.note(paused);
        Box::pin(async {
            let answer = self.asking.confirm(request).await;
            self.sink.resume();
            answer
        })
    }
}
