//! From text to nodes: the parser's events become a tree, with anchors, merge keys and tags resolved.

use super::diagnostic::Diagnostic;
use super::node::{Node, NodeData, Tag};
use super::value::{Origin, Value};
use super::{json, relax, resolve};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Deeper files are refused: nobody writes them, and every walk over a tree recurses.
const MAX_DEPTH: usize = 120;
/// Nodes that aliases may add to one file. Some honest inventories repeat a block for each host; a file that
/// doubles itself thirty times must not.
const MAX_COPIED: usize = 500_000;

/// All documents of a text.
///
/// # Errors
/// The first thing in it that is not YAML as PyYAML's safe loader reads it.
pub fn parse_str(text: &str, file: &Arc<Path>) -> Result<Vec<Node>, Diagnostic> {
    let json = json::is_json(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut relaxed: Option<String> = None;
    for _ in 0..relax::ATTEMPTS {
        let current = relaxed.as_deref().unwrap_or(text);
        match Builder::new(file, json).build(current) {
            Ok(documents) => return Ok(documents),
            Err(Failure::Said(mut diagnostic)) => {
                diagnostic.origin = diagnostic.origin.map(|origin| within(origin, current));
                return Err(diagnostic);
            }
            // JSON writes some letters as two escapes, which YAML does not know.
            Err(Failure::Scan(_)) if json => return Ok(json::read(text, file)),
            Err(Failure::Scan(error)) => match relax::relax(current, &error) {
                Some(next) => relaxed = Some(next),
                None => return Err(explain(&error, current, file)),
            },
        }
    }
    let origin = Origin { file: file.clone(), line: 1, column: 1 };
    Err(Diagnostic::error(Some(origin), "too many lines are indented less than the value they belong to"))
}

/// The one document of a text; nothing at all is `null`.
///
/// # Errors
/// It is not YAML, or holds several documents.
pub fn parse_document(text: &str, file: &Arc<Path>) -> Result<Node, Diagnostic> {
    let mut documents = parse_str(text, file)?.into_iter();
    let first = documents.next();
    if let Some(second) = documents.next() {
        return Err(second.error("a second document begins here").help("this file may hold one document only"));
    }
    Ok(first.unwrap_or_else(|| Node::null(Origin { file: file.clone(), line: 1, column: 1 })))
}

/// Reads a file that holds one document.
///
/// # Errors
/// It cannot be read, or is not YAML in UTF-8.
pub fn parse_file(path: &Path) -> Result<Node, Diagnostic> {
    let file: Arc<Path> = path.into();
    let bytes = std::fs::read(path)
        .map_err(|error| Diagnostic::error(None, format!("cannot read {}: {error}", path.display())))?;
    parse_document(decode(&bytes, &file)?, &file)
}

/// The text of a file's bytes.
///
/// # Errors
/// They are not UTF-8; the place of the first wrong byte.
pub fn decode<'a>(bytes: &'a [u8], file: &Arc<Path>) -> Result<&'a str, Diagnostic> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        let start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(good.get(start..).unwrap_or_default()).chars().count() + 1;
        Diagnostic::error(Some(Origin { file: file.clone(), line, column }), "this byte is not UTF-8")
            .help("save the file as UTF-8")
    })
}

/// What is missing at the end of a text is missed behind its last letter, not on a line that is not there.
fn within(origin: Origin, text: &str) -> Origin {
    let last = text.lines().count().max(1);
    if origin.line <= last {
        return origin;
    }
    let column = text.lines().next_back().unwrap_or_default().chars().count() + 1;
    Origin { line: last, column, ..origin }
}

