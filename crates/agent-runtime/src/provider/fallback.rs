//! Several models for one agent: some may take turns, and the next one answers when one cannot.
//!
//! [`Order`] decides, purely; [`Chain`] asks. A model that stands in keeps answering for a while; those that take turns
//! (an alloy) are drawn anew for every call, and stand in for each other first.
//! A model is given up after its own retries. Text that a user has seen is never said again by another model: an answer
//! that breaks off after its first word ends the call.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::client::{Answered, CallError, Client, Failed, Next, Observer};
use super::random::Random;
use super::retry::Policy;
use super::{Model, ModelId, Question};
use crate::cancel::Cancel;
use crate::environment::Secret;
use crate::transport::Transport;

/// How long a fallback keeps answering where the file does not say.
pub const COOLDOWN: Duration = Duration::from_secs(60);

/// In which order models are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    models: usize,
    /// How many of them, from the first, take turns; one or more.
    in_turn: usize,
    cooldown: Duration,
    stuck: Option<(usize, Instant)>,
}

impl Order {
    /// An order that begins with the first of so many models.
    #[must_use]
    pub fn new(models: usize, cooldown: Duration) -> Self {
        Self { models, in_turn: 1, cooldown, stuck: None }
    }

    /// Has the first so many models take turns.
    #[must_use]
    pub fn in_turn(mut self, models: usize) -> Self {
        self.in_turn = models.clamp(1, self.models.max(1));
        self
    }

    /// Whom to ask now, one after the other; each model once. `random` is any number, taken as uniform.
    ///
    /// It begins with the model that stood in last, while its time lasts, and comes back to those before it last; else
    /// with one of those that take turns.
    #[must_use]
    pub fn at(&self, now: Instant, random: u64) -> VecDeque<usize> {
        if let Some((first, until)) = self.stuck
            && now < until
            && first < self.models
        {
            return (first..self.models).chain(0..first).collect();
        }
        let drawn = random.checked_rem(self.in_turn as u64).and_then(|drawn| usize::try_from(drawn).ok());
        let mut order: VecDeque<usize> = (0..self.models).collect();
        if let Some(drawn) = drawn.and_then(|drawn| order.remove(drawn)) {
            order.push_front(drawn);
        }
        order
    }

    /// Remembers who answered.
    pub fn answered(&mut self, model: usize, now: Instant) {
        self.stuck = match self.stuck {
            _ if model < self.in_turn => None,
            // The time runs from the moment of the failure, or the first model would never get its chance.
            Some((known, until)) if known == model && now < until => Some((known, until)),
            _ => now.checked_add(self.cooldown).map(|until| (model, until)),
        };
    }
}

/// The models of an agent.
#[derive(Clone, Debug)]
pub struct Chain {
    clients: Vec<Client>,
    order: Order,
    random: Random,
}

impl Chain {
    /// A chain that asks `first`, and then `others` in their order. Secrets are masked in error texts.
    #[must_use]
    pub fn new(
        first: Model,
        others: impl IntoIterator<Item = Model>,
        cooldown: Duration,
        transport: &Transport,
        policy: Policy,
        secrets: &[Secret],
    ) -> Self {
        let client = |model| Client::new(model, transport.clone(), policy, secrets.to_vec());
        let clients: Vec<Client> = std::iter::once(first).chain(others).map(client).collect();
        Self { order: Order::new(clients.len(), cooldown), clients, random: Random::default() }
    }

    /// Has the first so many models take turns, at random.
    #[must_use]
    pub fn in_turn(mut self, models: usize) -> Self {
        self.order = self.order.in_turn(models);
        self
    }

    /// Takes random numbers from somewhere else than the system.
    #[must_use]
    pub fn random(mut self, random: &Random) -> Self {
        self.clients = self.clients.into_iter().map(|client| client.random(random.clone())).collect();
        self.random = random.clone();
        self
    }

    /// The models in the order of the file.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.clients.iter().map(Client::model)
    }

    /// Asks until a model answers.
    ///
    /// `next_id` gives fresh ids for tool calls that come without.
    ///
    /// # Errors
    ///
    /// The last model's error, an error that no other model can help, or that the user cancelled.
    pub async fn ask(
        &mut self,
        question: Question<'_>,
        observer: &mut dyn Observer,
        cancel: &Cancel,
        mut next_id: impl FnMut() -> String,
    ) -> Result<Answered, CallError> {
        let mut order = self.order.at(Instant::now(), self.random.next());
        let mut asked = order.pop_front().unwrap_or(0);
        loop {
            let client = &self.clients[asked];
            let failure = match client.ask(question, observer, cancel, &mut next_id).await {
                Ok(answered) => {
                    self.order.answered(asked, Instant::now());
                    return Ok(answered);
                }
                Err(CallError::Failed(failure)) => failure,
                Err(cancelled @ CallError::Cancelled { .. }) => return Err(cancelled),
            };
            let others_may = failure.error.is_of_this_model() && failure.partial.text.is_empty();
            match order.pop_front().filter(|_| others_may) {
                None => return Err(CallError::Failed(failure)),
                Some(next) => {
                    let to: ModelId = self.clients[next].model().id();
                    observer.failed(&Failed {
                        model: &failure.model,
                        error: &failure.error,
                        usage: failure.partial.usage,
                        duration: failure.duration,
                        next: Next::Fallback { to: &to },
                    });
                    asked = next;
                }
            }
        }
    }
}
