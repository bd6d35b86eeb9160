//! Writes recordings, one interaction at a time, each complete on disk before the next request is made.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Interaction;
use crate::environment::Secret;
use crate::provider::client::mask;
use crate::provider::endpoint::host_of;

/// Writes a recording. The file holds prompts and answers: only its owner may read it.
#[derive(Debug)]
pub struct Recorder {
    secrets: Vec<Secret>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    next_id: usize,
    problem: Option<String>,
}

impl Recorder {
    /// Creates or replaces the file, readable for its owner only; `secrets` never reach it.
    ///
    /// # Errors
    ///
    /// The file cannot be created or written.
    pub fn create(path: &Path, secrets: Vec<Secret>) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // The mode above counts for a new file only; a pipe or a device keeps what it has.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        file.write_all(b"---\nversion: 2\ninteractions:\n")?;
        Ok(Self { secrets, state: Mutex::new(State { file, next_id: 0, problem: None }) })
    }

    /// How many interactions were written; an error if one could not be.
    ///
    /// # Errors
    ///
    /// What went wrong when writing.
    pub fn check(&self) -> Result<usize, String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.problem {
            Some(problem) => Err(format!("the recording cannot be written: {problem}")),
            None => Ok(state.next_id),
        }
    }

    pub(crate) fn record(&self, interaction: &Interaction) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = self.render(state.next_id, interaction);
        match state.file.write_all(text.as_bytes()) {
            Ok(()) => state.next_id += 1,
            Err(error) => state.problem = Some(error.to_string()),
        }
    }

    fn render(&self, id: usize, interaction: &Interaction) -> String {
        let clean = |text: &str| mask(text, &self.secrets);
        let url = clean(&interaction.url);
        let request_body = clean(&interaction.request_body);
        let response_body = clean(&interaction.response_body);
        let code = interaction.code;
        [
            format!("    - id: {id}\n"),
            "      request:\n".to_owned(),
            "        proto: HTTP/1.1\n        proto_major: 1\n        proto_minor: 1\n".to_owned(),
            format!("        content_length: {}\n", request_body.len()),
            format!("        host: {}\n", scalar(host_of(&url), 12)),
            format!("        body: {}\n", scalar(&request_body, 12)),
            format!("        url: {}\n", scalar(&url, 12)),
            "        method: POST\n".to_owned(),
            "      response:\n".to_owned(),
            "        proto: HTTP/1.1\n        proto_major: 1\n        proto_minor: 1\n".to_owned(),
            format!("        content_length: {}\n", response_body.len()),
            format!("        body: {}\n", scalar(&response_body, 12)),
            "        headers: {}\n".to_owned(),
            format!("        status: {}\n", scalar(&format!("{code} {}", reason(code)), 12)),
            format!("        code: {code}\n"),
            format!("        duration: {:.6}ms\n", interaction.duration.as_secs_f64() * 1e3),
        ]
        .concat()
    }
}

/// Writes a text as YAML: a block if it has lines, single quotes if it has none, else escaped.
pub(super) fn scalar(text: &str, indent: usize) -> String {
    let plain = |c: char| {
        matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{10000}'..)
            && !matches!(c, '\u{2028}' | '\u{2029}')
    };
    if !text.contains('\n') && text.chars().all(plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let blocks = text.chars().all(|c| c == '\n' || plain(c))
        && !text.starts_with([' ', '\n'])
        && text.lines().all(|line| line.is_empty() || !line.trim_start().is_empty());
    if blocks {
        let (header, body) = match text.strip_suffix('\n') {
            Some(body) => ("|+", body),
            None => ("|-", text),
        };
        let pad = " ".repeat(indent);
        let lines =
            body.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") });
        return format!("{header}\n{}", lines.collect::<Vec<_>>().join("\n"));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if plain(c) => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
