//! Enough of XML to read what lstopo and virsh print: elements with their attributes, their text, and who holds them.

use std::collections::BTreeMap;

/// One element.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Name of the tag.
    pub name: String,
    attributes: BTreeMap<String, String>,
    /// Text directly behind the opening tag.
    pub text: String,
    /// Index of the element that holds it.
    pub parent: Option<usize>,
}

impl Element {
    /// An attribute; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// An attribute as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }
}

/// All elements in their order.
pub fn elements(text: &str) -> Vec<Element> {
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for piece in text.split('<').skip(1) {
        let Some((tag, behind)) = piece.split_once('>') else { continue };
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let words = tag.trim_end_matches('/');
        let (name, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        found.push(Element {
            name: name.to_owned(),
            attributes: attributes(rest),
            text: behind.trim().to_owned(),
            parent: open.last().copied(),
        });
        if !tag.ends_with('/') {
            open.push(found.len() - 1);
        }
    }
    found
}

fn attributes(mut text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while let Some((name, rest)) = text.split_once('=') {
        let quote = rest.chars().next().unwrap_or('"');
        let Some((value, behind)) = rest[1..].split_once(quote) else { break };
        found.insert(name.trim().to_owned(), value.to_owned());
        text = behind;
    }
    found
}