fn explain(error: &ScanError, text: &str, file: &Arc<Path>) -> Diagnostic {
    let mark = error.marker();
    let origin = within(Origin { file: file.clone(), line: mark.line().max(1), column: mark.col() + 1 }, text);
    let line = text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    if error.info().contains("tab") {
        // The parser marks where the text before began; people look for the tab itself.
        let from = mark.line().saturating_sub(1);
        let found = text.lines().enumerate().skip(from).find(|(_, line)| {
            line.len() > line.trim_start().len() && line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
        });
        if let Some((at, line)) = found {
            let column = line.chars().take_while(|letter| *letter != '\t').count() + 1;
            let origin = Origin { file: file.clone(), line: at + 1, column };
            return Diagnostic::error(Some(origin), "a tab in the indentation")
                .help("indent with spaces: YAML does not take tabs for it");
        }
    }
    let said = Diagnostic::error(Some(origin), error.info().to_owned());
    if line.get(..indent).is_some_and(|blank| blank.contains('\t')) {
        return said.help("indent with spaces: YAML does not take tabs for it");
    }
    if line.contains(": {{") || line.trim_start().starts_with("- {{") {
        return said.help("a value that begins with `{{` needs quotes around the whole of it");
    }
    match error.info() {
        "mapping values are not allowed in this context" => {
            said.help("put quotes around text that holds `: `, or look at the indentation")
        }
        "while parsing node, found unknown anchor" => said.help("no anchor of this name stands before it"),
        info if info.starts_with("unexpected character") || info.contains("anchor or alias") => {
            said.help("text that begins with one of @ ` % * & needs quotes")
        }
        _ => said,
    }
}

enum Failure {
    Scan(ScanError),
    Said(Diagnostic),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Said(diagnostic)
    }
}

/// A collection that is still open.
struct Open {
    list: Vec<Node>,
    map: Option<MapBuilder>,
    tag: String,
    anchor: usize,
    origin: Origin,
}

/// A mapping that is still open: merged entries first, own entries after them, as PyYAML orders them.
#[derive(Default)]
struct MapBuilder {
    key: Option<Node>,
    merged: Vec<(Node, Node)>,
    own: Vec<(Node, Node)>,
}

struct Builder<'a> {
    file: &'a Arc<Path>,
    json: bool,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copied: usize,
    documents: Vec<Node>,
    /// Length of a text whose last line has no line end.
    unended: Option<usize>,
}

impl<'a> Builder<'a> {
    fn new(file: &'a Arc<Path>, json: bool) -> Self {
        Self { file, json, stack: Vec::new(), anchors: HashMap::new(), copied: 0, documents: Vec::new(), unended: None }
    }

