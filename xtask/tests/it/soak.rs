//! P10: a small version of `cargo xtask soak`; people run the long one.

use std::process::Command;

use crate::machine::Programs;

#[test]
fn p10_nothing_is_lost_or_doubled_by_the_dozen() {
    let Some(programs) = Programs::find() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["soak", "--runs", "12", "--offline-runs", "60", "--bin-dir"])
        .arg(programs.folder())
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
