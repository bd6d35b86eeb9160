//! What each view shows, as data: which numbers come first, what is drawn, which tables follow.
//!
//! The numbers are those of [`crate::answer::VIEWS`]; nothing is computed here.

use super::cards::{CardSpec, card};
use super::plot::{Kind, PlotSpec};
use crate::answer::{
    ViewSpec, adoption, commands as command_answers, health as health_answers, models as model_answers,
    retention as retention_answers, sessions as session_answers, summary, tools as tool_answers,
};

/// A page of one answer.
#[derive(Debug)]
pub(crate) struct PageSpec {
    /// For programs that look at the page.
    pub(crate) view: &'static str,
    pub(crate) path: &'static str,
    pub(crate) title: &'static str,
    /// What the page tells.
    pub(crate) lead: &'static str,
    pub(crate) spec: &'static ViewSpec,
    /// Whether the previous range is asked for, whatever the address says.
    pub(crate) always_compares: bool,
    pub(crate) cards: &'static [CardSpec],
    pub(crate) strips: &'static [StripSpec],
    pub(crate) sections: &'static [Section],
}

/// Parts of a whole in one bar: a title and for each part a label, its place and the class of its colour.
#[derive(Debug)]
pub(crate) struct StripSpec {
    pub(crate) title: &'static str,
    pub(crate) parts: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) note: &'static str,
}

/// A table with what is drawn of it.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) table: &'static str,
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    /// What stands there instead of no rows.
    pub(crate) empty: &'static str,
    /// All if empty.
    pub(crate) columns: &'static [&'static str],
    pub(crate) plots: &'static [PlotSpec],
    /// A bar for each row: the column of its length, and the one of its bad part.
    pub(crate) bars: Option<(&'static str, &'static str)>,
    /// How many rows are shown, if fewer than usual.
    pub(crate) most: Option<usize>,
    /// The page with more of it.
    pub(crate) more: &'static str,
    pub(crate) has_cohorts: bool,
    /// As wide as the page.
    pub(crate) is_wide: bool,
}

const fn section(table: &'static str, title: &'static str) -> Section {
    Section {
        table,
        title,
        note: "",
        empty: "There is none in this range.",
        columns: &[],
        plots: &[],
        bars: None,
        most: None,
        more: "",
        has_cohorts: false,
        is_wide: false,
    }
}

impl Section {
    const fn saying(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    const fn if_empty(self, empty: &'static str) -> Self {
        Self { empty, ..self }
    }

    const fn of(self, columns: &'static [&'static str]) -> Self {
        Self { columns, ..self }
    }

    const fn drawn(self, plots: &'static [PlotSpec]) -> Self {
        Self { plots, is_wide: true, ..self }
    }

    const fn with_bars(self, all: &'static str, bad: &'static str) -> Self {
        Self { bars: Some((all, bad)), ..self }
    }

    const fn first(self, most: usize, more: &'static str) -> Self {
        Self { most: Some(most), more, ..self }
    }

    const fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }
}

const fn lines(title: &'static str, columns: &'static [(&'static str, &'static str)]) -> PlotSpec {
    PlotSpec { title, kind: Kind::Lines, columns }
}

const fn stack(title: &'static str, columns: &'static [(&'static str, &'static str)]) -> PlotSpec {
    PlotSpec { title, kind: Kind::Stack, columns }
}

const PERCENTILES: &[(&str, &str)] = &[("p95", "totals.p95_ms"), ("p99", "totals.p99_ms")];
const ABOUT_PERCENTILES: &str = "p95: 95 of 100 were faster.";
const APPEAR: &str = "Installs appear from their second run.";
const NO_FAILURES: &str = "Nothing failed in this range.";

/// The views with an answer, in the order of the navigation.
pub(crate) static PAGES: [PageSpec; 8] =
    [OVERVIEW, COMMANDS, TOOLS, MODELS, SESSIONS, ADOPTION, RETENTION, HEALTH];

