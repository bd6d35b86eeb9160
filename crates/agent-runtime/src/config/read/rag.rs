//! Reads `rag`.

use std::collections::BTreeMap;

use crate::config::error::Problem;
use crate::config::fields::Fields;
use crate::config::rag::{
    Chunking, Fusion, FusionStrategy, RagConfig, RagResults, RagStrategy, RagTool, Reranking,
};
use crate::yaml::Value;

/// The score under which a reranked result is left out, unless the file says otherwise.
const THRESHOLD: f64 = 0.5;

/// Reads one entry.
pub(super) fn entry(fields: &Fields<'_>, name: &str) -> RagConfig {
    let tool = fields.inner("tool", |fields| RagTool {
        name: fields.text("name").unwrap_or_else(|| name.to_owned()),
        description: fields.text("description").unwrap_or_default(),
        instruction: fields.text("instruction").unwrap_or_default(),
    });
    let strategies = fields.items("strategies", strategy);
    if fields.list("strategies").is_empty() {
        fields.missing("`strategies`, with at least one of them,");
    }
    RagConfig {
        name: name.to_owned(),
        tool: tool.unwrap_or_else(|| RagTool { name: name.to_owned(), ..RagTool::default() }),
        docs: fields.words("docs"),
        respect_vcs: fields.boolean("respect_vcs").unwrap_or(true),
        strategies,
        results: fields.inner("results", results).unwrap_or_default(),
        position: fields.node.position,
    }
}

fn strategy(fields: &Fields<'_>) -> RagStrategy {
    RagStrategy {
        r#type: fields.required("type"),
        docs: fields.words("docs"),
        database: fields.text("database"),
        chunking: fields.inner("chunking", |fields| Chunking {
            size: fields.count("size"),
            overlap: fields.count("overlap"),
            respect_word_boundaries: fields.boolean("respect_word_boundaries").unwrap_or(true),
            code_aware: fields.flag("code_aware"),
        }),
        limit: fields.count("limit"),
        parameters: fields.rest(),
    }
}

fn results(fields: &Fields<'_>) -> RagResults {
    let usual = RagResults::default();
    RagResults {
        limit: fields.count("limit").filter(|limit| *limit > 0).unwrap_or(usual.limit),
        fusion: fields.inner("fusion", |fields| Fusion {
            strategy: fields.word("strategy", FusionStrategy::WORDS),
            k: fields.count("k"),
            weights: weights(fields),
        }),
        reranking: fields.inner("reranking", |fields| Reranking {
            model: fields.required("model"),
            top_k: fields.count("top_k").filter(|count| *count > 0),
            threshold: fields.number("threshold").unwrap_or(THRESHOLD),
            criteria: fields.text("criteria").unwrap_or_default(),
        }),
        deduplicate: fields.boolean("deduplicate").unwrap_or(usual.deduplicate),
        include_score: fields.flag("include_score"),
        return_full_content: fields.flag("return_full_content"),
    }
}

fn weights(fields: &Fields<'_>) -> BTreeMap<String, f64> {
    let weight = |(path, entry): (String, &crate::yaml::Entry)| match entry.value.value {
        Value::Integer(weight) => Some((entry.key.clone(), weight as f64)),
        Value::Float(weight) if weight.is_finite() => Some((entry.key.clone(), weight)),
        ref other => {
            let text = format!("{path}: expected a number, found {}", other.kind());
            fields.problem(Problem::new(entry.value.position, text));
            None
        }
    };
    fields.named("weights").into_iter().filter_map(weight).collect()
}
