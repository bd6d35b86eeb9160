//! P6: what cannot be collected does not compile, and the compiler says what to write instead.

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
