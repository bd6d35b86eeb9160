//! A set is of words from a fixed list.

use agent_telemetry::{Event, Set};

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    value: Set<String>,
}

fn main() {}
