//! P4, P9, P10: sent at once, costs nothing, loses nothing, doubles nothing.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use agent_telemetry::{Dropped, Ended, Outcome, Receipt};
use serde_json::json;

use crate::process::{LONG, Machine, ids};
use crate::server::{Behaviour, Reply, Server};

#[test]
fn p4_a_request_starts_while_the_process_goes_on() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    server.wait_for(1);
    assert_eq!(receipt.wait(LONG), Outcome::Delivered);
}

#[test]
fn p4_requests_have_the_promised_form_and_share_a_connection() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server).with("TELEMETRY_API_KEY", "key-1");
    let telemetry = machine.process();
    for _ in 0..3 {
        assert_eq!(telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG), Outcome::Delivered);
    }
    let got = server.got();
    let head = got[0].head.to_ascii_lowercase();
    assert!(head.starts_with("post /events/v1/track http/1.1"), "{head}");
    for header in ["content-type: application/json", "user-agent: acme/1.2.3", "x-api-key: key-1"] {
        assert!(head.contains(header), "{header} in {head}");
    }
    let mut names: Vec<&str> =
        head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "host", "user-agent", "x-api-key"]);
    assert!(got.iter().all(|other| other.connection == got[0].connection), "one keep-alive connection");
}

/// What each request says of the counters: how many events were recorded.
fn counted(server: &Server) -> Vec<Option<u64>> {
    server.got().iter().map(|got| got.json()["client"]["recorded"].as_u64()).collect()
}

#[test]
fn p10_counters_are_sent_when_they_say_something_new() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let deliver = |input| {
        let receipt = telemetry.cx().record_token_usage("gpt-4o", input, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
    };
    (0..3).for_each(deliver);
    assert_eq!(counted(&server), [Some(1), None, None]);
    assert!(server.got()[0].json()["client"].get("losses").is_none(), "nothing was lost");
    // After as many records as a request holds they are worth their bytes.
    (3..66).for_each(deliver);
    assert_eq!(counted(&server).iter().flatten().collect::<Vec<_>>(), [&1, &65]);
    // A loss is news.
    server.behave(Behaviour::Answer(200, "", r#"{"rejected":[{"index":0}]}"#));
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert!(matches!(receipt.wait(LONG), Outcome::Dropped(_)));
    server.behave(Behaviour::Answer(200, "", "{}"));
    deliver(1);
    let last = server.got().last().unwrap().json();
    assert_eq!((&last["client"]["recorded"], &last["client"]["losses"]["rejected"]), (&68.into(), &1.into()));
    // And so is the end, whether the exit had the time for it or left it to a flush.
    telemetry.command("run", |_cx| Ended::SUCCESS);
    assert_eq!(telemetry.flush(LONG).left, 0);
    assert_eq!(counted(&server).last(), Some(&Some(69)));
}

#[test]
fn p10_what_is_sent_after_the_last_handle_is_gone_ends_with_the_counters_and_leaves_no_segment() {
    let ((arrived, arrives), (open, gate)) = (mpsc::channel(), mpsc::channel::<()>());
    let gate = Mutex::new(gate);
    let server = Server::start(Behaviour::each(move |_| {
        arrived.send(()).unwrap();
        // Closed for the first request alone.
        let _ = gate.lock().unwrap().recv();
        Reply::ok()
    }));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let _ = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    arrives.recv_timeout(LONG).unwrap();
    let _ = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    drop(telemetry);
    drop(open);
    server.wait_for(2);
    assert_eq!(counted(&server), [Some(1), Some(2)]);
    let deadline = Instant::now() + LONG;
    while !machine.segments().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", machine.segments());
        std::thread::yield_now();
    }
    assert_eq!(machine.process().status().recorded, 2);
}

#[test]
fn p10_counters_carry_the_time_while_the_clock_is_wrong() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let answer = Reply::Answer(200, format!("date: {date}\r\n"), "{}".to_owned());
    let server = Server::start(Behaviour::each(move |_| answer.clone()));
    let telemetry = Machine::consenting(&server).process();
    for input in 0..3 {
        let receipt = telemetry.cx().record_token_usage("gpt-4o", input, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
    }
    assert_eq!(counted(&server), [Some(1), Some(2), Some(3)]);
}

#[test]
fn p10_batches_hold_at_most_64_records() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    crate::process::show_notice(&telemetry);
    for _ in 0..400 {
        let _ = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    }
    drop(telemetry);
    assert_eq!(machine.flush(), 0);
    let sizes: Vec<usize> =
        server.got().iter().map(|got| got.json()["records"].as_array().unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 64), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 400);
    assert!(server.got().iter().all(|got| got.body.len() <= 65_536));
    let mut ids = ids(&server.records());
    ids.dedup();
    assert_eq!(ids.len(), 400);
}

