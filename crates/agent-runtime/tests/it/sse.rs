//! The event stream decoder, with the network cutting where it likes.

use agent_runtime::sse::{Decoder, SseEvent};
use proptest::prelude::*;

const STREAM: &str = "\u{feff}: keep-alive\n\nevent: message\ndata: {\"a\":\"é — 🦀\"}\n\ndata:no space\r\ndata: second line\r\n\r\n: ping\n\nid: 7\nretry: 10\ndata\n\rdata: after a lone carriage return\r\rdata: last, without a blank line";

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(decoder.feed(chunk).unwrap());
    }
    events.extend(decoder.finish());
    events
}

fn event(name: &str, data: &str) -> SseEvent {
    SseEvent { name: name.to_owned(), data: data.to_owned() }
}

fn expected() -> Vec<SseEvent> {
    vec![
        event("message", "{\"a\":\"é — 🦀\"}"),
        event("", "no space\nsecond line"),
        event("", ""),
        event("", "after a lone carriage return"),
        event("", "last, without a blank line"),
    ]
}

#[test]
fn a_stream_in_one_piece() {
    assert_eq!(decode([STREAM.as_bytes()]), expected());
}

#[test]
fn a_stream_cut_at_every_byte() {
    for cut in 0..=STREAM.len() {
        let (before, after) = STREAM.as_bytes().split_at(cut);
        assert_eq!(decode([before, after]), expected(), "cut at {cut}");
        assert_eq!(decode([before, b"", after]), expected(), "cut at {cut}, with an empty piece");
    }
}

#[test]
fn a_stream_byte_by_byte() {
    assert_eq!(decode(STREAM.as_bytes().chunks(1)), expected());
}

#[test]
fn a_line_that_never_ends_is_an_error() {
    let mut decoder = Decoder::default();
    let piece = vec![b'x'; 1024 * 1024];
    let fed = (0..9).try_for_each(|_| decoder.feed(&piece).map(drop));
    assert!(fed.is_err());
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        lines in prop::collection::vec("(data: ?|event: ?|:|id:)?[a-zé🦀 :]{0,12}", 0..12),
        endings in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\n\n", "\r\n\r\n", "\r"]), 12),
        cuts in prop::collection::vec(0_usize..400, 0..8),
    ) {
        let stream: String = lines.iter().zip(&endings).map(|(line, ending)| format!("{line}{ending}")).collect();
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), decode([bytes]));
    }
}
