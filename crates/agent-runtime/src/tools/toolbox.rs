//! The tools of one agent, in the order of its file: fixed ones, and those of sources that may change.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{BoxFuture, Context, Tool};
use crate::provider::ToolDefinition;

/// What has something running that must not outlive the conversation.
pub(crate) trait Closing: fmt::Debug + Send + Sync {
    /// Ends what was started, giving it a moment.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Where tools come from that are not there from the start.
pub(crate) trait Source: Closing {
    /// Looks for the tools if they may have changed, starting what has to be started. Cheap if nothing changed.
    ///
    /// Returns nothing while the tools are those of the last time. A failure is for the user; the tools are gone.
    fn refresh<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Option<Result<Offer, String>>>;
}

/// What a source has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) tools: Vec<Arc<dyn Tool>>,
    /// For the system prompt.
    pub(crate) instructions: Option<String>,
    /// For the user: what had to be left out.
    pub(crate) warnings: Vec<String>,
}

/// A place in the order: one tool, or a source with what it has now.
#[derive(Debug)]
enum Entry {
    Tool(Arc<dyn Tool>),
    Source(Arc<dyn Source>, Offer),
}

impl Entry {
    fn tools(&self) -> &[Arc<dyn Tool>] {
        match self {
            Self::Tool(tool) => std::slice::from_ref(tool),
            Self::Source(_, offer) => &offer.tools,
        }
    }
}

/// What looking for tools brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refreshed {
    /// Whether tools or instructions are others than before.
    pub(crate) changed: bool,
    /// For the user.
    pub(crate) warnings: Vec<String>,
}

/// The tools of one agent.
#[derive(Debug, Default)]
pub(crate) struct Toolbox {
    entries: Vec<Entry>,
    closing: Vec<Arc<dyn Closing>>,
}

impl Toolbox {
    /// Adds a tool; of two with one name the first stays.
    pub(crate) fn add(&mut self, tool: Arc<dyn Tool>) {
        if self.get(tool.name()).is_none() {
            self.entries.push(Entry::Tool(tool));
        }
    }

    /// Adds a source of tools.
    pub(crate) fn add_source(&mut self, source: Arc<dyn Source>) {
        self.closing.push(Arc::clone(&source) as Arc<dyn Closing>);
        self.entries.push(Entry::Source(source, Offer::default()));
    }

    /// Remembers something that is ended with the toolbox.
    pub(crate) fn add_closing(&mut self, closing: Arc<dyn Closing>) {
        self.closing.push(closing);
    }

    /// All tools; of two with one name only the first.
    fn tools(&self) -> Vec<&Arc<dyn Tool>> {
        let mut tools: Vec<&Arc<dyn Tool>> = Vec::new();
        for tool in self.entries.iter().flat_map(Entry::tools) {
            if !tools.iter().any(|known| known.name() == tool.name()) {
                tools.push(tool);
            }
        }
        tools
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools().into_iter().find(|tool| tool.name() == name)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.tools().into_iter().map(|tool| tool.name()).collect()
    }

    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools().into_iter().map(|tool| tool.definition()).collect()
    }

    /// What sources want to have said in the system prompt.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Tool(_) => None,
            Entry::Source(_, offer) => offer.instructions.as_deref(),
        })
    }

    /// Asks the sources for their tools, all at the same time. To be called before each model call.
    pub(crate) async fn refresh(&mut self, context: &Context) -> Refreshed {
        let sources: Vec<(usize, Arc<dyn Source>)> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| match entry {
                Entry::Tool(_) => None,
                Entry::Source(source, _) => Some((index, Arc::clone(source))),
            })
            .collect();
        let questions = sources.iter().map(|(_, source)| source.refresh(context)).collect();
        let mut refreshed = Refreshed::default();
        for ((index, _), answer) in sources.iter().zip(all(questions).await) {
            let Some(answer) = answer else { continue };
            refreshed.changed = true;
            let offer =
                answer.unwrap_or_else(|problem| Offer { warnings: vec![problem], ..Offer::default() });
            refreshed.warnings.extend(offer.warnings.iter().cloned());
            if let Entry::Source(_, current) = &mut self.entries[*index] {
                *current = offer;
            }
        }
        if refreshed.changed {
            refreshed.warnings.extend(self.doubled().into_iter().map(|name| {
                format!(
                    "more than one toolset has a tool `{name}`: that of the first one is used; a `name` for an MCP \
                     toolset is put before the names of its tools"
                )
            }));
        }
        refreshed
    }

    /// Names that more than one entry has.
    fn doubled(&self) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        self.entries
            .iter()
            .flat_map(Entry::tools)
            .map(|tool| tool.name())
            .filter(|name| !seen.insert(*name))
            .collect()
    }

    /// Ends everything that was started, giving it a moment. What is not closed ends at once when dropped.
    pub(crate) async fn close(&self) {
        let _done: Vec<()> = all(self.closing.iter().map(|source| source.close()).collect()).await;
    }
}

/// Waits for all futures at once; results in the order of the futures.
pub(crate) async fn all<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut waiting: Vec<(Option<BoxFuture<'_, T>>, Option<T>)> =
        futures.into_iter().map(|future| (Some(future), None)).collect();
    std::future::poll_fn(|task| {
        for (future, result) in &mut waiting {
            if let Some(pending) = future
                && let std::task::Poll::Ready(value) = pending.as_mut().poll(task)
            {
                *result = Some(value);
                *future = None;
            }
        }
        if waiting.iter().all(|(future, _)| future.is_none()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, result)| result).collect()
}
