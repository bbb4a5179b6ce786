//! Facts of hosts or of a captured machine, handed over as they come: what `facts` prints and `topo` draws.

use super::fleet::{self, Fleet};
use super::{CliError, ExitCode, Globals};
use crate::event::{Event, Sink};
use crate::history::new_run_id;
use crate::output::{self, Outputs, Progress};
use crate::plan::Selection;
use crate::rollout::{self, Options, Run, Visit};
use luthier_protocol::Map;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Whom to inspect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Which hosts; all where it is not given.
    pub pattern: Option<&'a str>,
    /// A captured machine in a folder instead of hosts.
    pub root: Option<&'a Path>,
    /// Only these keys; all where it is empty.
    pub only: &'a [String],
}

/// Gathers the facts and hands each host's over with its name.
pub(super) fn inspect(
    subject: Subject<'_>,
    globals: &Globals,
    take: &mut dyn FnMut(&str, &Map),
) -> Result<ExitCode, CliError> {
    if let Some(root) = subject.root {
        return captured(root, subject.only, globals, take);
    }
    let fleet = Fleet::load(globals, Path::new(""))?;
    let hosts = fleet.select(globals, subject.pattern.unwrap_or("all"))?;
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
    let code = fleet::runtime()?.block_on(async {
        fleet::watch_interrupt(&run);
        all(&run, hosts, subject.only, take).await
    });
    outputs.finish();
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
fn captured(
    root: &Path,
    only: &[String],
    globals: &Globals,
    take: &mut dyn FnMut(&str, &Map),
) -> Result<ExitCode, CliError> {
    if !root.is_dir() {
        return Err(CliError::usage(format!("{} is no folder", root.display())));
    }
    let agents = crate::session::agents(globals.options.agent_dir.as_deref())
        .map_err(|error| CliError::message(ExitCode::BadInput, error.to_string()))?;
    let facts = crate::session::facts_under(&agents, root, only)
        .map_err(|error| CliError::message(ExitCode::Failed, error.to_string()))?;
    let full = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    take(&name, &facts);
    Ok(ExitCode::Fine)
}
