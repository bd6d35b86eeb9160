//! `seed`: makes up a population and takes its events, each at the time at which it would have come.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use telemetry_collector::{Seed, Taken};

use super::target::TargetArgs;

/// A running collector judges by its own clock, and takes nothing that is older.
const SERVED_DAYS: u32 = 45;
const MS_PER_DAY: i64 = 86_400_000;

#[derive(Debug, clap::Args)]
pub(crate) struct SeedArgs {
    /// How many installations there are in the end.
    #[arg(long, default_value_t = 1000)]
    installs: u32,
    /// How many days they were watched.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// The same seed makes the same population.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The last day; yesterday (UTC) if it is not given.
    #[arg(long, value_name = "DATE")]
    end: Option<Date>,
    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &SeedArgs) -> ExitCode {
    match seed(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn seed(args: &SeedArgs) -> Result<(), String> {
    if args.target.to.is_some() && args.days >= SERVED_DAYS {
        return Err(format!(
            "a running collector takes no events that are {SERVED_DAYS} days old\n  \
             seed fewer --days, or stop it and give its --data folder"
        ));
    }
    let last_day = match args.end {
        Some(date) => {
            let start = date.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
            start.timestamp().as_millisecond().div_euclid(MS_PER_DAY)
        }
        None => jiff::Timestamp::now().as_millisecond().div_euclid(MS_PER_DAY) - 1,
    };
    let population = Seed::new(args.installs, args.days, args.seed, last_day);
    let begun = Instant::now();
    let (mut accepted, mut duplicates, mut refused, mut requests) = (0, 0, 0, 0_u64);
    let mut first_refusal = None;
    args.target.bring(population.requests(), population.new_ids(), |taken: Taken| {
        requests += 1;
        match taken {
            Ok(answer) => {
                accepted += answer.accepted;
                duplicates += answer.duplicates;
                refused += answer.rejected.len() as u64;
                if let Some(rejected) = answer.rejected.first() {
                    first_refusal.get_or_insert_with(|| format!("{}: {}", rejected.code, rejected.detail));
                }
            }
            Err((code, text)) => {
                refused += 1;
                first_refusal.get_or_insert_with(|| format!("{code}: {text}"));
            }
        }
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = (accepted + duplicates) as f64 / seconds.max(0.001);
    let _ = writeln!(
        std::io::stdout(),
        "{accepted} events of {} installations over {} days, {duplicates} duplicates, in {requests} requests; \
         {seconds:.1} s, {per_second:.0} events/s",
        args.installs,
        args.days,
    );
    match first_refusal {
        Some(first) => Err(format!("{refused} records were refused, the first one with {first}")),
        None => Ok(()),
    }
}
