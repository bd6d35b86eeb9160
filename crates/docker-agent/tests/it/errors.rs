//! What each failure says: to people, and by its exit code.

use std::fs;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::server::{self, Server};
use crate::setup::{Home, Ran};

/// A home with agent files that are wrong in one way each.
fn home() -> Home {
    let home = Home::quiet();
    home.write("keyless.yaml", "agents: {root: {model: openai/gpt-4o}}");
    home.write("typo.yaml", "agents:\n  root:\n    modle: openai/gpt-4o\n");
    home.write("later.yaml", "agents: {root: {model: openai/gpt-4o, rag: [x]}}");
    home.write("broken.yaml", "agents: {root: [");
    home.write("empty.yaml", "");
    home.write("bad.env", "this is no line\n");
    home.write("bad-recording.yaml", "version: 1\n");
    fs::write(home.path().join("latin1.yaml"), b"agents: \xe9").expect("a file");
    home
}

fn shown(home: &Home, ran: &Ran) -> String {
    let text = format!("exit {}\n{}{}", ran.code, ran.stdout, ran.stderr);
    text.replace(home.path().to_str().expect("UTF-8"), "HOME")
}

fn failing(arguments: &[&str]) -> String {
    let home = home();
    shown(&home, &home.run(arguments))
}

#[test]
fn wrong_use() {
    assert_snapshot!(failing(&["frobnicate"]), @"
    exit 2
    error: unrecognized subcommand 'frobnicate'

    Usage: docker-agent [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["serve", "api"]), @"
    exit 2
    error: unrecognized subcommand 'serve'

    Usage: docker-agent [OPTIONS] [COMMAND]

    For more information, try '--help'.
    hint: not supported: agents run on the command line
    ");
    assert_snapshot!(failing(&["verison"]), @"
    exit 2
    error: unrecognized subcommand 'verison'

      tip: some similar subcommands exist: 'sessions', 'version'

    Usage: docker-agent [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["--nonsense"]), @"
    exit 2
    error: unexpected argument '--nonsense' found

    Usage: docker-agent [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["run"]), @"
    exit 2
    error: the following required arguments were not provided:
      <AGENT.YAML>

    Usage: docker-agent run <AGENT.YAML> [MESSAGE]...

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "--sandbox"]), @"
    exit 2
    error: unexpected argument '--sandbox' found

      tip: to pass '--sandbox' as a value, use '-- --sandbox'

    Usage: docker-agent run <AGENT.YAML> [MESSAGE]...

    For more information, try '--help'.
    hint: not supported: run the whole program in a container instead
    ");
    assert_snapshot!(failing(&["run", "a.yaml", "--record", "x", "--fake", "y"]), @"
    exit 2
    error: the argument '--record <FILE>' cannot be used with '--fake <FILE>'

    Usage: docker-agent run --record <FILE> <AGENT.YAML> [MESSAGE]...

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "--agent", "nobody", "hi"]), @"
    exit 2
    error: no agent `nobody` in keyless.yaml (agents: root)
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "--model", "opnai/gpt-4o", "hi"]), @"
    exit 2
    error: no model `opnai/gpt-4o` in keyless.yaml, and it is no provider/model (did you mean `openai/gpt-4o`?)
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "--model", "GPT-4o", "hi"]), @"
    exit 2
    error: no model `GPT-4o` in keyless.yaml, and it is no provider/model (did you mean `openai/gpt-4o`?)
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "--model", "openai/", "hi"]), @"
    exit 2
    error: no model `openai/` in keyless.yaml, and it is no provider/model (write the model behind `openai/`)
    ");
    assert_snapshot!(failing(&["completion", "tcsh"]), @"
    exit 2
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, zsh, fish, powershell]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["version", "more"]), @"
    exit 2
    error: unexpected argument 'more' found

    Usage: docker-agent version [OPTIONS]

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["telemetry", "explain", "nothing.such"]), @"
    exit 2
    error: no event or property `nothing.such` is collected
    hint: events: command, session.start, session.end, tool.call, token.usage
    ");
    assert_snapshot!(failing(&["telemetry", "flush", "--timeout", "soon"]), @"
    exit 2
    error: invalid value 'soon' for '--timeout <SECONDS>': not a number of seconds

    For more information, try '--help'.
    ");
    assert_snapshot!(failing(&["reference", "man", "nothing"]), @"
    exit 2
    error: there is no manual page nothing
    ");
}

#[test]
fn no_message() {
    let home = home().with("OPENAI_API_KEY", "x");
    assert_snapshot!(shown(&home, &home.run(&["run", "keyless.yaml"])), @"
    exit 2
    error: there is no message
    hint: give it after the agent file, or pipe it in: echo hello | docker-agent run agent.yaml
    ");
    assert_snapshot!(shown(&home, &home.run_with_stdin(&["keyless.yaml", "-"], " \n")), @"
    exit 2
    error: there is no message
    hint: give it after the agent file, or pipe it in: echo hello | docker-agent run agent.yaml
    ");
}

#[test]
fn files_that_cannot_be_used() {
    assert_snapshot!(failing(&["run", "missing.yaml", "hi"]), @"
    exit 1
    error: cannot read missing.yaml
    cause: No such file or directory (os error 2)
    hint: give the path of an agent.yaml
    ");
    assert_snapshot!(failing(&["run", ".", "hi"]), @"
    exit 1
    error: cannot read .
    cause: Is a directory (os error 21)
    hint: give the path of an agent.yaml
    ");
    assert_snapshot!(failing(&["run", "latin1.yaml", "hi"]), @"
    exit 1
    error: cannot read latin1.yaml
    cause: stream did not contain valid UTF-8
    ");
    assert_snapshot!(failing(&["run", "broken.yaml", "hi"]), @"
    exit 1
    error: broken.yaml:1:16: unclosed bracket '['
     1 | agents: {root: [
       |                ^
    ");
    assert_snapshot!(failing(&["run", "empty.yaml", "hi"]), @"
    exit 1
    error: empty.yaml:1:1: no agents: the file needs at least one below `agents`
    ");
    assert_snapshot!(failing(&["run", "typo.yaml", "hi"]), @"
    exit 1
    error: typo.yaml:3:5: unknown key `modle` in agents.root (did you mean `model`?)
     3 |     modle: openai/gpt-4o
       |     ^
    ");
    assert_snapshot!(failing(&["run", "later.yaml", "hi"]), @"
    exit 1
    error: later.yaml:1:45: agents.root.rag: no `x` below `rag` (define it below `rag`)
     1 | agents: {root: {model: openai/gpt-4o, rag: [x]}}
       |                                             ^
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "hi"]), @"
    exit 1
    error: model `openai/gpt-4o` needs a key: the variable OPENAI_API_KEY is not set
    hint: set it in the environment, or in a file given with --env-from-file
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "hi", "--env-from-file", "missing.env"]), @"
    exit 1
    error: cannot read the env file missing.env
    cause: No such file or directory (os error 2)
    ");
    assert_snapshot!(failing(&["models", "--env-from-file", "bad.env"]), @"
    exit 1
    warning: TELEMETRY_ENABLED in --env-from-file=a file that cannot be read is not understood, so telemetry is off; use true or false
    error: bad.env: line 1: expected NAME=value
    hint: one NAME=value a line; lines that begin with # are left out
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "hi", "--fake", "missing.yaml"]), @"
    exit 1
    error: cannot read missing.yaml
    cause: No such file or directory (os error 2)
    ");
    assert_snapshot!(failing(&["run", "keyless.yaml", "hi", "--fake", "bad-recording.yaml"]), @"
    exit 1
    error: bad-recording.yaml:1:1: not a recording: expected `version: 2`
    ");
    let home = home().with("OPENAI_API_KEY", "x");
    let run = |arguments: &[&str]| shown(&home, &home.run(arguments));
    assert_snapshot!(run(&["run", "keyless.yaml", "hi", "--working-dir", "missing"]), @"
    exit 1
    error: cannot work in missing
    cause: No such file or directory (os error 2)
    ");
    assert_snapshot!(run(&["run", "keyless.yaml", "hi", "--record", "missing/folder.yaml"]), @"
    exit 1
    error: cannot write missing/folder.yaml
    cause: No such file or directory (os error 2)
    ");
}

#[test]
fn errors_are_events_with_json() {
    assert_snapshot!(failing(&["run", "missing.yaml", "hi", "--json"]), @r#"
    exit 1
    {"type":"error","class":"config","text":"cannot read missing.yaml","causes":["No such file or directory (os error 2)"]}
    error: cannot read missing.yaml
    cause: No such file or directory (os error 2)
    hint: give the path of an agent.yaml
    "#);
    assert_snapshot!(failing(&["run", "keyless.yaml", "hi", "--json"]), @r#"
    exit 1
    {"type":"error","class":"auth","text":"model `openai/gpt-4o` needs a key: the variable OPENAI_API_KEY is not set"}
    error: model `openai/gpt-4o` needs a key: the variable OPENAI_API_KEY is not set
    hint: set it in the environment, or in a file given with --env-from-file
    "#);
}

#[test]
fn what_a_model_refuses() {
    for (status, body) in [
        (401, r#"{"error":{"message":"Incorrect API key provided: sk-secret-12345"}}"#),
        (404, r#"{"error":{"message":"The model does not exist"}}"#),
        (400, "no JSON"),
        (200, "<!doctype html>\n<title>Welcome</title>\n<p>to   nginx!</p>"),
    ] {
        let chat = Server::start(move |_| server::answer(status, "application/json", body));
        let home = Home::quiet().with("CHAT_KEY", "sk-secret-12345");
        let file = home.agent(&chat);
        let ran = home.run(&["run", &file, "hi"]);
        let text = shown(&home, &ran).replace(&chat.base_url(), "URL");
        assert!(!text.contains("secret"), "{text}");
        match status {
            401 => assert_snapshot!(text, @"
            exit 1
            error: the provider refused the key
            cause: Incorrect API key provided: [masked] (status 401)
            hint: check the key that the model uses: `token_key` in the agent file names its variable
            "),
            200 => assert_snapshot!(text, @"
            exit 1
            error: the model was not found
            cause: the address answers with a web page: Welcome to nginx!
            hint: check the name of the model, and its `base_url` if the agent file has one
            "),
            404 => assert_snapshot!(text, @"
            exit 1
            error: the model was not found
            cause: The model does not exist (status 404)
            hint: check the name of the model, and its `base_url` if the agent file has one
            "),
            _ => assert_snapshot!(text, @"
            exit 1
            error: the provider does not accept the request
            cause: status 400: no JSON
            "),
        }
    }
}

#[test]
fn plugins() {
    let home = Home::quiet();
    let link = home.path().join(".docker/cli-plugins/docker-agent");
    fs::create_dir_all(link.parent().expect("a parent")).expect("a folder");
    symlink("/bin/sh", &link).expect("a link");
    assert_snapshot!(shown(&home, &home.run(&["plugin", "uninstall"])), @"
    exit 1
    error: HOME/.docker/cli-plugins/docker-agent is a link to /bin/sh, not a link of ours
    hint: remove it yourself if nobody needs it
    ");
    fs::remove_file(&link).expect("removed");
    assert_snapshot!(shown(&home, &home.run(&["plugin", "uninstall"])), @"
    exit 0
    not installed
    ");
    let mut command = home.command(&["plugin", "install"]);
    let ran = Ran::of(&command.env_remove("HOME").output().expect("the program"));
    assert_snapshot!(shown(&home, &ran), @"
    exit 1
    error: there is no folder for docker's plugins: HOME is not set
    hint: set HOME, or DOCKER_CONFIG to docker's configuration folder
    ");
}

#[test]
fn a_log_that_cannot_be_written_is_said_and_ends_nothing() {
    let home = Home::quiet();
    home.write("file", "");
    assert_snapshot!(shown(&home, &home.run(&["--debug", "--log-file", "file/log", "version"])), @"
    exit 0
    docker-agent version 0.1.0
    warning: cannot write the debug log: File exists (os error 17)
    ");
}

#[test]
fn settings_sessions_and_choices_that_cannot_be_used() {
    let home = home().with("OPENAI_API_KEY", "x");
    let run = |arguments: &[&str]| shown(&home, &home.run(arguments));
    assert_snapshot!(run(&["run", "keyless.yaml", "hi", "--model", "root=openai/gpt-4o"]), @"
    exit 2
    error: no model `root=openai/gpt-4o` in keyless.yaml, and it is no provider/model
    hint: --model is for the agent that begins: name the model alone, and the agent with --agent
    ");
    assert_snapshot!(run(&["run", "keyless.yaml", "hi", "--session", "zzz"]), @"
    exit 2
    error: no session `zzz` in HOME/.local/state/docker-agent/sessions (`sessions list` shows them)
    ");
    assert_snapshot!(run(&["sessions", "show", "zzz"]), @"
    exit 2
    error: no session `zzz` in HOME/.local/state/docker-agent/sessions (`sessions list` shows them)
    ");
    assert_snapshot!(run(&["debug", "toolsets", "keyless.yaml", "--working-dir", "missing"]), @"
    exit 1
    error: cannot work in missing
    cause: No such file or directory (os error 2)
    ");
    home.write(".config/docker-agent/prices.json", "{");
    assert_snapshot!(run(&["run", "keyless.yaml", "hi"]), @"
    exit 1
    error: cannot use HOME/.config/docker-agent/prices.json
    cause: EOF while parsing an object at line 1 column 1
    hint: it has to have the form of https://models.dev/api.json; delete it to use the built-in prices
    ");
}

#[test]
fn a_choice_that_cannot_be_saved() {
    let home = Home::new();
    home.write(".config", "");
    assert_snapshot!(shown(&home, &home.run(&["telemetry", "disable"])), @"
    exit 1
    error: telemetry is not off, because the choice could not be saved
    cause: HOME/.config/docker-agent/telemetry.json: Not a directory (os error 20)
    hint: TELEMETRY_ENABLED=false in the environment turns telemetry off without a file
    ");
}

#[test]
fn a_device_that_is_full() {
    let home = Home::quiet();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let ran = Ran::of(&home.command(&["version"]).stdout(full).output().expect("the program"));
    assert_snapshot!(shown(&home, &ran), @"
    exit 1
    error: cannot write to stdout
    cause: No space left on device (os error 28)
    ");
}