    fn build(mut self, text: &str) -> Result<Vec<Node>, Failure> {
        // Blanks behind the last line end are no line; the parser would take them for an empty one.
        let trimmed = text.trim_end_matches([' ', '\t']);
        let text = if trimmed.ends_with('\n') { trimmed } else { text };
        self.unended = (!text.ends_with('\n')).then(|| text.chars().count());
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(Failure::Scan)?;
            self.event(event, span)?;
        }
        Ok(self.documents)
    }

    fn origin(&self, span: Span) -> Origin {
        Origin { file: self.file.clone(), line: span.start.line().max(1), column: span.start.col() + 1 }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Alias(anchor) => {
                let node = self.alias(anchor, span)?;
                self.push(node)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix)).unwrap_or_default();
                let mut text = text.into_owned();
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && self.unended.is_some_and(|end| span.end.index() >= end) && text.ends_with('\n') {
                    // The parser ends the last line; PyYAML leaves it as it is written.
                    text.pop();
                }
                let mut node = self.scalar(text, style, &tag, span)?;
                node.length = span.len();
                if anchor > 0 {
                    self.anchors.insert(anchor, node.clone());
                }
                self.push(node)?;
            }
            Event::SequenceStart(anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix)).unwrap_or_default();
                self.open(None, tag, anchor, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix)).unwrap_or_default();
                self.open(Some(MapBuilder::default()), tag, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    let anchor = open.anchor;
                    let node = close(open, self.json)?;
                    if anchor > 0 {
                        self.anchors.insert(anchor, node.clone());
                    }
                    self.push(node)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, map: Option<MapBuilder>, tag: String, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        let origin = self.origin(span);
        if self.stack.len() >= MAX_DEPTH {
            return Err(Diagnostic::error(Some(origin), format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.stack.push(Open { list: Vec::new(), map, tag, anchor, origin });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Diagnostic> {
        let origin = self.origin(span);
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::error(Some(origin), "this alias names a value that contains it"));
        };
        self.copied += node.size();
        if self.copied > MAX_COPIED {
            let said = format!("aliases repeat more than {MAX_COPIED} values");
            return Err(Diagnostic::error(Some(origin), said).length(span.len()));
        }
        Ok(node.clone())
    }

    fn push(&mut self, node: Node) -> Result<(), Diagnostic> {
        let Some(open) = self.stack.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        let Some(map) = &mut open.map else {
            open.list.push(node);
            return Ok(());
        };
        match map.key.take() {
            None if matches!(node.data, NodeData::Scalar { .. }) => map.key = Some(node),
            None => {
                let help = match node.data {
                    NodeData::Map(_) => "a value that begins with `{{` needs quotes around the whole of it",
                    _ => "a key is text or a number",
                };
                return Err(node.error(format!("a {} cannot be a key", node.type_name())).help(help));
            }
            Some(key) if is_merge(&key) => merge(&mut map.merged, node)?,
            Some(key) => map.own.push((key, node)),
        }
        Ok(())
    }

    fn scalar(&self, text: String, style: ScalarStyle, tag: &str, span: Span) -> Result<Node, Diagnostic> {
        let origin = self.origin(span);
        let mut plain = style == ScalarStyle::Plain;
        let is_key = self.stack.last().and_then(|open| open.map.as_ref()).is_some_and(|map| map.key.is_none());
        let mut mark = None;
        let fail = |why: String| Diagnostic::error(Some(origin.clone()), why).length(span.len());
        let value = match tag {
            "" | "!" if !plain => Value::written(&text, Some(origin.clone())),
            "" | "!" => match self.json.then(|| resolve::json(&text)).flatten() {
                Some(value) => value,
                None => meaning(&text, is_key, &origin).map_err(fail)?,
            },
            "!unsafe" => {
                mark = Some(Tag::Unsafe);
                match meaning(&text, is_key, &origin).map_err(fail)? {
                    Value::Template(_) => Value::str(text.as_str()),
                    value => value,
                }
            }
            "!vault" | "!vault-encrypted" | "!vaulted" => {
                mark = Some(Tag::Vault);
                Value::Vault(text.as_str().into())
            }
            _ => {
                plain = false;
                tagged(&text, tag, &origin).map_err(fail)?
            }
        };
        Ok(Node { data: NodeData::Scalar { text, value, plain, tag: mark }, origin, length: 0 })
    }
}

/// What a plain scalar means where it stands.
fn meaning(text: &str, is_key: bool, origin: &Origin) -> Result<Value, String> {
    match resolve::plain(text) {
        resolve::Resolved::Value(value) => Ok(value),
        resolve::Resolved::Text => Ok(Value::written(text, Some(origin.clone()))),
        resolve::Resolved::Merge | resolve::Resolved::Equals if is_key => Ok(Value::str(text)),
        resolve::Resolved::Merge | resolve::Resolved::Equals => Err(format!("a lone `{text}` is no value; quote it")),
        resolve::Resolved::Invalid(why) => Err(why),
    }
}

/// A scalar with a tag of YAML's own.
fn tagged(text: &str, tag: &str, origin: &Origin) -> Result<Value, String> {
    let name = tag.strip_prefix("tag:yaml.org,2002:").ok_or_else(|| format!("the tag `{tag}` is not known"))?;
    let bad = || format!("`{text}` is no {name}");
    match name {
        "str" => Ok(Value::written(text, Some(origin.clone()))),
        "int" => resolve::int(text).map(Value::Int).ok_or_else(bad),
        "float" => resolve::float(text).map(Value::Float).ok_or_else(bad),
        "bool" => {
            resolve::boolean(text).or_else(|| resolve::boolean(&text.to_lowercase())).map(Value::Bool).ok_or_else(bad)
        }
        "null" => Ok(Value::Null),
        "timestamp" => resolve::timestamp(text).and_then(Result::ok).map(Value::str).ok_or_else(bad),
        "binary" => {
            use base64::Engine;
            let packed: String = text.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| bad())?;
            Ok(Value::str(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Err(format!("the tag `!!{name}` is not known")),
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.data, NodeData::Scalar { text, plain: true, tag: None, .. } if text == "<<")
}

fn merge(into: &mut Vec<(Node, Node)>, node: Node) -> Result<(), Diagnostic> {
    match node.data {
        NodeData::Map(entries) => into.extend(entries),
        // Of several mappings the first one counts, so it comes last.
        NodeData::List(items) => {
            for item in items.into_iter().rev() {
                match item.data {
                    NodeData::Map(entries) => into.extend(entries),
                    _ => return Err(item.error(format!("`<<` merges mappings, this is a {}", item.type_name()))),
                }
            }
        }
        NodeData::Scalar { .. } => {
            return Err(node.error(format!("`<<` merges mappings, this is a {}", node.type_name())));
        }
    }
    Ok(())
}

fn close(open: Open, json: bool) -> Result<Node, Diagnostic> {
    let Open { list, map, tag, origin, .. } = open;
    let is_map = map.is_some();
    let data = match map {
        None => NodeData::List(list),
        Some(map) if map.merged.is_empty() => NodeData::Map(map.own),
        Some(map) => NodeData::Map(overlay(map.merged, map.own)),
    };
    let mut node = Node { data, origin, length: 0 };
    if json {
        return Ok(json::unwrap(node));
    }
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some("seq") if !is_map => {}
        Some("map") if is_map => {}
        Some("set") if is_map => node.data = NodeData::List(keys(node.data)),
        Some("omap" | "pairs") if !is_map => node = pairs(node)?,
        Some(name) => return Err(node.error(format!("the tag `!!{name}` is not known here"))),
        None if tag.is_empty() || tag == "!" => {}
        None if tag == "!unsafe" => node.make_unsafe(),
        None => return Err(node.error(format!("the tag `{tag}` is not known here"))),
    }
    Ok(node)
}

/// Own entries over merged ones: a merged key keeps its place and takes the own value.
fn overlay(merged: Vec<(Node, Node)>, own: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
    let mut places = HashMap::new();
    let mut out: Vec<(Node, Node)> = Vec::with_capacity(merged.len() + own.len());
    for (key, value) in merged {
        put(&mut out, &mut places, key, value);
    }
    let mut written = std::collections::HashSet::new();
    for (key, value) in own {
        if written.insert(key.key()) {
            put(&mut out, &mut places, key, value);
        } else {
            // Written twice by the same hand: kept, so that it can be warned about.
            out.push((key, value));
        }
    }
    out
}

fn put(out: &mut Vec<(Node, Node)>, places: &mut HashMap<super::Key, usize>, key: Node, value: Node) {
    let place = *places.entry(key.key()).or_insert(out.len());
    match out.get_mut(place) {
        Some(entry) => *entry = (key, value),
        None => out.push((key, value)),
    }
}

fn keys(data: NodeData) -> Vec<Node> {
    match data {
        NodeData::Map(mut entries) => {
            entries.sort_by(|(a, _), (b, _)| a.text().cmp(&b.text()));
            entries.dedup_by_key(|(key, _)| key.key());
            entries.into_iter().map(|(key, _)| key).collect()
        }
        _ => Vec::new(),
    }
}

/// `!!omap` and `!!pairs`: a list of one-entry mappings becomes a list of pairs.
fn pairs(node: Node) -> Result<Node, Diagnostic> {
    let NodeData::List(items) = node.data else { return Ok(node) };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item.data {
            NodeData::Map(entries) if entries.len() == 1 => {
                let list = entries.into_iter().flat_map(|(key, value)| [key, value]).collect();
                out.push(Node { data: NodeData::List(list), origin: item.origin, length: 0 });
            }
            _ => return Err(item.error("expected a mapping of one entry")),
        }
    }
    Ok(Node { data: NodeData::List(out), origin: node.origin, length: 0 })
}
