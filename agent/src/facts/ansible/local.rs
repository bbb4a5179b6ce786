//! `local`: facts that the operator put on the host, one `.fact` file each: JSON or INI, or a program that prints either.

use crate::host::patience::answers;
use crate::host::{Host, Kind};
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::time::Duration;

/// For how long a file may be read, or its program may run: a little longer than a program is given by [`Host::query`].
const PATIENCE: Duration = Duration::from_secs(130);

/// Reads every `.fact` file of a folder. The programs among them are run on the running machine only.
pub fn facts_d(host: &Host, folder: &str, facts: &mut Map) {
    let mut names = host.list(folder).unwrap_or_default();
    names.retain(|name| name.ends_with(".fact"));
    let (host, folder, asked) = (host.clone(), folder.to_owned(), names.clone());
    let found = answers(names.len(), PATIENCE, move |index| {
        let name = asked.get(index)?;
        fact(&host, &format!("{folder}/{name}"))
    });
    let rows = names.iter().zip(found).filter_map(|(name, value)| {
        let late = || Some(Value::from("error loading fact: no answer in time"));
        Some((name.strip_suffix(".fact")?.to_owned(), value.unwrap_or_else(late)?))
    });
    facts.insert("local".to_owned(), Value::Object(rows.collect()));
}

/// The value of one file, or a text that says why there is none; `None` for what is no file.
fn fact(host: &Host, path: &str) -> Option<Value> {
    let stat = host.stat(path).ok()??;
    if stat.kind != Kind::File {
        return None;
    }
    let text = if stat.mode & 0o111 == 0 {
        host.read_text(path).map_err(|error| format!("error loading fact - read {path}: {error}"))
    } else if host.is_live() {
        match host.query(&[path.to_owned()]) {
            Ok(answer) if answer.rc == 0 => Ok(answer.stdout),
            Ok(answer) => {
                Err(format!("Failure executing fact script ({path}), rc: {}, err: {}", answer.rc, answer.stderr))
            }
            Err(error) => Err(format!("Could not execute fact script ({path}): {error}")),
        }
    } else {
        Err(format!("{path} is a program of a captured machine, which is not run"))
    };
    Some(match text {
        Ok(text) => serde_json::from_str(&text).unwrap_or_else(|_| ini(&text, path)),
        Err(reason) => Value::from(reason),
    })
}

/// Sections with `name = value` or `name: value`; names in lower case, values as text.
fn ini(text: &str, path: &str) -> Value {
    let mut sections = Map::new();
    let mut section: Option<String> = None;
    let mut last: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.entry(name).or_insert_with(|| json!({}));
            (section, last) = (Some(name.to_owned()), None);
            continue;
        }
        let Some(values) = section.as_ref().and_then(|name| sections.get_mut(name)).and_then(Value::as_object_mut)
        else {
            return Value::from(format!("error loading facts as JSON or ini - please check content: {path}"));
        };
        if line.starts_with([' ', '\t'])
            && let Some(Value::String(value)) = last.as_ref().and_then(|name| values.get_mut(name))
        {
            // An indented line continues the value before it.
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        match trimmed.find(['=', ':']) {
            Some(position) => {
                let (name, value) = trimmed.split_at(position);
                let name = name.trim().to_lowercase();
                values.insert(name.clone(), Value::from(value.get(1..).unwrap_or_default().trim()));
                last = Some(name);
            }
            None => return Value::from(format!("error loading facts as JSON or ini - please check content: {path}")),
        }
    }
    Value::Object(sections)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn json_ini_and_programs() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            std::fs::write(root.path().join(name), text).unwrap();
            std::fs::set_permissions(root.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("a.fact", "{\"x\": [1]}", 0o644);
        write("b.fact", "# c\n[main]\nRole = web\nkey: a=b\n", 0o644);
        write("c.fact", "#!/bin/sh\necho {}\n", 0o755);
        write("d.txt", "{}", 0o644);
        write("e.fact", "nonsense", 0o644);
        let mut facts = Map::new();
        facts_d(&Host::under(root.path()), "/", &mut facts);
        let local = facts["local"].clone();
        assert_eq!(local["a"], json!({"x": [1]}));
        assert_eq!(local["b"], json!({"main": {"role": "web", "key": "a=b"}}));
        assert!(local["c"].as_str().unwrap().contains("not run"));
        let folder = root.path().to_str().unwrap();
        write("f.fact", "#!/bin/sh\nprintf '[main]\\nkey: 1\\n'\n", 0o755);
        write("g.fact", "#!/bin/sh\necho '{\"x\": 2}'\n", 0o755);
        write("h.fact", "#!/bin/sh\necho broken >&2; exit 3\n", 0o755);
        let mut live = Map::new();
        facts_d(&Host::live(), folder, &mut live);
        let ran = &live["local"];
        assert_eq!((&ran["f"], &ran["g"]), (&json!({"main": {"key": "1"}}), &json!({"x": 2})));
        assert!(ran["h"].as_str().unwrap().ends_with("rc: 3, err: broken\n"), "{ran}");
        assert!(local["e"].as_str().unwrap().starts_with("error loading"));
        assert_eq!(local.as_object().unwrap().len(), 4);
    }
}
