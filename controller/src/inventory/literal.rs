//! Values of INI inventories are Python literals where they look like one: `[1, 'a']`, `True`, `0x1f`, `1_000`.
//! Everything else is text, also `true`, `yes` and `0644`.

use crate::yaml::{Key, Origin, Value, ValueMap};

/// Deeper values are text.
const MAX_DEPTH: usize = 60;

/// What a value written in an INI inventory means.
pub(super) fn value(text: &str, origin: Option<&Origin>) -> Value {
    literal(text, origin).unwrap_or_else(|| Value::written(text, origin.cloned()))
}

fn literal(text: &str, origin: Option<&Origin>) -> Option<Value> {
    // Most values are plain words: no need to look closer.
    let first = text.trim_start_matches([' ', '\t']).chars().next()?;
    let may_begin = first.is_ascii_digit() || "[({+-.'\"TFNbBrRuU".contains(first) || first == 's';
    if !may_begin {
        return None;
    }
    let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), origin };
    let value = reader.expression()?;
    reader.blanks();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    origin: Option<&'a Origin>,
}

impl Reader<'_> {
    /// Skips blanks and a comment, which ends the text.
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}', '\r', '\n']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn eat(&mut self, c: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// An item, or a tuple of items without parentheses.
    fn expression(&mut self) -> Option<Value> {
        let first = self.item(0)?;
        self.blanks();
        if !self.rest.starts_with(',') {
            return Some(first);
        }
        let mut items = vec![first];
        while self.eat(',') {
            self.blanks();
            if self.rest.is_empty() {
                break;
            }
            items.push(self.item(0)?);
        }
        Some(Value::list(items))
    }

    fn item(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '[' => {
                self.eat('[');
                Some(Value::list(self.items(']', depth)?.0))
            }
            '(' => {
                self.eat('(');
                let (mut items, comma) = self.items(')', depth)?;
                if items.len() == 1 && !comma {
                    return items.pop();
                }
                Some(Value::list(items))
            }
            '{' => {
                self.eat('{');
                self.braces(depth)
            }
            '\'' | '"' => self.strings(),
            c if c.is_ascii_digit() || matches!(c, '.' | '+' | '-') => self.number(),
            _ => self.word(),
        }
    }

    /// Items up to the closing mark, and whether a comma stood behind the last one.
    fn items(&mut self, close: char, depth: usize) -> Option<(Vec<Value>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            if self.eat(close) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.item(depth + 1)?);
            comma = self.eat(',');
        }
    }

    /// A mapping, or a set, which becomes a list.
    fn braces(&mut self, depth: usize) -> Option<Value> {
        let mut map = ValueMap::new();
        let mut set = Vec::new();
        let mut comma = true;
        loop {
            if self.eat('}') {
                return Some(if set.is_empty() { Value::map(map) } else { Value::list(set) });
            }
            if !comma {
                return None;
            }
            let key = self.item(depth + 1)?;
            if self.eat(':') {
                let value = self.item(depth + 1)?;
                map.insert(as_key(&key)?, value);
            } else if !set.contains(&key) {
                set.push(key);
            }
            if !map.is_empty() && !set.is_empty() {
                return None;
            }
            comma = self.eat(',');
        }
    }

    /// Neighbouring strings are one.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        while self.rest.starts_with(['\'', '"']) {
            self.string(&mut text, false)?;
            self.blanks();
        }
        Some(Value::written(&text, self.origin.cloned()))
    }

    fn string(&mut self, out: &mut String, raw: bool) -> Option<()> {
        let quote = self.rest.chars().next()?;
        let triple: String = [quote; 3].iter().collect();
        let mark = if self.rest.starts_with(&triple) { triple } else { quote.to_string() };
        self.rest = self.rest.get(mark.len()..)?;
        loop {
            if let Some(rest) = self.rest.strip_prefix(mark.as_str()) {
                self.rest = rest;
                return Some(());
            }
            let c = self.rest.chars().next()?;
            if c == '\n' && mark.len() == 1 {
                return None;
            }
            self.rest = self.rest.get(c.len_utf8()..)?;
            if c != '\\' {
                out.push(c);
            } else if raw {
                let next = self.rest.chars().next()?;
                self.rest = self.rest.get(next.len_utf8()..)?;
                out.extend(['\\', next]);
            } else {
                self.escape(out)?;
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        if let Some(meant) = simple_escape(c) {
            out.push(meant);
            return Some(());
        }
        let digits = match c {
            '\n' => return Some(()),
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let code = format!("{c}{}", self.rest.get(..more)?);
                self.rest = self.rest.get(more..)?;
                out.push(char::from_u32(u32::from_str_radix(&code, 8).ok()?)?);
                return Some(());
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'N' => return None,
            _ => {
                out.extend(['\\', c]);
                return Some(());
            }
        };
        let code = self.rest.get(..digits).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))?;
        out.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        self.rest = self.rest.get(digits..)?;
        Some(())
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "True" => return Some(Value::Bool(true)),
            "False" => return Some(Value::Bool(false)),
            "None" => return Some(Value::Null),
            "set" => return (self.eat('(') && self.eat(')')).then(|| Value::list(Vec::new())),
            _ => {}
        }
        let raw = match word.to_ascii_lowercase().as_str() {
            "u" | "b" => false,
            "r" | "br" | "rb" => true,
            _ => return None,
        };
        let mut text = String::new();
        self.rest.starts_with(['\'', '"']).then(|| self.string(&mut text, raw))??;
        Some(Value::written(&text, self.origin.cloned()))
    }

    fn number(&mut self) -> Option<Value> {
        let mut negative = false;
        while let Some(sign) = self.rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            negative ^= sign == '-';
            self.rest = self.rest.get(1..)?.trim_start_matches([' ', '\t']);
        }
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        let hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        while let Some(b) = bytes.get(end) {
            let exponent_sign = matches!(b, b'+' | b'-')
                && !hex
                && end.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(|p| matches!(p, b'e' | b'E'));
            if !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.') || exponent_sign) {
                break;
            }
            end += 1;
        }
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match number(digits)? {
            Value::Int(n) => Some(Value::Int(if negative { -n } else { n })),
            Value::Float(n) => Some(Value::Float(if negative { -n } else { n })),
            _ => None,
        }
    }
}

