//! `luthier rollback`: undo a run from the journals on its hosts.

use super::args::RollbackArgs;
use super::fleet::{self, Fleet};
use super::{CliError, ExitCode, Globals};
use crate::event::{Event, Sink};
use crate::history::{History, HistoryError, RunHost, RunRecord, RunState, default_folder, is_run_id, new_run_id};
use crate::output::{self, escape};
use crate::plan::Selection;
use crate::rollout::{self, HostUndo, Options, Run, Visit};
use crate::session::{Arguments, ConnectionKind, SessionError, Target};
use luthier_protocol::journal::{UndoOutcome, UndoRow};
use luthier_protocol::name::RunId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) fn rollback(args: RollbackArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let wanted = wanted(&args.run)?;
    let fleet = Fleet::load(globals, Path::new(""))?;
    let is_recorded = matches!(wanted, Wanted::Recorded(..));
    let (undone, visits) = match wanted {
        Wanted::Recorded(history, record) => (record.run.clone(), visits(&history, &record, &fleet, globals)?),
        Wanted::Unrecorded(run, error) => (run.clone(), everywhere(&run, error, &fleet, globals)?),
    };
    if visits.is_empty() {
        return Err(CliError::usage(format!("run {undone} worked on no host that is selected")));
    }
    let options = Options {
        check: args.check,
        extra: Arc::clone(&fleet.extra),
        escalation: fleet.escalation(globals)?,
        ..Options::default()
    };
    let sink = Sink::new(vec![super::inspect::warnings(globals)]);
    let run = fleet.into_run(globals, new_run_id(), options, Selection::default(), sink)?;
    let mut reports = fleet::runtime()?.block_on(async {
        fleet::watch_interrupt(&run);
        all(&run, visits, &undone, args.check).await
    });
    if !is_recorded {
        // Nobody knows which hosts it worked on: the others have nothing to tell.
        reports.retain(|report| !matches!(&report.outcome, Ok(rows) if rows.is_empty()));
        if reports.is_empty() {
            let message = format!("no journal that was asked holds run {undone}");
            return Err(CliError::message(ExitCode::RollbackFailed, message)
                .hint("each user has a journal of his own: -b and --become-user name others than the login user"));
        }
    }
    let code = judge(&reports, args.check);
    match globals.format() {
        output::Format::Json => {
            for report in &reports {
                globals.screen.data(&format!("{}\n", as_json(report, &undone)));
            }
        }
        _ => globals.screen.data(&as_text(&reports, &undone, args.check)),
    }
    Ok(code)
}

/// The run that is to be undone.
enum Wanted {
    /// One that the history knows.
    Recorded(History, RunRecord),
    /// Another controller's, or one that could not be recorded: its hosts know it all the same. And why it is not known.
    Unrecorded(RunId, HistoryError),
}

fn wanted(name: &str) -> Result<Wanted, CliError> {
    let found = default_folder().and_then(|folder| {
        let history = History::open(&folder)?;
        let record = history.find_changing(name)?;
        Ok((history, record))
    });
    match found {
        Ok((_, record)) if record.check => {
            Err(CliError::usage(format!("run {} was a check: it has done nothing", record.run)))
        }
        Ok((history, record)) => Ok(Wanted::Recorded(history, record)),
        Err(error) if is_run_id(name) => Ok(Wanted::Unrecorded(RunId::from(name), error)),
        Err(error) => Err(error.into()),
    }
}

/// All hosts of the inventory, for a run that is not recorded here.
fn everywhere(run: &RunId, error: HistoryError, fleet: &Fleet, globals: &Globals) -> Result<Vec<Visit>, CliError> {
    let hosts = fleet.select(globals, "all")?;
    if hosts.is_empty() {
        return Err(CliError::from(error)
            .hint("its hosts know a run that is not recorded here: name them with -i, and the run by its whole id"));
    }
    globals.warn(&format!(
        "run {run} is not recorded here: all hosts are asked for it, in the journals of the login user and of whoever -b and --become-user name"
    ));
    Ok(hosts.into_iter().map(unknown).collect())
}

