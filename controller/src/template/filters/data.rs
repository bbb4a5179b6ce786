//! Filters to and from JSON, YAML, base64 and URLs.

use super::encoding;
use super::table::{Filter, flag, of, size, subject, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::serial::{JsonStyle, YamlStyle, from_json, from_yaml, to_json, to_yaml};
use crate::template::val::{Args, Entries, Val};
use crate::yaml::Key;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("to_json", of(|interpreter, value, args| json(interpreter, &value, args, JsonStyle::default()))),
    ("to_nice_json", of(nice_json)),
    ("tojson", of(html_json)),
    ("to_yaml", of(|interpreter, value, args| yaml(interpreter, &value, args, YamlStyle::default()))),
    ("to_nice_yaml", of(nice_yaml)),
    ("from_json", of(read_json)),
    ("from_yaml", of(read_yaml)),
    ("from_yaml_all", of(read_yaml_all)),
    ("b64encode", of(b64encode)),
    ("b64decode", of(b64decode)),
    ("urlencode", of(urlencode)),
    ("urldecode", of(urldecode)),
    ("urlsplit", of(urlsplit)),
    ("pprint", of(pprint)),
];

fn json(interpreter: &Interpreter<'_>, value: &Val, args: Args, mut style: JsonStyle) -> Outcome<Val> {
    for (name, given) in args.named {
        match &*name {
            "indent" => {
                style.indent = match given {
                    Val::Null => None,
                    Val::Str(text) => Some(text.to_string()),
                    given => Some(" ".repeat(size(Some(given), 0)?.min(1024))),
                };
                if style.indent.is_some() && style.item_separator == ", " {
                    style.item_separator = ",".to_owned();
                }
            }
            "sort_keys" => style.sort_keys = given.truth()?,
            "ensure_ascii" => style.ascii = given.truth()?,
            "separators" => {
                let [item, key] = interpreter
                    .items(&given)?
                    .try_into()
                    .map_err(|_| Fault::new("separators must be a pair of texts"))?;
                style.item_separator = subject(interpreter, &item)?.to_string();
                style.key_separator = subject(interpreter, &key)?.to_string();
            }
            "vault_to_text" | "preprocess_unsafe" | "skipkeys" | "allow_nan" | "check_circular" => {}
            other => return Err(Fault::new(format!("got an unexpected keyword argument '{other}'"))),
        }
    }
    to_json(&interpreter.finish(value)?, &style).map(Val::from)
}

fn nice_json(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let style = JsonStyle {
        indent: Some("    ".to_owned()),
        sort_keys: true,
        item_separator: ",".to_owned(),
        ..JsonStyle::default()
    };
    let mut args = args;
    if let Some(indent) = (!args.pos.is_empty()).then(|| args.pos.remove(0)) {
        args.named.push(("indent".into(), indent));
    }
    json(interpreter, &value, args, style)
}

