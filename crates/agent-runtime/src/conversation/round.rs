//! The tools of one answer: asked about, run in order, each with an answer for the model.

use std::time::{Duration, Instant};

use agent_telemetry::ErrorClass;
use serde_json::Value;

use super::event::{Answer, Confirmation, Event, Frontend, ToolStatus, TurnOutcome, millis};
use super::reporting::Outcome;
use super::{Conversation, Stop};
use crate::config::nearest;
use crate::provider::{Message, ToolCall};
use crate::tools::asking::Reply;
use crate::tools::permissions::{Approval, Call, Decision};
use crate::tools::{BoxFuture, Diff, Failure, Tool};

/// How often the same call may be made in a row; the last of them is not run any more.
const MAX_REPEATS: u32 = 5;

/// Notices a model that makes the same call again and again.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    last: Option<(String, String)>,
    count: u32,
}

/// A call's answer.
struct Answered {
    status: ToolStatus,
    text: String,
    diff: Option<Diff>,
    elapsed: Duration,
    /// Set when the turn has to end.
    stop: Option<TurnOutcome>,
}

impl Repeats {
    /// Counts a call; true when it was made too often.
    fn too_many(&mut self, call: &ToolCall) -> bool {
        let this = (call.name.clone(), call.arguments.clone());
        if self.last.as_ref() == Some(&this) {
            self.count += 1;
        } else {
            self.count = 1;
            self.last = Some(this);
        }
        self.count >= MAX_REPEATS
    }
}

impl Answered {
    fn refused(status: ToolStatus, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), diff: None, elapsed: Duration::ZERO, stop: None }
    }
}

