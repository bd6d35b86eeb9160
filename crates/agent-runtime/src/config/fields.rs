//! Takes typed values out of mappings, and keeps a list of what is wrong instead of stopping at it.
//!
//! Asking for a key is what makes it known: when a mapping is closed, whatever nobody asked for is an unknown key.
//! So the schema stands in one place, the code that reads it. A value that is wrong reads as if it were absent;
//! the problem is on the list, and a file with a problem on the list is refused as a whole.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value as Json};

use super::error::{Problem, nearest};
use super::support::{Feature, Scope, Unsupported};
use super::template::{Places, Template};
use crate::provider::endpoint::headers::refusal;
use crate::yaml::{Entry, Node, Value};

/// What reading a file brings together.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) file_name: String,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) uses: RefCell<Vec<Unsupported>>,
    pub(super) references: RefCell<Vec<Reference>>,
}

/// A name in one part of the file that stands for something in another.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) target: Target,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) position: crate::yaml::Position,
    pub(super) scope: Scope,
}

/// What a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An agent of this file, or one elsewhere; not the one named here.
    OtherAgent(String),
    /// A model; the reference of an agent may be a list of several.
    Model,
    /// A provider that needs no address in the model, because it is known or has an entry.
    Provider,
    /// An entry of `rag`.
    Rag,
}

/// One mapping of the file, with the dotted path that leads to it.
pub(super) struct Fields<'a> {
    pub(super) reading: &'a Reading,
    pub(super) path: String,
    pub(super) node: &'a Node,
    entries: &'a [Entry],
    asked: RefCell<Vec<&'static str>>,
    /// Whether other keys may stand here, too.
    open: Cell<bool>,
    scope: Scope,
}

