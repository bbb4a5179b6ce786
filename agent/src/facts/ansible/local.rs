//! `local`: facts that the operator put on the host, one `.fact` file each: JSON or INI. Executable ones are not run; in
//! their place stands a text that says so.

use crate::host::{Host, Kind};
use luthier_protocol::{Map, Value};
use serde_json::json;

/// Reads every `.fact` file of a folder.
pub fn facts_d(host: &Host, folder: &str, facts: &mut Map) {
    let mut local = Map::new();
    for name in host.list(folder).unwrap_or_default() {
        let Some(base) = name.strip_suffix(".fact") else { continue };
        let path = format!("{folder}/{name}");
        let Ok(Some(stat)) = host.stat(&path) else { continue };
        if stat.kind != Kind::File {
            continue;
        }
        let value = if stat.mode & 0o111 != 0 {
            Value::from(format!("{path} is executable: facts are read here, not run"))
        } else {
            match host.read_text(&path) {
                Ok(text) => serde_json::from_str(&text).unwrap_or_else(|_| ini(&text, &path)),
                Err(error) => Value::from(format!("error loading fact - read {path}: {error}")),
            }
        };
        local.insert(base.to_owned(), value);
    }
    facts.insert("local".to_owned(), Value::Object(local));
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
        let local = &facts["local"];
        assert_eq!(local["a"], json!({"x": [1]}));
        assert_eq!(local["b"], json!({"main": {"role": "web", "key": "a=b"}}));
        assert!(local["c"].as_str().unwrap().contains("not run"));
        assert!(local["e"].as_str().unwrap().starts_with("error loading"));
        assert_eq!(local.as_object().unwrap().len(), 4);
    }
}
