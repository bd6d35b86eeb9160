//! What becomes of an agent's children when the agent is killed, in the middle, by a signal that it cannot answer.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use agent_runtime::Toolset;
use agent_runtime::tools::mcp::ServerSettings;
use serde_json::json;

use crate::server::{Server, calls};
use crate::setup::{Notes, Stage, agent_file};
use crate::shell::assert_gone;

/// Where the agent in the other process writes the ids of its children.
const FOLDER: &str = "AGENT_RUNTIME_TEST_KILLED";

/// The agent that is killed; in a usual run there is none.
#[test]
fn agent() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let to = |name: &str| folder.join(name).display().to_string();
    let job = format!(
        "sleep 1000 & echo $! > {}; trap '' TERM HUP INT; echo $$ > {}; while :; do sleep 1000; done",
        to("child"),
        to("job")
    );
    let server = Server::start([calls(&[
        ("run_background_job", json!({ "cmd": job })),
        ("shell", json!({ "cmd": format!("echo $$ > {}; sleep 1000; true", to("shell")) })),
    ])]);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'] }\n");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcp-server.sh");
    let mut stage =
        Stage::with_toolsets(&text, vec![Toolset::Mcp(ServerSettings::new("sh", [script, "stubborn"]))]);
    std::os::unix::fs::symlink(to("server"), stage.folder.path().join("pid")).unwrap();
    stage.turn("?", &mut Notes::default());
}

#[test]
fn children_do_not_outlive_an_agent_that_was_killed() {
    for signal in ["KILL", "TERM", "HUP", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::agent", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let pids = ["job", "child", "shell", "server"].map(|name| {
            loop {
                let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
                if text.ends_with('\n') {
                    break text.trim().to_owned();
                }
                assert!(std::time::Instant::now() < deadline, "{name} never started");
                std::thread::yield_now();
            }
        });
        let killed = Command::new("kill").args(["-s", signal, &agent.id().to_string()]).status().unwrap();
        assert!(killed.success());
        agent.wait().unwrap();
        for pid in pids {
            assert_gone(&pid);
        }
    }
}
