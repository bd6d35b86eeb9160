//! Private files and folders: 0700, 0600, replaced by rename; and the wall clock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Makes a folder and its parents for this user alone.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
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
    let temporary = write_temporary(path, bytes)?;
    fs::rename(&temporary, path).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Runs something while no other process changes files in the folder.
pub(crate) fn with_folder_locked<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // A folder can be locked where flock(2) is used; elsewhere opening it fails and the rename alone must do.
    let lock = File::open(folder).ok();
    if let Some(lock) = &lock {
        lock.lock()?;
    }
    work()
}

fn write_temporary(path: &Path, bytes: &[u8]) -> io::Result<std::path::PathBuf> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_file_name(format!(".{name}.{}-{unique}.tmp", std::process::id()));
    let mut file: File = private().write(true).create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    Ok(temporary)
}
