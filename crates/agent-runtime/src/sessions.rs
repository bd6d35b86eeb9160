//! Conversations on disk: one append-only file each, so that a conversation can be read and continued later.
//!
//! A file is a header line and one JSON line for everything that changed the conversation since. Nothing that was
//! written is written again, so a file grows with what is said and not with its square. A line that a crash cut in
//! half is left out when the file is read, and the next line starts on a fresh one.
//!
//! Prompts, answers and tool results are in these files: they are readable by their owner only, and nothing of them
//! is ever sent anywhere. The id of a conversation here is not its id in telemetry.

mod stored;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::provider::Message;
pub use stored::{Listed, Stored};

/// The format that this version writes.
const FORMAT: u32 = 1;
const ENDING: &str = "jsonl";
/// A line longer than this is no line of ours.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Where conversations are kept.
#[derive(Clone, Debug)]
pub struct Sessions {
    folder: PathBuf,
}

/// Identifies a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredId(Uuid);

/// What the first line of a file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    format: u32,
    /// The conversation.
    pub session: StoredId,
    /// The conversation that gave the task, for a sub-agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<StoredId>,
    /// The agent that it began with.
    pub agent: String,
    /// When it began, in Unix milliseconds.
    pub started_ms: u64,
    /// Where relative paths started.
    pub working_folder: PathBuf,
    /// The agent file, as it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_file: Option<String>,
}

/// Something that changed a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Something was said.
    Message(Message),
    /// The last messages were taken back, because nothing came of them.
    TakenBack {
        /// How many.
        messages: usize,
    },
    /// What was said so far was replaced by a summary and this many of its last messages.
    Summary {
        /// The summary, as a message of the user.
        text: String,
        /// How many messages stayed.
        kept: usize,
    },
    /// Another agent took over.
    Agent(String),
}

/// Why a conversation cannot be found, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The file or folder cannot be used.
    #[error("cannot {doing} {}: {error}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No conversation has this id.
    #[error("no session `{wanted}` in {}{hint}", folder.display())]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// ` (…)`, or nothing.
        hint: String,
    },
    /// The file is none of ours, or from a newer version.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// A conversation's file, for what is said next. A conversation in which nothing is said leaves none.
#[derive(Debug)]
pub struct SessionFile {
    header: Header,
    path: PathBuf,
    /// Made with the first change.
    file: Option<File>,
    /// What has to be written before the next change: what ended a conversation that was cut off.
    owed: Vec<Change>,
}

impl StoredId {
    /// The text form.
    #[must_use]
    pub fn as_text(self) -> String {
        self.0.to_string()
    }
}

impl std::fmt::Display for StoredId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Header {
    /// The header of a conversation that begins now.
    #[must_use]
    pub fn new(agent: impl Into<String>, started_ms: u64, working_folder: impl Into<PathBuf>) -> Self {
        Self {
            format: FORMAT,
            // Ids that grow with time make a folder's order the order of conversations.
            session: StoredId(Uuid::now_v7()),
            parent: None,
            agent: agent.into(),
            started_ms,
            working_folder: working_folder.into(),
            agent_file: None,
        }
    }

    /// Names the conversation that gave the task.
    #[must_use]
    pub fn parent(mut self, parent: StoredId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Names the agent file.
    #[must_use]
    pub fn agent_file(mut self, name: impl Into<String>) -> Self {
        self.agent_file = Some(name.into());
        self
    }
}

impl Sessions {
    /// Conversations in a folder; it is created with the first one.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Begins a conversation's file, which is there from the first change on.
    ///
    /// # Errors
    ///
    /// The folder cannot be created.
    pub fn create(&self, header: &Header) -> Result<SessionFile, SessionError> {
        create_private_folder(&self.folder)
            .map_err(|error| SessionError::io("create", &self.folder, error))?;
        let path = self.path(header.session);
        Ok(SessionFile { header: header.clone(), path, file: None, owed: Vec::new() })
    }