#[test]
fn p10_one_bad_record_does_not_cost_its_neighbours() {
    let server = Server::start(Behaviour::RefuseBatchesWith(400, "\"input_tokens\":13,"));
    let machine = Machine::consenting(&server).with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/x");
    let telemetry = machine.process();
    for input in 0..30 {
        let _ = telemetry.cx().record_token_usage("gpt-4o", input, 2, 0.5);
    }
    drop(telemetry);
    let machine = machine.with("TELEMETRY_ENDPOINT", &server.url());
    machine.flush_all();
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.rejected), (30, 1));
    // The bad one arrived alone at last, and was refused alone.
    let alone = server.got().iter().any(|got| {
        let records = got.json()["records"].as_array().unwrap().clone();
        records.len() == 1 && records[0]["properties"]["input_tokens"] == 13
    });
    assert!(alone);
}

#[test]
fn p10_a_refused_record_is_counted_and_its_receipt_says_so() {
    let body = r#"{"accepted":0,"duplicates":0,"rejected":[{"index":0,"code":"bad_type","detail":"x"}]}"#;
    let server = Server::start(Behaviour::Answer(200, "", body));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(LONG), Outcome::Dropped(Dropped::GivenUp));
    assert_eq!(telemetry.status().losses.rejected, 1);
    server.behave(Behaviour::Answer(200, "", "{}"));
    assert_eq!(telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG), Outcome::Delivered);
    let client = server.got().last().unwrap().json()["client"].clone();
    assert_eq!((client["recorded"].as_u64(), client["losses"]["rejected"].as_u64()), (Some(2), Some(1)));
}

#[test]
fn p10_of_what_was_refused_a_process_remembers_the_newest() {
    // Refuses every other record.
    let server = Server::start(Behaviour::each(|got| {
        let records = got.json()["records"].as_array().unwrap().len();
        let refused: Vec<_> = (0..records).step_by(2).map(|at| json!({ "index": at })).collect();
        Reply::Answer(200, String::new(), json!({ "rejected": refused }).to_string())
    }));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let record = || telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    let first = record();
    assert_eq!(first.wait(LONG), Outcome::Dropped(Dropped::GivenUp));
    for _ in 0..50 {
        let receipts: Vec<Receipt> = (0..64).map(|_| record()).collect();
        let outcomes: Vec<Outcome> = receipts.iter().map(|receipt| receipt.wait(LONG)).collect();
        let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let (refused, taken) = (count(Outcome::Dropped(Dropped::GivenUp)), count(Outcome::Delivered));
        assert!(refused >= taken && refused + taken == 64, "{outcomes:?}");
    }
    assert_eq!(first.wait(LONG), Outcome::Journaled, "more than a thousand others were refused since");
}

#[test]
fn p10_failures_keep_events_and_open_the_breaker() {
    for (status, headers) in [
        (500, ""),
        (503, "retry-after: 120\r\n"),
        (429, ""),
        (401, ""),
        (403, ""),
        (302, "location: http://127.0.0.1:9/\r\n"),
    ] {
        let server = Server::start(Behaviour::Answer(status, headers, ""));
        let machine = Machine::consenting(&server);
        machine.run();
        machine.until(|status| status.breaker.open_until_ms.is_some());
        let status_now = machine.process().status();
        assert!(status_now.breaker.open_until_ms.is_some(), "{status}: {status_now:?}");
        assert_eq!(status_now.pending.events, 5, "{status}");
        let requests = server.got().len();
        for _ in 0..5 {
            machine.run();
        }
        assert_eq!(server.got().len(), requests, "{status}: no attempt while the breaker is open");
        server.behave(Behaviour::Answer(200, "", "{}"));
        machine.flush_all();
        let mut delivered = ids(&server.records());
        delivered.dedup();
        assert_eq!(delivered.len(), 30, "{status}");
        assert!(machine.process().status().breaker.open_until_ms.is_none());
    }
}

#[test]
fn p10_other_refusals_drop_and_count() {
    let server = Server::start(Behaviour::Answer(404, "", ""));
    let machine = Machine::consenting(&server);
    machine.run();
    machine.flush_all();
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.rejected, status.pending.events), (5, 5, 0));
}

#[test]
fn p10_410_stops_until_the_next_version() {
    let server = Server::start(Behaviour::Answer(410, "", ""));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let _ = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG);
    drop(telemetry);
    server.behave(Behaviour::Answer(200, "", "{}"));
    machine.run();
    machine.run();
    assert_eq!(server.got().len(), 1);
    assert_eq!(machine.process().status().recorded, 11);
}

