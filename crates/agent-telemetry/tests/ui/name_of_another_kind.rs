//! An agent's name is not a tool's.

use agent_telemetry::{Name, Session, ToolKind};

fn report(session: &Session) {
    session.tool(Name::agent("root"), ToolKind::Builtin).ok();
}

fn main() {}
