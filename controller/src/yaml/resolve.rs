//! Scalar rules of YAML 1.1 as PyYAML's safe loader applies them: what the text of a plain scalar means.
//!
//! They differ from YAML 1.2 in ways people meet daily: `0644` is 420, `22:22` is 1342, `yes` is true, `1e3` is text.

use super::value::Value;

/// What a plain scalar turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    /// A value that is no text.
    Value(Value),
    /// Text.
    Text,
    /// `<<`.
    Merge,
    /// `=`, which has a type of its own that nothing can hold.
    Equals,
    /// It has the shape of a value but is none; why.
    Invalid(String),
}

/// What the text means as a plain scalar.
pub(super) fn plain(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Value(Value::Null),
        "<<" => return Resolved::Merge,
        "=" => return Resolved::Equals,
        _ => {}
    }
    if let Some(value) = boolean(text) {
        return Resolved::Value(Value::Bool(value));
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Resolved::Text;
    }
    if is_int(text) {
        return match int(text) {
            Some(number) => Resolved::Value(Value::Int(number)),
            None if text.chars().any(|c| c.is_ascii_digit() && c != '0') => Resolved::Text,
            None => Resolved::Invalid(format!("`{text}` has no digits")),
        };
    }
    if is_float(text) {
        return float(text).map_or(Resolved::Text, |number| Resolved::Value(Value::Float(number)));
    }
    match timestamp(text) {
        Some(Ok(text)) => Resolved::Value(Value::str(text)),
        Some(Err(why)) => Resolved::Invalid(why),
        None => Resolved::Text,
    }
}

/// What the text means as a bare word of a JSON document; `None` when it is none of JSON's.
pub(super) fn json(text: &str) -> Option<Value> {
    match text {
        "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => {
            let number: serde_json::Number = serde_json::from_str(text).ok()?;
            let whole = !text.contains(['.', 'e', 'E']);
            match text.parse::<i128>() {
                Ok(int) if whole => Some(Value::Int(int)),
                _ => Some(Value::Float(number.as_f64().unwrap_or(f64::INFINITY))),
            }
        }
    }
}

/// YAML 1.1's words for truth.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, digit: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|b| digit(b) || b == b'_')
}

/// `:0`…`:59`, one or more times; the last may be followed by nothing.
fn is_sixties(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("")
        && parts.clone().next().is_some()
        && parts.all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        })
}

fn is_int(text: &str) -> bool {
    let body = unsigned(text);
    if let Some(digits) = body.strip_prefix("0b") {
        return all(digits, |b| b == b'0' || b == b'1');
    }
    if let Some(digits) = body.strip_prefix("0x") {
        return all(digits, |b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = body.strip_prefix('0') {
        return digits.is_empty() || all(digits, |b| (b'0'..=b'7').contains(&b));
    }
    if !body.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let end = body.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(body.len());
    let rest = body.get(end..).unwrap_or_default();
    rest.is_empty() || is_sixties(rest)
}

/// The whole number a text means that has the shape of one; `None` beyond 128 bits or without digits.
pub(super) fn int(text: &str) -> Option<i128> {
    let digits = text.replace('_', "");
    let body = unsigned(&digits);
    let magnitude = if body == "0" {
        0
    } else if let Some(bits) = body.strip_prefix("0b") {
        i128::from_str_radix(bits, 2).ok()?
    } else if let Some(hex) = body.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()?
    } else if let Some(octal) = body.strip_prefix('0') {
        i128::from_str_radix(octal, 8).ok()?
    } else {
        body.split(':').try_fold(0_i128, |sum, part| {
            let part: i128 = part.parse().ok()?;
            sum.checked_mul(60)?.checked_add(part)
        })?
    };
    Some(if digits.starts_with('-') { -magnitude } else { magnitude })
}

fn is_exponent(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return text.is_empty() };
    rest.strip_prefix(['-', '+']).is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(text.len()))
}

