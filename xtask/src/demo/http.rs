//! The collector's answers, over its HTTP interface like anybody gets them.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);

/// Gets a JSON document.
pub(super) fn get(url: &str) -> anyhow::Result<Value> {
    let mut answer = client().get(url).call().with_context(|| format!("cannot get {url}"))?;
    let text = answer.body_mut().read_to_string().with_context(|| format!("cannot read {url}"))?;
    serde_json::from_str(&text).with_context(|| format!("{url} is no JSON: {text}"))
}

/// Posts a JSON document as it is; any answer but success is an error.
pub(super) fn post(url: &str, body: &str) -> anyhow::Result<()> {
    let answer = client().post(url).content_type("application/json").send(body);
    answer.map(drop).with_context(|| format!("cannot post to {url}"))
}

fn client() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(LIMIT)).proxy(None).build().into()
}
