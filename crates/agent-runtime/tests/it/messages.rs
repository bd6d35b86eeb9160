//! Anthropic's messages: what is sent, and what is made of the ways in which servers answer.

use agent_runtime::provider::anthropic::{Decoder, encode};
use agent_runtime::provider::assembly::Assembler;
use agent_runtime::provider::{
    Delta, Effort, FinishReason, Message, Origin, OutputSchema, Parameters, ProviderError, Reasoning, Reply,
    Request, Thinking, ToolCall, ToolDefinition, Usage, Wire,
};
use agent_runtime::sse::SseEvent;
use serde_json::{Value, json};

fn origin() -> Origin {
    Origin::new(Wire::Messages, "anthropic", "claude-sonnet-4-5")
}

fn parameters() -> Parameters {
    let mut parameters = Parameters::default();
    parameters.origin = origin();
    parameters.model = "claude-sonnet-4-5".to_owned();
    parameters.max_tokens = Some(64);
    parameters
}

fn tool() -> ToolDefinition {
    ToolDefinition {
        name: "t".to_owned(),
        description: "d".to_owned(),
        parameters: json!({ "type": "object" }),
    }
}

fn encoded(parameters: &Parameters, messages: &[Message], tools: &[ToolDefinition]) -> Value {
    encode(&Request { parameters, messages, tools })
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

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "t".to_owned(), arguments: arguments.to_owned() }
}

fn thought(signature: &str) -> Reasoning {
    let content = json!({ "type": "thinking", "thinking": "hm", "signature": signature });
    Reasoning { origin: origin(), after_text: false, calls_before: 0, content }
}

fn answer(id: &str, text: &str) -> Message {
    Message::Tool { call_id: id.to_owned(), text: text.to_owned() }
}

