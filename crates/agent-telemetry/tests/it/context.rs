//! The context: along threads, futures and nested calls, in panic hooks, and when there is nothing to record.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use agent_telemetry::testing::{Capture, capture};
use agent_telemetry::{
    Cx, Dirs, Ended, Inputs, Name, Outcome, Suppressed, Telemetry, ToolKind, WithTelemetry as _, from_context,
};

use crate::process::{CATALOGUE, Machine};
use crate::server::Server;

/// Records one tool call from the ambient context; says whether there was one.
fn note(tool: &str) -> bool {
    let cx = from_context();
    if let Some(cx) = &cx {
        let _ = cx.record_tool_call(tool, "", "root", std::time::Duration::ZERO, None);
    }
    cx.is_some()
}

fn tools(capture: &Capture) -> Vec<String> {
    let name = |record: &serde_json::Value| record["properties"]["tool_name"].as_str().unwrap().to_owned();
    capture.records().iter().map(name).collect()
}

#[test]
fn the_innermost_context_counts_and_the_outer_one_comes_back() {
    let ((outer, outer_records), (inner, inner_records)) = (capture(), capture());
    assert!(!note("nowhere"));
    {
        let _outer = outer.enter();
        note("a");
        {
            let _inner = inner.enter();
            note("b");
        }
        note("c");
    }
    assert!(!note("nowhere"));
    assert_eq!(
        (tools(&outer_records), tools(&inner_records)),
        (vec!["a".into(), "c".into()], vec!["b".into()])
    );
}

#[test]
fn guards_dropped_out_of_order_leave_only_their_own_context() {
    let ((first, first_records), (second, second_records)) = (capture(), capture());
    let first_guard = first.enter();
    let second_guard = second.enter();
    drop(first_guard);
    note("second");
    let again = first.enter();
    drop(second_guard);
    note("first");
    drop(again);
    assert!(!note("nowhere"));
    assert_eq!(tools(&second_records), ["second"]);
    assert_eq!(tools(&first_records), ["first"]);
}

#[test]
fn a_thread_has_no_context_until_it_enters_one() {
    let (cx, records) = capture();
    let _here = cx.enter();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let cx = cx.clone();
            scope.spawn(move || {
                assert!(from_context().is_none(), "contexts do not follow a spawn by themselves");
                let _there = cx.enter();
                assert!(note("thread"));
            });
        }
    });
    assert_eq!(tools(&records), ["thread"; 4]);
}

/// Wakes nobody and is ready at the third poll.
struct ThirdTime(usize);

impl Future for ThirdTime {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        self.0 += 1;
        if self.0 < 3 { Poll::Pending } else { Poll::Ready(()) }
    }
}

#[test]
fn a_future_has_its_context_on_whatever_thread_polls_it() {
    let ((cx, records), (other, other_records)) = (capture(), capture());
    let work = async {
        assert!(note("before"));
        ThirdTime(0).await;
        assert!(note("after"));
        async { assert!(note("nested")) }.with_telemetry(other).await;
        assert!(note("last"));
    };
    let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work.with_telemetry(cx));
    // Every poll is on a thread of its own.
    let mut polls = 0;
    loop {
        let (given_back, ready) = std::thread::spawn(move || {
            let ready = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            assert!(from_context().is_none(), "nothing is left behind between polls");
            (work, ready)
        })
        .join()
        .unwrap();
        work = given_back;
        polls += 1;
        if ready {
            break;
        }
    }
    assert_eq!(polls, 3);
    assert_eq!(tools(&records), ["before", "after", "last"]);
    assert_eq!(tools(&other_records), ["nested"]);
}