fn is_float(text: &str) -> bool {
    let body = unsigned(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    // A leading dot takes no sign: `-.5` is text.
    if let Some(rest) = text.strip_prefix('.') {
        let (digits, exponent) = split_digits(rest);
        return digits.starts_with(|c: char| c.is_ascii_digit()) && is_exponent(exponent);
    }
    let (whole, rest) = split_digits(body);
    if !whole.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    if let Some(rest) = rest.strip_prefix('.') {
        return is_exponent(split_digits(rest).1);
    }
    rest.split_once('.').is_some_and(|(sixties, fraction)| is_sixties(sixties) && split_digits(fraction).1.is_empty())
}

/// The number a text means that has the shape of one.
pub(super) fn float(text: &str) -> Option<f64> {
    let digits = text.replace('_', "").to_lowercase();
    let body = unsigned(&digits);
    let magnitude = match body {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ => body.split(':').try_fold(0.0, |sum, part| part.parse::<f64>().ok().map(|part| sum * 60.0 + part))?,
    };
    Some(if digits.starts_with('-') { -magnitude } else { magnitude })
}

/// Cuts a number of `min` to `max` digits off the front.
fn number(text: &mut &str, min: usize, max: usize) -> Option<u32> {
    let count = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if count < min {
        return None;
    }
    let (digits, rest) = text.split_at_checked(count)?;
    *text = rest;
    digits.parse().ok()
}

fn eat(text: &mut &str, wanted: char) -> Option<()> {
    *text = text.strip_prefix(wanted)?;
    Some(())
}

/// A date or a time in ISO form, if the text has the shape of one; why not, when no calendar has it.
pub(super) fn timestamp(text: &str) -> Option<Result<String, String>> {
    let mut rest = text;
    let year = number(&mut rest, 4, 4)?;
    eat(&mut rest, '-')?;
    let month = number(&mut rest, 1, 2)?;
    eat(&mut rest, '-')?;
    let day = number(&mut rest, 1, 2)?;
    let date = format!("{year:04}-{month:02}-{day:02}");
    let days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let real = year > 0 && (1..=days).contains(&day);
    if rest.is_empty() {
        // A date alone needs two digits everywhere.
        return (text == date || !real && text.len() == 10)
            .then(|| if real { Ok(date) } else { Err(format!("no calendar has the day {text}")) });
    }
    let time = rest.strip_prefix(['T', 't']).or_else(|| {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        (trimmed.len() < rest.len()).then_some(trimmed)
    })?;
    rest = time;
    let hour = number(&mut rest, 1, 2)?;
    eat(&mut rest, ':')?;
    let minute = number(&mut rest, 2, 2)?;
    eat(&mut rest, ':')?;
    let second = number(&mut rest, 2, 2)?;
    let mut fraction = String::new();
    if let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        fraction = format!("{digits:0<6}").chars().take(6).collect();
        rest = after;
    }
    let zone = zone(rest.trim_start_matches([' ', '\t']))?;
    if !real || hour > 23 || minute > 59 || second > 59 {
        return Some(Err(format!("no calendar has the time {text}")));
    }
    let fraction = if fraction.bytes().all(|b| b == b'0') { String::new() } else { format!(".{fraction}") };
    Some(Ok(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")))
}

fn zone(text: &str) -> Option<String> {
    match text {
        "" => return Some(String::new()),
        "Z" => return Some("+00:00".to_owned()),
        _ => {}
    }
    let sign = if text.starts_with('-') { '-' } else { '+' };
    let mut rest = text.strip_prefix(['-', '+'])?;
    let hours = number(&mut rest, 1, 2)?;
    let mut minutes = 0;
    if !rest.is_empty() {
        eat(&mut rest, ':')?;
        minutes = number(&mut rest, 2, 2)?;
    }
    rest.is_empty().then(|| format!("{sign}{hours:02}:{minutes:02}"))
}
