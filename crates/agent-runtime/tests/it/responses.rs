//! Responses: what is sent, and what is made of the ways in which servers answer.

use agent_runtime::provider::assembly::Assembler;
use agent_runtime::provider::responses::{Decoder, encode};
use agent_runtime::provider::{
    Delta, Effort, FinishReason, Message, Origin, OutputSchema, Parameters, ProviderError, Reasoning, Reply,
    Request, Thinking, ToolCall, ToolDefinition, Usage, Wire,
};
use agent_runtime::sse::SseEvent;
use serde_json::{Value, json};

fn origin() -> Origin {
    Origin::new(Wire::Responses, "openai", "gpt-5")
}

fn parameters() -> Parameters {
    let mut parameters = Parameters::default();
    parameters.origin = origin();
    parameters.model = "gpt-5".to_owned();
    parameters
}

fn deltas(events: &[Value]) -> Vec<Delta> {
    let mut decoder = Decoder::default();
    let events = events.iter().map(|data| SseEvent { name: String::new(), data: data.to_string() });
    events.flat_map(|event| decoder.feed(&event)).collect()
}

fn reply(events: &[Value]) -> Reply {
    let mut assembler = Assembler::new(origin());
    for delta in deltas(events) {
        assembler.add(&delta).unwrap();
    }
    assembler.finish(&[], || "fresh".to_owned())
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

fn thought(after_text: bool, calls_before: usize, id: &str) -> Reasoning {
    let content = json!({ "type": "reasoning", "id": id, "summary": [], "encrypted_content": "…" });
    Reasoning { origin: origin(), after_text, calls_before, content }
}

#[test]
fn a_request_as_it_is_sent() {
    let mut parameters = parameters();
    parameters.max_tokens = Some(64);
    parameters.parallel_tool_calls = Some(false);
    parameters.thinking = Some(Thinking::Effort(Effort::Low));
    parameters.keeps_reasoning = true;
    parameters.output = Some(OutputSchema {
        name: "answer".to_owned(),
        description: None,
        schema: json!({ "type": "object" }),
        strict: true,
    });
    let foreign = Reasoning { origin: Origin::default(), ..thought(false, 0, "rs_foreign") };
    let messages = [
        Message::System("one".to_owned()),
        Message::System("two".to_owned()),
        Message::User("u".to_owned()),
        Message::Assistant {
            text: "I look.".to_owned(),
            calls: vec![call("c1", "t", "{\"a\":1}"), call("c2", "t", "{\"a\":")],
            reasoning: vec![foreign, thought(false, 0, "rs_1"), thought(true, 1, "rs_2")],
        },
        Message::Tool { call_id: "c1".to_owned(), text: "r".to_owned() },
        Message::Tool { call_id: "c2".to_owned(), text: String::new() },
        Message::System("later".to_owned()),
    ];
    let definition = ToolDefinition {
        name: "t".to_owned(),
        description: "d".to_owned(),
        parameters: json!({ "type": "object" }),
    };
    let body = encode(&Request { parameters: &parameters, messages: &messages, tools: &[definition] });
    insta::assert_json_snapshot!(body, @r#"
    {
      "include": [
        "reasoning.encrypted_content"
      ],
      "input": [
        {
          "content": [
            {
              "text": "u",
              "type": "input_text"
            }
          ],
          "role": "user",
          "type": "message"
        },
        {
          "encrypted_content": "…",
          "id": "rs_1",
          "summary": [],
          "type": "reasoning"
        },
        {
          "content": [
            {
              "text": "I look.",
              "type": "output_text"
            }
          ],
          "role": "assistant",
          "type": "message"
        },
        {
          "arguments": "{\"a\":1}",
          "call_id": "c1",
          "name": "t",
          "type": "function_call"
        },
        {
          "encrypted_content": "…",
          "id": "rs_2",
          "summary": [],
          "type": "reasoning"
        },
        {
          "arguments": "{}",
          "call_id": "c2",
          "name": "t",
          "type": "function_call"
        },
        {
          "call_id": "c1",
          "output": "r",
          "type": "function_call_output"
        },
        {
          "call_id": "c2",
          "output": "",
          "type": "function_call_output"
        },
        {
          "content": [
            {
              "text": "later",
              "type": "input_text"
            }
          ],
          "role": "system",
          "type": "message"
        }
      ],
      "instructions": "one\n\ntwo",
      "max_output_tokens": 64,
      "model": "gpt-5",
      "parallel_tool_calls": false,
      "reasoning": {
        "effort": "low"
      },
      "store": false,
      "stream": true,
      "text": {
        "format": {
          "name": "answer",
          "schema": {
            "type": "object"
          },
          "strict": true,
          "type": "json_schema"
        }
      },
      "tools": [
        {
          "description": "d",
          "name": "t",
          "parameters": {
            "type": "object"
          },
          "strict": false,
          "type": "function"
        }
      ]
    }
    "#);
}

#[test]
fn a_request_with_nothing_special_says_nothing_special() {
    let mut parameters = parameters();
    parameters.parallel_tool_calls = Some(true);
    let messages = [Message::User("u".to_owned()), Message::assistant("", Vec::new())];
    let body = encode(&Request { parameters: &parameters, messages: &messages, tools: &[] });
    assert_eq!(
        body,
        json!({
            "model": "gpt-5",
            "input": [
                { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "u" }] },
                { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "" }] },
            ],
            "stream": true,
            "store": false,
        })
    );
}

