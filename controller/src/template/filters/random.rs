//! Filters that choose by chance; with a seed, as Python chooses.

use super::mersenne::Mersenne;
use super::table::{Filter, of, subject, whole};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use rand::RngExt as _;

pub(super) const FILTERS: &[(&str, Filter)] =
    &[("random", of(random)), ("shuffle", of(shuffle)), ("random_mac", of(mac))];

/// A source of chance, seeded or not.
fn source(interpreter: &Interpreter<'_>, seed: Option<Val>) -> Outcome<Mersenne> {
    Ok(match seed {
        None | Some(Val::Null) => Mersenne::of_int(rand::rng().random::<i128>()),
        Some(Val::Int(seed)) => Mersenne::of_int(seed),
        Some(seed) => Mersenne::of_text(&subject(interpreter, &seed)?),
    })
}

fn index(source: &mut Mersenne, len: usize) -> usize {
    usize::try_from(source.below(u128::try_from(len.max(1)).unwrap_or(1))).unwrap_or(0)
}

/// A whole number below `len`, by chance.
pub(in crate::template) fn below(len: usize) -> usize {
    rand::rng().random_range(0..len.max(1))
}

fn random(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [start, step, seed] = args.bind(["start", "step", "seed"])?;
    let mut source = source(interpreter, seed)?;
    if let Val::Int(end) = value {
        let (start, step) = (whole(start, 0)?, whole(step, 1)?.max(1));
        if end <= start {
            return Err(Fault::new("empty range for random"));
        }
        let count = (end - start - 1) / step + 1;
        let chosen = source.below(u128::try_from(count).unwrap_or(1));
        return Ok(Val::Int(start + i128::try_from(chosen).unwrap_or(0) * step));
    }
    if start.is_some() || step.is_some() {
        return Err(Fault::new("start and step can only be used with a number"));
    }
    let items = interpreter.items(&value)?;
    if items.is_empty() {
        return Err(Fault::new("cannot choose from an empty sequence"));
    }
    let chosen = index(&mut source, items.len());
    items.get(chosen).cloned().ok_or_else(|| Fault::new("cannot choose from an empty sequence"))
}

fn shuffle(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [seed] = args.bind(["seed"])?;
    let mut source = source(interpreter, seed)?;
    let mut items = interpreter.items(&value)?;
    for at in (1..items.len()).rev() {
        items.swap(at, index(&mut source, at + 1));
    }
    Ok(Val::list(items))
}

fn mac(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [seed] = args.bind(["seed"])?;
    let mut source = source(interpreter, seed)?;
    let prefix = subject(interpreter, &value)?.to_lowercase();
    let mut parts: Vec<String> = prefix.split(':').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let valid = |part: &String| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    if parts.is_empty() || parts.len() > 5 || !parts.iter().all(valid) {
        return Err(Fault::new(format!("invalid value ({prefix}) for random_mac: expected up to 5 hexadecimal pairs")));
    }
    // As community.general: one number for what is missing, at least 0x10… so that no leading zero is lost.
    let digits = u32::try_from((6 - parts.len()) * 2).unwrap_or(2);
    let (low, high) = (16_u128.pow(digits - 1), 16_u128.pow(digits));
    let number = low + source.below(high - low);
    let text = format!("{number:x}");
    parts.extend((0..6 - parts.len()).filter_map(|at| text.get(at * 2..at * 2 + 2).map(str::to_owned)));
    Ok(Val::from(parts.join(":")))
}
