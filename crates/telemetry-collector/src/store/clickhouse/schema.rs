//! The tables, and whether a database has them as they have to be.
//!
//! One declaration makes the statements that create them and what an existing database is compared with.
//! Tables of which a set or a highest value is kept take any repetition; `event`, `sums` and `stored` are read with `FINAL`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{ClickHouse, Trouble};
use crate::store::{OpenError, StoreError};

/// The oldest server that is used; it is the one that the tests run against.
pub(super) const OLDEST: (u32, u32) = (26, 9);

struct Table {
    name: &'static str,
    /// In groups, of which some are shared.
    columns: &'static [&'static [Column]],
    engine: &'static str,
    /// Months of a day; what is too old goes a month at a time.
    by_month: bool,
    order: &'static str,
    settings: &'static [&'static str],
}

struct Column {
    name: &'static str,
    kind: &'static str,
    codec: &'static str,
}

const fn column(name: &'static str, kind: &'static str) -> Column {
    Column { name, kind, codec: "" }
}

const fn packed(name: &'static str, kind: &'static str, codec: &'static str) -> Column {
    Column { name, kind, codec }
}

const WORD: &str = "LowCardinality(String)";
const NUMBER: &str = "Nullable(Int64)";
const HIGHEST: &str = "SimpleAggregateFunction(max, UInt64)";
const DELTA: &str = "CODEC(Delta, ZSTD)";
const ZSTD: &str = "CODEC(ZSTD)";

/// Where an event comes from.
const ENV: [Column; 6] = [
    column("source", WORD),
    column("version", WORD),
    column("os", WORD),
    column("arch", WORD),
    column("caller", WORD),
    column("language", WORD),
];
/// Names of what an event is about.
const OF_NAMES: [Column; 8] = [
    column("agent", WORD),
    column("provider", WORD),
    column("model", WORD),
    column("tool", WORD),
    column("tool_kind", WORD),
    column("purpose", WORD),
    column("outcome", WORD),
    column("error", WORD),
];

/// A month that nothing was added to for an hour becomes one part: then `FINAL` has nothing to do.
const MERGED: &str = "min_age_to_force_merge_seconds = 3600";
const MERGED_WHOLE: &str = "min_age_to_force_merge_on_partition_only = 1";
/// Batches that a repetition is recognised among; ignored by replicated tables, which do so anyway.
const REMEMBERED: &str = "non_replicated_deduplication_window = 10000";

/// Keys of `sums` may be absent: not every fact has an outcome or a duration.
const ABSENT_KEYS: &str = "allow_nullable_key = 1";

