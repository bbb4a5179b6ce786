//! YAML text as PyYAML writes it: which scalars are quoted, where long ones are folded, how sequences are indented.

use crate::template::error::{Fault, Outcome};
use crate::template::text;
use crate::yaml::{Key, Value, parse_str};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Options of `yaml.dump`.
#[derive(Debug, Clone)]
pub(in crate::template) struct YamlStyle {
    pub(in crate::template) indent: usize,
    pub(in crate::template) width: usize,
    pub(in crate::template) sort_keys: bool,
    /// Everything in braces, nothing in braces, or (none) only what holds no collections.
    pub(in crate::template) flow: Option<bool>,
    pub(in crate::template) explicit_start: bool,
}

impl Default for YamlStyle {
    fn default() -> Self {
        Self { indent: 2, width: 80, sort_keys: true, flow: None, explicit_start: false }
    }
}

/// The text, with a newline at its end.
pub(in crate::template) fn to_yaml(value: &Value, style: &YamlStyle) -> Outcome<String> {
    let mut emitter = Emitter {
        style,
        out: String::new(),
        column: 0,
        blank: true,
        only_indents: true,
        flow: 0,
        indent: None,
        open_ended: false,
    };
    if style.explicit_start {
        emitter.out.push_str("---");
        emitter.column = 3;
        emitter.blank = false;
        emitter.only_indents = false;
    }
    emitter.node(value, Place::Root, 0)?;
    if !emitter.out.ends_with('\n') {
        emitter.out.push('\n');
    }
    if emitter.open_ended {
        emitter.out.push_str("...\n");
    }
    Ok(emitter.out)
}

/// Sorts by key as Python does; keys of unlike types have no order.
pub(super) fn sort<T>(entries: &mut [(&Key, T)]) -> Outcome<()> {
    let rank = |key: &Key| match key {
        Key::Str(_) => 0,
        Key::Null => 2,
        _ => 1,
    };
    if entries.windows(2).any(|pair| matches!(pair, [a, b] if rank(a.0) != rank(b.0))) {
        return Err(Fault::new("cannot sort keys of different types"));
    }
    let number = |key: &Key| match key {
        Key::Int(number) => *number as f64,
        Key::Bool(value) => f64::from(u8::from(*value)),
        Key::Float(number) => *number,
        _ => 0.0,
    };
    entries.sort_by(|(a, _), (b, _)| match (a, b) {
        (Key::Str(a), Key::Str(b)) => a.cmp(b),
        (a, b) => number(a).total_cmp(&number(b)),
    });
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Sequence,
    Key,
    Value,
}

struct Emitter<'s> {
    style: &'s YamlStyle,
    out: String,
    column: usize,
    /// The last thing written was white space or a line break.
    blank: bool,
    /// Only indentation and `-` stand on this line.
    only_indents: bool,
    flow: usize,
    indent: Option<usize>,
    open_ended: bool,
}

