//! Where a tool runs: operating system, architecture, language, release, kind of caller.
//!
//! Each type is too small to hold anything else; what does not fit becomes a fixed word.

use std::fmt;
use std::io::Write as _;

use agent_telemetry_macros::Closed;

use super::{Kind, Value, sealed};
use crate::name::NamePolicy;

/// Operating system, by the names that Go and Docker use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    Darwin,
    /// Windows.
    Windows,
    /// Any other.
    Other,
}

impl Os {
    /// The system this program was built for.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(target_os = "linux") {
            Self::Linux
        } else if cfg!(target_os = "macos") {
            Self::Darwin
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Other
        }
    }
}

/// Processor architecture, by the names that Go and Docker use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
    /// Any other.
    Other,
}

impl Arch {
    /// The architecture this program was built for.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(target_arch = "x86_64") {
            Self::Amd64
        } else if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::Other
        }
    }
}

/// Who started the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum Caller {
    /// Somebody at a terminal.
    Human,
    /// A build service.
    Ci,
    /// Another agent.
    Agent,
}

/// A language and, where given, a region: `de-DE`. Never more of a locale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanguageTag {
    language: [u8; 2],
    region: Option<[u8; 2]>,
}

impl LanguageTag {
    /// English, what a system without a locale speaks.
    pub const ENGLISH: Self = Self { language: *b"en", region: None };

    /// Reads a POSIX locale such as `de_DE.UTF-8`: two letters, and two more after `_` or `-`.
    /// Anything else, `C` and `POSIX` included, is [`ENGLISH`](Self::ENGLISH).
    #[must_use]
    pub fn from_locale(locale: &str) -> Self {
        let tag = locale.split(['.', '@']).next().unwrap_or_default();
        let mut parts = tag.split(['_', '-']);
        let language = parts.next().and_then(two_letters);
        let Some(language) = language else { return Self::ENGLISH };
        let region = parts.next().and_then(two_letters);
        Self {
            language: language.map(|b| b.to_ascii_lowercase()),
            region: region.map(|r| r.map(|b| b.to_ascii_uppercase())),
        }
    }
}

fn two_letters(text: &str) -> Option<[u8; 2]> {
    let bytes: [u8; 2] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(u8::is_ascii_alphabetic).then_some(bytes)
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.language[0]), char::from(self.language[1]))?;
        match self.region {
            Some(region) => write!(f, "-{}{}", char::from(region[0]), char::from(region[1])),
            None => Ok(()),
        }
    }
}

impl sealed::Allowed for LanguageTag {}
impl Value for LanguageTag {
    const KIND: Kind = Kind::Language;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        let _ = write!(out, "\"{self}\"");
    }
}

/// A release number: three numbers and, where it is not final, its stage. The newer one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u16; 3],
    stage: Stage,
}

/// In the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Dev,
    /// One of [`STAGES`], whose names are in the order of the alphabet.
    Numbered(&'static str, u16),
    Final,
}

const STAGES: [&str; 3] = ["alpha", "beta", "rc"];

impl Version {
    /// Reads `1.2.3`, `1.2.3-alpha.1` (or `beta`, `rc`); every other suffix is `-dev`, everything else `0.0.0-dev`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (numbers, suffix) = text.split_once(['-', '+']).unwrap_or((text, ""));
        let mut read = [0u16; 3];
        let mut parts = numbers.split('.');
        for slot in &mut read {
            match parts.next().and_then(|part| part.parse().ok()) {
                Some(number) => *slot = number,
                None => return Self { numbers: [0; 3], stage: Stage::Dev },
            }
        }
        Self { numbers: read, stage: Stage::parse(suffix) }
    }
}

impl Stage {
    fn parse(suffix: &str) -> Self {
        if suffix.is_empty() {
            return Self::Final;
        }
        let (word, number) = suffix.split_once('.').unwrap_or((suffix, "0"));
        match (STAGES.iter().find(|stage| **stage == word), number.parse()) {
            (Some(stage), Ok(number)) => Self::Numbered(stage, number),
            _ => Self::Dev,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        match self.stage {
            Stage::Final => Ok(()),
            Stage::Numbered(stage, number) => write!(f, "-{stage}.{number}"),
            Stage::Dev => f.write_str("-dev"),
        }
    }
}

impl sealed::Allowed for Version {}
impl Value for Version {
    const KIND: Kind = Kind::Version;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        let _ = write!(out, "\"{self}\"");
    }
}
