//! The options that say which shared store, and the command that copies into one.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use telemetry_collector::{Ack, AddressError, ClickHouseAddress, DEFAULT_BATCH_ROWS, Migration, SharedStore};

use crate::size;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AckWhen {
    /// When they are on this collector's disk.
    Spool,
    /// When the shared store has them.
    Store,
}

/// How to reach a store.
#[derive(Debug, Args)]
pub(crate) struct ReachArgs {
    /// File whose first line is the password.
    #[arg(long, value_name = "FILE")]
    store_password_file: Option<PathBuf>,
    /// How long one request to the store may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    store_timeout: u64,
}

impl ReachArgs {
    /// The store at an address.
    pub(crate) fn store(&self, address: &ClickHouseAddress) -> Result<SharedStore, AddressError> {
        let address = match &self.store_password_file {
            Some(file) => address.clone().with_password_file(file)?,
            None => address.clone(),
        };
        let mut store = SharedStore::new(address);
        store.timeout = Duration::from_secs(self.store_timeout);
        Ok(store)
    }
}

/// The options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Ships events to a database that collectors share, and answers from it: clickhouse://USER@HOST:PORT/DATABASE, or
    /// clickhouses:// for HTTPS; several hosts with commas between them. The data folder is a spool then.
    #[arg(long, value_name = "ADDRESS")]
    store: Option<ClickHouseAddress>,
    /// Prints the statements that create the database's tables, and ends.
    #[arg(long)]
    pub(crate) print_ddl: bool,
    /// When clients are told that their events were taken.
    #[arg(long, value_enum, default_value_t = AckWhen::Spool, requires = "store")]
    ack: AckWhen,
    /// Size of the data folder from which on nothing is taken, because the store does not take it off.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = spool_size, requires = "store")]
    spool_max: u64,
    /// Events that are shipped together.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BATCH_ROWS, requires = "store",
        value_parser = clap::value_parser!(u32).range(1..=500_000))]
    batch_events: u32,
    /// Milliseconds after which events are shipped even if they are fewer.
    #[arg(long, value_name = "MS", default_value_t = 2_000, requires = "store",
        value_parser = clap::value_parser!(u64).range(10..=600_000))]
    batch_ms: u64,
    /// The database that the data folder is the spool of has this address now: what waits for the old one goes here.
    #[arg(long, requires = "store")]
    store_moved: bool,
    #[command(flatten)]
    reach: ReachArgs,
}

impl StoreArgs {
    /// Whether there is a password, but no address.
    pub(crate) fn lacks_address(&self) -> bool {
        self.store.is_none() && self.reach.store_password_file.is_some()
    }

    /// The shared store, if there is one.
    pub(crate) fn shared(&self) -> Result<Option<SharedStore>, AddressError> {
        let Some(address) = &self.store else { return Ok(None) };
        let mut store = self.reach.store(address)?;
        store.ack = match self.ack {
            AckWhen::Spool => Ack::Spool,
            AckWhen::Store => Ack::Store,
        };
        store.spool_max = self.spool_max;
        store.moved = self.store_moved;
        store.batch_rows = self.batch_events;
        store.batch_age = Duration::from_millis(self.batch_ms);
        Ok(Some(store))
    }
}

/// A spool without room for a request would take nothing, ever.
fn spool_size(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 1 << 20;
    match size::parse(text)? {
        bytes if bytes < LEAST => Err("a spool has at least 1MiB".to_owned()),
        bytes => Ok(bytes),
    }
}

/// The options of `migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The data folder; no collector may be using it. It keeps what it has.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
    from: PathBuf,
    /// The database, as for `serve --store`.
    #[arg(long, value_name = "ADDRESS")]
    to: ClickHouseAddress,
    #[command(flatten)]
    reach: ReachArgs,
}

/// Exit 0 when everything is there and the same.
pub(crate) fn migrate(args: &MigrateArgs) -> ExitCode {
    let mut stderr = std::io::stderr();
    let store = match args.reach.store(&args.to) {
        Ok(store) => store,
        Err(error) => {
            let _ = writeln!(stderr, "error: {error}");
            return ExitCode::from(2);
        }
    };
    let migrated = Migration::to(store).run(&args.from, |copied| {
        let _ = writeln!(std::io::stderr(), "{copied} events copied");
    });
    match migrated {
        Ok(done) => {
            let (events, days, copied) = (done.events, done.days, done.copied);
            let told = writeln!(
                std::io::stdout(),
                "{events} events of {days} days are there and the same; {copied} were copied now"
            );
            if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(stderr, "error: {error}");
            ExitCode::FAILURE
        }
    }
}
