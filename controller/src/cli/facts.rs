//! `luthier facts`: inspect hosts over SSH, or a captured machine in a folder.

use super::args::{FactsArgs, FactsFormat};
use super::fleet::{self, Fleet};
use super::{CliError, ExitCode, Globals};
use crate::event::{Event, Sink};
use crate::history::new_run_id;
use crate::output::{self, Outputs, Progress};
use crate::plan::Selection;
use crate::rollout::{self, Options, Run, Visit};
use crate::yaml::Value;
use luthier_protocol::Map;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) fn facts(args: FactsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    if let Some(root) = &args.root {
        return captured(root, &args, globals);
    }
    let fleet = Fleet::load(globals, Path::new(""))?;
    let hosts = fleet.select(globals, args.pattern.as_deref().unwrap_or("all"))?;
    if hosts.is_empty() {
        return Err(CliError::usage("no host is selected").hint("name an inventory with -i, and a pattern"));
    }
    let escalation = fleet.escalation(globals)?;
    let options = Options { extra: Arc::clone(&fleet.extra), escalation, ..Options::default() };
    let outputs = Outputs::new(Vec::new());
    if globals.screen.shows_progress() {
        outputs.add(Box::new(Progress::new(&globals.screen, Some(hosts.len() as u64))));
    }
    let sink = Sink::new(vec![outputs.listener(), warnings(globals)]);
    let run = fleet.into_run(globals, new_run_id(), options, Selection::default(), sink)?;
    let mut table = FactsTable::new(args.format);
    let code = fleet::runtime()?.block_on(async {
        fleet::watch_interrupt(&run);
        all(&run, hosts, &args.only, &mut |host, facts| table.add(globals, host, facts)).await
    });
    outputs.finish();
    table.finish(globals);
    Ok(code)
}

/// Warnings go to stderr; nothing else of these sessions is data.
pub(super) fn warnings(globals: &Globals) -> Box<dyn FnMut(&Event) + Send> {
    let (screen, colour) = (globals.screen.clone(), globals.colour());
    Box::new(move |event| {
        if let Event::Warning { host, message } = event {
            let paint = output::Paint(colour.wanted(&std::io::stderr()));
            let host = host.as_ref().map(|host| format!("{host}: ")).unwrap_or_default();
            screen.talk(&format!("{}: {}\n", paint.warning("warning"), output::escape(&format!("{host}{message}"))));
        }
    })
}

/// All hosts at once; each is handed over when it answers.
async fn all(run: &Arc<Run>, hosts: Vec<String>, only: &[String], take: &mut dyn FnMut(&str, &Map)) -> ExitCode {
    let mut asked = JoinSet::new();
    for host in hosts {
        let (run, only) = (Arc::clone(run), only.to_vec());
        asked.spawn(async move {
            let identities = rollout::wanted_identity(&run, &host).into_iter().collect();
            let visit = Visit { host: host.clone(), target: None, identities };
            let facts = rollout::facts(&run, &visit, &only).await;
            (host, facts)
        });
    }
    let mut code = ExitCode::Fine;
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((host, Ok(facts))) => take(&host, &facts),
            Ok((host, Err(error))) => {
                run.warn(Some(&host), error.to_string());
                code = code.gravest(if error.is_unreachable() { ExitCode::Unreachable } else { ExitCode::Failed });
            }
            Err(error) => {
                run.warn(None, error.to_string());
                code = code.gravest(ExitCode::Internal);
            }
        }
    }
    code
}

/// A captured machine: the embedded agent runs as a child on its folder, so the code is the same.
fn captured(root: &Path, args: &FactsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    if !root.is_dir() {
        return Err(CliError::usage(format!("{} is no folder", root.display())));
    }
    let agents = crate::session::agents(globals.options.agent_dir.as_deref())
        .map_err(|error| CliError::message(ExitCode::BadInput, error.to_string()))?;
    let facts = crate::session::facts_under(&agents, root, &args.only)
        .map_err(|error| CliError::message(ExitCode::Failed, error.to_string()))?;
    let full = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut table = FactsTable::new(args.format);
    table.add(globals, &name, &facts);
    table.finish(globals);
    Ok(ExitCode::Fine)
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
