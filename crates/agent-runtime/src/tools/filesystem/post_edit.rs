//! Commands that an agent file wants to be run after some files were written or edited, such as formatters.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PostEdit;
use super::change::Changed;
use crate::tools::permissions::glob_matches;
use crate::tools::{Context, Failure, capped, process};

const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of a failed command's output that a model sees.
const MAX_NOTE_BYTES: usize = 4_000;

/// Runs the commands for a file, one after the other, and returns what the model should know about it.
///
/// A command that fails does not undo the change, nor keep the others from running.
pub(super) async fn run(
    commands: &[PostEdit],
    changed: &Changed,
    context: &Context,
) -> Result<String, Failure> {
    let shown = context.folder.display(&changed.real);
    let name = changed.real.file_name().unwrap_or_default().to_string_lossy();
    let mut note = String::new();
    let wanted =
        |command: &&PostEdit| glob_matches(&command.path, &name) || glob_matches(&command.path, &shown);
    let mut ran = false;
    for PostEdit { cmd, .. } in commands.iter().filter(wanted) {
        let env = BTreeMap::from([("path".to_owned(), changed.real.display().to_string())]);
        let command = process::shell(cmd, context.folder.path(), &env, context);
        ran = true;
        match process::answer(command, LIMIT, context).await {
            Ok(_) => {}
            Err(Failure::Model { text, .. }) => {
                note.push_str(&format!("\n[`{cmd}` failed: {}]", capped(text, MAX_NOTE_BYTES)));
            }
            Err(failure) => return Err(failure),
        }
    }
    if ran && std::fs::read(&changed.real).is_ok_and(|now| now != changed.after.as_bytes()) {
        note.push_str("\n[a command of the agent file then changed the file: read it before the next edit]");
    }
    Ok(note)
}
