//! Somebody has to decide again whether an event is needed.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    done: bool,
}

fn main() {}
