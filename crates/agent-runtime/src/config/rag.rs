//! What a file says about documents to search: one entry of `rag`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::written;
use crate::yaml::Position;

/// One entry of `rag`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RagConfig {
    /// The key below `rag`; also the tool's name, unless `tool` says another.
    #[serde(skip)]
    pub name: String,
    /// How the search is offered to a model.
    pub tool: RagTool,
    /// Files and folders that every strategy searches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub docs: Vec<String>,
    /// Leave out what version control ignores.
    pub respect_vcs: bool,
    /// How documents are searched.
    pub strategies: Vec<RagStrategy>,
    /// What is made of what was found.
    pub results: RagResults,
    /// Where the entry stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// How a search is offered to a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RagTool {
    /// The tool's name.
    pub name: String,
    /// What the model reads about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instruction: String,
}

/// One way to search documents.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RagStrategy {
    /// Which one, as in `bm25` or `chunked-embeddings`.
    pub r#type: String,
    /// Files and folders that only this one searches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub docs: Vec<String>,
    /// Where it keeps its index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// How documents are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunking: Option<Chunking>,
    /// Most results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What only this strategy knows; the schema leaves it open.
    #[serde(flatten)]
    pub parameters: Map<String, Value>,
}

/// How documents are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Chunking {
    /// Characters in a piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Characters that two pieces share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u64>,
    /// Cut between words only.
    pub respect_word_boundaries: bool,
    /// Cut program text by its structure.
    pub code_aware: bool,
}

/// What is made of what was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RagResults {
    /// Most results.
    pub limit: u64,
    /// How the results of several strategies become one list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// A model that sorts the results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reranking: Option<Reranking>,
    /// Show a document once.
    pub deduplicate: bool,
    /// Show how well each result fits.
    pub include_score: bool,
    /// Show whole documents.
    pub return_full_content: bool,
}

/// How the results of several strategies become one list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fusion {
    /// By which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<FusionStrategy>,
    /// The constant of reciprocal rank fusion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<u64>,
    /// How much each strategy counts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
}

/// The rules by which results become one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FusionStrategy {
    /// Reciprocal rank fusion.
    Rrf,
    /// A weighted sum.
    Weighted,
    /// The best score.
    Max,
}

/// A model that sorts results.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reranking {
    /// The model.
    pub model: String,
    /// How many results it sorts; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Results that fit worse are left out.
    pub threshold: f64,
    /// What the model is told about what fits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub criteria: String,
}

impl Default for RagResults {
    fn default() -> Self {
        Self {
            limit: 15,
            fusion: None,
            reranking: None,
            deduplicate: true,
            include_score: false,
            return_full_content: false,
        }
    }
}

impl FusionStrategy {
    /// The words of the schema.
    pub(super) const WORDS: &[(&str, Self)] =
        &[("rrf", Self::Rrf), ("weighted", Self::Weighted), ("max", Self::Max)];
}

impl written::Named for RagConfig {
    fn name(&self) -> &str {
        &self.name
    }
}
