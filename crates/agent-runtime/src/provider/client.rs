//! Asks one model and hands its answer on, piece by piece; tries again where that can help.
//!
//! An attempt is repeated only while no text was handed on: what a user has read cannot be taken back, and would be
//! said twice. Thoughts may be repeated; the observer is told before they are.

use std::time::{Duration, Instant};

use super::assembly::{Assembler, Spoke};
use super::endpoint::Auth;
use super::random::Random;
use super::retry::Policy;
use super::{Delta, Model, ModelId, ProviderError, Question, Reply, Request, Usage};
use crate::cancel::Cancel;
use crate::environment::Secret;
use crate::sse::{self, SseEvent};
use crate::transport::{Body, Incoming, Outgoing, Transport, TransportError};

/// Largest refusal that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Longest wait for what may follow the end of an answer: token counts, and the word that nothing follows.
const AFTER_FINISH: Duration = Duration::from_secs(5);

/// Who follows a model call.
pub trait Observer: Send {
    /// A piece of the answer arrived.
    fn delta(&mut self, delta: &Delta);
    /// An attempt failed, and another follows. Thoughts that it handed on come again.
    fn failed(&mut self, failed: &Failed<'_>);
}

/// An attempt that failed and is followed by another.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// The model that was asked.
    pub model: &'a ModelId,
    /// What went wrong.
    pub error: &'a ProviderError,
    /// Token counts of the attempt, if the provider told them before it failed: they are paid for.
    pub usage: Option<Usage>,
    /// How long the attempt took.
    pub duration: Duration,
    /// What follows.
    pub next: Next<'a>,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    /// The same model is asked again.
    Retry {
        /// The retry's number, from 1.
        attempt: u32,
        /// How long is waited before it.
        pause: Duration,
    },
    /// Another model is asked.
    Fallback {
        /// Which one.
        to: &'a ModelId,
    },
}

/// How a model call ended without an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// The provider or the way to it failed, for the last time.
    Failed(Box<Failure>),
    /// The user cancelled.
    Cancelled {
        /// The pieces so far, as an answer.
        partial: Box<Reply>,
        /// The model that was asked.
        model: ModelId,
        /// How long the attempt had taken.
        duration: Duration,
    },
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The model that was asked.
    pub model: ModelId,
    /// What went wrong.
    pub error: ProviderError,
    /// What had arrived: text that a user has seen, token counts that are paid for. Its calls are not to be run.
    pub partial: Reply,
    /// How long the attempt took.
    pub duration: Duration,
}

/// An answer and how long the successful attempt took.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// The model that answered, as it is configured.
    pub model: ModelId,
    /// From sending the request to the last byte.
    pub duration: Duration,
}

/// A model that can be asked.
#[derive(Clone, Debug)]
pub struct Client {
    model: Model,
    transport: Transport,
    policy: Policy,
    secrets: Vec<Secret>,
    random: Random,
}

/// How the bytes of an answer are cut into events.
enum Framing {
    /// A stream of events, as was asked for.
    Events(sse::Decoder),
    /// One JSON document, from a server that does not stream.
    Document(Vec<u8>),
}

enum Broken {
    Cancelled,
    Provider(ProviderError),
}

impl Client {
    /// A client for one model. Secrets are masked in error texts.
    #[must_use]
    pub fn new(model: Model, transport: Transport, policy: Policy, secrets: Vec<Secret>) -> Self {
        Self { model, transport, policy, secrets, random: Random::default() }
    }