impl Emitter<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn newline(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.blank = true;
        self.only_indents = true;
    }

    fn indicator(&mut self, text: &str, need_blank: bool, blank_after: bool, indention: bool) {
        if need_blank && !self.blank {
            self.put(" ");
        }
        self.blank = blank_after;
        self.only_indents = self.only_indents && indention;
        self.put(text);
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.only_indents || self.column > indent || (self.column == indent && !self.blank) {
            self.newline();
        }
        if self.column < indent {
            self.blank = true;
            self.put(&" ".repeat(indent - self.column));
        }
    }

    fn deeper(&mut self, flow: bool, indentless: bool) -> Option<usize> {
        let outer = self.indent;
        self.indent = Some(match outer {
            None if flow => self.style.indent,
            None => 0,
            Some(indent) if indentless => indent,
            Some(indent) => indent + self.style.indent,
        });
        outer
    }

    fn in_flow(&self, value: &Value) -> bool {
        let scalars = match value {
            Value::List(items) => items.iter().all(is_scalar),
            Value::Map(map) => map.values().all(is_scalar),
            _ => true,
        };
        self.flow > 0 || self.style.flow.unwrap_or(scalars)
    }

    fn node(&mut self, value: &Value, place: Place, depth: usize) -> Outcome<()> {
        if depth > 500 {
            return Err(Fault::new("value nests too deep for YAML"));
        }
        match value {
            Value::List(items) if items.is_empty() => self.indicator("[]", true, false, false),
            Value::Map(map) if map.is_empty() => self.indicator("{}", true, false, false),
            Value::List(items) if self.in_flow(value) => {
                self.indicator("[", true, true, false);
                let outer = self.deeper(true, false);
                self.flow += 1;
                for (index, item) in items.iter().enumerate() {
                    self.flow_separator(index);
                    self.node(item, Place::Sequence, depth + 1)?;
                }
                self.flow -= 1;
                self.indent = outer;
                self.indicator("]", false, false, false);
            }
            Value::Map(map) if self.in_flow(value) => {
                self.indicator("{", true, true, false);
                let outer = self.deeper(true, false);
                self.flow += 1;
                for (index, (key, item)) in self.ordered(map)?.into_iter().enumerate() {
                    self.flow_separator(index);
                    self.scalar(&key_value(key), Place::Key);
                    self.indicator(":", false, false, false);
                    self.node(item, Place::Value, depth + 1)?;
                }
                self.flow -= 1;
                self.indent = outer;
                self.indicator("}", false, false, false);
            }
            Value::List(items) => {
                let indentless = place == Place::Value && !self.only_indents;
                let outer = self.deeper(false, indentless);
                for item in items.iter() {
                    self.write_indent();
                    self.indicator("-", true, false, true);
                    self.node(item, Place::Sequence, depth + 1)?;
                }
                self.indent = outer;
            }
            Value::Map(map) => {
                let outer = self.deeper(false, false);
                for (key, item) in self.ordered(map)? {
                    self.write_indent();
                    self.scalar(&key_value(key), Place::Key);
                    self.indicator(":", false, false, false);
                    self.node(item, Place::Value, depth + 1)?;
                }
                self.indent = outer;
            }
            scalar => {
                // Scalars are folded one level in.
                let outer = self.deeper(self.flow > 0, false);
                if place == Place::Root {
                    self.indent = Some(self.style.indent);
                }
                self.scalar(scalar, place);
                self.indent = outer;
            }
        }
        Ok(())
    }

    fn flow_separator(&mut self, index: usize) {
        if index > 0 {
            self.indicator(",", false, false, false);
        }
        if self.column > self.style.width {
            self.write_indent();
        }
    }

    fn ordered<'m>(&self, map: &'m crate::yaml::ValueMap) -> Outcome<Vec<(&'m Key, &'m Value)>> {
        let mut entries: Vec<_> = map.iter().collect();
        if self.style.sort_keys {
            sort(&mut entries)?;
        }
        Ok(entries)
    }

    fn scalar(&mut self, value: &Value, place: Place) {
        self.open_ended = false;
        let text: Arc<str> = match value {
            Value::Str(text) | Value::Vault(text) => Arc::clone(text),
            Value::Template(text) => text.source.as_str().into(),
            other => {
                let plain = plain_text(other);
                if !self.blank {
                    self.put(" ");
                }
                self.put(&plain);
                self.blank = false;
                self.only_indents = false;
                self.open_ended = place == Place::Root;
                return;
            }
        };
        let facts = analyse(&text);
        let key = place == Place::Key;
        let plain_fits = if self.flow > 0 { facts.flow_plain } else { facts.block_plain };
        if plain_fits && !text.is_empty() && resolves_to_text(&text) && !(key && facts.multiline) {
            self.plain(&text, !key);
            self.open_ended = place == Place::Root;
        } else if facts.single_quoted && !(key && facts.multiline) {
            self.single(&text, !key);
        } else {
            self.double(&text, !key);
        }
    }

    fn plain(&mut self, text: &str, fold: bool) {
        if !self.blank {
            self.put(" ");
        }
        self.blank = false;
        self.only_indents = false;
        self.words(text, fold, |part| part.to_owned());
    }

    /// Words with single blanks between them, folded where the line is full.
    fn words(&mut self, text: &str, fold: bool, show: impl Fn(&str) -> String) {
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(' ').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            self.put(&show(word));
            let blanks = after.len() - after.trim_start_matches(' ').len();
            let (spaces, next) = after.split_at(blanks);
            if blanks == 1 && fold && self.column > self.style.width && !next.is_empty() && end > 0 {
                self.write_indent();
            } else {
                self.put(spaces);
            }
            rest = next;
        }
        self.blank = false;
        self.only_indents = false;
    }

    fn single(&mut self, text: &str, fold: bool) {
        self.indicator("'", true, false, false);
        let mut rest = text;
        let mut first = true;
        while !rest.is_empty() {
            let end = rest.find('\n').unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            if !first || !line.is_empty() {
                self.words(line, fold, |part| part.replace('\'', "''"));
            }
            first = false;
            let breaks = after.len() - after.trim_start_matches('\n').len();
            if breaks > 0 {
                // A single break would be read as a blank: it is written double.
                self.newline();
                for _ in 0..breaks {
                    self.newline();
                }
                self.write_indent();
            }
            rest = after.get(breaks..).unwrap_or_default();
        }
        self.indicator("'", false, false, false);
    }

    fn double(&mut self, text: &str, fold: bool) {
        self.indicator("\"", true, false, false);
        let letters: Vec<char> = text.chars().collect();
        for (index, letter) in letters.iter().enumerate() {
            let next = letters.get(index + 1);
            let lone = index > 0 && next.is_some() && letters.get(index.wrapping_sub(1)) != Some(&' ');
            if *letter == ' ' && fold && lone && self.column > self.style.width {
                // The break is read as the blank; one more blank after it must be escaped.
                self.write_indent();
                if next == Some(&' ') {
                    self.put("\\");
                }
                self.blank = false;
                self.only_indents = false;
                continue;
            }
            let shown = match letter {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\0' => "\\0".to_owned(),
                '\u{7}' => "\\a".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\t' => "\\t".to_owned(),
                '\n' => "\\n".to_owned(),
                '\u{b}' => "\\v".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '\r' => "\\r".to_owned(),
                '\u{1b}' => "\\e".to_owned(),
                '\u{85}' => "\\N".to_owned(),
                '\u{a0}' => "\\_".to_owned(),
                '\u{2028}' => "\\L".to_owned(),
                '\u{2029}' => "\\P".to_owned(),
                c if printable(*c) => c.to_string(),
                c => {
                    let code = u32::from(*c);
                    let mut shown = String::new();
                    let _ = match code {
                        0..=0xff => write!(shown, "\\x{code:02X}"),
                        0x100..=0xffff => write!(shown, "\\u{code:04X}"),
                        _ => write!(shown, "\\U{code:08X}"),
                    };
                    shown
                }
            };
            self.put(&shown);
        }
        self.blank = false;
        self.indicator("\"", false, false, false);
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Map(_))
}

