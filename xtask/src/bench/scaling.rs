//! `cargo xtask bench scaling`: how many nodes and how much disk a population needs, from measured numbers.
//!
//! A simulation in steps of a minute over three days: people in all parts of the world come and go with the day, a
//! collector takes so many events a second on a core and keeps in its spool what the store does not take, and on the
//! second day the store is away for an hour at the worst time. The smallest numbers of collectors and store nodes are
//! searched for which nobody is refused and the spools are empty again six hours after the outage.
//!
//! It knows nothing of networks, replicas or queries; `docs/scaling.md` says what follows from it and what does not.

use crate::terminal;

/// What was measured; `docs/scaling.md` says how.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Options {
    /// Events a second that one core of a collector takes and ships.
    #[arg(long, default_value_t = 20_000.0)]
    collector_rate: f64,
    /// Events a second that one core of the store takes, merges included.
    #[arg(long, default_value_t = 36_000.0)]
    store_rate: f64,
    /// Bytes of an event in the store, after merges.
    #[arg(long, default_value_t = 105.0)]
    store_bytes: f64,
    /// Bytes of an event in a spool.
    #[arg(long, default_value_t = 150.0)]
    spool_bytes: f64,
    /// Events that an installation records a day, on average over all installations.
    #[arg(long, default_value_t = 7.3)]
    events: f64,
    /// Days that events are kept for.
    #[arg(long, default_value_t = 400.0)]
    days: f64,
}

/// Cores of a node, of either kind; half of them are left for answers, merges and neighbours.
const CORES: f64 = 8.0;
const SHARE: f64 = 0.5;
/// The size of a spool, as `--spool-max` is by default.
const SPOOL: f64 = 4.0 * 1024.0 * 1024.0 * 1024.0;
/// How far the busiest and the quietest moment of a day are from an average one.
const SWING: f64 = 0.8;
const MINUTE: f64 = 60.0;
const DAY_MINUTES: u32 = 24 * 60;
const OUTAGE: std::ops::Range<u32> = DAY_MINUTES + 750..DAY_MINUTES + 810;
const EMPTY_AGAIN: u32 = OUTAGE.end + 6 * 60;
const POPULATIONS: [f64; 3] = [1e6, 1e7, 1e8];

/// Nodes of one kind each.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fleet {
    collectors: f64,
    stores: f64,
}

/// What happened to a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Outcome {
    refused: f64,
    /// The most events that waited in all spools.
    most_waiting: f64,
    /// Minutes after the outage at which nothing waited any more.
    caught_up_after: Option<u32>,
}

/// Events a second at a minute of the day: fewest at midnight UTC, most at noon.
fn arriving(installs: f64, options: &Options, minute: u32) -> f64 {
    let average = installs * options.events / 86_400.0;
    let of_day = f64::from(minute % DAY_MINUTES) / f64::from(DAY_MINUTES);
    average * (1.0 - SWING * (of_day * std::f64::consts::TAU).cos())
}

/// Lets three days pass.
fn simulate(installs: f64, options: &Options, fleet: Fleet) -> Outcome {
    let taken_most = fleet.collectors * CORES * SHARE * options.collector_rate * MINUTE;
    let stored_most = fleet.stores * CORES * SHARE * options.store_rate * MINUTE;
    let spool_most = fleet.collectors * SPOOL / options.spool_bytes;
    let (mut waiting, mut outcome) = (0.0_f64, Outcome::default());
    for minute in 0..3 * DAY_MINUTES {
        let came = arriving(installs, options, minute) * MINUTE;
        let taken = came.min(taken_most).min(spool_most - waiting);
        outcome.refused += came - taken;
        waiting += taken;
        let stored = if OUTAGE.contains(&minute) { 0.0 } else { stored_most.min(waiting) };
        waiting -= stored;
        outcome.most_waiting = outcome.most_waiting.max(waiting);
        if minute >= OUTAGE.end && waiting < 1.0 && outcome.caught_up_after.is_none() {
            outcome.caught_up_after = Some(minute - OUTAGE.end);
        }
    }
    outcome
}

