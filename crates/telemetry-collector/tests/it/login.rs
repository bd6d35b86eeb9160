//! The way in for people: a form, a cookie, and what a cookie is good for.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use telemetry_collector::{IngestAccess, Secret, TlsFiles};
use ureq::http::Request;

use crate::access::{KEY, TOKEN, secret_file};
use crate::harness::{Collector, NOW, PATIENCE, Reply, command, envelope, reply};

const HOUR: i64 = 3_600_000;
const PROXIED: &str = "stats.example.com";

/// A collector with a token, addressed by a browser that obeys its cookies only when told to.
struct Door {
    collector: Collector,
    clock: Arc<AtomicI64>,
}

impl Door {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let folder = tempfile::tempdir().unwrap();
        let collector = Collector::with(|settings| {
            let now = Arc::clone(&clock);
            settings.clock = Arc::new(move || now.load(Ordering::Relaxed));
            let token = secret_file(folder.path(), &format!("{TOKEN}\n"));
            settings.access.admin_token = Some(Secret::from_file(&token).unwrap());
            let keys = secret_file(folder.path(), KEY);
            settings.access.ingest = IngestAccess::from_file(&keys).unwrap();
            settings.access.hosts = vec![PROXIED.to_owned()];
        });
        Self { collector, clock }
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let request = headers.iter().fold(
            Request::builder().method(method).uri(self.collector.url(path)),
            |request, (name, value)| request.header(*name, *value),
        );
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .allow_non_standard_methods(true)
            .build()
            .into();
        reply(agent.run(request.body(body.to_owned()).unwrap()).unwrap())
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask("GET", path, headers, "")
    }

    /// What a browser asks for when somebody types an address.
    fn visit(&self, path: &str, cookie: &str) -> Reply {
        self.get(path, &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("cookie", cookie)])
    }

    /// Sends a form of the collector's own page; `more` stands before what a browser would say.
    fn submit(&self, path: &str, more: &[(&str, &str)], form: &str) -> Reply {
        let own = format!("http://{}", self.collector.address);
        let mut headers = more.to_vec();
        for (name, value) in [
            ("origin", &*own),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
        ] {
            if !more.iter().any(|(given, _)| *given == name) {
                headers.push((name, value));
            }
        }
        self.ask("POST", path, &headers, form)
    }

    /// The cookie of a new session, as a browser sends it back.
    fn log_in(&self) -> String {
        let answer = self.submit("/login", &[], &format!("token={TOKEN}&next=/"));
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.header("location").unwrap()
}

#[test]
fn somebody_at_a_browser_is_led_to_the_form_and_back() {
    let door = Door::new();
    let refused = door.visit("/?from=2026-11-01&to=2026-11-02", "");
    assert_eq!(location(&refused), "/login?next=%2F%3Ffrom%3D2026-11-01%26to%3D2026-11-02");
    let form = door.visit(location(&refused), "");
    assert_eq!((form.status, form.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(form.body.contains("action=\"/login\" method=\"post\""), "{}", form.body);
    assert!(form.body.contains("value=\"/?from=2026-11-01&#38;to=2026-11-02\""), "{}", form.body);
    let next = "%2F%3Ffrom%3D2026-11-01%26to%3D2026-11-02";
    let entered = door.submit("/login", &[], &format!("token={TOKEN}&next={next}"));
    assert_eq!(location(&entered), "/?from=2026-11-01&to=2026-11-02");
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap();
    let page = door.visit(location(&entered), cookie);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("action=\"/logout\""), "the way out is on the page");
    assert_eq!(location(&door.visit("/login?next=/tools", cookie)), "/tools", "who is in need not log in");
}

#[test]
fn programs_are_refused_and_not_led_anywhere() {
    let door = Door::new();
    for headers in [&[][..], &[("accept", "*/*")], &[("accept", "application/json")]] {
        assert_eq!(door.get("/", headers).error_code(), "unauthorized");
    }
    let wrong = [("accept", "text/html"), ("authorization", "Bearer wrong")];
    assert_eq!(door.get("/", &wrong).error_code(), "unauthorized");
    assert_eq!(door.ask("POST", "/", &[("accept", "text/html")], "").error_code(), "unauthorized");
    let head = door.ask("HEAD", "/?a=b", &[("accept", "text/html")], "");
    assert_eq!((location(&head), head.body.as_str()), ("/login?next=%2F%3Fa%3Db", ""));
    let track = door.ask("GET", "/events/v1/track", &[("accept", "text/html")], "");
    assert_eq!(track.error_code(), "unauthorized", "ingest has no form");
}

#[test]
fn what_everybody_may_see_needs_no_session() {
    let door = Door::new();
    for path in ["/login", "/healthz", "/readyz", "/assets/page.css", "/assets/page.js", "/collected"] {
        let answer = door.visit(path, "");
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("/logout"), "{path} shows the way out to nobody who is not in");
    }
    assert_eq!(door.ask("HEAD", "/login", &[], "").status, 200);
    for path in ["/metrics", "/openapi.json", "/assets", "/assetsx", "/collected/x", "/login/x", "/nowhere"] {
        assert!(location(&door.visit(path, "")).starts_with("/login?next="), "{path}");
    }
}

