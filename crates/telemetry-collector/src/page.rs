//! The page: one answer and the newest events, as HTML.
//!
//! Complete without JavaScript; all of its state is in the URL. Every text from the store goes through the template's
//! escaping. It names no host but the one it was asked at.

use askama::Template;
use serde_json::Value;

use crate::answer::range::{DEFAULT_DAYS, Range, show};
use crate::answer::summary::{DayCounts, Summary};
use crate::catalogue::TRACK_PATH;
use crate::store::{EventRow, UnixMs};

mod format;
mod login;

use format::{Shown, count, dollars, duration, moment, share};
pub(crate) use login::LoginPage;

/// How many events the page starts with; the script adds to them.
pub(crate) const LIVE_ROWS: u32 = 50;
/// Longer tables end with a pointer to the JSON.
const TABLE_ROWS: usize = 100;
const PRESETS: [i64; 3] = [7, 30, 90];
/// Properties that say where an event comes from, not what happened.
const ORIGIN: [&str; 8] = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema", "action"];

/// The page with its numbers.
#[derive(Template)]
#[template(path = "page.html")]
pub(crate) struct Page {
    endpoint: String,
    from: String,
    to: String,
    today: String,
    presets: Vec<Preset>,
    /// Nothing was ever stored.
    untouched: bool,
    totals: Totals,
    chart: Chart,
    commands: Vec<CommandRow>,
    more_commands: usize,
    tools: Vec<ToolRow>,
    more_tools: usize,
    models: Vec<ModelRow>,
    more_models: usize,
    sessions: Vec<(&'static str, Shown, Shown)>,
    never_ended: Shown,
    ingest: [(&'static str, &'static str, Shown); 3],
    live: Vec<LiveRow>,
    last_row: i64,
    made_at: Shown,
}

struct Preset {
    days: i64,
    from: String,
    to: String,
    current: bool,
}

struct Totals {
    events: Shown,
    kinds: [(&'static str, Shown); 4],
    day: Shown,
    week: Shown,
    month: Shown,
    sessions: Shown,
    completed: Shown,
    tokens: Shown,
    input: Shown,
    output: Shown,
    cost: Option<Shown>,
    unpriced: Option<Shown>,
    command_failures: Shown,
    tool_failures: Shown,
}

/// Events per day, stacked; in units of a hundredth of the highest day.
struct Chart {
    width: usize,
    highest: Shown,
    bars: Vec<Bar>,
    first: String,
    last: String,
    is_empty: bool,
}

struct Bar {
    date: String,
    x: usize,
    total: Shown,
    parts: Vec<Part>,
    counts: [Shown; 4],
}

struct Part {
    kind: &'static str,
    y: String,
    height: String,
}

struct CommandRow {
    action: String,
    calls: Shown,
    failures: Shown,
    rate: Shown,
    gauge: Gauge,
}

struct ToolRow {
    name: String,
    kind: String,
    calls: Shown,
    failures: Shown,
    rate: Shown,
    percentiles: [Option<Shown>; 3],
    gauge: Gauge,
}

struct ModelRow {
    name: String,
    provider: String,
    calls: Shown,
    input: Shown,
    output: Shown,
    cost: Option<Shown>,
    unpriced: Option<Shown>,
    gauge: Gauge,
}

/// A bar under a name: its share of the longest, and how much of it is bad; in percent.
struct Gauge {
    all: String,
    bad: String,
}

struct LiveRow {
    at: Shown,
    event: String,
    action: String,
    facts: Vec<(String, String)>,
    origin: String,
    install: String,
}

impl Page {
    /// Lays out an answer.
    pub(crate) fn new(
        summary: &Summary,
        range: Range,
        newest: &[EventRow],
        host: &str,
        now_ms: UnixMs,
    ) -> Self {
        let preset = |days| {
            let preset = Range::last(days, now_ms);
            Preset { days, from: show(preset.from), to: show(preset.to), current: preset == range }
        };
        let most_calls = summary.commands.iter().map(|command| command.calls).max().unwrap_or(0);
        let commands = summary.commands.iter().take(TABLE_ROWS).map(|command| CommandRow {
            action: command.action.to_string(),
            calls: count(command.calls),
            failures: count(command.failures),
            rate: share(command.failures, command.calls),
            gauge: Gauge::new(command.calls, command.failures, most_calls),
        });
        let most_used = summary.tools.iter().map(|tool| tool.calls).max().unwrap_or(0);
        let tools = summary.tools.iter().take(TABLE_ROWS).map(|tool| ToolRow {
            name: tool.tool_name.to_string(),
            kind: tool.tool_kind.to_string(),
            calls: count(tool.calls),
            failures: count(tool.failures),
            rate: share(tool.failures, tool.calls),
            percentiles: [tool.p50_ms, tool.p95_ms, tool.p99_ms].map(|ms| ms.map(duration)),
            gauge: Gauge::new(tool.calls, tool.failures, most_used),
        });
        let tokens =
            |model: &crate::answer::summary::Model| model.input_tokens.saturating_add(model.output_tokens);
        let most_tokens = summary.models.iter().map(tokens).max().unwrap_or(0);
        let models = summary.models.iter().take(TABLE_ROWS).map(|model| ModelRow {
            name: model.model_name.to_string(),
            provider: model.model_provider.to_string(),
            calls: count(model.calls),
            input: count(model.input_tokens),
            output: count(model.output_tokens),
            cost: model.cost.0.map(dollars),
            unpriced: (model.unpriced_calls > 0).then(|| count(model.unpriced_calls)),
            gauge: Gauge::new(tokens(model), 0, most_tokens),
        });
        let more = |rows: usize| rows.saturating_sub(TABLE_ROWS);
        let sessions = &summary.sessions;
        let ended = sessions.completed + sessions.failed + sessions.cancelled + sessions.limit;
        let end = |name, number| (name, count(number), share(number, ended));
        Self {
            endpoint: format!("http://{host}{TRACK_PATH}"),
            from: show(range.from),
            to: show(range.to),
            today: show(Range::last(1, now_ms).to),
            presets: PRESETS.map(preset).into(),
            untouched: newest.is_empty(),
            totals: Totals::new(summary),
            chart: Chart::new(&summary.days),
            commands: commands.collect(),
            more_commands: more(summary.commands.len()),
            tools: tools.collect(),
            more_tools: more(summary.tools.len()),
            models: models.collect(),
            more_models: more(summary.models.len()),
            sessions: vec![
                end("completed", sessions.completed),
                end("failed", sessions.failed),
                end("cancelled", sessions.cancelled),
                end("stopped at a limit", sessions.limit),
            ],
            never_ended: count(sessions.never_ended),
            ingest: [
                ("accepted", "stored for the first time", count(summary.ingest.accepted)),
                ("duplicates", "sent again, stored once", count(summary.ingest.duplicates)),
                ("rejected", "refused with a reason", count(summary.ingest.rejected)),
            ],
            live: newest.iter().rev().map(LiveRow::new).collect(),
            last_row: newest.last().map_or(0, |event| event.row),
            made_at: moment(now_ms),
        }
    }

    fn default_days(&self) -> i64 {
        DEFAULT_DAYS
    }
}

impl Totals {
    fn new(summary: &Summary) -> Self {
        let events = &summary.events;
        let kinds = [
            ("command", events.command),
            ("session", events.session),
            ("tool", events.tool),
            ("token", events.token),
        ];
        let sessions = &summary.sessions;
        let ended = sessions.completed + sessions.failed + sessions.cancelled + sessions.limit;
        let sum = |of: fn(&crate::answer::summary::Model) -> u64| summary.models.iter().map(of).sum::<u64>();
        let (input, output) = (sum(|model| model.input_tokens), sum(|model| model.output_tokens));
        let unpriced = sum(|model| model.unpriced_calls);
        let priced = summary.models.iter().filter_map(|model| model.cost.0);
        let calls = |of: fn(&Summary) -> (u64, u64)| {
            let (failures, calls) = of(summary);
            share(failures, calls)
        };
        Self {
            events: count(kinds.iter().map(|(_, number)| number).sum()),
            kinds: kinds.map(|(name, number)| (name, count(number))),
            day: count(summary.installs.day),
            week: count(summary.installs.week),
            month: count(summary.installs.month),
            sessions: count(sessions.started),
            completed: share(sessions.completed, ended),
            tokens: count(input.saturating_add(output)),
            input: count(input),
            output: count(output),
            cost: priced.reduce(u64::saturating_add).map(dollars),
            unpriced: (unpriced > 0).then(|| count(unpriced)),
            command_failures: calls(|summary| {
                let commands = summary.commands.iter();
                commands.fold((0, 0), |(bad, all), row| (bad + row.failures, all + row.calls))
            }),
            tool_failures: calls(|summary| {
                summary.tools.iter().fold((0, 0), |(bad, all), row| (bad + row.failures, all + row.calls))
            }),
        }
    }
}

impl Chart {
    /// Width of a day's column in the drawing's own units.
    const COLUMN: usize = 10;

    fn new(days: &[DayCounts]) -> Self {
        let all = |day: &DayCounts| day.command + day.session + day.tool + day.token;
        let highest = days.iter().map(all).max().unwrap_or(0);
        let bars = days.iter().enumerate().map(|(at, day)| {
            let kinds = [
                ("command", day.command),
                ("session", day.session),
                ("tool", day.tool),
                ("token", day.token),
            ];

            let percent = |number: u64| 100.0 * number as f64 / highest.max(1) as f64;
            let mut top = 100.0;
            let parts = kinds.into_iter().filter(|(_, number)| *number > 0).map(|(kind, number)| {
                top -= percent(number);
                Part { kind, y: format!("{top:.2}"), height: format!("{:.2}", percent(number)) }
            });
            Bar {
                date: show(day.date.0),
                x: at * Self::COLUMN,
                total: count(all(day)),
                parts: parts.collect(),
                counts: kinds.map(|(_, number)| count(number)),
            }
        });
        let date = |day: Option<&DayCounts>| day.map(|day| show(day.date.0)).unwrap_or_default();
        Self {
            width: days.len() * Self::COLUMN,
            highest: count(highest),
            bars: bars.collect(),
            first: date(days.first()),
            last: date(days.last()),
            is_empty: highest == 0,
        }
    }
}

impl Gauge {
    fn new(number: u64, bad: u64, most: u64) -> Self {
        let percent = |number: u64| format!("{:.2}", 100.0 * number as f64 / most.max(1) as f64);
        Self { all: percent(number), bad: percent(bad) }
    }
}

impl LiveRow {
    fn new(event: &EventRow) -> Self {
        let text = |name: &str| match event.properties.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let own = event.properties.keys().filter(|name| !ORIGIN.contains(&name.as_str()));
        Self {
            at: moment(event.event_timestamp),
            event: event.event.clone(),
            action: text("action"),
            facts: own.map(|name| (name.clone(), text(name))).collect(),
            origin: format!("{} {}/{} {}", text("version"), text("os"), text("arch"), text("caller")),
            install: text("user_uuid").chars().take(8).collect(),
        }
    }
}

/// A page that says what was wrong with the request for it.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem<'a> {
    pub(crate) message: &'a str,
}
