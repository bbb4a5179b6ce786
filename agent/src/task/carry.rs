//! A task request becomes a task result.

use super::engine::{Engine, interruption};
use super::outcome::Outcome;
use super::params::complete;
use crate::change;
use crate::host::{Host, Stop};
use crate::journal::Ledger;
use crate::modules::{self, Module, Request, Wanted};
use luthier_protocol::change::{Change, Resource};
use luthier_protocol::message::Stream;
use luthier_protocol::task::{Content, Status, TaskRequest, TaskResult};
use luthier_protocol::{Map, Value};
use std::time::{Duration, Instant};

/// What a task is carried out with.
pub struct Bench<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Where changes are written down.
    pub ledger: &'a mut Ledger,
    /// Raised when the task is to stop.
    pub stop: &'a Stop,
    /// Fetches offered content; the error says why it did not come.
    pub fetch: &'a mut dyn FnMut() -> Result<Vec<u8>, String>,
    /// Takes the output of running commands.
    pub output: &'a mut dyn FnMut(Stream, &[u8]),
}

/// Carry a task out.
pub fn carry_out(bench: &mut Bench<'_>, task: &TaskRequest) -> TaskResult {
    carry_out_with(modules::ALL, bench, task)
}

pub(super) fn carry_out_with(all: &[&dyn Module], bench: &mut Bench<'_>, task: &TaskRequest) -> TaskResult {
    let start = Instant::now();
    let outcome = match all.iter().find(|module| module.spec().name == task.module) {
        Some(module) if task.check => {
            let view = bench.host.as_planned();
            let mut bench = Bench {
                host: &view,
                ledger: &mut *bench.ledger,
                stop: bench.stop,
                fetch: &mut *bench.fetch,
                output: &mut *bench.output,
            };
            attempt(*module, &mut bench, task, start)
        }
        Some(module) => attempt(*module, bench, task, start),
        None => Outcome::failed(Status::Failed, format!("this agent has no module {}", task.module), Map::new()),
    };
    TaskResult {
        seq: task.seq,
        status: outcome.status,
        result: outcome.result,
        diff: outcome.diff,
        duration_us: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
}

fn attempt(module: &dyn Module, bench: &mut Bench<'_>, task: &TaskRequest, start: Instant) -> Outcome {
    let params = complete(module.spec(), &task.params);
    let mut fetched = None;
    let mut wanted = match await_changes(module, bench, task, &params, start) {
        Ok(wanted) => wanted,
        Err(outcome) => return *outcome,
    };
    if wanted.needs_content
        && let Some(Content::Offered { sha256, size, .. }) = &task.content
    {
        let bytes = match (bench.fetch)() {
            Ok(bytes) => bytes,
            Err(message) => {
                let status = if bench.stop.raised().is_some() { Status::Cancelled } else { Status::Failed };
                return Outcome::failed(status, message, Map::new());
            }
        };
        if bytes.len() as u64 != *size || change::sha256(&bytes) != *sha256 {
            let message = format!("the content arrived damaged: {} of {size} bytes", bytes.len());
            return Outcome::failed(Status::Failed, message, Map::new());
        }
        fetched = Some(Content::Inline(bytes));
        let asked = request(task, &params, fetched.as_ref(), start.elapsed(), bench.stop);
        wanted = match module.changes(bench.host, &asked) {
            Ok(wanted) => wanted,
            Err(error) => return error.into(),
        };
    }
    let request = request(task, &params, fetched.as_ref(), start.elapsed(), bench.stop);
    settle(module, bench, task, &request, wanted, start)
}

/// Ask the module, again and again where it wants to wait for something. Waiting is no change, and ends with the session.
fn await_changes(
    module: &dyn Module,
    bench: &Bench<'_>,
    task: &TaskRequest,
    params: &Map,
    start: Instant,
) -> Result<Wanted, Box<Outcome>> {
    let limit = task.deadline_ms.map(Duration::from_millis);
    loop {
        let asked = request(task, params, None, start.elapsed(), bench.stop);
        let mut wanted = module.changes(bench.host, &asked).map_err(|error| Box::new(Outcome::from(error)))?;
        let Some(pause) = wanted.ask_again else { return Ok(wanted) };
        if task.check {
            // What is waited for may be the work of a task that the check only foretells.
            wanted.skipped = Some(format!("{} does not wait in check mode", task.module));
            return Ok(wanted);
        }
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if !bench.stop.pass(left.map_or(pause, |left| left.min(pause))) {
            let message = bench.stop.raised().map_or("cancelled", interruption);
            return Err(Box::new(Outcome::failed(Status::Cancelled, message, Map::new())));
        }
        if let Some(limit) = limit.filter(|limit| start.elapsed() >= *limit) {
            let message = format!("timed out: not finished after {} s", limit.as_secs_f64());
            return Err(Box::new(Outcome::failed(Status::TimedOut, message, Map::new())));
        }
    }
}

fn request<'a>(
    task: &'a TaskRequest,
    params: &'a Map,
    fetched: Option<&'a Content>,
    elapsed: Duration,
    stop: &'a Stop,
) -> Request<'a> {
    Request {
        params,
        content: fetched.or(task.content.as_ref()),
        environment: &task.environment,
        revert: &task.revert,
        prepared: false,
        said: &[],
        deadline: task
            .deadline_ms
            .and_then(|limit| (Instant::now() + Duration::from_millis(limit)).checked_sub(elapsed)),
        elapsed,
        stop: Some(stop),
    }
}

