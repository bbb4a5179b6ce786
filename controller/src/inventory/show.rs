//! The inventory printed: what `ansible-inventory` prints for `--list`, `--host` and `--graph`.

use super::facade::Inventory;
use super::tree::{ALL, GroupId};
use crate::yaml::{Value, ValueMap};
use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;

/// Variables that a run has by itself: they are not listed even where somebody set them.
const INTERNAL: [&str; 19] = [
    "ansible_diff_mode",
    "ansible_config_file",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_playbook_python",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "groups",
    "group_names",
    "omit",
    "playbook_dir",
];

impl Inventory {
    /// All groups, and the variables of all hosts under `_meta`.
    pub fn list_json(&self) -> Json {
        let mut out = Map::new();
        self.list_group(ALL, &mut HashSet::from([ALL]), &mut out);
        let mut hostvars = Map::new();
        for host in self.hosts() {
            let vars = self.shown_vars(host.as_str());
            if !vars.is_empty() {
                hostvars.insert(host.to_string(), Json::Object(vars));
            }
        }
        out.insert("_meta".to_owned(), json!({ "hostvars": hostvars }));
        Json::Object(out)
    }

    /// The variables of one host; `None` if there is no such host.
    pub fn host_json(&self, name: &str) -> Option<Json> {
        self.has_host(name).then(|| Json::Object(self.shown_vars(name)))
    }

    /// The groups as a tree, on request with variables.
    pub fn graph(&self, vars: bool) -> String {
        let mut out = String::new();
        self.graph_group(ALL, 0, vars, &mut out);
        out
    }

    fn list_group(&self, id: GroupId, seen: &mut HashSet<GroupId>, out: &mut Map<String, Json>) {
        let Some((name, group)) = self.tree.group(id) else { return };
        let mut shown = Map::new();
        if id != ALL && !group.hosts.is_empty() {
            let hosts = group.hosts.iter().filter_map(|id| self.tree.host(*id)).map(|(name, _)| name.to_string());
            shown.insert("hosts".to_owned(), hosts.collect());
        }
        if !group.children.is_empty() {
            let children = group.children.iter().filter_map(|id| self.tree.group(*id)).map(|(name, _)| name);
            shown.insert("children".to_owned(), children.collect());
        }
        if !shown.is_empty() {
            out.insert(name.to_owned(), Json::Object(shown));
        }
        for child in &group.children {
            if seen.insert(*child) {
                self.list_group(*child, seen, out);
            }
        }
    }

    fn shown_vars(&self, host: &str) -> Map<String, Json> {
        shown(&self.written_vars(host))
    }

    fn graph_group(&self, id: GroupId, depth: usize, vars: bool, out: &mut String) {
        let Some((name, group)) = self.tree.group(id) else { return };
        line(out, depth, &format!("@{name}:"));
        for child in &group.children {
            self.graph_group(*child, depth + 1, vars, out);
        }
        if id != ALL {
            for (host, _) in group.hosts.iter().filter_map(|id| self.tree.host(*id)) {
                line(out, depth + 1, host.as_str());
                if vars {
                    variables(out, depth + 2, &self.shown_vars(host.as_str()));
                }
            }
        }
        if vars {
            variables(out, depth + 1, &shown(&group.vars));
        }
    }
}

fn shown(vars: &ValueMap) -> Map<String, Json> {
    let wanted =
        vars.iter().map(|(key, value)| (key.to_string(), value)).filter(|(key, _)| !INTERNAL.contains(&key.as_str()));
    wanted.map(|(key, value)| (key, encode(value))).collect()
}

/// JSON has no text that is never a template and none that is encrypted: both are wrapped as Ansible does it.
fn encode(value: &Value) -> Json {
    match value {
        Value::Str(text) if text.contains("{{") || text.contains("{%") || text.contains("{#") => {
            json!({ "__ansible_unsafe": &**text })
        }
        Value::Vault(text) => json!({ "__ansible_vault": &**text }),
        Value::List(items) => items.iter().map(encode).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.to_string(), encode(value))).collect(),
        other => other.to_json(),
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    if depth > 0 {
        out.push_str(&"  |".repeat(depth));
        out.push_str("--");
    }
    out.push_str(text);
    out.push('\n');
}

fn variables(out: &mut String, depth: usize, vars: &Map<String, Json>) {
    let mut sorted: Vec<(&String, &Json)> = vars.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in sorted {
        let mut text = format!("{{{key} = ");
        python(value, true, &mut text);
        text.push('}');
        line(out, depth, &text);
    }
}

/// A value as Python prints it.
fn python(value: &Json, bare: bool, out: &mut String) {
    match value {
        Json::Null => out.push_str("None"),
        Json::Bool(true) => out.push_str("True"),
        Json::Bool(false) => out.push_str("False"),
        Json::String(text) if bare => out.push_str(text),
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for c in text.chars() {
                match c {
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    '\r' => out.push_str("\\r"),
                    '\\' => out.push_str("\\\\"),
                    c if c == quote => out.extend(['\\', c]),
                    c => out.push(c),
                }
            }
            out.push(quote);
        }
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                python(item, false, out);
            }
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                python(&Json::from(key.as_str()), false, out);
                out.push_str(": ");
                python(value, false, out);
            }
            out.push('}');
        }
        number => out.push_str(&number.to_string()),
    }
}
