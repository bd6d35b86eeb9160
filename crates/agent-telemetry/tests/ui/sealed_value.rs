//! Types that can be properties are decided in one place.

use agent_telemetry::{Kind, NamePolicy, Value};

struct Prompt(String);

impl Value for Prompt {
    const KIND: Kind = Kind::Bool;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

fn main() {}
