//! A conversation on a terminal: Markdown as it comes, one line per tool call, a spinner while there is nothing to read.
//!
//! Only the spinner's line is ever drawn anew, and only while it is the last one; all other lines stay.

mod inline;
mod markdown;
mod table;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_runtime::{Event, ToolStatus};
use serde_json::Value;
use unicode_width::UnicodeWidthChar as _;

use self::markdown::Markdown;
use super::changes::Extent;
use super::console::Sink;
use super::hints::hint;
use super::{calls, changes};
use crate::output::{self, Look, wrap};

/// How often the spinner moves.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// How long nothing has to happen before the spinner shows.
const QUIET: Duration = Duration::from_millis(300);

/// The spinner's line is no longer, so that a terminal of 40 columns never breaks it.
const SPINNER_WIDTH: usize = 38;

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// What a terminal shows, shared by events and the clock.
pub(super) struct Screen<W> {
    out: W,
    width: fn() -> usize,
    /// Whether the terminal shows styles.
    styled: bool,
    markdown: Markdown,
    /// What is waited for, the newest last.
    waits: Vec<Wait>,
    /// When the last thing was shown.
    shown: Instant,
    spinner_is_drawn: bool,
    /// Somebody is asked: what is waited for is the answer.
    paused: bool,
    frame: usize,
    tokens: u64,
}

/// Something that takes time.
struct Wait {
    /// The id of a tool call; none for the model.
    call: Option<String>,
    label: String,
    since: Instant,
    /// What somebody saw of the change before it was made.
    seen: Option<Extent>,
}

/// The screen that the process has.
pub(super) type Shared = Arc<Mutex<Screen<io::Stdout>>>;

/// The terminal on stdout.
pub(super) fn stdout() -> Shared {
    let screen = Screen::new(io::stdout(), output::stdout_width, output::stdout_shows_styles());
    Arc::new(Mutex::new(screen))
}

