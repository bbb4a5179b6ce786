//! `sequence`: numbers as text.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::format;
use crate::template::interpreter::Interpreter;
use crate::template::text;
use crate::template::val::Val;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[("sequence", sequence)];

fn number(text: &str) -> Outcome<i128> {
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let parsed = if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16)
    } else if let Some(octal) = digits.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        i128::from_str_radix(octal.trim_start_matches('o'), 8)
    } else {
        digits.parse()
    };
    let number = parsed.map_err(|_| Fault::new(format!("can't parse '{text}' as a number")))?;
    Ok(if negative { -number } else { number })
}

fn sequence(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let mut out = Vec::new();
    let mut named = Vec::new();
    for (name, value) in &call.options.named {
        named.push((name.to_string(), text::string(interpreter, value)?.to_string()));
    }
    let terms = call.texts(interpreter)?;
    if terms.is_empty() {
        one(interpreter, &named, &mut out)?;
    }
    for term in terms {
        let mut options = named.clone();
        let simple = !term.contains('=');
        if simple {
            options.extend(shorthand(&term)?);
        } else {
            for word in term.split_whitespace() {
                let (name, value) = word
                    .split_once('=')
                    .ok_or_else(|| Fault::new(format!("unrecognised part '{word}' of a sequence")))?;
                options.push((name.to_owned(), value.to_owned()));
            }
        }
        one(interpreter, &options, &mut out)?;
    }
    Ok(out)
}

/// `[start-]end[/stride][:format]`.
fn shorthand(term: &str) -> Outcome<Vec<(String, String)>> {
    let (range, format) = term.split_once(':').map_or((term, None), |(range, format)| (range, Some(format)));
    let (range, stride) = range.split_once('/').map_or((range, None), |(range, stride)| (range, Some(stride)));
    let split = range.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at);
    let (start, end) = split.map_or((None, range), |at| (range.get(..at), range.get(at + 1..).unwrap_or_default()));
    let given = [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)];
    Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect())
}

fn one(interpreter: &Interpreter<'_>, options: &[(String, String)], out: &mut Vec<Val>) -> Outcome<()> {
    let get = |name: &str| options.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    if let Some((name, _)) =
        options.iter().find(|(name, _)| !["start", "end", "count", "stride", "format"].contains(&name.as_str()))
    {
        return Err(Fault::new(format!("unrecognised argument '{name}' of a sequence")));
    }
    let start = get("start").map_or(Ok(1), number)?;
    let stride = get("stride").map(number).transpose()?;
    let (end, stride) = match (get("count"), get("end")) {
        (None, None) => return Err(Fault::new("must specify count or end in a sequence")),
        (Some(_), Some(_)) => return Err(Fault::new("can't specify both count and end in a sequence")),
        (Some(count), None) => match number(count)? {
            0 => return Ok(()),
            count => (start + (count - 1) * stride.unwrap_or(1), stride.unwrap_or(1)),
        },
        (None, Some(end)) => (number(end)?, stride.unwrap_or(1)),
    };
    if stride == 0 || (stride > 0 && end < start) {
        return if stride == 0 { Ok(()) } else { Err(Fault::new("to count backwards make stride negative")) };
    }
    if stride < 0 && end > start {
        return Err(Fault::new("to count forward don't make stride negative"));
    }
    if (end - start) / stride > 1_000_000 {
        return Err(Fault::new("sequence is too long"));
    }
    let mut at = start;
    while (stride > 0 && at <= end) || (stride < 0 && at >= end) {
        let shown = match get("format") {
            Some(format) => format::percent(interpreter, format, &Val::Int(at))?,
            None => at.to_string(),
        };
        out.push(Val::from(shown));
        at += stride;
    }
    Ok(())
}
