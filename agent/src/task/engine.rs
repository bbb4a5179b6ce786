//! The changes of one task, one after the other: journal, effect, read-back; on failure, undone in reverse.

use super::carry::Bench;
use super::outcome::Outcome;
use crate::change::{self, ChangeError, Limits, Undoing, UndoneHow};
use crate::host::{Ending, Finished, StopReason};
use crate::journal::{JournalError, Owner};
use crate::modules::{Module, Request, RunOutput, Wanted};
use luthier_protocol::change::{Change, Resource, Reversal, Run, State};
use luthier_protocol::journal::UndoOutcome;
use luthier_protocol::task::{MAX_RESULT, Status, TaskRequest};
use luthier_protocol::{Map, Value};
use std::borrow::Cow;
use std::io;
use std::time::Instant;

/// Most of a killed command's output that its failure shows, in bytes.
const LAST_WORDS: usize = 64 * 1024;

/// Carries out the changes of one task.
pub struct Engine<'a, 'b> {
    bench: &'a mut Bench<'b>,
    task: &'a TaskRequest,
    deadline: Option<Instant>,
}

/// A change that took place.
struct Made<'c> {
    number: u64,
    change: Cow<'c, Change>,
}

/// Why the task does not go on.
struct Stopped {
    outcome: Box<Outcome>,
    /// Leave everything as it is: the transaction stays interrupted.
    leave: bool,
    /// What became of the change that was in hand, when it had to be taken back.
    last: Option<(String, UndoneHow)>,
}

impl From<Outcome> for Stopped {
    fn from(outcome: Outcome) -> Self {
        Self { outcome: Box::new(outcome), leave: false, last: None }
    }
}

fn fail(message: impl Into<String>) -> Stopped {
    Outcome::failed(Status::Failed, message, Map::new()).into()
}

impl<'a, 'b> Engine<'a, 'b> {
    /// For one task.
    pub fn new(bench: &'a mut Bench<'b>, task: &'a TaskRequest, deadline: Option<Instant>) -> Self {
        Self { bench, task, deadline }
    }

    /// Make the wanted changes and say how it went.
    pub fn carry(&mut self, module: &dyn Module, request: &Request<'_>, wanted: &Wanted) -> Outcome {
        let mut made = Vec::new();
        let mut runs = Vec::new();
        let result = self.make_all(module, request, wanted, &mut made, &mut runs);
        match result {
            Ok(values) => {
                let idle = values.get("changed") == Some(&Value::Bool(false));
                Outcome::fine(if idle { Status::Ok } else { Status::Changed }, values, Vec::new())
            }
            Err(stopped) if stopped.leave => stopped.outcome.changed(!made.is_empty()),
            Err(stopped) => self.undo_own(stopped, &made),
        }
    }

    /// Run what the module needs to have run before it can say what it wants; what that printed is added to `runs`.
    pub fn prepare(
        &mut self,
        module: &dyn Module,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &mut Vec<RunOutput>,
    ) -> Result<(), Box<Outcome>> {
        let mut made = Vec::new();
        match self.make_each(module, request, wanted, &wanted.prepare, &mut made, runs) {
            Ok(()) => Ok(()),
            Err(stopped) if stopped.leave => Err(Box::new(stopped.outcome.changed(!made.is_empty()))),
            Err(stopped) => Err(Box::new(self.undo_own(stopped, &made))),
        }
    }