#[test]
fn a_request_as_it_is_sent() {
    let mut parameters = parameters();
    parameters.parallel_tool_calls = Some(false);
    parameters.thinking = Some(Thinking::Tokens(2_048));
    parameters.extra.insert("top_k".to_owned(), json!(5));
    let messages = [
        Message::System("one".to_owned()),
        Message::System("two".to_owned()),
        Message::User("u".to_owned()),
        Message::Assistant {
            text: "I look.".to_owned(),
            calls: vec![call("c1", "{\"a\":1}"), call("c2", "{\"a\":")],
            reasoning: vec![thought("s1")],
        },
        answer("c1", "r"),
        answer("c2", " \n"),
        Message::User("and?".to_owned()),
    ];
    insta::assert_json_snapshot!(encoded(&parameters, &messages, &[tool()]), @r#"
    {
      "max_tokens": 64,
      "messages": [
        {
          "content": [
            {
              "text": "u",
              "type": "text"
            }
          ],
          "role": "user"
        },
        {
          "content": [
            {
              "signature": "s1",
              "thinking": "hm",
              "type": "thinking"
            },
            {
              "text": "I look.",
              "type": "text"
            },
            {
              "id": "c1",
              "input": {
                "a": 1
              },
              "name": "t",
              "type": "tool_use"
            },
            {
              "id": "c2",
              "input": {},
              "name": "t",
              "type": "tool_use"
            }
          ],
          "role": "assistant"
        },
        {
          "content": [
            {
              "content": [
                {
                  "text": "r",
                  "type": "text"
                }
              ],
              "tool_use_id": "c1",
              "type": "tool_result"
            },
            {
              "content": [],
              "tool_use_id": "c2",
              "type": "tool_result"
            },
            {
              "cache_control": {
                "type": "ephemeral"
              },
              "text": "and?",
              "type": "text"
            }
          ],
          "role": "user"
        }
      ],
      "model": "claude-sonnet-4-5",
      "stream": true,
      "system": [
        {
          "cache_control": {
            "type": "ephemeral"
          },
          "text": "one\n\ntwo",
          "type": "text"
        }
      ],
      "thinking": {
        "budget_tokens": 2048,
        "type": "enabled"
      },
      "tool_choice": {
        "disable_parallel_tool_use": true,
        "type": "auto"
      },
      "tools": [
        {
          "description": "d",
          "input_schema": {
            "type": "object"
          },
          "name": "t"
        }
      ],
      "top_k": 5
    }
    "#);
}

#[test]
fn blank_texts_are_left_out() {
    let messages = [
        Message::System(" ".to_owned()),
        Message::User("u".to_owned()),
        Message::assistant(" ", Vec::new()),
        Message::User(" ".to_owned()),
        Message::User("v".to_owned()),
    ];
    let body = encoded(&parameters(), &messages, &[]);
    assert!(body.get("system").is_none());
    let blocks = json!([
        { "type": "text", "text": "u" },
        { "type": "text", "text": "v", "cache_control": { "type": "ephemeral" } },
    ]);
    assert_eq!(body["messages"], json!([{ "role": "user", "content": blocks }]));
    // Without a system prompt the tools carry the first mark.
    let body = encoded(&parameters(), &messages[1..2], &[tool(), tool()]);
    assert!(body["tools"][0].get("cache_control").is_none());
    assert_eq!(body["tools"][1]["cache_control"], json!({ "type": "ephemeral" }));
}

#[test]
fn how_long_to_think_and_in_which_form_to_answer() {
    let mut parameters = parameters();
    let messages = [Message::User("u".to_owned())];
    parameters.output = Some(OutputSchema {
        name: "answer".to_owned(),
        description: None,
        schema: json!({ "type": "object" }),
        strict: true,
    });
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    let body = encoded(&parameters, &messages, &[]);
    assert_eq!((&body["output_config"], body.get("thinking")), (&json!({ "format": format }), None));
    parameters.thinking = Some(Thinking::Effort(Effort::Minimal));
    let body = encoded(&parameters, &messages, &[]);
    assert_eq!(body["thinking"], json!({ "type": "adaptive" }));
    assert_eq!(body["output_config"], json!({ "effort": "low", "format": format }));
    parameters.output = None;
    parameters.thinking = Some(Thinking::Adaptive);
    let body = encoded(&parameters, &messages, &[]);
    assert_eq!((&body["thinking"], body.get("output_config")), (&json!({ "type": "adaptive" }), None));
}

#[test]
fn a_thought_that_nothing_came_of_is_not_sent_back() {
    let cut = |text: &str| Message::Assistant {
        text: text.to_owned(),
        calls: Vec::new(),
        reasoning: vec![thought("s")],
    };
    let sent = |text: &str| {
        let messages = [Message::User("u".to_owned()), cut(text), Message::User("v".to_owned())];
        encoded(&parameters(), &messages, &[])["messages"].to_string().contains("thinking")
    };
    assert!(sent("so"));
    assert!(!sent(" "));
}

#[test]
fn a_round_that_began_without_thoughts_goes_on_without() {
    let mut parameters = parameters();
    parameters.thinking = Some(Thinking::Tokens(2_048));
    let said = |reasoning: Vec<Reasoning>| Message::Assistant {
        text: String::new(),
        calls: vec![call("c", "{}")],
        reasoning,
    };
    let thinks = |messages: &[Message]| encoded(&parameters, messages, &[]).get("thinking").is_some();
    let user = || Message::User("u".to_owned());
    assert!(thinks(&[user(), said(vec![thought("s")]), answer("c", "r")]));
    // Another model began this round: the provider would refuse to think now.
    assert!(!thinks(&[user(), said(Vec::new()), answer("c", "r")]));
    let foreign = Reasoning { origin: Origin::default(), ..thought("s") };
    assert!(!thinks(&[user(), said(vec![foreign]), answer("c", "r")]));
    // The next round is a new one.
    assert!(thinks(&[
        user(),
        said(Vec::new()),
        answer("c", "r"),
        Message::assistant("ok", Vec::new()),
        user()
    ]));
}

#[test]
fn thoughts_are_shown_signed_and_kept() {
    let start = |index: u64, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let piece =
        |index: u64, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let stop = |index: u64| json!({ "type": "content_block_stop", "index": index });
    let got = reply(&[
        json!({ "type": "message_start", "message": { "model": "claude-sonnet-4-5-20250929", "usage": { "input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 25, "output_tokens": 1 } } }),
        start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        piece(0, json!({ "type": "thinking_delta", "thinking": "Let " })),
        piece(0, json!({ "type": "thinking_delta", "thinking": "me" })),
        piece(0, json!({ "type": "signature_delta", "signature": "EqQB" })),
        stop(0),
        start(1, json!({ "type": "redacted_thinking", "data": "opaque" })),
        stop(1),
        start(2, json!({ "type": "thinking", "thinking": "unsigned" })),
        stop(2),
        start(3, json!({ "type": "text", "text": "" })),
        piece(3, json!({ "type": "text_delta", "text": "Hello" })),
        piece(3, json!({ "type": "citations_delta", "citation": {} })),
        stop(3),
        start(4, json!({ "type": "tool_use", "id": "c1", "name": "t", "input": {} })),
        piece(4, json!({ "type": "input_json_delta", "partial_json": "" })),
        piece(4, json!({ "type": "input_json_delta", "partial_json": "{\"a\":1}" })),
        stop(4),
        // Some servers repeat the counts as zeros.
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "input_tokens": 0, "output_tokens": 89 } }),
        json!({ "type": "message_stop" }),
    ]);
    let contents: Vec<&Value> = got.reasoning.iter().map(|reasoning| &reasoning.content).collect();
    assert_eq!(
        contents,
        [
            &json!({ "type": "thinking", "thinking": "Let me", "signature": "EqQB" }),
            &json!({ "type": "redacted_thinking", "data": "opaque" }),
        ]
    );
    assert_eq!((got.text.as_str(), &got.calls[..]), ("Hello", &[call("c1", "{\"a\":1}")][..]));
    let usage = Usage { input: 100, output: 89, cache_read: 70, cache_write: 25, reasoning: 0 };
    assert_eq!((got.usage, got.finish), (Some(usage), Some(FinishReason::ToolCalls)));
}

#[test]
fn servers_that_say_less_or_more_are_understood_alike() {
    let expected = |got: Reply, what: &str| assert_eq!(got.calls, [call("c1", "{\"a\":1}")], "{what}");
    let start = |block: Value| json!({ "type": "content_block_start", "index": 0, "content_block": block });
    let delta = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{\"a\":1}" } });
    let stop = json!({ "type": "content_block_stop", "index": 0 });
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } });
    let head = json!({ "type": "tool_use", "id": "c1", "name": "t" });
    let whole = json!({ "type": "tool_use", "id": "c1", "name": "t", "input": { "a": 1 } });
    expected(reply(&[start(head.clone()), delta.clone(), stop.clone(), end.clone()]), "no input member");
    expected(reply(&[start(whole.clone()), stop.clone(), end.clone()]), "the whole input at the beginning");
    expected(reply(&[start(whole.clone()), delta.clone(), stop, end.clone()]), "the input twice");
    expected(reply(&[start(whole.clone()), end.clone()]), "blocks that are never closed");
    let got = reply(&[start(head), delta, end]);
    assert_eq!(got.finish, Some(FinishReason::ToolCalls), "a reason that says otherwise");
    let document = json!({ "type": "message", "model": "m", "content": [{ "type": "text", "text": "Hi" }, whole], "stop_reason": "tool_use", "usage": { "input_tokens": 3, "output_tokens": 4 } });
    let got = reply(&[document]);
    assert_eq!((got.text.as_str(), got.usage.map(|usage| usage.total())), ("Hi", Some(7)));
    expected(got, "no stream at all");
}

