//! Words from fixed lists: one of them, a set of them, numbers by them.

use std::fmt;
use std::marker::PhantomData;

use super::{Count, Kind, Value, sealed};
use crate::name::NamePolicy;

/// An enum whose values are words that were fixed at compile time; derive it with `#[derive(Closed)]`.
///
/// Even a hand-written implementation can only choose among its constant words.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a closed enum",
    label = "not a fixed list of words",
    note = "write `#[derive(Closed)]` above an enum without data"
)]
pub trait Closed: Sized {
    /// The words in the order of [`index`](Self::index); at most 128.
    const WORDS: &'static [&'static str];

    /// The position of this value's word.
    fn index(&self) -> usize;

    /// The value at a position.
    fn from_index(index: usize) -> Option<Self>;

    /// This value's word.
    fn word(&self) -> &'static str {
        Self::WORDS.get(self.index()).copied().unwrap_or("unknown")
    }

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|known| *known == word).and_then(Self::from_index)
    }
}

#[diagnostic::do_not_recommend]
impl<C: Closed> sealed::Allowed for C {}
#[diagnostic::do_not_recommend]
impl<C: Closed> Value for C {
    const KIND: Kind = Kind::Closed(C::WORDS);

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        write_word(out, self.word());
    }
}

/// Appends a JSON string; words are identifiers with blanks and dots, so nothing needs escaping.
pub(crate) fn write_word(out: &mut Vec<u8>, word: &str) {
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

/// A set of words of one closed enum, on the wire an array in the enum's order.
pub struct Set<C> {
    bits: u128,
    of: PhantomData<fn() -> C>,
}

impl<C: Closed> Set<C> {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { bits: 0, of: PhantomData }
    }

    /// Adds a word.
    pub fn insert(&mut self, value: &C) {
        self.bits |= bit(value.index());
    }

    /// Whether the word is in the set.
    #[must_use]
    pub fn contains(&self, value: &C) -> bool {
        self.bits & bit(value.index()) != 0
    }
}

fn bit(index: usize) -> u128 {
    u32::try_from(index).ok().and_then(|index| 1u128.checked_shl(index)).unwrap_or(0)
}

impl<C: Closed> Default for Set<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Clone for Set<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C> Copy for Set<C> {}

impl<C: Closed> FromIterator<C> for Set<C> {
    fn from_iter<I: IntoIterator<Item = C>>(values: I) -> Self {
        let mut set = Self::new();
        values.into_iter().for_each(|value| set.insert(&value));
        set
    }
}

impl<C: Closed> fmt::Debug for Set<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(words_of(self.bits, C::WORDS)).finish()
    }
}

impl<C> sealed::Allowed for Set<C> {}
impl<C: Closed> Value for Set<C> {
    const KIND: Kind = Kind::Set(C::WORDS);

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        write_set(out, words_of(self.bits, C::WORDS));
    }
}

pub(crate) fn words_of(bits: u128, words: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    words.iter().enumerate().filter(move |(index, _)| bits & bit(*index) != 0).map(|(_, word)| *word)
}

pub(crate) fn write_set(out: &mut Vec<u8>, words: impl Iterator<Item = &'static str>) {
    out.push(b'[');
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_word(out, word);
    }
    out.push(b']');
}

/// Counts by the words of one closed enum, on the wire an object without its zeros.
pub struct Map<C> {
    counts: Vec<u64>,
    of: PhantomData<fn() -> C>,
}

impl<C: Closed> Map<C> {
    /// No counts; allocates with the first one.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: Vec::new(), of: PhantomData }
    }

    /// Adds to the count of a word.
    pub fn add(&mut self, key: &C, more: Count) {
        if self.counts.is_empty() {
            self.counts.resize(C::WORDS.len(), 0);
        }
        if let Some(count) = self.counts.get_mut(key.index()) {
            *count = count.saturating_add(more.get());
        }
    }

    /// The sum of all counts.
    #[must_use]
    pub fn total(&self) -> Count {
        Count::new(self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count)))
    }
}

impl<C: Closed> Default for Map<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Clone for Map<C> {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), of: PhantomData }
    }
}

impl<C: Closed> fmt::Debug for Map<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(C::WORDS.iter().zip(&self.counts).filter(|(_, count)| **count > 0)).finish()
    }
}

impl<C> sealed::Allowed for Map<C> {}
impl<C: Closed> Value for Map<C> {
    const KIND: Kind = Kind::Map(C::WORDS);

    fn number(&self) -> Option<u64> {
        Some(self.total().get())
    }

    fn write_json(&self, out: &mut Vec<u8>, names: &NamePolicy) {
        out.push(b'{');
        let present = C::WORDS.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        for (at, (word, count)) in present.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_word(out, word);
            out.push(b':');
            Count::new(*count).write_json(out, names);
        }
        out.push(b'}');
    }
}
