//! Rows as they are inserted: one struct a table, one field a column.

use clickhouse::Row;
use serde::Serialize;
use uuid::Uuid;

use super::sums::usage;
use crate::store::question::{Arrival, Subject};
use crate::store::shipment::{ClientLoss, Fact};
use crate::store::{Day, day_of};

/// A day as the server's `Date`, which knows 1970 to 2149.
pub(super) fn date(day: Day) -> u16 {
    u16::try_from(day.max(0)).unwrap_or(u16::MAX)
}

#[derive(Debug, Row, Serialize)]
pub(super) struct EventColumns<'a> {
    event: &'a str,
    day: u16,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    at_ms: i64,
    place: u64,
    /// The first of several events with one id stays: it has the highest.
    precedence: u64,
    #[serde(with = "clickhouse::serde::uuid")]
    install: Uuid,
    action: &'a str,
    source: &'a str,
    version: &'a str,
    os: &'a str,
    arch: &'a str,
    caller: &'a str,
    language: &'a str,
    agent: &'a str,
    provider: &'a str,
    model: &'a str,
    tool: &'a str,
    tool_kind: &'a str,
    purpose: &'a str,
    outcome: &'a str,
    error: &'a str,
    is_success: Option<i8>,
    exit_code: Option<i64>,
    duration_ms: Option<i64>,
    duration_bucket: Option<i16>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost_nano: Option<i64>,
    turns: Option<i64>,
    tool_calls: Option<i64>,
    tool_errors: Option<i64>,
    error_count: Option<i64>,
    flags: Vec<&'a str>,
    error_names: Vec<&'a str>,
    error_times: Vec<u64>,
    properties: String,
}

impl<'a> EventColumns<'a> {
    pub(super) fn of(fact: &'a Fact, place: u64) -> Self {
        let [source, version, os, arch, caller, language] = fact.env.each_ref().map(AsRef::as_ref);
        let [agent, provider, model, tool, tool_kind, purpose, outcome, error] =
            fact.names.each_ref().map(AsRef::as_ref);
        let [
            is_success,
            exit_code,
            duration_ms,
            duration_bucket,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cost_nano,
            turns,
            tool_calls,
            tool_errors,
            error_count,
        ] = fact.numbers;
        Self {
            event: &fact.event.event,
            day: date(day_of(fact.event.event_timestamp)),
            event_id: fact.event.event_id,
            at_ms: fact.event.event_timestamp,
            place,
            precedence: !place,
            install: fact.install.map_or(Uuid::nil(), |(install, _)| install),
            action: &fact.action,
            source,
            version,
            os,
            arch,
            caller,
            language,
            agent,
            provider,
            model,
            tool,
            tool_kind,
            purpose,
            outcome,
            error,
            is_success: is_success.map(|flag| i8::from(flag != 0)),
            exit_code,
            duration_ms,
            duration_bucket: duration_bucket.and_then(|bucket| i16::try_from(bucket).ok()),
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cost_nano,
            turns,
            tool_calls,
            tool_errors,
            error_count,
            flags: fact.flags.iter().map(AsRef::as_ref).collect(),
            error_names: fact.errors.iter().map(|(name, _)| name.as_ref()).collect(),
            error_times: fact.errors.iter().map(|(_, times)| *times).collect(),
            properties: properties_of(fact),
        }
    }
}

/// The properties as they were sent.
pub(super) fn properties_of(fact: &Fact) -> String {
    // Text keys and finite numbers only.
    serde_json::to_string(&fact.event.properties).unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Row, Serialize)]
pub(super) struct PresenceColumns<'a> {
    day: u16,
    source: &'a str,
    version: &'a str,
    os: &'a str,
    arch: &'a str,
    caller: &'a str,
    language: &'a str,
    #[serde(with = "clickhouse::serde::uuid")]
    install: Uuid,
}

impl<'a> PresenceColumns<'a> {
    /// `None` for an event of no installation.
    pub(super) fn of(fact: &'a Fact) -> Option<Self> {
        let [source, version, os, arch, caller, language] = fact.env.each_ref().map(AsRef::as_ref);
        let (install, _) = fact.install?;
        let day = date(day_of(fact.event.event_timestamp));
        Some(Self { day, source, version, os, arch, caller, language, install })
    }
}

