//! What refusals mean, and when it is worth trying again.

use std::time::Duration;

use agent_runtime::{Event, ProviderError, RetryPolicy, TurnOutcome};

use crate::server::{Script, Server, says};
use crate::setup::{Notes, Stage};

fn read(status: u16, body: &str) -> ProviderError {
    ProviderError::from_response(status, None, body)
}

#[test]
fn refusals_by_status_and_body() {
    let overflow = r#"{"error":{"code":400,"message":"request (4030 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_ctx":2048}}"#;
    assert!(matches!(read(400, overflow), ProviderError::ContextTooLong(_)));
    let openai = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    assert!(matches!(read(400, openai), ProviderError::ContextTooLong(_)));
    assert_eq!(
        read(401, r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#),
        ProviderError::Auth("Incorrect API key provided (status 401)".to_owned())
    );
    assert!(matches!(read(403, ""), ProviderError::Auth(_)));
    assert!(matches!(read(404, r#"{"error":"model not found"}"#), ProviderError::NotFound(_)));
    assert!(matches!(
        read(422, r#"{"object":"error","message":{"detail":[]},"type":"x"}"#),
        ProviderError::InvalidRequest(_)
    ));
    assert!(matches!(read(500, "<html>"), ProviderError::Server(_)));
    assert!(matches!(read(529, ""), ProviderError::Server(_)));
    assert!(matches!(read(408, ""), ProviderError::Timeout(_)));
    assert!(matches!(read(302, ""), ProviderError::Protocol(_)));
    assert_eq!(
        read(400, r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#),
        ProviderError::InvalidRequest("bad (status 400)".to_owned())
    );
    let wait = Some(Duration::from_secs(7));
    let text = "q (status 429)".to_owned();
    assert_eq!(
        ProviderError::from_response(429, wait, r#"{"error":{"message":"q","code":"insufficient_quota"}}"#),
        ProviderError::RateLimited { text, retry_after: None }
    );
}

#[test]
fn a_long_page_of_rubbish_is_cut() {
    let ProviderError::Server(text) = read(502, &"x".repeat(100_000)) else { panic!("not a server error") };
    assert!(text.len() < 1_100, "{}", text.len());
}

#[test]
fn a_page_of_a_gateway_is_told_as_its_words() {
    let page = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n  <h1>Bad\n  gateway</h1><hr>nginx</body></html>";
    assert_eq!(
        read(502, page).to_string(),
        "the provider failed: status 502: 502 Bad Gateway Bad gateway nginx"
    );
    assert_eq!(read(500, " a < b\n").to_string(), "the provider failed: status 500: a < b");
}

#[test]
fn what_and_why_are_told_apart() {
    let refused = read(401, r#"{"error":{"message":"Incorrect API key provided"}}"#);
    assert_eq!(refused.what(), "the provider refused the key");
    assert_eq!(refused.why(), Some("Incorrect API key provided (status 401)"));
    let rubbish = ProviderError::Protocol("the provider sent an event that is not JSON".to_owned());
    assert_eq!((rubbish.why(), rubbish.to_string().as_str()), (None, rubbish.what()));
}

#[test]
fn what_is_tried_again_and_when() {
    let policy = RetryPolicy::default();
    let server = ProviderError::Server(String::new());
    let limited = |seconds| ProviderError::RateLimited {
        text: String::new(),
        retry_after: Option::map(seconds, Duration::from_secs),
    };
    let pauses = |attempt| {
        let pause = |random| policy.pause(&server, attempt, random).unwrap().as_millis();
        // The shortest, and the longest that any of these numbers gives.
        (pause(0), (0..2_000_000).step_by(997).map(pause).max().unwrap())
    };
    assert_eq!((pauses(1), pauses(2)), ((200, 399), (200, 799)));
    let patient = RetryPolicy { retries: 40, ..policy };
    assert!((1..=40).all(|attempt| patient.pause(&server, attempt, u64::MAX).unwrap() <= policy.max));
    let never = RetryPolicy { base: Duration::ZERO, max: Duration::ZERO, ..policy };
    assert_eq!(never.pause(&server, 1, u64::MAX), Some(Duration::ZERO));
    assert_eq!(policy.pause(&server, 3, 0), None);
    assert_eq!(policy.pause(&limited(Some(60)), 1, 5), Some(Duration::from_secs(60)));
    assert_eq!(policy.pause(&limited(Some(61)), 1, 5), None);
    assert_eq!(policy.pause(&limited(None), 1, 5), None);
    for class in [
        ProviderError::Auth,
        ProviderError::ContextTooLong,
        ProviderError::InvalidRequest,
        ProviderError::Protocol,
        ProviderError::Recording,
    ] {
        assert_eq!(policy.pause(&class(String::new()), 1, 0), None);
    }
}

#[test]
fn a_rate_limit_until_a_date_is_waited_for_unless_that_is_far_off() {
    // Compared with the date of the answer: what the clock here says does not matter.
    let date = |name, hour| (name, format!("Sun, 06 Nov 1994 {hour}:49:37 GMT"));
    let until = |hour| Script::Refusal(429, vec![date("date", 11), date("retry-after", hour)], String::new());
    let server = Server::start([until(11), says("ok"), until(12)]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    let pauses = notes.events.iter().filter_map(|event| match event {
        Event::Retry { pause_ms, class, .. } => Some((*pause_ms, class.as_str())),
        _ => None,
    });
    assert_eq!(pauses.collect::<Vec<_>>(), [(0, "rate_limited")]);
}