#[test]
fn a_wrong_token_opens_nothing_and_says_so() {
    let door = Door::new();
    for form in
        ["token=wrong", "token=", "", "next=/", &format!("token={TOKEN}x"), &format!("token=Bearer+{TOKEN}")]
    {
        let refused = door.submit("/login", &[], form);
        assert_eq!(refused.status, 401, "{form}");
        assert!(refused.body.contains("this is not the admin&#39;s token"), "{}", refused.body);
        assert!(refused.header("set-cookie").is_none() && !refused.body.contains(TOKEN));
    }
    let program = door.submit("/login", &[("accept", "*/*")], "token=wrong");
    assert_eq!(program.error_code(), "unauthorized");
    assert!(
        door.submit("/login", &[], &format!("token=+{TOKEN}%0D%0A")).status == 303,
        "white space is none of it"
    );
}

#[test]
fn forms_that_are_none_are_refused() {
    let door = Door::new();
    let json = [("content-type", "application/json"), ("accept", "*/*")];
    assert_eq!(door.submit("/login", &json, "{}").error_code(), "unsupported_media_type");
    let packed = [("content-encoding", "gzip"), ("accept", "*/*")];
    assert_eq!(door.submit("/login", &packed, "").error_code(), "unsupported_media_type");
    let form = format!("token={TOKEN}&token={TOKEN}");
    assert_eq!(door.submit("/login", &[("accept", "*/*")], &form).error_code(), "bad_query");
    let huge = format!("token={}", "a".repeat(100_000));
    assert_eq!(door.submit("/login", &[("accept", "*/*")], &huge).error_code(), "body_too_large");
    assert_eq!(door.ask("GET", "/logout", &[], "").error_code(), "method_not_allowed");
}

#[test]
fn nobody_is_led_to_another_place() {
    let door = Door::new();
    let cookie = door.log_in();
    for next in ["//example.com", "/%5Cexample.com", "https://example.com", "%09//example.com", "x", ""] {
        assert_eq!(
            location(&door.submit("/login", &[], &format!("token={TOKEN}&next={next}"))),
            "/",
            "{next}"
        );
        assert_eq!(location(&door.visit(&format!("/login?next={next}"), &cookie)), "/", "{next}");
        let form = door.visit(&format!("/login?next={next}"), "").body;
        assert!(form.contains("name=\"next\" value=\"/\""), "{form}");
    }
    assert_eq!(location(&door.submit("/login", &[], &format!("token={TOKEN}"))), "/");
    let refused = door.submit("/login", &[], "token=wrong&next=%2Fa%22%3E%3Cscript%3E").body;
    assert!(!refused.contains("<script>") && refused.contains("/a&#34;&#62;&#60;script"), "{refused}");
}

