//! What to do about a turn that failed, by its kind. Its text says what was wrong, in the provider's words.

use agent_telemetry::{Closed as _, ErrorClass};

/// What to do, if anything can be done; `class` is the word of an [`ErrorClass`].
pub(super) fn hint(class: &str) -> Option<&'static str> {
    Some(match ErrorClass::from_word(class)? {
        ErrorClass::Auth => {
            "check the key that the model uses: `token_key` in the agent file names its variable"
        }
        ErrorClass::NotFound => "check the name of the model, and its `base_url` if the agent file has one",
        ErrorClass::Network | ErrorClass::Timeout => {
            "check `base_url` in the agent file, and that the model's server runs"
        }
        ErrorClass::RateLimited | ErrorClass::Server => "wait a while, or choose another model with --model",
        ErrorClass::ContextTooLong => {
            "begin a new conversation, or let the agent remember less: `num_history_items`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn there_is_a_hint_where_something_can_be_done() {
        assert!(hint("network").is_some_and(|hint| hint.contains("base_url")));
        assert_eq!(hint("cancelled"), None);
        assert_eq!(hint("no such class"), None);
    }
}
