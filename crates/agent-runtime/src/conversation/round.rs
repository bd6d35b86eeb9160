//! The tools of one answer: asked about, run, each with an answer for the model.
//!
//! Calls run in the order of the answer. Neighbours that may run unasked and whose tools say that order does not
//! matter run at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_telemetry::ErrorClass;
use serde_json::Value;

use super::delegation;
use super::event::{Answer, Confirmation, Event, ToolStatus, TurnOutcome, millis};
use super::reporting::Outcome;
use super::turn::{Stop, Turn};
use crate::config::nearest;
use crate::provider::{Message, ToolCall};
use crate::tools::asking::Reply;
use crate::tools::permissions::{Approval, Call, Decision};
use crate::tools::{self, Access, BoxFuture, Diff, Failure, Tool};

/// How often the same call may be made in a row; the last of them is not run any more.
const MAX_REPEATS: u32 = 5;

/// Notices a model that makes the same call again and again.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    last: Option<(String, String)>,
    count: u32,
}

/// A call's answer.
pub(super) struct Answered {
    pub(super) status: ToolStatus,
    pub(super) text: String,
    pub(super) diff: Option<Diff>,
    pub(super) elapsed: Duration,
    /// Set when the turn has to end.
    pub(super) stop: Option<TurnOutcome>,
}

/// A call with its arguments as a value.
struct Wanted<'a> {
    call: &'a ToolCall,
    arguments: Value,
}

impl Repeats {
    /// Counts a call; true when it was made too often.
    fn too_many(&mut self, call: &ToolCall) -> bool {
        self.count = if self.is_last(call) { self.count + 1 } else { 1 };
        self.last = Some((call.name.clone(), call.arguments.clone()));
        self.count >= MAX_REPEATS
    }

    fn is_last(&self, call: &ToolCall) -> bool {
        self.last.as_ref().is_some_and(|(name, arguments)| {
            (name.as_str(), arguments.as_str()) == (call.name.as_str(), call.arguments.as_str())
        })
    }
}

impl Answered {
    /// An answer that took no time.
    pub(super) fn new(status: ToolStatus, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), diff: None, elapsed: Duration::ZERO, stop: None }
    }
}

impl<'a> Wanted<'a> {
    fn new(call: &'a ToolCall) -> Self {
        let arguments =
            serde_json::from_str(&call.arguments).unwrap_or_else(|_| Value::String(call.arguments.clone()));
        Self { call, arguments }
    }
}

