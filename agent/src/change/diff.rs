//! A change as text for people: before and after.

use luthier_protocol::change::{Change, Meta, Run, State};
use luthier_protocol::task::DiffEntry;
use luthier_protocol::{Map, Value};

/// Largest file shown, in bytes (Ansible's limit).
const MAX_TEXT: usize = 104_448;

/// Before and after of a change: a file's content and its attributes are entries of their own.
pub fn entries(change: &Change) -> Vec<DiffEntry> {
    let resource = change.resource.label().to_owned();
    let entry = |before: Value, after: Value| DiffEntry { before, after, resource: resource.clone() };
    let mut entries = Vec::new();
    if let (Some(before), Some(after)) =
        (content(&change.before, &change.after), content(&change.after, &change.before))
        && before != after
    {
        let (before, after) = (text(before), text(after));
        entries.push(entry(before.into(), after.into()));
    }
    match (&change.before, &change.after) {
        (State::Value(before), State::Value(after)) => {
            entries.push(entry(format!("{before}\n").into(), format!("{after}\n").into()))
        }
        (_, State::Run(Run { probe: Some(probe), .. })) => {
            entries.push(entry(format!("{}\n", probe.before).into(), format!("{}\n", probe.after).into()));
        }
        (_, State::Run(run)) => {
            let line = if change.resource.label().is_empty() { run.argv.join(" ") } else { resource.clone() };
            entries.push(entry("".into(), format!("{line}\n").into()));
        }
        (before, after) => {
            let (before, after) = attributes(before, after);
            if before != after {
                entries.push(entry(Value::Object(before), Value::Object(after)));
            }
        }
    }
    entries
}

/// The bytes a state stands for in a textual comparison; something absent counts as empty beside a file.
fn content<'a>(state: &'a State, other: &State) -> Option<&'a [u8]> {
    match (state, other) {
        (State::File { content, .. }, _) => content.as_ref().map(|bytes| bytes.0.as_slice()),
        (State::Absent, State::File { content: Some(_), .. }) => Some(&[]),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> String {
    if bytes.len() > MAX_TEXT {
        return format!("(a file of {} bytes: too large to show)\n", bytes.len());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => format!("(a binary file of {} bytes)\n", bytes.len()),
    }
}

/// The attributes in which two states differ.
fn attributes(before: &State, after: &State) -> (Map, Map) {
    let (mut left, mut right) = (attribute_map(before), attribute_map(after));
    let same: Vec<String> =
        left.iter().filter(|(key, value)| right.get(*key) == Some(*value)).map(|(key, _)| key.clone()).collect();
    for key in same {
        left.shift_remove(&key);
        right.shift_remove(&key);
    }
    (left, right)
}

fn attribute_map(state: &State) -> Map {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    match state {
        State::Absent | State::NotRun => {
            put("state", "absent".into());
        }
        State::File { meta, .. } => {
            put("state", "file".into());
            put_meta(&mut map, meta);
        }
        State::Directory { meta } => {
            put("state", "directory".into());
            put_meta(&mut map, meta);
        }
        State::Link { target, uid, gid } => {
            put("state", "link".into());
            put("src", target.clone().into());
            put("owner", (*uid).into());
            put("group", (*gid).into());
        }
        State::HardLink { target } => {
            put("state", "hard".into());
            put("src", target.clone().into());
        }
        State::Value(_) | State::Run(_) => {}
    }
    map
}

fn put_meta(map: &mut Map, meta: &Meta) {
    map.insert("mode".to_owned(), format!("{:04o}", meta.mode).into());
    map.insert("owner".to_owned(), meta.uid.into());
    map.insert("group".to_owned(), meta.gid.into());
    if let Some(times) = meta.times {
        map.insert("atime".to_owned(), seconds(times.atime_ns).into());
        map.insert("mtime".to_owned(), seconds(times.mtime_ns).into());
    }
}

fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
