//! Keeps the beginning and the end of an output of any length.

use std::collections::VecDeque;

/// Bytes of a character at most.
const UTF8_MAX: usize = 4;

/// A text of bounded size: all of it, or its head and tail with a note between them.
#[derive(Debug)]
pub(in crate::tools) struct HeadAndTail {
    half_chars: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl HeadAndTail {
    pub(in crate::tools) fn new(max_chars: usize) -> Self {
        Self { half_chars: max_chars / 2, head: Vec::new(), tail: VecDeque::new(), total: 0 }
    }

    pub(in crate::tools) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.half_chars * UTF8_MAX).saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend(&bytes[room..]);
        let excess = self.tail.len().saturating_sub(self.half_chars * UTF8_MAX);
        self.tail.drain(..excess);
    }

    /// How many bytes there were.
    pub(in crate::tools) fn total(&self) -> u64 {
        self.total
    }

    /// What there is so far.
    pub(in crate::tools) fn text(&self) -> String {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if kept == self.total {
            let all = [self.head.as_slice(), &tail].concat();
            let text = String::from_utf8_lossy(&all).into_owned();
            if text.chars().count() <= 2 * self.half_chars {
                return text;
            }
            return shorten(&text, &text, self.half_chars);
        }
        shorten(&String::from_utf8_lossy(&self.head), &String::from_utf8_lossy(&tail), self.half_chars)
    }
}

fn shorten(head: &str, tail: &str, half: usize) -> String {
    let head: String = head.chars().take(half).collect();
    let skip = tail.chars().count().saturating_sub(half);
    let tail: String = tail.chars().skip(skip).collect();
    format!("{head}\n[cut: the middle of the output is left out]\n{tail}")
}
