//! Reads an agent's `hooks`.

use crate::config::agent::{Hook, Hooks, ToolHooks};
use crate::config::fields::Fields;

/// How long a hook may take unless the file says otherwise, in seconds.
const TIMEOUT_SECONDS: u64 = 60;

/// Reads the mapping of moments.
pub(super) fn hooks(fields: &Fields<'_>) -> Hooks {
    Hooks {
        pre_tool_use: fields.items("pre_tool_use", tool_hooks),
        post_tool_use: fields.items("post_tool_use", tool_hooks),
        session_start: fields.items("session_start", hook),
        session_end: fields.items("session_end", hook),
        on_user_input: fields.items("on_user_input", hook),
    }
}

fn tool_hooks(fields: &Fields<'_>) -> ToolHooks {
    let hooks = fields.items("hooks", hook);
    if fields.list("hooks").is_empty() {
        fields.missing("`hooks`, with at least one of them,");
    }
    ToolHooks { matcher: fields.text("matcher").unwrap_or_default(), hooks }
}

fn hook(fields: &Fields<'_>) -> Hook {
    if fields.word("type", &[("command", ())]).is_none() && fields.get("type").is_none() {
        fields.missing("`type`");
    }
    Hook {
        command: fields.required("command"),
        timeout: fields.count("timeout").filter(|seconds| *seconds > 0).unwrap_or(TIMEOUT_SECONDS),
    }
}
