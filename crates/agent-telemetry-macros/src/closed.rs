//! `#[derive(Closed)]`: unit variants to words.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

const MAX_VARIANTS: usize = 128;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "`Closed` is for enums: a value out of a fixed list of words",
        ));
    };
    if let Some(param) = input.generics.params.first() {
        return Err(Error::new_spanned(
            param,
            "a closed enum has no generic parameters: its words are fixed",
        ));
    }
    if data.variants.is_empty() || data.variants.len() > MAX_VARIANTS {
        return Err(Error::new_spanned(&input.ident, "a closed enum has 1 to 128 variants"));
    }
    let mut words = Vec::new();
    let mut idents = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "a closed enum has unit variants only: data in a variant could carry free text. \
                 Put the data into a field of the event with a type of its own",
            ));
        }
        let word = word(variant)?;
        if words.contains(&word) {
            return Err(Error::new_spanned(variant, format!("the word `{word}` is used by two variants")));
        }
        words.push(word);
        idents.push(&variant.ident);
    }
    let name = &input.ident;
    let (indices, again) = (0..idents.len(), 0..idents.len());
    Ok(quote! {
        impl ::agent_telemetry::Closed for #name {
            const WORDS: &'static [&'static str] = &[#(#words),*];

            fn index(&self) -> usize {
                match self { #(Self::#idents => #indices),* }
            }

            fn from_index(index: usize) -> ::core::option::Option<Self> {
                match index {
                    #(#again => ::core::option::Option::Some(Self::#idents),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    })
}

/// The word of a variant: `#[closed(name = "…")]`, else its name in snake case.
fn word(variant: &syn::Variant) -> Result<String> {
    let mut given: Option<String> = None;
    for attribute in variant.attrs.iter().filter(|a| a.path().is_ident("closed")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("expected `name = \"word\"`"));
            }
            let text = meta.value()?.parse::<LitStr>()?;
            if !is_word(&text.value()) {
                return Err(Error::new_spanned(
                    text,
                    "a word has 1 to 64 of `a-z A-Z 0-9 . _ : / @ + -` and blanks",
                ));
            }
            given = Some(text.value());
            Ok(())
        })?;
    }
    Ok(given.unwrap_or_else(|| snake_case(&variant.ident.to_string())))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@+- ".contains(&b))
}

fn snake_case(ident: &str) -> String {
    let mut out = String::with_capacity(ident.len() + 4);
    for (at, c) in ident.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