const OVERVIEW: PageSpec = PageSpec {
    view: "overview",
    path: "/",
    title: "Overview",
    lead: "Who uses it, what fails, what it costs; each number beside that of the days before.",
    spec: &summary::VIEW,
    always_compares: true,
    cards: &[
        card("Active installs", "installs.month", "in 30 days")
            .with(&[("7 days", "installs.week"), ("last whole day", "installs.day")])
            .over_time("days.installs")
            .saying(APPEAR),
        card("Sessions", "sessions.started", "started")
            .with(&[("completed", "sessions.completed"), ("never ended", "sessions.never_ended")])
            .over_time("days.sessions_started"),
        card("Failure rate", "totals.command_failure_rate", "of commands")
            .with(&[("of tool calls", "totals.tool_failure_rate")])
            .over_time("days.command_failure_rate")
            .saying("Cancelled and denied tool calls are no failures."),
        card("Tokens", "totals.tokens", "read and written")
            .with(&[("input", "totals.input_tokens"), ("output", "totals.output_tokens")])
            .over_time("days.tokens"),
        card("Estimated cost", "totals.cost", "of priced calls")
            .with(&[("unpriced calls", "totals.unpriced_calls")])
            .over_time("days.cost")
            .saying("An unknown price is not counted as free."),
    ],
    strips: &[],
    sections: &[
        section("days", "Day by day")
            .of(&[
                "date",
                "installs",
                "command",
                "sessions_started",
                "tool",
                "token",
                "tokens",
                "cost",
                "command_failure_rate",
            ])
            .drawn(&[
                lines("Active installs", &[("installs", "s0")]),
                stack("Events", &[("command", "s0"), ("session", "s1"), ("tool", "s2"), ("token", "s3")]),
            ]),
        section("commands", "Commands").with_bars("calls", "failures").first(8, "/commands"),
        section("tools", "Tools")
            .of(&["tool_name", "calls", "failure_rate", "p95_ms"])
            .with_bars("calls", "failures")
            .first(8, "/tools"),
        section("models", "Models")
            .of(&[
                "model_name",
                "model_provider",
                "calls",
                "input_tokens",
                "output_tokens",
                "cost",
                "unpriced_calls",
            ])
            .with_bars("calls", "")
            .first(8, "/models")
            .wide(),
    ],
};

const COMMANDS: PageSpec = PageSpec {
    view: "commands",
    path: "/commands",
    title: "Commands",
    lead: "Which commands are run, how often they fail, and with what.",
    spec: &command_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Runs", "totals.calls", "").over_time("days.calls"),
        card("Failure rate", "totals.failure_rate", "")
            .with(&[("failed", "totals.failures")])
            .over_time("days.failure_rate"),
        card("Installs", "totals.installs", "ran one").saying(APPEAR),
        card("Duration", "totals.p50_ms", "median").with(PERCENTILES).saying(ABOUT_PERCENTILES),
    ],
    strips: &[],
    sections: &[
        section("days", "Day by day").drawn(&[
            stack("Runs", &[("calls", "s0")]),
            lines("Share that failed", &[("failure_rate", "bad")]),
        ]),
        section("commands", "Commands")
            .saying("Percentiles are at most 4.5 % off.")
            .with_bars("calls", "failures")
            .wide(),
        section("errors", "Why they failed").with_bars("calls", "calls").if_empty(NO_FAILURES),
        section("exit_codes", "Exit codes").with_bars("calls", ""),
    ],
};

const TOOLS: PageSpec = PageSpec {
    view: "tools",
    path: "/tools",
    title: "Tools",
    lead: "Which tools agents call, how often calls fail, and how long they take.",
    spec: &tool_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Calls", "totals.calls", "").over_time("days.calls"),
        card("Failure rate", "totals.failure_rate", "")
            .with(&[("failed", "totals.failures")])
            .over_time("days.failure_rate")
            .saying("Cancelled and denied calls are no failures."),
        card("Not carried out", "totals.denied", "denied by the user")
            .with(&[("cancelled", "totals.cancelled")])
            .over_time("days.denied"),
        card("Duration", "totals.p50_ms", "median").with(PERCENTILES).saying(ABOUT_PERCENTILES),
        card("Installs", "totals.installs", "called one").saying(APPEAR),
    ],
    strips: &[],
    sections: &[
        section("days", "Day by day").drawn(&TOOL_PLOTS),
        section("tools", "Tools")
            .saying("A name leads to the tool's own page. Percentiles are at most 4.5 % off.")
            .with_bars("calls", "failures")
            .wide(),
        section("kinds", "By kind").with_bars("calls", "failures"),
        section("errors", "Why calls failed").with_bars("calls", "calls").if_empty(NO_FAILURES),
    ],
};

const TOOL_PLOTS: [PlotSpec; 2] =
    [stack("Calls", &[("calls", "s0")]), lines("Share that failed", &[("failure_rate", "bad")])];

/// The page of one tool.
pub(crate) static TOOL: PageSpec = PageSpec {
    view: "tool",
    path: "/tools",
    title: "Tool",
    lead: "One tool: is it getting better, and who is it slow or broken for?",
    spec: &tool_answers::VIEW,
    always_compares: false,
    cards: TOOLS.cards,
    strips: &[],
    sections: &[
        section("days", "Day by day").drawn(&TOOL_PLOTS),
        section("versions", "By version").with_bars("calls", "failures"),
        section("agents", "By agent").with_bars("calls", "failures"),
        section("errors", "Why calls failed").with_bars("calls", "calls").if_empty(NO_FAILURES),
        section("tools", "In all").wide(),
    ],
};