#[test]
fn the_cookie_is_for_this_site_alone_and_no_script() {
    let door = Door::new();
    let cookie_of = |headers: &[(&str, &str)]| {
        let answer = door.submit("/login", headers, &format!("token={TOKEN}"));
        let cookie = answer.header("set-cookie").unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let (name, id) = pair.split_once('=').unwrap();
        assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "256 bits: {id}");
        format!("{name}; {attributes}")
    };
    let plain = "telemetry-session; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict";
    assert_eq!(cookie_of(&[]), plain);
    let proxy = [("host", PROXIED), ("origin", "http://stats.example.com")];
    assert_eq!(cookie_of(&proxy), plain, "a proxy without TLS");
    let over_tls = "__Host-telemetry-session; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure";
    assert_eq!(cookie_of(&[("host", PROXIED), ("origin", "https://stats.example.com")]), over_tls);
    assert_ne!(door.log_in(), door.log_in());
}

#[test]
fn over_tls_the_cookie_goes_over_nothing_else() {
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = crate::tls::server_files(files.path());
    let collector = Collector::with(|settings| {
        settings.tls = Some(TlsFiles::new(&certificate, &key));
        settings.access.admin_token = Some(Secret::from_file(&secret_file(files.path(), TOKEN)).unwrap());
    });
    let url = format!("https://localhost:{}", collector.address.port());
    let agent = crate::tls::trusting_agent();
    let log_in = |origin: &str| {
        let request = agent.post(format!("{url}/login")).header("sec-fetch-site", "same-origin");
        let request = if origin.is_empty() { request } else { request.header("origin", origin) };
        reply(request.send_form([("token", TOKEN)]).unwrap())
    };
    for origin in [url.as_str(), ""] {
        let entered = log_in(origin);
        let cookie = entered.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-telemetry-session=") && cookie.ends_with("; Secure"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        let summary = agent.get(format!("{url}/api/v1/summary")).header("cookie", cookie).call();
        assert_eq!(summary.unwrap().status().as_u16(), 200);
    }
}

#[test]
fn a_session_reads_and_does_nothing_else() {
    let door = Door::new();
    let cookie = door.log_in();
    for path in ["/", "/api/v1/summary", "/api/v1/events", "/openapi.json", "/metrics"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(door.ask(method, path, &[("cookie", &cookie)], "").status, 200, "{method} {path}");
        }
        let post = door.ask("POST", path, &[("cookie", &cookie)], "");
        assert_eq!(post.error_code(), "unauthorized", "{path}");
    }
    let body = envelope([command(1, 1, NOW, "run", true)]).to_string();
    let send = |headers: &[(&str, &str)]| door.ask("POST", "/events/v1/track", headers, &body);
    let json = ("content-type", "application/json");
    assert_eq!(send(&[json, ("cookie", &cookie)]).error_code(), "unauthorized");
    assert_eq!(send(&[json, ("x-api-key", KEY)]).tally(), (1, 0, 0));
    let wrong = [("cookie", cookie.as_str()), ("authorization", "Bearer wrong")];
    assert_eq!(door.get("/api/v1/summary", &wrong).error_code(), "unauthorized", "what is shown is judged");
}

#[test]
fn cookies_of_others_open_nothing() {
    let door = Door::new();
    let cookie = door.log_in();
    let id = cookie.split_once('=').unwrap().1;
    let other = "0".repeat(64);
    for wrong in
        [&format!("telemetry-session={other}"), id, &format!("session={id}"), "telemetry-session=", "=", ";;"]
    {
        assert_eq!(door.get("/api/v1/summary", &[("cookie", wrong)]).error_code(), "unauthorized", "{wrong}");
    }
    let among = format!("telemetry-session={other}; a=b; {cookie}");
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &among)]).status, 200);
    assert_eq!(Door::new().get("/api/v1/summary", &[("cookie", &cookie)]).status, 401, "nor here");
}

