//! Python's string formatting: `'%05d' % n` and `'{:>5}'.format(n)`.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::ops;
use super::text;
use super::val::{Args, Val};
use crate::yaml::Key;
use std::iter::Peekable;
use std::str::Chars;

/// The widest field: nobody needs more, and a template must not fill memory.
const WIDEST: usize = 1 << 20;

/// Flags, width, precision.
#[derive(Default, Clone, Debug)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
}

impl Spec {
    fn pad(&self, text: &str, default: char) -> String {
        let len = text.chars().count();
        let missing = self.width.saturating_sub(len);
        let fill = self.fill.unwrap_or(' ');
        let run = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
        match self.align.unwrap_or(default) {
            '<' => format!("{text}{}", run(missing)),
            '^' => format!("{}{text}{}", run(missing / 2), run(missing - missing / 2)),
            '=' => {
                let split = text.find(|c: char| c.is_ascii_alphanumeric() && c != 'x' || c == '.').unwrap_or(0);
                let (sign, digits) = text.split_at(split.min(text.len()));
                format!("{sign}{}{digits}", run(missing))
            }
            _ => format!("{}{text}", run(missing)),
        }
    }

    fn signed(&self, negative: bool, digits: &str) -> String {
        match (negative, self.sign) {
            (true, _) => format!("-{digits}"),
            (false, Some('+')) => format!("+{digits}"),
            (false, Some(' ')) => format!(" {digits}"),
            _ => digits.to_owned(),
        }
    }
}

fn group(digits: &str, mark: Option<char>) -> String {
    let Some(mark) = mark else { return digits.to_owned() };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(mark);
        }
        out.push(digit);
    }
    out + rest
}

fn whole(number: i128, kind: char, spec: &Spec) -> String {
    let size = number.unsigned_abs();
    let digits = match kind {
        'x' if spec.alternate => format!("0x{size:x}"),
        'X' if spec.alternate => format!("0X{size:X}"),
        'o' if spec.alternate => format!("0o{size:o}"),
        'b' if spec.alternate => format!("0b{size:b}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'o' => format!("{size:o}"),
        'b' => format!("{size:b}"),
        _ => group(&size.to_string(), spec.grouping),
    };
    spec.signed(number < 0, &digits)
}

fn floating(number: f64, kind: char, spec: &Spec) -> String {
    let precision = spec.precision.unwrap_or(6).min(WIDEST);
    let size = number.abs();
    let digits = if !number.is_finite() {
        text::float(size)
    } else {
        match kind {
            'e' | 'E' => exponent(&format!("{size:.precision$e}"), kind),
            'g' | 'G' => general(size, precision.max(1), kind),
            '%' => format!("{:.precision$}%", size * 100.0),
            _ => format!("{size:.precision$}"),
        }
    };
    spec.signed(number.is_sign_negative() && !number.is_nan(), &group(&digits, spec.grouping))
}

fn exponent(text: &str, kind: char) -> String {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}{}{sign}{power:0>2}", if kind.is_uppercase() { 'E' } else { 'e' })
}

fn general(size: f64, precision: usize, kind: char) -> String {
    let power = if size == 0.0 { 0 } else { size.log10().floor() as i32 };
    let trim = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        let text = format!("{size:.*e}", precision - 1);
        let (digits, rest) = text.split_once('e').unwrap_or((&text, "0"));
        exponent(&format!("{}e{rest}", trim(digits.to_owned())), kind.to_ascii_lowercase())
    } else {
        trim(format!("{size:.*}", usize::try_from(limit - 1 - power).unwrap_or(0)))
    }
}

fn digits(chars: &mut Peekable<Chars<'_>>) -> Outcome<Option<usize>> {
    let mut number: Option<usize> = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        let next = number.unwrap_or(0).saturating_mul(10).saturating_add(digit as usize);
        if next > WIDEST {
            return Err(Fault::new("format is too wide"));
        }
        number = Some(next);
    }
    Ok(number)
}