/// A visit to a host of which nothing was written down.
fn unknown(host: String) -> Visit {
    Visit { host, target: None, identities: Vec::new(), changed: false }
}

/// Hosts of the run under `--limit`; the inventory says how to reach them, else the history does.
fn visits(history: &History, record: &RunRecord, fleet: &Fleet, globals: &Globals) -> Result<Vec<Visit>, CliError> {
    let recorded = history.hosts(&record.run)?;
    let mut out = Vec::new();
    let allowed = match &globals.options.limit {
        Some(limit) => Some(fleet.select(globals, "all").map(|hosts| (limit.clone(), hosts))?),
        None => None,
    };
    let is_allowed = |name: &str| {
        allowed.as_ref().is_none_or(|(limit, hosts)| {
            hosts.iter().any(|host| host == name) || limit.split([',', ':']).any(|word| word == name)
        })
    };
    if record.state != RunState::Finished || !history.has_hosts(&record.run) {
        // The controller was killed, perhaps before it had written down all hosts.
        let touched = match touched(history, &record.run) {
            Some(hosts) => hosts,
            // What it did nobody knows: those of the inventory are asked.
            None => fleet.select(globals, "all")?.into_iter().collect(),
        };
        let missing = touched.into_iter().filter(|name| !recorded.iter().any(|row| row.host.as_str() == name));
        out.extend(missing.filter(|name| is_allowed(name)).map(unknown));
    }
    for row in &recorded {
        let name = row.host.to_string();
        if !is_allowed(&name) {
            continue;
        }
        let known = fleet.inventory.has_host(&name);
        let target = (!known).then(|| target(row));
        out.push(Visit { host: name, target, identities: row.identities.clone(), changed: row.changed });
    }
    Ok(out)
}

/// Hosts that the recording names; `None` where it is unreadable or torn before its first play.
fn touched(history: &History, run: &RunId) -> Option<BTreeSet<String>> {
    let mut events = history.events(run).ok()?;
    let (mut hosts, mut has_play) = (BTreeSet::new(), false);
    for event in events.by_ref() {
        match event {
            Event::PlayStarted { hosts: of_play, .. } => {
                has_play = true;
                hosts.extend(of_play);
            }
            Event::TaskResult(task) => {
                hosts.insert(task.host);
            }
            Event::HostState { host, .. } => {
                hosts.insert(host);
            }
            _ => {}
        }
    }
    (has_play || !events.torn()).then_some(hosts)
}

fn target(row: &RunHost) -> Target {
    Target {
        host: row.host.clone(),
        address: row.address.clone(),
        port: row.port,
        user: row.user.clone(),
        private_keys: row.private_key.iter().map(PathBuf::from).collect(),
        connection: match row.connection.as_str() {
            "local" => ConnectionKind::Local,
            "openssh" => ConnectionKind::OpenSsh,
            _ => ConnectionKind::Ssh,
        },
        agent_path: row.agent_path.clone(),
        ssh_args: ssh_args(row),
        ..Target::new(row.host.clone())
    }
}

/// The options for SSH as they were written down.
fn ssh_args(row: &RunHost) -> Arguments {
    let mut arguments = Arguments::default();
    if let Some(text) = &row.ssh_args
        && let Err(error) = arguments.add("the run's record", text)
    {
        // They were understood when the run was recorded; a later version may still know fewer of them.
        tracing::warn!("{}: {error}", row.host);
    }
    arguments
}

