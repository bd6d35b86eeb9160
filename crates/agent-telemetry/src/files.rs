//! Private files and folders: 0700, 0600, replaced by rename; and the wall clock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long to wait for another process that changes files in a folder. It needs a millisecond, unless it was stopped
/// in the middle, and then nobody waits for it.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);
const LOCK_POLL: Duration = Duration::from_micros(200);
/// A temporary file that is older than this was left by a process that died.
const STALE_TEMPORARY_MS: u64 = 10 * 60 * 1000;

/// Unix time in milliseconds.
pub(crate) fn unix_ms() -> u64 {
    ms_since_epoch(SystemTime::now()).unwrap_or(0)
}

fn ms_since_epoch(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// A moment as far ahead as a caller says, or so far that nobody will see it.
pub(crate) fn deadline_in(timeout: Duration) -> Instant {
    const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FOREVER)
}

/// Makes a folder and its parents for this user alone.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Why nothing can be written to a folder, which may not exist yet; finds out without writing anything.
#[must_use]
pub(crate) fn why_unwritable(folder: Option<&Path>) -> Option<String> {
    let Some(folder) = folder else {
        return Some("there is no state folder: HOME is not set".to_owned());
    };
    // The first that exists is where the others would be made.
    let existing = folder.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok())?;
    let problem = if existing.is_dir() { no_access(existing)? } else { "not a folder".to_owned() };
    Some(format!("{} cannot be written to: {problem}", existing.display()))
}

#[cfg(unix)]
fn no_access(folder: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .err()
        .map(|errno| io::Error::from(errno).kind().to_string())
}

#[cfg(not(unix))]
fn no_access(folder: &Path) -> Option<String> {
    folder.metadata().ok()?.permissions().readonly().then(|| "read-only".to_owned())
}

/// Options for a file of this user alone.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces a file by writing another one beside it and renaming that.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// A file that this process has locked.
///
/// Unlocked explicitly: closing it is not enough while a program that was just started still has a copy of the handle.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// Locks a file that nobody else has locked.
    pub(crate) fn try_new(file: File) -> Result<Self, TryLockError> {
        file.try_lock().map(|()| Self(file))
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Runs something while no other process changes files in the folder; fails when another one does for too long.
pub(crate) fn with_folder_locked<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // A folder can be locked where flock(2) is used; elsewhere opening it fails and the rename alone must do.
    let _locked = File::open(folder).ok().map(wait_for_lock).transpose()?;
    work()
}

fn wait_for_lock(file: File) -> io::Result<Locked> {
    let mut deadline = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Locked(file)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + LOCK_PATIENCE);
                if Instant::now() >= deadline {
                    let text = "another process keeps its folder locked; try again when that has ended";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                std::thread::sleep(LOCK_POLL);
            }
        }
    }
}

/// Appends a line; a torn one that somebody left before it is ended first, so that it does not take this one along.
pub(crate) fn append_line(path: &Path, mut line: Vec<u8>) -> io::Result<()> {
    let mut file = private().read(true).append(true).create(true).open(path)?;
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, b'\n');
        }
    }
    file.write_all(&line)
}

fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{unique}.tmp", std::process::id()))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private().write(true).create(true).truncate(true).open(path)?.write_all(bytes)
}

/// Deletes all temporary files of a folder, also those of processes that are about to rename them.
pub(crate) fn remove_temporaries(folder: &Path) {
    for entry in temporaries(folder) {
        let _ = fs::remove_file(entry.path());
    }
}

fn temporaries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    let is_temporary = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with('.') && name.ends_with(".tmp")
    };
    fs::read_dir(folder).into_iter().flatten().flatten().filter(is_temporary)
}

/// Deletes temporary files that processes left in a folder when they died.
pub(crate) fn remove_stale_temporaries(folder: &Path, now_ms: u64) {
    for entry in temporaries(folder) {
        let modified_ms = || ms_since_epoch(entry.metadata().ok()?.modified().ok()?);
        if now_ms.saturating_sub(modified_ms().unwrap_or(now_ms)) > STALE_TEMPORARY_MS {
            let _ = fs::remove_file(entry.path());
        }
    }
}
