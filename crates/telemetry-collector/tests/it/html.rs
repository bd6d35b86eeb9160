//! Pages taken apart: enough of HTML to look for elements, attributes and texts in what the server wrote.

/// Elements that are never closed.
const VOID: [&str; 4] = ["meta", "link", "input", "!doctype"];

/// A tag, or the text between two of them; entities are resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Open(Tag),
    Close(String),
    Text(String),
}

/// An opening tag.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }
}

/// An element with all that is in it.
#[derive(Debug, Clone)]
pub(crate) struct Element<'a> {
    pub(crate) tag: &'a Tag,
    pub(crate) inner: &'a [Piece],
}

/// A page; fails if an element is not closed, or closed where it was not opened.
#[derive(Debug)]
pub(crate) struct Html(Vec<Piece>);

impl Html {
    pub(crate) fn parse(source: &str) -> Self {
        let mut pieces = Vec::new();
        let mut open: Vec<String> = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find('<') {
            pieces.push(Piece::Text(resolved(&rest[..at])));
            let end = end_of_tag(&rest[at..]) + at;
            let inside = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = inside.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "closed where it was not opened");
                pieces.push(Piece::Close(name.to_owned()));
                continue;
            }
            let tag = tag(inside.strip_suffix('/').unwrap_or(inside));
            if !VOID.contains(&tag.name.as_str()) && !inside.ends_with('/') {
                open.push(tag.name.clone());
                pieces.push(Piece::Open(tag));
            } else {
                let name = tag.name.clone();
                pieces.extend([Piece::Open(tag), Piece::Close(name)]);
            }
        }
        assert_eq!(open, [] as [&str; 0], "never closed");
        pieces.push(Piece::Text(resolved(rest)));
        Self(pieces)
    }

    pub(crate) fn all(&self, name: &str) -> Vec<Element<'_>> {
        all(&self.0, name)
    }

    /// The one element of this name.
    pub(crate) fn one(&self, name: &str) -> Element<'_> {
        let mut all = self.all(name);
        assert_eq!(all.len(), 1, "{name}");
        all.remove(0)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<Element<'_>> {
        let names = self.tags().filter(|tag| tag.get("id") == Some(id)).map(|tag| tag.name.clone());
        let names: Vec<String> = names.collect();
        assert!(names.len() < 2, "{id} is there twice");
        let name = names.first()?;
        self.all(name).into_iter().find(|element| element.tag.get("id") == Some(id))
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Open(tag) => Some(tag),
            Piece::Close(_) | Piece::Text(_) => None,
        })
    }

    pub(crate) fn text(&self) -> String {
        text(&self.0)
    }
}

impl<'a> Element<'a> {
    pub(crate) fn all(&self, name: &str) -> Vec<Element<'a>> {
        all(self.inner, name)
    }

    pub(crate) fn text(&self) -> String {
        text(self.inner)
    }
}

fn all<'a>(pieces: &'a [Piece], name: &str) -> Vec<Element<'a>> {
    let mut found = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Open(tag) = piece else { continue };
        if tag.name != name {
            continue;
        }
        let mut depth = 0;
        let length = pieces[at..].iter().position(|piece| {
            match piece {
                Piece::Open(inner) if inner.name == name => depth += 1,
                Piece::Close(inner) if inner == name => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        found.push(Element { tag, inner: &pieces[at + 1..at + length.unwrap()] });
    }
    found
}

/// Texts with white space folded.
fn text(pieces: &[Piece]) -> String {
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Open(_) | Piece::Close(_) => None,
    });
    let joined = texts.collect::<Vec<_>>().join(" ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn end_of_tag(source: &str) -> usize {
    let mut is_quoted = false;
    let end = source.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == b'>' && !is_quoted
    });
    end.unwrap()
}

fn tag(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Tag { name: name.to_owned(), attributes };
        }
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let attribute = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (inner, after) = quoted.split_once('"').unwrap();
            (value, rest) = (resolved(inner), after);
        } else {
            assert!(!rest.starts_with('='), "an attribute without quotes: {inside}");
        }
        attributes.push((attribute, value));
    }
}

/// Resolves the entities that the templates' escaping writes.
fn resolved(text: &str) -> String {
    let mut out = text.to_owned();
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        out = out.replace(entity, c);
    }
    for code in [34_u8, 38, 39, 60, 62] {
        out = out.replace(&format!("&#{code};"), &char::from(code).to_string());
    }
    out
}
