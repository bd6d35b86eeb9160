//! The agents of a file that a conversation can come to: the one it begins with, and everybody who can be given a
//! task or the conversation.

use crate::agent::{Agent, AgentError, Choice};
use crate::config::Config;
use crate::environment::{Environment, Secret};

/// Agents that work together; the first one begins.
#[derive(Debug)]
pub struct Team {
    pub(crate) agents: Vec<Agent>,
}

impl Team {
    /// Prepares an agent of a file and everybody it can pass work to.
    ///
    /// # Errors
    ///
    /// There is no such agent or model, something in one of them does not run yet, or a key is missing: nothing is
    /// found out only when a task is passed on.
    pub fn new(config: &Config, choice: &Choice, environment: &Environment) -> Result<Self, AgentError> {
        let mut agents = vec![Agent::new(config, choice, environment)?];
        let mut at = 0;
        while let Some(agent) = agents.get(at) {
            let names = [&agent.config.sub_agents[..], &agent.config.handoffs[..]].concat();
            for name in names {
                if !agents.iter().any(|known| known.name == name) {
                    let choice = Choice { agent: Some(name), model: None, ..choice.clone() };
                    agents.push(Agent::new(config, &choice, environment)?);
                }
            }
            at += 1;
        }
        Ok(Self { agents })
    }

    /// The agent that begins.
    #[must_use]
    pub fn first(&self) -> &Agent {
        &self.agents[0]
    }

    /// Every credential known here, for masking recordings: those of the environment, and those in headers of the file.
    #[must_use]
    pub fn secrets(&self, environment: &Environment) -> Vec<Secret> {
        let models = self.agents.iter().flat_map(Agent::models);
        let in_headers = models.flat_map(|model| model.endpoint.secret_words());
        let mut secrets = environment.secrets(self.first().key_variables());
        secrets.extend(in_headers);
        secrets
    }

    /// All agents, the first one first.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter()
    }
}

impl From<Agent> for Team {
    /// An agent that works alone.
    fn from(agent: Agent) -> Self {
        Self { agents: vec![agent] }
    }
}