    fn make_all<'c>(
        &mut self,
        module: &dyn Module,
        request: &Request<'_>,
        wanted: &'c Wanted,
        made: &mut Vec<Made<'c>>,
        runs: &mut Vec<RunOutput>,
    ) -> Result<Map, Stopped> {
        self.make_each(module, request, wanted, &wanted.changes, made, runs)?;
        self.converged(module, request, wanted)?;
        module.report(self.bench.host, request, wanted, runs).map_err(|error| Outcome::from(error).into())
    }

    fn make_each<'c>(
        &mut self,
        module: &dyn Module,
        request: &Request<'_>,
        wanted: &Wanted,
        changes: &'c [Change],
        made: &mut Vec<Made<'c>>,
        runs: &mut Vec<RunOutput>,
    ) -> Result<(), Stopped> {
        for change in changes {
            self.may_go_on()?;
            let (number, kept) = match (&change.resource, &change.after) {
                (Resource::Command(_), State::Run(run)) => {
                    let (number, output) = self.run(change, run, self.task.live && !wanted.quiet)?;
                    let rc = output.rc;
                    runs.push(output);
                    if rc != 0 {
                        return Err(self.report_failed_run(module, request, wanted, runs));
                    }
                    (number, Cow::Borrowed(change))
                }
                _ => self.make(change)?,
            };
            made.push(Made { number, change: kept });
        }
        Ok(())
    }

    /// Between two changes: stop when asked to.
    fn may_go_on(&self) -> Result<(), Stopped> {
        if let Some(reason) = self.bench.stop.raised() {
            return Err(interrupted(reason, Map::new()));
        }
        if self.deadline.is_some_and(|at| Instant::now() >= at) {
            return Err(self.timed_out(Map::new()));
        }
        Ok(())
    }

    /// One change of a path or setting.
    fn make<'c>(&mut self, change: &'c Change) -> Result<(u64, Cow<'c, Change>), Stopped> {
        let change = self.with_original(change)?;
        let number = self.intent(&change)?;
        let mut stopped = match change::apply(self.bench.host, &change) {
            Ok(()) => match self.bench.ledger.done(number) {
                Ok(()) => return Ok((number, change)),
                Err(error) => fail(error.to_string()),
            },
            // Never touched: what somebody else did there is theirs.
            Err(error @ (ChangeError::Moved { .. } | ChangeError::Nonsense { .. })) => {
                let mut stopped = fail(error.to_string());
                if let Err(error) = self.bench.ledger.undone(number) {
                    stopped.outcome = Box::new(stopped.outcome.add(&error.to_string()));
                }
                return Err(stopped);
            }
            Err(error) => {
                let mut stopped = fail(error.to_string());
                if let ChangeError::NotTaken { expected, found, .. } = error {
                    stopped.outcome.result.insert("expected".to_owned(), expected.into());
                    stopped.outcome.result.insert("found".to_owned(), found.into());
                }
                stopped
            }
        };
        let how = change::take_back(self.bench.host, &change);
        if is_original(&how)
            && let Err(error) = self.bench.ledger.undone(number)
        {
            stopped.outcome = Box::new(stopped.outcome.add(&error.to_string()));
        }
        // Only worth telling when there was something to take back, or when that failed.
        if how.outcome != UndoOutcome::AlreadyOriginal {
            stopped.last = Some((change.resource.label().to_owned(), how));
        }
        Err(stopped)
    }

    /// The change with the original's bytes, where it would destroy them and the module did not read them.
    fn with_original<'c>(&self, change: &'c Change) -> Result<Cow<'c, Change>, Stopped> {
        let (State::File { content: None, meta }, Resource::Path(path), Reversal::Yes) =
            (&change.before, &change.resource, &change.revert)
        else {
            return Ok(Cow::Borrowed(change));
        };
        if matches!(change.after, State::File { content: None, .. }) {
            return Ok(Cow::Borrowed(change));
        }
        let read = |error: io::Error| fail(format!("cannot read {path}: {error}"));
        let size = self.bench.host.lstat(path).map_err(read)?.map_or(0, |stat| stat.size);
        let limit = crate::journal::MAX_ORIGINAL;
        if size > limit as u64 {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            return Err(fail(JournalError::TooLarge { resource: path.clone(), size, limit }.to_string()));
        }
        let bytes = self.bench.host.read(path).map_err(read)?;
        let mut change = change.clone();
        change.before = State::File { content: Some(luthier_protocol::change::Bytes(bytes)), meta: meta.clone() };
        Ok(Cow::Owned(change))
    }

    fn intent(&mut self, change: &Change) -> Result<u64, Stopped> {
        let owner = Owner { seq: self.task.seq, task: &self.task.name, environment: &self.task.environment };
        let after = change::written(&change.after);
        self.bench
            .ledger
            .intent(self.bench.host, owner, change, (after.state, after.sha256))
            .map_err(|error| fail(error.to_string()))
    }

    /// One command.
    fn run(&mut self, change: &Change, run: &Run, live: bool) -> Result<(u64, RunOutput), Stopped> {
        let number = self.intent(change)?;
        let limits = Limits { environment: &self.task.environment, deadline: self.deadline, stop: self.bench.stop };
        let output = &mut *self.bench.output;
        let finished = change::run(self.bench.host, run, &limits, &mut |stream, data| {
            if live {
                output(stream, data);
            }
        });
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                let outcome = not_started(run, &error);
                self.bench.ledger.undone(number).map_err(|error| fail(error.to_string()))?;
                return Err(outcome.into());
            }
        };
        let mut stopped = match finished.ending {
            Ending::Exited => {
                self.bench.ledger.done(number).map_err(|error| fail(error.to_string()))?;
                return Ok((number, run_output(finished)));
            }
            Ending::Stopped(reason) => interrupted(reason, last_words(&finished)),
            Ending::TimedOut => self.timed_out(last_words(&finished)),
            Ending::Flooded => {
                let message =
                    format!("killed: it printed too much (the limit is {} MiB a stream)", MAX_RESULT / 2 / 1024 / 1024);
                Outcome::failed(Status::Failed, message, last_words(&finished)).into()
            }
        };
        if !stopped.leave {
            // It was killed half-way: what the operator said undoes it is run, and nothing is guessed otherwise.
            let how = self.undo_one(number, change);
            stopped.last = Some((change.resource.label().to_owned(), how));
        }
        Err(stopped)
    }

    fn timed_out(&self, values: Map) -> Stopped {
        let limit = self.task.deadline_ms.unwrap_or_default() as f64 / 1000.0;
        Outcome::failed(Status::TimedOut, format!("timed out: not finished after {limit} s, killed"), values).into()
    }

    /// A command that ended with an error: the module words it, otherwise the code speaks.
    fn report_failed_run(
        &self,
        module: &dyn Module,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Stopped {
        let values = match module.report(self.bench.host, request, wanted, runs) {
            Err(error) => return Outcome::from(error).changed(true).into(),
            Ok(values) => values,
        };
        let mut values = values;
        if let Some(run) = runs.last() {
            values.insert("rc".to_owned(), run.rc.into());
            values.insert("stdout".to_owned(), text(&run.stdout));
            values.insert("stderr".to_owned(), text(&run.stderr));
        }
        Outcome::failed(Status::Failed, "non-zero return code", values).changed(true).into()
    }

    /// Where the changes promise it, the module must now find nothing left to change.
    fn converged(&self, module: &dyn Module, request: &Request<'_>, wanted: &Wanted) -> Result<(), Stopped> {
        if !wanted.changes.iter().any(|change| change.converges) {
            return Ok(());
        }
        let again = module.changes(self.bench.host, request).map_err(|error| Stopped::from(Outcome::from(error)))?;
        let Some(left) = again.changes.iter().find(|change| change.converges) else { return Ok(()) };
        let (expected, found) = (change::describe(&left.after), change::describe(&left.before));
        let message = format!("{} did not converge: expected {expected}, found {found}", left.resource.label());
        let values =
            Map::from_iter([("expected".to_owned(), Value::from(expected)), ("found".to_owned(), Value::from(found))]);
        Err(Outcome::failed(Status::Failed, message, values).into())
    }

    /// Take back what the failed task has changed, newest first, and say so.
    fn undo_own(&mut self, stopped: Stopped, made: &[Made<'_>]) -> Outcome {
        let mut rows: Vec<(String, UndoneHow)> = stopped.last.into_iter().collect();
        for made in made.iter().rev() {
            let how = self.undo_one(made.number, &made.change);
            rows.push((made.change.resource.label().to_owned(), how));
        }
        if rows.is_empty() {
            return *stopped.outcome;
        }
        let undone: Vec<&str> = rows.iter().filter(|row| is_original(&row.1)).map(|row| row.0.as_str()).collect();
        let left: Vec<String> = rows
            .iter()
            .filter(|row| !is_original(&row.1))
            .map(|(resource, how)| format!("{resource} ({})", how.detail))
            .collect();
        let mut outcome = stopped.outcome.changed(!left.is_empty());
        if !undone.is_empty() {
            outcome = outcome.add(&format!("undone: {}", undone.join(", ")));
        }
        if !left.is_empty() {
            outcome = outcome.add(&format!("not undone: {}", left.join(", ")));
        }
        outcome
    }

    fn undo_one(&mut self, number: u64, change: &Change) -> UndoneHow {
        let written = change::written(&change.after);
        let undoing = Undoing {
            resource: &change.resource,
            original: &change.before,
            written: &written,
            revert: &change.revert,
            done: true,
            environment: &self.task.environment,
        };
        let mut how = change::undo(self.bench.host, &undoing, false);
        if is_original(&how)
            && let Err(error) = self.bench.ledger.undone(number)
        {
            how.detail = error.to_string();
        }
        how
    }
}

fn is_original(how: &UndoneHow) -> bool {
    matches!(how.outcome, UndoOutcome::Restored | UndoOutcome::AlreadyOriginal)
}

fn interrupted(reason: StopReason, values: Map) -> Stopped {
    let outcome = Outcome::failed(Status::Cancelled, interruption(reason), values);
    Stopped { outcome: Box::new(outcome), leave: reason == StopReason::LineGone, last: None }
}

/// Why a task was stopped, for people.
pub(super) fn interruption(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Cancelled => "cancelled",
        StopReason::LineGone => "the line to the controller is gone",
    }
}

