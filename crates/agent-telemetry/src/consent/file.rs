//! `telemetry.json`: the saved choice, its generation, and whether the notice was shown.
//!
//! Read on every decision, written rarely: temporary file, then rename, under a lock on its folder, so that showing
//! the notice in one terminal cannot undo a `disable` in another.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Effect, NOTICE_VERSION};
use crate::endpoint::Endpoint;
use crate::files;
use crate::inputs::Dirs;

const FORMAT: u32 = 1;
const NAME: &str = "telemetry.json";

/// The content of `telemetry.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConsentFile {
    /// 1.
    pub format: u32,
    /// What the user chose.
    pub choice: Option<Choice>,
    /// Rises with every enable, disable and reset; events of another generation are never sent.
    #[serde(default)]
    pub generation: u64,
    /// When and for what the notice was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
}

impl Default for ConsentFile {
    fn default() -> Self {
        Self { format: FORMAT, choice: None, generation: 0, notice: None }
    }
}

/// A saved choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Explicitly on.
    On,
    /// Off.
    Off,
}

/// That the notice was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// The version of the text.
    pub version: u32,
    /// When: Unix time in milliseconds.
    pub shown_ms: u64,
    /// The endpoint it named; empty when there was none.
    pub endpoint: String,
}

impl Notice {
    pub(crate) fn shown(endpoint: &Endpoint, now_ms: u64) -> Self {
        Self {
            version: NOTICE_VERSION,
            shown_ms: now_ms,
            endpoint: endpoint.url().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it told about this endpoint: an endpoint beyond this machine must be the one that was named.
    pub(crate) fn covers(&self, endpoint: &Endpoint) -> bool {
        self.version >= NOTICE_VERSION
            && (endpoint.is_loopback() || endpoint.url().is_none_or(|url| url == self.endpoint))
    }
}

/// What was found where `telemetry.json` should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Saved {
    /// No file: nothing was said yet.
    Missing,
    /// A file.
    Read(ConsentFile),
    /// A file that is no consent file.
    Corrupt,
    /// A file of a newer program.
    Newer,
    /// A file that could not be read.
    Unreadable(io::ErrorKind),
}

impl Saved {
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::Missing => Effect::Nothing,
            Self::Read(file) => match file.choice {
                None => Effect::Nothing,
                Some(Choice::On) => Effect::On,
                Some(Choice::Off) => Effect::Off,
            },
            Self::Corrupt | Self::Newer | Self::Unreadable(_) => Effect::Off,
        }
    }

    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Read(ConsentFile { choice: Some(Choice::On), .. }) => "on",
            Self::Read(ConsentFile { choice: Some(Choice::Off), .. }) => "off",
            Self::Read(_) | Self::Missing => "none",
            Self::Corrupt | Self::Newer | Self::Unreadable(_) => self.problem().unwrap_or_default(),
        }
    }

    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Read(_) => None,
            Self::Corrupt => Some("is corrupt"),
            Self::Newer => Some("was written by a newer version"),
            Self::Unreadable(_) => Some("cannot be read"),
        }
    }

    pub(crate) fn notice(&self) -> Option<&Notice> {
        match self {
            Self::Read(file) => file.notice.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Read(file) => file.generation,
            _ => 0,
        }
    }
}

/// The saved choices that count: where this process saves, and the default folders.
#[derive(Debug, Clone)]
pub(crate) struct SavedChoices {
    pub(crate) own: Saved,
    /// Of the default folders, when they are others: the one that says off, else the first.
    pub(crate) other: Option<Saved>,
    /// Rises when any of the files' does.
    pub(crate) generation: u64,
}

impl SavedChoices {
    pub(crate) fn read(dirs: &Dirs) -> Self {
        let own = dirs.config.as_deref().map_or(Saved::Missing, read);
        let others = dirs.default_configs.iter().filter(|folder| Some(*folder) != dirs.config.as_ref());
        let mut others: Vec<Saved> = others.map(|folder| read(folder)).collect();
        let generation =
            others.iter().fold(own.generation(), |sum, saved| sum.saturating_add(saved.generation()));
        let off = others.iter().position(|saved| saved.effect() == Effect::Off).unwrap_or(0);
        let other = (!others.is_empty()).then(|| others.swap_remove(off));
        Self { own, other, generation }
    }

    pub(crate) fn says_off(&self) -> bool {
        std::iter::once(&self.own).chain(&self.other).any(|saved| saved.effect() == Effect::Off)
    }
}

/// Longer than the file ever is; what is longer is no consent file.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the file in a folder.
pub(crate) fn read(folder: &Path) -> Saved {
    match read_regular(&folder.join(NAME)) {
        Ok(bytes) => parse(&bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Saved::Missing
        }
        Err(error) => Saved::Unreadable(error.kind()),
    }
}

/// Reads a file that is one: opening a pipe would wait for its writer, and a device may have no end.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(path)?, MAX_BYTES), &mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Saved {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_slice::<Format>(bytes) {
        Err(_) => Saved::Corrupt,
        Ok(Format { format }) if format > FORMAT => Saved::Newer,
        Ok(_) => serde_json::from_slice(bytes).map_or(Saved::Corrupt, Saved::Read),
    }
}

/// Changes the file in a folder, making both when missing. A corrupt or newer file is replaced only when `replace` says
/// so, because it says off. An error names the file.
pub(crate) fn update(
    folder: &Path,
    replace: bool,
    change: impl FnOnce(&mut ConsentFile),
) -> io::Result<ConsentFile> {
    let update = || {
        files::create_private_dir(folder)?;
        files::with_folder_locked(folder, || {
            let mut file = changeable(read(folder), replace)?;
            change(&mut file);
            let mut bytes = serde_json::to_vec(&file)?;
            bytes.push(b'\n');
            files::replace(&folder.join(NAME), &bytes)?;
            Ok(file)
        })
    };
    update().map_err(|error| about(folder, &error))
}

fn changeable(saved: Saved, replace: bool) -> io::Result<ConsentFile> {
    match saved {
        Saved::Read(file) => Ok(file),
        Saved::Missing => Ok(ConsentFile::default()),
        Saved::Unreadable(kind) => Err(kind.into()),
        Saved::Corrupt | Saved::Newer if replace => {
            Ok(ConsentFile { generation: files::unix_ms(), ..ConsentFile::default() })
        }
        Saved::Corrupt | Saved::Newer => {
            let problem = saved.problem().unwrap_or_default();
            let text = format!("it {problem}; `telemetry enable` or `telemetry disable` replaces it");
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

/// The same error, with the file that it is about.
fn about(folder: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.join(NAME).display()))
}

/// Saves a no. Where there is no room for another file, the one that is there is overwritten; if even that tears, a file
/// that cannot be understood means no.
pub(crate) fn save_off(folder: &Path) -> io::Result<()> {
    let mut off = ConsentFile::default();
    let saved = update(folder, true, |file| {
        file.choice = Some(Choice::Off);
        file.generation += 1;
        off = file.clone();
    });
    match saved {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            fs::write(folder.join(NAME), serde_json::to_vec(&off)?).map_err(|error| about(folder, &error))
        }
        Err(error) => Err(error),
    }
}
