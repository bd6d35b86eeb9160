//! All printing. Data goes to stdout, words for people to stderr; colour only where a terminal shows it.
//!
//! A reader that went away (`docker-agent telemetry log | head`) is no error: printing reports it, callers stop quietly.
//! What cannot be written to stderr is lost; there is nobody to tell.

mod stoppable;
pub(crate) mod wrap;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::panic;

use anstream::AutoStream;
use anstream::adapter::strip_str;
use clap::builder::styling::{AnsiColor, Style};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::stoppable::Stoppable;
pub(crate) use self::stoppable::{forget_signals, is_stopped, notice_signals};
use crate::failure::Failure;

/// How a line for people looks on a terminal that shows colours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look {
    Plain,
    Quiet,
    Warning,
    Error,
}

impl Look {
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Quiet => Style::new().dimmed(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Error => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Writes data to stdout, as it is.
pub(crate) fn data(text: &str) -> io::Result<()> {
    Stoppable(io::stdout().lock()).write_all(text.as_bytes())
}

/// Writes text with escape sequences of ours to stdout; they are left out where no terminal shows them.
pub(crate) fn styled_data(text: &str) -> io::Result<()> {
    data(&if stdout_shows_styles() { text.to_owned() } else { strip_str(text).to_string() })
}

/// Writes a text to stderr in one write, and says whether somebody can have seen it.
/// A pipe that is full, because nobody reads it, is not waited for.
pub(crate) fn notice(text: &str) -> bool {
    stderr_takes_more() && io::stderr().lock().write_all(text.as_bytes()).is_ok() && !stderr_is_null()
}

/// Whether writing to stderr would not block: a pipe says so while a page of it is free, which is more than a notice.
fn stderr_takes_more() -> bool {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok_and(|ready| ready == 1)
        && polled[0].revents().contains(PollFlags::OUT)
}

/// Whether stderr is `/dev/null`.
fn stderr_is_null() -> bool {
    let (Ok(stderr), Ok(null)) = (rustix::fs::fstat(io::stderr()), rustix::fs::stat("/dev/null")) else {
        return true;
    };
    let is_device = |mode| rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::CharacterDevice;
    is_device(stderr.st_mode) && stderr.st_rdev == null.st_rdev
}

/// Writes a line to stderr.
pub(crate) fn line(look: Look, text: impl Display) {
    let style = look.style();
    styled_note(&format!("{style}{text}{style:#}\n"));
}

/// Writes text with escape sequences of ours to stderr.
pub(crate) fn styled_note(text: &str) {
    let has_styles = AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let text = if has_styles { text.to_owned() } else { strip_str(text).to_string() };
    let _ = Stoppable(io::stderr().lock()).write_all(text.as_bytes());
}

/// Asks for a line: writes to stderr without ending the line.
pub(crate) fn ask(text: impl Display) {
    styled_note(&text.to_string());
}

/// Writes `note: …` to stderr.
pub(crate) fn note(text: impl Display) {
    labelled("note", Look::Quiet, text);
}

/// Writes `warning: …` to stderr.
pub(crate) fn warning(text: impl Display) {
    labelled("warning", Look::Warning, text);
}

/// Writes `error: …` to stderr, a line `cause: …` for each cause, and what to do about it.
pub(crate) fn error(text: impl Display, causes: &[String], hint: Option<&str>) {
    labelled("error", Look::Error, text);
    for cause in causes {
        labelled("cause", Look::Quiet, cause);
    }
    self::hint(hint);
}

/// Says what failed, if there is anything to say.
pub(crate) fn failure(failure: &Failure) {
    if let Some(text) = failure.text() {
        error(text, failure.causes(), failure.hint_text());
    }
}

/// Writes `hint: …` to stderr, if there is one.
pub(crate) fn hint(text: Option<&str>) {
    if let Some(text) = text {
        labelled("hint", Look::Quiet, text);
    }
}

fn labelled(label: &str, look: Look, text: impl Display) {
    let (style, text) = (look.style(), fitted(&text.to_string(), label.len() + 2));
    styled_note(&format!("{style}{label}:{style:#} {text}\n"));
}

/// A text whose first line begins at a column of stderr: where that is a terminal, with lines that end between words.
pub(crate) fn fitted(text: &str, begins_at: usize) -> String {
    stderr_width().map_or_else(|| text.to_owned(), |columns| wrap::broken(text, begins_at, columns))
}

/// How many columns the terminal on stderr has now; nothing if there is none.
pub(crate) fn stderr_width() -> Option<usize> {
    columns(io::stderr())
}

/// Whether stdin is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether stdout is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether stdout and stderr are terminals that can move their cursor.
pub(crate) fn screen_can_be_drawn() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout_is_terminal() && io::stderr().is_terminal() && !is_dumb
}

/// Whether what is written to stdout may have styles.
pub(crate) fn stdout_shows_styles() -> bool {
    AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// How many columns the terminal on stdout has now.
pub(crate) fn stdout_width() -> usize {
    columns(io::stdout()).unwrap_or(80)
}

/// How many columns a terminal has; nothing if it is none, or does not know.
fn columns(terminal: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// Text of a model or a tool, made harmless for a terminal: control characters become visible marks.
pub(crate) fn harmless(text: &str) -> String {
    let safe = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    text.chars().map(safe).collect()
}

/// Replaces the usual report of a panic, whose text may hold anything, by one that names only the place.
pub(crate) fn say_little_on_panic() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" at {}:{}", without_home(at.file()), at.line()));
        error(
            format_args!("docker-agent {} crashed{}", crate::VERSION, place.unwrap_or_default()),
            &[],
            Some(
                "this is a defect; please report the line above, which says nothing of yours, and what you did",
            ),
        );
    }));
}

