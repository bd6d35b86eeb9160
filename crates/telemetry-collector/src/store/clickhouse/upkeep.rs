//! Retention: months whose last day is too old go, and what their days add up to stays.
//!
//! Any collector does this, also several at a time: totals are recomputed from the events, never added to, and of
//! several results the highest stays.

use std::collections::BTreeMap;

use super::client::ClickHouse;
use super::rows::date;
use super::sql::within;
use crate::answer::range::Range;
use crate::migrate::DaySum;
use crate::store::question::View;
use crate::store::totals::measured;
use crate::store::{Day, StoreError};

/// The longest window of days that totals know active installations of.
const MONTH: Day = 30;

/// Days whose events are read whole by one request.
const DAYS_AT_A_TIME: Day = 4;

/// A month of events.
#[derive(Debug, PartialEq, Eq)]
struct Partition {
    id: String,
    last_day: Day,
}

impl ClickHouse {
    /// Removes the months whose days are all before `before`.
    pub(crate) fn cut(&self, before: Day) -> Result<(), StoreError> {
        let old: Vec<Partition> =
            self.partitions()?.into_iter().filter(|partition| partition.last_day < before).collect();
        let Some(last) = old.iter().map(|partition| partition.last_day).max() else { return Ok(()) };
        let totals = self.read(|view: &mut dyn View| {
            let from = view.span()?.map_or(last, |span| span.from);
            // The windows of the days that follow lose events, too.
            measured(view, Range { from, to: last + MONTH - 1 })
        })?;
        self.add_totals(&totals)?;
        for Partition { id, .. } in old {
            for table in ["event", "presence", "usage", "sums", "stored"] {
                self.execute(&format!("ALTER TABLE {table} DROP PARTITION ID '{id}'"))?;
            }
        }
        Ok(())
    }

    fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let sql =
            "SELECT _partition_id, toInt32(toLastDayOfMonth(min(day))) FROM event GROUP BY _partition_id";
        let partition = |row: Vec<serde_json::Value>| {
            let id = row.first()?.as_str()?.to_owned();
            Some(Partition { id, last_day: row.get(1)?.as_i64()? })
        };
        Ok(self.rows(sql)?.into_iter().filter_map(partition).collect())
    }

    /// Every day's events, with the sum of the CRC-32 of each as it was sent; a few days at a time, for this reads all.
    pub(crate) fn day_sums(&self) -> Result<BTreeMap<Day, DaySum>, StoreError> {
        let mut sums = BTreeMap::new();
        let Some(span) = self.read(|view: &mut dyn View| view.span())? else { return Ok(sums) };
        for from in span.days().step_by(DAYS_AT_A_TIME as usize) {
            let sql = format!(
                "SELECT toInt32(day), count(), sum(toUInt64(CRC32(concat(toString(event_id), '\\n', toString(at_ms),
                    '\\n', event, '\\n', source, '\\n', properties, '\\n'))))
                FROM event FINAL WHERE {} GROUP BY day",
                within(Range { from, to: from + DAYS_AT_A_TIME - 1 })
            );
            let sum = |row: Vec<serde_json::Value>| {
                let number = |at: usize| row.get(at)?.as_u64();
                Some((row.first()?.as_i64()?, DaySum { events: number(1)?, checksum: number(2)? }))
            };
            sums.extend(self.rows(&sql)?.into_iter().filter_map(sum));
        }
        Ok(sums)
    }

    /// Events that are stored, and rows that are stored for them: repetitions that were not merged yet are the
    /// difference.
    pub(crate) fn counts(&self, since: Day) -> Result<(u64, u64), StoreError> {
        let count = |what: &str| -> Result<u64, StoreError> {
            let sql = format!("SELECT count() FROM event {what} WHERE day >= toDate({})", date(since));
            Ok(self.rows(&sql)?.first().and_then(|row| row.first()?.as_u64()).unwrap_or(0))
        };
        Ok((count("FINAL")?, count("")?))
    }
}
