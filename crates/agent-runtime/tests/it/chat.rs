//! Chat completions: what is sent, and what is made of the ways in which servers answer.

use agent_runtime::provider::assembly::Assembler;
use agent_runtime::provider::chat_completions::{Decoder, encode};
use agent_runtime::provider::{
    Delta, FinishReason, Message, Parameters, ProviderError, Reply, Request, ToolCall, ToolDefinition, Usage,
};
use agent_runtime::sse::SseEvent;
use serde_json::json;

use crate::server::{call, chunk, done, finish, text, usage};

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "d".to_owned(),
        parameters: json!({ "type": "object" }),
    }
}

fn deltas(events: &[String]) -> Vec<Delta> {
    let mut decoder = Decoder::default();
    let events = events.iter().map(|data| SseEvent { name: String::new(), data: data.clone() });
    events.flat_map(|event| decoder.feed(&event)).collect()
}

fn reply_with(tools: &[ToolDefinition], events: &[String]) -> Reply {
    let mut assembler = Assembler::default();
    for delta in deltas(events) {
        assembler.add(&delta).unwrap();
    }
    let mut next = 0;
    assembler.finish(tools, || {
        next += 1;
        format!("fresh_{next}")
    })
}

fn reply(events: &[String]) -> Reply {
    reply_with(&[], events)
}

fn a_call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn a_request_as_it_is_sent() {
    let mut parameters = Parameters::default();
    parameters.model = "gpt-4o".to_owned();
    parameters.sampling.temperature = Some(0.5);
    parameters.max_tokens = Some(64);
    parameters.include_usage = true;
    parameters.parallel_tool_calls = Some(false);
    let messages = [
        Message::System("s".to_owned()),
        Message::User("u".to_owned()),
        Message::assistant("", vec![a_call("c1", "t", "{\"a\":1}"), a_call("c2", "t", "{\"a\":")]),
        Message::Tool { call_id: "c1".to_owned(), text: "r".to_owned() },
        Message::Tool { call_id: "c2".to_owned(), text: "r".to_owned() },
        Message::assistant("done", Vec::new()),
    ];
    let tools = [tool("t")];
    let body = encode(&Request { parameters: &parameters, messages: &messages, tools: &tools });
    assert_eq!(
        body,
        json!({
            "model": "gpt-4o",
            "messages": [
                { "role": "system", "content": "s" },
                { "role": "user", "content": "u" },
                { "role": "assistant", "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "t", "arguments": "{\"a\":1}" } },
                    // What was cut off is repaired: llama.cpp would answer 500 for ever after.
                    { "id": "c2", "type": "function", "function": { "name": "t", "arguments": "{}" } },
                ] },
                { "role": "tool", "tool_call_id": "c1", "content": "r" },
                { "role": "tool", "tool_call_id": "c2", "content": "r" },
                { "role": "assistant", "content": "done" },
            ],
            "stream": true,
            "stream_options": { "include_usage": true },
            "temperature": 0.5,
            "max_tokens": 64,
            "tools": [{ "type": "function", "function": { "name": "t", "description": "d", "parameters": { "type": "object" } } }],
            "parallel_tool_calls": false,
        })
    );
}

#[test]
fn without_tools_there_is_no_word_about_tools() {
    let mut parameters = Parameters::default();
    parameters.parallel_tool_calls = Some(true);
    let body = encode(&Request { parameters: &parameters, messages: &[], tools: &[] });
    assert_eq!(body, json!({ "model": "", "messages": [], "stream": true }));
}

#[test]
fn text_with_a_role_chunk_whose_content_is_null() {
    let role = chunk(json!({ "role": "assistant", "content": null }), None);
    let got = reply(&[role, text("Hel"), text("lo"), finish("stop"), usage(27, 12, 26), done()]);
    assert_eq!(
        got,
        Reply {
            model: Some("gpt-4o".to_owned()),
            text: "Hello".to_owned(),
            usage: Some(Usage { input: 27, output: 12, cache_read: 26, ..Usage::default() }),
            finish: Some(FinishReason::Stop),
            ..Reply::default()
        }
    );
}

#[test]
fn content_in_the_chunk_that_finishes_is_kept() {
    let got = reply(&[text("a"), chunk(json!({ "content": "b" }), Some("stop"))]);
    assert_eq!(got.text, "ab");
}

#[test]
fn calls_in_pieces_and_a_finish_that_says_stop() {
    let piece = |delta| chunk(json!({ "tool_calls": [delta] }), None);
    let got = reply(&[
        piece(
            json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "x", "arguments": "{" } }),
        ),
        piece(json!({ "index": 1, "id": "b", "function": { "name": "y", "arguments": "" } })),
        piece(json!({ "index": 0, "function": { "arguments": "\"p\":1}" } })),
        piece(json!({ "index": 1, "function": { "arguments": "{}" } })),
        finish("stop"),
    ]);
    assert_eq!(got.calls, [a_call("a", "x", "{\"p\":1}"), a_call("b", "y", "{}")]);
    assert_eq!(got.finish, Some(FinishReason::Stop));
}

