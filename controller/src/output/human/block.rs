//! One host's result of one task as text. Hosts whose blocks are equal are folded into one.

use crate::event::{EventStatus, TaskEvent};
use crate::output::{Paint, escape, escape_lines, unified};
use luthier_protocol::{Map, Value};

/// Lines of a failed command's output that are shown unless more are asked for.
const TAIL: usize = 20;

/// Keys of a result that say nothing to people, or are shown elsewhere.
const SILENT: [&str; 12] = [
    "changed",
    "failed",
    "skipped",
    "diff",
    "invocation",
    "msg",
    "warnings",
    "deprecations",
    "stdout_lines",
    "stderr_lines",
    "results",
    "unreachable",
];

/// What is shown of a host's result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Block {
    /// How it ended.
    pub(super) status: EventStatus,
    /// The words behind the host's name (`changed`, `FAILED (ignored)`).
    pub(super) words: String,
    /// Text on the same line.
    pub(super) headline: String,
    /// Lines of diffs: equal ones are called so.
    pub(super) diff: Vec<String>,
    /// Further lines.
    pub(super) lines: Vec<String>,
    /// The lines are what the task gave, and that was asked for.
    pub(super) has_output: bool,
}

impl Block {
    /// A whole task: its own result and those of its items.
    pub(super) fn new(task: &TaskEvent, items: &[TaskEvent], verbosity: u8) -> Self {
        let mut block = Self {
            status: task.status,
            words: words(task),
            headline: headline(task),
            diff: Vec::new(),
            lines: Vec::new(),
            has_output: false,
        };
        for item in items {
            let label = label(item);
            let head = match headline(item) {
                text if text.is_empty() => format!("item {label}: {}", words(item)),
                text => format!("item {label}: {}: {text}", words(item)),
            };
            block.lines.push(head);
            block.lines.extend(details(item, verbosity).into_iter().map(|line| format!("  {line}")));
            for entry in &item.diff {
                block.diff.extend(unified(entry, verbosity > 0));
            }
        }
        if items.is_empty() {
            block.lines.extend(details(task, verbosity));
            for entry in &task.diff {
                block.diff.extend(unified(entry, verbosity > 0));
            }
        }
        block
    }

    /// The result of a single task on its own (`exec`): what it gave is what was asked for.
    pub(super) fn of_single(task: &TaskEvent, verbosity: u8) -> Self {
        let mut block = Self::new(task, &[], verbosity);
        if verbosity == 0 && !bad(task) && !is_debug(task) {
            block.lines = given(&task.result);
            block.has_output = !block.lines.is_empty();
        }
        block
    }

