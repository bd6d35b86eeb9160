//! Collectors that share a store: every event once, whatever happens to collectors, network and store.

mod refusals;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::crash::now;
use crate::engine::Engine;
use crate::harness::{
    Collector, PATIENCE, command, envelope, get, id, post, record, session_end, session_start, token, tool,
};
use crate::process::{Process, program, wait};
use crate::proxy::Proxy;

/// How many events the test with everything breaking has; `SHARED_EVENTS` says otherwise.
const EVENTS: u64 = 10_000;
const PER_REQUEST: u64 = 64;
const CLIENTS: u64 = 4;

/// The event with a number; all kinds occur.
fn event(number: u64, at: i64) -> Value {
    let at = at - (number % 20) as i64 * 86_400_000;
    let install = number % 97;
    match number % 5 {
        0 => command(
            number,
            install,
            at,
            ["run", "version"][(number / 5 % 2) as usize],
            !number.is_multiple_of(3),
        ),
        1 => tool(number, at, ["shell", "fetch", "think"][(number / 5 % 3) as usize], "ok", number % 4_000),
        2 => token(number, at, "gpt-4o", number, 7, number.is_multiple_of(2).then_some(0.001)),
        3 => session_start(number, number % 500, at),
        _ => session_end(number, number % 500, at, ["completed", "failed"][(number / 5 % 2) as usize]),
    }
}

fn body(numbers: std::ops::Range<u64>, at: i64) -> String {
    envelope(numbers.map(|number| event(number, at))).to_string()
}

/// The collector, as it is optimised for users if there is such a build.
fn collector() -> Command {
    match std::env::var_os("RELEASE_BIN_DIR") {
        Some(folder) => Command::new(Path::new(&folder).join("telemetry-collector")),
        None => Command::new(program().get_program()),
    }
}

/// `serve` with a store, in a process of its own.
fn serve(data: &Path, store: &str, more: &[&str]) -> Process {
    let mut command = collector();
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::null());
    let mut words =
        vec!["--store", store, "--store-timeout", "4", "--batch-ms", "100", "--batch-events", "2000"];
    words.extend(more);
    Process::serve(command, data, &words)
}

/// Sends until somebody has taken it: to one collector, then to the other.
fn send_to_any(urls: &[Mutex<String>], first: usize, body: &str) {
    let until = Instant::now() + PATIENCE * 4;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(std::time::Duration::from_secs(5)))
        .build()
        .into();
    for attempt in 0.. {
        assert!(Instant::now() < until, "nobody takes events");
        let url = urls[(first + attempt) % urls.len()].lock().unwrap().clone();
        let sent = agent
            .post(format!("{url}/events/v1/track"))
            .header("content-type", "application/json")
            .send(body);
        match sent {
            Ok(answer) if answer.status() == 200 => return,
            _ => std::thread::yield_now(),
        }
    }
}

/// Waits until a collector has nothing left to ship.
fn shipped(url: &str) {
    let until = Instant::now() + PATIENCE * 4;
    loop {
        let metrics = get(&format!("{url}/metrics")).body;
        let is_done = |line| metrics.contains(line);
        if ["telemetry_collector_spool_events 0\n", "telemetry_collector_ship_lag_seconds 0\n"]
            .into_iter()
            .all(is_done)
        {
            return;
        }
        assert!(Instant::now() < until, "{metrics}");
        std::thread::yield_now();
    }
}

