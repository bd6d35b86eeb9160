//! The promises to users: each is kept by tests that carry its number.

use super::Finding;
use super::source::{Source, words};

/// How many promises there are; they are numbered from 1.
const PROMISES: u32 = 12;

/// Finds promises for which no test is named, as in `fn p3_what_holds()`.
pub(super) fn without_test(sources: &[Source]) -> Vec<Finding> {
    let tested: Vec<u32> = sources.iter().filter(|source| source.is_rust()).flat_map(tested).collect();
    let missing = (1..=PROMISES).filter(|number| !tested.contains(number));
    missing.map(|number| Finding::file("crates", format!("no test is named `p{number}_…`"))).collect()
}

fn tested(source: &Source) -> Vec<u32> {
    let mut numbers = Vec::new();
    for (_, line) in source.code_lines() {
        let functions = words(&line).filter(|(at, _)| line[..*at].trim_end().ends_with("fn"));
        numbers.extend(
            functions.filter_map(|(_, name)| name.strip_prefix('p')?.split_once('_')?.0.parse::<u32>().ok()),
        );
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_without_a_test_is_found() {
        let kept = |numbers: std::ops::RangeInclusive<u32>| {
            let tests: String =
                numbers.map(|number| format!("#[test]\nfn p{number}_holds() {{}}\n")).collect();
            without_test(&[Source::new("crates/a/tests/it/a.rs", tests)])
        };
        assert_eq!(kept(1..=12), []);
        let found = kept(1..=11);
        assert_eq!(found.len(), 1);
        assert!(found[0].text.contains("`p12_"), "{found:?}");
        assert_eq!(
            without_test(&[Source::new("a.rs", "// fn p1_a()\np2_b(); fn p3() {} fn px_y() {}")]).len(),
            12
        );
    }
}
