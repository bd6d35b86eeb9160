//! The rules once more, as simple as they can be said, to compare with.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Access, Approval, Call, Decision, Pattern, Permissions, Rules};
use crate::tools::folder::WorkingFolder;

/// A pattern as it is written: a glob of names, and globs of arguments.
type Written = (String, Vec<(String, String)>);

fn text_of((tool, arguments): &Written) -> String {
    arguments.iter().fold(tool.clone(), |text, (name, glob)| format!("{text}:{name}={glob}"))
}

/// Matches by trying everything.
fn matches(glob: &[char], text: &[char], crosses: bool) -> bool {
    match (glob, text) {
        ([], text) => text.is_empty(),
        (['*'], text) if !text.is_empty() => true,
        (['*', rest @ ..], text) => {
            matches(rest, text, crosses)
                || text
                    .split_first()
                    .is_some_and(|(first, left)| (crosses || *first != '/') && matches(glob, left, crosses))
        }
        ([symbol, rest @ ..], [first, left @ ..]) => {
            (*symbol == '?' || symbol == first) && matches(rest, left, crosses)
        }
        _ => false,
    }
}

fn lower(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

fn fits(written: &Written, tool: &str, arguments: &BTreeMap<String, String>, crosses: bool) -> bool {
    let fit = |glob: &str, text: &str| matches(&lower(glob), &lower(text), crosses);
    fit(&written.0, tool)
        && written.1.iter().all(|(name, glob)| {
            arguments.get(name).is_some_and(|value| fit(glob, value) || (crosses && fit(glob, value.trim())))
        })
}

fn glob() -> impl Strategy<Value = String> {
    "[aB*?/: ]{1,6}"
        .prop_filter("a pattern's own blanks", |glob| glob.trim() == glob && !glob.starts_with(':'))
}

fn written() -> impl Strategy<Value = Written> {
    let arguments = prop::collection::btree_map(prop::sample::select(vec!["one", "two"]), glob(), 0..3);
    let tool = prop::sample::select(vec!["run", "RUN", "r*", "*", "ru?", "look", "*k"]);
    (tool, arguments).prop_map(|(tool, arguments)| {
        (tool.to_owned(), arguments.into_iter().map(|(name, glob)| (name.to_owned(), glob)).collect())
    })
}

fn list() -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec(written(), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_are_what_one_would_say_they_are(
        (allow, ask, deny) in (list(), list(), list()),
        tool in prop::sample::select(vec!["run", "look"]),
        arguments in prop::collection::btree_map(
            prop::sample::select(vec!["one", "two"]).prop_map(str::to_owned), "[aAb/: ]{0,5}", 0..3),
        (reads, all) in (any::<bool>(), any::<bool>()),
    ) {
        let folder = WorkingFolder::new(std::path::Path::new("/")).unwrap();
        let texts = |list: &[Written]| list.iter().map(text_of).collect::<Vec<_>>();
        let mut permissions = Permissions::default();
        (permissions.allow, permissions.ask, permissions.deny) = (texts(&allow), texts(&ask), texts(&deny));
        for text in permissions.deny.iter().chain(&permissions.allow).chain(&permissions.ask) {
            prop_assert!(Pattern::parse(text).is_ok(), "{text}");
        }
        let value: Value = json!(arguments);
        let access = if reads { Access::NOTHING } else { Access::Changes };
        let call = Call { tool, arguments: &value, access: &access, folder: &folder };
        let approval = if all { Approval::All } else { Approval::Each };
        let found = Rules::new(&permissions).decide(call, approval);

        let hit = |list: &[Written], crosses| list.iter().any(|written| fits(written, tool, &arguments, crosses));
        if hit(&deny, true) {
            prop_assert!(matches!(found, Decision::Deny(_)), "{found:?}");
        } else if all || hit(&allow, false) {
            prop_assert_eq!(found, Decision::Allow);
        } else if hit(&ask, true) {
            prop_assert_eq!(found, Decision::Ask);
        } else {
            prop_assert_eq!(found, if reads { Decision::Allow } else { Decision::Ask });
        }
    }
}
