//! Filters of lists: picking, joining, grouping, adding up.

use super::select::path_value;
use super::table::{Filter, flag, of, required, size, whole};
use crate::template::access::LARGEST;
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::node::Bin;
use crate::template::ops;
use crate::template::val::{Args, Val};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("first", of(first)),
    ("last", of(last)),
    ("length", of(length)),
    ("count", of(length)),
    ("reverse", of(reverse)),
    ("flatten", of(flatten)),
    ("sort", of(sort)),
    ("min", of(min)),
    ("max", of(max)),
    ("sum", of(sum)),
    ("batch", of(batch)),
    ("slice", of(slice)),
    ("zip", of(zip)),
    ("zip_longest", of(zip_longest)),
    ("product", of(product)),
    ("permutations", of(permutations)),
    ("combinations", of(combinations)),
];

fn first(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    Ok(items.into_iter().next().unwrap_or_else(|| Val::undefined("no first item, sequence was empty")))
}

fn last(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    Ok(items.into_iter().next_back().unwrap_or_else(|| Val::undefined("no last item, sequence was empty")))
}

fn length(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    interpreter.len(&value).map(Val::int)
}

fn reverse(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    if let Val::Str(text) = &value {
        return Ok(Val::from(text.chars().rev().collect::<String>()));
    }
    let mut items = interpreter.items(&value)?;
    items.reverse();
    Ok(Val::list(items))
}

fn flatten(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [levels, skip] = args.bind(["levels", "skip_nulls"])?;
    let levels = match levels {
        None | Some(Val::Null) => i128::MAX,
        levels => whole(levels, 0)?,
    };
    let skip = flag(skip, true)?;
    let mut out = Vec::new();
    flatten_into(interpreter, &value, levels, skip, &mut out)?;
    Ok(Val::list(out))
}

fn flatten_into(
    interpreter: &Interpreter<'_>,
    value: &Val,
    levels: i128,
    skip: bool,
    out: &mut Vec<Val>,
) -> Outcome<()> {
    for item in interpreter.items(value)? {
        let is_null = match &item {
            Val::Null => true,
            Val::Str(text) => matches!(&**text, "None" | "null"),
            _ => false,
        };
        if is_null && skip {
            continue;
        }
        if item.is_list() && levels > 0 {
            interpreter.enter(|| flatten_into(interpreter, &item, levels - 1, skip, out))?;
        } else {
            out.push(item);
        }
    }
    Ok(())
}

/// What is compared: text without regard to case unless asked.
pub(super) fn folded(value: Val, case_sensitive: bool) -> Val {
    match value {
        Val::Str(text) if !case_sensitive => Val::from(text.to_lowercase()),
        other => other,
    }
}

fn sort(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [reverse, case, attribute] = args.bind(["reverse", "case_sensitive", "attribute"])?;
    let (reverse, case) = (flag(reverse, false)?, flag(case, false)?);
    let mut rows = Vec::new();
    for item in interpreter.items(&value)? {
        let key = match &attribute {
            None | Some(Val::Null) => folded(item.clone(), case),
            // Several attributes, one after the other.
            Some(Val::Str(names)) => {
                let keys: Outcome<Vec<Val>> = names
                    .split(',')
                    .map(|name| Ok(folded(path_value(interpreter, &item, &Val::from(name.trim()))?, case)))
                    .collect();
                Val::tuple(keys?)
            }
            Some(attribute) => folded(path_value(interpreter, &item, attribute)?, case),
        };
        rows.push((key, item));
    }
    ops::sort_by(interpreter, &mut rows, |row| &row.0, reverse)?;
    Ok(Val::list(rows.into_iter().map(|row| row.1).collect()))
}

fn extreme(interpreter: &Interpreter<'_>, value: &Val, args: Args, want: std::cmp::Ordering) -> Outcome<Val> {
    let [case, attribute] = args.bind(["case_sensitive", "attribute"])?;
    let case = flag(case, false)?;
    let mut best: Option<(Val, Val)> = None;
    for item in interpreter.items(value)? {
        let key = match &attribute {
            Some(attribute) => path_value(interpreter, &item, attribute)?,
            None => item.clone(),
        };
        let key = folded(key, case);
        let better = match &best {
            None => true,
            Some((current, _)) => ops::order(interpreter, &key, current, "<")? == Some(want),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Val::undefined("no aggregated item, sequence was empty"), |(_, item)| item))
}

fn min(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    extreme(interpreter, &value, args, std::cmp::Ordering::Less)
}

fn max(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    extreme(interpreter, &value, args, std::cmp::Ordering::Greater)
}

fn sum(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [attribute, start] = args.bind(["attribute", "start"])?;
    let mut total = start.unwrap_or(Val::Int(0));
    for item in interpreter.items(&value)? {
        let item = match &attribute {
            None | Some(Val::Null) => item,
            Some(attribute) => path_value(interpreter, &item, attribute)?,
        };
        if matches!(total, Val::Str(_)) {
            return Err(Fault::new("sum() can't sum strings"));
        }
        total = ops::binary(interpreter, Bin::Add, &total, &item.defined()?)?;
    }
    Ok(total)
}

