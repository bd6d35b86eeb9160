//! What one run of the tool records, as the requests that its client sends.

use std::fmt::Write;

use super::dice::Dice;
use super::people::{Model, Person};
use crate::catalogue::MAX_RECORDS;
use crate::ingest::go_client;

struct Tool {
    name: &'static str,
    kind: &'static str,
    /// Milliseconds of a usual call, and how much they differ.
    pace: f64,
    spread: f64,
    failures: f64,
    error: &'static str,
}

const fn tool(
    name: &'static str,
    kind: &'static str,
    (pace, spread): (f64, f64),
    (failures, error): (f64, &'static str),
) -> Tool {
    Tool { name, kind, pace, spread, failures, error }
}

static TOOLS: [(&Tool, u32); 8] = [
    (&tool("read_file", "builtin", (3.0, 0.7), (0.03, "not_found")), 30),
    (&tool("shell", "builtin", (420.0, 1.5), (0.14, "nonzero_exit")), 24),
    (&tool("edit_file", "builtin", (6.0, 0.8), (0.09, "invalid_arguments")), 16),
    (&tool("search_files_content", "builtin", (45.0, 1.0), (0.01, "io")), 10),
    (&tool("list_directory", "builtin", (2.0, 0.5), (0.02, "not_found")), 7),
    (&tool("github_search", "mcp", (830.0, 0.9), (0.06, "rate_limited")), 6),
    (&tool("lint", "script", (2600.0, 0.6), (0.2, "nonzero_exit")), 4),
    (&tool("transfer_task", "agent", (14_000.0, 0.8), (0.04, "tool_error")), 3),
];
const FAILURES: [(&str, u32); 6] =
    [("auth", 30), ("network", 22), ("rate_limited", 18), ("config", 14), ("server", 10), ("timeout", 6)];
/// Commands that only show something.
const QUICK: [(&str, u32); 4] =
    [("version", 55), ("models", 20), ("sessions list", 15), ("debug config", 10)];
const FLAGS: [(&str, u32); 5] =
    [("[]", 45), ("[\"exec\"]", 25), ("[\"yolo\"]", 14), ("[\"model\"]", 10), ("[\"debug\",\"json\"]", 6)];

/// The flags of commands that run no agent.
const FEW_FLAGS: [(&str, u32); 3] = [("[]", 90), ("[\"debug\"]", 7), ("[\"config-dir\"]", 3)];

/// A run that was planned: enough to make its records when its time comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) person: u32,
    pub(super) number: u32,
    pub(super) begun_ms: i64,
    /// When it could be sent; 0 for at once.
    pub(super) sent_ms: i64,
    pub(super) release: i64,
}

/// The requests of a run, and when the last event was recorded; adds to what its installation has `recorded`.
pub(super) fn requests(
    run: Run,
    person: &Person,
    recorded: &mut u64,
    dice: &mut Dice,
) -> (Vec<Vec<u8>>, i64) {
    let mut records = Records { person, release: run.release, dice, at_ms: run.begun_ms, done: Vec::new() };
    let failed = match records.dice.chance(0.12) {
        // Somebody wanted to know something, or the run ended before it began.
        true if records.dice.chance(0.6) => {
            let action = records.dice.pick(&QUICK);
            records.command(action, 4, None);
            None
        }
        true => Some(records.dice.pick(&FAILURES)),
        false => records.session(None, 0),
    };
    if records.done.is_empty() || failed.is_some() || records.at_ms > run.begun_ms {
        let took = records.at_ms - run.begun_ms + 35;
        records.command("run", took, failed);
    }
    let Records { done, at_ms, .. } = records;
    let sent_ms = run.sent_ms.max(at_ms + 20);
    *recorded += done.len() as u64;
    let client = client(person, *recorded, sent_ms);
    let requests = done.chunks(if person.runs_go { 1 } else { MAX_RECORDS });
    let body = |records: &[String]| format!("{{\"records\":[{}]{client}}}", records.join(",")).into_bytes();
    (requests.map(body).collect(), at_ms)
}

