//! The project's own commands: `cargo xtask ci`, `demo`, `bench`, `soak`, `docs`, `tidy`, `review-due`.
//!
//! Everything that README, `.ci/run` and people run more than once lives here, so that there is one way to do it.
//! Nothing in here is linked into what users install.
//! Exit status: 0 done, 1 something is wrong and the last lines of stderr say what, 2 usage, 130 interrupted.

mod bench;
mod ci;
mod demo;
mod docs;
mod process;
mod session;
mod soak;
mod terminal;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands.")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs every check: format, lints, house rules, build, generated files, tests, documentation, demo.
    Ci,
    /// Runs the example agents against a real collector and shows what arrives.
    Demo(demo::Options),
    /// Measures what telemetry adds to a command's time, for endpoints in every state.
    Bench(bench::Options),
    /// Kills, floods and cuts off the programs, and counts what was lost or doubled.
    Soak(soak::Options),
    /// Writes the files that are generated from the event definitions.
    Docs {
        /// Writes nothing; fails if a file is not what it would be.
        #[arg(long)]
        check: bool,
    },
    /// Checks the house rules.
    Tidy,
    /// Fails if the review date of an event has passed.
    ReviewDue,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Ci => ci::run(),
        Task::Demo(options) => demo::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Docs { check } => docs::run(check),
        Task::Tidy => tidy::run(),
        Task::ReviewDue => tidy::run_review_due(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<process::Interrupted>() => ExitCode::from(130),
        Err(error) => {
            terminal::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
