//! Odd surroundings: no home, a home that cannot be written, no stdout, other encodings, build services.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::server::{self, Server};
use crate::setup::{Home, NOTICE, Ran};

/// The commands that work without anything.
const WORK: [&[&str]; 5] =
    [&["version"], &["--help"], &["telemetry", "status"], &["models", "--all"], &["completion", "bash"]];

#[test]
fn without_a_home_everything_works_and_nothing_is_kept() {
    let home = Home::new();
    for arguments in WORK {
        let mut command = home.command(arguments);
        let ran = Ran::of(&command.env_remove("HOME").output().expect("the program")).ok();
        assert!(!ran.stdout.is_empty(), "{arguments:?}");
        assert!(!ran.stderr.contains("error: "), "{ran:?}");
    }
    assert_eq!(home.files("."), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_home_that_cannot_be_written_is_no_error() {
    let home = Home::new();
    // A file in the place of each folder: that stops root, too.
    home.write(".config", "");
    home.write(".local", "");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o555)).expect("permissions");
    for arguments in WORK {
        let ran = home.run(arguments).ok();
        assert!(!ran.stdout.is_empty() && !ran.stderr.contains("error: "), "{ran:?}");
    }
    let chat = Server::chat([server::says("four")]);
    let agent = format!(
        "agents: {{root: {{model: m}}}}\nmodels: {{m: {{provider: openai, model: x, base_url: '{}'}}}}",
        chat.base_url()
    );
    let elsewhere = Home::new();
    let file = elsewhere.write("a.yaml", &agent);
    let ran = home.run(&["run", file.to_str().expect("UTF-8"), "2 + 2"]).ok();
    assert_eq!(ran.stdout, "four\n");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn arguments_that_are_no_utf_8_are_taken_or_refused_clearly() {
    let home = Home::quiet();
    let odd = OsStr::from_bytes(b"caf\xe9.yaml");
    fs::write(home.path().join(odd), "agents: {root: {model: openai/gpt-4o}}").expect("a file");
    // A path may be anything.
    let ran = Ran::of(&home.command(&["run"]).arg(odd).arg("hi").output().expect("the program"));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("OPENAI_API_KEY is not set"), "{ran:?}");
    // A message goes to a model as text.
    let ran = Ran::of(&home.command(&["run", "a.yaml"]).arg(odd).output().expect("the program"));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("invalid UTF-8"), "{ran:?}");
    let ran = Ran::of(&home.command(&[]).arg(OsStr::from_bytes(b"\xff")).output().expect("the program"));
    assert_eq!(ran.code, 2);
    // What a pipe brings is taken as well as it can be.
    let chat = Server::chat([server::says("ok")]);
    let home = home.with("CHAT_KEY", "x");
    let file = home.agent(&chat);
    fs::write(home.path().join("latin1"), b"caf\xe9").expect("a file");
    let stdin = fs::File::open(home.path().join("latin1")).expect("a file");
    let ran = Ran::of(&home.command(&["run", &file, "-"]).stdin(stdin).output().expect("the program")).ok();
    assert_eq!(ran.stdout, "ok\n");
    assert!(chat.got()[0].body.contains("caf\u{fffd}"));
}

#[test]
fn a_pipe_is_a_message() {
    let chat = Server::chat([server::says("one"), server::says("two")]);
    let home = Home::quiet().with("CHAT_KEY", "x");
    let file = home.agent(&chat);
    assert_eq!(home.run_with_stdin(&["run", &file, "-"], "from a pipe\n").ok().stdout, "one\n");
    assert_eq!(home.run_with_stdin(&[&file], "without a dash\n").ok().stdout, "two\n");
    let messages: Vec<String> =
        chat.got().iter().map(|got| got.json()["messages"][1]["content"].to_string()).collect();
    assert_eq!(messages, ["\"from a pipe\"", "\"without a dash\""]);
}

#[test]
fn a_closed_stdout_is_nobody_who_reads() {
    let home = Home::quiet();
    for arguments in WORK {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_docker-agent")]).args(arguments);
        command
            .env_clear()
            .envs(home.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.stdin(Stdio::null()).output().expect("a shell");
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), b"" as &[u8]),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_build_service_gets_plain_text_and_the_notice() {
    let home = Home::new().with("CI", "true").with("TERM", "xterm");
    let ran = home.run(&["version"]).ok();
    assert!(ran.stderr.contains(NOTICE));
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'));
    assert_eq!(home.pending()[0]["properties"]["caller"], "ci");
}

#[test]
fn colour_can_be_forced_and_forbidden() {
    let has_colour = |home: Home| home.run(&["--help"]).ok().stdout.contains('\u{1b}');
    assert!(!has_colour(Home::quiet()));
    assert!(has_colour(Home::quiet().with("CLICOLOR_FORCE", "1")));
    assert!(!has_colour(Home::quiet().with("CLICOLOR_FORCE", "1").with("NO_COLOR", "1")));
}
