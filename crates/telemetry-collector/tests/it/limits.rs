//! What a client may ask a connection to bear.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{Collector, NOW, PATIENCE, command, envelope, post, reply};

fn connect(collector: &Collector) -> TcpStream {
    let stream = TcpStream::connect(collector.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

#[test]
fn too_many_headers_and_too_long_ones_are_refused() {
    let collector = Collector::start();
    let host = collector.address;
    let many: String = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(40_000));
    for headers in [many, long] {
        let mut stream = connect(&collector);
        // The server may close while the rest is still being written.
        let _ = write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        assert_eq!(status(&mut stream), "431");
    }
}

/// Depth is where recursive parsers die.
#[test]
fn nesting_is_refused_before_it_costs_anything() {
    let collector = Collector::start();
    let deep = |open: &str, close: &str| {
        let nested = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        format!("{{\"records\":[{{\"event\":{nested}}}]}}")
    };
    for body in [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(65_000)] {
        let refused = collector.post(&body);
        assert_eq!((refused.status, refused.error_code().as_str()), (400, "bad_json"));
    }
    assert_eq!(collector.get("/healthz").status, 200);
}

#[test]
fn a_packed_body_is_taken_and_a_bomb_is_not() {
    let collector = Collector::start();
    let send = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        let request = ureq::post(collector.url("/events/v1/track"))
            .config()
            .http_status_as_error(false)
            .build()
            .header("content-type", "application/json")
            .header("content-encoding", "gzip");
        reply(request.send(&packed.finish().unwrap()[..]).unwrap())
    };
    let body = envelope((0..64).map(|n| command(n, 1, NOW, "run", true))).to_string();
    assert_eq!(send(body.as_bytes()).tally(), (64, 0, 0));
    let bomb = send(&vec![b' '; 30 << 20]);
    assert_eq!((bomb.status, bomb.error_code().as_str()), (413, "body_too_large"));
}

/// Connections that say nothing, half a head, half a body, or are closed on one side: others are served all the same,
/// and whatever is left when the collector ends does not keep it.
#[test]
fn silent_slow_and_half_closed_connections_disturb_nobody() {
    let collector = Collector::start();
    let host = collector.address;
    let mut kept = Vec::new();
    for n in 0..200 {
        let mut stream = connect(&collector);
        match n % 4 {
            0 => {}
            1 => write!(stream, "POST /events/v1/track HTTP/1.1\r\nHost: {host}\r\nX-Slow").unwrap(),
            2 => write!(
                stream,
                "POST /events/v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 Content-Length: 1000\r\n\r\n{{"
            )
            .unwrap(),
            _ => stream.shutdown(Shutdown::Write).unwrap(),
        }
        kept.push(stream);
    }
    for number in 0..20 {
        assert_eq!(collector.send([command(number, 1, NOW, "run", true)]).tally(), (1, 0, 0));
    }
    assert_eq!(collector.events().len(), 20);
    // Requests whose body never came are cut after ten seconds of draining, the others at once.
    kept.retain(|_| false);
    drop(collector.stop());
}

/// Beyond the limit a connection is told to come back; when others have gone, it is let in.
#[test]
fn connections_beyond_the_limit_are_told_so() {
    let collector = Collector::with(|settings| settings.connections = 8);
    let mut open: Vec<TcpStream> = (0..8).map(|_| connect(&collector)).collect();
    let host = collector.address;
    let ask = |stream: &mut TcpStream| {
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    };
    // An answer on each shows that all of them were accepted.
    for stream in &mut open {
        ask(stream);
        assert_eq!(status(stream), "200");
    }
    let mut refused = String::new();
    let mut stream = connect(&collector);
    ask(&mut stream);
    stream.read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"), "{refused}");
    assert!(refused.contains("\"code\":\"too_many_connections\""), "{refused}");

    drop(open);
    let body = envelope([command(1, 1, NOW, "run", true)]).to_string();
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let answer = post(&collector.url("/events/v1/track"), "application/json", body.as_bytes());
        match answer.status {
            503 if std::time::Instant::now() < until => std::thread::yield_now(),
            _ => break assert_eq!(answer.tally().2, 0),
        }
    }
}
