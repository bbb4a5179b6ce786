//! YAML inventories: groups as mappings with `hosts`, `vars` and `children`.

use super::draft::{Draft, Entry};
use super::ranges;
use crate::yaml::{Diagnostic, Node, Value, nearest, parse_document};
use std::path::Path;
use std::sync::Arc;

/// Reads an inventory's text.
///
/// # Errors
/// The first thing in it that is no YAML inventory.
pub fn parse_str(text: &str, file: &Arc<Path>) -> Result<Draft, Diagnostic> {
    parse(&parse_document(text, file)?)
}

/// The plugins whose work is done here by the shape of a source; a file that names another one cannot be used.
const PLUGINS: [&str; 4] = ["host_list", "ini", "yaml", "script"];

pub(super) fn parse(root: &Node) -> Result<Draft, Diagnostic> {
    let mut draft = Draft::default();
    let Some(groups) = root.as_map() else {
        let said = format!("a YAML inventory is a mapping of groups, this is a {}", root.type_name());
        return Err(root.error(said));
    };
    if let Some(plugin) = root.get("plugin") {
        let name = plugin.as_str().unwrap_or_default();
        if !PLUGINS.contains(&name.rsplit('.').next().unwrap_or_default()) {
            let said = format!("the inventory plugin `{name}` is not supported");
            return Err(plugin.error(said).help("write the hosts down, or use a script that prints them as JSON"));
        }
    }
    root.duplicates(&mut draft.warnings);
    for (name, data) in groups {
        if !data.is_null() && data.as_map().is_none() {
            draft.warnings.push(Diagnostic::warning(
                Some(name.origin.clone()),
                format!("`{}` is no group: its value is a {}", name.key(), data.type_name()),
            ));
            continue;
        }
        group(name, data, &mut draft)?;
    }
    Ok(draft)
}

/// A group's name; Ansible takes numbers and the like by their text.
fn group(name: &Node, data: &Node, draft: &mut Draft) -> Result<String, Diagnostic> {
    let group_name = name.as_str().map_or_else(|| name.key().to_string(), str::to_owned);
    if group_name.is_empty() || name.is_null() {
        return Err(name.error("a group has a name"));
    }
    draft.entries.push(Entry::Group(group_name.clone()));
    for (key, section) in data.as_map().unwrap_or_default() {
        match key.as_str() {
            Some("vars") => {
                for (key, value) in entries(section, "vars", &group_name)? {
                    let (group, origin) = (group_name.clone(), Some(key.origin.clone()));
                    let value = value.map_or(Value::Null, Node::to_value);
                    draft.entries.push(Entry::Variable { group, key: key.key(), value, origin });
                }
            }
            Some("children") => {
                for (key, value) in entries(section, "children", &group_name)? {
                    let empty = Node::null(key.origin.clone());
                    let data = value.unwrap_or(&empty);
                    if !data.is_null() && data.as_map().is_none() {
                        let said = format!("the group `{}` is a mapping, not a {}", key.key(), data.type_name());
                        return Err(data.error(said));
                    }
                    let child = group(key, data, draft)?;
                    let origin = Some(key.origin.clone());
                    draft.entries.push(Entry::Child { parent: group_name.clone(), child, origin });
                }
            }
            Some("hosts") => {
                for (key, value) in entries(section, "hosts", &group_name)? {
                    hosts(key, value, &group_name, draft)?;
                }
            }
            _ => {
                let name = key.key().to_string();
                let mut warning = Diagnostic::warning(
                    Some(key.origin.clone()),
                    format!(
                        "`{name}` in the group `{group_name}` is passed over: a group has hosts, vars and children"
                    ),
                );
                if let Some(right) = nearest(&name, ["hosts", "vars", "children"]) {
                    warning = warning.help(format!("did you mean `{right}`?"));
                }
                draft.warnings.push(warning);
            }
        }
    }
    Ok(group_name)
}

/// The entries of a section; a text alone is a key without a value.
fn entries<'a>(section: &'a Node, kind: &str, group: &str) -> Result<Vec<(&'a Node, Option<&'a Node>)>, Diagnostic> {
    if let Some(entries) = section.as_map() {
        return Ok(entries.iter().map(|(key, value)| (key, Some(value))).collect());
    }
    if section.is_null() {
        return Ok(Vec::new());
    }
    if section.as_str().is_some() {
        return Ok(vec![(section, None)]);
    }
    let said = format!("`{kind}` of the group `{group}` is a mapping, not a {}", section.type_name());
    Err(section.error(said).help("end each name with a colon instead of putting a dash before it"))
}

fn hosts(key: &Node, value: Option<&Node>, group: &str, draft: &mut Draft) -> Result<(), Diagnostic> {
    let Some(pattern) = key.as_str() else {
        let said = format!("a host's name is text, `{}` is a {}", key.text().unwrap_or_default(), key.type_name());
        return Err(key.error(said).help("put quotes around it"));
    };
    let (names, port) = ranges::expand(pattern).map_err(|why| key.error(format!("`{pattern}` is no host: {why}")))?;
    let vars = match value {
        Some(node) if node.as_map().is_some() => match node.to_value() {
            Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            _ => Vec::new(),
        },
        // What Python holds for false stands for no variables, as in `hv1: ""`.
        Some(node) if !is_empty(node) => {
            let said = format!("the variables of `{pattern}` are a mapping, not a {}", node.type_name());
            return Err(node.error(said));
        }
        _ => Vec::new(),
    };
    draft.entries.push(Entry::Hosts { names, group: Some(group.to_owned()), port, vars });
    Ok(())
}

fn is_empty(node: &Node) -> bool {
    match node.to_value() {
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::Str(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}
