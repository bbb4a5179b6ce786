//! `luthier facts`: inspect hosts over SSH, or a captured machine in a folder.

use super::args::{FactsArgs, FactsFormat};
use super::inspect::{Subject, inspect};
use super::{CliError, ExitCode, Globals};
use crate::output;
use crate::yaml::Value;
use luthier_protocol::Map;

pub(super) fn facts(args: FactsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let subject = Subject { pattern: args.pattern.as_deref(), root: args.root.as_deref(), only: &args.only };
    let mut table = FactsTable::new(args.format);
    let code = inspect(subject, globals, &mut |host, facts| table.add(globals, host, facts))?;
    table.finish(globals);
    Ok(code)
}

/// Facts in the form asked for: objects as they come, a table at the end.
struct FactsTable {
    format: FactsFormat,
    rows: Vec<[String; 8]>,
}

impl FactsTable {
    fn new(format: FactsFormat) -> Self {
        Self { format, rows: Vec::new() }
    }

    fn add(&mut self, globals: &Globals, host: &str, facts: &Map) {
        let object = serde_json::json!({"host": host, "facts": facts});
        match self.format {
            FactsFormat::Json => globals.screen.data(&format!("{object}\n")),
            FactsFormat::Yaml => {
                globals.screen.data(&format!("---\n{}", crate::template::yaml_text(&Value::from_json(&object))))
            }
            FactsFormat::Table => self.rows.push(row(host, &object)),
        }
    }

    fn finish(mut self, globals: &Globals) {
        if matches!(self.format, FactsFormat::Table) {
            self.rows.sort();
            let head = ["HOST", "OS", "KERNEL", "MODEL", "CPUS", "NODES", "MEMORY", "HUGE PAGES"];
            globals.screen.data(&output::table(head, &self.rows));
        }
    }
}

/// What fits into a line of a host's facts. What is not known is a dash.
fn row(host: &str, object: &serde_json::Value) -> [String; 8] {
    let text = |path: &str| match object.pointer(path) {
        None | Some(serde_json::Value::Null) => "-".to_owned(),
        Some(serde_json::Value::String(text)) => output::escape(text).into_owned(),
        Some(other) => other.to_string(),
    };
    let cpus =
        format!("{}p {}c {}t", text("/facts/cpu/packages"), text("/facts/cpu/cores"), text("/facts/cpu/threads"));
    let nodes = object
        .pointer("/facts/numa/nodes")
        .and_then(|nodes| nodes.as_array())
        .map_or("-".into(), |nodes| nodes.len().to_string());
    let memory = object.pointer("/facts/memory/total_kib").and_then(serde_json::Value::as_u64);
    let memory = memory.map_or("-".into(), |kib| format!("{:.1} GiB", kib as f64 / 1_048_576.0));
    let pages =
        object.pointer("/facts/hugepages/sizes").and_then(|sizes| sizes.as_array()).map_or("-".to_owned(), |sizes| {
            let rows: Vec<String> = sizes
                .iter()
                .filter_map(|size| {
                    Some(format!("{}x{}k", size.get("total")?.as_u64()?, size.get("size_kib")?.as_u64()?))
                })
                .collect();
            if rows.is_empty() { "-".to_owned() } else { rows.join(" ") }
        });
    [
        host.to_owned(),
        text("/facts/os/name"),
        text("/facts/kernel/release"),
        text("/facts/cpu/model"),
        cpus,
        nodes,
        memory,
        pages,
    ]
}
