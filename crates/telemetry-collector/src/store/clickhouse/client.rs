//! Requests to a ClickHouse database: the one place that names its client.
//!
//! Every request has a deadline. One that failed on the way is tried at the next host; whether it took effect at the
//! first one does not matter, see [`super`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Compression, Row, RowWrite};
use serde_json::Value;
use tokio::runtime::Handle;

use super::address::ClickHouseAddress;
use crate::store::StoreError;

/// A question that lasts longer is given up; the server is told so, too.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long a statement may last that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why a request had no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A server understood it and says no.
    Refused {
        /// ClickHouse's number for the reason.
        code: u32,
        /// What it said, in its own words.
        text: String,
    },
    /// None could be asked.
    Failed(String),
}

/// A ClickHouse database, for threads that may wait; a clone is another name for it.
#[derive(Clone)]
pub(crate) struct ClickHouse(Arc<Inner>);

struct Inner {
    name: String,
    hosts: Vec<Client>,
    /// The host that answered last.
    current: AtomicUsize,
    runtime: Handle,
    write_limit: Duration,
}

impl std::fmt::Debug for ClickHouse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClickHouse({})", self.0.name)
    }
}

impl ClickHouse {
    /// Nothing is asked yet. Requests are driven by `runtime`, none of whose own threads may call this.
    pub(crate) fn new(address: &ClickHouseAddress, write_limit: Duration, runtime: Handle) -> Self {
        let host = |url: String| {
            let mut client = Client::default().with_url(url).with_database(address.database());
            if let Some(user) = address.user() {
                client = client.with_user(user);
            }
            if let Some(password) = address.password() {
                client = client.with_password(password);
            }
            client
        };
        Self(Arc::new(Inner {
            name: address.to_string(),
            hosts: address.urls().map(host).collect(),
            current: AtomicUsize::new(0),
            runtime,
            write_limit,
        }))
    }

    /// Its address, for messages and to tell it from others.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// The version of the server.
    ///
    /// Asked in a way that servers of any age understand.
    pub(super) fn version(&self) -> Result<String, Trouble> {
        let text = self.at_some_host(self.0.write_limit, async |client| {
            let query = client.clone().with_compression(Compression::None).query_raw("SELECT version()");
            query.fetch_bytes("TabSeparated")?.collect().await
        })?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// The rows that a query answers with.
    pub(super) fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows_within(sql, READ_LIMIT)
    }

    /// The same for what is answered at once: no longer than other requests may take.
    pub(super) fn rows_at_once(&self, sql: &str) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows_within(sql, self.0.write_limit)
    }

    fn rows_within(&self, sql: &str, limit: Duration) -> Result<Vec<Vec<Value>>, StoreError> {
        let seconds = READ_LIMIT.as_secs().to_string();
        let text = self.at_some_host(limit, async |client| {
            let query = client
                .clone()
                .with_compression(Compression::None)
                .query_raw(sql)
                .with_setting("output_format_json_quote_64bit_integers", "0")
                // A row's month follows from its key, so nothing has to be replaced across months.
                .with_setting("do_not_merge_across_partitions_select_final", "1")
                .with_setting("max_execution_time", seconds.as_str());
            query.fetch_bytes("JSONCompactEachRow")?.collect().await
        });
        let text = text.map_err(|trouble| self.error(trouble))?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        rows.map_err(|error| self.error(Trouble::Failed(format!("its answer cannot be read: {error}"))))
    }

    /// Runs a statement that answers nothing.
    pub(super) fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.at_some_host(self.0.write_limit, async |client| execute(client, sql).await);
        done.map_err(|trouble| self.error(trouble))
    }

    /// The same for what may last; no longer waited for when `stop` returns.
    pub(super) fn execute_until(&self, sql: &str, stop: &impl AsyncFn()) -> Result<(), StoreError> {
        let done = self.at_some_host(PATIENCE, async |client| {
            tokio::select! {
                done = execute(client, sql) => done,
                () = stop() => Err(Error::Custom("it was no longer waited for".to_owned())),
            }
        });
        done.map_err(|trouble| self.error(trouble))
    }

    /// Inserts rows as one block, compressed; a repetition with the same token has no effect.
    pub(super) fn insert<T>(&self, table: &str, token: &str, rows: &[T::Value<'_>]) -> Result<(), StoreError>
    where
        T: Row + RowWrite,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let limit = self.0.write_limit;
        let done = self.at_some_host(limit, async |client| {
            let mut insert = client.insert::<T>(table).await?.with_timeouts(Some(limit), Some(limit));
            if !token.is_empty() {
                insert = insert.with_setting("insert_deduplication_token", token);
            }
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        });
        done.map_err(|trouble| self.error(trouble))
    }

    /// Tries one host after the other, beginning with the one that answered last.
    fn at_some_host<T>(
        &self,
        limit: Duration,
        request: impl AsyncFn(&Client) -> Result<T, Error>,
    ) -> Result<T, Trouble> {
        let Inner { hosts, current, runtime, .. } = &*self.0;
        let first = current.load(Ordering::Relaxed);
        let mut problem = "no host is named".to_owned();
        for at in (0..hosts.len()).map(|next| (first + next) % hosts.len()) {
            let tried = runtime.block_on(async { tokio::time::timeout(limit, request(&hosts[at])).await });
            match tried {
                Ok(Ok(answer)) => {
                    current.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                // The server has understood and says no: another one would, too.
                Ok(Err(Error::BadResponse(text))) => return Err(refused(&text)),
                Ok(Err(error)) => problem = with_causes(&error),
                Err(_) => problem = format!("no answer within {} s", limit.as_secs_f32()),
            }
        }
        if problem.ends_with("channel closed") {
            "it closed the connection".clone_into(&mut problem);
        }
        // What a TLS client makes of a plain answer.
        if problem.contains("InvalidContentType") {
            problem.push_str(" (no HTTPS is spoken at this port)");
        }
        Err(Trouble::Failed(problem))
    }

    pub(super) fn error(&self, trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Refused { code: TIMEOUT_EXCEEDED, .. } => {
                StoreError::TooSlow { seconds: READ_LIMIT.as_secs() }
            }
            Trouble::Refused { text: problem, .. } | Trouble::Failed(problem) => {
                StoreError::Failed(format!("{}: {problem}", self.0.name))
            }
        }
    }
}

const TIMEOUT_EXCEEDED: u32 = 159;

fn refused(text: &str) -> Trouble {
    let code: Option<u32> = text.split_once("Code: ").and_then(|(_, rest)| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits?.parse().ok()
    });
    match code {
        Some(code) => Trouble::Refused { code, text: text.lines().next().unwrap_or_default().to_owned() },
        None => {
            let begins: String = text.trim_start().chars().take_while(|c| !c.is_control()).take(40).collect();
            Trouble::Failed(format!("what answers there is no ClickHouse: {begins}…"))
        }
    }
}

async fn execute(client: &Client, sql: &str) -> Result<(), Error> {
    let query = client.clone().with_compression(Compression::None).query_raw(sql);
    let query = query.with_setting("mutations_sync", "2");
    query.with_setting("do_not_merge_across_partitions_select_final", "1").execute().await
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
