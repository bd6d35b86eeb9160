//! Asks a model and hands its answer on, piece by piece; tries again where that can help.
//!
//! An attempt is repeated only while nothing of an answer was handed on: text that a user has seen cannot be
//! taken back.

use std::time::{Duration, Instant};

use super::chat_completions::{Assembler, Decoder, encode};
use super::endpoint::{Auth, Endpoint};
use super::retry::Policy;
use super::{Delta, ProviderError, Reply, Request};
use crate::cancel::Cancel;
use crate::environment::Secret;
use crate::sse::{self, SseEvent};
use crate::transport::{Incoming, Outgoing, Transport, TransportError};

/// Largest refusal that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Who follows a model call.
pub trait Observer: Send {
    /// A piece of the answer arrived.
    fn delta(&mut self, delta: &Delta);
    /// An attempt failed and another follows after `pause`; `attempt` counts the retries from 1.
    fn retry(&mut self, error: &ProviderError, attempt: u32, pause: Duration);
}

/// How a model call ended without an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// The provider or the way to it failed.
    Provider(ProviderError),
    /// The user cancelled; what had arrived until then.
    Cancelled {
        /// The pieces so far, as an answer.
        partial: Box<Reply>,
        /// How long the attempt had taken.
        duration: Duration,
    },
}

/// A model that can be asked.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    transport: Transport,
    policy: Policy,
    secrets: Vec<Secret>,
}

/// An answer and how long the successful attempt took.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// From sending the request to the last byte.
    pub duration: Duration,
}

/// How the bytes of an answer are cut into events.
enum Framing {
    /// A stream of events, as was asked for.
    Events(sse::Decoder),
    /// One JSON document, from a server that does not stream.
    Document(Vec<u8>),
}

enum Failure {
    Cancelled,
    Provider { error: ProviderError, handed_on: bool },
}

impl Client {
    /// A client for one endpoint. Secrets are masked in error texts.
    #[must_use]
    pub fn new(endpoint: Endpoint, transport: Transport, policy: Policy, secrets: Vec<Secret>) -> Self {
        Self { endpoint, transport, policy, secrets }
    }

    /// Where this client asks.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
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
        request: &Request<'_>,
        observer: &mut dyn Observer,
        cancel: &Cancel,
        mut next_id: impl FnMut() -> String,
    ) -> Result<Answered, CallError> {
        let outgoing = self.outgoing(request);
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let mut assembler = Assembler::default();
            match self.attempt(&outgoing, &mut assembler, observer, cancel).await {
                Ok(()) => {
                    let reply = assembler.finish(request.tools, &mut next_id);
                    return Ok(Answered { reply, duration: started.elapsed() });
                }
                Err(Failure::Cancelled) => {
                    let partial = Box::new(assembler.finish(&[], &mut next_id));
                    return Err(CallError::Cancelled { partial, duration: started.elapsed() });
                }
                Err(Failure::Provider { error, handed_on }) => {
                    attempt += 1;
                    let random = u64::from_le_bytes(random_bytes());
                    let pause = self.policy.pause(&error, attempt, random).filter(|_| !handed_on);
                    let error = self.explained(error);
                    let Some(pause) = pause else { return Err(CallError::Provider(error)) };
                    let pause = if self.transport.is_replay() { Duration::ZERO } else { pause };
                    observer.retry(&error, attempt, pause);
                    tokio::select! {
                        () = cancel.cancelled() => {
                            let partial = Box::default();
                            return Err(CallError::Cancelled { partial, duration: started.elapsed() });
                        }
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn outgoing(&self, request: &Request<'_>) -> Outgoing {
        let headers = match &self.endpoint.auth {
            Auth::None => Vec::new(),
            Auth::Bearer(key) => vec![("authorization", Secret::new(format!("Bearer {}", key.reveal())))],
            Auth::ApiKey(key) => vec![("api-key", key.clone())],
        };
        Outgoing { url: self.endpoint.url.clone(), headers, body: encode(request).to_string() }
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        assembler: &mut Assembler,
        observer: &mut dyn Observer,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let mut handed_on = false;
        let work = async {
            let incoming = self.transport.send(outgoing).await.map_err(provider_error)?;
            let mut incoming = self.accept(incoming).await?;
            let mut framing = Framing::default();
            let mut decoder = Decoder::default();
            loop {
                let chunk = incoming.body.chunk().await.map_err(provider_error)?;
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
                            handed_on |= matches!(delta, Delta::Text(_) | Delta::Reasoning(_));
                            assembler.add(&delta);
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
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Failure::Cancelled),
            result = work => result,
        };
        result.map_err(|error| Failure::Provider { error, handed_on })
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
        let error = match (error, &self.endpoint.auth_hint) {
            (ProviderError::Auth(text), Some(hint)) => ProviderError::Auth(format!("{text}; {hint}")),
            (error, _) => error,
        };
        error.masked(|text| mask(text, &self.secrets))
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
        TransportError::Request(text) | TransportError::Cassette(text) => ProviderError::Protocol(text),
    }
}

fn random_bytes() -> [u8; 8] {
    let mut bytes = [0; 8];
    // The last eight bytes of a version 4 UUID are random but for two bits.
    bytes.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[8..]);
    bytes
}
