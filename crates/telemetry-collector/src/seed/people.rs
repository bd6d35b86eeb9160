//! Who runs the tool: an installation with its machine, its habits and its releases.

use super::dice::Dice;
use crate::store::Day;

/// Days between two releases.
const RELEASE_DAYS: i64 = 12;
const LANGUAGES: [(&str, u32); 10] = [
    ("en-US", 46),
    ("en-GB", 9),
    ("de-DE", 9),
    ("fr-FR", 7),
    ("zh-CN", 8),
    ("ja-JP", 6),
    ("es-ES", 5),
    ("pt-BR", 5),
    ("en", 3),
    ("ko-KR", 2),
];
const MACHINES: [((&str, &str), u32); 6] = [
    (("linux", "amd64"), 41),
    (("darwin", "arm64"), 33),
    (("windows", "amd64"), 16),
    (("linux", "arm64"), 6),
    (("darwin", "amd64"), 3),
    (("other", "other"), 1),
];
const AGENTS: [(&str, u32); 9] = [
    ("root", 40),
    ("coder", 18),
    ("reviewer", 10),
    ("researcher", 9),
    ("docs-writer", 7),
    ("release-bot", 5),
    ("sql-helper", 4),
    ("custom", 5),
    ("triage", 2),
];

/// What a call of a model costs, in nano-dollars a token; `None` where no price is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    pub(super) price: Option<(u64, u64)>,
    /// Milliseconds of a usual call.
    pub(super) pace: f64,
}

const fn model(provider: &'static str, name: &'static str, price: Option<(u64, u64)>, pace: f64) -> Model {
    Model { provider, name, price, pace }
}

const MODELS: [(Model, u32); 8] = [
    (model("openai", "gpt-4o", Some((2500, 10_000)), 2400.0), 26),
    (model("openai", "gpt-4o-mini", Some((150, 600)), 1100.0), 19),
    (model("anthropic", "claude-sonnet-4-5", Some((3000, 15_000)), 3100.0), 27),
    (model("google", "gemini-2.5-flash", Some((300, 2500)), 900.0), 10),
    (model("mistral", "mistral-small-latest", Some((100, 300)), 800.0), 4),
    (model("dmr", "ai/qwen3:latest", None, 5200.0), 6),
    (model("ollama", "llama3.2", None, 4100.0), 5),
    (model("custom", "in-house-7b", None, 2900.0), 3),
];

/// An installation.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) uuid: uuid::Uuid,
    /// Cumulative counters belong to this.
    pub(super) epoch: uuid::Uuid,
    pub(super) os: &'static str,
    pub(super) arch: &'static str,
    pub(super) language: &'static str,
    pub(super) caller: &'static str,
    pub(super) agent: &'static str,
    pub(super) model: Model,
    /// Runs the Go program, whose records have another form.
    pub(super) runs_go: bool,
    /// Has no network now and then, so that events come days later.
    pub(super) travels: bool,
    first_day: Day,
    last_day: Day,
    /// Of a working day, that the tool is used at all.
    activity: f64,
    runs_a_day: f64,
    /// Days from a release to its installation here.
    release_lag: i64,
}

impl Person {
    /// The installation of this number in a population that grows from `first` to `last`.
    pub(super) fn new(seed: u64, number: u64, first: Day, last: Day) -> Self {
        let mut dice = Dice::of([seed, number, 1, 0]);
        let days = (last - first + 1) as f64;
        // A third was there from the start; the others come ever faster.
        let joined = if dice.chance(0.33) { 0.0 } else { days * dice.share().sqrt() };
        let (os, arch) = dice.pick(&MACHINES);
        let caller = dice.pick(&[("human", 70), ("ci", 22), ("agent", 8)]);
        let stays = dice.around(60.0, 1.1);
        Self {
            number,
            uuid: dice.id(),
            epoch: dice.id(),
            os: if caller == "ci" { "linux" } else { os },
            arch: if caller == "ci" { "amd64" } else { arch },
            language: if caller == "human" { dice.pick(&LANGUAGES) } else { "en-US" },
            caller,
            agent: dice.pick(&AGENTS),
            model: dice.pick(&MODELS),
            runs_go: dice.chance(0.02),
            travels: caller == "human" && dice.chance(0.1),
            first_day: first + joined as i64,
            last_day: (first + (joined + stays) as i64).min(last),
            activity: dice.around(0.35, 0.6).min(0.98),
            runs_a_day: dice.around(2.0, 0.8),
            release_lag: if dice.chance(0.08) { i64::MAX / 2 } else { dice.count(8.0) as i64 },
        }
    }

    /// How often the tool is run on a day.
    pub(super) fn runs_on(&self, day: Day, dice: &mut Dice) -> u64 {
        if day < self.first_day || day > self.last_day {
            return 0;
        }
        let rest = if self.caller == "human" { 0.3 } else { 0.85 };
        let mood = if is_weekend(day) { rest } else { 1.0 };
        // The day of the installation is the one on which it was tried out.
        if day != self.first_day && !dice.chance(self.activity * mood) {
            return 0;
        }
        1 + dice.count(self.runs_a_day * mood)
    }

    /// The release that is installed on a day: `1.0.0` is the first of the population's time.
    pub(super) fn release(&self, day: Day, first: Day) -> i64 {
        let newest = (day - first) / RELEASE_DAYS;
        let installed = (self.first_day - first) / RELEASE_DAYS;
        let adopted = (day - first).saturating_sub(self.release_lag).max(0) / RELEASE_DAYS;
        adopted.max(installed).min(newest)
    }
}

fn is_weekend(day: Day) -> bool {
    // 1970-01-01 was a Thursday.
    (day + 3).rem_euclid(7) >= 5
}