const MODELS: PageSpec = PageSpec {
    view: "models",
    path: "/models",
    title: "Models",
    lead: "Tokens read, written and cached, and what they cost as far as prices are known.",
    spec: &model_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Estimated cost", "totals.cost", "of priced calls")
            .with(&[("a session", "totals.cost_per_session"), ("unpriced calls", "totals.unpriced_calls")])
            .over_time("days.cost")
            .saying("An unknown price is not counted as free."),
        card("Input tokens", "totals.input_tokens", "cached ones included")
            .with(&[("from a cache", "totals.cache_read_share"), ("into a cache", "totals.cache_write_tokens")])
            .over_time("days.input_tokens"),
        card("Output tokens", "totals.output_tokens", "reasoning included")
            .with(&[("reasoning", "totals.reasoning_tokens")])
            .over_time("days.output_tokens"),
        card("Calls", "totals.calls", "")
            .with(&[("installs", "totals.installs"), ("sessions", "totals.sessions")])
            .over_time("days.calls"),
    ],
    strips: &[],
    sections: &[
        section("days", "Day by day").drawn(&[
            lines("Estimated cost of priced calls", &[("cost", "s0")]),
            lines("Tokens", &[("input_tokens", "s0"), ("cache_read_tokens", "s2"), ("output_tokens", "s3")]),
        ]),
        section("models", "Models")
            .saying("Input includes cached tokens, output includes reasoning. Unknown is a price that no client knew.")
            .of(&[
                "model_name", "model_provider", "calls", "input_tokens", "output_tokens", "cache_read_share",
                "reasoning_tokens", "cost", "unpriced_calls", "installs", "p50_ms", "p95_ms", "p99_ms",
            ])
            .with_bars("calls", "")
            .wide(),
        section("purposes", "What models are called for").with_bars("calls", "").wide(),
    ],
};

const SESSIONS: PageSpec = PageSpec {
    view: "sessions",
    path: "/sessions",
    title: "Sessions",
    lead: "How long conversations are, how they end, and what goes wrong in them.",
    spec: &session_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Sessions", "totals.started", "started")
            .with(&[("installs", "totals.installs")])
            .over_time("days.started"),
        card("Length", "totals.p50_ms", "median").with(PERCENTILES).saying(ABOUT_PERCENTILES),
        card("Turns", "totals.turns_per_session", "a session").with(&[("in all", "totals.turns")]),
        card("Tool calls", "totals.tool_calls_per_session", "a session")
            .with(&[("in all", "totals.tool_calls"), ("failed", "totals.tool_errors")]),
        card("Errors", "totals.errors", "in ended sessions"),
    ],
    strips: &[StripSpec {
        title: "How sessions end",
        parts: &[
            ("Completed", "totals.completed", "good"),
            ("Failed", "totals.failed", "bad"),
            ("Cancelled", "totals.cancelled", "s3"),
            ("Stopped at a limit", "totals.limit", "s1"),
            ("Never ended", "totals.never_ended", "past"),
        ],
        note: "Never ended: started less ended. They were killed, still run, or have not reported yet.",
    }],
    sections: &[
        section("days", "Day by day").drawn(&[
            stack(
                "Ended sessions",
                &[("completed", "good"), ("failed", "bad"), ("cancelled", "s3"), ("limit", "s1")],
            ),
            lines("Started sessions", &[("started", "s0")]),
        ]),
        section("agents", "By agent").with_bars("started", "failed").wide(),
        section("errors", "Errors within sessions")
            .with_bars("errors", "errors")
            .if_empty("No errors in this range.")
            .wide(),
    ],
};