#[test]
fn a_future_that_is_dropped_midway_still_has_its_context() {
    struct NoteWhenDropped;
    impl Drop for NoteWhenDropped {
        fn drop(&mut self) {
            note("dropped");
        }
    }
    let (cx, records) = capture();
    {
        let mut work = pin!(
            async {
                let _note = NoteWhenDropped;
                std::future::pending::<()>().await;
            }
            .with_telemetry(cx)
        );
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(tools(&records), ["dropped"]);
}

#[test]
fn a_panic_leaves_the_context_and_its_hook_can_record() {
    let (cx, records) = capture();
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("with a hook") {
            note("hook");
        } else {
            earlier(info);
        }
    }));
    let thread = std::thread::Builder::new().name("with a hook".to_owned());
    let joined = thread.spawn(move || {
        let caught = std::panic::catch_unwind(|| {
            let _entered = cx.enter();
            let session = cx.session(Name::agent("root")).start();
            let _call = session.tool(Name::tool("shell"), ToolKind::Builtin);
            panic!("canary");
        });
        assert!(caught.is_err());
        assert!(from_context().is_none());
    });
    joined.unwrap().join().unwrap();
    let kinds = crate::process::kinds(&records.records());
    assert_eq!(
        kinds,
        ["session/start", "tool/call", "tool/call", "session/end"],
        "the hook's is the first tool"
    );
    assert!(!serde_json::to_string(&records.records()).unwrap().contains("canary"));
}

#[test]
fn a_thread_that_is_ending_can_still_ask() {
    struct AtTheEnd(Cx);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            // Whichever thread-local goes first, neither call may panic.
            let _entered = self.0.enter();
            note("end");
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    let (cx, _records) = capture();
    std::thread::spawn(move || {
        LAST.with_borrow_mut(|last| *last = Some(AtTheEnd(cx.clone())));
        let _entered = cx.enter();
    })
    .join()
    .unwrap();
}

#[test]
fn p2_off_calls_no_closure_makes_no_id_and_looks_at_no_argument() {
    struct Untouched;
    impl AsRef<str> for Untouched {
        fn as_ref(&self) -> &str {
            panic!("an argument was looked at")
        }
    }
    let mut inputs = Inputs::default();
    inputs.enabled = Some("false".to_owned());
    let off = Telemetry::builder("acme", "1.2.3", &CATALOGUE).inputs(inputs).dirs(Dirs::default()).build();
    for cx in [Cx::disabled(), off.cx()] {
        assert!(!cx.is_recording());
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let receipt = cx.record(move || -> agent_telemetry::events::CommandEnded {
            counter.fetch_add(1, Ordering::Relaxed);
            panic!("an event was made")
        });
        assert_eq!(receipt.wait(std::time::Duration::ZERO), Outcome::Suppressed(Suppressed::Off));
        assert_eq!(made.load(Ordering::Relaxed), 0);
        let session = cx.session(Name::agent("root")).start();
        assert_eq!(session.id(), None);
        assert_eq!(session.child(Name::agent("helper")).start().id(), None);
        session.tool(Name::tool("shell"), ToolKind::Builtin).ok();
        let _entered = cx.enter();
        let receipt = agent_telemetry::track_command("run", &[Untouched]);
        assert_eq!(receipt.wait(std::time::Duration::ZERO), Outcome::Suppressed(Suppressed::Off));
    }
    assert_eq!(off.command("run", |_| Ended::SUCCESS), Ended::SUCCESS);
}

#[test]
fn building_touches_no_file() {
    let home = tempfile::tempdir().unwrap();
    let dirs =
        Dirs::default().config(Some(home.path().join("config"))).state(Some(home.path().join("state")));
    // A corrupt file would decide; a handle that was never used has not even looked.
    let telemetry = Telemetry::builder("acme", "1.2.3", &CATALOGUE).dirs(dirs).build();
    let cx = telemetry.cx();
    let _entered = cx.enter();
    std::fs::create_dir(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/telemetry.json"), "rubbish").unwrap();
    assert!(!home.path().join("state").exists());
    assert_eq!(
        telemetry.decision().state,
        agent_telemetry::consent::State::Off,
        "read only when first asked"
    );
}

#[test]
fn p5_caller_and_language_are_those_of_the_environment() {
    let server = Server::healthy();
    for (variable, caller) in [("CI", "ci"), ("AI_AGENT", "agent"), ("SHLVL", "human")] {
        let machine = Machine::new(&server).with(variable, "1").with("LC_ALL", "de_AT.UTF-8");
        machine.process().command("run", |_| ());
        let record = machine.process().pending().remove(0);
        assert!(record.contains(&format!(r#""caller":"{caller}""#)), "{record}");
        assert!(record.contains(r#""os_language":"de-AT""#), "{record}");
    }
}
