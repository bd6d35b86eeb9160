//! Rubbish in the decoders: whatever comes, they neither panic nor hang, and they keep no more than they were given.

use agent_runtime::prices::Catalogue;
use agent_runtime::provider::assembly::Assembler;
use agent_runtime::provider::{Delta, Origin, Wire};
use agent_runtime::sse::{self, SseEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::format::{End, Format};
use crate::server::sse as stream;

const WIRES: [(Wire, Format); 3] = [
    (Wire::ChatCompletions, Format::Chat),
    (Wire::Responses, Format::Responses),
    (Wire::Messages, Format::Messages),
];

/// Reads a whole stream as the client does: what was put together, and how many bytes of it there are.
fn read(wire: Wire, pieces: &[&[u8]]) -> (Assembler, usize) {
    let mut framing = sse::Decoder::default();
    let mut decoder = wire.decoder();
    let mut assembler = Assembler::new(Origin::default());
    let mut size = 0;
    let mut take = |event: SseEvent| {
        for delta in decoder.feed(&event) {
            size += match &delta {
                Delta::Text(text) | Delta::Reasoning(text) => text.len(),
                Delta::ToolCall(call) => call.arguments.len(),
                _ => 0,
            };
            if assembler.add(&delta).is_err() {
                return;
            }
        }
    };
    for piece in pieces {
        let Ok(events) = framing.feed(piece) else { break };
        events.into_iter().for_each(&mut take);
    }
    if let Some(last) = framing.finish() {
        take(last);
    }
    (assembler, size)
}

fn good_stream(format: Format) -> Vec<u8> {
    let calls =
        [format.call(1, "c1", "read_file", &["{\"path\"", ":\"ä\"}"]), format.call(2, "c2", "x", &["{}"])];
    let events = [format.begin(), format.text(0, "Höre 🦀"), calls.concat(), format.end(End::Calls)].concat();
    stream(&events).into_bytes()
}

#[test]
fn a_stream_cut_into_two_at_every_byte_says_the_same() {
    for (wire, format) in WIRES {
        let bytes = good_stream(format);
        let whole = format!("{:?}", read(wire, &[&bytes]).0);
        for cut in 0..=bytes.len() {
            let (before, after) = bytes.split_at(cut);
            assert_eq!(format!("{:?}", read(wire, &[before, after]).0), whole, "{wire}, cut at {cut}");
        }
    }
}

#[test]
fn a_stream_that_ends_at_any_byte_never_claims_to_be_whole_too_early() {
    for (wire, format) in WIRES {
        let bytes = good_stream(format);
        let finished: Vec<bool> =
            (0..=bytes.len()).map(|end| read(wire, &[&bytes[..end]]).0.is_finished()).collect();
        let first = finished.iter().position(|finished| *finished).unwrap();
        assert!(finished[first..].iter().all(|finished| *finished), "{wire}");
        // Both calls are there by then.
        let (assembler, _) = read(wire, &[&bytes[..first]]);
        let reply = assembler.finish(&[], || "fresh".to_owned());
        assert_eq!(reply.calls.len(), 2, "{wire}");
    }
}

#[test]
fn calls_without_end_are_an_error_and_not_a_full_memory() {
    let mut assembler = Assembler::new(Origin::default());
    let call = |index| {
        Delta::ToolCall(agent_runtime::provider::ToolCallDelta { index: Some(index), ..Default::default() })
    };
    let error = (0..100_000).find_map(|index| assembler.add(&call(index)).err()).unwrap();
    assert_eq!(error.to_string(), "the answer asks for more than 256 tools");
}

/// Any JSON, with the names that formats use among its keys and words.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "",
        "text",
        "thinking",
        "tool_use",
        "function_call",
        "message",
        "reasoning",
        "error",
        "stop",
        "length",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_start",
        "message_delta",
        "message_stop",
        "response.completed",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.failed",
        "{\"a\":",
        "é",
    ]);
    let key = prop::sample::select(vec![
        "type",
        "error",
        "code",
        "message",
        "choices",
        "delta",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "index",
        "id",
        "name",
        "usage",
        "input_tokens",
        "prompt_tokens",
        "output_tokens",
        "response",
        "output",
        "item",
        "item_id",
        "output_index",
        "status",
        "content_block",
        "partial_json",
        "input",
        "stop_reason",
        "finish_reason",
        "text",
        "signature",
        "encrypted_content",
        "model",
        "call_id",
        "object",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f32>().prop_map(|number| json!(number)),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        for (wire, _) in WIRES {
            read(wire, &pieces);
        }
    }

    #[test]
    fn a_good_stream_with_bytes_changed(which in 0..3_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let (wire, format) = WIRES[which];
        let mut bytes = good_stream(format);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let (_, size) = read(wire, &[&bytes]);
        // Every invalid byte may become a replacement character of three.
        prop_assert!(size <= 3 * bytes.len());
    }

    #[test]
    fn a_good_stream_with_events_lost_doubled_and_swapped(which in 0..3_usize, order in prop::collection::vec(any::<prop::sample::Index>(), 0..30)) {
        let (wire, format) = WIRES[which];
        let text = String::from_utf8(good_stream(format)).unwrap();
        let events: Vec<&str> = text.split_inclusive("\n\n").collect();
        let picked: String = order.iter().map(|index| *index.get(&events)).collect();
        read(wire, &[picked.as_bytes()]);
    }

    #[test]
    fn events_of_any_json(events in prop::collection::vec((prop::sample::select(vec!["", "error", "message_start", "response.completed"]), any_json()), 1..6)) {
        for (wire, _) in WIRES {
            let bytes: String = events.iter().map(|(name, json)| format!("event: {name}\ndata: {json}\n\n")).collect();
            let (_, size) = read(wire, &[bytes.as_bytes()]);
            prop_assert!(size <= 8 * bytes.len(), "{size} of {}", bytes.len());
        }
    }
}

#[test]
fn token_counts_of_any_size_are_read_and_priced() {
    const MANY: u64 = u64::MAX;
    let usage = json!({
        "prompt_tokens": MANY, "completion_tokens": MANY, "total_tokens": MANY,
        "completion_tokens_details": { "reasoning_tokens": MANY },
    });
    let data = json!({ "choices": [], "usage": usage }).to_string();
    let deltas = Wire::ChatCompletions.decoder().feed(&SseEvent { name: String::new(), data });
    let [Delta::Usage(usage)] = deltas.as_slice() else { panic!("{deltas:?}") };
    assert_eq!((usage.input, usage.output, usage.reasoning), (MANY, MANY, MANY));
    assert_eq!(Catalogue::bundled().cost("openai", "gpt-4o", *usage), None, "more than there is money");
}
