//! A population that was made up, to try a collector with.
//!
//! It grows, rests at weekends, takes up releases at its own pace, uses agents, models and tools of different speed and
//! price, fails now and then, is offline, sends things twice, and partly runs the Go program. What comes out are the
//! requests that its clients would send, in the order of their arrival; nothing but the seed decides what they are.
//! Ids of installations and sessions begin with `5eed`, so nobody takes them for people's.

mod dice;
mod people;
mod run;

use std::collections::BTreeMap;

use uuid::Uuid;

use self::dice::Dice;
use self::people::Person;
use self::run::Run;
use crate::intake::Arriving;
use crate::store::{DAY_MS, Day};

/// Of all requests, those that arrive twice because the first answer was lost.
const REPEATED: f64 = 0.01;
/// Nobody is offline for longer.
const OFFLINE_DAYS: u64 = 6;

/// What to make up.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Seed {
    /// How many installations there are in the end.
    pub installs: u32,
    /// How many days they were watched.
    pub days: u32,
    /// Everything follows from this.
    pub seed: u64,
    /// The last of the days, in days since 1970-01-01 (UTC).
    pub last_day: i64,
}

impl Seed {
    /// A population.
    #[must_use]
    pub fn new(installs: u32, days: u32, seed: u64, last_day: i64) -> Self {
        Self { installs, days: days.max(1), seed, last_day }
    }

    /// The requests, in the order in which they arrive, day by day.
    pub fn requests(&self) -> impl Iterator<Item = Arriving> + Send + use<> {
        let first = self.last_day - i64::from(self.days) + 1;
        let people = (0..u64::from(self.installs))
            .map(|number| Person::new(self.seed, number, first, self.last_day))
            .collect();
        let population = Population { seed: self.seed, first, people, later: BTreeMap::new() };
        let seed = self.seed;
        (first..=self.last_day)
            .scan(population, |population, day| {
                let runs = population.runs_on(day);
                // Small: what a run records is made when its turn comes.
                let people: Vec<(Run, Person)> = runs
                    .into_iter()
                    .map(|run| (run, population.people[run.person as usize].clone()))
                    .collect();
                Some(people)
            })
            .flatten()
            .scan(vec![0; self.installs as usize], move |recorded, (run, person)| {
                Some(arriving(seed, run, &person, &mut recorded[run.person as usize]))
            })
            .flatten()
    }

    /// Ids for the records that come without one.
    pub fn new_ids(&self) -> impl FnMut() -> Uuid + Send + use<> {
        let mut dice = Dice::of([self.seed, 0, 4, 0]);
        let at_ms = self.last_day * DAY_MS;
        move || dice.event_id(at_ms)
    }
}

struct Population {
    seed: u64,
    first: Day,
    people: Vec<Person>,
    /// Runs whose events wait for a network, by the day on which there is one.
    later: BTreeMap<Day, Vec<Run>>,
}

impl Population {
    /// The runs whose events arrive on a day, in their order.
    fn runs_on(&mut self, day: Day) -> Vec<Run> {
        let mut arriving = self.later.remove(&day).unwrap_or_default();
        for (person, index) in self.people.iter().zip(0..) {
            let mut dice = Dice::of([self.seed, person.number, 2, day.unsigned_abs()]);
            for number in 0..person.runs_on(day, &mut dice) {
                let begun_ms = day * DAY_MS + moment(person, &mut dice);
                let mut run = Run {
                    person: index,
                    number: ((day - self.first) * 32) as u32 + number as u32,
                    begun_ms,
                    sent_ms: 0,
                    release: person.release(day, self.first),
                };
                if person.travels && dice.chance(0.3) {
                    let back = day + 1 + dice.below(OFFLINE_DAYS) as i64;
                    run.sent_ms = back * DAY_MS + dice.below(DAY_MS.unsigned_abs() / 2) as i64;
                    self.later.entry(back).or_default().push(run);
                } else {
                    arriving.push(run);
                }
            }
        }
        arriving.sort_by_key(|run| (run.sent_ms.max(run.begun_ms), run.person, run.number));
        arriving
    }
}

