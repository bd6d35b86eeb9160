//! Everything that is inserted. Each of these may be repeated at any time and changes nothing then.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::client::ClickHouse;
use super::rows::{
    ArrivalColumns, DailyColumns, EventColumns, InstallColumns, LossColumns, NameColumns, PresenceColumns,
    TouchedColumns, UsageColumns, date,
};
use crate::store::question::{Arrival, DailyTotals};
use crate::store::shipment::{ClientLoss, Fact, Name};
use crate::store::totals::{NAMES, numbers};
use crate::store::{Day, StoreError, day_of};

impl ClickHouse {
    /// Adds a batch of events of a folder, whose first takes `place`, and who was there.
    ///
    /// Events come last: whoever finds one finds its installation, too. Around it all stands which days it touches, see
    /// [`super::sums`].
    pub(crate) fn add_facts(
        &self,
        facts: &[Fact],
        node: Uuid,
        place: i64,
        token: &str,
    ) -> Result<(), StoreError> {
        let days: BTreeSet<u16> = facts.iter().map(|fact| date(day_of(fact.event.event_timestamp))).collect();
        let number = place.unsigned_abs();
        self.touch(&days, node, number, 0)?;
        let mut first_days = HashMap::new();
        for (install, day) in facts.iter().filter_map(|fact| fact.install) {
            first_days.entry(install).and_modify(|known: &mut Day| *known = day.min(*known)).or_insert(day);
        }
        self.add_first_days(first_days)?;
        let present: HashSet<_> = facts.iter().filter_map(PresenceColumns::of).collect();
        self.insert::<PresenceColumns<'static>>("presence", "", &Vec::from_iter(present))?;
        let used: HashSet<_> = facts.iter().filter_map(UsageColumns::of).collect();
        self.insert::<UsageColumns<'static>>("usage", "", &Vec::from_iter(used))?;
        let rows: Vec<_> =
            facts.iter().zip(number..).map(|(fact, place)| EventColumns::of(fact, place)).collect();
        self.insert::<EventColumns<'static>>("event", token, &rows)?;
        self.touch(&days, node, 0, number)
    }

    /// Notes what a folder has begun to add to days, or what has arrived there; the highest number counts.
    pub(super) fn touch(
        &self,
        days: &BTreeSet<u16>,
        node: Uuid,
        begun: u64,
        arrived: u64,
    ) -> Result<(), StoreError> {
        let rows: Vec<_> =
            days.iter().map(|day| TouchedColumns { day: *day, node, begun, arrived }).collect();
        self.insert::<TouchedColumns>("touched", "", &rows)
    }

    /// Adds the days on which installations were first seen; the earliest one told counts.
    pub(crate) fn add_first_days(
        &self,
        days: impl IntoIterator<Item = (Uuid, Day)>,
    ) -> Result<(), StoreError> {
        let row = |(install, day)| InstallColumns { install, first_day: date(day) };
        let rows: Vec<_> = days.into_iter().map(row).collect();
        self.insert::<InstallColumns>("install", "", &rows)
    }

    /// Adds names to those that can be filtered by.
    pub(crate) fn add_names(&self, names: &[Name]) -> Result<(), StoreError> {
        let rows: Vec<_> = names.iter().map(|Name { kind, name, .. }| NameColumns { kind, name }).collect();
        self.insert::<NameColumns<'static>>("name", "", &rows)
    }

    /// Tells what a folder has counted so far.
    pub(crate) fn add_arrivals(&self, node: Uuid, arrivals: &[Arrival]) -> Result<(), StoreError> {
        let rows: Vec<_> = arrivals.iter().map(|arrival| ArrivalColumns::of(arrival, node)).collect();
        self.insert::<ArrivalColumns<'static>>("arrival", "", &rows)
    }

    /// Tells what clients say of themselves.
    pub(crate) fn add_losses(&self, losses: &[ClientLoss]) -> Result<(), StoreError> {
        let rows: Vec<_> = losses.iter().map(LossColumns::of).collect();
        self.insert::<LossColumns>("loss", "", &rows)
    }

    /// Keeps the totals of days whose events go.
    pub(crate) fn add_totals(&self, days: &[DailyTotals]) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for day in days {
            let counted = numbers(&mut day.clone()).map(|n| *n);
            let row = |(what, n)| DailyColumns { day: date(day.day), what, n };
            rows.extend(NAMES.into_iter().zip(counted).map(row));
        }
        self.insert::<DailyColumns>("daily", "", &rows)
    }
}
