//! `version`: which of two is newer.

use super::table::{Test, of};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::text;
use crate::template::val::{Args, Val};
use std::cmp::Ordering;

pub(super) const TESTS: &[(&str, Test)] = &[("version", of(version)), ("version_compare", of(version))];

fn version(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<bool> {
    let [other, operator, strict, kind] = args.bind(["version", "operator", "strict", "version_type"])?;
    let left = text::string(interpreter, &value)?;
    let right = match other {
        Some(other) => text::string(interpreter, &other)?,
        None => return Err(Fault::new("missing argument 'version'")),
    };
    if left.is_empty() || matches!(value, Val::Null) {
        return Err(Fault::new("input version value cannot be empty"));
    }
    if right.is_empty() {
        return Err(Fault::new("version parameter to version test cannot be empty"));
    }
    let strict = strict.map(|strict| strict.truth()).transpose()?.unwrap_or(false);
    let kind = kind.as_ref().and_then(Val::as_str).unwrap_or(if strict { "strict" } else { "loose" }).to_owned();
    let order = match kind.as_str() {
        "loose" => loose(&left, &right)?,
        "strict" => strict_order(&left, &right)?,
        "semver" | "semantic" => semantic(&left)?.cmp(&semantic(&right)?),
        "pep440" => pep440(&left)?.cmp(&pep440(&right)?),
        other => return Err(Fault::new(format!("invalid version type '{other}'"))),
    };
    let operator = operator.as_ref().and_then(Val::as_str).unwrap_or("eq").to_owned();
    Ok(match operator.as_str() {
        "==" | "=" | "eq" => order.is_eq(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        "!=" | "<>" | "ne" => order.is_ne(),
        other => return Err(Fault::new(format!("invalid operator type ({other})"))),
    })
}

#[derive(PartialEq, Eq, Debug)]
enum Part {
    Number(u128),
    Word(String),
}

fn parts(text: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let letter = first.is_ascii_lowercase();
        let end = rest
            .find(|c: char| {
                if digit {
                    !c.is_ascii_digit()
                } else if letter {
                    !c.is_ascii_lowercase()
                } else {
                    c.is_ascii_digit() || c.is_ascii_lowercase() || c == '.'
                }
            })
            .unwrap_or(rest.len());
        let end = if first == '.' { 1 } else { end.max(first.len_utf8()) };
        let (part, after) = rest.split_at(end);
        if part != "." {
            out.push(part.parse().map_or_else(|_| Part::Word(part.to_owned()), Part::Number));
        }
        rest = after;
    }
    out
}

/// Numbers and runs of letters one after the other; unlike parts have no order.
fn loose(left: &str, right: &str) -> Outcome<Ordering> {
    let (a, b) = (parts(left), parts(right));
    for pair in a.iter().zip(&b) {
        let order = match pair {
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
            _ => {
                return Err(Fault::new(format!(
                    "version comparison failed: '{left}' and '{right}' have a number and a word in the same place"
                )));
            }
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// `1.2[.3][a4]`.
fn strict_order(left: &str, right: &str) -> Outcome<Ordering> {
    let read = |text: &str| -> Outcome<(Vec<u128>, Option<(char, u128)>)> {
        let wrong = || Fault::new(format!("invalid version number '{text}'"));
        let (numbers, pre) = match text.find(['a', 'b']) {
            Some(at) => {
                let (numbers, pre) = text.split_at(at);
                let number = pre.get(1..).and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
                (numbers, pre.chars().next().map(|kind| (kind, number)))
            }
            None => (text, None),
        };
        let mut numbers: Vec<u128> =
            numbers.split('.').map(|n| n.parse().map_err(|_| wrong())).collect::<Outcome<_>>()?;
        if !(2..=3).contains(&numbers.len()) {
            return Err(wrong());
        }
        numbers.resize(3, 0);
        Ok((numbers, pre))
    };
    let ((a, pre_a), (b, pre_b)) = (read(left)?, read(right)?);
    Ok(a.cmp(&b).then_with(|| match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.cmp(&b),
    }))
}

/// Part of a pre-release: numbers are below words.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Pre {
    Number(u128),
    Word(String),
    /// No pre-release is above every one.
    Release,
}

fn semantic(text: &str) -> Outcome<(Vec<u128>, Vec<Pre>)> {
    let wrong = || Fault::new(format!("invalid semantic version '{text}'"));
    let core = text.split_once('+').map_or(text, |(core, _)| core);
    let (numbers, pre) = core.split_once('-').map_or((core, None), |(numbers, pre)| (numbers, Some(pre)));
    let numbers: Vec<u128> = numbers.split('.').map(|n| n.parse().map_err(|_| wrong())).collect::<Outcome<_>>()?;
    if numbers.len() != 3 {
        return Err(wrong());
    }
    let pre = match pre {
        None => vec![Pre::Release],
        Some(pre) => {
            pre.split('.').map(|part| part.parse().map_or_else(|_| Pre::Word(part.to_owned()), Pre::Number)).collect()
        }
    };
    Ok((numbers, pre))
}

/// Epoch, release without trailing zeros, phase (dev < a < b < rc < release < post) and its number.
type Pep440 = (u128, Vec<u128>, i8, u128, u128);

fn pep440(text: &str) -> Outcome<Pep440> {
    let wrong = || Fault::new(format!("invalid PEP 440 version '{text}'"));
    let lower = text.trim().to_lowercase();
    let body = lower.strip_prefix('v').unwrap_or(&lower);
    let body = body.split_once('+').map_or(body, |(body, _)| body);
    let (epoch, body) = body.split_once('!').map_or(("0", body), |pair| pair);
    let end = body.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(body.len());
    let (release, suffix) = body.split_at(end);
    let mut release: Vec<u128> =
        release.trim_end_matches('.').split('.').map(|n| n.parse().map_err(|_| wrong())).collect::<Outcome<_>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let suffix = suffix.trim_start_matches(['.', '-', '_']);
    let split = suffix.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(suffix.len());
    let (word, number) = suffix.split_at(split);
    let digits: String = number.trim_start_matches(['.', '-', '_']).chars().take_while(char::is_ascii_digit).collect();
    let phase = match word {
        "" if suffix.is_empty() => 0,
        "dev" => -4,
        "a" | "alpha" => -3,
        "b" | "beta" => -2,
        "rc" | "c" | "pre" | "preview" => -1,
        "" | "post" | "r" | "rev" => 1,
        _ => return Err(wrong()),
    };
    // A development release of a pre-release or post-release is below it.
    let after = u128::from(!number.contains("dev"));
    Ok((epoch.parse().map_err(|_| wrong())?, release, phase, digits.parse().unwrap_or(0), after))
}