impl Turn<'_> {
    /// Runs the calls of one answer. Every call gets an answer, also when the turn has to stop.
    pub(super) async fn run_calls(&mut self, calls: &[ToolCall]) -> Result<(), Stop> {
        let mut stop: Option<TurnOutcome> = None;
        let mut waiting = calls.iter().map(Wanted::new).collect::<Vec<_>>();
        while !waiting.is_empty() {
            let together = if stop.is_none() { self.parallel(&waiting) } else { 1 };
            let now: Vec<Wanted<'_>> = waiting.drain(..together).collect();
            for wanted in &now {
                self.thread.totals.tool_calls += 1;
                self.frontend.event(&Event::ToolCall {
                    id: wanted.call.id.clone(),
                    name: wanted.call.name.clone(),
                    arguments: wanted.arguments.clone(),
                });
            }
            let answered = match (stop, now.as_slice()) {
                (Some(_), _) => vec![self.not_run(now[0].call)],
                (None, [_]) => {
                    let mut now = now.iter();
                    match now.next() {
                        Some(wanted) => vec![self.run_call(wanted).await],
                        None => Vec::new(),
                    }
                }
                (None, several) => self.run_together(several).await,
            };
            for (wanted, answered) in now.iter().zip(answered) {
                stop = stop.or(answered.stop);
                self.tell(wanted.call, answered);
            }
        }
        match stop {
            None => Ok(()),
            Some(outcome) => {
                if outcome == TurnOutcome::Cancelled {
                    self.thread.report.error(ErrorClass::Cancelled);
                }
                Err(Stop::new(outcome))
            }
        }
    }

    fn tell(&mut self, call: &ToolCall, answered: Answered) {
        self.frontend.event(&Event::ToolResult {
            id: call.id.clone(),
            name: call.name.clone(),
            status: answered.status,
            text: answered.text.clone(),
            diff: answered.diff,
            elapsed_ms: millis(answered.elapsed),
        });
        self.thread.history.push(Message::Tool { call_id: call.id.clone(), text: answered.text });
    }

    /// How many of the next calls run at the same time; one if the first has to run alone.
    fn parallel(&self, waiting: &[Wanted<'_>]) -> usize {
        let agent = &self.seat().agent;
        let may_join = |wanted: &&Wanted<'_>| {
            let Some(tool) = agent.toolbox.get(&wanted.call.name) else { return false };
            tool.is_parallel_safe()
                && wanted.arguments.is_object()
                && !self.thread.repeats.is_last(wanted.call)
                && self.decide(tool.name(), &wanted.arguments, &tool.access(&wanted.arguments))
                    == Decision::Allow
        };
        let joining = waiting.iter().take_while(may_join).count();
        // The same call twice is one too many to run at the same time.
        let is_new = |at: &usize| {
            !waiting[..*at].iter().any(|earlier| {
                let (a, b) = (earlier.call, waiting[*at].call);
                (&a.name, &a.arguments) == (&b.name, &b.arguments)
            })
        };
        (0..joining).take_while(is_new).count().max(1)
    }

    /// Runs calls that may run unasked, all at once.
    async fn run_together(&mut self, calls: &[Wanted<'_>]) -> Vec<Answered> {
        let world = self.world;
        let mut running: Vec<BoxFuture<'_, (Answered, Option<ErrorClass>)>> = Vec::new();
        for wanted in calls {
            // Not too many, or it would not be here.
            let _counted = self.thread.repeats.too_many(wanted.call);
            let Some(tool) = self.seat().agent.toolbox.get(&wanted.call.name).map(Arc::clone) else {
                continue;
            };
            let report = self.thread.report.tool(Some(tool.as_ref()));
            let arguments = wanted.arguments.clone();
            running.push(Box::pin(async move {
                let started = Instant::now();
                let result = tool.run(arguments, &world.context).await;
                let (outcome, answered) = answer(result, started.elapsed());
                report.end(outcome);
                answered
            }));
        }
        let answered = self.answering(Box::pin(tools::all(running))).await;
        answered.into_iter().map(|answered| self.noticed(answered)).collect()
    }

    async fn run_call(&mut self, wanted: &Wanted<'_>) -> Answered {
        let Wanted { call, arguments } = wanted;
        if self.thread.repeats.too_many(call) {
            return self.repeated(call);
        }
        let is_delegation = delegation::is_offered(&call.name, &self.seat().agent.config);
        let tool = self.seat().agent.toolbox.get(&call.name).filter(|_| !is_delegation).map(Arc::clone);
        if tool.is_none() && !is_delegation {
            self.report_unrun(call, Outcome::Failed(ErrorClass::NotFound));
            return Answered::new(ToolStatus::Error, self.no_such_tool(&call.name));
        }
        if !arguments.is_object() {
            self.report_unrun(call, Outcome::Failed(ErrorClass::InvalidArguments));
            let text = format!("invalid arguments for {}: expected a JSON object", call.name);
            return Answered::new(ToolStatus::Error, text);
        }
        let access = tool.as_ref().map_or(Access::NOTHING, |tool| tool.access(arguments));
        let mut all_from_now_on = false;
        match self.decide(&call.name, arguments, &access) {
            Decision::Allow => {}
            Decision::Deny(pattern) => {
                self.report_unrun(call, Outcome::Denied);
                let text = format!("denied: the permissions of this agent forbid it (`{pattern}`)");
                return Answered::new(ToolStatus::Denied, text);
            }
            Decision::Ask => match self.question(call, arguments).await {
                Some(Answer::Yes) => {}
                Some(Answer::All) => all_from_now_on = true,
                other => {
                    let (outcome, answered) = not_allowed(other);
                    self.report_unrun(call, outcome);
                    return answered;
                }
            },
        }
        let answered = match tool {
            Some(tool) => self.execute(tool, arguments.clone()).await,
            None => self.delegate(&call.name, arguments.clone()).await,
        };
        if all_from_now_on {
            self.thread.approval = Approval::All;
        }
        answered
    }

    fn decide(&self, tool: &str, arguments: &Value, access: &Access) -> Decision {
        let call = Call { tool, arguments, access, folder: &self.world.context.folder };
        self.seat().agent.rules.decide(call, self.thread.approval)
    }

    /// Counts a call that is not run.
    fn report_unrun(&self, call: &ToolCall, outcome: Outcome) {
        let agent = &self.seat().agent;
        let report = if delegation::is_offered(&call.name, &agent.config) {
            self.thread.report.delegation(&call.name)
        } else {
            self.thread.report.tool(agent.toolbox.get(&call.name).map(Arc::as_ref))
        };
        report.end(outcome);
    }

    fn not_run(&self, call: &ToolCall) -> Answered {
        self.report_unrun(call, Outcome::Cancelled);
        Answered::new(ToolStatus::Cancelled, "[not run: the turn was ended]")
    }

    fn repeated(&mut self, call: &ToolCall) -> Answered {
        let text = format!("the model made the same call {MAX_REPEATS} times in a row: {}", call.name);
        self.report_unrun(call, Outcome::Failed(ErrorClass::Limit));
        let _stop = self.stop_at_limit(text.clone());
        let answered = Answered::new(ToolStatus::Error, format!("[not run: {text}]"));
        Answered { stop: Some(TurnOutcome::Limit), ..answered }
    }

    /// Asks the user about a call; nothing if the turn is cancelled meanwhile.
    async fn question(&mut self, call: &ToolCall, arguments: &Value) -> Option<Answer> {
        let (id, name) = (call.id.clone(), call.name.clone());
        let request = Confirmation { id, name, arguments: arguments.clone() };
        self.frontend.event(&Event::ToolConfirmationRequest {
            id: request.id.clone(),
            name: request.name.clone(),
            arguments: request.arguments.clone(),
        });
        tokio::select! {
            biased;
            () = self.world.context.cancel.cancelled() => None,
            answer = self.frontend.confirm(&request) => Some(answer),
        }
    }

    async fn execute(&mut self, tool: Arc<dyn Tool>, arguments: Value) -> Answered {
        let report = self.thread.report.tool(Some(tool.as_ref()));
        let world = self.world;
        let started = Instant::now();
        let result = self.answering(tool.run(arguments, &world.context)).await;
        let (outcome, answered) = answer(result, started.elapsed());
        report.end(outcome);
        self.noticed(answered)
    }

    /// Tells the user about a tool that ends the turn.
    fn noticed(&mut self, answered: (Answered, Option<ErrorClass>)) -> Answered {
        let (answered, fatal) = answered;
        if let Some(class) = fatal {
            self.fail(class, answered.text.clone());
        }
        answered
    }

    /// Runs tools, and asks the user what they want to know meanwhile.
    async fn answering<T>(&mut self, mut tools: BoxFuture<'_, T>) -> T {
        let world = self.world;
        loop {
            let asked = tokio::select! {
                biased;
                done = &mut tools => return done,
                asked = world.questions.next() => asked,
            };
            self.frontend.event(&Event::Question { question: asked.question.clone() });
            let reply = tokio::select! {
                biased;
                () = world.context.cancel.cancelled() => Reply::Cancel,
                reply = self.frontend.ask(&asked.question) => reply,
            };
            asked.answer(reply);
        }
    }

    fn no_such_tool(&self, name: &str) -> String {
        let names: Vec<&str> = self.seat().tools.iter().map(|tool| tool.name.as_str()).collect();
        let hint = nearest(name, names.iter().copied()).unwrap_or_else(|| {
            if names.is_empty() {
                "there are no tools".to_owned()
            } else {
                format!("tools: {}", names.join(", "))
            }
        });
        let shown: String = name.chars().take(64).collect();
        format!("there is no tool `{shown}`; {hint}")
    }
}