#[test]
fn calls_without_ids_or_indexes_or_with_the_same_twice() {
    let whole = |delta| chunk(json!({ "tool_calls": [delta] }), None);
    // No id at all.
    let got = reply(&[whole(json!({ "index": 0, "function": { "name": "x", "arguments": "{}" } }))]);
    assert_eq!(got.calls, [a_call("fresh_1", "x", "{}")]);
    // No index: pieces without an id go to the last call.
    let got = reply(&[
        whole(json!({ "id": "a", "function": { "name": "x", "arguments": "{\"p\"" } })),
        whole(json!({ "function": { "arguments": ":1}" } })),
        whole(json!({ "id": "b", "function": { "name": "y", "arguments": "" } })),
    ]);
    assert_eq!(got.calls, [a_call("a", "x", "{\"p\":1}"), a_call("b", "y", "{}")]);
    // Every call is number 0.
    let got = reply(&[
        whole(json!({ "index": 0, "id": "a", "function": { "name": "x", "arguments": "{}" } })),
        whole(json!({ "index": 0, "id": "b", "function": { "name": "x", "arguments": "{}" } })),
    ]);
    assert_eq!(got.calls, [a_call("a", "x", "{}"), a_call("b", "x", "{}")]);
    // One id for two calls.
    let got = reply(&[call(0, "a", "x", &json!({})), call(1, "a", "y", &json!({}))]);
    assert_eq!(got.calls, [a_call("a", "x", "{}"), a_call("fresh_1", "y", "{}")]);
    // Arguments as an object.
    let got = reply(&[whole(
        json!({ "index": 0, "id": "a", "function": { "name": "x", "arguments": { "p": 1 } } }),
    )]);
    assert_eq!(got.calls, [a_call("a", "x", "{\"p\":1}")]);
}

#[test]
fn usage_in_every_chunk_is_a_snapshot_not_a_summand() {
    let with_usage = |content: &str, output: u64| {
        json!({
            "choices": [{ "delta": { "content": content }, "finish_reason": null }],
            "usage": { "prompt_tokens": 10, "completion_tokens": output },
        })
        .to_string()
    };
    let got = reply(&[with_usage("a", 1), with_usage("b", 2), with_usage("c", 3), finish("stop"), done()]);
    assert_eq!(got.text, "abc");
    assert_eq!(got.usage, Some(Usage { input: 10, output: 3, cache_read: 0, ..Usage::default() }));
    assert_eq!(reply(&[text("a"), finish("stop")]).usage, None);
    let null = json!({ "choices": [], "usage": null }).to_string();
    assert_eq!(reply(&[usage(5, 6, 0), null]).usage.map(|usage| usage.total()), Some(11));
}

#[test]
fn thoughts_count_as_output_wherever_the_provider_counts_them() {
    let of = |completion: u64, reasoning: u64, total: u64| {
        let chunk = json!({ "choices": [], "usage": {
            "prompt_tokens": 100, "completion_tokens": completion, "total_tokens": total,
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        } });
        reply(&[chunk.to_string()]).usage.unwrap()
    };
    assert_eq!(
        of(50, 30, 150),
        Usage { input: 100, output: 50, cache_read: 0, reasoning: 30, ..Usage::default() }
    );
    assert_eq!(
        of(20, 30, 150),
        Usage { input: 100, output: 50, cache_read: 0, reasoning: 30, ..Usage::default() }
    );
}

#[test]
fn a_call_in_the_text_counts_if_the_tool_was_offered() {
    let tools = [tool("list_directory")];
    let fenced = "```json\n{\"name\": \"list_directory\", \"arguments\": {\"path\": \".\"}}\n```";
    let wanted = [a_call("fresh_1", "list_directory", "{\"path\":\".\"}")];
    let got = reply_with(&tools, &[text(fenced), finish("stop")]);
    assert_eq!((got.text.as_str(), &got.calls[..]), ("", &wanted[..]));
    let got = reply_with(&tools, &[text(&format!("Let me look.\n{fenced}\n")), finish("stop")]);
    assert_eq!((got.text.as_str(), &got.calls[..]), ("Let me look.", &wanted[..]));
    let bare = "{\"name\":\"list_directory\",\"arguments\":{\"path\":\".\"}}";
    assert_eq!(reply_with(&tools, &[text(bare), finish("stop")]).calls, wanted);
    for not_a_call in [
        "```json\n{\"name\": \"other\", \"arguments\": {}}\n```",
        "```json\n{\"name\": \"list_directory\", \"arguments\": {}, \"more\": 1}\n```",
        "```json\n{\"name\": \"list_directory\"}\n```",
        "```python\n{\"name\": \"list_directory\", \"arguments\": {}}\n```",
        "```json\n{\"name\": \"list_directory\", \"arguments\": {}}",
        "```json\n{\"name\": \"list_directory\", \"arguments\": {}}\n``` and ```json\n{\"b\": 1}\n```",
    ] {
        let got = reply_with(&tools, &[text(not_a_call), finish("stop")]);
        assert_eq!((got.text.as_str(), got.calls.len()), (not_a_call, 0));
    }
    assert!(reply_with(&[], &[text(fenced), finish("stop")]).calls.is_empty());
}

#[test]
fn errors_in_the_stream_keep_their_meaning() {
    let error = |value: serde_json::Value| match &deltas(&[value.to_string()])[..] {
        [Delta::Error(error)] => error.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        error(json!({ "error": { "code": 429, "message": "slow down" } })),
        ProviderError::RateLimited { retry_after: None, .. }
    ));
    assert_eq!(
        error(
            json!({ "error": { "code": 400, "type": "exceed_context_size_error", "message": "4030 > 2048" } })
        ),
        ProviderError::ContextTooLong("4030 > 2048".to_owned())
    );
    assert_eq!(
        error(json!({ "error": { "code": "rate_limit_exceeded", "message": "later" } })),
        ProviderError::RateLimited { text: "later".to_owned(), retry_after: None }
    );
    assert_eq!(error(json!({ "error": "broken" })), ProviderError::Server("broken".to_owned()));
    assert!(matches!(&deltas(&["{".to_owned()])[..], [Delta::Error(ProviderError::Protocol(_))]));
}
