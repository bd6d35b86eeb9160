//! SQL by maintainers: one `SELECT` on a connection that can do nothing else.
//!
//! The file is opened read-only, an authorizer refuses everything but reading, and rows, bytes and time have limits.
//! Readable names come from temporary views ([`views`]); nothing is written anywhere.

pub(crate) mod views;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::codec::{self, Resolve};
use super::open::Folder;
use crate::store::StoreError;

/// The longest text or blob, also within a query.
const MOST_BYTES_A_VALUE: i32 = 1 << 20;
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// A value that SQL gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SqlValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// Its author can do something about it.
    #[error("{0}")]
    Asked(String),
    #[error("the query took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs one query: `heading` gets the names of its columns, `each` every row until it returns false.
pub(crate) fn run(
    folder: &Folder,
    sql: &str,
    limit: Duration,
    heading: impl FnOnce(Vec<String>),
    mut each: impl FnMut(Vec<SqlValue>) -> bool,
) -> Result<(), SqlError> {
    let mut conn = prepared(folder).map_err(|error| StoreError::Failed(format!("read failed: {error}")))?;
    let fail = |error: rusqlite::Error| asked(error, limit);
    let until = Instant::now() + limit;
    conn.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > until)).map_err(fail)?;
    conn.authorizer(Some(authorize)).map_err(fail)?;
    let mut statement = conn.prepare(sql).map_err(fail)?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(SqlError::Asked("only SELECT is answered here".to_owned()));
    }
    if statement.parameter_count() > 0 {
        return Err(SqlError::Asked("a query cannot have parameters".to_owned()));
    }
    let columns = statement.column_count();
    heading(statement.column_names().map(str::to_owned).collect());
    let mut rows = statement.query([]).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let values = (0..columns).map(|at| row.get_ref(at).map(value)).collect::<Result<_, _>>();
        if !each(values.map_err(fail)?) {
            break;
        }
    }
    Ok(())
}

fn prepared(folder: &Folder) -> rusqlite::Result<Connection> {
    let conn = folder.reader()?;
    // For the views, which live in memory; the file itself was opened read-only.
    conn.execute_batch("PRAGMA query_only = OFF; PRAGMA temp_store = MEMORY;")?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST_BYTES_A_VALUE)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    add_functions(&conn)?;
    for view in &views::VIEWS {
        conn.execute_batch(&view.create())?;
    }
    conn.execute_batch("PRAGMA query_only = ON;")?;
    Ok(conn)
}

/// Lets a statement read, and nothing else.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

fn asked(error: rusqlite::Error, limit: Duration) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => SqlError::TooSlow(limit),
        Some(ErrorCode::AuthorizationForStatementDenied) => SqlError::Asked(
            "only SELECT is answered here: nothing can be written, attached or set".to_owned(),
        ),
        _ => SqlError::Asked(match error {
            rusqlite::Error::SqlInputError { msg, sql, offset, .. } => {
                let at = usize::try_from(offset).ok().and_then(|at| sql.get(at..)).unwrap_or_default();
                let near: String = at.chars().take(20).collect();
                if near.is_empty() { msg } else { format!("{msg}, at \"{near}\"") }
            }
            rusqlite::Error::MultipleStatement => "only one statement is answered".to_owned(),
            other => other.to_string(),
        }),
    }
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
    }
}

/// All names of a store.
#[derive(Clone)]
struct Names(Arc<HashMap<i64, Arc<str>>>);

impl Names {
    fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut statement = conn.prepare("SELECT id, name FROM main.dict")?;
        let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(Arc::new(names.collect::<rusqlite::Result<_>>()?)))
    }
}

impl Resolve for Names {
    fn resolve(&mut self, id: i64) -> rusqlite::Result<Arc<str>> {
        // A name that was given out after this connection looked.
        Ok(self.0.get(&id).map_or_else(|| "unknown".into(), Arc::clone))
    }
}

fn add_functions(conn: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("uuid_text", 1, flags, |context| {
        let bytes: Option<[u8; 16]> = context.get(0)?;
        Ok(bytes.map(|bytes| Uuid::from_bytes(bytes).to_string()))
    })?;
    let names = Names::load(conn)?;
    let decoders: [(&str, Decode); 3] = [
        ("flags_json", |blob, names| codec::set_value(blob, names)),
        ("errors_json", |blob, names| codec::map_value(blob, names)),
        ("extra_json", |blob, names| {
            let mut properties = Map::new();
            codec::take_extra(blob, names, &mut properties)?;
            Ok(Value::Object(properties))
        }),
    ];
    for (name, decode) in decoders {
        let names = names.clone();
        conn.create_scalar_function(name, 1, flags, move |context: &Context<'_>| {
            let blob: Option<Vec<u8>> = context.get(0)?;
            blob.map(|blob| decode(&blob, &mut names.clone()).map(|value| value.to_string())).transpose()
        })?;
    }
    Ok(())
}

type Decode = fn(&[u8], &mut Names) -> rusqlite::Result<Value>;