const TABLES: [Table; 12] = [
    Table {
        name: "event",
        columns: &[
            &[
                column("event", WORD),
                column("day", "Date"),
                packed("event_id", "UUID", ZSTD),
                packed("at_ms", "Int64", DELTA),
                packed("place", "UInt64", DELTA),
                packed("precedence", "UInt64", DELTA),
                packed("install", "UUID", ZSTD),
                column("action", WORD),
            ],
            &ENV,
            &OF_NAMES,
            &[
                column("is_success", "Nullable(Int8)"),
                packed("exit_code", NUMBER, ZSTD),
                packed("duration_ms", NUMBER, ZSTD),
                packed("duration_bucket", "Nullable(Int16)", ZSTD),
                packed("input_tokens", NUMBER, ZSTD),
                packed("output_tokens", NUMBER, ZSTD),
                packed("cache_read_tokens", NUMBER, ZSTD),
                packed("cache_write_tokens", NUMBER, ZSTD),
                packed("reasoning_tokens", NUMBER, ZSTD),
                packed("cost_nano", NUMBER, ZSTD),
                packed("turns", NUMBER, ZSTD),
                packed("tool_calls", NUMBER, ZSTD),
                packed("tool_errors", NUMBER, ZSTD),
                packed("error_count", NUMBER, ZSTD),
                column("flags", "Array(LowCardinality(String))"),
                column("error_names", "Array(LowCardinality(String))"),
                packed("error_times", "Array(UInt64)", ZSTD),
                packed("properties", "String", ZSTD),
            ],
        ],
        engine: "ReplacingMergeTree(precedence)",
        by_month: true,
        order: "event, day, event_id",
        settings: &[REMEMBERED, MERGED, MERGED_WHOLE],
    },
    Table {
        name: "presence",
        columns: &[&[column("day", "Date")], &ENV, &[packed("install", "UUID", ZSTD)]],
        engine: "ReplacingMergeTree",
        by_month: true,
        order: "day, source, version, os, arch, caller, language, install",
        settings: &[MERGED, MERGED_WHOLE],
    },
    Table {
        name: "usage",
        columns: &[
            &[column("day", "Date"), column("subject", WORD)],
            &ENV,
            &[
                column("action", WORD),
                column("provider", WORD),
                column("model", WORD),
                column("tool", WORD),
                column("tool_kind", WORD),
                packed("install", "UUID", ZSTD),
            ],
        ],
        engine: "ReplacingMergeTree",
        by_month: true,
        // The days of an installation side by side: its id is written once.
        order: "subject, action, provider, model, tool, tool_kind, source, version, os, arch, caller, language, install, day",
        settings: &[MERGED, MERGED_WHOLE],
    },
    Table {
        name: "sums",
        columns: &[
            &[column("day", "Date"), packed("basis", "UInt64", DELTA), column("subject", WORD)],
            &ENV,
            &[column("event", WORD), column("action", WORD)],
            &OF_NAMES,
            &[
                column("flag", WORD),
                column("is_success", "Nullable(Int8)"),
                packed("exit_code", NUMBER, ZSTD),
                packed("duration_bucket", "Nullable(Int16)", ZSTD),
                packed("n", "UInt64", ZSTD),
                packed("input_tokens", "UInt64", ZSTD),
                packed("output_tokens", "UInt64", ZSTD),
                packed("cache_read_tokens", "UInt64", ZSTD),
                packed("cache_write_tokens", "UInt64", ZSTD),
                packed("reasoning_tokens", "UInt64", ZSTD),
                packed("cost_nano", "UInt64", ZSTD),
                packed("priced", "UInt64", ZSTD),
                packed("turns", "UInt64", ZSTD),
                packed("tool_calls", "UInt64", ZSTD),
                packed("tool_errors", "UInt64", ZSTD),
                packed("error_count", "UInt64", ZSTD),
                packed("duration_ms", "UInt64", ZSTD),
            ],
        ],
        engine: "ReplacingMergeTree(basis)",
        by_month: true,
        order: "subject, day, source, version, os, arch, caller, language, event, action, agent, provider, model, tool, \
                tool_kind, purpose, outcome, error, flag, is_success, exit_code, duration_bucket",
        settings: &[ABSENT_KEYS, MERGED, MERGED_WHOLE],
    },
    Table {
        name: "stored",
        columns: &[&[
            column("day", "Date"),
            packed("install", "UUID", ZSTD),
            packed("basis", "UInt64", DELTA),
            packed("n", "UInt64", ZSTD),
        ]],
        engine: "ReplacingMergeTree(basis)",
        by_month: true,
        order: "install, day",
        settings: &[MERGED, MERGED_WHOLE],
    },
    Table {
        name: "touched",
        columns: &[&[
            column("day", "Date"),
            column("node", "UUID"),
            column("begun", HIGHEST),
            column("arrived", HIGHEST),
        ]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "day, node",
        settings: &[],
    },
    Table {
        name: "summed",
        columns: &[&[column("day", "Date"), column("basis", HIGHEST)]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "day",
        settings: &[],
    },
    Table {
        name: "install",
        columns: &[&[
            packed("install", "UUID", ZSTD),
            column("first_day", "SimpleAggregateFunction(min, Date)"),
        ]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "install",
        settings: &[],
    },
    Table {
        name: "name",
        columns: &[&[column("kind", WORD), column("name", "String")]],
        engine: "ReplacingMergeTree",
        by_month: false,
        order: "kind, name",
        settings: &[],
    },
    Table {
        name: "arrival",
        columns: &[&[
            column("day", "Date"),
            column("node", "UUID"),
            column("fate", WORD),
            column("code", WORD),
            column("property", "String"),
            column("version", "String"),
            column("n", HIGHEST),
        ]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "day, node, fate, code, property, version",
        settings: &[],
    },
    Table {
        name: "loss",
        columns: &[&[
            column("epoch", "UUID"),
            column("install", "UUID"),
            column("sent_at_ms", HIGHEST),
            column("recorded", HIGHEST),
            column("evicted", HIGHEST),
            column("expired", HIGHEST),
            column("rejected", HIGHEST),
            column("too_big", HIGHEST),
        ]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "epoch, install",
        settings: &[],
    },
    Table {
        name: "daily",
        columns: &[&[column("day", "Date"), column("what", WORD), column("n", HIGHEST)]],
        engine: "AggregatingMergeTree",
        by_month: false,
        order: "day, what",
        settings: &[],
    },
];

impl Table {
    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().copied().flatten()
    }

    fn create(&self) -> String {
        let columns: Vec<String> = self
            .columns()
            .map(|Column { name, kind, codec }| format!("    {name} {kind} {codec}").trim_end().to_owned())
            .collect();
        let mut sql = format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)\nENGINE = {}",
            self.name,
            columns.join(",\n"),
            self.engine
        );
        if self.by_month {
            sql.push_str("\nPARTITION BY toYYYYMM(day)");
        }
        sql.push_str(&format!("\nORDER BY ({})", self.order));
        if !self.settings.is_empty() {
            sql.push_str(&format!("\nSETTINGS {}", self.settings.join(", ")));
        }
        sql
    }
}

/// The statements that create all tables, for people who apply them by hand.
///
/// With replicated tables, put `Replicated` before the name of each engine and `ON CLUSTER` where it belongs.
#[must_use]
pub fn ddl() -> String {
    TABLES.iter().map(|table| format!("{};\n", table.create())).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a server or a database.
fn refused(message: String, hint: &str) -> OpenError {
    OpenError { message, hint: hint.to_owned() }
}

impl ClickHouse {
    /// Refuses a server that is too old and tables that are not ours; creates tables that are missing.
    ///
    /// `Ok(Err(_))` when nobody could be asked: what is wrong with the server is not known then.
    pub(crate) fn prepare(&self) -> Result<Result<(), StoreError>, OpenError> {
        self.look(|table| {
            self.execute(&table.create()).map_err(|error| {
                refused(
                    format!("cannot create the table {} in {}: {error}", table.name, self.name()),
                    "grant CREATE TABLE, or have what `telemetry-collector serve --print-ddl` prints applied by hand",
                )
            })
        })
    }

    /// The same, but creates nothing: where tables are missing, there is no store.
    pub(crate) fn find(&self) -> Result<Result<(), StoreError>, OpenError> {
        self.look(|table| {
            Err(refused(
                format!("{} has no table {}: no collector ships there", self.name(), table.name),
                "check the database behind the last / of the address",
            ))
        })
    }

    fn look(
        &self,
        missing: impl Fn(&Table) -> Result<(), OpenError>,
    ) -> Result<Result<(), StoreError>, OpenError> {
        let version = match self.version() {
            Ok(version) => version,
            Err(Trouble::Refused { code, text }) if let Some(hint) = way_in(code) => {
                return Err(refused(format!("{} refuses: {text}", self.name()), hint));
            }
            Err(trouble) => return Ok(Err(self.error(trouble))),
        };
        if !is_new_enough(&version) {
            return Err(refused(
                format!("ClickHouse {version} at {} is too old", self.name()),
                &format!(
                    "use {}.{} or newer: this is the version that the collector is tested with",
                    OLDEST.0, OLDEST.1
                ),
            ));
        }
        let found = match self.columns() {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        for table in &TABLES {
            match found.get(table.name) {
                Some(columns) => check(table, columns, self.name())?,
                None => missing(table)?,
            }
        }
        Ok(Ok(()))
    }

    /// The columns of the tables that there are, with their types.
    fn columns(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, StoreError> {
        let sql = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()";
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for row in self.rows_at_once(sql)? {
            if let [Value::String(table), Value::String(name), Value::String(kind)] = row.as_slice() {
                tables.entry(table.clone()).or_default().insert(name.clone(), kind.clone());
            }
        }
        Ok(tables)
    }
}

/// What to do about a server that lets nobody in; by ClickHouse's numbers for errors.
fn way_in(code: u32) -> Option<&'static str> {
    match code {
        81 => Some("create the database, or name another one behind the last / of the address"),
        // Unknown user, wrong password, password required, access denied, authentication failed.
        192 | 193 | 194 | 497 | 516 => Some(
            "check the user in front of the @ of the address, and the first line of the file that \
             --store-password-file names",
        ),
        _ => None,
    }
}

/// Whether a version such as `26.9.2.1` is [`OLDEST`] or newer.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

fn check(table: &Table, found: &BTreeMap<String, String>, database: &str) -> Result<(), OpenError> {
    for Column { name, kind, .. } in table.columns() {
        let problem = match found.get(*name) {
            None => format!("has no column {name} {kind}"),
            Some(other) if other != kind => format!("has the column {name} as {other}, not {kind}"),
            Some(_) => continue,
        };
        return Err(refused(
            format!("the table {} in {database} {problem}", table.name),
            "choose another database, or compare with what `telemetry-collector serve --print-ddl` prints",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::shipment::{ENV_COLUMNS, NAME_COLUMNS, NUMBER_COLUMNS};

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in [
            ("26.9.2.1", true),
            ("26.10.1.1", true),
            ("27.1", true),
            ("26.8.99", false),
            ("9.10", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn a_column_that_differs_is_named() {
        let table = TABLES.iter().find(|table| table.name == "name").unwrap();
        let columns = |kind: &str| {
            BTreeMap::from([("kind".to_owned(), WORD.to_owned()), ("name".to_owned(), kind.to_owned())])
        };
        assert!(check(table, &columns("String"), "db").is_ok());
        let error = check(table, &columns("UUID"), "db").unwrap_err();
        assert_eq!(error.message, "the table name in db has the column name as UUID, not String");
        let error = check(table, &BTreeMap::new(), "db").unwrap_err();
        assert_eq!(error.message, "the table name in db has no column kind LowCardinality(String)");
    }

    #[test]
    fn everything_that_is_shipped_has_a_column() {
        for name in ENV_COLUMNS.into_iter().chain(NAME_COLUMNS).chain(NUMBER_COLUMNS) {
            assert!(TABLES[0].columns().any(|column| column.name == name), "{name}");
        }
    }

    #[test]
    fn sums_are_replaced_by_the_sums_of_the_same_facts() {
        let sums = TABLES.iter().find(|table| table.name == "sums").unwrap();
        let keys: Vec<&str> = sums.order.split(", ").collect();
        let mut columns = sums.columns().map(|column| column.name);
        columns.find(|name| *name == "n").unwrap();
        for added in columns {
            assert!(!keys.contains(&added), "{added}");
        }
        let own = sums.columns().take_while(|column| column.name != "n").map(|column| column.name);
        for name in own.filter(|name| *name != "basis") {
            assert!(keys.contains(&name), "{name}");
        }
    }

    #[test]
    fn statements_can_be_applied_by_hand() {
        let ddl = ddl();
        assert!(ddl.starts_with("CREATE TABLE IF NOT EXISTS event (\n    event LowCardinality(String),\n"));
        assert!(ddl.contains("ENGINE = ReplacingMergeTree(precedence)\nPARTITION BY toYYYYMM(day)\nORDER BY (event, day, event_id)\n"));
        assert_eq!(ddl.matches(";\n").count(), TABLES.len());
    }
}
