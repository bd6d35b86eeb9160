//! The collector's HTTP interface against its own OpenAPI document, asked by a tool that has read only that.

use std::process::Command;

use crate::machine::{Machine, Programs, tool};

/// Valid and invalid requests of every kind that the document allows one to think of.
///
/// The live tail is left out: it has no end that could be waited for.
#[test]
fn schemathesis_finds_no_violation() {
    let (Some(programs), Some(schemathesis)) = (Programs::find(), tool("schemathesis")) else { return };
    let machine = Machine::new(&programs);
    let collector = machine.collector();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schemathesis.toml");
    let output = Command::new(schemathesis)
        .args(["--config-file", config, "run", &collector.url("/openapi.json")])
        .args(["--exclude-path", "/api/v1/events/stream", "--continue-on-failure"])
        // The same questions in every run.
        .args(["--seed", "1", "--max-examples", "25", "--request-timeout", "30", "--warnings", "off"])
        .env("NO_COLOR", "1")
        .current_dir(machine.work())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // It must have asked.
    assert!(said.contains("Tested:") && said.contains("generated"), "{said}");
}