/// The answers that do not tell how requests fared on their way.
fn answers(url: &str) -> Vec<(String, Value)> {
    let views = ["summary", "commands", "tools", "models", "sessions", "adoption", "retention", "filters"];
    let asked = views.into_iter().flat_map(|view| match view {
        "filters" => vec![view.to_owned()],
        _ => vec![view.to_owned(), format!("{view}?compare=previous&version=1.2.3")],
    });
    let answer = |path: String| {
        let reply = get(&format!("{url}/api/v1/{path}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let mut answer = reply.json();
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("ingest");
        }
        (path, answer)
    };
    asked.map(answer).collect()
}

/// A number that the engine answers.
fn count(engine: &Engine, sql: &str) -> u64 {
    let reply = post(&format!("http://{}/?database=shared", engine.host), "text/plain", sql.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.trim().parse().unwrap()
}

/// Waits until every day is added up as it is now.
fn summed(engine: &Engine) {
    let unsummed = "SELECT count() FROM (
            SELECT day, sum(begun) AS state FROM (
                SELECT day, node, max(begun) AS begun FROM touched GROUP BY day, node) GROUP BY day) AS days
        LEFT JOIN (SELECT day, max(basis) AS basis FROM summed GROUP BY day) AS sums USING day
        WHERE state != basis";
    let until = Instant::now() + PATIENCE * 4;
    while count(engine, unsummed) > 0 {
        assert!(Instant::now() < until, "some days are not added up");
        std::thread::yield_now();
    }
}

/// Two collectors that are killed in turn, clients that go to the other one then, a store that times out, breaks off,
/// says 500 and loses answers: in the end every event is there once, and answers are those of an embedded store.
#[test]
fn p10_every_event_is_there_once_whatever_breaks() {
    let Some(engine) = Engine::start() else { return };
    let events = std::env::var("SHARED_EVENTS").map_or(EVENTS, |events| events.parse().unwrap());
    let proxy = Proxy::start(&engine.host, 20);
    let store = format!("clickhouse://{}/shared", proxy.address);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let at = now();
    let start = |folder: &TempDir| serve(folder.path(), &store, &[]);
    let mut collectors = folders.each_ref().map(start);
    let urls = collectors.each_ref().map(|process| Mutex::new(process.url.clone()));
    let sent = AtomicU64::new(0);
    let mut kills = 0;
    std::thread::scope(|scope| {
        let (urls, sent) = (&urls, &sent);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let own = (0..events).step_by(PER_REQUEST as usize).skip(client as usize);
                    for first in own.step_by(CLIENTS as usize) {
                        let body = body(first..(first + PER_REQUEST).min(events), at);
                        send_to_any(urls, client as usize, &body);
                        // Some do not believe that it was taken.
                        if first % 7 == 0 {
                            send_to_any(urls, client as usize + 1, &body);
                        }
                        sent.fetch_add(PER_REQUEST, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let until = Instant::now() + PATIENCE * 20;
        for round in 1..=6_u64 {
            while sent.load(Ordering::Relaxed) < round * events / 7 {
                assert!(Instant::now() < until, "clients are stuck");
                assert!(!clients.iter().all(|client| client.is_finished()), "a client failed");
                std::thread::yield_now();
            }
            let which = round as usize % 2;
            collectors[which].child.kill().unwrap();
            collectors[which].child.wait().unwrap();
            kills += 1;
            collectors[which] = start(&folders[which]);
            urls[which].lock().unwrap().clone_from(&collectors[which].url);
        }
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    proxy.behave();
    collectors.iter().for_each(|collector| shipped(&collector.url));
    assert_eq!(kills, 6);
    for (fault, times) in proxy.faults() {
        assert!(times > 0, "{fault:?} never happened: {:?}", proxy.faults());
    }
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), events);
    assert_eq!(count(&engine, "SELECT uniqExact(event_id) FROM event"), events);

    let embedded = Collector::with(|settings| settings.clock = std::sync::Arc::new(move || at));
    for first in (0..events).step_by(PER_REQUEST as usize) {
        let taken = embedded.post(&body(first..(first + PER_REQUEST).min(events), at));
        assert_eq!(taken.status, 200, "{}", taken.body);
    }
    let expected = answers(&embedded.url(""));
    let agree = || {
        for collector in &collectors {
            for (shared, embedded) in answers(&collector.url).into_iter().zip(&expected) {
                assert_eq!(shared, *embedded);
            }
        }
    };
    agree();
    summed(&engine);
    agree();
}

/// Clients notice nothing of a store that is away, until the spool is full; afterwards everything arrives.
#[test]
fn an_outage_is_bridged_by_the_spool_until_it_is_full() {
    let Some(engine) = Engine::start() else { return };
    // Nothing arrives at first.
    let proxy = Proxy::start(&engine.host, 100);
    let store = format!("clickhouse://{}/shared", proxy.address);
    let folder = tempfile::tempdir().unwrap();
    let collector = serve(folder.path(), &store, &["--spool-max", "1MiB"]);
    let at = now();
    let track = format!("{}/events/v1/track", collector.url);
    let mut taken = 0;
    let refused = loop {
        let reply = post(&track, "application/json", body(taken..taken + PER_REQUEST, at).as_bytes());
        if reply.status != 200 {
            break reply;
        }
        taken += PER_REQUEST;
        assert!(taken < 100_000, "the limit was never reached");
    };
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "spool_full"));
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(taken > 0);
    assert_eq!(get(&format!("{}/readyz", collector.url)).status, 503);
    let metrics = get(&format!("{}/metrics", collector.url)).body;
    assert!(metrics.contains("telemetry_collector_ship_up 0\n"), "{metrics}");
    assert!(!metrics.contains("telemetry_collector_ship_failures_total 0\n"), "{metrics}");
    proxy.behave();
    shipped(&collector.url);
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), taken);
    let metrics = get(&format!("{}/metrics", collector.url)).body;
    assert!(metrics.contains(&format!("telemetry_collector_shipped_events_total {taken}\n")), "{metrics}");
    // What has arrived makes room.
    let until = Instant::now() + PATIENCE;
    while post(&track, "application/json", body(taken..taken + 1, at).as_bytes()).status != 200 {
        assert!(Instant::now() < until, "nothing is taken any more");
        std::thread::yield_now();
    }
    shipped(&collector.url);
}