async fn all(run: &Arc<Run>, mut visits: Vec<Visit>, undone: &RunId, check: bool) -> Vec<HostUndo> {
    for visit in visits.iter_mut().filter(|visit| visit.identities.is_empty()) {
        visit.identities.extend(rollout::wanted_identity(run, &visit.host));
    }
    let mut reports = ask(run, visits.clone(), undone, check).await;
    let mut is_worth_it = !check && has_restored(&reports);
    while is_worth_it {
        // Several names may mean one machine: what one of them found changed, another has taken back by now.
        visits.retain(|visit| reports.iter().any(|report| report.host == visit.host && is_only_drifted(report)));
        let next = ask(run, visits.clone(), undone, check).await;
        is_worth_it = has_restored(&next);
        for report in next {
            if let Some(known) = reports.iter_mut().find(|known| known.host == report.host) {
                update(known, report);
            }
        }
    }
    reports
}

/// Ask hosts to undo the run, all at once; sorted by name.
async fn ask(run: &Arc<Run>, visits: Vec<Visit>, undone: &RunId, check: bool) -> Vec<HostUndo> {
    let mut asked = JoinSet::new();
    for visit in visits {
        let (run, undone) = (Arc::clone(run), undone.clone());
        asked.spawn(async move { rollout::roll_back(&run, &visit, &undone, check).await });
    }
    let mut reports = Vec::new();
    while let Some(report) = asked.join_next().await {
        match report {
            Ok(report) => reports.push(report),
            Err(error) => run.warn(None, error.to_string()),
        }
    }
    reports.sort_by(|a, b| a.host.cmp(&b.host));
    reports
}

fn has_restored(reports: &[HostUndo]) -> bool {
    let mut rows = reports.iter().flat_map(|report| report.outcome.iter().flatten());
    rows.any(|row| row.outcome == UndoOutcome::Restored)
}

/// Whether asking again can do no harm and may help: a command that failed to undo something is not run twice.
fn is_only_drifted(report: &HostUndo) -> bool {
    let Ok(rows) = &report.outcome else { return false };
    let any = |outcome: UndoOutcome| rows.iter().any(|row| row.outcome == outcome);
    any(UndoOutcome::Drifted) && !any(UndoOutcome::Failed)
}

/// What a host said the second time, with what it had restored the first time.
fn update(known: &mut HostUndo, later: HostUndo) {
    let (Ok(old), Ok(new)) = (&mut known.outcome, later.outcome) else { return };
    for (old, new) in old.iter_mut().zip(new).filter(|(old, _)| old.outcome == UndoOutcome::Drifted) {
        *old = new;
    }
}

fn is_restored(row: &UndoRow) -> bool {
    matches!(row.outcome, UndoOutcome::Restored | UndoOutcome::AlreadyOriginal)
}

/// A rollback is never exit 0: 6 when all that can be undone is undone, 7 when a part of that is not, be it that
/// somebody changed it since or that a host could not be asked. What nobody can undo (a command that ran) is told, and is
/// no failure of the rollback. A check has done nothing: 0, or 7 when the rollback would fail. Where an interrupt left hosts
/// unasked: 130.
fn judge(reports: &[HostUndo], check: bool) -> ExitCode {
    if reports.iter().any(|report| matches!(report.outcome, Err(SessionError::Interrupted))) {
        return ExitCode::Interrupted;
    }
    let is_left = |row: &UndoRow| !is_restored(row) && row.outcome != UndoOutcome::Irreversible;
    let failed = reports.iter().any(|report| match &report.outcome {
        Ok(rows) => rows.iter().any(is_left),
        Err(_) => true,
    });
    match (failed, check) {
        (true, _) => ExitCode::RollbackFailed,
        (false, true) => ExitCode::Fine,
        (false, false) => ExitCode::RolledBack,
    }
}

fn as_json(report: &HostUndo, undone: &RunId) -> serde_json::Value {
    match &report.outcome {
        Ok(rows) => {
            serde_json::json!({"event": "host_rolled_back", "run": undone, "host": report.host, "changes": rows})
        }
        Err(error) => {
            serde_json::json!({"event": "host_rolled_back", "run": undone, "host": report.host, "error": error.to_string()})
        }
    }
}

