//! `telemetry log`: the requests that were made, byte for byte, and the records that wait.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use agent_telemetry::{Ended, LogLine};

use super::time;
use crate::args::LogArgs;
use crate::output;
use crate::plugin::Parent;
use crate::startup::Startup;
use crate::wrapper::Outcome;

/// How often `--follow` looks for news.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

pub(super) fn run(args: &LogArgs, startup: &Startup) -> Outcome {
    if args.pending {
        return pending(args, startup);
    }
    // Before anything is shown: docker takes no connections once it wants us to stop.
    let docker = if args.follow { Parent::connect() } else { None };
    let lines = startup.telemetry().log();
    let shown = match args.last {
        Some(last) => last_requests(&lines, last),
        None => &lines,
    };
    if shown.is_empty() && !args.json && !args.follow {
        output::data("No request was made.\n")?;
    }
    output::data(&render(shown, args.json))?;
    if args.follow {
        follow(args, startup, docker.as_ref(), lines.last().cloned())?;
    }
    Ok(Ended::SUCCESS)
}

fn pending(args: &LogArgs, startup: &Startup) -> Outcome {
    let records = startup.telemetry().pending();
    let skip = args.last.map_or(0, |last| records.len().saturating_sub(last));
    let lines: String = records.iter().skip(skip).map(|record| format!("{record}\n")).collect();
    if lines.is_empty() && !args.json {
        output::data("Nothing waits.\n")?;
    }
    output::data(&lines)?;
    Ok(Ended::SUCCESS)
}

/// Shows what is added, until somebody stops it: us, or the docker client that called us.
fn follow(
    args: &LogArgs,
    startup: &Startup,
    docker: Option<&Parent>,
    mut last: Option<LogLine>,
) -> std::io::Result<()> {
    loop {
        if docker.is_some_and(Parent::is_gone) {
            return Ok(());
        }
        thread::sleep(FOLLOW_EVERY);
        let lines = startup.telemetry().log();
        let seen = lines.iter().rposition(|line| Some(line) == last.as_ref()).map_or(0, |at| at + 1);
        if let Some(newest) = lines[seen..].last() {
            last = Some(newest.clone());
            output::data(&render(&lines[seen..], args.json))?;
        }
    }
}

/// The lines of the last `count` requests.
fn last_requests(lines: &[LogLine], count: usize) -> &[LogLine] {
    let requests = lines.iter().enumerate().rev().filter(|(_, line)| matches!(line, LogLine::Request { .. }));
    let first = requests.take(count).last().map_or(lines.len(), |(at, _)| at);
    &lines[first..]
}

fn render(lines: &[LogLine], json: bool) -> String {
    let mut out = String::new();
    for line in lines {
        if json {
            let _ = writeln!(out, "{}", serde_json::to_string(line).unwrap_or_default());
        } else {
            for_people(&mut out, line);
        }
    }
    out
}

fn for_people(out: &mut String, line: &LogLine) {
    let _ = match line {
        LogLine::Request { at_ms, method, url, headers, body, .. } => {
            let _ = writeln!(out, "{}  {method} {url}", time::at(*at_ms));
            for (name, value) in headers {
                let _ = writeln!(out, "  {name}: {value}");
            }
            writeln!(out, "{body}")
        }
        LogLine::Answer { at_ms, duration_ms, status, body, .. } => {
            let head = format!("{}  answer {status} after {duration_ms} ms", time::at(*at_ms));
            writeln!(out, "{head}\n{}{}", output::harmless(body), if body.is_empty() { "" } else { "\n" })
        }
        LogLine::Failure { at_ms, duration_ms, reason, .. } => {
            writeln!(out, "{}  no answer after {duration_ms} ms: {reason}\n", time::at(*at_ms))
        }
        _ => Ok(()),
    };
}
