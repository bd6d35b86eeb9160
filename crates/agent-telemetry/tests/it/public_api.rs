//! The list of public items is written down, so that no change of it goes unnoticed.
//!
//! Read from the sources: the lint `unreachable_pub` makes every `pub` item public indeed. Items that a local macro
//! makes are listed as the macro's text and its calls.

use std::fmt::Write as _;
use std::path::Path;

use quote::ToTokens;
use syn::{Attribute, Field, ImplItem, Item, TraitItem, Visibility};

const LIST: &str = "public-api.txt";

#[test]
fn the_public_items_are_the_listed_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = Vec::new();
    walk(&root.join("src"), "", &mut lines);
    lines.sort();
    lines.dedup();
    let now = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        std::fs::write(root.join(LIST), &now).unwrap();
    }
    let listed = std::fs::read_to_string(root.join(LIST)).unwrap();
    let mut change = String::new();
    for line in listed.lines().filter(|line| !now.lines().any(|other| other == *line)) {
        writeln!(change, "- {line}").unwrap();
    }
    for line in now.lines().filter(|line| !listed.lines().any(|other| other == *line)) {
        writeln!(change, "+ {line}").unwrap();
    }
    assert!(
        change.is_empty(),
        "public items changed:\n{change}if that is meant: UPDATE_PUBLIC_API=1 cargo test -p agent-telemetry public_items"
    );
}

/// Lists the public items of all files in a folder.
fn walk(folder: &Path, module: &str, lines: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let inner = if stem == "lib" { String::new() } else { format!("{module}{stem}::") };
        if path.is_dir() {
            walk(&path, &inner, lines);
        } else {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            file.items.iter().for_each(|item| list(item, &inner, lines));
        }
    }
}

fn list(item: &Item, module: &str, lines: &mut Vec<String>) {
    let mut public = |visibility: &Visibility, attributes: &[Attribute], text: String| {
        if matches!(visibility, Visibility::Public(_)) {
            lines.push(format!("{module} {}{text}", feature(attributes)));
        }
    };
    match item {
        Item::Use(item) => public(&item.vis, &item.attrs, format!("use {}", text(&item.tree))),
        Item::Mod(item) => {
            public(&item.vis, &item.attrs, format!("mod {}", item.ident));
            let inner = format!("{module}{}::", item.ident);
            item.content.iter().flat_map(|(_, items)| items).for_each(|item| list(item, &inner, lines));
        }
        Item::Fn(item) => public(&item.vis, &item.attrs, text(&item.sig)),
        Item::Const(item) => {
            public(&item.vis, &item.attrs, format!("const {}: {}", item.ident, text(&item.ty)));
        }
        Item::Static(item) => {
            public(&item.vis, &item.attrs, format!("static {}: {}", item.ident, text(&item.ty)));
        }
        Item::Type(item) => public(&item.vis, &item.attrs, format!("type {}", item.ident)),
        Item::Struct(item) => {
            public(&item.vis, &item.attrs, format!("struct {}{}", item.ident, text(&item.generics)));
            if matches!(item.vis, Visibility::Public(_)) {
                let public = |field: &&Field| matches!(field.vis, Visibility::Public(_));
                fields(item.fields.iter().filter(public), &item.ident.to_string(), module, lines);
            }
        }
        Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => {
            lines.push(format!("{module} {}enum {}", feature(&item.attrs), item.ident));
            let variants = item.variants.iter();
            for variant in variants {
                let of = format!("{}::{}", item.ident, variant.ident);
                lines.push(format!("{module} {of}"));
                fields(variant.fields.iter(), &of, module, lines);
            }
        }
        Item::Trait(item) if matches!(item.vis, Visibility::Public(_)) => {
            lines.push(format!("{module} trait {}: {}", item.ident, text(&item.supertraits)));
            for member in &item.items {
                let member = match member {
                    TraitItem::Fn(member) => text(&member.sig),
                    TraitItem::Const(member) => format!("const {}: {}", member.ident, text(&member.ty)),
                    other => text(other),
                };
                lines.push(format!("{module} {}::{member}", item.ident));
            }
        }
        Item::Impl(item) if item.trait_.is_none() => {
            let of = text(&item.self_ty);
            for member in &item.items {
                let (visibility, attributes, member) = match member {
                    ImplItem::Fn(member) => (&member.vis, &member.attrs, text(&member.sig)),
                    ImplItem::Const(member) => {
                        (&member.vis, &member.attrs, format!("const {}: {}", member.ident, text(&member.ty)))
                    }
                    _ => continue,
                };
                if matches!(visibility, Visibility::Public(_)) {
                    lines.push(format!("{module} {}{of}::{member}", feature(attributes)));
                }
            }
        }
        Item::Impl(item) => {
            let (of, _) = item.trait_.as_ref().unwrap();
            let name = of.segments.last().unwrap().ident.to_string();
            if !["Debug", "Drop", "Allowed"].contains(&name.as_str()) {
                lines.push(format!("{module} impl {} for {}", text(of), text(&item.self_ty)));
            }
        }
        // What local macros make is public as far as they say so.
        Item::Macro(item) if item.mac.path.is_ident("macro_rules") => {
            let body = text(&item.mac.tokens);
            if body.contains("pub ") || item.attrs.iter().any(|a| a.path().is_ident("macro_export")) {
                lines.push(format!("{module} macro {}", item.ident.as_ref().unwrap()));
                let parts = body.match_indices("pub ").filter(|(at, _)| !body[..*at].ends_with('('));
                lines.extend(parts.map(|(at, _)| {
                    let end = body[at..].find(['{', '=', ';']).map_or(body.len(), |end| at + end);
                    format!("{module} {}! makes {}", item.ident.as_ref().unwrap(), body[at..end].trim())
                }));
            }
        }
        Item::Macro(item) => {
            let made = text(&item.mac.tokens);
            let made = made.rsplit(']').next().unwrap_or_default().trim();
            lines.push(format!("{module} {}! {made}", text(&item.mac.path)));
        }
        _ => {}
    }
}

fn fields<'a>(fields: impl Iterator<Item = &'a Field>, of: &str, module: &str, lines: &mut Vec<String>) {
    for (at, field) in fields.enumerate() {
        let name = field.ident.as_ref().map_or(at.to_string(), ToString::to_string);
        lines.push(format!("{module} {of}.{name}: {}", text(&field.ty)));
    }
}

/// The condition under which an item exists.
fn feature(attributes: &[Attribute]) -> String {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.map(|attribute| format!("{} ", text(&attribute.meta))).collect()
}

/// Tokens without documentation, attributes and the blanks that nobody writes.
fn text(tokens: &impl ToTokens) -> String {
    let tokens = tokens.to_token_stream().to_string();
    let mut out = tokens.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("& ", "&"),
        (" :", ":"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
    ] {
        out = out.replace(from, to);
    }
    out
}
