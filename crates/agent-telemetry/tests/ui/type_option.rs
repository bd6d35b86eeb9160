//! An optional text is a text.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    value: Option<String>,
}

fn main() {}
