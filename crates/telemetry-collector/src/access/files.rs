//! Secrets from files: what is wrong with one names the file and the way out, and never what is in it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{IngestAccess, Secret};

/// No file of keys is longer.
const MAX_BYTES: u64 = 1 << 20;

/// Why a file of secrets cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {problem}\n  {hint}", file.display())]
pub struct SecretFileError {
    what: &'static str,
    file: PathBuf,
    problem: String,
    hint: String,
}

impl Secret {
    /// Reads the admin's token: the file's only line.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and what to do.
    pub fn from_file(file: &Path) -> Result<Self, SecretFileError> {
        let what = "the admin token file";
        let lines = lines(file, what)?;
        match &lines[..] {
            [(number, line)] => secret(file, what, *number, line),
            [] => Err(unusable(file, what, "is empty".to_owned())),
            more => Err(unusable(file, what, format!("has {} lines, but a token is one", more.len()))),
        }
    }
}

impl IngestAccess {
    /// Reads keys: one a line, optionally with a name after it; empty lines and what follows a `#` do not count.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and what to do.
    pub fn from_file(file: &Path) -> Result<Self, SecretFileError> {
        let what = "the ingest keys file";
        let mut keys = Vec::new();
        for (number, line) in lines(file, what)? {
            let key = line.split_whitespace().next().unwrap_or_default();
            let key = secret(file, what, number, key)?;
            if keys.contains(&key) {
                return Err(unusable(file, what, format!("line {number} has a key again")));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(unusable(file, what, "has no key".to_owned()));
        }
        Ok(Self::Keys(keys))
    }
}

fn secret(file: &Path, what: &'static str, number: usize, text: &str) -> Result<Secret, SecretFileError> {
    let problem = if text.len() < Secret::MIN_BYTES {
        format!("line {number} is too short, at least {} characters are needed", Secret::MIN_BYTES)
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("line {number} has characters that a header cannot carry")
    } else {
        return Ok(Secret(text.as_bytes().into()));
    };
    Err(unusable(file, what, problem))
}

/// The lines that are not empty, without comments, with their numbers.
fn lines(file: &Path, what: &'static str) -> Result<Vec<(usize, String)>, SecretFileError> {
    let unreadable = |error: std::io::Error| unusable(file, what, format!("cannot be read: {error}"));
    let opened = File::open(file).map_err(unreadable)?;
    check_private(&opened, file, what)?;
    let mut text = String::new();
    opened.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    let line = |(index, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| (index + 1, line.to_owned()))
    };
    Ok(text.lines().enumerate().filter_map(line).collect())
}

#[cfg(unix)]
fn check_private(opened: &File, file: &Path, what: &'static str) -> Result<(), SecretFileError> {
    use std::os::unix::fs::MetadataExt;
    let metadata =
        opened.metadata().map_err(|error| unusable(file, what, format!("cannot be read: {error}")))?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(SecretFileError {
            what,
            file: file.to_owned(),
            problem: format!("can be read or changed by others (mode {:03o})", metadata.mode() & 0o777),
            hint: format!("take that away with `chmod 600 {}`", file.display()),
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &File, _: &Path, _: &'static str) -> Result<(), SecretFileError> {
    Ok(())
}

fn unusable(file: &Path, what: &'static str, problem: String) -> SecretFileError {
    let hint = format!("make one with `(umask 077; openssl rand -hex 32 > {})`", file.display());
    SecretFileError { what, file: file.to_owned(), problem, hint }
}