#[test]
fn p9_a_black_hole_costs_no_seconds_and_later_runs_do_not_wait_at_all() {
    let server = Server::start(Behaviour::BlackHole);
    let machine = Machine::consenting(&server);
    let begun = Instant::now();
    for _ in 0..5 {
        machine.run();
    }
    // Five runs of the Go client would wait for 250 s here; ours for 8 ms once.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    server.behave(Behaviour::Answer(200, "", "{}"));
    assert_eq!(machine.process().status().recorded, 25);
}

#[test]
fn p9_an_exit_that_gave_up_on_an_answer_spares_the_next_short_run_the_attempt() {
    let server = Server::start(Behaviour::BlackHole);
    let machine = Machine::consenting(&server);
    machine.process().command("run", |cx| {
        let _ = cx.record_token_usage("gpt-4o", 1, 2, 0.5);
        server.wait_for(1);
        // Longer than the exit of a short run may take on any machine.
        spend(Duration::from_millis(100));
    });
    for _ in 0..3 {
        machine.process().command("version", |_| ());
    }
    assert_eq!(server.got().len(), 1, "no time for such an answer");
    assert_eq!(machine.process().status().breaker.failures, 0);
}

#[test]
fn p9_a_flush_that_gave_up_on_an_answer_spares_the_next_short_run_the_attempt() {
    let server = Server::start(Behaviour::BlackHole);
    let machine = Machine::new(&server);
    machine.run();
    let telemetry = machine.process();
    let flush = || telemetry.flush(Duration::from_millis(100));
    while server.got().is_empty() {
        let _ = flush();
    }
    // Now it is on its way.
    let flushed = flush();
    assert_eq!(flushed.left, 5);
    assert_eq!(flushed.reason, Some(format!("{} did not answer in time", server.url())));
    for _ in 0..3 {
        machine.process().command("version", |_| ());
    }
    assert_eq!(server.got().len(), 1, "no time for such an answer");
}

/// Lets time pass.
fn spend(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::thread::yield_now();
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn p9_a_sender_with_nothing_to_send_sleeps_until_it_is_woken() {
    let machine = Machine::consenting(&Server::healthy());
    assert_eq!(machine.ask("", "has-nothing-left-to-send"), ["Delivered", "true"]);
}

#[test]
fn p9_a_closed_port_costs_no_seconds() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server).with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/x");
    let begun = Instant::now();
    for _ in 0..5 {
        machine.run();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    machine.with("TELEMETRY_ENDPOINT", &server.url()).flush_all();
    assert_eq!(server.records().len(), 25);
}

#[test]
fn p8_outcome_exit_code_and_panics_are_recorded_by_the_wrapper() {
    use agent_telemetry::{Ended, ErrorClass};
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    telemetry
        .command_with("run", &["--yolo", "debug", "--secret=1"], |_| Ended::failure(3, ErrorClass::Config));
    drop(telemetry);
    machine.process().command("never declared", |_| ());
    let panicking = machine.process();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        panicking.command("run", |cx| {
            let _session = cx.session(agent_telemetry::Name::agent("root")).start();
            assert!(!cx.is_recording(), "canary");
        });
    }));
    assert!(result.is_err(), "the panic goes on");
    let records: Vec<serde_json::Value> =
        machine.process().pending().iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    let own = |record: &serde_json::Value| {
        let p = &record["properties"];
        format!("{} {} {} {} {}", p["action"], p["flags"], p["is_success"], p["exit_code"], p["error"])
    };
    let mut commands: Vec<String> =
        records.iter().filter(|record| record["event"] == "command").map(own).collect();
    commands.sort();
    assert_eq!(
        commands,
        [
            r#""run" ["debug","yolo"] false 3 "config""#,
            r#""run" [] false 101 "panic""#,
            r#""unknown" [] true 0 null"#,
        ]
    );
    let end = records.iter().find(|record| record["properties"]["action"] == "end").unwrap();
    assert_eq!(end["properties"]["errors"]["panic"], 1);
    assert_eq!(end["properties"]["outcome"], "failed");
}

#[test]
fn p8_the_duration_of_a_command_is_its_own() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    let took = Duration::from_millis(30);
    spend(took);
    let begun = Instant::now();
    telemetry.command("run", |_| spend(took));
    let at_most = begun.elapsed();
    let record: serde_json::Value = serde_json::from_str(&telemetry.pending()[0]).unwrap();
    let recorded = Duration::from_millis(record["properties"]["duration_ms"].as_u64().unwrap());
    assert!(took <= recorded && recorded <= at_most, "{recorded:?} of {at_most:?}");
}

