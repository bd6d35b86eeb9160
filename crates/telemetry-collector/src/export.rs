//! Events leave as they came: as records that can be sent again, or as a table.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::answer::csv::{self, Field};
use crate::answer::range::{BadRange, parse_day};
use crate::store::question::View as _;
use crate::store::sqlite::{Folder, Reader};
use crate::store::{Day, EventRow, OpenError, Page, StoreError, day_of};

/// Events that are held in memory at a time.
const CHUNK: u32 = 1_000;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A line of headings, then a line an event; `properties` is JSON.
    Csv,
    /// A record a line, as it was sent; `telemetry-collector ingest` takes it.
    Ndjson,
}

/// Why stored events cannot be read or written down; texts are for the person who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The data folder cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A date or a query is wrong.
    #[error("{0}")]
    Asked(String),
    /// Reading failed on the way.
    #[error("{0}")]
    Store(String),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<BadRange> for ReadError {
    fn from(error: BadRange) -> Self {
        Self::Asked(error.to_string())
    }
}

/// A record as a client sends it.
#[derive(Serialize)]
struct Record<'a> {
    event_id: uuid::Uuid,
    event: &'a str,
    event_timestamp: i64,
    source: &'a str,
    properties: &'a serde_json::Map<String, Value>,
}

/// Writes the events of a data folder in the order of arrival, those of some UTC days if `from` or `to` is given;
/// returns how many.
///
/// A collector may write to the folder meanwhile; what it adds is included.
/// Memory does not grow with the number of events, and the log is not held back: each thousand is read by itself.
///
/// # Errors
///
/// Says what is wrong, and whose fault it is.
pub fn export_folder(
    data: &Path,
    format: ExportFormat,
    from: Option<&str>,
    to: Option<&str>,
    out: &mut dyn Write,
) -> Result<u64, ReadError> {
    let from = from.map(|text| parse_day("from", text)).transpose()?.unwrap_or(Day::MIN);
    let to = to.map(|text| parse_day("to", text)).transpose()?.unwrap_or(Day::MAX);
    if from > to {
        return Err(ReadError::Asked("from is after to".to_owned()));
    }
    let reader = Reader::new(Arc::new(Folder::look(data)?));
    let mut text = String::new();
    if format == ExportFormat::Csv {
        heading(&mut text);
    }
    let (mut row, mut written) = (0, 0);
    loop {
        let events = reader.snapshot(|view| view.events(Page::After { row, limit: CHUNK }))?;
        let Some(last) = events.last() else { break };
        row = last.row;
        for event in events.iter().filter(|event| (from..=to).contains(&day_of(event.event_timestamp))) {
            match format {
                ExportFormat::Csv => line(&mut text, event),
                ExportFormat::Ndjson => record(&mut text, event),
            }
            written += 1;
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(written)
}

fn record(out: &mut String, event: &EventRow) {
    let record = Record {
        event_id: event.event_id,
        event: &event.event,
        event_timestamp: event.event_timestamp,
        source: &event.source,
        properties: &event.properties,
    };
    // Text keys and finite numbers only.
    out.push_str(&serde_json::to_string(&record).unwrap_or_default());
    out.push('\n');
}

const HEADINGS: [&str; 6] = ["row", "event_id", "event", "event_timestamp", "source", "properties"];

/// Events as CSV, with a line of headings.
pub(crate) fn events_as_csv(events: &[EventRow]) -> String {
    let mut text = String::new();
    heading(&mut text);
    events.iter().for_each(|event| line(&mut text, event));
    text
}

fn heading(out: &mut String) {
    csv::line(out, HEADINGS.map(Field::Text));
}

fn line(out: &mut String, event: &EventRow) {
    let properties = serde_json::to_string(&event.properties).unwrap_or_default();
    let (row, id, at) =
        (event.row.to_string(), event.event_id.to_string(), event.event_timestamp.to_string());
    let fields = [
        Field::Number(&row),
        Field::Text(&id),
        Field::Text(&event.event),
        Field::Number(&at),
        Field::Text(&event.source),
        Field::Text(&properties),
    ];
    csv::line(out, fields);
}
