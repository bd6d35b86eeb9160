//! Questions to the user while tools run: from `user_prompt`, from an MCP server.
//!
//! A tool that asks cannot hold the frontend, since others may run beside it. It puts its question into a queue,
//! which whoever runs the tools empties. Where nobody does, a question counts as declined; nobody waits for ever.

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Questions that wait at most; there is one user.
const MAX_WAITING: usize = 16;

/// A question to the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Question {
    /// The MCP server that asks; absent if the agent does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// A heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is asked.
    pub message: String,
    /// The JSON schema of the object that is wanted; absent if any text will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// What the user says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The answer: an object for a question with a schema.
    Accept(Value),
    /// No answer, on purpose; also when nobody can be asked.
    Decline,
    /// The user closed the question.
    Cancel,
}

impl Question {
    /// A question of the agent's own.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { server: None, title: None, message: message.into(), schema: None }
    }
}

/// Where tools put their questions.
#[derive(Clone, Debug)]
pub(crate) struct Asker(mpsc::Sender<Asked>);

/// Where questions come out.
#[derive(Debug)]
pub(crate) struct Questions(Mutex<mpsc::Receiver<Asked>>);

/// A question that waits for its reply.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    reply: oneshot::Sender<Reply>,
}

/// Makes a queue of questions.
pub(crate) fn queue() -> (Asker, Questions) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    (Asker(sender), Questions(Mutex::new(receiver)))
}

impl Asker {
    /// Asks and waits for the reply.
    pub(crate) async fn ask(&self, question: Question) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Asked { question, reply }).is_err() {
            return Reply::Decline;
        }
        answer.await.unwrap_or(Reply::Decline)
    }
}

impl Questions {
    /// Waits for the next question.
    pub(crate) async fn next(&self) -> Asked {
        match self.0.lock().await.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }
}

impl Asked {
    /// Gives the reply; whoever asked may be gone.
    pub(crate) fn answer(self, reply: Reply) {
        let _gone = self.reply.send(reply);
    }
}