/// What a client says of itself, cumulative; the Go program says nothing.
fn client(person: &Person, recorded: u64, sent_ms: i64) -> String {
    if person.runs_go {
        return String::new();
    }
    // Every fiftieth installation is one that was offline for long, and gave up events beside those that came.
    let evicted = if person.number % 50 == 7 { recorded / 40 } else { 0 };
    let recorded = recorded + evicted;
    format!(
        ",\"client\":{{\"epoch\":\"{}\",\"sent_at\":{sent_ms},\"recorded\":{recorded},\
         \"losses\":{{\"evicted\":{evicted},\"expired\":0,\"rejected\":0,\"too_big\":0}}}}",
        person.epoch
    )
}

struct Records<'a> {
    person: &'a Person,
    release: i64,
    dice: &'a mut Dice,
    at_ms: i64,
    done: Vec<String>,
}

/// What the calls of a session add up to.
#[derive(Default)]
struct Totals {
    input: u64,
    output: u64,
    nano_usd: u64,
    tool_calls: u64,
    tool_errors: u64,
}

impl Records<'_> {
    /// A conversation with its turns; returns the error that ended it, if one did.
    fn session(&mut self, parent: Option<uuid::Uuid>, depth: u32) -> Option<&'static str> {
        let (id, begun_ms) = (self.dice.id(), self.at_ms);
        let model = self.person.model;
        let agent = if parent.is_some() { "helper" } else { self.person.agent };
        let parent = parent.map(|parent| format!("\"parent_session_id\":\"{parent}\",")).unwrap_or_default();
        let head = format!(
            "\"session_id\":\"{id}\",{parent}\"agent_name\":\"{agent}\",\"model_provider\":\"{}\",\"model_name\":\"{}\"",
            model.provider, model.name
        );
        self.record("session", &format!("\"action\":\"start\",{head}"));
        let turns = 1 + self.dice.count(1.2);
        let mut totals = Totals::default();
        for _ in 0..turns {
            self.turn(id, agent, model, depth, &mut totals);
        }
        if self.dice.chance(0.02) {
            // Killed: nothing says how it ended.
            return None;
        }
        let (outcome, error) = match self.dice.below(100) {
            0..87 => ("completed", None),
            87..92 => ("failed", Some(self.dice.pick(&FAILURES))),
            92..98 => ("cancelled", None),
            _ => ("limit", None),
        };
        let errors = error.map(|error| format!("\"{error}\":1")).unwrap_or_default();
        let Totals { input, output, nano_usd, tool_calls, tool_errors } = totals;
        let own = format!(
            "\"action\":\"end\",{head},\"duration_ms\":{},\"turns\":{turns},\"tool_calls\":{tool_calls},\
             \"tool_errors\":{tool_errors},\"input_tokens\":{input},\"output_tokens\":{output},\
             \"total_tokens\":{},\"cost\":{},\"cost_known\":{},\"error_count\":{},\"errors\":{{{errors}}},\
             \"outcome\":\"{outcome}\",\"is_success\":{}",
            self.at_ms - begun_ms,
            input + output,
            usd(nano_usd),
            model.price.is_some(),
            u64::from(error.is_some()),
            outcome == "completed",
        );
        self.record("session", &own);
        error
    }

    fn turn(&mut self, session: uuid::Uuid, agent: &str, model: Model, depth: u32, totals: &mut Totals) {
        let calls = self.dice.count(2.0).min(12);
        for call in 0..=calls {
            self.tokens(session, agent, model, totals);
            if call == calls {
                break;
            }
            let tool = self.dice.pick(&TOOLS);
            if tool.kind == "agent" && depth == 0 {
                self.session(Some(session), depth + 1);
            }
            self.tool(session, agent, tool, totals);
        }
    }

    fn tokens(&mut self, session: uuid::Uuid, agent: &str, model: Model, totals: &mut Totals) {
        let input = self.dice.around(5200.0, 1.0) as u64;
        let output = self.dice.around(320.0, 0.9) as u64;
        let took = self.dice.around(model.pace, 0.5) as i64;
        self.at_ms += took;
        let mut own = format!(
            "\"action\":\"usage\",\"session_id\":\"{session}\",\"agent_name\":\"{agent}\",\
             \"model_provider\":\"{}\",\"model_name\":\"{}\",\"purpose\":\"{}\",\"input_tokens\":{input},\
             \"output_tokens\":{output},\"total_tokens\":{},\"cache_read_tokens\":{},\"cache_write_tokens\":0,\
             \"reasoning_tokens\":{},\"duration_ms\":{took}",
            model.provider,
            model.name,
            self.dice.pick(&[("turn", 92), ("title", 6), ("compaction", 2)]),
            input + output,
            input / 3,
            output / 5,
        );
        if let Some((of_input, of_output)) = model.price {
            let nano_usd = input * of_input + output * of_output;
            totals.nano_usd += nano_usd;
            let _ = write!(own, ",\"cost\":{}", usd(nano_usd));
        }
        totals.input += input;
        totals.output += output;
        self.record("token", &own);
    }

    fn tool(&mut self, session: uuid::Uuid, agent: &str, tool: &Tool, totals: &mut Totals) {
        let took = self.dice.around(tool.pace, tool.spread) as i64;
        self.at_ms += took;
        totals.tool_calls += 1;
        let outcome = if self.dice.chance(tool.failures) {
            totals.tool_errors += 1;
            "error"
        } else {
            self.dice.pick(&[("ok", 97), ("denied", 2), ("cancelled", 1)])
        };
        let error = match outcome {
            "error" => format!(",\"error\":\"{}\"", tool.error),
            _ => String::new(),
        };
        let own = format!(
            "\"action\":\"call\",\"session_id\":\"{session}\",\"agent_name\":\"{agent}\",\"tool_name\":\"{}\",\
             \"tool_kind\":\"{}\",\"duration_ms\":{took},\"outcome\":\"{outcome}\",\"is_success\":{}{error}",
            tool.name,
            tool.kind,
            outcome == "ok",
        );
        self.record("tool", &own);
    }

    fn command(&mut self, action: &str, took_ms: i64, error: Option<&str>) {
        let exit_code = u8::from(error.is_some());
        let error = error.map(|error| format!(",\"error\":\"{error}\"")).unwrap_or_default();
        let own = format!(
            "\"action\":\"{action}\",\"flags\":{},\"is_success\":{},\"exit_code\":{exit_code},\
             \"duration_ms\":{took_ms}{error}",
            if action == "run" { self.dice.pick(&FLAGS) } else { self.dice.pick(&FEW_FLAGS) },
            exit_code == 0,
        );
        self.record("command", &own);
    }

    /// Adds what is common to all events.
    fn record(&mut self, event: &str, own: &str) {
        let Person { uuid, os, arch, language, caller, .. } = self.person;
        let (at_ms, release) = (self.at_ms, self.release);
        let own_id = self.dice.event_id(at_ms);
        self.done.push(if self.person.runs_go {
            // Its extra properties are dropped at the door.
            format!(
                "{{\"event\":\"{event}\",\"event_timestamp\":{at_ms},\"source\":\"{}\",\"properties\":{{{own},\
                 \"args\":[\"agent.yaml\"],\"user_uuid\":\"{uuid}\",\"version\":\"v1.{release}.0\",\"os\":\"{os}\",\
                 \"os_language\":\"{}.UTF-8\"}}}}",
                go_client::SOURCE,
                language.replace('-', "_"),
            )
        } else {
            format!(
                "{{\"event_id\":\"{own_id}\",\"event\":\"{event}\",\"event_timestamp\":{at_ms},\
                 \"source\":\"docker-agent\",\"properties\":{{{own},\"user_uuid\":\"{uuid}\",\
                 \"version\":\"1.{release}.0\",\"os\":\"{os}\",\"arch\":\"{arch}\",\"os_language\":\"{language}\",\
                 \"caller\":\"{caller}\",\"schema\":1}}}}"
            )
        });
    }
}

/// Nano-dollars as dollars with nine decimals.
fn usd(nano: u64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}