/// Nothing to do, only tell, or do it.
fn settle(
    module: &dyn Module,
    bench: &mut Bench<'_>,
    task: &TaskRequest,
    request: &Request<'_>,
    mut wanted: Wanted,
    start: Instant,
) -> Outcome {
    let deadline = task.deadline_ms.map(|limit| start + Duration::from_millis(limit));
    let mut said = Vec::new();
    let prepared;
    let mut request = request;
    if !task.check && !wanted.prepare.is_empty() {
        if let Err(outcome) = Engine::new(bench, task, deadline).prepare(module, request, &wanted, &mut said) {
            return *outcome;
        }
        prepared = Request { prepared: true, said: &said, ..*request };
        request = &prepared;
        wanted = match module.changes(bench.host, request) {
            Ok(wanted) => wanted,
            Err(error) => return error.into(),
        };
    }
    if let Some(reason) = &wanted.skipped {
        let mut values = wanted.result.clone();
        values.insert("skip_reason".to_owned(), reason.clone().into());
        values.entry("msg").or_insert_with(|| reason.clone().into());
        return Outcome::fine(Status::Skipped, values, Vec::new());
    }
    if wanted.changes.is_empty() {
        return match module.report(bench.host, request, &wanted, &[]) {
            Ok(values) => Outcome::fine(Status::Ok, values, Vec::new()),
            Err(error) => error.into(),
        };
    }
    let diff = if task.diff { wanted.changes.iter().flat_map(change::entries).collect() } else { Vec::new() };
    if task.check {
        bench.host.plan(&wanted.changes);
        let unknown = module.spec().free_form.is_some() && is_command_only(&wanted.changes) && !has_condition(request);
        let status = if unknown { Status::Skipped } else { Status::Changed };
        return Outcome::fine(status, wanted.result, diff);
    }
    let mut engine = Engine::new(bench, task, deadline);
    let mut outcome = engine.carry(module, request, &wanted);
    outcome.diff = diff;
    outcome
}

/// The operator's own command line: what it changes cannot be told beforehand.
fn is_command_only(changes: &[Change]) -> bool {
    changes.iter().all(|change| matches!(change.resource, Resource::Command(_)))
}

/// `creates` and `removes` tell, even in check mode, whether a command would run.
fn has_condition(request: &Request<'_>) -> bool {
    ["creates", "removes"].iter().any(|key| !matches!(request.params.get(*key), None | Some(Value::Null)))
}