/// `template % arguments`.
pub(super) fn percent(interpreter: &Interpreter<'_>, template: &str, arguments: &Val) -> Outcome<String> {
    let given: Vec<Val> = match arguments {
        Val::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    let mut given_at = given.iter();
    let mut used_map = false;
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let name: String = chars.by_ref().take_while(|c| *c != ')').collect();
            used_map = true;
            let value = interpreter.map_get(arguments, &Key::from(name.as_str()))?;
            named = Some(value.ok_or_else(|| Fault::new(format!("key '{name}' is missing for the format")))?);
        }
        let mut spec = Spec::default();
        let mut next = || given_at.next().cloned().ok_or_else(|| Fault::new("not enough arguments for format string"));
        while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
            match flag {
                '-' => spec.align = Some('<'),
                '0' => spec.fill = Some('0'),
                '#' => spec.alternate = true,
                sign => spec.sign = Some(sign),
            }
        }
        if chars.next_if_eq(&'*').is_some() {
            spec.width = ops::as_int(&next()?).and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(WIDEST);
        } else {
            spec.width = digits(&mut chars)?.unwrap_or(0);
        }
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(digits(&mut chars)?.unwrap_or(0));
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let kind = chars.next().ok_or_else(|| Fault::new("incomplete format"))?;
        let value = match named {
            Some(value) => value,
            None => next()?,
        };
        out.push_str(&percent_one(interpreter, &value, kind, spec)?);
    }
    if given_at.next().is_some() && !used_map && !arguments.is_map() {
        return Err(Fault::new("not all arguments converted during string formatting"));
    }
    Ok(out)
}

fn percent_one(interpreter: &Interpreter<'_>, value: &Val, kind: char, mut spec: Spec) -> Outcome<String> {
    let wrong = || Fault::new(format!("%{kind} format: a real number is required, not {}", value.type_name()));
    if spec.fill == Some('0') {
        if spec.align == Some('<') || matches!(kind, 's' | 'r' | 'c' | 'a') {
            spec.fill = None;
        } else {
            spec.align = Some('=');
        }
    }
    let text = match kind {
        's' | 'r' | 'a' => {
            let text = if kind == 's' {
                text::string(interpreter, value)?.to_string()
            } else {
                text::repr(interpreter, value)?
            };
            spec.precision.map_or(text.clone(), |limit| text.chars().take(limit).collect())
        }
        'd' | 'i' | 'u' => {
            let number = match value {
                Val::Float(number) => *number as i128,
                other => ops::as_int(other).ok_or_else(wrong)?,
            };
            whole(number, 'd', &spec)
        }
        'x' | 'X' | 'o' => whole(ops::as_int(value).ok_or_else(wrong)?, kind, &spec),
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => floating(ops::as_float(value).ok_or_else(wrong)?, kind, &spec),
        'c' => match value {
            Val::Int(code) => u32::try_from(*code).ok().and_then(char::from_u32).map(String::from).ok_or_else(wrong)?,
            other => text::string(interpreter, other)?.to_string(),
        },
        other => return Err(Fault::new(format!("unsupported format character '{other}'"))),
    };
    Ok(spec.pad(&text, '>'))
}

/// `template.format(…)`.
pub(super) fn braces(interpreter: &Interpreter<'_>, template: &str, args: &Args) -> Outcome<String> {
    let mut automatic = 0;
    braces_inner(interpreter, template, args, &mut automatic, 0)
}

