//! P6: what cannot be collected does not compile, and the compiler says what to write instead.

use agent_telemetry::testing::capture_with;
use agent_telemetry::{Event, EventDef, FieldDef, Kind, Name, ObjectWriter, Properties, catalogue};

#[test]
fn p6_types_that_could_hold_text_and_definitions_without_reasons_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn a_property_cannot_have_the_name_of_one_that_goes_with_every_event() {
    let refusals = include_str!("../ui/field_taken.stderr");
    for field in &crate::process::CATALOGUE.document("acme").common {
        assert!(refusals.contains(&format!("`{}` already", field.name)), "{} is not refused", field.name);
    }
}

/// An event that was written by hand, by somebody who wants a prompt in a key.
struct Leak {
    prompt: &'static str,
}

const DONE: FieldDef = FieldDef {
    name: "done",
    kind: Kind::Bool,
    required: true,
    absent_means: None,
    why: "shows that it ended",
    since: "1.0.0",
};

impl Properties for Leak {
    const FIELDS: &'static [FieldDef] = &[DONE];

    fn write(&self, out: &mut ObjectWriter<'_>) {
        out.field(self.prompt, &true);
        // Declared, but as another kind of value.
        out.field("done", &Name::agent(self.prompt));
        out.field("done", &true);
        // A second time.
        out.field("done", &false);
    }
}

impl Event for Leak {
    const DEF: EventDef = EventDef {
        name: "leak",
        action: None,
        about: "Something leaked.",
        why: "shows that nothing leaks",
        since: "1.0.0",
        review: "2099-01-01",
        fields: Self::FIELDS,
    };
}

catalogue! {
    static LEAKS = { events: [Leak], commands: [], flags: [] };
}

#[test]
fn p6_a_definition_by_hand_writes_declared_properties_only() {
    let (telemetry, capture) = capture_with("acme", "1.2.3", &LEAKS);
    let _ = telemetry.track(&Leak { prompt: String::from("canary").leak() });
    assert_eq!(capture.only("leak")["done"], true);
    capture.assert_no_text(&["canary"]);
    assert!(LEAKS.document("acme").check(&capture.records()[0]).is_ok_and(|checked| checked.dropped == 0));
}
