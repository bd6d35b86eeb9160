//! As a plugin of the real `docker` client: arguments, environment, exit codes, and who stops whom.

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::json;

use crate::server::{self, PATIENCE, Server};
use crate::setup::{Home, NOTICE, Ran, shape};
use crate::tools::tool;

/// The client, with our program as its plugin `agent` and nothing else in its home folder.
struct Docker {
    program: PathBuf,
    home: Home,
}

impl Docker {
    fn find(home: Home) -> Option<Self> {
        let program = tool("docker")?;
        let folder = home.path().join(".docker/cli-plugins");
        std::fs::create_dir_all(&folder).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_docker-agent"), folder.join("docker-agent")).expect("a link");
        Some(Self { program, home })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let direct = self.home.command(&[]);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().current_dir(self.home.path()).stdin(Stdio::null());
        command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("docker"))
    }

    /// Starts an agent whose model never answers, and waits until it was asked.
    fn waiting(&self) -> Child {
        let (asked, is_asked) = mpsc::channel();
        let chat = Server::start(move |_| {
            let _ = asked.send(());
            loop {
                std::thread::park();
            }
        });
        let file = self.home.agent(&chat);
        let mut command = self.command(&["agent", "run", &file, "hi"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().expect("docker");
        is_asked.recv_timeout(PATIENCE).expect("a request");
        child
    }
}

#[test]
fn docker_passes_our_arguments_and_our_exit_codes() {
    let Some(docker) = Docker::find(Home::quiet().with("CHAT_KEY", "x")) else { return };
    let version = format!("docker-agent version {}\n", env!("CARGO_PKG_VERSION"));
    for line in [
        &["agent", "version"] as &[&str],
        &["-D", "agent", "version"],
        &["--context", "default", "--log-level", "debug", "agent", "version"],
    ] {
        assert!(docker.run(line).ok().stdout.starts_with(&version), "{line:?}");
    }
    let chat = Server::chat([server::says("four")]);
    let file = docker.home.agent(&chat);
    assert_eq!(docker.run(&["agent", "run", &file, "--debug", "--", "2 + 2", ""]).code, 1, "one answer only");
    let sent = &chat.got()[0].json()["messages"];
    assert_eq!(sent[1]["content"], "2 + 2");
    for (line, code) in [
        (&["agent", "frobnicate"] as &[&str], 2),
        (&["agent", "run", "missing.yaml", "hi"], 1),
        (&["agent", "telemetry", "status", "--check"], 1),
    ] {
        assert_eq!(docker.run(line).code, code, "{line:?}");
    }
}

#[test]
fn docker_shows_our_help_under_its_own_name() {
    let Some(docker) = Docker::find(Home::quiet()) else { return };
    let help = docker.run(&["agent", "--help"]).ok().stdout;
    assert!(help.contains("Usage: docker agent"), "{help}");
    assert_eq!(docker.run(&["help", "agent"]).ok().stdout, help);
    assert!(docker.run(&["--help"]).ok().stdout.contains("agent*"), "docker lists us");
    let hint = docker.run(&["agent", "run", "missing.yaml", "--exec"]).stderr;
    assert!(!hint.contains("docker-agent"), "{hint}");
}

#[test]
fn docker_completes_our_words() {
    let Some(docker) = Docker::find(Home::quiet()) else { return };
    let proposed = docker.run(&["__complete", "agent", "telemetry", "st"]).ok().stdout;
    assert!(proposed.starts_with("status\t") && proposed.contains("stats\t"), "{proposed}");
    assert!(proposed.ends_with(":4\n"), "{proposed}");
}

#[test]
fn p1_docker_shows_the_notice_once() {
    let Some(docker) = Docker::find(Home::new()) else { return };
    // Docker asks for our metadata before each of these; that shows and consumes nothing.
    let _ran = docker.run(&["--help"]).ok();
    let _ran = docker.run(&["__complete", "agent", ""]).ok();
    let first = docker.run(&["agent", "version"]).ok().stderr;
    assert!(first.contains(NOTICE) && first.contains("docker agent telemetry disable"), "{first}");
    assert_eq!(docker.run(&["agent", "version"]).ok().stderr, "");
    assert_eq!(shape(&docker.home.pending()), ["version 0", "version 0"]);
}

#[test]
fn tools_do_not_see_what_docker_told_its_plugin() {
    let Some(docker) = Docker::find(Home::quiet().with("CHAT_KEY", "x").with("MINE", "kept")) else { return };
    let call = server::calls("shell", &json!({"cmd": "env > seen"}));
    let chat = Server::chat([call, server::says("done")]);
    let file = docker.home.agent(&chat);
    let _ran = docker.run(&["agent", "run", &file, "hi", "--yolo"]).ok();
    let seen = std::fs::read_to_string(docker.home.path().join("seen")).expect("a file");
    assert!(seen.contains("MINE=kept"), "{seen}");
    assert!(!seen.contains("DOCKER_CLI_PLUGIN"), "{seen}");
}

#[test]
fn p8_ctrl_c_reaches_us_through_docker_and_is_recorded() {
    let Some(docker) = Docker::find(Home::new().with("CHAT_KEY", "x")) else { return };
    let child = docker.waiting();
    // A terminal sends it to the whole group: docker gets it, and so do we.
    kill_process_group(Pid::from_child(&child), Signal::INT).expect("a signal");
    let ran = Ran::of(&child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 130, "{ran:?}");
    let expected = ["session start", "session end cancelled", "run 130 cancelled"];
    assert_eq!(shape(&docker.home.pending()), expected);
}

#[test]
fn a_signal_that_only_docker_gets_stops_us() {
    let Some(docker) = Docker::find(Home::quiet().with("CHAT_KEY", "x")) else { return };
    let child = docker.waiting();
    kill_process(Pid::from_child(&child), Signal::TERM).expect("a signal");
    let ran = Ran::of(&child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 130, "{ran:?}");
}

#[test]
fn p8_when_docker_is_killed_we_stop() {
    let Some(docker) = Docker::find(Home::new().with("CHAT_KEY", "x")) else { return };
    let mut child = docker.waiting();
    let mut output = child.stdout.take().expect("stdout");
    kill_process(Pid::from_child(&child), Signal::KILL).expect("a signal");
    child.wait().expect("an end");
    // The end of the pipe is our end: we hold its other side.
    let (ended, has_ended) = mpsc::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = ended.send(output.read_to_end(&mut rest));
    });
    has_ended.recv_timeout(PATIENCE).expect("we outlived docker").expect("the rest of stdout");
    let expected = ["session start", "session end cancelled", "run 130 cancelled"];
    assert_eq!(shape(&docker.home.pending()), expected);
}

#[test]
fn a_log_that_is_followed_ends_with_docker() {
    let collector = Server::collector();
    let home = Home::sending_to(&collector).with("TELEMETRY_ENABLED", "true");
    let Some(docker) = Docker::find(home) else { return };
    let _ran = docker.home.run(&["version"]).ok();
    let _ran = docker.home.flush().ok();
    let mut command = docker.command(&["agent", "telemetry", "log", "--follow", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("docker");
    // What was sent so far shows that it listens.
    let mut stdout = child.stdout.take().expect("stdout");
    stdout.read_exact(&mut [0; 1]).expect("a line");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("a signal");
    let (ended, has_ended) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait()));
    let status = has_ended.recv_timeout(PATIENCE).expect("an end").expect("a status");
    assert_eq!(status.code(), Some(0));
}
