//! Runs agents that an `agent.yaml` describes: models, tools, turns. Knows no terminal.
//!
//! This crate takes data and returns data. It reads no process environment, no home directory and no clock
//! but a stopwatch; whoever embeds it hands in the text of the agent file, an [`Environment`], a working folder
//! and a telemetry context, and follows the conversation through a [`Frontend`].
//!
//! ```no_run
//! use agent_runtime::{
//!     Agent, Answer, BoxFuture, Cancel, Choice, Confirmation, Conversation, Environment, Event, Frontend,
//!     Settings, Transport, config, http,
//! };
//!
//! struct Lines;
//!
//! impl Frontend for Lines {
//!     fn event(&mut self, event: &Event) {
//!         println!("{}", serde_json::to_string(event).unwrap_or_default());
//!     }
//!
//!     fn confirm<'a>(&'a mut self, _request: &'a Confirmation) -> BoxFuture<'a, Answer> {
//!         Box::pin(async { Answer::No { reason: String::new() } })
//!     }
//! }
//!
//! # async fn run(text: &str, telemetry: agent_telemetry::Cx) -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::new(std::env::vars());
//! let config = config::from_yaml("agent.yaml", text)?;
//! let agent = Agent::new(&config, &Choice::default(), &environment)?;
//! let transport = Transport::live(http::Options::new("docker-agent/0.1.0", &environment));
//! let mut conversation =
//!     Conversation::new(agent, transport, Settings::new("."), &environment, &telemetry)?;
//! let cancel = Cancel::new(); // thrown by Ctrl-C, one per turn
//! let outcome = conversation.turn("hello", &mut Lines, &cancel).await;
//! conversation.finish(); // ends the telemetry session with the last turn's outcome
//! # let _ = outcome;
//! # Ok(())
//! # }
//! ```
//!
//! To record, pass [`Transport::recording`] with a [`Recorder`] made with [`Team::secrets`], and ask
//! [`Recorder::check`] at the end.
//! To replay, pass [`Transport::replaying`] and choose [`Keys::Unused`].
//!
//! Unix only: commands run in process groups.
#![warn(missing_docs)]

mod agent;
mod cancel;
pub mod cassette;
pub mod config;
mod conversation;
mod environment;
pub mod http;
pub mod prices;
pub mod provider;
pub mod sessions;
pub mod sse;
mod team;
pub mod tools;
mod transport;
mod yaml;

pub use agent::{Agent, AgentError, Choice};
pub use cancel::Cancel;
pub use cassette::{Recorder, Replayer};
pub use config::{Config, ConfigError};
pub use conversation::event::{Answer, CallUsage, Confirmation, Event, Frontend, ToolStatus, TurnOutcome};
pub use conversation::{Conversation, DELEGATION_TOOLS, Offered, Settings};
pub use environment::{EnvFileError, Environment, Secret, parse_env_file};
pub use provider::ProviderError;
pub use provider::endpoint::Keys;
pub use provider::random::Random;
pub use provider::retry::Policy as RetryPolicy;
pub use sessions::Sessions;
pub use team::Team;
pub use tools::asking::{Question, Reply};
pub use tools::permissions::Approval;
pub use tools::{BoxFuture, Diff, Toolset};
pub use transport::Transport;