/// Who used what on which day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Row, Serialize)]
pub(super) struct UsageColumns<'a> {
    day: u16,
    subject: &'static str,
    source: &'a str,
    version: &'a str,
    os: &'a str,
    arch: &'a str,
    caller: &'a str,
    language: &'a str,
    action: &'a str,
    provider: &'a str,
    model: &'a str,
    tool: &'a str,
    tool_kind: &'a str,
    #[serde(with = "clickhouse::serde::uuid")]
    install: Uuid,
}

impl<'a> UsageColumns<'a> {
    /// `None` for an event of no installation, and for what nobody asks the users of.
    pub(super) fn of(fact: &'a Fact) -> Option<Self> {
        let (install, _) = fact.install?;
        let [source, version, os, arch, caller, language] = fact.env.each_ref().map(AsRef::as_ref);
        let [_, provider, model, tool, tool_kind, ..] = fact.names.each_ref().map(AsRef::as_ref);
        let day = date(day_of(fact.event.event_timestamp));
        let of = |used: Subject| {
            let (subject, _) = usage(used)?;
            let [action, provider, model, tool, tool_kind] = [""; 5];
            Some(Self {
                day,
                subject,
                source,
                version,
                os,
                arch,
                caller,
                language,
                action,
                provider,
                model,
                tool,
                tool_kind,
                install,
            })
        };
        match (fact.event.event.as_str(), fact.action.as_ref()) {
            ("command", action) => Some(Self { action, ..of(Subject::Command)? }),
            ("session", "start") => of(Subject::SessionStart),
            ("tool", _) => Some(Self { tool, tool_kind, ..of(Subject::Tool)? }),
            ("token", _) => Some(Self { provider, model, ..of(Subject::Token)? }),
            _ => None,
        }
    }
}

/// A day that a batch has events of.
#[derive(Debug, Row, Serialize)]
pub(super) struct TouchedColumns {
    pub(super) day: u16,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) node: Uuid,
    pub(super) begun: u64,
    pub(super) arrived: u64,
}

#[derive(Debug, Row, Serialize)]
pub(super) struct SummedColumns {
    pub(super) day: u16,
    pub(super) basis: u64,
}

#[derive(Debug, Row, Serialize)]
pub(super) struct InstallColumns {
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) install: Uuid,
    pub(super) first_day: u16,
}

#[derive(Debug, Row, Serialize)]
pub(super) struct NameColumns<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

#[derive(Debug, Row, Serialize)]
pub(super) struct ArrivalColumns<'a> {
    day: u16,
    #[serde(with = "clickhouse::serde::uuid")]
    node: Uuid,
    fate: &'a str,
    code: &'a str,
    property: &'a str,
    version: &'a str,
    n: u64,
}

impl<'a> ArrivalColumns<'a> {
    pub(super) fn of(arrival: &'a Arrival, node: Uuid) -> Self {
        let Arrival { day, fate, code, property, version, n } = arrival;
        Self { day: date(*day), node, fate, code, property, version, n: *n }
    }
}

#[derive(Debug, Row, Serialize)]
pub(super) struct LossColumns {
    #[serde(with = "clickhouse::serde::uuid")]
    epoch: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    install: Uuid,
    sent_at_ms: u64,
    recorded: u64,
    evicted: u64,
    expired: u64,
    rejected: u64,
    too_big: u64,
}

impl LossColumns {
    pub(super) fn of(loss: &ClientLoss) -> Self {
        let [sent_at_ms, recorded, evicted, expired, rejected, too_big] = loss.counters;
        let ClientLoss { epoch, install, .. } = *loss;
        Self { epoch, install, sent_at_ms, recorded, evicted, expired, rejected, too_big }
    }
}

#[derive(Debug, Row, Serialize)]
pub(super) struct DailyColumns {
    pub(super) day: u16,
    pub(super) what: &'static str,
    pub(super) n: u64,
}
