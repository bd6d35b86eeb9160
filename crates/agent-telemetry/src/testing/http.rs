//! As much HTTP/1.1 as a fake collector needs: requests with `content-length`, answers, kept connections.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

/// The longest body that is read.
const MOST: u64 = 16 * 1024 * 1024;

/// What to do about a request.
pub(super) enum Reply {
    /// Leave it without an answer and read on.
    Nothing,
    /// Close the connection.
    Close,
    /// Answer it.
    Answer { status: u16, headers: Vec<(String, String)>, body: String },
}

/// Reads requests until the connection ends; `take` gets each head and body.
pub(super) fn serve(stream: TcpStream, mut take: impl FnMut(String, Vec<u8>) -> Reply) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = read(&mut reader) {
        let go_on = match take(head, body) {
            Reply::Nothing => true,
            Reply::Close => false,
            Reply::Answer { status, headers, body } => {
                writer.write_all(render(status, &headers, &body).as_bytes()).is_ok()
            }
        };
        if !go_on {
            break;
        }
    }
    // Not only dropped: the collector keeps another handle.
    let _ = writer.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => head.push_str(&line),
        }
    }
    let length: u64 = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    let read = reader.take(length.min(MOST)).read_to_end(&mut body).ok()?;
    (read as u64 == length).then_some((head, body))
}

/// The value of a header in a request's head; its name in any case.
pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn render(status: u16, headers: &[(String, String)], body: &str) -> String {
    let mut out = format!("HTTP/1.1 {status} Answer\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{name}: {value}\r\n");
    }
    out.push_str("\r\n");
    out.push_str(body);
    out
}