fn is_enough(outcome: &Outcome) -> bool {
    outcome.refused < 1.0 && outcome.caught_up_after.is_some_and(|after| after <= EMPTY_AGAIN - OUTAGE.end)
}

/// The smallest fleet that is enough: stores first, for they cost more.
fn smallest(installs: f64, options: &Options) -> Option<(Fleet, Outcome)> {
    let most = 4096;
    (1..most).map(f64::from).find_map(|stores| {
        // More collectors refuse less and hold more: the first number that is enough is found by halving.
        let tried = |collectors: f64| {
            let fleet = Fleet { collectors, stores };
            let outcome = simulate(installs, options, fleet);
            is_enough(&outcome).then_some((fleet, outcome))
        };
        let (mut low, mut high) = (0, most);
        tried(f64::from(high))?;
        while high - low > 1 {
            let middle = (low + high) / 2;
            if tried(f64::from(middle)).is_some() { high = middle } else { low = middle }
        }
        tried(f64::from(high))
    })
}

/// Prints a line a population.
pub(super) fn run(options: &Options) {
    terminal::out(&format!("{options:?}"));
    terminal::out(&format!(
        "{:>12} {:>14} {:>12} {:>11} {:>11} {:>13} {:>11} {:>13}",
        "installs",
        "events/day",
        "peak ev/s",
        "collectors",
        "store nodes",
        "store disk GB",
        "spool GB",
        "caught up min"
    ));
    for installs in POPULATIONS {
        let per_day = installs * options.events;
        let peak = (0..DAY_MINUTES).map(|minute| arriving(installs, options, minute)).fold(0.0, f64::max);
        match smallest(installs, options) {
            None => terminal::out(&format!("{installs:>12.0} {per_day:>14.0}   no fleet is enough")),
            Some((fleet, outcome)) => terminal::out(&format!(
                "{installs:>12.0} {per_day:>14.0} {peak:>12.0} {:>11.0} {:>11.0} {:>13.0} {:>11.1} {:>13}",
                fleet.collectors,
                fleet.stores,
                per_day * options.days * options.store_bytes / 1e9,
                outcome.most_waiting * options.spool_bytes / 1e9,
                outcome.caught_up_after.unwrap_or(0),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        collector_rate: 1_000.0,
        store_rate: 2_000.0,
        store_bytes: 60.0,
        spool_bytes: 150.0,
        events: 7.0,
        days: 400.0,
    };

    #[test]
    fn a_day_has_the_events_it_should_and_its_peak() {
        let of_day: f64 = (0..DAY_MINUTES).map(|minute| arriving(1e6, &OPTIONS, minute) * MINUTE).sum();
        let peak = (0..DAY_MINUTES).map(|minute| arriving(1e6, &OPTIONS, minute)).fold(0.0, f64::max);
        assert!((of_day / 7e6 - 1.0).abs() < 0.001, "{of_day}");
        assert!((peak / (7e6 / 86_400.0) - 1.0 - SWING).abs() < 0.001, "{peak}");
    }

    #[test]
    fn one_node_less_is_not_enough() {
        let (fleet, outcome) = smallest(1e8, &OPTIONS).unwrap();
        assert!(is_enough(&outcome) && fleet.collectors > 1.0 && fleet.stores > 1.0, "{fleet:?}");
        let fewer = [
            Fleet { collectors: fleet.collectors - 1.0, ..fleet },
            Fleet { collectors: 4096.0, stores: fleet.stores - 1.0 },
        ];
        for fleet in fewer {
            assert!(!is_enough(&simulate(1e8, &OPTIONS, fleet)), "{fleet:?}");
        }
    }

    #[test]
    fn an_outage_fills_the_spools_and_they_empty_again() {
        let outcome = simulate(1e6, &OPTIONS, Fleet { collectors: 4.0, stores: 4.0 });
        let hour =
            (OUTAGE.start..OUTAGE.end).map(|minute| arriving(1e6, &OPTIONS, minute) * MINUTE).sum::<f64>();
        assert!((outcome.most_waiting - hour).abs() < hour * 0.05, "{outcome:?}");
        assert!(outcome.refused < 1.0 && outcome.caught_up_after.is_some());
    }
}
