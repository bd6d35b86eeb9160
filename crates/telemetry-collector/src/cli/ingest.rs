//! `ingest FILE…`: takes records from files, the way they would have come over the network.
//!
//! What is refused is said line by line on stderr, without its content; stdout has the sum. Exit 1 if something was
//! refused. Records with an id may be taken again and again; those without one are new each time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use telemetry_collector::{Arriving, Taken};
use uuid::Uuid;

use super::lines::{Found, Lines};
use super::target::TargetArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArgs {
    /// Files with a record, a request's body, or a line of `telemetry log --json` on each line; - for stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &IngestArgs) -> ExitCode {
    let sums = RefCell::new(Sums::default());
    for file in &args.files {
        if let Err(problem) = take(file, &args.target, &sums) {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            sums.borrow_mut().failed = true;
        }
    }
    let Sums { accepted, duplicates, refused, failed } = sums.into_inner();
    let _ =
        writeln!(std::io::stdout(), "{accepted} taken, {duplicates} were there already, {refused} refused");
    if failed || refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[derive(Debug, Default)]
struct Sums {
    accepted: u64,
    duplicates: u64,
    refused: u64,
    failed: bool,
}

fn take(file: &Path, target: &TargetArgs, sums: &RefCell<Sums>) -> Result<(), String> {
    let name = file.display().to_string();
    let input: Box<dyn BufRead + Send> = match name.as_str() {
        "-" => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(
            File::open(file).map_err(|error| format!("{name} cannot be read: {error}"))?,
        )),
    };
    // Filled where lines are read, emptied where answers arrive: in the same order.
    let sent = Mutex::new(VecDeque::new());
    let bad = Mutex::new(Bad::default());
    let mut lines = Lines::new(input);
    let requests = std::iter::from_fn(|| {
        loop {
            match lines.next() {
                Ok(Some(Found::Request(request))) => {
                    locked(&sent).push_back(request.lines);
                    return Some(Arriving { at_ms: now_ms(), body: request.body });
                }
                Ok(Some(Found::Bad { line, problem })) => {
                    locked(&bad).lines += 1;
                    complain(&name, line, problem);
                }
                Ok(None) => return None,
                Err(error) => {
                    locked(&bad).unreadable = Some(format!("{name} cannot be read: {error}"));
                    return None;
                }
            }
        }
    });
    let tell = |taken: Taken| {
        let lines = locked(&sent).pop_front().unwrap_or_default();
        count(&name, &lines, taken, &mut sums.borrow_mut());
    };
    let brought = target.bring(requests, Uuid::now_v7, tell);
    let bad = locked(&bad);
    sums.borrow_mut().refused += bad.lines;
    brought.and(bad.unreadable.clone().map_or(Ok(()), Err))
}

#[derive(Debug, Default)]
struct Bad {
    lines: u64,
    unreadable: Option<String>,
}

fn count(name: &str, lines: &[u64], taken: Taken, sums: &mut Sums) {
    match taken {
        Ok(answer) => {
            sums.accepted += answer.accepted;
            sums.duplicates += answer.duplicates;
            sums.refused += answer.rejected.len() as u64;
            for rejected in answer.rejected {
                let what = format!("{}: {}", rejected.code, rejected.detail);
                match lines {
                    [line] => complain(name, *line, &format!("record {}: {what}", rejected.index + 1)),
                    lines => complain(name, lines.get(rejected.index).copied().unwrap_or(0), &what),
                }
            }
        }
        Err((code, text)) => {
            sums.refused += 1;
            complain(name, lines.first().copied().unwrap_or(0), &format!("{code}: {text}"));
        }
    }
}

fn complain(name: &str, line: u64, what: &str) {
    let _ = writeln!(std::io::stderr(), "{name}:{line}: {what}");
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
