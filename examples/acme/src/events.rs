//! Step 1: what is collected. Nothing else can be, and this file is what a sceptical user should read.

use agent_telemetry::events::CommandEnded;
use agent_telemetry::{Closed, Count, Event, catalogue};

/// Something was exported.
//
// The doc line, `why` and `since` are what `acme telemetry explain` shows; leaving one out does not compile.
// At the `review` date somebody has to decide whether the event is still needed.
#[derive(Debug, Event)]
#[event(
    name = "export",
    since = "0.1.0",
    review = "2027-11-01",
    why = "shows which formats people need and how big exports are"
)]
pub struct Export {
    /// The format.
    #[field(since = "0.1.0", why = "shows which formats are worth keeping")]
    pub format: Format,
    /// How many rows. A `String` here, such as the file's name, would not compile.
    #[field(since = "0.1.0", why = "shows which sizes to be fast at")]
    pub rows: Count,
}

/// A format: one of a fixed list of words, on the wire `csv` and `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json,
}

catalogue! {
    /// Everything that acme may ever collect: its own event, and the one that the command wrapper records.
    ///
    /// What is not in these lists is not sent: other commands are `unknown`, other flags are left out.
    pub static CATALOGUE = {
        events: [CommandEnded, Export],
        commands: ["export"],
        flags: ["format"],
    };
}