/// A source file's path without what is before its crate: who built the program is nobody's business.
fn without_home(path: &str) -> &str {
    let crates = path.rfind("/src/").and_then(|at| path[..at].rfind('/')).map(|at| &path[at + 1..]);
    crates.filter(|_| path.starts_with('/')).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_placed_without_saying_who_built_us() {
        let table = [
            ("/home/alice/.cargo/registry/src/index/clap-4.6.9/src/parse.rs", "clap-4.6.9/src/parse.rs"),
            ("/home/alice/work/crates/docker-agent/src/lib.rs", "docker-agent/src/lib.rs"),
            ("crates/docker-agent/src/lib.rs", "crates/docker-agent/src/lib.rs"),
            ("src/lib.rs", "src/lib.rs"),
        ];
        for (path, shown) in table {
            assert_eq!(without_home(path), shown);
        }
    }

    #[test]
    fn a_crash_is_told_with_what_to_do_and_without_what_it_was_about() {
        // What is done about a panic is a process's own, so this test is run again, in one of its own.
        if std::env::var_os("CRASH").is_some() {
            say_little_on_panic();
            panic!("could not read /home/alice/diary.txt");
        }
        let this = "output::tests::a_crash_is_told_with_what_to_do_and_without_what_it_was_about";
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        let output = command.args([this, "--exact", "--nocapture"]).env("CRASH", "1").output();
        let output = output.expect("this program, again");
        let (said, also) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(said.contains(" crashed at ") && said.contains("src/output.rs:"), "{said}");
        assert!(said.contains("hint: this is a defect; please report the line above"), "{said}");
        assert!(!said.contains("diary") && !also.contains("diary"), "{said}{also}");
    }

    #[test]
    fn a_model_cannot_command_a_terminal() {
        assert_eq!(
            harmless("a\u{1b}]52;c;x\u{7}b\r\n\tc\u{9b}1m"),
            "a\u{fffd}]52;c;x\u{fffd}b\u{fffd}\n\tc\u{fffd}1m"
        );
    }
}