#[test]
fn ends_and_errors() {
    let end = |reason: &str| {
        reply(&[json!({ "type": "message_delta", "delta": { "stop_reason": reason } })]).finish
    };
    assert_eq!(end("max_tokens"), Some(FinishReason::Length));
    assert_eq!(end("model_context_window_exceeded"), Some(FinishReason::Length));
    assert_eq!(end("refusal"), Some(FinishReason::ContentFilter));
    assert_eq!(end("stop_sequence"), Some(FinishReason::Stop));
    let error =
        |kind: &str| match deltas(&[json!({ "type": "error", "error": { "type": kind, "message": "m" } })])
            .pop()
        {
            Some(Delta::Error(error)) => error,
            other => panic!("{other:?}"),
        };
    assert_eq!(error("overloaded_error"), ProviderError::Server("m".to_owned()));
    assert_eq!(error("api_error"), ProviderError::Server("m".to_owned()));
    assert_eq!(error("timeout_error"), ProviderError::Timeout("m".to_owned()));
    assert_eq!(error("not_found_error"), ProviderError::NotFound("m".to_owned()));
    assert_eq!(error("permission_error"), ProviderError::Auth("m".to_owned()));
    assert_eq!(
        error("rate_limit_error"),
        ProviderError::RateLimited { text: "m".to_owned(), retry_after: None }
    );
}
