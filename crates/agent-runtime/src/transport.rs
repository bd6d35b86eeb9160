//! The way to a model: the network, the network with a recorder beside it, or a recording.
//!
//! The three look the same from above: the same request goes in, the same bytes come out, so that a replay
//! runs through the same decoder as the real thing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::cassette::{Interaction, Recorder, Replayer};
use crate::environment::Secret;
use crate::http::{self, Http};

/// A request to a provider.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The whole URL.
    pub url: String,
    /// Headers beside those of every request, some of which sign it; never recorded.
    pub headers: Vec<(String, Secret)>,
    /// The JSON body.
    pub body: String,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TransportError {
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Network(String),
    /// Nothing came in time.
    #[error("{0}")]
    Timeout(String),
    /// More came than is accepted.
    #[error("the answer is larger than is accepted")]
    TooLarge,
    /// The request could not be made at all.
    #[error("{0}")]
    Request(String),
    /// The recording cannot be written, or has no answer to this.
    #[error("{0}")]
    Cassette(String),
}

/// How requests reach a model.
#[derive(Clone, Debug)]
pub struct Transport(Way);

#[derive(Clone, Debug)]
enum Way {
    Live(Arc<Http>),
    Recording(Arc<Http>, Arc<Recorder>),
    Replaying { replayer: Arc<Replayer>, pace: Duration },
}

/// The head of an answer, with its body still to come.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
}

/// The bytes of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Live(http::Body),
    Recorded(Box<Recorded>),
    Replayed(Replayed),
}

/// A recorded body that is still to be handed out.
#[derive(Debug)]
pub(crate) struct Replayed {
    rest: Bytes,
    begun: bool,
    /// How long is waited before every line of data but the first.
    pace: Duration,
}

/// A live body whose bytes are kept; they are written when it ends, or when it is dropped.
#[derive(Debug)]
pub(crate) struct Recorded {
    body: http::Body,
    recorder: Arc<Recorder>,
    interaction: Option<Interaction>,
    bytes: Vec<u8>,
    started: Instant,
}

impl Transport {
    /// The network.
    #[must_use]
    pub fn live(options: http::Options) -> Self {
        Self(Way::Live(Arc::new(Http::new(options))))
    }

    /// The network, with every exchange written down.
    #[must_use]
    pub fn recording(options: http::Options, recorder: Arc<Recorder>) -> Self {
        Self(Way::Recording(Arc::new(Http::new(options)), recorder))
    }

    /// A recording; no network.
    #[must_use]
    pub fn replaying(replayer: Arc<Replayer>) -> Self {
        Self(Way::Replaying { replayer, pace: Duration::ZERO })
    }

    /// Waits so long before each further line of data of a replayed answer, as a model that speaks would.
    #[must_use]
    pub fn paced(self, pace: Duration) -> Self {
        match self.0 {
            Way::Replaying { replayer, .. } => Self(Way::Replaying { replayer, pace }),
            other => Self(other),
        }
    }

    /// Tells whether answers come from a recording, where waiting between attempts is pointless.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        matches!(self.0, Way::Replaying { .. })
    }

    pub(crate) async fn send(&self, request: &Outgoing) -> Result<Incoming, TransportError> {
        match &self.0 {
            Way::Live(http) => {
                let answer = http.post(request).await?;
                let body = Body::Live(answer.body);
                Ok(Incoming { status: answer.status, retry_after: answer.retry_after, body })
            }
            Way::Recording(http, recorder) => {
                recorder.check().map_err(TransportError::Cassette)?;
                let started = Instant::now();
                let answer = http.post(request).await?;
                let body = Body::Recorded(Box::new(Recorded {
                    body: answer.body,
                    recorder: Arc::clone(recorder),
                    interaction: Some(Interaction {
                        url: request.url.clone(),
                        request_body: request.body.clone(),
                        response_body: String::new(),
                        code: answer.status,
                        duration: Duration::ZERO,
                    }),
                    bytes: Vec::new(),
                    started,
                }));
                Ok(Incoming { status: answer.status, retry_after: answer.retry_after, body })
            }
            Way::Replaying { replayer, pace } => {
                let interaction =
                    replayer.answer(&request.url, &request.body).map_err(TransportError::Cassette)?;
                let rest = Bytes::from(interaction.response_body);
                let body = Body::Replayed(Replayed { rest, begun: false, pace: *pace });
                // Headers are not recorded; that a request was repeated is seen by the next interaction.
                let retry_after = (interaction.code == 429).then_some(Duration::ZERO);
                Ok(Incoming { status: interaction.code, retry_after, body })
            }
        }
    }
}

impl Body {
    /// The next piece, or nothing at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self {
            Self::Live(body) => body.chunk().await,
            Self::Replayed(replayed) => Ok(replayed.next().await),
            Self::Recorded(recorded) => {
                let chunk = recorded.body.chunk().await?;
                match &chunk {
                    Some(chunk) => recorded.bytes.extend_from_slice(chunk),
                    None => {
                        recorded.write();
                        recorded.recorder.check().map_err(TransportError::Cassette)?;
                    }
                }
                Ok(chunk)
            }
        }
    }

    /// Reads the whole body, up to `limit` bytes, as text.
    pub(crate) async fn text(&mut self, limit: usize) -> Result<String, TransportError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            let room = limit.saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if room == 0 {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Replayed {
    async fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        if self.pace.is_zero() {
            return Some(std::mem::take(&mut self.rest));
        }
        if std::mem::replace(&mut self.begun, true) {
            tokio::time::sleep(self.pace).await;
        }
        let end = end_of_data_line(&self.rest);
        Some(self.rest.split_to(end))
    }
}

/// Where the first line of data ends, its line feed included; the end if there is none.
fn end_of_data_line(bytes: &[u8]) -> usize {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.starts_with(b"data:") {
            return end;
        }
    }
    end
}

impl Recorded {
    fn write(&mut self) {
        if let Some(mut interaction) = self.interaction.take() {
            interaction.response_body = String::from_utf8_lossy(&self.bytes).into_owned();
            interaction.duration = self.started.elapsed();
            self.recorder.record(&interaction);
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.write();
    }
}
