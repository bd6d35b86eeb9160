//! The line that is typed: editing, history, completion of `/commands` and file names.
//!
//! A thread of its own reads it, so that nobody who waits for a line misses a signal; it ends with the process and is
//! never waited for. History is kept in the state folder, readable for its owner only; where that cannot be written, it
//! lasts as long as the process.

use std::borrow::Cow;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{History as _, MemHistory};
use rustyline::validate::Validator;
use rustyline::{Behavior, Config, Context, Editor, Helper};
use tokio::sync::mpsc;

use crate::output;

/// The most lines of history that are remembered; the file keeps all.
const HISTORY_LINES: usize = 1_000;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line, or the terminal is gone.
    End,
}

/// A prompt line.
#[derive(Debug)]
pub(super) struct LineEditor {
    requests: std_mpsc::Sender<()>,
    typed: mpsc::UnboundedReceiver<Typed>,
    /// Whether a line is being read.
    reading: bool,
}

impl LineEditor {
    /// Makes one; nothing is read before a line is asked for.
    pub(super) fn new(prompt: &'static str, commands: Vec<String>, history: Option<PathBuf>) -> Self {
        let (requests, requested) = std_mpsc::channel();
        let (sender, typed) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let Ok(mut editor) = editor(commands, history.as_deref()) else { return };
            while requested.recv().is_ok() {
                let read = editor.readline(prompt);
                if let Ok(line) = &read
                    && editor.add_history_entry(line.as_str()).unwrap_or(false)
                {
                    // Losing history is no reason to stop somebody.
                    let _ = remember(history.as_deref(), line);
                }
                if sender.send(typed_of(read)).is_err() {
                    return;
                }
            }
        });
        Self { requests, typed, reading: false }
    }

    /// The next line. If this is dropped, the line that is being typed is what the next call waits for.
    pub(super) async fn next(&mut self) -> Typed {
        if !std::mem::replace(&mut self.reading, true) && self.requests.send(()).is_err() {
            return Typed::End;
        }
        let typed = self.typed.recv().await;
        self.reading = false;
        typed.unwrap_or(Typed::End)
    }
}

fn typed_of(read: rustyline::Result<String>) -> Typed {
    match read {
        Ok(line) => Typed::Line(line),
        Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Typed::Interrupt,
        Err(_) => Typed::End,
    }
}

fn editor(commands: Vec<String>, history: Option<&Path>) -> rustyline::Result<Editor<Words, MemHistory>> {
    // Where stdout is data, the terminal itself shows the prompt.
    let behavior = if output::stdout_is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm };
    let config = Config::builder().max_history_size(HISTORY_LINES)?.history_ignore_space(true);
    let config = config.behavior(behavior).build();
    let history_in_memory = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history_in_memory)?;
    for line in recalled(history) {
        editor.history_mut().add_owned(line)?;
    }
    editor.set_helper(Some(Words { commands, files: FilenameCompleter::new() }));
    Ok(editor)
}

/// Lines of earlier runs; a line of the file is one of input, its line breaks written as `\n`.
fn recalled(file: Option<&Path>) -> Vec<String> {
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let newest = lines.len().saturating_sub(HISTORY_LINES);
    lines[newest..].iter().map(|line| line.replace("\\n", "\n")).collect()
}

fn remember(file: Option<&Path>, line: &str) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{}\n", line.replace('\n', "\\n")).as_bytes())
}

/// What Tab completes.
struct Words {
    commands: Vec<String>,
    files: FilenameCompleter,
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..at];
        if typed.starts_with('/') {
            let words = |text: &str| text.matches(' ').count();
            let fits = |command: &&String| command.starts_with(typed) && words(command) == words(typed);
            let matching = self.commands.iter().filter(fits);
            let pairs: Vec<Pair> = matching
                .map(|command| Pair { display: command.clone(), replacement: format!("{command} ") })
                .collect();
            if !pairs.is_empty() {
                return Ok((0, pairs));
            }
        }
        self.files.complete_path(line, at)
    }
}

impl Highlighter for Words {
    fn highlight_candidate<'c>(&self, candidate: &'c str, _: rustyline::CompletionType) -> Cow<'c, str> {
        Cow::Borrowed(candidate)
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Validator for Words {}

impl Helper for Words {}