/// Jinja's own: sorted, and safe inside HTML.
fn html_json(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [indent] = args.bind(["indent"])?;
    let mut style = JsonStyle { sort_keys: true, ..JsonStyle::default() };
    if let Some(indent) = indent.filter(|indent| !matches!(indent, Val::Null)) {
        style.indent = Some(" ".repeat(size(Some(indent), 0)?.min(1024)));
        style.item_separator = ",".to_owned();
    }
    let text = to_json(&interpreter.finish(&value)?, &style)?;
    Ok(Val::from(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027")))
}

fn yaml(interpreter: &Interpreter<'_>, value: &Val, mut args: Args, mut style: YamlStyle) -> Outcome<Val> {
    if !args.pos.is_empty() {
        args.named.push(("indent".into(), args.pos.remove(0)));
    }
    for (name, given) in args.named {
        match &*name {
            "indent" => style.indent = size(Some(given), style.indent)?,
            "width" => style.width = size(Some(given), style.width)?,
            "sort_keys" => style.sort_keys = given.truth()?,
            "default_flow_style" => {
                style.flow = match given {
                    Val::Null => None,
                    given => Some(given.truth()?),
                }
            }
            "explicit_start" => style.explicit_start = given.truth()?,
            "default_style" | "canonical" | "line_break" | "explicit_end" | "version" | "tags" | "encoding"
            | "vault_to_text" | "dump_vault_tags" => {}
            other => return Err(Fault::new(format!("got an unexpected keyword argument '{other}'"))),
        }
    }
    // As in PyYAML: an indent that is out of its range is 2, a width that is too small is 80.
    if !(2..=9).contains(&style.indent) {
        style.indent = 2;
    }
    if style.width <= style.indent * 2 {
        style.width = 80;
    }
    to_yaml(&interpreter.finish(value)?, &style).map(Val::from)
}

fn nice_yaml(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    yaml(interpreter, &value, args, YamlStyle { indent: 4, flow: Some(false), ..YamlStyle::default() })
}

fn read_json(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    match &value {
        Val::Str(text) => Ok(Val::data(&from_json(text)?, &interpreter.home)),
        other => Err(Fault::new(format!("the JSON object must be str, not {}", other.type_name()))),
    }
}

fn read_yaml(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    match &value {
        Val::Str(text) => {
            let documents = from_yaml(text)?;
            match documents.as_slice() {
                [] => Ok(Val::Null),
                [document] => Ok(Val::data(document, &interpreter.home)),
                _ => Err(Fault::new("expected a single document in the YAML text")),
            }
        }
        _ => Ok(value),
    }
}

fn read_yaml_all(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    match &value {
        Val::Str(text) => {
            Ok(Val::list(from_yaml(text)?.iter().map(|document| Val::data(document, &interpreter.home)).collect()))
        }
        _ => Ok(value),
    }
}

fn b64encode(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [encoding, urlsafe] = args.bind(["encoding", "urlsafe"])?;
    let encoding = text(interpreter, encoding)?;
    let bytes = encoding::encode(&subject(interpreter, &value)?, encoding.as_deref().unwrap_or("utf-8"))?;
    Ok(Val::from(if flag(urlsafe, false)? { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) }))
}

fn b64decode(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [encoding, urlsafe] = args.bind(["encoding", "urlsafe"])?;
    let encoding = text(interpreter, encoding)?;
    let text: String = subject(interpreter, &value)?.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = if flag(urlsafe, false)? { URL_SAFE.decode(text) } else { STANDARD.decode(text) };
    let bytes = bytes.map_err(|error| Fault::new(format!("invalid base64: {error}")))?;
    encoding::decode(bytes, encoding.as_deref().unwrap_or("utf-8")).map(Val::from)
}

/// Percent-encodes what a part of a query may not hold.
fn query_part(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || "_.-~".contains(char::from(byte)) || keep.contains(char::from(byte)) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn urlencode(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let pairs: Vec<(Val, Val)> = if value.is_map() {
        interpreter.entries(&value)?.iter().map(|(key, value)| (Val::of_key(key), value.clone())).collect()
    } else if value.is_list() {
        let mut out = Vec::new();
        for pair in interpreter.items(&value)? {
            match interpreter.items(&pair)?.as_slice() {
                [key, value] => out.push((key.clone(), value.clone())),
                _ => return Err(Fault::new("urlencode expects text, a dictionary or a list of pairs")),
            }
        }
        out
    } else {
        return Ok(Val::from(query_part(&subject(interpreter, &value)?, "/")));
    };
    let mut parts = Vec::new();
    for (key, value) in pairs {
        let part = |value: &Val| Ok(query_part(&subject(interpreter, value)?, "").replace("%20", "+"));
        parts.push(format!("{}={}", part(&key)?, part(&value)?));
    }
    Ok(Val::from(parts.join("&")))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (byte, pair) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urldecode(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(percent_decode(&subject(interpreter, &value)?.replace('+', " "))))
}

fn urlsplit(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [query] = args.bind(["query"])?;
    let url = subject(interpreter, &value)?;
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, search) = rest.split_once('?').unwrap_or((rest, ""));
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let (scheme, rest) = rest.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", rest));
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = netloc.rsplit_once('@').map_or((None, netloc), |(user, host)| (Some(user), host));
    let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let (user, password) = match user {
        Some(user) => user.split_once(':').map_or((Some(user), None), |(user, word)| (Some(user), Some(word))),
        None => (None, None),
    };
    let or_null = |part: Option<&str>| part.filter(|part| !part.is_empty()).map_or(Val::Null, Val::from);
    let port = port.and_then(|port| port.parse::<i128>().ok()).map_or(Val::Null, Val::Int);
    let parts: Entries = [
        ("fragment", fragment.into()),
        ("hostname", or_null(Some(name.to_lowercase().as_str()))),
        ("netloc", netloc.into()),
        ("password", password.map_or(Val::Null, Val::from)),
        ("path", path.into()),
        ("port", port),
        ("query", search.into()),
        ("scheme", scheme.to_lowercase().into()),
        ("username", user.map_or(Val::Null, Val::from)),
    ]
    .into_iter()
    .map(|(name, value): (&str, Val)| (Key::from(name), value))
    .collect();
    match text(interpreter, query)? {
        None => Ok(Val::map(parts)),
        Some(name) if name.is_empty() => Ok(Val::map(parts)),
        Some(name) => parts.get(&*name).cloned().ok_or_else(|| Fault::new(format!("unknown URL component: {name}"))),
    }
}

fn pprint(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    crate::template::text::repr(interpreter, &value).map(Val::from)
}
