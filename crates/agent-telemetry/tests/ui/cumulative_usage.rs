//! A running total is not what one call used.

use agent_telemetry::{CumulativeUsage, Session};

fn report(session: &Session, total: CumulativeUsage) {
    session.tokens(total);
}

fn main() {}