fn braces_inner(
    interpreter: &Interpreter<'_>,
    template: &str,
    args: &Args,
    automatic: &mut usize,
    depth: usize,
) -> Outcome<String> {
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(letter) = chars.next() {
        match letter {
            '{' if chars.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if chars.next_if_eq(&'}').is_some() => out.push('}'),
            '}' => return Err(Fault::new("single '}' encountered in format string")),
            '{' => {
                let mut field = String::new();
                let mut open = 1;
                for letter in chars.by_ref() {
                    match letter {
                        '{' => open += 1,
                        '}' => open -= 1,
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                    field.push(letter);
                }
                if open > 0 || depth > 1 {
                    return Err(Fault::new("expected '}' before end of string"));
                }
                let (name, spec) = field.split_once(':').unwrap_or((&field, ""));
                let (name, conversion) = name.split_once('!').map_or((name, None), |(name, how)| (name, Some(how)));
                let value = field_value(interpreter, name, args, automatic)?;
                let spec = braces_inner(interpreter, spec, args, automatic, depth + 1)?;
                let value = match conversion {
                    Some("r" | "a") => Val::from(text::repr(interpreter, &value)?),
                    Some("s") => Val::Str(text::string(interpreter, &value)?),
                    _ => value,
                };
                out.push_str(&with_spec(interpreter, &value, &spec)?);
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn field_value(interpreter: &Interpreter<'_>, name: &str, args: &Args, automatic: &mut usize) -> Outcome<Val> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(end);
    let missing = || Fault::new(format!("replacement '{first}' is out of range for the arguments"));
    let mut value = if first.is_empty() {
        *automatic += 1;
        args.pos.get(*automatic - 1).cloned().ok_or_else(missing)?
    } else if let Ok(index) = first.parse::<usize>() {
        args.pos.get(index).cloned().ok_or_else(missing)?
    } else {
        args.named.iter().find(|(own, _)| **own == *first).map(|(_, value)| value.clone()).ok_or_else(missing)?
    };
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('[') {
            let (key, after) = rest.split_once(']').ok_or_else(|| Fault::new("missing ']' in format string"))?;
            let key = key.parse::<i128>().map_or_else(|_| Val::from(key), Val::Int);
            value = interpreter.item(&value, &key)?.defined()?;
            path = after;
        } else {
            let rest = path.trim_start_matches('.');
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            value = interpreter.attr(&value, key)?.defined()?;
            path = after;
        }
    }
    Ok(value)
}

fn with_spec(interpreter: &Interpreter<'_>, value: &Val, text: &str) -> Outcome<String> {
    if let (Val::Date(date), false) = (value, text.is_empty()) {
        return Ok(date.strftime(text).to_string());
    }
    let letters: Vec<char> = text.chars().take(2).collect();
    let mut spec = Spec::default();
    let mut chars = text.chars().peekable();
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
    if is_align(letters.get(1)) {
        spec.fill = chars.next();
        spec.align = chars.next();
    } else if is_align(letters.first()) {
        spec.align = chars.next();
    }
    spec.sign = chars.next_if(|c| "+- ".contains(*c));
    spec.alternate = chars.next_if_eq(&'#').is_some();
    if chars.next_if_eq(&'0').is_some() && spec.align.is_none() {
        spec.fill = Some('0');
        spec.align = Some('=');
    }
    spec.width = digits(&mut chars)?.unwrap_or(0);
    spec.grouping = chars.next_if(|c| ",_".contains(*c));
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = digits(&mut chars)?;
    }
    let kind = chars.next();
    let wrong =
        |kind: char| Fault::new(format!("unknown format code '{kind}' for object of type '{}'", value.type_name()));
    let numeric = matches!(value, Val::Int(_) | Val::Float(_)) || (matches!(value, Val::Bool(_)) && kind.is_some());
    let body = match (kind, value) {
        (None | Some('d' | 'n'), Val::Int(number)) if spec.precision.is_none() => whole(*number, 'd', &spec),
        (Some(kind @ ('x' | 'X' | 'o' | 'b')), value) => {
            whole(ops::as_int(value).ok_or_else(|| wrong(kind))?, kind, &spec)
        }
        (Some('d'), Val::Bool(value)) => whole(i128::from(*value), 'd', &spec),
        (Some('c'), Val::Int(code)) => {
            u32::try_from(*code).ok().and_then(char::from_u32).map(String::from).ok_or_else(|| wrong('c'))?
        }
        (Some(kind @ ('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')), value) => {
            floating(ops::as_float(value).ok_or_else(|| wrong(kind))?, kind, &spec)
        }
        (None, Val::Float(number)) => match spec.precision {
            Some(_) => floating(*number, 'g', &spec),
            None => spec.signed(number.is_sign_negative(), &text::float(number.abs())),
        },
        (None | Some('s'), value) if !numeric => {
            if !text.is_empty() && (value.is_list() || value.is_map() || matches!(value, Val::Null)) {
                return Err(Fault::new(format!(
                    "unsupported format string passed to {}.__format__",
                    value.type_name()
                )));
            }
            let whole = text::string(interpreter, value)?;
            spec.precision.map_or_else(|| whole.to_string(), |limit| whole.chars().take(limit).collect())
        }
        (kind, _) => return Err(wrong(kind.unwrap_or('?'))),
    };
    Ok(spec.pad(&body, if numeric { '>' } else { '<' }))
}