const ADOPTION: PageSpec = PageSpec {
    view: "adoption",
    path: "/adoption",
    title: "Adoption",
    lead: "Which versions, platforms and languages are in use, how fast a release spreads, and whether it is worse.",
    spec: &adoption::VIEW,
    always_compares: false,
    cards: &[
        card("Last whole day", "totals.day", "installs").over_time("active.day"),
        card("Last 7 days", "totals.week", "installs").over_time("active.week"),
        card("Last 30 days", "totals.month", "installs").over_time("active.month"),
        card("New", "totals.new", "installs in the range").over_time("active.new").saying(APPEAR),
        card("Whole range", "totals.range", "installs"),
    ],
    strips: &[],
    sections: &[
        section("verdict_measures", "The newest version and the one before it")
            .of(&[
                "what",
                "source",
                "version",
                "before",
                "calls",
                "before_calls",
                "failure_rate",
                "before_failure_rate",
                "failure_verdict",
                "p95_ms",
                "before_p95_ms",
                "duration_verdict",
            ])
            .if_empty("There are no two versions to compare.")
            .wide(),
        section("compared", "Versions side by side")
            .of(&[
                "version",
                "installs",
                "commands",
                "command_failure_rate",
                "command_p50_ms",
                "command_p95_ms",
                "tool_calls",
                "tool_failure_rate",
                "tool_p50_ms",
                "tool_p95_ms",
                "sessions_started",
                "session_failure_rate",
                "sessions_never_ended",
            ])
            .wide(),
        section("compared_commands", "Commands side by side").wide(),
        section("compared_tools", "Tools side by side").first(50, "").wide(),
        section("days", "Versions over time").drawn(&[PlotSpec {
            title: "Share of the day's installs",
            kind: Kind::Names,
            columns: &[("share", "")],
        }]),
        section("versions", "Versions")
            .saying("Days to 50 %: from a version's first day until half of the day's installs had it. The last whole day is the last one of the range that is over.")
            .with_bars("installs", "")
            .wide(),
        section("active", "Active installs")
            .drawn(&[lines("Installs", &[("month", "s0"), ("week", "s2"), ("day", "s3")])]),
        section("os", "Operating systems").with_bars("installs", ""),
        section("arch", "Architectures").with_bars("installs", ""),
        section("languages", "Languages").with_bars("installs", "").first(20, ""),
        section("callers", "Who runs it").with_bars("installs", ""),
        section("weeks", "Versions by week").wide(),
    ],
};

const RETENTION: PageSpec = PageSpec {
    view: "retention",
    path: "/retention",
    title: "Retention",
    lead: "Of the installs that were new in a week, how many came back in the weeks after it.",
    spec: &retention_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Came back", "totals.week_1_share", "in the week after their first")
            .with(&[("of", "totals.week_1_eligible"), ("came back", "totals.week_1_active")]),
        card("New", "totals.new", "installs").saying(APPEAR),
        card("Returning", "totals.returning", "installs older than the range"),
        card("All", "totals.installs", "installs in the range"),
    ],
    strips: &[],
    sections: &[Section {
        has_cohorts: true,
        ..section("cohorts", "Weekly cohorts")
            .saying("Weeks begin on Monday (UTC).")
            .if_empty("No week begins within these days, or nobody was new in them.")
            .wide()
    }],
};

const HEALTH: PageSpec = PageSpec {
    view: "health",
    path: "/health",
    title: "Health",
    lead: "Can the other pages be believed? What arrived, what was refused, and what clients had to give up.",
    spec: &health_answers::VIEW,
    always_compares: false,
    cards: &[
        card("Accepted", "totals.accepted", "records").over_time("days.accepted"),
        card("Rejected", "totals.rejected", "records")
            .with(&[("share", "totals.rejected_share")])
            .over_time("days.rejected"),
        card("Duplicates", "totals.duplicates", "sent again, stored once")
            .with(&[("with other content", "totals.conflicts")])
            .over_time("days.duplicates"),
        card("Late", "totals.late", "on a later day than theirs")
            .with(&[("wrong clock", "totals.clock_off")])
            .over_time("days.late"),
        card("Dropped", "totals.dropped_properties", "unknown properties")
            .with(&[("names over the limit", "totals.capped_names")]),
        card("Kept", "kept.first_day", "is the oldest day").with(&[("newest", "kept.last_day")]),
    ],
    strips: &[StripSpec {
        title: "What clients say they recorded",
        parts: &[
            ("Stored", "clients.stored", "good"),
            ("On its way", "clients.outstanding", "s0"),
            ("Lost: journal full", "clients.evicted", "bad"),
            ("Lost: too old", "clients.expired", "s3"),
            ("Lost: refused here", "clients.rejected", "s1"),
            ("Lost: too big", "clients.too_big", "past"),
        ],
        note: "Over all time, of the installs that sent counters; the range does not apply.",
    }],
    sections: &[
        section("days", "Day by day, by day of arrival").drawn(&[
            stack("Records", &[("accepted", "good"), ("duplicates", "s0"), ("rejected", "bad")]),
            lines("Late records", &[("late", "s3")]),
        ]),
        section("rejected", "Why records were refused")
            .with_bars("records", "records")
            .saying("The code beside a reason is what the client was told.")
            .if_empty("No record was refused in this range.")
            .wide(),
        section("arrivals", "Everything that was counted")
            .saying("What was refused or left out is told with the version that sent it; the codes are those of the answer.")
            .with_bars("n", "")
            .wide(),
    ],
};
