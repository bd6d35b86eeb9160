//! What one recorded event costs its caller, beside a bare `write(2)` of the same bytes in the same run.
//!
//! Nothing is sent: the machines of these measurements have no endpoint, so events are held in a journal.

mod allocations;

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_telemetry::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};
use agent_telemetry::{Dirs, Inputs, Telemetry, catalogue};

catalogue! {
    static CATALOGUE = {
        events: [CommandEnded, SessionStarted, SessionEnded, ToolCalled, TokensUsed],
        commands: ["run"],
        flags: [],
        agents: ["root"],
        tools: ["read_file"],
        models: ["gpt-4o"],
    };
}

const SESSION: &str = "01936e3a-0000-7000-8000-000000000001";

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("off"), Some(calls)) => off_for(calls.parse().expect("a number of calls")),
        (Some("threads"), Some(folder)) => threads(Path::new(&folder)),
        (Some(folder), None) => all(Path::new(folder)),
        _ => panic!("usage: bench-record FOLDER | bench-record threads FOLDER | bench-record off CALLS"),
    }
}

fn all(folder: &Path) {
    println!("{:<34} {:>9} {:>9} {:>9} {:>9}", "ns per call", "p50", "p99", "p99.9", "max");
    let (records, writes) = alternating(folder, 40, 400, Duration::ZERO);
    line("record, back to back", &records);
    line("bare write(2) of the same bytes", &writes);
    ratio(&records, &writes);
    let (records, writes) = alternating(folder, 1, 400, Duration::from_millis(1));
    line("record, 1 ms apart", &records);
    line("bare write(2), 1 ms apart", &writes);
    ratio(&records, &writes);
    line("record, folder full and rotating", &rotating(folder));
    let telemetry = held(&home(folder, "allocations"));
    record(&telemetry);
    let allocations = allocations::during(|| (0..100).for_each(|_| record(&telemetry)));
    println!("{:<34} {:>9.2}", "allocations per record", allocations as f64 / 100.0);
    println!("{:<34} {:>9}", "bytes per record", bytes_per_record(folder));
    threads(folder);
    let off = off();
    record(&off);
    let allocations = allocations::during(|| (0..100).for_each(|_| record(&off)));
    let begun = Instant::now();
    (0..1_000_000).for_each(|_| record(black_box(&off)));
    println!("{:<34} {:>9.2}", "ns per call when off", begun.elapsed().as_nanos() as f64 / 1e6);
    println!("{:<34} {:>9.2}", "allocations per call when off", allocations as f64 / 100.0);
}

fn home(folder: &Path, name: &str) -> PathBuf {
    let home = folder.join(name);
    std::fs::create_dir_all(&home).expect("a folder");
    home
}

/// Records into a journal and sends nothing.
fn held(home: &Path) -> Telemetry {
    let lookup = |name: &str| (name == "HOME").then(|| home.into());
    Telemetry::builder("bench", "1.2.3", &CATALOGUE)
        .inputs(Inputs::from_lookup(lookup))
        .dirs(Dirs::from_lookup("bench", lookup))
        .build()
}

fn off() -> Telemetry {
    let lookup = |name: &str| (name == "TELEMETRY_ENABLED").then(|| "false".into());
    Telemetry::builder("bench", "1.2.3", &CATALOGUE).inputs(Inputs::from_lookup(lookup)).build()
}

/// For an instruction counter: as many calls as asked.
fn off_for(calls: u64) {
    let off = off();
    (0..calls).for_each(|_| record(black_box(&off)));
}

fn record(telemetry: &Telemetry) {
    let cx = telemetry.cx();
    let _ = cx.record_tool_call("read_file", SESSION, "root", Duration::from_millis(12), None);
}

fn timed(work: impl FnOnce()) -> u64 {
    let begun = Instant::now();
    work();
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Records and writes by turns, so that a slow moment of the machine hits both.
fn alternating(folder: &Path, rounds: usize, each: usize, pause: Duration) -> (Vec<u64>, Vec<u64>) {
    let name = format!("alternating-{}", pause.as_millis());
    let telemetry = held(&home(folder, &name));
    record(&telemetry);
    let mut bytes = telemetry.pending().remove(0).into_bytes();
    bytes.push(b'\n');
    let mut file = File::options().append(true).create(true).open(folder.join(name + ".bare")).expect("a file");
    let (mut records, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for _ in 0..each {
            std::thread::sleep(pause);
            records.push(timed(|| record(&telemetry)));
        }
        for _ in 0..each {
            std::thread::sleep(pause);
            writes.push(timed(|| file.write_all(&bytes).expect("a write")));
        }
    }
    (records, writes)
}

/// Records more than the folder may hold, so that each new segment costs the oldest one.
fn rotating(folder: &Path) -> Vec<u64> {
    let telemetry = held(&home(folder, "rotating"));
    (0..18_000).for_each(|_| record(&telemetry));
    (0..18_000).map(|_| timed(|| record(&telemetry))).collect()
}

fn bytes_per_record(folder: &Path) -> usize {
    let telemetry = held(&home(folder, "bytes"));
    record(&telemetry);
    telemetry.pending()[0].len()
}

fn threads(folder: &Path) {
    const THREADS: u32 = 8;
    const EACH: u32 = 2_400;
    let telemetry = held(&home(folder, "threads"));
    record(&telemetry);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| record(&telemetry)));
        }
    });
    let per_second = f64::from(THREADS * EACH) / begun.elapsed().as_secs_f64();
    println!("{:<34} {:>9.0}", "records per second, 8 threads", per_second);
}

fn at(sorted: &[u64], part: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn sorted(values: &[u64]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

fn line(name: &str, values: &[u64]) {
    let sorted = sorted(values);
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|part| at(&sorted, part));
    println!("{name:<34} {p50:>9} {p99:>9} {p999:>9} {max:>9}");
}

fn ratio(records: &[u64], writes: &[u64]) {
    let ratio = |part| at(&sorted(records), part) as f64 / at(&sorted(writes), part) as f64;
    println!("{:<34} {:>8.2}x {:>8.2}x", "  ratio", ratio(0.5), ratio(0.99));
}
