//! `#[derive(Event)]` and `#[derive(Properties)]`: fields to descriptors and a writer.
//!
//! Every missing sentence is a compile error that says what to write, because the sentence is what users read.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result};

/// The properties of `agent_telemetry::events::Common`; a test compares the two.
const COMMON: [&str; 7] = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema"];

pub(crate) fn expand_event(input: &DeriveInput) -> Result<TokenStream> {
    let event = EventAttributes::parse(input)?;
    let mut taken = COMMON.to_vec();
    if event.action.is_some() {
        taken.push("action");
    }
    let properties = expand(input, &taken)?;
    let EventAttributes { name, action, since, review, why, about } = event;
    let action = match &action {
        Some(action) => quote!(::core::option::Option::Some(#action)),
        None => quote!(::core::option::Option::None),
    };
    let ident = &input.ident;
    Ok(quote! {
        #properties

        impl ::agent_telemetry::Event for #ident {
            const DEF: ::agent_telemetry::EventDef = ::agent_telemetry::EventDef {
                name: #name,
                action: #action,
                about: #about,
                why: #why,
                since: #since,
                review: #review,
                fields: <Self as ::agent_telemetry::Properties>::FIELDS,
            };
        }
    })
}

pub(crate) fn expand_properties(input: &DeriveInput) -> Result<TokenStream> {
    expand(input, &[])
}

fn expand(input: &DeriveInput, taken: &[&str]) -> Result<TokenStream> {
    if let Some(param) = input.generics.params.first() {
        return Err(Error::new_spanned(
            param,
            "an event has no generic parameters: which types its fields have is what keeps it private",
        ));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => &named.named,
            _ => return Err(Error::new_spanned(&input.ident, "an event is a struct with named fields")),
        },
        _ => return Err(Error::new_spanned(&input.ident, "an event is a struct with named fields")),
    };
    let mut names = BTreeSet::new();
    let mut defs = Vec::new();
    let mut writes = Vec::new();
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let FieldAttributes { name, why, since, absent } = FieldAttributes::parse(ident, field)?;
        if !names.insert(name.clone()) {
            return Err(Error::new_spanned(ident, format!("two properties are named `{name}`; rename one")));
        }
        if taken.contains(&name.as_str()) {
            return Err(Error::new_spanned(
                ident,
                format!("this event has a property named `{name}` already; rename this one"),
            ));
        }
        let ty = &field.ty;
        // The same path each time, so that a type that cannot be a property is one error, at that type.
        let value = quote!(<#ty as ::agent_telemetry::Value>);
        let (required, absent_means) = match absent {
            Some(number) => (quote!(false), quote!(#value::KIND.left_out(#number))),
            None => (quote!(#value::REQUIRED), quote!(::core::option::Option::None)),
        };
        defs.push(quote! {
            ::agent_telemetry::FieldDef {
                name: #name,
                kind: #value::KIND,
                required: #required,
                absent_means: #absent_means,
                why: #why,
                since: #since,
            }
        });
        writes.push(quote!(#value::write_member(&self.#ident, #name, out);));
    }
    let ident = &input.ident;
    Ok(quote! {
        impl ::agent_telemetry::Properties for #ident {
            const FIELDS: &'static [::agent_telemetry::FieldDef] = &[#(#defs),*];

            fn write(&self, out: &mut ::agent_telemetry::ObjectWriter<'_>) {
                #(#writes)*
            }
        }
    })
}

struct EventAttributes {
    name: String,
    action: Option<String>,
    since: String,
    review: String,
    why: String,
    about: String,
}

impl EventAttributes {
    fn parse(input: &DeriveInput) -> Result<Self> {
        let given = key_values(&input.attrs, "event", &["name", "action", "since", "review", "why"])?;
        let need = |key: &str, what: &str| {
            given.get(key).cloned().ok_or_else(|| {
                Error::new_spanned(&input.ident, format!("add #[event({key} = \"…\")]: {what}"))
            })
        };
        let name = need("name", "the event's name on the wire, in snake case")?;
        let since = need("since", "the version that first collects it, such as \"0.1.0\"")?;
        let review =
            need("review", "the date, YYYY-MM-DD, when somebody must decide whether it is still needed")?;
        let why = need("why", "a sentence for users: why this event is collected")?;
        check_name(&input.ident, "name", &name)?;
        if let Some(action) = given.get("action") {
            check_name(&input.ident, "action", action)?;
        }
        check_since(&input.ident, &since)?;
        check_date(&input.ident, &review)?;
        check_sentence(&input.ident, &why)?;
        let about = doc_line(&input.attrs).ok_or_else(|| {
            Error::new_spanned(
                &input.ident,
                "write a doc comment above the event: one line that says what happened",
            )
        })?;
        Ok(Self { name, action: given.get("action").cloned(), since, review, why, about })
    }
}

struct FieldAttributes {
    name: String,
    why: String,
    since: String,
    absent: Option<u64>,
}

impl FieldAttributes {
    fn parse(ident: &Ident, field: &Field) -> Result<Self> {
        let given = key_values(&field.attrs, "field", &["name", "why", "since", "absent"])?;
        let need = |key: &str, what: &str| {
            given.get(key).cloned().ok_or_else(|| {
                Error::new_spanned(ident, format!("field `{ident}`: add #[field({key} = \"…\")]: {what}"))
            })
        };
        let why = need("why", "a sentence for users: what this value is needed for")?;
        let since = need("since", "the version that first collects it, such as \"0.1.0\"")?;
        check_sentence(ident, &why)?;
        check_since(ident, &since)?;
        let name = given.get("name").cloned().unwrap_or_else(|| ident.to_string());
        check_name(ident, "name", &name)?;
        let absent = given.get("absent").map(|number| number.parse::<u64>()).transpose().map_err(|_| {
            let text = format!("field `{ident}`: `absent` is the number that is not written, such as \"0\"");
            Error::new_spanned(ident, text)
        })?;
        Ok(Self { name, why, since, absent })
    }
}

fn key_values(attributes: &[Attribute], of: &str, allowed: &[&str]) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident(of)) {
        attribute.parse_nested_meta(|meta| {
            let Some(key) = allowed.iter().find(|key| meta.path.is_ident(key)) else {
                return Err(meta.error(format!("expected one of: {}", allowed.join(", "))));
            };
            let text = meta.value()?.parse::<LitStr>()?.value();
            match found.insert((*key).to_owned(), text) {
                None => Ok(()),
                Some(_) => Err(meta.error(format!("`{key}` is given twice"))),
            }
        })?;
    }
    Ok(found)
}

fn check_sentence(at: impl quote::ToTokens, why: &str) -> Result<()> {
    if why.split_whitespace().count() < 3 {
        return Err(Error::new_spanned(
            at,
            format!("`why = \"{why}\"` is too short: users read it, write a sentence"),
        ));
    }
    Ok(())
}

/// Names are written to the wire as they are, and are columns and JSON keys elsewhere.
fn check_name(at: impl quote::ToTokens, key: &str, name: &str) -> Result<()> {
    let valid = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if valid {
        Ok(())
    } else {
        Err(Error::new_spanned(
            at,
            format!("`{key} = \"{name}\"` is not in snake case; write lower-case letters, digits and `_`"),
        ))
    }
}

fn check_since(at: impl quote::ToTokens, version: &str) -> Result<()> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if version.split('.').count() == 3 && version.split('.').all(number) {
        Ok(())
    } else {
        Err(Error::new_spanned(
            at,
            format!("`since = \"{version}\"` is not a release; write three numbers, such as \"0.1.0\""),
        ))
    }
}

fn check_date(at: impl quote::ToTokens, date: &str) -> Result<()> {
    let digits = |range: std::ops::Range<usize>| {
        date.get(range)
            .filter(|part| part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let dashes = date.len() == 10 && date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    let valid = dashes
        && digits(0..4).is_some_and(|year| year >= 2020)
        && digits(5..7).is_some_and(|month| (1..=12).contains(&month))
        && digits(8..10).is_some_and(|day| (1..=31).contains(&day));
    if valid {
        Ok(())
    } else {
        Err(Error::new_spanned(at, format!("`review = \"{date}\"` is not a date; write YYYY-MM-DD")))
    }
}

/// The first paragraph of the doc comment, in one line.
fn doc_line(attributes: &[Attribute]) -> Option<String> {
    let mut words = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        let syn::Meta::NameValue(meta) = &attribute.meta else { continue };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &meta.value else { continue };
        let line = text.value().trim().to_owned();
        if line.is_empty() {
            break;
        }
        words.push(line);
    }
    (!words.is_empty()).then(|| words.join(" "))
}
