//! Load for a collector, and the yardsticks that it is measured beside.
//!
//! Prints one line of JSON on stdout and knows nothing of what it means: `cargo xtask bench collector` does.
//!
//! - `http ADDRESS CONNECTIONS RECORDS SECONDS [REQUESTS_PER_SECOND]`: posts records on keep-alive connections, one
//!   request at a time on each. With a rate, requests have a time at which they are due, and their latency counts
//!   from there, so that a slow answer does not hide those that wait behind it.
//! - `sqlite FOLDER RECORDS SECONDS`: the bare insert loop: the same events, one durable transaction for so many.

mod body;
mod http;
mod sqlite;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["http", address, connections, records, seconds] => {
            http::run(address, number(connections), number(records), number(seconds), None)
        }
        ["http", address, connections, records, seconds, rate] => {
            http::run(address, number(connections), number(records), number(seconds), Some(number(rate)))
        }
        ["sqlite", folder, records, seconds] => sqlite::run(folder, number(records), number(seconds)),
        _ => {
            eprintln!(
                "usage: bench-load http ADDRESS CONNECTIONS RECORDS SECONDS [RATE] | sqlite FOLDER RECORDS SECONDS"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"))
}