fn as_text(reports: &[HostUndo], undone: &RunId, check: bool) -> String {
    let mut text = format!("rollback of run {undone}{}\n", if check { " (check: nothing is changed)" } else { "" });
    // Hosts with the same outcome are shown once.
    let mut folded: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for report in reports {
        folded.entry(body(report, check)).or_default().push(&report.host);
    }
    let mut groups: Vec<(Vec<&str>, String)> = folded.into_iter().map(|(body, hosts)| (hosts, body)).collect();
    groups.sort();
    for (hosts, body) in groups {
        let head = match hosts.as_slice() {
            [only] => (*only).to_owned(),
            several if several.len() <= 5 => several.join(", "),
            several => format!(
                "{} hosts ({}, …)",
                several.len(),
                several.iter().take(3).copied().collect::<Vec<_>>().join(", ")
            ),
        };
        text.push_str(&format!("{head}: {body}"));
    }
    text
}

fn body(report: &HostUndo, check: bool) -> String {
    let rows = match &report.outcome {
        Err(error) => return format!("{error}\n"),
        Ok(rows) => rows,
    };
    let count = |outcome: UndoOutcome| rows.iter().filter(|row| row.outcome == outcome).count();
    let restored = count(UndoOutcome::Restored);
    let word = if check { "to restore" } else { "restored" };
    let mut text = format!("{restored} {word}, {} as before already", count(UndoOutcome::AlreadyOriginal));
    let forever = count(UndoOutcome::Irreversible);
    let left = rows.iter().filter(|row| !is_restored(row)).count().saturating_sub(forever);
    if left > 0 {
        text.push_str(&format!(", {left} left alone"));
    }
    if forever > 0 {
        text.push_str(&format!(", {forever} cannot be undone"));
    }
    text.push('\n');
    for (row, more) in told(rows) {
        let outcome = match row.outcome {
            UndoOutcome::Drifted => "drifted",
            UndoOutcome::Blocked => "blocked",
            UndoOutcome::Irreversible => "irreversible",
            _ => "failed",
        };
        let is_forever = row.outcome == UndoOutcome::Irreversible && !row.task.is_empty();
        let task = if is_forever { format!("{}: ", escape(&row.task)) } else { String::new() };
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (resource, detail) = (escape(&row.resource), escape(&row.detail));
        text.push_str(&format!("    {outcome}: {task}{resource}{more}: {detail}\n"));
    }
    text
}

/// What is worth a line: each change that is left, and of what nobody can undo one a task, with how many more there are.
fn told(rows: &[UndoRow]) -> Vec<(&UndoRow, usize)> {
    let mut told: Vec<(&UndoRow, usize)> = Vec::new();
    for row in rows.iter().filter(|row| !is_restored(row)) {
        let is_like = |first: &UndoRow| {
            row.outcome == UndoOutcome::Irreversible
                && (first.outcome, &first.task, &first.detail) == (row.outcome, &row.task, &row.detail)
        };
        match told.iter().position(|(first, _)| is_like(first)).and_then(|at| told.get_mut(at)) {
            Some((_, more)) => *more += 1,
            None => told.push((row, 0)),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_undo_is_one_line_a_task() {
        let row = |task: &str, resource: &str, outcome| UndoRow {
            task: task.into(),
            resource: resource.into(),
            outcome,
            detail: "why".into(),
        };
        let rows = vec![
            row("look", "id -u", UndoOutcome::Irreversible),
            row("look", "id -g", UndoOutcome::Irreversible),
            row("write", "/a", UndoOutcome::Drifted),
            row("write", "/b", UndoOutcome::Drifted),
            row("say", "echo", UndoOutcome::Irreversible),
        ];
        let report = HostUndo { host: "h".into(), outcome: Ok(rows) };
        let expected = "0 restored, 0 as before already, 2 left alone, 3 cannot be undone\n    irreversible: look: id -u and 1 more: why\n    drifted: /a: why\n    drifted: /b: why\n    irreversible: say: echo: why\n";
        assert_eq!(body(&report, false), expected);
    }
}