impl Conversation {
    /// Runs the calls of one answer in order. Every call gets an answer, also when the turn has to stop.
    pub(super) async fn run_calls(
        &mut self,
        calls: &[ToolCall],
        frontend: &mut dyn Frontend,
    ) -> Result<(), Stop> {
        let mut stop: Option<TurnOutcome> = None;
        for call in calls {
            self.totals.tool_calls += 1;
            let arguments = serde_json::from_str::<Value>(&call.arguments)
                .unwrap_or_else(|_| Value::String(call.arguments.clone()));
            frontend.event(&Event::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: arguments.clone(),
            });
            let answered = match stop {
                Some(_) => {
                    self.report.tool(self.agent.toolbox.get(&call.name)).end(Outcome::Cancelled);
                    Answered::refused(ToolStatus::Cancelled, "[not run: the turn was ended]")
                }
                None => self.run_call(call, arguments, frontend).await,
            };
            stop = stop.or(answered.stop);
            frontend.event(&Event::ToolResult {
                id: call.id.clone(),
                name: call.name.clone(),
                status: answered.status,
                text: answered.text.clone(),
                diff: answered.diff,
                elapsed_ms: millis(answered.elapsed),
            });
            self.history.push(Message::Tool { call_id: call.id.clone(), text: answered.text });
        }
        match stop {
            None => Ok(()),
            Some(outcome) => {
                if outcome == TurnOutcome::Cancelled {
                    self.report.error(ErrorClass::Cancelled);
                }
                Err(Stop { outcome, last_word: String::new() })
            }
        }
    }

    async fn run_call(&mut self, call: &ToolCall, arguments: Value, frontend: &mut dyn Frontend) -> Answered {
        if self.repeats.too_many(call) {
            let text = format!("the model made the same call {MAX_REPEATS} times in a row: {}", call.name);
            self.report.tool(self.agent.toolbox.get(&call.name)).end(Outcome::Failed(ErrorClass::Limit));
            let _stop = self.stop_at_limit(frontend, text.clone());
            let refused = Answered::refused(ToolStatus::Error, format!("[not run: {text}]"));
            return Answered { stop: Some(TurnOutcome::Limit), ..refused };
        }
        let Some(tool) = self.agent.toolbox.get(&call.name) else {
            self.report.tool(None).end(Outcome::Failed(ErrorClass::NotFound));
            return Answered::refused(ToolStatus::Error, self.no_such_tool(&call.name));
        };
        if !arguments.is_object() {
            self.report.tool(Some(tool)).end(Outcome::Failed(ErrorClass::InvalidArguments));
            let text = format!("invalid arguments for {}: expected a JSON object", call.name);
            return Answered::refused(ToolStatus::Error, text);
        }
        let access = tool.access(&arguments);
        let question =
            Call { tool: tool.name(), arguments: &arguments, access: &access, folder: &self.context.folder };
        match self.agent.rules.decide(question, self.approval) {
            Decision::Allow => self.execute(tool, arguments, frontend).await,
            Decision::Deny(pattern) => {
                self.report.tool(Some(tool)).end(Outcome::Denied);
                let text = format!("denied: the permissions of this agent forbid it (`{pattern}`)");
                Answered::refused(ToolStatus::Denied, text)
            }
            Decision::Ask => match self.question(call, &arguments, frontend).await {
                None => {
                    self.report.tool(Some(tool)).end(Outcome::Cancelled);
                    let refused =
                        Answered::refused(ToolStatus::Cancelled, "[not run: cancelled by the user]");
                    Answered { stop: Some(TurnOutcome::Cancelled), ..refused }
                }
                Some(Answer::No { reason }) => {
                    self.report.tool(Some(tool)).end(Outcome::Denied);
                    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                    Answered::refused(ToolStatus::Denied, format!("the user declined this call{reason}"))
                }
                Some(Answer::NobodyToAsk) => {
                    self.report.tool(Some(tool)).end(Outcome::Denied);
                    let text = "denied: this call needs a confirmation, and nobody can be asked in this run";
                    Answered::refused(ToolStatus::Denied, text)
                }
                Some(Answer::Yes) => self.execute(tool, arguments, frontend).await,
                Some(Answer::All) => {
                    let answered = self.execute(tool, arguments, frontend).await;
                    self.approval = Approval::All;
                    answered
                }
            },
        }
    }

    /// Asks the user about a call; nothing if the turn is cancelled meanwhile.
    async fn question(
        &self,
        call: &ToolCall,
        arguments: &Value,
        frontend: &mut dyn Frontend,
    ) -> Option<Answer> {
        let (id, name) = (call.id.clone(), call.name.clone());
        let request = Confirmation { id, name, arguments: arguments.clone() };
        frontend.event(&Event::ToolConfirmationRequest {
            id: request.id.clone(),
            name: request.name.clone(),
            arguments: request.arguments.clone(),
        });
        tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => None,
            answer = frontend.confirm(&request) => Some(answer),
        }
    }

    async fn execute(&self, tool: &dyn Tool, arguments: Value, frontend: &mut dyn Frontend) -> Answered {
        let report = self.report.tool(Some(tool));
        let started = Instant::now();
        let result = self.answering(tool.run(arguments, &self.context), frontend).await;
        let elapsed = started.elapsed();
        let mut diff = None;
        let (outcome, status, text, stop) = match result {
            Ok(output) => {
                diff = output.diff;
                (Outcome::Ok, ToolStatus::Ok, output.text, None)
            }
            Err(Failure::Model { class, text }) => (Outcome::Failed(class), ToolStatus::Error, text, None),
            Err(Failure::Turn { class, text }) => {
                self.report.error(class);
                (Outcome::Failed(class), ToolStatus::Error, text, Some(TurnOutcome::Failed))
            }
            Err(Failure::Cancelled { text }) => {
                let text = format!("{text}\n[cancelled by the user]").trim_start().to_owned();
                (Outcome::Cancelled, ToolStatus::Cancelled, text, Some(TurnOutcome::Cancelled))
            }
        };
        report.end(outcome);
        Answered { status, text, diff, elapsed, stop }
    }

    /// Runs tools, and asks the user what they want to know meanwhile.
    async fn answering<T>(&self, mut tools: BoxFuture<'_, T>, frontend: &mut dyn Frontend) -> T {
        loop {
            let asked = tokio::select! {
                biased;
                done = &mut tools => return done,
                asked = self.questions.next() => asked,
            };
            frontend.event(&Event::Question { question: asked.question.clone() });
            let reply = tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => Reply::Cancel,
                reply = frontend.ask(&asked.question) => reply,
            };
            asked.answer(reply);
        }
    }

    fn no_such_tool(&self, name: &str) -> String {
        let names: Vec<&str> = self.agent.toolbox.names();
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
