//! How long a model may think: an effort in one word, or a number of tokens, as each format and model takes it.

use std::fmt;

use super::Wire;
use super::anthropic::MIN_THINKING_TOKENS;

/// How long a model may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// In one word.
    Effort(Effort),
    /// In tokens.
    Tokens(u64),
    /// As long as the model likes.
    Adaptive,
}

/// An effort; providers take some of these words each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are all there is to say")]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// A budget that a model does not take, and which one it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("thinking_budget {given}: {instead}")]
pub struct Untaken {
    given: Thinking,
    instead: &'static str,
}

impl Effort {
    const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The effort of that name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.word() == word)
    }

    /// Its name, in files and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// What the word means to a model that wants a number.
    fn tokens(self) -> u64 {
        match self {
            Self::Minimal => MIN_THINKING_TOKENS,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::Xhigh | Self::Max => 32_768,
        }
    }
}

impl Thinking {
    /// The budget as a model takes it.
    ///
    /// # Errors
    ///
    /// The model takes another kind of budget, and there is no honest translation.
    pub fn for_model(self, wire: Wire, model: &str) -> Result<Self, Untaken> {
        let untaken = |instead| Err(Untaken { given: self, instead });
        match (wire, self) {
            (Wire::ChatCompletions | Wire::Responses, Self::Effort(_)) => Ok(self),
            (Wire::ChatCompletions | Wire::Responses, _) => {
                untaken("this provider takes an effort: minimal, low, medium, high, xhigh")
            }
            (Wire::Messages, Self::Tokens(tokens)) if tokens < MIN_THINKING_TOKENS => {
                untaken("it has to be at least 1024 tokens")
            }
            (Wire::Messages, Self::Tokens(_)) if Budgets::of(model) == Budgets::Adaptive => {
                untaken("this model takes an effort: low, medium, high, xhigh, max, or adaptive")
            }
            (Wire::Messages, Self::Tokens(_)) => Ok(self),
            (Wire::Messages, Self::Effort(effort)) if Budgets::of(model) == Budgets::Tokens => {
                Ok(Self::Tokens(effort.tokens()))
            }
            (Wire::Messages, Self::Adaptive) if Budgets::of(model) == Budgets::Tokens => {
                untaken("this model takes a number of tokens, or low, medium, high")
            }
            (Wire::Messages, Self::Effort(_) | Self::Adaptive) => Ok(self),
        }
    }
}

impl fmt::Display for Thinking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effort(effort) => f.write_str(effort.word()),
            Self::Tokens(tokens) => tokens.fmt(f),
            Self::Adaptive => f.write_str("adaptive"),
        }
    }
}

/// What kind of budget a model behind the messages format takes.
///
/// Fixed budgets came with Claude 3.7, adaptive thinking with 4.6; from 4.7 on the former are refused
/// (<https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Budgets {
    Tokens,
    Both,
    Adaptive,
}

impl Budgets {
    fn of(model: &str) -> Self {
        match version(model) {
            None => Self::Tokens,
            Some(version) if version < (4, 6) => Self::Tokens,
            Some((4, 6)) => Self::Both,
            Some(_) => Self::Adaptive,
        }
    }
}

/// The version in a name like `claude-opus-4-6` or `claude-sonnet-4-5-20250929`; a date is no version.
fn version(model: &str) -> Option<(u32, u32)> {
    let rest = model.strip_prefix("claude-")?;
    let mut numbers = rest.split(['-', '.']).skip_while(|part| part.parse::<u32>().is_err());
    let mut next = || numbers.next().filter(|part| part.len() <= 2).and_then(|part| part.parse::<u32>().ok());
    let major = next()?;
    Some((major, next().unwrap_or(0)))
}
