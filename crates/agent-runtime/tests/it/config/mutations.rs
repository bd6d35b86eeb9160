//! Whatever is done to an agent file, reading it ends, and ends with a configuration or with words.

use agent_runtime::config;
use proptest::prelude::*;

use super::examples;

/// Pieces that mean something in YAML, in templates, or to the schema.
const PIECES: [&str; 30] = [
    ":",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!!binary ",
    "? ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "${",
    "${env.",
    "null",
    "-1",
    "99999999999999999999",
    ".nan",
    "\u{0}",
];

/// One change to a text, at a place given as a share of it.
#[derive(Clone, Debug)]
enum Change {
    Insert(f64, &'static str),
    Delete(f64, usize),
    Copy(f64, f64, usize),
    Flip(f64, char),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0.0..1.0;
    prop_oneof![
        (at.clone(), prop::sample::select(&PIECES[..])).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (at.clone(), 1_usize..40).prop_map(|(at, count)| Change::Delete(at, count)),
        (at.clone(), at.clone(), 1_usize..200).prop_map(|(from, to, count)| Change::Copy(from, to, count)),
        (at, any::<char>()).prop_map(|(at, c)| Change::Flip(at, c)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let index = |share: f64| (share * chars.len() as f64) as usize;
        match *change {
            Change::Insert(at, piece) => {
                let at = index(at);
                chars.splice(at..at, piece.chars());
            }
            Change::Delete(at, count) => {
                let at = index(at);
                chars.drain(at..(at + count).min(chars.len()));
            }
            Change::Copy(from, to, count) => {
                let (from, to) = (index(from), index(to));
                let copy: Vec<char> = chars[from..(from + count).min(chars.len())].to_vec();
                chars.splice(to..to, copy);
            }
            Change::Flip(at, c) => {
                let at = index(at);
                if let Some(old) = chars.get_mut(at) {
                    *old = c;
                }
            }
        }
    }
    chars.into_iter().collect()
}

/// Reads a text; what is read can be written, and what is written reads as the same.
fn reads_or_says_why(text: &str) -> Result<(), TestCaseError> {
    match config::from_yaml("agent.yaml", text) {
        Err(error) => {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.to_string().starts_with("agent.yaml"));
        }
        Ok(config) => {
            let _ = config.unsupported();
            let written = config.to_yaml().map_err(TestCaseError::fail)?;
            let again = config::from_yaml("written.yaml", &written);
            let again = again.map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
            prop_assert_eq!(again.to_yaml().map_err(TestCaseError::fail)?, written);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn examples_with_changes(
        text in prop::sample::select(examples::texts()),
        changes in prop::collection::vec(change(), 1..12),
    ) {
        reads_or_says_why(&changed(&text, &changes))?;
    }

    #[test]
    fn any_text(text in any::<String>()) {
        reads_or_says_why(&text)?;
    }
}