#[test]
fn a_session_ends_after_two_idle_hours_and_after_twelve_in_any_case() {
    let door = Door::new();
    let status = |cookie: &str| door.get("/api/v1/summary", &[("cookie", cookie)]).status;
    let cookie = door.log_in();
    door.pass(2 * HOUR - 1);
    assert_eq!(status(&cookie), 200);
    door.pass(2 * HOUR);
    assert_eq!(status(&cookie), 401, "idle");
    assert!(location(&door.visit("/", &cookie)).starts_with("/login"));
    let cookie = door.log_in();
    for _ in 0..11 {
        door.pass(HOUR);
        assert_eq!(status(&cookie), 200);
    }
    door.pass(HOUR);
    assert_eq!(status(&cookie), 401, "twelve hours");
}

#[test]
fn a_restart_ends_every_session() {
    let door = Door::new();
    let cookie = door.log_in();
    let folder = door.collector.stop();
    let stored: Vec<Vec<u8>> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let id = cookie.split_once('=').unwrap().1.as_bytes();
    assert!(stored.iter().all(|file| !file.windows(id.len()).any(|window| window == id)), "it is in no file");
}

#[test]
fn whoever_leaves_is_out() {
    let door = Door::new();
    let (cookie, other) = (door.log_in(), door.log_in());
    let left = door.submit("/logout", &[("cookie", &cookie)], "");
    assert_eq!(location(&left), "/login");
    let cleared = "telemetry-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(left.header("set-cookie"), Some(cleared));
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &cookie)]).error_code(), "unauthorized");
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &other)]).status, 200, "others stay");
    assert_eq!(location(&door.submit("/logout", &[], "")), "/login", "who is out may leave again");
}

#[test]
fn logging_in_again_ends_the_session_before() {
    let door = Door::new();
    let before = door.log_in();
    let again = door.submit("/login", &[("cookie", &before)], &format!("token={TOKEN}"));
    let cookie = again.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(door.get("/api/v1/summary", &[("cookie", cookie)]).status, 200);
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &before)]).status, 401);
}

