//! Users read what happened.

use agent_telemetry::Event;

#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    done: bool,
}

fn main() {}
