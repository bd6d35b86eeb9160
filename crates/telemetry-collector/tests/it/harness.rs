//! A collector per test, with its own folder and a clock that stands still; and records to send to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use telemetry_collector::{Server, Settings};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

/// 2026-11-22 12:00:00 UTC.
pub(crate) const NOW: i64 = 1_795_348_800_000;
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const TODAY: &str = "2026-11-22";
/// How long something that will happen may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

agent_telemetry::catalogue! {
    pub(crate) static CATALOGUE = {
        events: [
            agent_telemetry::events::CommandEnded,
            agent_telemetry::events::SessionStarted,
            agent_telemetry::events::SessionEnded,
            agent_telemetry::events::ToolCalled,
            agent_telemetry::events::TokensUsed,
        ],
        commands: ["run", "version", "sessions list"],
        flags: ["debug", "model", "yolo"],
    };
}

/// A running collector.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) folder: Arc<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), change)
    }

    pub(crate) fn on(folder: Arc<TempDir>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(folder.path());
        change(&mut settings);
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = bound(settings).await;
                ready.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = address.recv().unwrap();
        Self { address, folder, stop: Some(stop), thread: Some(thread) }
    }

    /// Ends it in an orderly way; returns its folder.
    pub(crate) fn stop(mut self) -> Arc<TempDir> {
        self.end();
        Arc::clone(&self.folder)
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        get(&self.url(path))
    }

    /// Asks the way a browser does when somebody types an address.
    pub(crate) fn visit(&self, path: &str) -> Reply {
        let request =
            agent().get(self.url(path)).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        reply(request.call().unwrap())
    }

    /// Sends records the way a client does.
    pub(crate) fn send(&self, records: impl IntoIterator<Item = Value>) -> Reply {
        self.post(&envelope(records).to_string())
    }

    pub(crate) fn post(&self, body: &str) -> Reply {
        post(&self.url("/events/v1/track"), "application/json", body.as_bytes())
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.get("/api/v1/events?limit=1000").json()["events"].as_array().unwrap().clone()
    }

    pub(crate) fn summary(&self, query: &str) -> Value {
        let reply = self.get(&format!("/api/v1/summary{query}"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }
}

/// A process that another test is starting has a copy of every open file, and so of a lock that was just given up,
/// until its program runs.
async fn bound(settings: Settings) -> Server {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        match Server::bind(settings.clone()).await {
            Ok(server) => return server,
            Err(error) if error.to_string().contains("is using the data folder") => {
                assert!(std::time::Instant::now() < until, "{error}");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn settings(folder: &Path) -> Settings {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut settings = Settings::new(listen, folder, CATALOGUE.document("docker-agent"));
    settings.min_free = 0;
    settings.clock = Arc::new(|| NOW);
    settings
}

pub(crate) fn envelope(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "records": records.into_iter().collect::<Vec<_>>() })
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn error_code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        assert!(Uuid::try_parse(error["request_id"].as_str().unwrap()).is_ok(), "{error}");
        error["code"].as_str().unwrap().to_owned()
    }

    /// (accepted, duplicates, number of rejected).
    pub(crate) fn tally(&self) -> (u64, u64, usize) {
        assert_eq!(self.status, 200, "{}", self.body);
        let answer = self.json();
        let number = |name: &str| answer[name].as_u64().unwrap();
        (number("accepted"), number("duplicates"), answer["rejected"].as_array().unwrap().len())
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into()
}

pub(crate) fn get(url: &str) -> Reply {
    reply(agent().get(url).call().unwrap())
}

pub(crate) fn post(url: &str, content_type: &str, body: &[u8]) -> Reply {
    reply(agent().post(url).header("content-type", content_type).send(body).unwrap())
}

pub(crate) fn reply(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    let headers = response.headers().iter();
    Reply {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: response.body_mut().read_to_string().unwrap(),
    }
}

/// An id that depends on nothing but its number.
pub(crate) fn id(number: u64) -> String {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number).to_string()
}

/// A record with the common properties of installation `install`, and its own.
pub(crate) fn record(number: u64, event: &str, install: u64, at: i64, own: Value) -> Value {
    let mut properties = json!({
        "user_uuid": id(1_000_000 + install), "version": "1.2.3", "os": "linux", "arch": "amd64",
        "os_language": "de-DE", "caller": "human", "schema": 1,
    });
    properties.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    json!({
        "event_id": id(number), "event": event, "event_timestamp": at, "source": "docker-agent",
        "properties": properties,
    })
}

pub(crate) fn command(number: u64, install: u64, at: i64, action: &str, is_success: bool) -> Value {
    let own = json!({
        "action": action, "flags": ["debug", "yolo"], "is_success": is_success,
        "exit_code": u8::from(!is_success), "duration_ms": 1234,
    });
    record(number, "command", install, at, own)
}

pub(crate) fn tool(number: u64, at: i64, name: &str, outcome: &str, duration_ms: u64) -> Value {
    let own = json!({
        "action": "call", "session_id": id(7), "agent_name": "root", "tool_name": name, "tool_kind": "builtin",
        "duration_ms": duration_ms, "outcome": outcome, "is_success": outcome == "ok",
    });
    record(number, "tool", 1, at, own)
}

pub(crate) fn token(number: u64, at: i64, model: &str, input: u64, output: u64, cost: Option<f64>) -> Value {
    let mut own = json!({
        "action": "usage", "session_id": id(7), "agent_name": "root", "model_provider": "openai",
        "model_name": model, "purpose": "turn", "input_tokens": input, "output_tokens": output,
        "total_tokens": input + output, "cache_read_tokens": 3, "cache_write_tokens": 0, "reasoning_tokens": 1,
        "duration_ms": 900,
    });
    if let Some(cost) = cost {
        own["cost"] = cost.into();
    }
    record(number, "token", 1, at, own)
}

pub(crate) fn session_start(number: u64, session: u64, at: i64) -> Value {
    let own = json!({
        "action": "start", "session_id": id(session), "parent_session_id": id(7), "agent_name": "root",
        "model_provider": "openai", "model_name": "gpt-4o",
    });
    record(number, "session", 1, at, own)
}

pub(crate) fn session_end(number: u64, session: u64, at: i64, outcome: &str) -> Value {
    let own = json!({
        "action": "end", "session_id": id(session), "agent_name": "root", "model_provider": "openai",
        "model_name": "gpt-4o", "duration_ms": 60_000, "turns": 2, "tool_calls": 3, "tool_errors": 1,
        "input_tokens": 100, "output_tokens": 50, "total_tokens": 150, "cost": 0.0135, "cost_known": true,
        "error_count": 3, "errors": { "network": 2, "timeout": 1 }, "outcome": outcome,
        "is_success": outcome == "completed",
    });
    record(number, "session", 1, at, own)
}