#[test]
fn a_thought_that_nothing_came_of_is_not_sent_back() {
    let cut = Message::Assistant {
        text: "Well".to_owned(),
        calls: Vec::new(),
        reasoning: vec![thought(true, 0, "rs_cut"), thought(true, 1, "rs_of_a_call_that_was_dropped")],
    };
    let messages = [Message::User("u".to_owned()), cut, Message::User("v".to_owned())];
    let body = encode(&Request { parameters: &parameters(), messages: &messages, tools: &[] });
    assert_eq!(body["input"].as_array().map(Vec::len), Some(3));
}

#[test]
fn thoughts_are_shown_in_words_and_kept_encrypted() {
    let done = |item: Value, index: u64| json!({ "type": "response.output_item.done", "output_index": index, "item": item });
    let events = [
        json!({ "type": "response.created", "response": { "model": "gpt-5-2025-08-07" } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "reasoning", "id": "rs_1", "summary": [] } }),
        json!({ "type": "response.reasoning_summary_part.added", "output_index": 0 }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "First" }),
        json!({ "type": "response.reasoning_summary_part.added", "output_index": 0 }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "then" }),
        done(
            json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "text": "…" }], "encrypted_content": "secret", "status": "completed" }),
            0,
        ),
        done(
            json!({ "type": "message", "id": "m", "content": [{ "type": "output_text", "text": "Hello" }] }),
            1,
        ),
        done(json!({ "type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": null }), 2),
        done(
            json!({ "type": "function_call", "id": "fc", "call_id": "c1", "name": "t", "arguments": "{}" }),
            3,
        ),
        json!({ "type": "response.completed", "response": { "status": "completed", "usage": {
            "input_tokens": 50, "input_tokens_details": { "cached_tokens": 20 },
            "output_tokens": 30, "output_tokens_details": { "reasoning_tokens": 25 },
        } } }),
    ];
    let shown: String = deltas(&events)
        .into_iter()
        .filter_map(|delta| match delta {
            Delta::Reasoning(text) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(shown, "First\n\nthen");
    let got = reply(&events);
    assert_eq!(got.model.as_deref(), Some("gpt-5-2025-08-07"));
    assert_eq!((got.text.as_str(), &got.calls[..]), ("Hello", &[call("c1", "t", "{}")][..]));
    // A thought that cannot be read again is of no use; the status is not taken back.
    let kept = json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "text": "…" }], "encrypted_content": "secret" });
    assert_eq!(
        got.reasoning,
        [Reasoning { origin: origin(), after_text: false, calls_before: 0, content: kept }]
    );
    let usage = Usage { input: 50, output: 30, cache_read: 20, cache_write: 0, reasoning: 25 };
    assert_eq!((got.usage, got.finish), (Some(usage), Some(FinishReason::ToolCalls)));
}