/// A time of the day: people work in the day of their part of the world, build services always.
fn moment(person: &Person, dice: &mut Dice) -> i64 {
    let hour = match person.caller {
        "human" => 7.0 + 5.0 * (dice.share() + dice.share()) + (person.number % 9) as f64 - 4.0,
        _ => 24.0 * dice.share(),
    };
    (hour * 3_600_000.0) as i64
}

/// The requests of a run; `recorded` is how many events its installation has recorded, before and after.
fn arriving(seed: u64, run: Run, person: &Person, recorded: &mut u64) -> Vec<Arriving> {
    let mut dice = Dice::of([seed, person.number, 3, u64::from(run.number)]);
    let (requests, recorded_ms) = run::requests(run, person, recorded, &mut dice);
    let at_ms = run.sent_ms.max(recorded_ms + 40);
    let mut arriving: Vec<Arriving> = requests.into_iter().map(|body| Arriving { at_ms, body }).collect();
    // The Go program never repeats a request.
    if !person.runs_go
        && dice.chance(REPEATED)
        && let Some(last) = arriving.last()
    {
        arriving.push(Arriving { at_ms: at_ms + 2000, body: last.body.clone() });
    }
    arriving
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// 2026-11-22.
    const LAST: Day = 20_779;

    fn bodies(seed: u64) -> Vec<Vec<u8>> {
        Seed::new(200, 15, seed, LAST).requests().map(|request| request.body).collect()
    }

    #[test]
    fn nothing_but_the_seed_decides() {
        assert_eq!(bodies(1), bodies(1));
        assert_ne!(bodies(1), bodies(2));
    }

    #[test]
    fn clients_say_how_many_events_they_recorded_and_gave_up() {
        let mut sent = BTreeMap::<String, BTreeSet<String>>::new();
        let mut said = BTreeMap::<String, u64>::new();
        let mut gave_up = 0;
        for body in bodies(5).iter().map(|body| serde_json::from_slice::<Value>(body).unwrap()) {
            let Some(client) = body.get("client") else { continue };
            let epoch = client["epoch"].as_str().unwrap().to_owned();
            let records = body["records"].as_array().unwrap();
            // Some requests come twice.
            let ids = records.iter().map(|record| record["event_id"].as_str().unwrap().to_owned());
            sent.entry(epoch.clone()).or_default().extend(ids);
            let evicted = client["losses"]["evicted"].as_u64().unwrap();
            gave_up = gave_up.max(evicted);
            said.insert(epoch, client["recorded"].as_u64().unwrap() - evicted);
        }
        let sent: BTreeMap<String, u64> =
            sent.into_iter().map(|(epoch, ids)| (epoch, ids.len() as u64)).collect();
        assert_eq!(sent, said);
        assert!(gave_up > 0);
    }

    #[test]
    fn there_is_something_of_everything() {
        let mut seen = BTreeSet::new();
        for body in bodies(3) {
            let body: Value = serde_json::from_slice(&body).unwrap();
            seen.extend(body.get("client").map(|_| "counters".to_owned()));
            for record in body["records"].as_array().unwrap() {
                let properties = &record["properties"];
                for property in ["action", "outcome", "caller", "error", "version"] {
                    seen.extend(properties[property].as_str().map(str::to_owned));
                }
                seen.extend(properties.get("parent_session_id").map(|_| "sub-session".to_owned()));
                seen.extend(record["source"].as_str().map(str::to_owned));
                let priced = properties.get("cost").is_some();
                if record["event"] == "token" {
                    seen.insert(if priced { "priced" } else { "unpriced" }.to_owned());
                }
            }
        }
        for thing in [
            "start",
            "end",
            "call",
            "usage",
            "run",
            "version",
            "models",
            "human",
            "ci",
            "agent",
            "completed",
            "failed",
            "cancelled",
            "ok",
            "error",
            "denied",
            "priced",
            "unpriced",
            "sub-session",
            "counters",
            "cagent",
            "docker-agent",
            "1.0.0",
            "1.1.0",
        ] {
            assert!(seen.contains(thing), "{thing}");
        }
    }
}
