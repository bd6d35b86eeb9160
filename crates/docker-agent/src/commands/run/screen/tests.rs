//! What a terminal gets, byte for byte.

use std::time::{Duration, Instant};

use agent_runtime::{Event, ToolStatus};
use insta::assert_snapshot;
use serde_json::json;

use super::Screen;

fn screen(width: fn() -> usize) -> Screen<Vec<u8>> {
    let mut screen = Screen::new(Vec::new(), width, false);
    screen.begin();
    screen
}

fn shown(screen: &Screen<Vec<u8>>) -> String {
    String::from_utf8(screen.out.clone()).expect("UTF-8").replace('\r', "<CR>").replace('\u{1b}', "<ESC>")
}

fn call(screen: &mut Screen<Vec<u8>>, id: &str, cmd: &str) {
    let (id, name) = (id.to_owned(), "shell".to_owned());
    screen.event(&Event::ToolCall { id, name, arguments: json!({"cmd": cmd}) }).expect("written");
}

fn result(screen: &mut Screen<Vec<u8>>, id: &str, status: ToolStatus, text: &str) {
    let (id, name, text) = (id.to_owned(), "shell".to_owned(), text.to_owned());
    screen
        .event(&Event::ToolResult { id, name, status, text, elapsed_ms: 1234, diff: None })
        .expect("written");
}

#[test]
fn calls_are_one_line_each_with_outcome_and_time() {
    let mut screen = screen(|| 40);
    screen.event(&Event::TextDelta { text: "I look.".to_owned() }).expect("written");
    call(&mut screen, "1", "ls -l");
    result(&mut screen, "1", ToolStatus::Ok, "a.txt");
    call(&mut screen, "2", "a command that is longer than the line");
    result(&mut screen, "2", ToolStatus::Error, "\nexit status 1\nmore");
    call(&mut screen, "3", "rm -r /");
    result(&mut screen, "3", ToolStatus::Denied, "the user said no");
    assert_snapshot!(shown(&screen), @"
    I look.
    ✓ shell ls -l (1.2 s)
    ✗ shell a command that… (failed, 1.2 s)
      exit status 1
    ✗ shell rm -r / (denied, 1.2 s)
      the user said no
    ");
}

#[test]
fn the_spinner_shows_when_nothing_happens_and_gives_way() {
    let mut screen = screen(|| 80);
    let start = Instant::now();
    screen.tick_at(start).expect("written");
    assert_eq!(shown(&screen), "", "not at once");
    screen.tick_at(start + Duration::from_secs(2)).expect("written");
    screen.tokens = 1234;
    screen.tick_at(start + Duration::from_secs(65)).expect("written");
    screen.event(&Event::TextDelta { text: "so far ".to_owned() }).expect("written");
    screen.tick_at(start + Duration::from_secs(70)).expect("written");
    screen.event(&Event::TextDelta { text: "so good.".to_owned() }).expect("written");
    screen.settle_text().expect("written");
    assert_snapshot!(shown(&screen), @"<CR>⠙ waiting 2 s<ESC>[K<CR>⠹ waiting 65 s · 1,234 tokens<ESC>[K<CR><ESC>[Kso far so good.");
}

#[test]
fn the_spinner_fits_into_any_terminal() {
    let widths: [fn() -> usize; 5] = [|| 0, || 1, || 10, || 40, || 300];
    for width in widths {
        let mut screen = screen(width);
        call(&mut screen, "1", "a command that is longer than the line, and than any spinner");
        screen.tick_at(Instant::now() + Duration::from_secs(3)).expect("written");
        let shown = shown(&screen);
        let line = shown.trim_start_matches("<CR>").trim_end_matches("<ESC>[K");
        assert!(line.chars().count() <= width().saturating_sub(1).min(super::SPINNER_WIDTH), "{line:?}");
    }
}

#[test]
fn long_lines_are_broken_between_words() {
    let mut screen = screen(|| 40);
    let (class, text) = ("auth".to_owned(), "the provider refused the key".to_owned());
    let causes = vec!["Incorrect API key provided: you find yours in your account (status 401)".to_owned()];
    screen.event(&Event::Error { class, text, causes }).expect("written");
    assert_snapshot!(shown(&screen), @"
    error: the provider refused the key
    cause: Incorrect API key provided: you
           find yours in your account
           (status 401)
    hint: check the key that the model
          uses: `token_key` in the agent
          file names its variable
    ");
}

#[test]
fn whoever_else_answers_is_said() {
    let mut screen = screen(|| 80);
    let names = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let (from, to) = names("openai/gpt-4o", "anthropic/claude-sonnet-4-5");
    let (class, text) = names("server", "the provider failed: overloaded (status 503)");
    let (agent, model) = names("closer", "openai/gpt-4o-mini");
    let events = [
        Event::Fallback { from, to, class, text },
        Event::AgentChanged { agent, model },
        Event::Compacted { messages: 12, summary: "They talked.".to_owned() },
    ];
    events.iter().for_each(|event| screen.event(event).expect("written"));
    assert_snapshot!(shown(&screen), @"
    openai/gpt-4o does not answer, asking anthropic/claude-sonnet-4-5: the provider
    failed: overloaded (status 503)
    closer, openai/gpt-4o-mini, answers from now on
    a summary took the place of 12 messages, to make room
    ");
}