fn key_value(key: &Key) -> Value {
    match key {
        Key::Str(text) => Value::Str(Arc::clone(text)),
        Key::Int(number) => Value::Int(*number),
        Key::Bool(value) => Value::Bool(*value),
        Key::Float(number) => Value::Float(*number),
        Key::Null => Value::Null,
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => match text::float(*number).as_str() {
            "nan" => ".nan".to_owned(),
            "inf" => ".inf".to_owned(),
            "-inf" => "-.inf".to_owned(),
            // A number without a point is not one in YAML 1.1.
            text if !text.contains('.') => text.replacen('e', ".0e", 1),
            text => text.to_owned(),
        },
        _ => "null".to_owned(),
    }
}

fn printable(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && letter != '\u{feff}'
}

/// Whether plain text is read back as text, and not as a number, a date or a truth value.
fn resolves_to_text(text: &str) -> bool {
    let name: Arc<Path> = Arc::from(Path::new("scalar"));
    if text == "=" || text == "<<" || is_date(text) {
        return false;
    }
    match parse_str(text, &name).map(|nodes| nodes.first().map(crate::yaml::Node::to_value)) {
        Ok(Some(Value::Str(read))) => *read == *text,
        Ok(Some(Value::Template(read))) => read.source == text,
        _ => false,
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.is_some_and(|part| (least..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let (year, month, rest) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let day: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits(year, 4, 4)
        && digits(month, 1, 2)
        && (1..=2).contains(&day.len())
        && rest.get(day.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with(['T', 't', ' ', '\t']))
}

struct Facts {
    multiline: bool,
    flow_plain: bool,
    block_plain: bool,
    single_quoted: bool,
}

/// What a text holds that decides how it can be written (PyYAML's rules).
fn analyse(text: &str) -> Facts {
    let letters: Vec<char> = text.chars().collect();
    let is_blank_or_end = |letter: Option<&char>| letter.is_none_or(|c| "\0 \t\r\n\u{85}\u{2028}\u{2029}".contains(*c));
    let (mut block, mut flow) = (text.starts_with("---") || text.starts_with("..."), false);
    flow |= block;
    let (mut breaks, mut special) = (false, false);
    let (mut space_break, mut break_space) = (false, false);
    let mut before_blank = true;
    for (index, &letter) in letters.iter().enumerate() {
        let followed = is_blank_or_end(letters.get(index + 1));
        if index == 0 {
            if "#,[]{}&*!|>'\"%@`".contains(letter) {
                flow = true;
                block = true;
            }
            if "?:".contains(letter) {
                flow = true;
                block |= followed;
            }
            if letter == '-' && followed {
                flow = true;
                block = true;
            }
        } else {
            if ",?[]{}".contains(letter) {
                flow = true;
            }
            if letter == ':' {
                flow = true;
                block |= followed;
            }
            if letter == '#' && before_blank {
                flow = true;
                block = true;
            }
        }
        if "\n\u{85}\u{2028}\u{2029}".contains(letter) {
            breaks = true;
        }
        special |= !printable(letter) || letter == '\t';
        let previous = index.checked_sub(1).and_then(|index| letters.get(index));
        if letter == ' ' && previous == Some(&'\n') {
            break_space = true;
        }
        if letter == '\n' && previous == Some(&' ') {
            space_break = true;
        }
        before_blank = is_blank_or_end(Some(&letter));
    }
    let edge_space = text.starts_with(' ') || text.ends_with(' ');
    let edge_break = text.starts_with('\n') || text.ends_with('\n');
    let plain = !(edge_space || edge_break || break_space || space_break || special || breaks);
    Facts {
        multiline: breaks,
        flow_plain: plain && !flow,
        block_plain: plain && !block,
        single_quoted: !(break_space || space_break || special),
    }
}