#[test]
fn servers_that_say_less_or_more_are_understood_alike() {
    let item = json!({ "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "t", "arguments": "{\"a\":1}" });
    let text =
        json!({ "type": "message", "id": "m_1", "content": [{ "type": "output_text", "text": "Hi" }] });
    let whole = json!({ "status": "completed", "output": [text, item], "usage": { "input_tokens": 1, "output_tokens": 2 } });
    let without_output = json!({ "status": "completed", "usage": { "input_tokens": 1, "output_tokens": 2 } });
    let expected = |got: Reply, what: &str| {
        assert_eq!(
            (got.text.as_str(), &got.calls[..]),
            ("Hi", &[call("c1", "t", "{\"a\":1}")][..]),
            "{what}"
        );
        assert_eq!(got.usage.map(|usage| (usage.input, usage.output)), Some((1, 2)), "{what}");
        assert_eq!(got.finish, Some(FinishReason::ToolCalls), "{what}");
    };
    let completed = |response: &Value| json!({ "type": "response.completed", "response": response });
    let text_delta =
        |key: &str, value: Value| json!({ "type": "response.output_text.delta", key: value, "delta": "Hi" });
    let piece = |key: &str, value: Value, part: &str| json!({ "type": "response.function_call_arguments.delta", key: value, "delta": part });
    let added = json!({ "type": "response.output_item.added", "item": { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "t" } });
    expected(reply(&[completed(&whole)]), "the last event only");
    let mut document = whole.clone();
    document["object"] = json!("response");
    expected(reply(&[document]), "no stream at all");
    expected(
        reply(&[
            text_delta("item_id", json!("m_1")),
            added.clone(),
            piece("item_id", json!("fc_1"), "{\"a\""),
            piece("item_id", json!("fc_1"), ":1}"),
            completed(&without_output),
        ]),
        "ids instead of places",
    );
    expected(
        reply(&[
            text_delta("x", json!(0)),
            json!({ "type": "response.output_item.done", "output_index": 1, "item": item }),
            completed(&whole),
        ]),
        "items that come whole, and all of it again at the end",
    );
    let arguments_done = json!({ "type": "response.function_call_arguments.done", "item_id": "fc_1", "arguments": { "a": 1 } });
    expected(
        reply(&[text_delta("item_id", json!("m_1")), added, arguments_done, completed(&without_output)]),
        "arguments that come whole, as an object",
    );
}

#[test]
fn ends_and_errors() {
    let incomplete = |reason: &str| {
        let response = json!({ "status": "incomplete", "incomplete_details": { "reason": reason } });
        reply(&[json!({ "type": "response.incomplete", "response": response })]).finish
    };
    assert_eq!(incomplete("max_output_tokens"), Some(FinishReason::Length));
    assert_eq!(incomplete("content_filter"), Some(FinishReason::ContentFilter));
    let error = |value: Value| match deltas(&[value]).pop() {
        Some(Delta::Error(error)) => error,
        other => panic!("{other:?}"),
    };
    let failed = |code: &str| {
        let response = json!({ "status": "failed", "error": { "code": code, "message": "m" } });
        error(json!({ "type": "response.failed", "response": response }))
    };
    assert_eq!(failed("server_error"), ProviderError::Server("m".to_owned()));
    assert_eq!(
        failed("rate_limit_exceeded"),
        ProviderError::RateLimited { text: "m".to_owned(), retry_after: None }
    );
    assert_eq!(failed("context_length_exceeded"), ProviderError::ContextTooLong("m".to_owned()));
    assert_eq!(
        error(json!({ "type": "error", "code": "invalid_prompt", "message": "m" })),
        ProviderError::InvalidRequest("m".to_owned())
    );
    assert_eq!(
        error(json!({ "error": { "code": 429, "message": "m" } })),
        ProviderError::RateLimited { text: "m".to_owned(), retry_after: None }
    );
}
