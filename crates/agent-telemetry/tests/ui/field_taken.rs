//! A record has each key once.

use agent_telemetry::Event;

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct UserUuid {
    #[field(since = "1.2.0", why = "shows what people export")]
    user_uuid: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Version {
    #[field(since = "1.2.0", why = "shows what people export")]
    version: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Os {
    #[field(since = "1.2.0", why = "shows what people export")]
    os: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Arch {
    #[field(since = "1.2.0", why = "shows what people export")]
    arch: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct OsLanguage {
    #[field(since = "1.2.0", why = "shows what people export")]
    os_language: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Caller {
    #[field(since = "1.2.0", why = "shows what people export")]
    caller: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Schema {
    #[field(since = "1.2.0", why = "shows what people export")]
    schema: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", action = "end", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Action {
    #[field(since = "1.2.0", why = "shows what people export")]
    action: bool,
}

/// Something happened.
#[derive(Event)]
#[event(name = "export", since = "1.2.0", review = "2099-06-01", why = "shows what people export")]
struct Twice {
    #[field(since = "1.2.0", why = "shows what people export")]
    done: bool,
    #[field(name = "done", since = "1.2.0", why = "shows what people export")]
    really: bool,
}

fn main() {}