/// What one letter behind a backslash means.
fn simple_escape(c: char) -> Option<char> {
    Some(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => c,
        _ => return None,
    })
}

fn as_key(value: &Value) -> Option<Key> {
    match value {
        Value::Str(text) => Some(Key::Str(text.clone())),
        Value::Template(text) => Some(Key::from(text.source.as_str())),
        Value::Int(n) => Some(Key::Int(*n)),
        Value::Bool(b) => Some(Key::Bool(*b)),
        Value::Float(n) => Some(Key::Float(*n)),
        Value::Null => Some(Key::Null),
        _ => None,
    }
}

/// An unsigned Python number.
fn number(text: &str) -> Option<Value> {
    if text.contains("__") || text.ends_with('_') || text.starts_with('_') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let digits = digits.strip_prefix('_').unwrap_or(digits).replace('_', "");
            return i128::from_str_radix(&digits, radix).ok().map(Value::Int);
        }
    }
    let digits = lower.replace('_', "");
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        // `0644` was octal once; Python refuses it, so it is text.
        let zeros = digits.starts_with('0') && digits.bytes().any(|b| b != b'0');
        return (!zeros).then(|| digits.parse().ok().map(Value::Int))?;
    }
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    (plain && digits.bytes().any(|b| b.is_ascii_digit())).then(|| digits.parse().ok().map(Value::Float))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_pythons() {
        for (text, json) in [
            ("True", "true"),
            ("None", "null"),
            ("true", "\"true\""),
            ("0644", "\"0644\""),
            ("0x1f", "31"),
            ("0o644", "420"),
            ("1_000", "1000"),
            ("-1", "-1"),
            ("1e3", "1000.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1.2.3", "\"1.2.3\""),
            ("1,2,3", "[1,2,3]"),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("[1, 'a', [True],]", "[1,\"a\",[true]]"),
            ("[a,b]", "\"[a,b]\""),
            ("{'a': 1, \"b\": [2]}", "{\"a\":1,\"b\":[2]}"),
            ("{1, 2}", "[1,2]"),
            ("'a' 'b'", "\"ab\""),
            ("'a\\x41\\n'", "\"aA\\n\""),
            ("1 # one", "1"),
            ("'x' y", "\"'x' y\""),
            ("{{ x }}", "\"{{ x }}\""),
            ("", "\"\""),
            ("10.0.0.1", "\"10.0.0.1\""),
            ("2-31,34-63", "\"2-31,34-63\""),
            ("[1 2]", "\"[1 2]\""),
        ] {
            assert_eq!(value(text, None).to_json().to_string(), json, "{text}");
        }
        assert_eq!(value(&"[".repeat(500), None), Value::str("[".repeat(500)));
    }
}