/// With `--ack store`, an answer means that the store has the events; without, that this collector has.
#[test]
fn an_acknowledgement_may_wait_for_the_store() {
    let Some(engine) = Engine::start() else { return };
    let proxy = Proxy::start(&engine.host, 100);
    let store = format!("clickhouse://{}/shared", proxy.address);
    let folder = tempfile::tempdir().unwrap();
    let collector = serve(folder.path(), &store, &["--ack", "store"]);
    let at = now();
    let track = format!("{}/events/v1/track", collector.url);
    let refused = post(&track, "application/json", body(0..5, at).as_bytes());
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "not_stored_yet"));
    proxy.behave();
    shipped(&collector.url);
    for (numbers, tally) in [(0..5, (0, 5, 0)), (5..10, (5, 0, 0))] {
        let end = numbers.end;
        assert_eq!(post(&track, "application/json", body(numbers, at).as_bytes()).tally(), tally);
        assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), end);
    }
}

fn migrate(data: &str, store: &str, timeout: &str) -> (i32, String, String) {
    let output = collector()
        .args(["migrate", "--from", data, "--to", store, "--store-timeout", timeout])
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A migration that is killed or cut off goes on where it was, and ends with the same answers.
#[test]
fn a_migration_that_is_interrupted_ends_with_the_same_answers() {
    let Some(engine) = Engine::start() else { return };
    let events = std::env::var("MIGRATE_INSTALLS").unwrap_or_else(|_| "300".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let seeded = collector()
        .args(["seed", "--installs", &events, "--days", "90", "--min-free", "0", "--data", data])
        .output()
        .unwrap();
    assert!(seeded.status.success(), "{seeded:?}");
    // Killed on the way.
    let proxy = Proxy::start(&engine.host, 0);
    let store = format!("clickhouse://{}/shared", proxy.address);
    let mut child = collector()
        .args(["migrate", "--from", data, "--to", &store])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.contains("events copied"), "{line}");
    child.kill().unwrap();
    wait(&mut child);
    // Cut off by the network.
    let broken = Proxy::start(&engine.host, 40);
    let mut attempts = 0;
    loop {
        let through = if attempts < 2 { broken.address } else { proxy.address };
        let address = format!("clickhouse://{through}/shared");
        attempts += 1;
        let (code, stdout, stderr) = migrate(data, &address, if attempts < 3 { "4" } else { "60" });
        if attempts < 3 {
            assert!(code == 0 || stderr.contains("start again to continue"), "{stderr}");
            continue;
        }
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains("are there and the same"), "{stdout}");
        break;
    }
    let embedded = Process::start(folder.path());
    let spool = tempfile::tempdir().unwrap();
    let shared = serve(spool.path(), &engine.database("shared"), &[]);
    let expected = answers(&embedded.url);
    for (shared, embedded) in answers(&shared.url).into_iter().zip(expected) {
        assert_eq!(shared, embedded);
    }
    let last_row = |url: &str| get(&format!("{url}/api/v1/health")).json()["kept"]["first_day"].clone();
    assert_eq!(last_row(&shared.url), last_row(&embedded.url));
    drop(embedded);
    // Something else in the store is found.
    let more = record(
        1,
        "command",
        1,
        now(),
        serde_json::json!({ "action": "run", "flags": [], "is_success": true, "exit_code": 0, "duration_ms": 1 }),
    );
    let taken = post(
        &format!("{}/events/v1/track", shared.url),
        "application/json",
        envelope([more]).to_string().as_bytes(),
    );
    assert_eq!(taken.tally(), (1, 0, 0));
    shipped(&shared.url);
    let (code, _, stderr) = migrate(data, &store, "60");
    assert_eq!(code, 1);
    assert!(stderr.contains("nothing but what is copied from this folder"), "{stderr}");
}

/// `forget` leaves nothing of an installation in any table.
#[test]
fn an_installation_is_forgotten_in_the_shared_store() {
    let Some(engine) = Engine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = engine.database("shared");
    let collector = serve(folder.path(), &store, &[]);
    let at = now();
    let events = (0..6).map(|number| command(number, number % 2, at, "run", true));
    let mut request = envelope(events);
    request["client"] = serde_json::json!({
        "epoch": id(50), "sent_at": at, "recorded": 9, "losses": { "evicted": 0, "expired": 0, "rejected": 0, "too_big": 0 },
    });
    let track = format!("{}/events/v1/track", collector.url);
    assert_eq!(post(&track, "application/json", request.to_string().as_bytes()).tally(), (6, 0, 0));
    shipped(&collector.url);
    // Counters are told apart from events.
    let until = Instant::now() + PATIENCE;
    while count(&engine, "SELECT count() FROM loss") == 0 {
        assert!(Instant::now() < until, "no counters arrive");
        std::thread::yield_now();
    }
    drop(collector);
    let gone = id(1_000_000);
    let forget = |id: &str| {
        let output = program().args(["forget", id, "--store", &store]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(forget(&gone), (0, format!("removed 3 events, 0 sessions, 1 counters of {gone}\n")));
    assert_eq!(forget(&gone), (1, format!("nothing is stored about {gone}\n")));
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), 3);
    for table in ["event", "presence", "install", "loss"] {
        let left = format!("SELECT count() FROM {table} WHERE install = toUUID('{gone}')");
        assert_eq!(count(&engine, &left), 0, "{table}");
    }
    assert_eq!(count(&engine, "SELECT uniqExact(install) FROM presence"), 1);
}
