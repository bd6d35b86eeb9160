//! P9: it costs you nothing: not an exit code, not a byte on stdout, few system calls.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::server::{self, Server};
use crate::setup::Home;
use crate::tools::tool;

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

/// The system calls of a command in a home, one a line: name, arguments, result.
fn calls(strace: &Path, home: &Home, program: &Path, arguments: &[&str]) -> Vec<String> {
    let direct = home.command(&[]);
    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-y"]).arg(program).args(arguments).env_clear();
    command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(home.path()).output().expect("strace");
    assert!(output.status.success(), "{output:?}");
    let trace = String::from_utf8(output.stderr).expect("UTF-8");
    trace.lines().filter(|line| !line.starts_with(['+', '-'])).map(str::to_owned).collect()
}

/// A home whose last attempt to send failed, so that nothing is tried now.
fn waiting_home() -> Home {
    let home = Home::new().with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/");
    let _notice = home.run(&["version"]).ok();
    assert_eq!(home.run(&["telemetry", "flush"]).code, 1, "nobody listens there");
    assert!(home.status()["breaker"]["open_until_ms"].is_u64(), "{}", home.status());
    home
}

#[test]
fn p9_what_a_command_does_for_telemetry_is_on_the_page() {
    let Some(strace) = tool("strace") else { return };
    let home = waiting_home();
    let program = Path::new(env!("CARGO_BIN_EXE_docker-agent"));
    let calls = calls(&strace, &home, program, &["version"]);
    let folder = home.path().to_str().expect("UTF-8");
    let named = |line: &String| {
        let path = line.split('"').nth(1)?;
        let name = path.strip_prefix(folder).map(|name| format!("~{name}"));
        let name = name.or_else(|| path.starts_with("/proc/sys/").then(|| path.to_owned()))?;
        let is_segment = name.ends_with(".seg");
        Some(if is_segment { format!("{}/….seg", name.rsplit_once('/')?.0) } else { name })
    };
    let touched: BTreeSet<String> = calls.iter().filter_map(named).collect();
    let touched: Vec<&str> = touched.iter().map(String::as_str).collect();
    insta::assert_snapshot!(touched.join("\n"), @"
    /proc/sys/kernel/random/boot_id
    ~/.config/docker-agent/telemetry.json
    ~/.local/state/docker-agent/telemetry/breaker.json
    ~/.local/state/docker-agent/telemetry/id
    ~/.local/state/docker-agent/telemetry/journal
    ~/.local/state/docker-agent/telemetry/journal/ledger.json
    ~/.local/state/docker-agent/telemetry/journal/ledger.latest
    ~/.local/state/docker-agent/telemetry/journal/….seg
    ");
    let page = home.run(&["telemetry", "explain", "--markdown"]).ok().stdout;
    let section = page.split("## What a command does for it").nth(1).expect("a section");
    let section = section.split("\n## ").next().expect("its end");
    for path in touched {
        let name = path.rsplit("telemetry/").next().unwrap_or_default();
        let name = name.rsplit("docker-agent/").next().unwrap_or_default();
        assert!(section.contains(&format!("`{name}")), "{path} in {section}");
    }
    for call in ["socket(", "connect(", "clone", "fork("] {
        assert!(!calls.iter().any(|line| line.contains(call)), "{call} in {calls:#?}");
    }
}

#[test]
fn p9_version_makes_hardly_more_system_calls_than_a_program_that_says_hello() {
    let (Some(strace), Some(rustc)) = (tool("strace"), tool("rustc")) else { return };
    let home = waiting_home();
    let source = home.write("hello.rs", "fn main() { println!(\"hello\"); }\n");
    let hello = home.path().join("hello");
    let built = Command::new(rustc).arg("-o").arg(&hello).arg(source).current_dir(home.path()).status();
    assert!(built.expect("rustc").success());
    let program = Path::new(env!("CARGO_BIN_EXE_docker-agent"));
    let count =
        |home: &Home, program: &Path, arguments: &[&str]| calls(&strace, home, program, arguments).len();
    let least = count(&home, &hello, &[]);
    let off = count(&Home::quiet(), program, &["version"]);
    let on = count(&home, program, &["version"]);
    assert!(off <= 2 * least, "{off} system calls without telemetry, {least} for hello");
    assert!(on <= 2 * least + 70, "{on} system calls with telemetry, {least} for hello");
}
