//! What a server answers, as text for a model: texts as they are, all else described.

use agent_telemetry::ErrorClass;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::tools::{Failure, MAX_RESULT_BYTES, Outcome, capped};

/// Turns a server's answer into ours; its own flag says whether it is a failure.
pub(super) fn outcome(result: CallToolResult) -> Outcome {
    let mut parts: Vec<String> = result.content.into_iter().map(text_of).collect();
    if parts.is_empty() {
        parts.extend(result.structured_content.map(|content| content.to_string()));
    }
    let mut text = capped(parts.join("\n"), MAX_RESULT_BYTES);
    let failed = result.is_error == Some(true);
    if text.trim().is_empty() {
        text = if failed { "the tool failed and says nothing about it" } else { "the tool returned nothing" }
            .to_owned();
    }
    if failed { Err(Failure::model(ErrorClass::ToolError, text)) } else { Ok(text.into()) }
}

fn text_of(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => described("image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => described("audio", &audio.mime_type, &audio.data),
        ContentBlock::ResourceLink(link) => format!("[resource {} at {}]", link.name, link.uri),
        ContentBlock::Resource(resource) => match resource.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("[resource {uri}]\n{text}"),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                described(&format!("resource {uri}"), mime_type.as_deref().unwrap_or("unknown type"), &blob)
            }
            _ => "[a resource of a kind that is not known here]".to_owned(),
        },
        _ => "[content of a kind that is not known here]".to_owned(),
    }
}

fn described(what: &str, kind: &str, base64: &str) -> String {
    let kind: String = kind.chars().take(100).collect();
    format!("[{what}: {kind}, {} bytes, not shown]", base64.len() / 4 * 3)
}