impl<'a> Fields<'a> {
    /// Opens a mapping, lets it be read, and closes it; an empty value counts as an empty mapping.
    pub(super) fn read<T>(
        reading: &'a Reading,
        path: impl Into<String>,
        node: &'a Node,
        scope: Scope,
        read: impl FnOnce(&Self) -> T,
    ) -> Option<T> {
        let path = path.into();
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                let what = if path.is_empty() { "the file" } else { &path };
                let text = format!("{what}: expected a mapping, found {}", other.kind());
                reading.problems.borrow_mut().push(Problem::new(node.position, text));
                return None;
            }
        };
        let fields =
            Self { reading, path, node, entries, asked: RefCell::default(), open: Cell::default(), scope };
        let value = read(&fields);
        fields.refuse_unknown_keys();
        Some(value)
    }

    fn refuse_unknown_keys(&self) {
        if self.open.get() {
            return;
        }
        let asked = self.asked.borrow();
        for entry in self.entries.iter().filter(|entry| !asked.contains(&entry.key.as_str())) {
            let place = if self.path.is_empty() { String::new() } else { format!(" in {}", self.path) };
            let hint = nearest(&entry.key, asked.iter().copied())
                .unwrap_or_else(|| format!("known keys: {}", asked.join(", ")));
            let text = format!("unknown key `{}`{place}", entry.key);
            self.problem(Problem::new(entry.key_position, text).hint(Some(hint)));
        }
    }

    /// The value of a key; one that is empty counts as absent.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.value.value != Value::Null).then_some(&entry.value)
    }

    /// Refuses a key that older versions of the schema had.
    pub(super) fn gone(&self, key: &'static str, instead: &str) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            let text = format!("{}: this key is gone since version 2", self.path_of(key));
            self.problem(Problem::new(entry.key_position, text).hint(Some(instead.to_owned())));
            self.asked.borrow_mut().push(key);
        }
    }

    /// The dotted path of a key of this mapping.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Adds a problem.
    pub(super) fn problem(&self, problem: Problem) {
        self.reading.problems.borrow_mut().push(problem);
    }

    /// Makes a problem of a key's value.
    pub(super) fn about(&self, key: &str, node: &Node, text: impl Display) -> Problem {
        Problem::new(node.position, format!("{}: {text}", self.path_of(key)))
    }

    /// Adds that this mapping lacks something.
    pub(super) fn missing(&self, what: &str) {
        self.problem(Problem::new(self.node.position, format!("{}: {what} is missing", self.path)));
    }

    fn expected(&self, key: &str, node: &Node, what: &str) {
        self.problem(self.about(key, node, format_args!("expected {what}, found {}", node.value.kind())));
    }

    /// Notes that the file uses a feature here, if the value of the key says something.
    pub(super) fn uses(&self, feature: Feature, key: &'static str) {
        if let Some(node) = self.get(key)
            && says_something(node)
        {
            self.uses_at(feature, None, self.path_of(key), node);
        }
    }

    /// Notes that the file uses a feature at a place, and which of its kind.
    pub(super) fn uses_at(&self, feature: Feature, which: Option<&str>, place: String, node: &Node) {
        self.reading.uses.borrow_mut().push(Unsupported {
            file_name: self.reading.file_name.clone(),
            place,
            feature,
            which: which.map(str::to_owned),
            position: node.position,
            scope: self.scope.clone(),
        });
    }

    /// Notes that a name here stands for something elsewhere.
    pub(super) fn refers(&self, target: Target, key: &str, name: &str, node: &Node) {
        self.reading.references.borrow_mut().push(Reference {
            target,
            name: name.to_owned(),
            path: self.path_of(key),
            position: node.position,
            scope: self.scope.clone(),
        });
    }

    /// Text; a number is taken as written where it cannot be mistaken.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            _ => {
                self.expected(key, node, "text");
                None
            }
        }
    }

    /// Text that must be given.
    pub(super) fn required(&self, key: &'static str) -> String {
        let problems = self.reading.problems.borrow().len();
        let text = self.text(key).filter(|text| !text.trim().is_empty());
        if text.is_none() && self.reading.problems.borrow().len() == problems {
            self.missing(&format!("`{key}`"));
        }
        text.unwrap_or_default()
    }

    /// Text whose places to fill in are only variables.
    pub(super) fn template(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        if let Some(node) = self.get(key) {
            self.check_template(&text, Places::Variables, self.path_of(key), node);
        }
        Some(text)
    }

    pub(super) fn check_template(&self, text: &str, places: Places, path: String, node: &Node) {
        if let Err(place) = Template::parse(text, places) {
            self.uses_at(Feature::Code, Some(&place), path, node);
        }
    }

    /// A URL that can be asked over HTTP; a variable may stand for a part of it where `template` says so.
    pub(super) fn url(&self, key: &'static str, template: bool) -> Option<String> {
        let url = if template { self.template(key) } else { self.text(key) }?;
        let is_variable = template && url.starts_with("${");
        if !is_variable && !url.starts_with("http://") && !url.starts_with("https://") {
            let node = self.get(key).unwrap_or(self.node);
            self.problem(self.about(key, node, "expected a URL that starts with http:// or https://"));
            return None;
        }
        Some(url)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let node = self.get(key).unwrap_or(self.node);
            let known = || words.iter().map(|(word, _)| *word);
            let hint = nearest(&text, known())
                .unwrap_or_else(|| format!("one of: {}", known().collect::<Vec<_>>().join(", ")));
            self.problem(self.about(key, node, format_args!("unknown {key} `{text}`")).hint(Some(hint)));
        }
        found
    }

    /// A boolean; false if it is not given.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        self.boolean(key).unwrap_or(false)
    }

    /// A boolean.
    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let node = self.get(key)?;
        let Value::Bool(value) = node.value else {
            self.expected(key, node, "true or false");
            return None;
        };
        Some(value)
    }

    /// A finite number.
    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        let node = self.get(key)?;
        match node.value {
            Value::Integer(value) => Some(value as f64),
            Value::Float(value) if value.is_finite() => Some(value),
            _ => {
                self.expected(key, node, "a number");
                None
            }
        }
    }

    /// A whole number of at least `least`.
    pub(super) fn integer(&self, key: &'static str, least: i64) -> Option<i64> {
        let node = self.get(key)?;
        let value = match node.value {
            Value::Integer(value) => value,
            Value::Float(value) => {
                self.problem(self.about(key, node, format_args!("expected a whole number, found {value}")));
                return None;
            }
            _ => {
                self.expected(key, node, "a whole number");
                return None;
            }
        };
        if value < least {
            self.problem(self.about(key, node, format_args!("expected {least} or more, found {value}")));
            return None;
        }
        Some(value)
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, key: &'static str) -> Option<u64> {
        self.integer(key, 0).and_then(|value| u64::try_from(value).ok())
    }

    /// A whole number that is not negative; 0 means that there is no limit.
    pub(super) fn limit(&self, key: &'static str) -> Option<u32> {
        self.count(key).filter(|count| *count > 0).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// A list of nodes.
    pub(super) fn list(&self, key: &'static str) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        node.as_list().unwrap_or_else(|| {
            self.expected(key, node, "a list");
            &[]
        })
    }

    /// A list of texts; absent when the key is.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<(String, &'a Node)>> {
        self.get(key)?;
        let text = |item: &'a Node| match item.as_text() {
            Some(text) => Some((text.to_owned(), item)),
            None => {
                self.expected(key, item, "a list of texts");
                None
            }
        };
        Some(self.list(key).iter().filter_map(text).collect())
    }

    /// A list of texts without their places; empty when the key is absent.
    pub(super) fn words(&self, key: &'static str) -> Vec<String> {
        self.texts(key).unwrap_or_default().into_iter().map(|(text, _)| text).collect()
    }

    /// The mapping below a key.
    pub(super) fn inner<T>(&self, key: &'static str, read: impl FnOnce(&Fields<'a>) -> T) -> Option<T> {
        let node = self.get(key)?;
        Fields::read(self.reading, self.path_of(key), node, self.scope.clone(), read)
    }

    /// The mappings of a list.
    pub(super) fn items<T>(&self, key: &'static str, mut read: impl FnMut(&Fields<'a>) -> T) -> Vec<T> {
        let each = self.list(key).iter().enumerate();
        each.filter_map(|(index, node)| {
            let path = format!("{}[{index}]", self.path_of(key));
            Fields::read(self.reading, path, node, self.scope.clone(), &mut read)
        })
        .collect()
    }

    /// The entries of a mapping of names, below a key.
    pub(super) fn named(&self, key: &'static str) -> Vec<(String, &'a Entry)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let Value::Map(entries) = &node.value else {
            self.expected(key, node, "a mapping");
            return Vec::new();
        };
        let mut named = Vec::new();
        for entry in entries {
            if entry.key.trim().is_empty() {
                let text = format!("{}: a name is empty", self.path_of(key));
                self.problem(Problem::new(entry.key_position, text));
            } else {
                named.push((format!("{}.{}", self.path_of(key), entry.key), entry));
            }
        }
        named
    }

    /// The mappings of a mapping of names, below a key.
    pub(super) fn entries<T>(
        &self,
        key: &'static str,
        scope: impl Fn(&str) -> Scope,
        mut read: impl FnMut(&Fields<'a>, &str) -> T,
    ) -> Vec<T> {
        let each = self.named(key).into_iter();
        each.filter_map(|(path, entry)| {
            let read = |fields: &Fields<'a>| read(fields, &entry.key);
            Fields::read(self.reading, path, &entry.value, scope(&entry.key), read)
        })
        .collect()
    }

    /// The scope of what is noted here.
    pub(super) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    /// A mapping of names to texts, whose places to fill in are only variables, also as a shell writes them.
    pub(super) fn texts_by_name(&self, key: &'static str) -> BTreeMap<String, String> {
        let text = |(path, entry): (String, &'a Entry)| {
            let text = match &entry.value.value {
                Value::Null => String::new(),
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                other => {
                    let text = format!("{path}: expected text, found {}", other.kind());
                    self.problem(Problem::new(entry.value.position, text));
                    return None;
                }
            };
            self.check_template(&text, Places::Shell, path, &entry.value);
            Some((entry.key.clone(), text))
        };
        self.named(key).into_iter().filter_map(text).collect()
    }

    /// Variables of a process.
    pub(super) fn variables(&self, key: &'static str) -> BTreeMap<String, String> {
        for (_, entry) in self.named(key) {
            if entry.key.contains(['=', '\0']) {
                let name = entry.key.escape_debug();
                let text = format!("{}: `{name}` is no name of a variable", self.path_of(key));
                self.problem(Problem::new(entry.key_position, text));
            }
        }
        self.texts_by_name(key)
    }

    /// Headers of requests to a model.
    pub(super) fn headers(&self, key: &'static str) -> BTreeMap<String, String> {
        for (_, entry) in self.named(key) {
            if let Some(what) = refusal(&entry.key) {
                let name = entry.key.escape_debug();
                let text = format!("{}: `{name}` is {what}", self.path_of(key));
                self.problem(Problem::new(entry.key_position, text));
            }
        }
        self.texts_by_name(key)
    }

    /// A value that the schema leaves open.
    pub(super) fn free(&self, key: &'static str) -> Option<Json> {
        self.get(key).map(Node::to_json)
    }

    /// A mapping that the schema leaves open.
    pub(super) fn free_map(&self, key: &'static str) -> Map<String, Json> {
        self.named(key).into_iter().map(|(_, entry)| (entry.key.clone(), entry.value.to_json())).collect()
    }

    /// What nobody asked for, which the schema leaves open here.
    pub(super) fn rest(&self) -> Map<String, Json> {
        self.open.set(true);
        let asked = self.asked.borrow();
        let rest = self.entries.iter().filter(|entry| !asked.contains(&entry.key.as_str()));
        rest.map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
    }
}

fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => false,
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Integer(number) => *number != 0,
        Value::Bool(true) | Value::Float(_) => true,
    }
}
