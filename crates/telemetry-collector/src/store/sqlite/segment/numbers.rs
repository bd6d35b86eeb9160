//! Columns as bytes: numbers above a common base in 0, 1, 2, 4 or 8 bytes each, alone or as places in a dictionary.
//!
//! A column without variety costs a few bytes, whatever its length. The same numbers always give the same bytes,
//! which is how `check` compares a segment with its rows. Every column ends in a checksum over its bytes and over
//! what it is meant to be, so that neither a flipped bit nor a column in a wrong place is ever read.

use std::ops::Range;

/// A column's bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Damaged;

/// Which rows of a column are wanted.
#[derive(Debug, Clone)]
pub(in crate::store::sqlite) enum Pick {
    All(Range<usize>),
    /// In ascending order.
    Some(Vec<u32>),
}

impl Pick {
    pub(in crate::store::sqlite) fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Some(rows) => rows.len(),
        }
    }
}

/// Numbers that share a base and a width.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::sqlite) struct Numbers<'a> {
    base: u64,
    width: usize,
    count: usize,
    data: &'a [u8],
}

impl<'a> Numbers<'a> {
    pub(super) fn put(out: &mut Vec<u8>, values: &[u64]) {
        let base = values.iter().copied().min().unwrap_or(0);
        let width = match values.iter().copied().max().unwrap_or(0) - base {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8_u8,
        };
        out.push(width);
        out.extend((values.len() as u32).to_le_bytes());
        out.extend(base.to_le_bytes());
        let width = usize::from(width);
        for value in values {
            out.extend(&(value - base).to_le_bytes()[..width]);
        }
    }

    fn take(bytes: &mut &'a [u8]) -> Result<Self, Damaged> {
        let (head, rest) = bytes.split_first_chunk::<13>().ok_or(Damaged)?;
        let width = usize::from(head[0]);
        let count = head[1..5].iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte));
        let base = head[5..].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let (data, rest) = rest.split_at_checked(count.checked_mul(width).ok_or(Damaged)?).ok_or(Damaged)?;
        *bytes = rest;
        Ok(Self { base, width, count, data })
    }

    /// Appends the picked values, each as what `make` turns it into.
    pub(in crate::store::sqlite) fn gather<T>(&self, pick: &Pick, out: &mut Vec<T>, make: impl Fn(u64) -> T) {
        match self.width {
            0 => out.extend((0..pick.len()).map(|_| make(self.base))),
            1 => self.gather_wide::<1, T>(pick, out, make),
            2 => self.gather_wide::<2, T>(pick, out, make),
            4 => self.gather_wide::<4, T>(pick, out, make),
            _ => self.gather_wide::<8, T>(pick, out, make),
        }
    }

    fn gather_wide<const W: usize, T>(&self, pick: &Pick, out: &mut Vec<T>, make: impl Fn(u64) -> T) {
        let wide = |bytes: &[u8; W]| {
            let mut value = [0; 8];
            value[..W].copy_from_slice(bytes);
            make(self.base.wrapping_add(u64::from_le_bytes(value)))
        };
        let (values, _) = self.data.as_chunks::<W>();
        match pick {
            Pick::All(range) => out.extend(values[range.clone()].iter().map(wide)),
            Pick::Some(rows) => out.extend(rows.iter().map(|row| wide(&values[*row as usize]))),
        }
    }

    pub(in crate::store::sqlite) fn to_vec(self) -> Vec<u64> {
        let mut out = Vec::with_capacity(self.count);
        self.gather(&Pick::All(0..self.count), &mut out, |value| value);
        out
    }
}

/// Values from a small set: the sorted set, and each row's place in it.
#[derive(Debug, Clone)]
pub(in crate::store::sqlite) struct Coded<'a> {
    pub(in crate::store::sqlite) values: Vec<u64>,
    pub(in crate::store::sqlite) places: Numbers<'a>,
}

/// Sorted values as runs: the value, and the row after its last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Runs(pub(in crate::store::sqlite) Vec<(u64, usize)>);

impl Runs {
    /// The runs of values within a range, as ranges of rows; they follow each other without a gap.
    pub(in crate::store::sqlite) fn within(&self, from: u64, to: u64) -> Vec<(u64, Range<usize>)> {
        let starts = std::iter::once(0).chain(self.0.iter().map(|(_, end)| *end));
        let runs = self.0.iter().zip(starts).map(|((value, end), start)| (*value, start..*end));
        runs.filter(|(value, _)| (from..=to).contains(value)).collect()
    }
}

pub(super) fn encode_numbers(values: &[u64], mark: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Numbers::put(&mut out, values);
    sealed(out, mark)
}

pub(super) fn encode_coded(values: &[u64], mark: u64) -> Vec<u8> {
    let mut set = values.to_vec();
    set.sort_unstable();
    set.dedup();
    let places: Vec<u64> = match set.len() {
        0 | 1 => vec![0; values.len()],
        _ => values.iter().map(|value| set.partition_point(|known| known < value) as u64).collect(),
    };
    let mut out = Vec::new();
    Numbers::put(&mut out, &set);
    Numbers::put(&mut out, &places);
    sealed(out, mark)
}

