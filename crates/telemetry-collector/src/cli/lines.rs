//! Lines of a file as requests: a line may be a record, a request's body, or a line of a client's log of requests.
//!
//! Records that follow each other share a request, as a client's would.

use std::io::{self, BufRead, Read};

use serde_json::Value;

/// Longer than any request, escaped into a log's line.
const LINE_BYTES: u64 = 1 << 20;
/// What a request may have.
const RECORDS: usize = 64;
const BODY_BYTES: usize = 60_000;

/// A request made of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) body: Vec<u8>,
    /// The line of each record; a single one if all are of the same.
    pub(crate) lines: Vec<u64>,
    open: bool,
}

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Request(Request),
    /// Nothing that could be sent, and why.
    Bad {
        line: u64,
        problem: &'static str,
    },
}

/// Reads lines until the end.
pub(crate) struct Lines<R> {
    input: R,
    line: u64,
    records: Request,
    ready: Option<Found>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, line: 0, records: Request::default(), ready: None }
    }

    /// The next request or bad line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        loop {
            let Some(line) = self.read_line()? else { return Ok(self.flush()) };
            let found = match line {
                Line::Nothing => continue,
                Line::Bad(problem) => Found::Bad { line: self.line, problem },
                Line::Body(body) => {
                    Found::Request(Request { body, lines: vec![self.line], ..Request::default() })
                }
                Line::Record(record) => {
                    let full = self.records.lines.len() == RECORDS
                        || self.records.body.len() + record.len() > BODY_BYTES;
                    let done = if full { self.flush() } else { None };
                    self.add(&record);
                    if done.is_some() {
                        return Ok(done);
                    }
                    continue;
                }
            };
            // Order is kept: what came before goes first.
            return Ok(match self.flush() {
                Some(before) => {
                    self.ready = Some(found);
                    Some(before)
                }
                None => Some(found),
            });
        }
    }

    fn add(&mut self, record: &[u8]) {
        let body = &mut self.records.body;
        body.extend_from_slice(if self.records.open { b"," } else { b"{\"records\":[" });
        body.extend_from_slice(record);
        self.records.open = true;
        self.records.lines.push(self.line);
    }

    fn flush(&mut self) -> Option<Found> {
        if !self.records.open {
            return None;
        }
        let mut request = std::mem::take(&mut self.records);
        request.open = false;
        request.body.extend_from_slice(b"]}");
        Some(Found::Request(request))
    }

    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        if self.input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.len() as u64 == LINE_BYTES && line.last() != Some(&b'\n') {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Line::Bad("longer than any request")));
        }
        Ok(Some(understand(line.trim_ascii())))
    }
}

enum Line {
    Nothing,
    Record(Vec<u8>),
    Body(Vec<u8>),
    Bad(&'static str),
}

fn understand(line: &[u8]) -> Line {
    if line.is_empty() {
        return Line::Nothing;
    }
    match serde_json::from_slice::<Value>(line) {
        Err(_) => Line::Bad("is not JSON"),
        Ok(value) if value.get("records").is_some() => Line::Body(line.to_vec()),
        Ok(value) if value.get("event").is_some() => Line::Record(line.to_vec()),
        Ok(value) => match (value.get("kind").and_then(Value::as_str), value.get("body")) {
            (Some("request"), Some(Value::String(body))) => Line::Body(body.clone().into_bytes()),
            (Some("answer" | "failure"), _) => Line::Nothing,
            _ => Line::Bad("is neither a record nor a request's body"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut lines = Lines::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(next) = lines.next().unwrap() {
            found.push(match next {
                Found::Request(request) => {
                    format!("{:?} {}", request.lines, String::from_utf8(request.body).unwrap())
                }
                Found::Bad { line, problem } => format!("{line}: {problem}"),
            });
        }
        found
    }

    #[test]
    fn each_form_of_line_is_understood_and_order_is_kept() {
        let text = "{\"event\":1}\n\n{\"event\":2}\n{\"records\":[3]}\nrubbish\n{\"event\":4}\n[]\n\
            {\"kind\":\"request\",\"body\":\"{\\\"records\\\":[5]}\"}\n{\"kind\":\"answer\"}\n{\"event\":6}";
        insta::assert_debug_snapshot!(read(text), @r#"
        [
            "[1, 3] {\"records\":[{\"event\":1},{\"event\":2}]}",
            "[4] {\"records\":[3]}",
            "5: is not JSON",
            "[6] {\"records\":[{\"event\":4}]}",
            "7: is neither a record nor a request's body",
            "[8] {\"records\":[5]}",
            "[10] {\"records\":[{\"event\":6}]}",
        ]
        "#);
    }

    #[test]
    fn a_request_has_no_more_records_than_it_may() {
        let lines = Lines::new(&b"{\"event\":1}\n".repeat(130)[..]).all_counts();
        assert_eq!(lines, [64, 64, 2]);
    }

    #[test]
    fn a_line_without_end_costs_its_length_only_once() {
        let mut text = vec![b' '; 3 << 20];
        text.extend_from_slice(b"\n{\"event\":1}\n");
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.next().unwrap(), Some(Found::Bad { line: 1, problem: "longer than any request" }));
        assert!(matches!(lines.next().unwrap(), Some(Found::Request(request)) if request.lines == [2]));
    }

    impl<R: BufRead> Lines<R> {
        fn all_counts(mut self) -> Vec<usize> {
            std::iter::from_fn(|| self.next().unwrap())
                .map(|found| match found {
                    Found::Request(request) => request.lines.len(),
                    Found::Bad { .. } => 0,
                })
                .collect()
        }
    }
}
