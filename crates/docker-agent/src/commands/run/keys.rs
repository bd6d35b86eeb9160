//! Single keys of the terminal on stdin, and its modes: what was changed is put back, however we leave.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use rustix::termios::{tcflush, tcgetattr, tcsetattr};

/// The most that one key, or a word that was pasted, sends.
const KEY_BYTES: usize = 64;

/// How often is looked for a key.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The terminal as it was found before it was changed; it is that again when this is dropped.
///
/// It is looked at only while it is ours: a job in the background would find the modes of somebody who types.
#[derive(Debug, Default)]
pub(super) struct AsFound(Option<Termios>);

impl AsFound {
    /// Lets keys come one by one and unseen, until the terminal is put back; Ctrl-C stays a signal.
    pub(super) fn take_keys(&mut self) -> io::Result<()> {
        if !is_foreground(io::stdin()) {
            return Ok(());
        }
        let Some(found) = self.0.take().or_else(|| tcgetattr(io::stdin()).ok()) else { return Ok(()) };
        let mut modes = self.0.insert(found).clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(io::stdin(), OptionalActions::Now, &modes)?)
    }

    /// Makes the terminal what it was.
    pub(super) fn put_back(&self) {
        if let Some(found) = self.0.as_ref().filter(|_| is_foreground(io::stdin())) {
            // A terminal that is gone needs no modes.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, found);
        }
    }
}

impl Drop for AsFound {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// A key that answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Yes,
    All,
    No,
    /// The end of input.
    End,
    Other,
}

/// Waits for a key that is pressed from now on, while keys are taken.
///
/// Somebody has to look for it: often enough for a person, and only while one is asked.
pub(super) async fn next() -> io::Result<Key> {
    let mut bytes = [0; KEY_BYTES];
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if !is_something_there() {
            continue;
        }
        match rustix::io::read(io::stdin(), &mut bytes[..]) {
            Ok(0) => return Ok(Key::End),
            Ok(length) => return Ok(key(&bytes[..length])),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for a line, shown while it is typed; nothing at the end of input.
pub(super) async fn line() -> io::Result<Option<String>> {
    let _shown = Shown::from_now_on();
    let mut typed = Vec::new();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if !is_something_there() {
            continue;
        }
        let mut bytes = [0; KEY_BYTES];
        match rustix::io::read(io::stdin(), &mut bytes[..]) {
            Ok(0) => return Ok(None),
            Ok(length) => typed.extend_from_slice(&bytes[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
        if typed.ends_with(b"\n") {
            return Ok(Some(String::from_utf8_lossy(&typed).trim_end().to_owned()));
        }
    }
}

/// Lines are edited by the terminal, and shown, while this lives.
struct Shown(Option<Termios>);

impl Shown {
    fn from_now_on() -> Self {
        let before = tcgetattr(io::stdin()).ok().filter(|_| is_foreground(io::stdin()));
        if let Some(before) = &before {
            let mut modes = before.clone();
            modes.local_modes.insert(LocalModes::ICANON | LocalModes::ECHO);
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        }
        Self(before)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(before) = self.0.as_ref().filter(|_| is_foreground(io::stdin())) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Forgets what was typed before a question was asked, so that it cannot answer it.
pub(super) fn forget_typed_ahead() {
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// Whether a read would answer at once.
fn is_something_there() -> bool {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// Whether a terminal is ours to change and to draw on: a job in the background would be stopped for changing it, and
/// would draw where somebody types. A terminal that does not control this process stops nobody.
pub(super) fn is_foreground(terminal: impl AsFd) -> bool {
    rustix::termios::tcgetpgrp(terminal).map_or(true, |group| group == rustix::process::getpgrp())
}

/// What a key says. Several at once are a word, or were pasted: no answer unless they are one.
fn key(bytes: &[u8]) -> Key {
    let text = without_sequences(&String::from_utf8_lossy(bytes)).to_ascii_lowercase();
    match text.trim_end_matches(['\r', '\n']) {
        "y" | "yes" => Key::Yes,
        "a" | "all" => Key::All,
        "n" | "no" | "\u{1b}" => Key::No,
        "\u{4}" => Key::End,
        _ => Key::Other,
    }
}

/// Leaves out what cursor and function keys send: an escape, `[` or `O`, and what follows up to a letter or `~`.
fn without_sequences(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(sequence) = part.strip_prefix(['[', 'O']) {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic() || c == '~');
            out.push_str(end.map_or("", |end| &sequence[end + 1..]));
        } else {
            out.push('\u{1b}');
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_is_an_answer() {
        let table: [(&str, Key); 11] = [
            ("y", Key::Yes),
            ("Y\n", Key::Yes),
            ("all", Key::All),
            ("n\r", Key::No),
            ("\u{1b}", Key::No),
            ("\u{4}", Key::End),
            ("\u{1b}[A", Key::Other),
            ("\u{1b}OP\u{1b}[15~y", Key::Yes),
            ("\u{1b}[", Key::Other),
            ("yikes", Key::Other),
            ("\n", Key::Other),
        ];
        for (typed, expected) in table {
            assert_eq!(key(typed.as_bytes()), expected, "{typed:?}");
        }
    }
}