/// What a tool's result means: for telemetry, for the model, and for the user if it ends the turn.
fn answer(result: tools::Outcome, elapsed: Duration) -> (Outcome, (Answered, Option<ErrorClass>)) {
    let (outcome, status, text, diff, stop, fatal) = match result {
        Ok(output) => (Outcome::Ok, ToolStatus::Ok, output.text, output.diff, None, None),
        Err(Failure::Model { class, text }) => {
            (Outcome::Failed(class), ToolStatus::Error, text, None, None, None)
        }
        Err(Failure::Turn { class, text }) => {
            let stop = Some(TurnOutcome::Failed);
            (Outcome::Failed(class), ToolStatus::Error, text, None, stop, Some(class))
        }
        Err(Failure::Cancelled { text }) => {
            let text = format!("{text}\n[cancelled by the user]").trim_start().to_owned();
            let stop = Some(TurnOutcome::Cancelled);
            (Outcome::Cancelled, ToolStatus::Cancelled, text, None, stop, None)
        }
    };
    (outcome, (Answered { status, text, diff, elapsed, stop }, fatal))
}

/// What becomes of a call that the user did not allow.
fn not_allowed(answer: Option<Answer>) -> (Outcome, Answered) {
    match answer {
        Some(Answer::No { reason }) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let text = format!("the user declined this call{reason}");
            (Outcome::Denied, Answered::new(ToolStatus::Denied, text))
        }
        Some(_) => {
            let text = "denied: this call needs a confirmation, and nobody can be asked in this run";
            (Outcome::Denied, Answered::new(ToolStatus::Denied, text))
        }
        None => {
            let answered = Answered::new(ToolStatus::Cancelled, "[not run: cancelled by the user]");
            (Outcome::Cancelled, Answered { stop: Some(TurnOutcome::Cancelled), ..answered })
        }
    }
}