/// The screen, for a moment.
pub(super) fn locked(shared: &Shared) -> MutexGuard<'_, Screen<io::Stdout>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Write> Screen<W> {
    fn new(out: W, width: fn() -> usize, styled: bool) -> Self {
        Self {
            out,
            width,
            styled,
            markdown: Markdown::default(),
            waits: Vec::new(),
            shown: Instant::now(),
            spinner_is_drawn: false,
            paused: false,
            frame: 0,
            tokens: 0,
        }
    }

    /// A turn begins: the model is waited for.
    pub(super) fn begin(&mut self) {
        self.waits.clear();
        self.paused = false;
        self.shown = Instant::now();
        self.wait(None, "waiting");
    }

    /// Moves the spinner, if there is something to wait for and nothing to read.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        self.tick_at(Instant::now())
    }

    fn tick_at(&mut self, now: Instant) -> io::Result<()> {
        let Some(wait) = self.waits.last().filter(|_| !self.paused) else { return Ok(()) };
        if !self.markdown.is_at_line_start() || now.saturating_duration_since(self.shown) < QUIET {
            return Ok(());
        }
        self.frame = (self.frame + 1) % FRAMES.len();
        let seconds = now.saturating_duration_since(wait.since).as_secs();
        let tokens = match self.tokens {
            0 => String::new(),
            tokens => format!(" · {} tokens", calls::thousands(tokens)),
        };
        let tail = format!(" {seconds} s{tokens}");
        let room = SPINNER_WIDTH.min((self.width)().saturating_sub(1));
        let label = cut(&wait.label, room.saturating_sub(tail.chars().count() + 2));
        let line = cut(&format!("{} {label}{tail}", FRAMES[self.frame]), room);
        self.spinner_is_drawn = true;
        let line = format!("\r{}\u{1b}[K", self.looking(Look::Quiet, &line));
        self.write(&line)
    }

    /// Shows a line of its own.
    pub(super) fn line(&mut self, look: Look, text: &str) -> io::Result<()> {
        self.settle_text()?;
        let line = format!("{}\n", self.looking(look, text));
        self.show_now(&line)
    }

    /// Shows a line that begins with a label, `error:`, broken between words where it is too long.
    fn labelled(&mut self, look: Look, label: &str, text: &str) -> io::Result<()> {
        let text = wrap::broken(&output::harmless(text), label.len() + 2, self.limit());
        self.line(look, &format!("{label}: {text}"))
    }

    /// Shows a line that stays in one line of the terminal.
    fn short_line(&mut self, look: Look, text: &str) -> io::Result<()> {
        let text = cut(text, (self.width)().saturating_sub(1));
        self.line(look, &text)
    }

    fn settle_text(&mut self) -> io::Result<()> {
        let limit = self.limit();
        let rest = self.markdown.end(limit);
        self.show_now(&rest)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let limit = self.limit();
        let shown =
            self.markdown.add(&output::harmless(&text.replace('\r', "")).replace('\t', "    "), limit);
        self.show_now(&shown)
    }

    /// The outcome of a call, and what it changed unless somebody has just seen that.
    fn result(&mut self, result: &Event) -> io::Result<()> {
        let Event::ToolResult { id, name, status, text, diff, elapsed_ms } = result else { return Ok(()) };
        let at = self.waits.iter().position(|wait| wait.call.as_ref() == Some(id));
        let (label, seen) = at.map_or_else(
            || (calls::shortened(name), None),
            |at| {
                let Wait { label, seen, .. } = self.waits.remove(at);
                (label, seen)
            },
        );
        let (mark, look, how) = match status {
            ToolStatus::Ok => ('✓', Look::Quiet, ""),
            ToolStatus::Error => ('✗', Look::Warning, "failed, "),
            ToolStatus::Denied => ('✗', Look::Warning, "denied, "),
            ToolStatus::Cancelled => ('✗', Look::Warning, "cancelled, "),
        };
        let extent = diff.as_ref().map(Extent::made);
        let lines = extent.map(|extent| format!("{extent}, ")).unwrap_or_default();
        // What the call was may be long; how it went must be seen.
        let tail = format!(" ({how}{lines}{})", calls::elapsed(*elapsed_ms));
        let room = (self.width)().saturating_sub(tail.chars().count() + 3);
        self.line(look, &format!("{mark} {}{tail}", cut(&label, room)))?;
        if let Some(diff) = diff.as_ref().filter(|_| extent != seen) {
            self.show_now(&changes::styled_in_short(&changes::made(diff)))?;
        }
        if *status != ToolStatus::Ok
            && let Some(first) = text.lines().find(|line| !line.trim().is_empty())
        {
            self.short_line(look, &format!("  {}", calls::shortened(first)))?;
        }
        if self.waits.is_empty() {
            self.wait(None, "waiting");
        }
        Ok(())
    }

    /// Somebody is about to see what a call would change.
    fn asked(&mut self, id: &str, name: &str, arguments: &Value) {
        let wait = self.waits.iter_mut().find(|wait| wait.call.as_deref() == Some(id));
        if let Some(wait) = wait {
            wait.seen = changes::proposed(name, arguments).map(|lines| Extent::proposed(&lines));
        }
    }

    fn wait(&mut self, call: Option<String>, label: impl Into<String>) {
        self.waits.push(Wait { call, label: label.into(), since: Instant::now(), seen: None });
    }

    fn limit(&self) -> usize {
        (self.width)().saturating_sub(1).max(10)
    }

    /// Shows text in the place of the spinner.
    fn show_now(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.shown = Instant::now();
        let clear = if std::mem::take(&mut self.paused) {
            // The question was not answered: the turn was cancelled in its line.
            "\n"
        } else if std::mem::take(&mut self.spinner_is_drawn) {
            "\r\u{1b}[K"
        } else {
            ""
        };
        let text = if self.styled { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        self.write(&format!("{clear}{text}"))
    }

    /// Takes the spinner away.
    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.spinner_is_drawn) { self.write("\r\u{1b}[K") } else { Ok(()) }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn looking(&self, look: Look, text: &str) -> String {
        let style = look.style();
        if self.styled { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::TextDelta { text } => self.text(text),
            Event::ReasoningDelta { .. } => {
                if let Some(wait) = self.waits.last_mut().filter(|wait| wait.call.is_none()) {
                    "thinking".clone_into(&mut wait.label);
                }
                Ok(())
            }
            Event::ToolCall { id, name, arguments } => {
                self.settle_text()?;
                self.waits.retain(|wait| wait.call.is_some());
                self.wait(Some(id.clone()), calls::label(name, arguments));
                Ok(())
            }
            Event::ToolConfirmationRequest { id, name, arguments } => {
                self.asked(id, name, arguments);
                Ok(())
            }
            Event::ToolResult { .. } => self.result(event),
            Event::Usage { total, .. } => {
                self.tokens = total.input_tokens + total.output_tokens;
                Ok(())
            }
            Event::Retry { pause_ms, text, .. } => {
                let pause = calls::elapsed(*pause_ms);
                self.line(Look::Warning, &format!("again in {pause}: {}", calls::shortened(text)))
            }
            Event::Fallback { from, to, text, .. } => {
                let (from, to, text) = (calls::shortened(from), calls::shortened(to), calls::shortened(text));
                let text = format!("{from} does not answer, asking {to}: {text}");
                self.line(Look::Warning, &wrap::broken(&text, 0, self.limit()))
            }
            Event::AgentChanged { agent, model } => {
                self.line(Look::Quiet, &calls::shortened(&format!("{agent}, {model}, answers from now on")))
            }
            Event::Compacted { messages, .. } => self
                .line(Look::Quiet, &format!("a summary took the place of {messages} messages, to make room")),
            Event::Warning { text } => self.labelled(Look::Warning, "warning", text),
            Event::Error { class, text, causes } => {
                self.labelled(Look::Error, "error", text)?;
                causes.iter().try_for_each(|cause| self.labelled(Look::Quiet, "cause", cause))?;
                hint(class).map_or(Ok(()), |hint| self.labelled(Look::Quiet, "hint", hint))
            }
            Event::TurnEnded { .. } => {
                self.waits.clear();
                self.settle_text()?;
                self.clear()
            }
            _ => Ok(()),
        }
    }
}

/// The part of the console that shows events on the shared screen.
pub(super) struct OnScreen(pub(super) Shared);

impl Sink for OnScreen {
    fn begin(&mut self) {
        locked(&self.0).begin();
    }

    fn show(&mut self, event: &Event) -> io::Result<()> {
        locked(&self.0).event(event)
    }

    fn settle(&mut self) -> io::Result<()> {
        let mut screen = locked(&self.0);
        screen.settle_text()?;
        screen.clear()
    }

    fn pause(&mut self) -> io::Result<()> {
        self.settle()?;
        locked(&self.0).paused = true;
        Ok(())
    }

    fn resume(&mut self) {
        let mut screen = locked(&self.0);
        screen.paused = false;
        if let Some(wait) = screen.waits.last_mut() {
            wait.since = Instant::now();
        }
    }
}

/// A text cut to a number of columns.
fn cut(text: &str, columns: usize) -> String {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or_default();
        if used > columns {
            let mut shown = text[..at].to_owned();
            while wrap::width(&shown) >= columns.max(1) {
                shown.pop();
            }
            return if columns == 0 { String::new() } else { format!("{}…", shown.trim_end()) };
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests;
