//! Filters of text.

use super::table::{Filter, flag, of, required, size, subject, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::methods;
use crate::template::val::{Args, Val};
use crate::template::{format, text as words};
use std::fmt::Write as _;

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("upper", of(upper)),
    ("lower", of(lower)),
    ("capitalize", of(capitalize)),
    ("title", of(title)),
    ("trim", of(trim)),
    ("replace", of(replace)),
    ("format", of(format_filter)),
    ("center", of(center)),
    ("indent", of(indent)),
    ("wordwrap", of(wordwrap)),
    ("wordcount", of(wordcount)),
    ("truncate", of(truncate)),
    ("xmlattr", of(xmlattr)),
    ("escape", of(escape)),
    ("e", of(escape)),
    ("forceescape", of(escape)),
    ("safe", of(same)),
    ("striptags", of(striptags)),
    ("join", of(join)),
    ("split", of(split)),
    ("comment", of(comment)),
    ("quote", of(quote)),
    ("splitlines", of(splitlines)),
];

fn same(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    subject(interpreter, &value).map(Val::Str)
}

fn upper(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(subject(interpreter, &value)?.to_uppercase()))
}

fn lower(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(subject(interpreter, &value)?.to_lowercase()))
}

fn capitalize(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(methods::capitalize(&subject(interpreter, &value)?)))
}

/// Jinja's: words begin after blanks, hyphens and opening brackets.
fn title(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let mut out = String::new();
    let mut start = true;
    for letter in subject(interpreter, &value)?.chars() {
        if start {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        start = letter.is_whitespace() || "-({[<".contains(letter);
    }
    Ok(Val::from(out))
}

fn trim(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [letters] = args.bind(["chars"])?;
    let value = subject(interpreter, &value)?;
    Ok(match text(interpreter, letters)? {
        Some(letters) => Val::from(value.trim_matches(|c| letters.contains(c))),
        None => Val::from(value.trim()),
    })
}

fn replace(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [old, new, count] = args.bind(["old", "new", "count"])?;
    let value = subject(interpreter, &value)?;
    let old = subject(interpreter, &required(old, "old")?)?;
    let new = subject(interpreter, &required(new, "new")?)?;
    Ok(Val::from(match count {
        None | Some(Val::Null) => value.replace(&*old, &new),
        count => value.replacen(&*old, &new, size(count, usize::MAX)?),
    }))
}

fn format_filter(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let template = subject(interpreter, &value)?;
    let arguments = if args.named.is_empty() {
        Val::tuple(args.pos)
    } else {
        Val::map(args.named.into_iter().map(|(name, value)| (crate::yaml::Key::Str(name), value)).collect())
    };
    format::percent(interpreter, &template, &arguments).map(Val::from)
}

fn center(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [width] = args.bind(["width"])?;
    let value = subject(interpreter, &value)?;
    let missing = size(width, 80)?.saturating_sub(value.chars().count());
    // Python puts the odd blank left or right by the parity of the width.
    let left = missing / 2 + (missing & (missing + value.chars().count()) & 1);
    Ok(Val::from(format!("{}{value}{}", " ".repeat(left), " ".repeat(missing - left))))
}

fn indent(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [width, first, blank] = args.bind(["width", "first", "blank"])?;
    let value = subject(interpreter, &value)?;
    let pad = match width {
        Some(Val::Str(pad)) => pad.to_string(),
        width => " ".repeat(size(width, 4)?),
    };
    let (first, blank) = (flag(first, false)?, flag(blank, false)?);
    let mut out = String::with_capacity(value.len() + 64);
    for (index, line) in value.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty() || (index == 0 && first)) {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    Ok(Val::from(out))
}

fn wordwrap(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [width, break_long, newline, _hyphens] =
        args.bind(["width", "break_long_words", "wrapstring", "break_on_hyphens"])?;
    let (width, break_long) = (size(width, 79)?.max(1), flag(break_long, true)?);
    let newline = text(interpreter, newline)?.unwrap_or_else(|| "\n".into());
    let value = subject(interpreter, &value)?;
    let mut out: Vec<String> = Vec::new();
    for line in value.lines() {
        let mut current = String::new();
        for word in line.split(' ') {
            let mut word = word.to_owned();
            loop {
                let used = current.chars().count();
                let gap = usize::from(!current.is_empty());
                if used + gap + word.chars().count() <= width || (used == 0 && !break_long) {
                    if gap == 1 {
                        current.push(' ');
                    }
                    current.push_str(&word);
                    break;
                }
                if used == 0 {
                    let rest: String = word.chars().skip(width).collect();
                    out.push(word.chars().take(width).collect());
                    word = rest;
                } else {
                    out.push(std::mem::take(&mut current));
                }
            }
        }
        out.push(current);
    }
    Ok(Val::from(out.join(&newline)))
}

fn wordcount(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let value = subject(interpreter, &value)?;
    Ok(Val::int(value.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).count()))
}

