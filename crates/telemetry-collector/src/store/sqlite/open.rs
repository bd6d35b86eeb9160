//! Opens the data folder: one collector per folder, WAL, and errors that name the file and the way out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;
use crate::store::OpenError;

const DATABASE: &str = "collector.db";
const LOCK: &str = "collector.lock";
/// How long a commit waits for somebody else's lock, for instance a copy made with the `sqlite3` shell.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(10);

/// A folder that nobody else writes to for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) database: PathBuf,
    /// None for those who only look.
    _lock: Option<File>,
}

impl Folder {
    /// Creates the folder if need be and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let shown = path.display();
        let unusable = |error: std::io::Error| OpenError {
            message: format!("cannot write to the data folder {shown}: {error}"),
            hint: "make it writable for this user, or choose another one with --data".to_owned(),
        };
        create_private(path).map_err(unusable)?;
        let mut lock = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(path.join(LOCK))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = std::fs::read_to_string(path.join(LOCK)).unwrap_or_default();
                let who =
                    if pid.trim().is_empty() { String::new() } else { format!(" (process {})", pid.trim()) };
                return Err(OpenError {
                    message: format!("another telemetry-collector{who} is using the data folder {shown}"),
                    hint: "stop it, or give this one its own folder with --data".to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // For the reader of the message above only; the lock does not depend on it.
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { database: path.join(DATABASE), _lock: Some(lock) })
    }

    /// Takes the lock of a folder that has a database.
    pub(crate) fn existing(path: &Path) -> Result<Self, OpenError> {
        match path.join(DATABASE).is_file() {
            true => Self::open(path),
            false => Err(OpenError {
                message: format!("there is no database in {}", path.display()),
                hint: "name the data folder of a collector".to_owned(),
            }),
        }
    }

    /// A folder that is only read, also while a collector writes to it.
    pub(crate) fn look(path: &Path) -> Result<Self, OpenError> {
        let database = path.join(DATABASE);
        let file = database.display().to_string();
        if !database.is_file() {
            return Err(OpenError {
                message: format!("there is no database in {}", path.display()),
                hint: "name the data folder of a collector with --data".to_owned(),
            });
        }
        let folder = Self { database, _lock: None };
        let conn = folder.reader().map_err(|error| damaged_or(error, &file, "cannot open"))?;
        match schema::identify(&conn, &file)? {
            schema::VERSION => Ok(folder),
            found => Err(OpenError {
                message: format!("{file} has format {found}, this collector reads {}", schema::VERSION),
                hint: "start the collector on this folder once, it brings the file up to date".to_owned(),
            }),
        }
    }

    /// The writing connection, with current tables.
    pub(super) fn writer(&self) -> Result<Connection, OpenError> {
        let file = self.database.display().to_string();
        let fail = |error: rusqlite::Error| damaged_or(error, &file, "cannot open");
        let exists = self.database.try_exists().unwrap_or(true);
        if !exists {
            // SQLite gives its log the mode of its database.
            create_file(&self.database).map_err(|error| OpenError {
                message: format!("cannot create the database {file}: {error}"),
                hint: "make the folder writable for this user, or choose another one with --data".to_owned(),
            })?;
        }
        let mut conn = Connection::open(&self.database).map_err(fail)?;
        conn.busy_timeout(BUSY_WAIT).map_err(fail)?;
        // Before anything is set: a file that is not ours stays as it is.
        let version = schema::identify(&conn, &file)?;
        // FULL: a commit has reached the disk when it returns. Everything we acknowledge rests on this.
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32000;
             PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;
             PRAGMA secure_delete = ON;",
        )
        .map_err(fail)?;
        conn.set_prepared_statement_cache_capacity(64);
        schema::migrate(&mut conn, version, &file)?;
        Ok(conn)
    }

    /// A connection that cannot write.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        read_only(&self.database)
    }

    /// Where the database is, whoever may be using the folder.
    pub(crate) fn database_in(folder: &Path) -> PathBuf {
        folder.join(DATABASE)
    }
}

/// A connection to a database that cannot write.
pub(super) fn read_only(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(database, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000; PRAGMA trusted_schema = OFF;")?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// Creates an empty file that only its owner may read; fails if there is one.
pub(super) fn create_file(path: &Path) -> std::io::Result<()> {
    private(OpenOptions::new().create_new(true).write(true)).open(path).map(drop)
}

/// Names the file, what happened and the way out.
pub(super) fn damaged_or(error: rusqlite::Error, file: &str, tried: &str) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError {
            message: format!("the database {file} is damaged: {error}"),
            hint: format!(
                "restore it from a backup, or move it (with {file}-wal) away to start with an empty one"
            ),
        },
        _ => OpenError {
            message: format!("{tried} the database {file}: {error}"),
            hint: "check the file's permissions and the disk".to_owned(),
        },
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}