    /// Takes random numbers from somewhere else than the system.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// The model that is asked.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Asks once, retries included.
    ///
    /// `next_id` gives fresh ids for tool calls that come without.
    ///
    /// # Errors
    ///
    /// The last attempt's error, or that the user cancelled.
    pub async fn ask(
        &self,
        question: Question<'_>,
        observer: &mut dyn Observer,
        cancel: &Cancel,
        mut next_id: impl FnMut() -> String,
    ) -> Result<Answered, CallError> {
        let outgoing = self.outgoing(question);
        let model = self.model.id();
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let mut assembler = Assembler::new(self.model.parameters.origin.clone());
            let result = self.attempt(&outgoing, &mut assembler, observer, cancel).await;
            let (duration, spoke) = (started.elapsed(), assembler.spoke());
            let error = match result {
                Ok(()) => {
                    let reply = assembler.finish(question.tools, &mut next_id);
                    return Ok(Answered { reply, model, duration });
                }
                Err(Broken::Cancelled) => {
                    let partial = Box::new(assembler.finish(&[], &mut next_id));
                    return Err(CallError::Cancelled { partial, model, duration });
                }
                Err(Broken::Provider(error)) => error,
            };
            let partial = assembler.finish(&[], &mut next_id);
            attempt += 1;
            let pause =
                self.policy.pause(&error, attempt, self.random.next()).filter(|_| spoke < Spoke::Text);
            let error = self.explained(error);
            let Some(pause) = pause else {
                return Err(CallError::Failed(Box::new(Failure { model, error, partial, duration })));
            };
            let pause = if self.transport.is_replay() { Duration::ZERO } else { pause };
            let next = Next::Retry { attempt, pause };
            observer.failed(&Failed { model: &model, error: &error, usage: partial.usage, duration, next });
            tokio::select! {
                () = cancel.cancelled() => {
                    let (partial, duration) = (Box::default(), Duration::ZERO);
                    return Err(CallError::Cancelled { partial, model, duration });
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn outgoing(&self, question: Question<'_>) -> Outgoing {
        let Question { messages, tools } = question;
        let request = Request { parameters: &self.model.parameters, messages, tools };
        let endpoint = &self.model.endpoint;
        let auth = match &endpoint.auth {
            Auth::None => None,
            Auth::Bearer(key) => Some(("authorization", Secret::new(format!("Bearer {}", key.reveal())))),
            Auth::ApiKey(key) => Some(("api-key", key.clone())),
            Auth::XApiKey(key) => Some(("x-api-key", key.clone())),
        };
        let ours = endpoint.headers.iter().map(|(name, value)| (*name, Secret::new(*value))).chain(auth);
        let own = &endpoint.own_headers;
        let ours = ours.filter(|(name, _)| !own.iter().any(|(replacing, _)| replacing == name));
        let ours = ours.map(|(name, value)| (name.to_owned(), value));
        let headers: Vec<(String, Secret)> = ours.chain(own.iter().cloned()).collect();
        Outgoing { url: endpoint.url.clone(), headers, body: endpoint.wire.encode(&request).to_string() }
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        assembler: &mut Assembler,
        observer: &mut dyn Observer,
        cancel: &Cancel,
    ) -> Result<(), Broken> {
        let work = async {
            let incoming = self.transport.send(outgoing).await.map_err(provider_error)?;
            let mut incoming = self.accept(incoming).await?;
            let mut framing = Framing::default();
            let mut decoder = self.model.endpoint.wire.decoder();
            loop {
                let chunk = next_chunk(&mut incoming.body, assembler.is_finished()).await?;
                let ended = chunk.is_none();
                let events = match chunk {
                    Some(chunk) => framing.feed(&chunk)?,
                    None => std::mem::take(&mut framing).finish().into_iter().collect(),
                };
                for delta in events.iter().flat_map(|event| decoder.feed(event)) {
                    match delta {
                        Delta::Error(error) => return Err(error),
                        // Some servers keep the connection open after this.
                        Delta::Done => return Ok(()),
                        delta => {
                            assembler.add(&delta)?;
                            observer.delta(&delta);
                        }
                    }
                }
                if ended {
                    return if assembler.is_finished() {
                        Ok(())
                    } else {
                        Err(ProviderError::Network("the answer broke off".to_owned()))
                    };
                }
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Broken::Cancelled),
            result = work => result.map_err(Broken::Provider),
        }
    }

    /// Turns a refusal into an error.
    async fn accept(&self, mut incoming: Incoming) -> Result<Incoming, ProviderError> {
        if (200..300).contains(&incoming.status) {
            return Ok(incoming);
        }
        let body = incoming.body.text(MAX_ERROR_BYTES).await.unwrap_or_default();
        Err(ProviderError::from_response(incoming.status, incoming.retry_after, &body))
    }

    /// Masks secrets and adds what to try.
    fn explained(&self, error: ProviderError) -> ProviderError {
        let error = match (error, &self.model.endpoint.auth_hint) {
            (ProviderError::Auth(text), Some(hint)) => ProviderError::Auth(format!("{text}; {hint}")),
            (error, _) => error,
        };
        error.masked(|text| mask(text, &self.secrets))
    }
}

/// The next bytes. Once an answer has ended, nothing that happens to the connection can spoil it any more.
async fn next_chunk(body: &mut Body, finished: bool) -> Result<Option<bytes::Bytes>, ProviderError> {
    if !finished {
        return body.chunk().await.map_err(provider_error);
    }
    match tokio::time::timeout(AFTER_FINISH, body.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error @ (TransportError::Cassette(_) | TransportError::TooLarge))) => {
            Err(provider_error(error))
        }
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::Events(sse::Decoder::default())
    }
}

impl Framing {
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, ProviderError> {
        match self {
            Self::Events(decoder) if decoder.is_new() && bytes.trim_ascii_start().starts_with(b"<") => {
                Err(ProviderError::from_page(&String::from_utf8_lossy(bytes)))
            }
            Self::Events(decoder) if decoder.is_new() && bytes.trim_ascii_start().starts_with(b"{") => {
                *self = Self::Document(bytes.to_vec());
                Ok(Vec::new())
            }
            Self::Events(decoder) => {
                decoder.feed(bytes).map_err(|error| ProviderError::Protocol(error.to_string()))
            }
            Self::Document(document) => {
                document.extend_from_slice(bytes);
                Ok(Vec::new())
            }
        }
    }

    fn finish(self) -> Option<SseEvent> {
        match self {
            Self::Events(decoder) => decoder.finish(),
            Self::Document(document) => {
                Some(SseEvent { name: String::new(), data: String::from_utf8_lossy(&document).into_owned() })
            }
        }
    }
}

/// Replaces every secret in a text; very short values are left, they would tear up ordinary words.
pub(crate) fn mask(text: &str, secrets: &[Secret]) -> String {
    let secrets = secrets.iter().map(Secret::reveal).filter(|secret| secret.len() >= 8);
    secrets.fold(text.to_owned(), |text, secret| {
        let quoted = serde_json::Value::from(secret).to_string();
        text.replace(secret, "[masked]").replace(quoted.trim_matches('"'), "[masked]")
    })
}

fn provider_error(error: TransportError) -> ProviderError {
    match error {
        TransportError::Network(text) => ProviderError::Network(text),
        TransportError::Timeout(text) => ProviderError::Timeout(text),
        TransportError::TooLarge => ProviderError::Protocol(error.to_string()),
        TransportError::Request(text) => ProviderError::Protocol(text),
        TransportError::Cassette(text) => ProviderError::Recording(text),
    }
}
