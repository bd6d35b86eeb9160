//! The working folder: where relative paths start, and where reading needs no question.

use std::io;
use std::path::{Component, Path, PathBuf};

/// A folder with its real path, symbolic links resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingFolder {
    root: PathBuf,
}

impl WorkingFolder {
    /// Takes an existing folder.
    ///
    /// # Errors
    ///
    /// It does not exist, or is no folder.
    pub fn new(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        if !root.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Self { root })
    }

    /// The folder's real path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The path that a tool means: relative ones start at the working folder.
    #[must_use]
    pub fn join(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The real path behind a path that may not exist yet: links and `..` of the existing part are resolved.
    ///
    /// Nothing if that cannot be said, as for a link that leads nowhere.
    #[must_use]
    pub fn real(&self, path: &str) -> Option<PathBuf> {
        let wanted = self.join(path);
        let mut existing = wanted.as_path();
        let mut rest = Vec::new();
        loop {
            match existing.canonicalize() {
                Ok(real) => return Some(rest.iter().rev().fold(real, |path: PathBuf, part| path.join(part))),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return None,
                Err(_) if existing.symlink_metadata().is_ok() => return None,
                Err(_) => match existing.components().next_back()? {
                    Component::Normal(name) => {
                        rest.push(name.to_owned());
                        existing = existing.parent()?;
                    }
                    _ => return None,
                },
            }
        }
    }

    /// Tells whether a path really lies inside the working folder; no when unsure.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.real(path).is_some_and(|real| real.starts_with(&self.root))
    }

    /// How a path is shown: relative to the working folder if it lies inside.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        let shown = path.strip_prefix(&self.root).unwrap_or(path);
        if shown.as_os_str().is_empty() { ".".to_owned() } else { shown.display().to_string() }
    }
}