    /// Reads a conversation and opens it for more.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is none of ours.
    pub fn resume(&self, id: StoredId) -> Result<(Stored, SessionFile), SessionError> {
        let (stored, closing) = self.closed(id)?;
        let path = self.path(id);
        let fail = |error| SessionError::io("write to", &path, error);
        let mut file = private(OpenOptions::new().append(true).read(true)).open(&path).map_err(fail)?;
        // Half a line from a crash must not swallow the next one.
        let length = file.seek(SeekFrom::End(0)).map_err(fail)?;
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::End(-1)).map_err(fail)?;
            file.read_exact(&mut last).map_err(fail)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n").map_err(fail)?;
        }
        let header = stored.header.clone();
        let owed = closing.into_iter().map(Change::Message).collect();
        Ok((stored, SessionFile { header, path, file: Some(file), owed }))
    }

    /// Reads a conversation.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is none of ours.
    pub fn read(&self, id: StoredId) -> Result<Stored, SessionError> {
        self.closed(id).map(|(stored, _)| stored)
    }

    /// A conversation, and the messages that end it where it was cut off; the file does not have them.
    fn closed(&self, id: StoredId) -> Result<(Stored, Vec<Message>), SessionError> {
        let (header, changes) = read_file(&self.path(id))?;
        let mut stored = Stored::of(header, changes);
        let closing = stored.close();
        Ok((stored, closing))
    }

    /// Finds a conversation: an id or its beginning, or `-1` for the newest, `-2` for the one before it.
    ///
    /// # Errors
    ///
    /// There is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<StoredId, SessionError> {
        let unknown = |hint: String| SessionError::Unknown {
            wanted: wanted.to_owned(),
            folder: self.folder.clone(),
            hint,
        };
        let listed = self.list()?;
        if let Some(back) = wanted.strip_prefix('-') {
            let back: usize = back.parse().ok().filter(|back| *back > 0).ok_or_else(|| {
                unknown(" (count from the newest with -1, -2, …, or name an id)".to_owned())
            })?;
            let newest_first = || listed.iter().filter(|session| session.header.parent.is_none());
            return newest_first().map(|session| session.header.session).nth(back - 1).ok_or_else(|| {
                unknown(match newest_first().count() {
                    0 => " (there is none yet)".to_owned(),
                    1 => " (there is 1)".to_owned(),
                    n => format!(" (there are {n})"),
                })
            });
        }
        let wanted_id = wanted.to_ascii_lowercase();
        let fitting: Vec<StoredId> = listed
            .iter()
            .map(|session| session.header.session)
            .filter(|id| !wanted_id.is_empty() && id.as_text().starts_with(&wanted_id))
            .collect();
        match fitting.as_slice() {
            [one] => Ok(*one),
            [] => Err(unknown(" (`sessions list` shows them)".to_owned())),
            more => Err(unknown(format!(" ({} begin with that; give more of the id)", more.len()))),
        }
    }

    /// Lists conversations, the newest first. Files that are none of ours are left out, and so are conversations in
    /// which everything that was said was taken back: there is nothing to read or to continue.
    ///
    /// # Errors
    ///
    /// The folder cannot be read; one that does not exist is empty.
    pub fn list(&self) -> Result<Vec<Listed>, SessionError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SessionError::io("read", &self.folder, error)),
        };
        let mut listed: Vec<Listed> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
            .filter_map(|path| read_file(&path).ok())
            .map(|(header, changes)| Listed::of(header, changes))
            .filter(|listed| listed.turns > 0)
            .collect();
        listed.sort_by(|a, b| {
            (b.header.started_ms, b.header.session).cmp(&(a.header.started_ms, a.header.session))
        });
        Ok(listed)
    }

    fn path(&self, id: StoredId) -> PathBuf {
        self.folder.join(format!("{id}.{ENDING}"))
    }
}

impl SessionFile {
    /// The conversation.
    #[must_use]
    pub fn id(&self) -> StoredId {
        self.header.session
    }

    /// Adds a change, with one write.
    ///
    /// # Errors
    ///
    /// The file cannot be created or written.
    pub fn append(&mut self, change: &Change) -> Result<(), SessionError> {
        let path = &self.path;
        let fail = |error| SessionError::io("write to", path, error);
        let mut lines = Vec::new();
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                add_line(&mut lines, &self.header).map_err(fail)?;
                let file = private(OpenOptions::new().create_new(true).append(true)).open(path);
                none.insert(file.map_err(|error| SessionError::io("create", path, error))?)
            }
        };
        for change in self.owed.iter().chain([change]) {
            add_line(&mut lines, change).map_err(fail)?;
        }
        self.owed.clear();
        file.write_all(&lines).map_err(fail)
    }
}

fn add_line(lines: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}

impl SessionError {
    fn io(doing: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), error }
    }
}

fn read_file(path: &Path) -> Result<(Header, Vec<Change>), SessionError> {
    let fail = |error| SessionError::io("read", path, error);
    let format = |problem: String| SessionError::Format { path: path.to_owned(), problem };
    let mut lines = BufReader::new(File::open(path).map_err(fail)?);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', line)
    };
    next(&mut line).map_err(fail)?;
    let header: Header = serde_json::from_slice(&line)
        .map_err(|_| format("the first line is no header of a session".to_owned()))?;
    if header.format > FORMAT {
        return Err(format(format!(
            "written by a newer version (format {}, this one knows {FORMAT})",
            header.format
        )));
    }
    let mut changes = Vec::new();
    while next(&mut line).map_err(fail)? > 0 {
        // A line that cannot be read was cut by a crash, or is a newer version's: the rest is worth having.
        if let Ok(change) = serde_json::from_slice(&line) {
            changes.push(change);
        }
    }
    Ok((header, changes))
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
fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}