#[test]
fn forms_of_other_pages_are_refused() {
    let door = Door::new();
    let own = format!("http://{}", door.collector.address);
    let cookie = door.log_in();
    let form = format!("token={TOKEN}");
    let send = |path: &str, headers: &[(&str, &str)]| {
        let mut all =
            vec![("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.as_str())];
        all.extend(headers);
        door.ask("POST", path, &all, &form)
    };
    for headers in [
        &[][..],
        &[("origin", "https://example.com")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "same-site")],
        &[("origin", "https://example.com"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        for path in ["/login", "/logout"] {
            let refused = send(path, headers);
            assert_eq!(refused.error_code(), "foreign_origin", "{path} {headers:?}");
            assert!(refused.header("set-cookie").is_none());
        }
    }
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &cookie)]).status, 200, "nobody was logged out");
    for headers in [
        &[("origin", own.as_str())][..],
        &[("origin", &own), ("sec-fetch-site", "same-origin")],
        &[("origin", &own), ("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(send("/login", headers).status, 303, "{headers:?}");
    }
}

/// `same-origin`: with `no-referrer`, a browser would call the origin of a form of ours `null`.
#[test]
fn pages_let_their_forms_say_where_they_come_from() {
    let door = Door::new();
    assert_eq!(door.visit("/login", "").header("referrer-policy"), Some("same-origin"));
}

#[test]
fn guessing_closes_the_form_for_a_while_and_nothing_else() {
    let door = Door::new();
    let cookie = door.log_in();
    let statuses: Vec<u16> = (0..12).map(|_| door.submit("/login", &[], "token=wrong").status).collect();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    let right = format!("token={TOKEN}");
    let closed = door.submit("/login", &[], &right);
    assert_eq!((closed.status, closed.header("retry-after")), (429, Some("6")), "it is not even looked at");
    assert!(closed.body.contains("try again in 6 s"), "{}", closed.body);
    assert_eq!(door.submit("/login", &[("accept", "*/*")], &right).error_code(), "too_many_requests");
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(door.get("/api/v1/summary", &[("authorization", &bearer)]).status, 200);
    assert_eq!(door.get("/api/v1/summary", &[("cookie", &cookie)]).status, 200);
    assert_eq!(door.visit("/login", "").status, 200, "the form itself can be seen");
    door.pass(6_000);
    assert_eq!(door.submit("/login", &[], &right).status, 303);
    assert_eq!(door.submit("/login", &[], &right).status, 303, "right ones cost nothing");
    assert_eq!(door.submit("/login", &[], "token=wrong").status, 401);
    assert_eq!(door.submit("/login", &[], &right).status, 429);
}

#[test]
fn many_guesses_at_once_are_no_more_than_that_many() {
    let door = Door::new();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guess = |_| scope.spawn(|| door.submit("/login", &[], "token=wrong").status);
        let guesses: Vec<_> = (0..30).map(guess).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
}

/// A cookie of a strict kind is not sent with a link from elsewhere; asked from our own page, it is.
#[test]
fn a_link_from_elsewhere_finds_the_session_on_the_second_look() {
    let door = Door::new();
    let cookie = door.log_in();
    let linked = [("accept", "text/html"), ("sec-fetch-site", "cross-site")];
    let form = door.get(location(&door.get("/?from=2026-11-01", &linked)), &linked);
    let again = "<meta http-equiv=\"refresh\" content=\"0; url=/login?next=%2F%3Ffrom%3D2026-11-01\">";
    assert!(form.body.contains(again), "{}", form.body);
    let ours = [("accept", "text/html"), ("sec-fetch-site", "same-origin")];
    let second = door.get("/login?next=%2F%3Ffrom%3D2026-11-01", &ours);
    assert!(second.status == 200 && !second.body.contains("http-equiv"), "once is enough");
    assert_eq!(location(&door.visit("/login?next=%2F%3Ffrom%3D2026-11-01", &cookie)), "/?from=2026-11-01");
}

#[test]
fn without_a_token_there_is_no_ceremony() {
    let collector = Collector::start();
    let door = Door { collector, clock: Arc::new(AtomicI64::new(NOW)) };
    let page = door.visit("/", "");
    assert!(page.status == 200 && !page.body.contains("/logout"), "nobody is logged in");
    assert_eq!(location(&door.visit("/login?next=/collected", "")), "/collected");
    let sent = door.submit("/login", &[], "token=any&next=/collected");
    assert_eq!((location(&sent), sent.header("set-cookie")), ("/collected", None));
}

/// What was opened with a session ends with it.
#[test]
fn a_live_tail_ends_with_its_session() {
    let door = Door::new();
    let cookie = door.log_in();
    let mut stream = TcpStream::connect(door.collector.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let host = door.collector.address;
    write!(stream, "GET /api/v1/events/stream HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n").unwrap();
    let mut tail = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(tail.read_line(&mut head).unwrap(), 0, "{head}");
    }
    assert!(head.contains(" 200 "), "{head}");
    let send = |number| {
        let body = envelope([command(number, 1, NOW, "run", true)]).to_string();
        let headers = [("content-type", "application/json"), ("x-api-key", KEY)];
        assert_eq!(door.ask("POST", "/events/v1/track", &headers, &body).tally(), (1, 0, 0));
    };
    send(1);
    let mut first = String::new();
    while !first.contains("event: record") {
        assert_ne!(tail.read_line(&mut first).unwrap(), 0, "{first}");
    }
    assert_eq!(door.submit("/logout", &[("cookie", &cookie)], "").status, 303);
    send(2);
    // Heartbeats keep a tail that does not end from running into the socket's deadline.
    let (mut rest, until) = (String::new(), Instant::now() + PATIENCE);
    while tail.read_line(&mut rest).unwrap() > 0 {
        assert!(!rest.contains("event: record") && Instant::now() < until, "it goes on: {rest}");
    }
}