fn batch(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [count, fill] = args.bind(["linecount", "fill_with"])?;
    let count = size(Some(required(count, "linecount")?), 1)?.max(1);
    let items = interpreter.items(&value)?;
    let mut rows: Vec<Vec<Val>> = items.chunks(count).map(<[Val]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (fill, rows.last_mut())
        && !matches!(fill, Val::Null)
        && count <= 1 << 16
    {
        last.resize(count, fill);
    }
    Ok(Val::list(rows.into_iter().map(Val::list).collect()))
}

fn slice(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [slices, fill] = args.bind(["slices", "fill_with"])?;
    let slices = size(Some(required(slices, "slices")?), 1)?.clamp(1, 1 << 16);
    let items = interpreter.items(&value)?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut rest = items.into_iter();
    let mut out = Vec::new();
    for index in 0..slices {
        let mut row: Vec<Val> = rest.by_ref().take(each + usize::from(index < extra)).collect();
        if let Some(fill) = &fill
            && !matches!(fill, Val::Null)
            && index >= extra
            && extra > 0
        {
            row.push(fill.clone());
        }
        out.push(Val::list(row));
    }
    Ok(Val::list(out))
}

fn columns(interpreter: &Interpreter<'_>, value: &Val, others: &[Val]) -> Outcome<Vec<Vec<Val>>> {
    std::iter::once(value).chain(others).map(|list| interpreter.items(list)).collect()
}

fn zip(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let columns = columns(interpreter, &value, &args.pos)?;
    let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
    Ok(rows_of(&columns, rows, &Val::Null))
}

fn zip_longest(interpreter: &Interpreter<'_>, value: Val, mut args: Args) -> Outcome<Val> {
    let fill = args.take("fillvalue").unwrap_or(Val::Null);
    let columns = columns(interpreter, &value, &args.pos)?;
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    Ok(rows_of(&columns, rows, &fill))
}

/// Row by row what is stored column by column.
pub(in crate::template) fn rows_of(columns: &[Vec<Val>], rows: usize, fill: &Val) -> Val {
    let row = |index: usize| columns.iter().map(|column| column.get(index).unwrap_or(fill).clone()).collect();
    Val::list((0..rows).map(|index| Val::tuple(row(index))).collect())
}

/// Every combination of one item of each list.
pub(in crate::template) fn cross(columns: &[Vec<Val>]) -> Outcome<Vec<Vec<Val>>> {
    let total = columns
        .iter()
        .fold(1_i128, |total, column| total.saturating_mul(i128::try_from(column.len()).unwrap_or(i128::MAX)));
    if total > LARGEST {
        return Err(Fault::new("there are too many combinations"));
    }
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for column in columns {
        rows = rows
            .iter()
            .flat_map(|row| column.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect()))
            .collect();
    }
    Ok(rows)
}

fn product(interpreter: &Interpreter<'_>, value: Val, mut args: Args) -> Outcome<Val> {
    let repeat = size(args.take("repeat"), 1)?.min(64);
    let columns = columns(interpreter, &value, &args.pos)?;
    let all: Vec<Vec<Val>> = std::iter::repeat_n(columns, repeat).flatten().collect();
    Ok(Val::list(cross(&all)?.into_iter().map(Val::tuple).collect()))
}

/// Arrangements of `count` of `len` positions.
fn arrange(len: usize, count: usize, ordered: bool) -> Outcome<Vec<Vec<usize>>> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        let mut next = Vec::new();
        for row in &out {
            let from = if ordered { row.last().map_or(0, |last| last + 1) } else { 0 };
            for index in from..len {
                if !row.contains(&index) {
                    next.push(row.iter().copied().chain([index]).collect());
                }
            }
            if i128::try_from(next.len()).unwrap_or(i128::MAX) > LARGEST / 4 {
                return Err(Fault::new("there are too many combinations"));
            }
        }
        out = next;
    }
    Ok(out)
}

fn arranged(items: &[Val], rows: &[Vec<usize>]) -> Val {
    let row = |row: &Vec<usize>| Val::tuple(row.iter().filter_map(|index| items.get(*index).cloned()).collect());
    Val::list(rows.iter().map(row).collect())
}

fn permutations(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [count] = args.bind(["r"])?;
    let items = interpreter.items(&value)?;
    let count = size(count, items.len())?;
    if count > items.len() {
        return Ok(Val::list(Vec::new()));
    }
    Ok(arranged(&items, &arrange(items.len(), count, false)?))
}

fn combinations(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [count] = args.bind(["r"])?;
    let items = interpreter.items(&value)?;
    let count = size(Some(required(count, "r")?), 0)?;
    if count > items.len() {
        return Ok(Val::list(Vec::new()));
    }
    Ok(arranged(&items, &arrange(items.len(), count, true)?))
}