    /// The block without what names the host it is of: its name, its address. Blocks of two hosts with which the same
    /// went wrong are then equal.
    pub(super) fn of_any_host(&self, host: &str) -> Self {
        let is_address = |word: &str| {
            let bare = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let address = bare.split_once('@').map_or(bare, |(_, address)| address);
            address == host
                || address.parse::<std::net::IpAddr>().is_ok()
                || address.rsplit_once(':').is_some_and(|(address, _)| address.parse::<std::net::IpAddr>().is_ok())
        };
        let mask = |text: &String| {
            text.split(' ').map(|word| if is_address(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
        };
        Self { headline: mask(&self.headline), ..self.clone() }
    }

    /// The text behind the name of the host or hosts.
    pub(super) fn summary(&self, paint: Paint, several: bool) -> String {
        let mut out = paint.status(self.status, &self.words);
        if several && !self.diff.is_empty() {
            out.push_str(", same diff");
        }
        if several && self.has_output {
            out.push_str(", same output");
        }
        if !self.headline.is_empty() {
            out.push_str(": ");
            out.push_str(&self.headline);
        }
        out
    }
}

fn words(task: &TaskEvent) -> String {
    let word = match task.status {
        EventStatus::Ok => "ok",
        EventStatus::Changed => "changed",
        EventStatus::Failed => "FAILED",
        EventStatus::Skipped => "skipped",
        EventStatus::Unreachable => "UNREACHABLE",
    };
    match (task.ignored, task.rescued) {
        (true, _) => format!("{word} (ignored)"),
        (_, true) => format!("{word} (rescued)"),
        _ => word.to_owned(),
    }
}

fn is_debug(task: &TaskEvent) -> bool {
    task.action == "debug" || task.action.ends_with(".debug")
}

fn bad(task: &TaskEvent) -> bool {
    matches!(task.status, EventStatus::Failed | EventStatus::Unreachable)
}

/// The message of a failure, or of a `debug`; the first line stands behind the status.
fn headline(task: &TaskEvent) -> String {
    if !bad(task) && !is_debug(task) {
        return String::new();
    }
    let mut text = match task.result.get("msg") {
        Some(Value::String(text)) => escape(text.lines().next().unwrap_or_default()).into_owned(),
        Some(other) if is_debug(task) && !other.is_null() => return String::new(),
        Some(other) => escape(&other.to_string()).into_owned(),
        None => String::new(),
    };
    if bad(task)
        && let Some(code) = task.result.get("rc").and_then(Value::as_i64)
    {
        if text.is_empty() {
            text = format!("rc={code}");
        } else {
            text.push_str(&format!(" (rc={code})"));
        }
    }
    text
}

fn details(task: &TaskEvent, verbosity: u8) -> Vec<String> {
    let mut lines = Vec::new();
    if bad(task) || is_debug(task) {
        match task.result.get("msg") {
            Some(Value::String(text)) => lines.extend(text.lines().skip(1).map(|line| escape(line).into_owned())),
            Some(other) if is_debug(task) => lines.extend(pretty("msg", other)),
            _ => {}
        }
    }
    if verbosity > 0 {
        for (key, value) in told(&task.result, &[]) {
            lines.extend(pretty(key, value));
        }
    } else if bad(task) {
        for stream in ["stderr", "stdout"] {
            if let Some(text) = task.result.get(stream).and_then(Value::as_str) {
                lines.extend(tail(stream, text));
            }
        }
    } else if is_debug(task) {
        for (key, value) in told(&task.result, &["stdout", "stderr", "rc"]) {
            lines.extend(pretty(key, value));
        }
    }
    lines
}

/// What a task gave: the output of a command as it is, of any other module its values.
fn given(result: &Map) -> Vec<String> {
    let is_command = result.contains_key("rc") && result.contains_key("stdout");
    if !is_command {
        return told(result, &[]).flat_map(|(key, value)| pretty(key, value)).collect();
    }
    let text = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
    let errors = text("stderr").lines().map(|line| format!("stderr: {}", escape(line)));
    text("stdout").lines().map(|line| escape(line).into_owned()).chain(errors).collect()
}

/// The values of a result that are worth showing.
fn told<'a>(result: &'a Map, but: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a Value)> {
    result
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(move |(key, _)| !SILENT.contains(key) && !key.starts_with('_') && !but.contains(key))
}

/// A value under its key: text as its lines, anything else as indented JSON.
fn pretty(key: &str, value: &Value) -> Vec<String> {
    let key = escape(key);
    match value {
        Value::String(text) if !text.contains('\n') => vec![format!("{key}: {}", escape(text))],
        Value::String(text) => std::iter::once(format!("{key}:"))
            .chain(escape_lines(text).lines().map(|line| format!("  {line}")))
            .collect(),
        Value::Array(_) | Value::Object(_) => {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            let text = escape_lines(&text);
            let mut lines = text.lines();
            let first = format!("{key}: {}", lines.next().unwrap_or_default());
            std::iter::once(first).chain(lines.map(str::to_owned)).collect()
        }
        other => vec![format!("{key}: {other}")],
    }
}

fn tail(stream: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(TAIL);
    let mut out = Vec::new();
    if hidden > 0 {
        out.push(format!("{stream}: … {hidden} earlier lines (-v shows all)"));
    }
    out.extend(lines.into_iter().skip(hidden).map(|line| format!("{stream}: {}", escape(line))));
    out
}

/// How a loop item is called: the label the task chose, a text as it is, a mapping by its name, anything else as JSON.
pub(super) fn label(task: &TaskEvent) -> String {
    let shown = task.result.get("_ansible_item_label").or(task.item.as_ref());
    let text = match shown {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut short: String = text.chars().take(120).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    escape(&short).into_owned()
}
