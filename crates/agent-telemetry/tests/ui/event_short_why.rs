//! A reason is a sentence.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "usage")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    done: bool,
}

fn main() {}