/// The program could not be started: worded as Python words it, which playbooks look for.
fn not_started(run: &Run, error: &io::Error) -> Outcome {
    let program = run.argv.first().map_or("", String::as_str);
    let mut values = Map::new();
    let code = error.raw_os_error();
    values.insert("rc".to_owned(), code.unwrap_or(1).into());
    values.insert("cmd".to_owned(), run.argv.join(" ").into());
    values.insert("stdout".to_owned(), "".into());
    values.insert("stderr".to_owned(), "".into());
    let message = match (code, error.kind()) {
        (Some(code), io::ErrorKind::NotFound) => format!("[Errno {code}] No such file or directory: b'{program}'"),
        (Some(code), io::ErrorKind::PermissionDenied) => format!("[Errno {code}] Permission denied: b'{program}'"),
        _ => format!("cannot run {program}: {error}"),
    };
    Outcome::failed(Status::Failed, message, values)
}

fn run_output(finished: Finished) -> RunOutput {
    RunOutput {
        rc: finished.rc,
        stdout: finished.stdout,
        stderr: finished.stderr,
        start: finished.start,
        end: finished.end,
    }
}

/// The end of what a killed command printed.
fn last_words(finished: &Finished) -> Map {
    let tail = |bytes: &[u8]| text(bytes.get(bytes.len().saturating_sub(LAST_WORDS)..).unwrap_or_default());
    Map::from_iter([
        ("rc".to_owned(), finished.rc.into()),
        ("stdout".to_owned(), tail(&finished.stdout)),
        ("stderr".to_owned(), tail(&finished.stderr)),
    ])
}

fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).into()
}
