//! Where `ingest` and `seed` bring requests: into a folder, or to a collector that runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use telemetry_collector::{Answer, Arriving, CatalogueDoc, Catalogues, Intake, Taken, docker_agent};
use ureq::http::header::RETRY_AFTER;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use uuid::Uuid;

use crate::size;

/// How long a collector may take for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How often a collector that is busy is asked again, and the longest pause before that.
const TRIES: u32 = 10;
const PAUSE_MAX: u64 = 60;
/// Of an answer that is none of a collector's, as many characters are repeated.
const MOST_REPEATED: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Folder for the data, which no running collector may be using; created if it does not exist.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data", conflicts_with = "to")]
    data: PathBuf,
    /// Sends to a running collector instead, for instance http://127.0.0.1:4380.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// File with the key that the collector demands.
    #[arg(long, value_name = "FILE", requires = "to")]
    key_file: Option<PathBuf>,
    /// Free disk space below which nothing is taken.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size::parse)]
    min_free: u64,
    /// Takes the events of another tool, too: what its `telemetry explain --json` printed; may be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    catalogue: Vec<PathBuf>,
}

impl TargetArgs {
    /// Brings all requests there, in their order, and tells what became of each.
    pub(crate) fn bring(
        &self,
        requests: impl Iterator<Item = Arriving> + Send,
        new_id: impl FnMut() -> Uuid + Send,
        mut tell: impl FnMut(Taken),
    ) -> Result<(), String> {
        if let Some(url) = &self.to {
            let upload = Upload::new(url, self.key_file.as_deref())?;
            for request in requests {
                tell(upload.send(&request.body)?);
            }
            return Ok(());
        }
        let mut intake =
            Intake::open(&self.data, self.catalogues()?, self.min_free).map_err(|error| error.to_string())?;
        let taken = intake.take_all(requests, new_id, tell);
        let closed = intake.close();
        taken.and(closed).map_err(|error| error.to_string())
    }

    fn catalogues(&self) -> Result<Catalogues, String> {
        let mut catalogues = Catalogues::of(docker_agent()?);
        for file in &self.catalogue {
            std::fs::read_to_string(file)
                .map_err(|error| error.to_string())
                .and_then(|text| catalogues.add(CatalogueDoc::from_json(&text)?))
                .map_err(|problem| format!("{}: {problem}", file.display()))?;
        }
        Ok(catalogues)
    }
}

struct Upload {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
}

impl Upload {
    fn new(url: &str, key_file: Option<&std::path::Path>) -> Result<Self, String> {
        let mut config =
            ureq::config::Config::builder().http_status_as_error(false).timeout_global(Some(ANSWER_WAIT));
        if url.starts_with("https://") {
            config = config.tls_config(tls());
        }
        let key = key_file.map(|file| {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("the key file {} cannot be read: {error}", file.display()))?;
            let key = text.lines().next().unwrap_or_default().split_whitespace().next();
            key.map(str::to_owned).ok_or_else(|| format!("the key file {} is empty", file.display()))
        });
        let url = url.trim_end_matches('/').trim_end_matches("/events/v1/track");
        Ok(Self {
            agent: config.build().into(),
            url: format!("{url}/events/v1/track"),
            key: key.transpose()?,
        })
    }

    /// Sends a request, again and again if the collector asks for patience.
    fn send(&self, body: &[u8]) -> Result<Taken, String> {
        let failed = |error: ureq::Error| format!("{}: {error}\n  does a collector listen there?", self.url);
        for _ in 0..TRIES {
            let mut request = self.agent.post(&self.url).header("content-type", "application/json");
            if let Some(key) = &self.key {
                request = request.header("x-api-key", key);
            }
            let mut response = request.send(body).map_err(failed)?;
            let pause =
                response.headers().get(RETRY_AFTER).and_then(|pause| pause.to_str().ok()?.parse().ok());
            let status = response.status().as_u16();
            let answer = response.body_mut().read_to_string().map_err(failed)?;
            match (status, pause) {
                (200, _) => {
                    return serde_json::from_str::<Answer>(&answer)
                        .map(Ok)
                        .map_err(|error| format!("{}: the answer cannot be read: {error}", self.url));
                }
                (400 | 413, _) => return Ok(Err(("refused", reason(&answer)))),
                (429 | 503, Some(seconds)) => {
                    std::thread::sleep(Duration::from_secs(u64::min(seconds, PAUSE_MAX)));
                }
                _ => {
                    let (url, reason, way_out) = (&self.url, reason(&answer), way_out(status));
                    return Err(format!("{url}: status {status}: {reason}{way_out}"));
                }
            }
        }
        Err(format!("{}: still not ready after {TRIES} tries", self.url))
    }
}

/// What a refusal says: code and message of a collector, or the beginning of what somebody else says.
fn reason(answer: &str) -> String {
    let error = serde_json::from_str::<Value>(answer).unwrap_or_default();
    match (error["error"]["code"].as_str(), error["error"]["message"].as_str()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => answer.lines().next().unwrap_or_default().chars().take(MOST_REPEATED).collect(),
    }
}

/// What to do about a status, as a line of its own.
fn way_out(status: u16) -> &'static str {
    match status {
        401 => "\n  give a file with the key as --key-file",
        300..=308 | 403..=405 | 421 => "\n  is this the address of a collector, and one of its own names?",
        _ => "",
    }
}

fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}
