//! P2 and P9, as the kernel saw it: what system calls were made.

use std::path::Path;
use std::process::Output;

use crate::chat::{Model, Say};
use crate::machine::{Machine, Programs, tool};
use crate::sink::{BlackHole, closed_port};

/// A traced run: every line of strace, with the process or thread that made the call first.
pub(crate) struct Trace {
    pub(crate) output: Output,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn trace(machine: &Machine, strace: &Path, arguments: &[&str]) -> Trace {
    let file = machine.work().join("trace");
    let output = machine
        .command(strace)
        .args(["-f", "-qq", "-s", "256", "-o"])
        .arg(&file)
        .args(["-e", "trace=%network,%file,prctl,clone,clone3"])
        .arg(machine.agent_program())
        .args(arguments)
        .output()
        .unwrap();
    let lines = std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    std::fs::remove_file(file).unwrap();
    Trace { output, lines }
}

impl Trace {
    /// Calls that reach for the network: internet sockets, and what name look-ups do.
    fn network(&self) -> Vec<&String> {
        let reaches = |line: &&String| {
            ["AF_INET", "AF_NETLINK", "sin_port", "sin6_port", "resolv.conf", "nscd"]
                .iter()
                .any(|sign| line.contains(sign))
        };
        self.lines.iter().filter(reaches).collect()
    }

    /// Calls that create or change something below a folder.
    fn writes_below(&self, folder: &Path) -> Vec<&String> {
        let folder = folder.to_str().unwrap();
        let changes =
            ["O_CREAT", "O_WRONLY", "O_RDWR", "mkdir", "rename", "link", "unlink", "chmod", "truncate"];
        let is_change =
            |line: &&String| line.contains(folder) && changes.iter().any(|change| line.contains(change));
        self.lines.iter().filter(is_change).collect()
    }

    /// The thread that the program began with.
    pub(crate) fn main_thread(&self) -> &str {
        self.lines[0].split_whitespace().next().unwrap()
    }
}

const OFF: [(&str, &str); 8] = [
    ("TELEMETRY_ENABLED", "false"),
    ("TELEMETRY_ENABLED", "0"),
    ("TELEMETRY_ENABLED", "No"),
    ("TELEMETRY_ENABLED", " OFF "),
    ("TELEMETRY_ENABLED", "disabled"),
    ("DO_NOT_TRACK", "1"),
    ("DO_NOT_TRACK", "true"),
    ("DO_NOT_TRACK", "please"),
];

#[test]
fn p2_every_way_of_saying_no_makes_no_connection_and_writes_nothing() {
    let (Some(programs), Some(strace)) = (Programs::find(), tool("strace")) else { return };
    let watch = BlackHole::start();
    for (name, value) in OFF {
        let machine = Machine::new(&programs).with("TELEMETRY_ENDPOINT", &watch.url()).with(name, value);
        for arguments in
            [&["version"][..], &["--help"], &["run", "missing.yaml", "x"], &["telemetry", "status"]]
        {
            let trace = trace(&machine, &strace, arguments);
            assert_eq!(trace.network(), Vec::<&String>::new(), "{name}={value} {arguments:?}");
            assert_eq!(
                trace.writes_below(&machine.home()),
                Vec::<&String>::new(),
                "{name}={value} {arguments:?}"
            );
            assert!(
                !trace.lines.iter().any(|line| line.contains("PR_SET_NAME")),
                "{name}={value} {arguments:?}: a thread"
            );
        }
        assert_eq!(machine.files(), Vec::<String>::new(), "{name}={value}");
    }
    assert_eq!(watch.connections(), 0);
}

#[test]
fn p2_env_file_and_saved_choice_say_no_too() {
    let (Some(programs), Some(strace)) = (Programs::find(), tool("strace")) else { return };
    let model = Model::start(vec![Say::Text("Hello.")]);
    let watch = BlackHole::start();
    let machine = Machine::new(&programs).with("TELEMETRY_ENDPOINT", &watch.url());
    machine.agent_file("agent.yaml", &model.url());
    machine.file("no.env", "TELEMETRY_ENABLED=false\n");
    let output = machine.run(&["run", "agent.yaml", "--exec", "--env-from-file", "no.env", "hello"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(machine.files(), Vec::<String>::new());

    machine.ok(&["telemetry", "disable"]);
    assert_eq!(machine.files(), [".config/docker-agent/telemetry.json"]);
    let traced = trace(&machine, &strace, &["version"]);
    assert!(traced.output.status.success());
    assert_eq!(traced.network(), Vec::<&String>::new());
    assert_eq!(traced.writes_below(&machine.home()), Vec::<&String>::new());
    assert!(machine.run(&["run", "agent.yaml", "--exec", "hello"]).status.success());
    assert_eq!(machine.files(), [".config/docker-agent/telemetry.json"]);
    assert_eq!(watch.connections(), 0);
}

#[test]
fn p9_the_main_thread_makes_no_telemetry_socket_call() {
    let (Some(programs), Some(strace)) = (Programs::find(), tool("strace")) else { return };
    let watch = BlackHole::start();
    for url in [watch.url(), closed_port()] {
        let machine =
            Machine::new(&programs).with("TELEMETRY_ENABLED", "true").with("TELEMETRY_ENDPOINT", &url);
        let arguments = machine.replay();
        let trace = trace(&machine, &strace, &arguments);
        assert!(trace.output.status.success(), "{}", String::from_utf8_lossy(&trace.output.stderr));
        let main = trace.main_thread();
        let network = trace.network();
        assert!(!network.is_empty(), "it did try");
        assert_eq!(network.iter().filter(|line| line.starts_with(main)).count(), 0, "{network:?}");
        assert_eq!(machine.status()["recorded"], 4);
    }
    assert!(watch.connections() > 0);
}

#[test]
fn p2_prove_off_agrees_and_disagrees_with_a_program_that_cheats() {
    let (Some(programs), Some(_strace)) = (Programs::find(), tool("strace")) else { return };
    let watch = BlackHole::start();
    let machine = Machine::new(&programs).with("TELEMETRY_ENDPOINT", &watch.url());
    let page = machine.ok(&["telemetry", "prove-off"]);
    assert!(page.contains("Nothing was written, nothing was sent"), "{page}");
    // What waits stays: proving is not a no.
    machine.ok(&["version"]);
    assert_eq!(machine.status()["pending"]["events"], 1);
    machine.ok(&["telemetry", "prove-off", "--json"]);
    assert_eq!(machine.status()["pending"]["events"], 1);

    // A program that writes although it was told not to, and one that records all the same.
    let cheats = machine.run(&["telemetry", "prove-off", "--json", "--", "/bin/sh", "-c", "echo id > kept"]);
    assert_eq!(cheats.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&cheats.stdout).unwrap();
    assert_eq!(
        (report["proved"].as_bool(), report["files"].as_array().unwrap().len()),
        (Some(false), 1),
        "{report}"
    );
    let agent = machine.agent_program().to_str().unwrap().to_owned();
    let mut cheating =
        vec!["telemetry", "prove-off", "--json", "--", "/usr/bin/env", "TELEMETRY_ENABLED=true", &agent];
    cheating.extend(machine.replay());
    let cheats = machine.run(&cheating);
    assert_eq!(cheats.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&cheats.stdout).unwrap();
    assert!(
        !report["sockets"].as_array().unwrap().is_empty() && !report["files"].as_array().unwrap().is_empty(),
        "{report}"
    );
    assert_eq!(report["threads"], 1);
}