/// `values` are sorted.
pub(super) fn encode_runs(values: &[u64], mark: u64) -> Vec<u8> {
    let (mut set, mut ends) = (Vec::new(), Vec::new());
    let mut end = 0;
    for run in values.chunk_by(|a, b| a == b) {
        end += run.len() as u64;
        set.push(run[0]);
        ends.push(end);
    }
    let mut out = Vec::new();
    Numbers::put(&mut out, &set);
    Numbers::put(&mut out, &ends);
    sealed(out, mark)
}

pub(in crate::store::sqlite) fn decode_numbers(bytes: &[u8], mark: u64) -> Result<Numbers<'_>, Damaged> {
    let mut content = opened(bytes, mark)?;
    let numbers = Numbers::take(&mut content)?;
    if content.is_empty() { Ok(numbers) } else { Err(Damaged) }
}

pub(in crate::store::sqlite) fn decode_coded(bytes: &[u8], mark: u64) -> Result<Coded<'_>, Damaged> {
    let mut content = opened(bytes, mark)?;
    let values = Numbers::take(&mut content)?.to_vec();
    let places = Numbers::take(&mut content)?;
    if content.is_empty() { Ok(Coded { values, places }) } else { Err(Damaged) }
}

pub(in crate::store::sqlite) fn decode_runs(bytes: &[u8], mark: u64) -> Result<Runs, Damaged> {
    let Coded { values, places } = decode_coded(bytes, mark)?;
    let ends = places.to_vec().into_iter().map(|end| end as usize);
    Ok(Runs(values.into_iter().zip(ends).collect()))
}

fn sealed(mut bytes: Vec<u8>, mark: u64) -> Vec<u8> {
    let sum = checksum(&bytes, mark);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn opened(bytes: &[u8], mark: u64) -> Result<&[u8], Damaged> {
    let (content, sum) = bytes.split_last_chunk::<8>().ok_or(Damaged)?;
    if u64::from_le_bytes(*sum) == checksum(content, mark) { Ok(content) } else { Err(Damaged) }
}

/// Tells apart what an accident can make of bytes; not meant against an adversary, who could write both.
///
/// Each step is a bijection of the state, so that one changed word always changes the sum. Four states take turns,
/// because a processor can work on them at the same time.
pub(super) fn checksum(bytes: &[u8], mark: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| {
        let sum = (sum ^ word).wrapping_mul(ODD);
        sum ^ (sum >> 29)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let (turns, words) = words.as_chunks::<4>();
    let mut sums = [mark, 1, 2, 3];
    for turn in turns {
        for (sum, word) in sums.iter_mut().zip(turn) {
            *sum = mix(*sum, u64::from_le_bytes(*word));
        }
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    let all = sums.into_iter().chain(words).fold(bytes.len() as u64, mix);
    mix(all, ODD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: u64 = 77;

    fn cases() -> Vec<Vec<u64>> {
        vec![
            vec![],
            vec![5],
            vec![7; 1000],
            (0..300).collect(),
            vec![1 << 40, (1 << 40) + 255],
            vec![0, 0xffff],
            vec![0, 0x1_0000],
            vec![0, u64::MAX],
            (0..1000).map(|n| n * n * n * 7919 % 65_537).collect(),
        ]
    }

    #[test]
    fn what_goes_in_comes_out() {
        for values in cases() {
            let bytes = encode_numbers(&values, MARK);
            assert_eq!(decode_numbers(&bytes, MARK).unwrap().to_vec(), values);
            let bytes = encode_coded(&values, MARK);
            let coded = decode_coded(&bytes, MARK).unwrap();
            let back: Vec<u64> =
                coded.places.to_vec().iter().map(|place| coded.values[*place as usize]).collect();
            assert_eq!(back, values);
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let runs = decode_runs(&encode_runs(&sorted, MARK), MARK).unwrap();
            let back = runs.within(0, u64::MAX);
            assert!(back.iter().flat_map(|(value, rows)| rows.clone().map(|_| *value)).eq(sorted));
        }
    }

    #[test]
    fn picked_rows_are_the_rows_picked() {
        for values in cases().into_iter().filter(|values| values.len() > 2) {
            let bytes = encode_numbers(&values, MARK);
            let numbers = decode_numbers(&bytes, MARK).unwrap();
            let mut out = Vec::new();
            numbers.gather(&Pick::All(1..values.len()), &mut out, |value| value);
            numbers.gather(&Pick::Some(vec![0, 2]), &mut out, |value| value);
            assert_eq!(out, [&values[1..], &[values[0], values[2]]].concat());
        }
    }

    #[test]
    fn no_variety_costs_no_space() {
        assert!(encode_coded(&[123_456; 65_536], MARK).len() < 50);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encode_coded(&[3, 1, 4, 1, 5, 9, 2, 6, 1 << 33], MARK);
        assert!(decode_coded(&bytes, MARK).is_ok());
        assert!(decode_coded(&bytes, MARK + 1).is_err(), "a column in another's place");
        for at in 0..bytes.len() {
            assert!(decode_coded(&bytes[..at], MARK).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(decode_coded(&damaged, MARK).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
