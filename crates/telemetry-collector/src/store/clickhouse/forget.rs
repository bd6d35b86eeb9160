//! Removes an installation from all tables that name it.

use uuid::Uuid;

use super::client::ClickHouse;
use super::rows::date;
use super::sql::quoted;
use crate::store::{Forgotten, StoreError};

/// The tables that name installations, events last: whoever asks meanwhile finds fewer installations, not strangers.
const TABLES: [&str; 6] = ["loss", "install", "stored", "usage", "presence", "event"];

impl ClickHouse {
    /// Removes an installation; `None` when nothing is stored about it.
    ///
    /// Returns when the parts that had something of it are written anew; the old ones are deleted by the server some
    /// minutes later.
    pub(crate) fn forget(&self, id: Uuid) -> Result<Option<Forgotten>, StoreError> {
        let id = format!("toUUID({})", quoted(&id.to_string()));
        let sessions =
            "uniqExactIf(JSONExtractString(properties, 'session_id'), JSONHas(properties, 'session_id'))";
        let events = format!("SELECT count(), {sessions} FROM event FINAL WHERE install = {id}");
        let found = |sql: &str| -> Result<[u64; 2], StoreError> {
            let rows = self.rows(sql)?;
            let numbers =
                rows.first().map(|row| row.iter().map(|n| n.as_u64().unwrap_or(0)).collect::<Vec<_>>());
            let numbers = numbers.unwrap_or_default();
            Ok([0, 1].map(|at| numbers.get(at).copied().unwrap_or(0)))
        };
        let [events, sessions] = found(&events)?;
        let [counters, _] = found(&format!("SELECT uniqExact(epoch) FROM loss WHERE install = {id}"))?;
        let [known, _] = found(&format!(
            "SELECT (SELECT count() FROM install WHERE install = {id}) + (SELECT count() FROM presence WHERE install = {id})"
        ))?;
        if events + counters + known == 0 {
            return Ok(None);
        }
        // Its days have to be added up anew. No collector has this number; times grow from one forgetting to the next.
        let touched = self.rows(&format!("SELECT DISTINCT toInt32(day) FROM event WHERE install = {id}"))?;
        let days = touched.iter().filter_map(|row| row.first()?.as_i64()).map(date).collect();
        let number = jiff::Timestamp::now().as_microsecond().unsigned_abs();
        self.touch(&days, Uuid::nil(), number, 0)?;
        for table in TABLES {
            self.execute(&format!("ALTER TABLE {table} DELETE WHERE install = {id}"))?;
        }
        self.touch(&days, Uuid::nil(), 0, number)?;
        Ok(Some(Forgotten { events, sessions, counters }))
    }
}
