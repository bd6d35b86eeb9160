//! Text that lives for ever could be a leaked prompt: `Box::leak(prompt.into_boxed_str())`.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Export {
    #[field(since = "1.2.0", why = "shows what people export")]
    value: &'static str,
}

fn main() {}
