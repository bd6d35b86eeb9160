//! What SQL sees: views with readable names, made for one connection and never stored.
//!
//! One table drives the views and their documentation. Dropped columns cost nothing: SQLite looks a name up only when
//! a query uses it.

/// A view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlView {
    pub(crate) name: &'static str,
    /// A sentence.
    pub(crate) about: &'static str,
    from: &'static str,
    pub(crate) columns: &'static [SqlColumn],
}

/// A column of a view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlColumn {
    pub(crate) name: &'static str,
    expression: &'static str,
    /// A sentence.
    pub(crate) about: &'static str,
}

const fn column(name: &'static str, expression: &'static str, about: &'static str) -> SqlColumn {
    SqlColumn { name, expression, about }
}

/// The name that a number in the dictionary stands for.
macro_rules! name_of {
    ($number:literal) => {
        concat!("(SELECT name FROM main.dict WHERE id = ", $number, ")")
    };
}

impl SqlView {
    /// The statement that makes it.
    pub(super) fn create(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{} AS \"{}\"", column.expression, column.name))
            .collect();
        format!("CREATE TEMP VIEW \"{}\" AS SELECT {} FROM {}", self.name, columns.join(", "), self.from)
    }
}

/// Every view.
pub(crate) const VIEWS: [SqlView; 4] = [
    SqlView {
        name: "events",
        about: "Every stored event; a column is NULL where the event has no such property.",
        from: "main.event e JOIN main.env v ON v.id = e.env",
        columns: &EVENTS,
    },
    SqlView {
        name: "installs",
        about: "Every installation.",
        from: "main.install i",
        columns: &[
            column("user_uuid", "uuid_text(i.uuid)", "The random id."),
            column("first_day", "date(i.first_day * 86400, 'unixepoch')", "The UTC day of its first event."),
        ],
    },
    SqlView {
        name: "arrivals",
        about: "How many records arrived, by day of arrival and what became of them.",
        from: "main.ingest_count c",
        columns: &[
            column("day", "date(c.day * 86400, 'unixepoch')", "The UTC day of arrival."),
            column("fate", "c.fate", "As in `/api/v1/health`."),
            column("code", "nullif(c.code, '')", "Why."),
            column("property", name_of!("c.property"), "The property's name."),
            column("version", name_of!("c.version"), "The client's version."),
            column("n", "c.n", "How many."),
        ],
    },
    SqlView {
        name: "losses",
        about: "What installations say they recorded and gave up, by journal folder (epoch).",
        from: "main.loss l",
        columns: &[
            column("epoch", "uuid_text(l.epoch)", "The journal folder."),
            column(
                "user_uuid",
                "(SELECT uuid_text(uuid) FROM main.install WHERE id = l.install)",
                "The installation.",
            ),
            column("sent_at_ms", "l.sent_at_ms", "When it last said so, in Unix milliseconds."),
            column("recorded", "l.recorded", "Events that it recorded."),
            column("evicted", "l.evicted", "Given up: the journal was full."),
            column("expired", "l.expired", "Given up: too old."),
            column("rejected", "l.rejected", "Given up: refused here."),
            column("too_big", "l.too_big", "Given up: too big for a request."),
        ],
    },
];

const EVENTS: [SqlColumn; 43] = [
    column("row", "e.id", "The order of arrival."),
    column("event_id", "uuid_text(e.event_id)", "The event's own id."),
    column(
        "time",
        "strftime('%Y-%m-%d %H:%M:%f', e.ts_ms / 1000.0, 'unixepoch')",
        "The client's timestamp, UTC.",
    ),
    column("day", "date(e.ts_ms / 1000, 'unixepoch')", "The UTC day of the client's timestamp."),
    column(
        "event_timestamp",
        "e.ts_ms",
        "The client's timestamp in Unix milliseconds; the fastest to filter by.",
    ),
    column("event", name_of!("e.event"), "`command`, `session`, `tool`, `token`."),
    column("action", name_of!("e.action"), "The command, or what a session did."),
    column("source", name_of!("v.source"), "The tool that sent it."),
    column(
        "user_uuid",
        "(SELECT uuid_text(uuid) FROM main.install WHERE id = e.install)",
        "The installation.",
    ),
    column("version", name_of!("v.version"), "The tool's version."),
    column("os", name_of!("v.os"), "The operating system."),
    column("arch", name_of!("v.arch"), "The processor architecture."),
    column("caller", name_of!("v.caller"), "`human`, `ci` or `agent`."),
    column("os_language", name_of!("v.language"), "The language."),
    column("schema", "nullif(v.schema, -1)", "Which definitions the record was made with."),
    column("session_id", "(SELECT uuid_text(uuid) FROM main.session WHERE id = e.session)", "The session."),
    column(
        "parent_session_id",
        "(SELECT uuid_text(uuid) FROM main.session WHERE id = e.parent_session)",
        "The session that started a sub-agent's.",
    ),
    column("agent_name", name_of!("e.agent"), "The agent."),
    column("model_provider", name_of!("e.provider"), "Who runs the model."),
    column("model_name", name_of!("e.model"), "The model."),
    column("tool_name", name_of!("e.tool"), "The tool."),
    column("tool_kind", name_of!("e.tool_kind"), "`builtin`, `mcp`, `script`, `agent`."),
    column("purpose", name_of!("e.purpose"), "`turn`, `title` or `compaction`."),
    column("outcome", name_of!("e.outcome"), "How a call or a session ended."),
    column("error", name_of!("e.error"), "The error class."),
    column("is_success", "e.is_success", "1 or 0."),
    column("exit_code", "e.exit_code", "The exit code of a command."),
    column("duration_ms", "e.duration_ms", "Milliseconds."),
    column("input_tokens", "e.input_tokens", "Tokens read, cached ones included."),
    column("output_tokens", "e.output_tokens", "Tokens written, reasoning included."),
    column("total_tokens", "e.total_tokens", "Both."),
    column("cache_read_tokens", "e.cache_read_tokens", "Tokens read from a cache."),
    column("cache_write_tokens", "e.cache_write_tokens", "Tokens written to a cache."),
    column("reasoning_tokens", "e.reasoning_tokens", "Tokens spent on reasoning."),
    column("cost", "e.cost_nano / 1e9", "US dollars; NULL when the price is not known."),
    column("cost_known", "e.cost_known", "1 when every price of a session was known."),
    column("turns", "e.turns", "Turns of a session."),
    column("tool_calls", "e.tool_calls", "Tool calls of a session."),
    column("tool_errors", "e.tool_errors", "Tool calls of a session that failed."),
    column("error_count", "e.error_count", "Errors of a session."),
    column("flags", "flags_json(e.flags)", "The flags of a command, a JSON array; see `json_each`."),
    column(
        "errors",
        "errors_json(e.errors)",
        "The error classes of a session with a count each, a JSON object.",
    ),
    column("extra", "extra_json(e.extra)", "Properties of other tools that have no column, a JSON object."),
];
