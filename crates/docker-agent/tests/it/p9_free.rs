//! P9: it costs you nothing: not an exit code, not a byte on stdout.

use crate::server::{self, Server};
use crate::setup::Home;

/// The same program under every kind of telemetry.
fn homes(collector: &Server) -> Vec<(&'static str, Home)> {
    let unwritable = Home::sending_to(collector);
    unwritable.write("file", "");
    let nowhere = unwritable.path().join("file/below").display().to_string();
    vec![
        ("off", Home::quiet()),
        ("held", Home::sending_to(collector)),
        ("on", Home::sending_to(collector).with("TELEMETRY_ENABLED", "true")),
        ("no endpoint", Home::new()),
        // Port 9 is for discarding; nobody listens.
        (
            "dead",
            Home::new().with("TELEMETRY_ENABLED", "true").with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/"),
        ),
        (
            "unwritable",
            unwritable
                .with("TELEMETRY_ENABLED", "true")
                .with("DOCKER_AGENT_CONFIG_DIR", &nowhere)
                .with("DOCKER_AGENT_DATA_DIR", &nowhere),
        ),
        ("no home", Home::sending_to(collector).with("HOME", "")),
        ("not understood", Home::sending_to(collector).with("TELEMETRY_ENABLED", "maybe")),
        ("bad endpoint", Home::new().with("TELEMETRY_ENDPOINT", "nonsense")),
    ]
}

#[test]
fn p9_telemetry_changes_no_exit_code_and_writes_nothing_to_stdout() {
    let collector = Server::collector();
    let lines: [&[&str]; 6] = [
        &["version"],
        &["--help"],
        &["frobnicate"],
        &["run"],
        &["run", "missing.yaml", "x"],
        &["run", "agent.yaml", "x"],
    ];
    for arguments in lines {
        let mut expected = None;
        for (name, home) in homes(&collector) {
            let chat = Server::chat([server::says("hello")]);
            let home = home.with("CHAT_KEY", "x");
            let _file = home.agent(&chat);
            let ran = home.run(arguments);
            let result = (ran.code, ran.stdout.clone());
            assert_eq!(&result, expected.get_or_insert(result.clone()), "{arguments:?}, {name}: {ran:?}");
        }
    }
}

#[test]
fn p9_a_collector_that_never_answers_keeps_nobody() {
    let silent = Server::start(|_| {
        loop {
            std::thread::park();
        }
    });
    let home = Home::sending_to(&silent).with("TELEMETRY_ENABLED", "true");
    for _ in 0..3 {
        let _ran = home.run(&["version"]).ok();
    }
    assert_eq!(home.pending().len(), 3);
}
