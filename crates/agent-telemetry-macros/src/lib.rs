//! Derives for `agent-telemetry`.
//!
//! One definition of an event gives its wire form, its entry in the catalogue, its documentation and the
//! collector's validation.
//! The derives only read the definition; what a field may hold is decided by the sealed trait
//! `agent_telemetry::Value`, so a field of type `String` fails in the generated code with that trait's message.

mod closed;
mod event;

use proc_macro::TokenStream;

/// Derives `Closed` for an enum with unit variants: a value that is one of a fixed list of words.
///
/// A variant's word is its name in `snake_case`; `#[closed(name = "other-word")]` overrides it.
#[proc_macro_derive(Closed, attributes(closed))]
pub fn derive_closed(input: TokenStream) -> TokenStream {
    expand(input, closed::expand)
}

/// Derives `Properties` and `Event` for a struct with named fields.
///
/// ```text
/// /// One line: what happened.
/// #[derive(Event)]
/// #[event(name = "export", since = "1.2.0", review = "2027-06-01", why = "which formats people need")]
/// struct Export {
///     #[field(since = "1.2.0", why = "to see which formats are worth keeping")]
///     format: Format,
/// }
/// ```
///
/// `action = "…"` tells apart several events of one name.
/// `why`, `since` and `review` are mandatory, and so is the documentation line.
/// A number that is almost always the same can be left out: with `absent = "0"` in its `#[field(…)]` a zero is not
/// written, the documentation says so, and the collector's check puts it back.
#[proc_macro_derive(Event, attributes(event, field))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    expand(input, event::expand_event)
}

/// Derives `Properties` only: a group of fields that other records carry along.
#[proc_macro_derive(Properties, attributes(field))]
pub fn derive_properties(input: TokenStream) -> TokenStream {
    expand(input, event::expand_properties)
}

fn expand(
    input: TokenStream,
    with: impl Fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    with(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
