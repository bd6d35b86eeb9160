//! placeholder
pub(crate) async fn show() -> &'static str {
    ""
}
