//! What an absent property means is a number.

use agent_telemetry::{Count, Event};

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", absent = "none", why = "shows how big exports are")]
    rows: Count,
}

fn main() {}