#[test]
fn documented_plain_value_calls() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    let receipt = agent_telemetry::track_command("run", &["--yolo"]);
    assert!(matches!(receipt.wait(Duration::ZERO), Outcome::Suppressed(_)), "no context");
    {
        let _entered = telemetry.cx().enter();
        let cx = agent_telemetry::from_context().unwrap();
        let _ =
            cx.record_tool_call("filesystem", "session-id", "agentName", Duration::from_millis(500), None);
        let _ =
            cx.record_tool_call("filesystem", "session-id", "agentName", Duration::from_millis(500), None);
        let _ = cx.record_token_usage("gpt-4", 100, 50, 0.01);
        let _ = agent_telemetry::track_command("run", &["--yolo", "a prompt", "--", "--debug"]);
    }
    assert!(agent_telemetry::from_context().is_none());
    telemetry.command("version", |_| {
        let receipt = agent_telemetry::track_command("run", &["--yolo"]);
        assert_eq!(receipt.wait(Duration::ZERO), Outcome::Suppressed(agent_telemetry::Suppressed::Wrapped));
    });
    let records: Vec<serde_json::Value> =
        telemetry.pending().iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    assert_eq!(records.len(), 5);
    assert_eq!(records[0]["properties"]["session_id"], records[1]["properties"]["session_id"]);
    assert_eq!(records[0]["properties"]["duration_ms"], 500);
    assert_eq!(records[2]["properties"]["cost"], 0.01);
    assert_eq!(records[3]["properties"]["flags"], serde_json::json!(["yolo"]));
    assert!(records[3]["properties"].get("is_success").is_none());
}

#[test]
fn p11_sessions_keep_their_own_totals() {
    use agent_telemetry::{Name, NanoUsd, Provider, SessionOutcome, ToolKind, Usage};
    let (cx, capture) = agent_telemetry::testing::capture();
    let parent = cx.session(Name::agent("root")).model(Provider::OpenAi, Name::model("gpt-4o")).start();
    let child = parent.child(Name::agent("helper")).model(Provider::OpenAi, Name::model("gpt-4o")).start();
    child.tokens(Usage::delta(7, 3).cost(NanoUsd::new(20)));
    child.tool(Name::tool("shell"), ToolKind::Builtin).failed(agent_telemetry::ErrorClass::NonzeroExit);
    drop(child.tool(Name::tool("shell"), ToolKind::Builtin));
    parent.tokens(Usage::delta(100, 50).cost(NanoUsd::new(1_500_000_000)));
    parent.tokens(Usage::delta(1, 1));
    child.end(SessionOutcome::Completed);
    parent.end(SessionOutcome::Limit);
    let ends: Vec<serde_json::Value> =
        capture.records().into_iter().filter(|record| record["properties"]["action"] == "end").collect();
    let totals = |at: usize| {
        let p = &ends[at]["properties"];
        format!(
            "in {} out {} cost {} known {} tools {} failed {} {}",
            p["input_tokens"],
            p["output_tokens"],
            p["cost"],
            p["cost_known"],
            p["tool_calls"],
            p.get("tool_errors").unwrap_or(&0.into()),
            p["outcome"]
        )
    };
    assert_eq!(totals(0), r#"in 7 out 3 cost 2e-8 known true tools 2 failed 1 "completed""#);
    assert_eq!(totals(1), r#"in 101 out 51 cost 1.5 known false tools 0 failed 0 "limit""#);
    assert_eq!(ends[0]["properties"]["parent_session_id"], ends[1]["properties"]["session_id"]);
}

#[test]
fn p10_what_a_killed_process_recorded_arrives_once() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    crate::process::show_notice(&machine.process());
    // Its sender would deliver: it must not, to leave everything to the later run.
    let killed = machine.with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/x");
    assert!(!killed.spawn("killed-after-tool").wait_with_output().unwrap().status.success());
    let machine = killed.with("TELEMETRY_ENDPOINT", &server.url());
    assert_eq!(machine.flush(), 0);
    machine.run();
    machine.flush_all();
    assert_eq!(ids(&server.records()).len(), 2 + 5);
    let mut unique = ids(&server.records());
    unique.dedup();
    assert_eq!(unique.len(), 7);
}

#[test]
fn p10_many_processes_at_once_half_of_them_killed() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let children: Vec<_> = (0..40)
        .map(|at| machine.spawn(if at % 2 == 0 { "exit-at-once" } else { "killed-after-23" }))
        .collect();
    for child in children {
        child.wait_with_output().unwrap();
    }
    assert_eq!(machine.flush(), 0);
    let mut unique = ids(&server.records());
    unique.dedup();
    assert_eq!(unique.len(), 40 * 23);
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.total()), (920, 0));
}
