//! One switch that stops a turn: the model's answer, the tool that runs, the retry that waits.

use std::sync::Arc;

use tokio::sync::watch;

/// A switch that can be thrown once and waited for by many.
#[derive(Clone, Debug)]
pub struct Cancel {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// Makes a switch that is not thrown.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: Arc::new(watch::channel(false).0) }
    }

    /// Throws the switch; the second time changes nothing.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }

    /// Tells whether the switch was thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the switch is thrown; at once if it already is.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _closed = receiver.wait_for(|thrown| *thrown).await;
    }
}
