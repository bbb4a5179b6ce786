//! Facts of hosts or of a captured machine, handed over as they come: what `facts` prints and `topo` draws.

use super::captures::captured;
use super::fleet::{self, Fleet};
use super::{CliError, ExitCode, Globals};
use crate::event::{Event, Sink};
use crate::history::new_run_id;
use crate::output::{self, Outputs, Progress};
use crate::plan::Selection;
use crate::rollout::{self, Options, Run, Visit};
use crate::session::SessionError;
use luthier_protocol::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// So many hosts are named in one line.
const NAMED: usize = 5;

/// Whom to inspect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Which hosts; all where it is not given.
    pub pattern: Option<&'a str>,
    /// Captured machines, in folders and archives, instead of hosts.
    pub roots: &'a [PathBuf],
    /// What is asked of each.
    pub wish: Wish<'a>,
}

/// What is asked of a host.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish<'a> {
    /// Facts: only these keys, all where it is empty.
    Facts(&'a [String]),
    /// What facts are made of; with what tells the machine from others of its build, where that is said.
    Capture {
        /// Names, addresses and serial numbers stay.
        keep_identity: bool,
    },
}

/// Gathers the facts and hands each host's over with its name.
pub(super) fn inspect(
    subject: Subject<'_>,
    globals: &Globals,
    take: &mut dyn FnMut(&str, &Map),
) -> Result<ExitCode, CliError> {
    if !subject.roots.is_empty() {
        let Wish::Facts(only) = subject.wish else {
            return Err(CliError::usage("a captured machine is not captured again"));
        };
        return captured(subject.roots, only, globals, take);
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
        all(&run, hosts, subject.wish, take).await
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
async fn all(run: &Arc<Run>, hosts: Vec<String>, wish: Wish<'_>, take: &mut dyn FnMut(&str, &Map)) -> ExitCode {
    let (only, keep) = match wish {
        Wish::Facts(only) => (only.to_vec(), None),
        Wish::Capture { keep_identity } => (Vec::new(), Some(keep_identity)),
    };
    let mut asked = JoinSet::new();
    for host in hosts {
        let (run, only) = (Arc::clone(run), only.clone());
        asked.spawn(async move {
            let identities = rollout::wanted_identity(&run, &host).into_iter().collect();
            let visit = Visit { host: host.clone(), target: None, identities, changed: false };
            let facts = match keep {
                None => rollout::facts(&run, &visit, &only).await,
                Some(keep) => rollout::capture(&run, &visit, keep).await,
            };
            (host, facts)
        });
    }
    let (mut code, mut unasked) = (ExitCode::Fine, Vec::new());
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((host, Ok(facts))) => take(&host, &facts),
            Ok((host, Err(SessionError::Interrupted))) => unasked.push(host),
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
    code.gravest(tell_unasked(run, unasked))
}

/// Name the hosts that were not asked because of an interrupt, and what that leads to.
pub(super) fn tell_unasked(run: &Run, mut hosts: Vec<String>) -> ExitCode {
    if hosts.is_empty() {
        return ExitCode::Fine;
    }
    hosts.sort();
    let names = hosts.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = hosts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    run.warn(None, format!("interrupted, not asked: {names}{more}"));
    ExitCode::Interrupted
}

/// Facts with control characters made visible: texts of a host are not trusted with a terminal.
pub(super) fn escaped(facts: &Map) -> Map {
    facts.iter().map(|(key, value)| (key.clone(), escape(value))).collect()
}

fn escape(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(output::escape(text).into_owned()),
        Value::Array(list) => list.iter().map(escape).collect(),
        Value::Object(map) => Value::Object(escaped(map)),
        other => other.clone(),
    }
}