fn truncate(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [length, kill, end, leeway] = args.bind(["length", "killwords", "end", "leeway"])?;
    let value = subject(interpreter, &value)?;
    let end = text(interpreter, end)?.unwrap_or_else(|| "...".into());
    let (length, leeway) = (size(length, 255)?, size(leeway, 5)?);
    if value.chars().count() <= length + leeway {
        return Ok(Val::Str(value));
    }
    let cut: String = value.chars().take(length.saturating_sub(end.chars().count())).collect();
    Ok(Val::from(if flag(kill, false)? {
        format!("{cut}{end}")
    } else {
        format!("{}{end}", cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head))
    }))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&#34;")
}

fn escape(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(html(&subject(interpreter, &value)?)))
}

fn xmlattr(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [space] = args.bind(["autospace"])?;
    let mut parts = Vec::new();
    for (key, item) in interpreter.entries(&value)? {
        if !matches!(item, Val::Null | Val::Undefined(_)) {
            parts.push(format!("{}=\"{}\"", html(&key.to_string()), html(&subject(interpreter, &item)?)));
        }
    }
    let joined = parts.join(" ");
    Ok(Val::from(if flag(space, true)? && !joined.is_empty() { format!(" {joined}") } else { joined }))
}

fn striptags(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let mut out = String::new();
    let mut inside = false;
    for letter in subject(interpreter, &value)?.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            other if !inside => out.push(other),
            _ => {}
        }
    }
    Ok(Val::from(out.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn join(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [separator, attribute] = args.bind(["d", "attribute"])?;
    let separator = text(interpreter, separator)?.unwrap_or_default();
    let mut out = String::new();
    for (index, item) in interpreter.items(&value)?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        let item = match &attribute {
            Some(attribute) => super::select::path_value(interpreter, &item, attribute)?,
            None => item,
        };
        words::append(interpreter, &item, &mut out)?;
    }
    Ok(Val::from(out))
}

fn split(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    match &value {
        Val::Str(_) => methods::call(interpreter, &value, "split", args),
        other => Err(Fault::new(format!("'{}' object has no attribute 'split'", other.type_name()))),
    }
}

fn splitlines(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    methods::call(interpreter, &Val::Str(subject(interpreter, &value)?), "splitlines", args)
}

/// Text as one word of a POSIX shell.
fn quote(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let value = match &value {
        Val::Null => "".into(),
        value => subject(interpreter, value)?,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    Ok(Val::from(if !value.is_empty() && value.chars().all(plain) {
        value.to_string()
    } else {
        format!("'{}'", value.replace('\'', "'\"'\"'"))
    }))
}

/// A comment block in the style of a language.
fn comment(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let names =
        ["style", "decoration", "prefix", "postfix", "beginning", "end", "newline", "prefix_count", "postfix_count"];
    let [style, decoration, prefix, postfix, beginning, end, newline, before, after] = args.bind(names)?;
    let style = text(interpreter, style)?.unwrap_or_else(|| "plain".into());
    let (own_begin, own_line, own_end) = match &*style {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(Fault::new(format!("invalid comment style '{other}'"))),
    };
    let newline = text(interpreter, newline)?.unwrap_or_else(|| "\n".into());
    let decoration = text(interpreter, decoration)?.unwrap_or_else(|| own_line.into());
    let prefix = text(interpreter, prefix)?.unwrap_or_else(|| decoration.trim_end().into());
    let postfix = text(interpreter, postfix)?.unwrap_or_else(|| decoration.trim_end().into());
    let beginning = text(interpreter, beginning)?.unwrap_or_else(|| own_begin.into());
    let end = text(interpreter, end)?.unwrap_or_else(|| own_end.into());
    let (before, after) = (size(before, 1)?, size(after, 1)?);
    let value = subject(interpreter, &value)?;
    let mut out = String::new();
    if !beginning.is_empty() {
        let _ = write!(out, "{beginning}{newline}");
    }
    if !prefix.is_empty() {
        out.push_str(&format!("{prefix}{newline}").repeat(before));
    }
    let mut lines = Vec::new();
    for line in value.split(&*newline) {
        let line = format!("{decoration}{line}");
        lines.push(if line.trim_end() == decoration.trim_end() { line.trim_end().to_owned() } else { line });
    }
    out.push_str(&lines.join(&newline));
    if !postfix.is_empty() {
        out.push_str(&format!("{newline}{postfix}").repeat(after));
    }
    if !end.is_empty() {
        let _ = write!(out, "{newline}{end}");
    }
    Ok(Val::from(out))
}
