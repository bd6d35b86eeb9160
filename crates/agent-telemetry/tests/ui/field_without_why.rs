//! Users read why a property is collected.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0")]
    done: bool,
}

fn main() {}
