//! Differences as unified diffs: how people read what a change does.

use super::{escape, escape_lines};
use luthier_protocol::Value;
use luthier_protocol::task::DiffEntry;
use similar::TextDiff;
use std::time::Duration;

/// A diff is searched for no longer than this; what is found then is right, but may be longer than needed.
const PATIENCE: Duration = Duration::from_millis(300);

/// Lines of a diff that are shown unless more are asked for.
const SHOWN: usize = 200;

/// One change as lines of a unified diff, safe to show. Empty when nothing differs.
pub fn unified(entry: &DiffEntry, all: bool) -> Vec<String> {
    let (before, after) = (side(&entry.before), side(&entry.after));
    if before == after {
        return Vec::new();
    }
    let resource = escape(&entry.resource);
    let name = |mark: &str, value: &Value| {
        if value.is_null() { format!("{mark} (absent)") } else { format!("{mark} {resource}") }
    };
    let mut lines = vec![name("---", &entry.before), name("+++", &entry.after)];
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before.as_str(), after.as_str());
    let text = diff.unified_diff().context_radius(3).missing_newline_hint(true).to_string();
    lines.extend(escape_lines(&text).lines().map(str::to_owned));
    if !all && lines.len() > SHOWN {
        let hidden = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("… {hidden} more lines (-v shows all)"));
    }
    lines
}

/// One side as text: a text as it is, a mapping as sorted `key: value` lines, nothing for what is absent.
fn side(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let mut lines: Vec<String> = map
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => format!("{key}: {text}\n"),
                    other => format!("{key}: {other}\n"),
                })
                .collect();
            lines.sort();
            lines.concat()
        }
        other => format!("{other}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_becomes_hunks_and_mappings_become_lines() {
        let entry = DiffEntry { before: json!("a\nb\n"), after: json!("a\nc\x1b[31m\n"), resource: "/etc/x".into() };
        assert_eq!(unified(&entry, false), ["--- /etc/x", "+++ /etc/x", "@@ -1,2 +1,2 @@", " a", "-b", "+c\\x1b[31m"]);
        let entry =
            DiffEntry { before: Value::Null, after: json!({"mode": "0644", "owner": "root"}), resource: "/x".into() };
        assert_eq!(
            unified(&entry, false),
            ["--- (absent)", "+++ /x", "@@ -0,0 +1,2 @@", "+mode: 0644", "+owner: root"]
        );
    }

    #[test]
    fn long_diffs_are_cut_unless_all_is_asked_for() {
        let after: String = (0..500).map(|n| format!("{n}\n")).collect();
        let entry = DiffEntry { before: json!(""), after: json!(after), resource: "/x".into() };
        let cut = unified(&entry, false);
        assert_eq!(cut.last().map(String::as_str), Some("… 303 more lines (-v shows all)"));
        assert_eq!(unified(&entry, true).len(), 503);
    }
}
