//! Tasks that a host carries out: the request, who carries it out, and the answer.

use super::connect;
use super::content;
use super::errand::Errand;
use super::host::HostRun;
use super::outcome::Outcome;
use super::start::{Item, Progress};
use super::{flags, run::text};
use crate::event::EventStatus;
use crate::plan::PlannedTask;
use crate::session::{ContentSource, Pending, Session, SessionError};
use crate::template::{Place, Scope, is_omit};
use crate::yaml::Value;
use luthier_protocol::Map;
use luthier_protocol::task::{Content, INLINE_CONTENT, Job, Revert, TaskRequest};
use std::collections::BTreeMap;

/// A request on its way.
pub struct Sent {
    /// Its number in the session.
    pub seq: u64,
    /// The answer to come.
    pub pending: Pending,
    /// The host it was sent to.
    pub host: String,
    /// The session it was sent on.
    pub session: Session,
    /// A failure drops what was sent behind it.
    pub stops: bool,
    /// A change it makes is journalled, and may be undone.
    pub journals: bool,
    /// Return values the controller adds.
    pub extra: Map,
}

/// A request before it has a number.
pub struct Draft {
    /// Module as the agent knows it.
    pub module: String,
    /// Its parameters.
    pub params: Map,
    /// File content.
    pub content: Option<ContentSource>,
    /// Return values the controller adds.
    pub extra: Map,
}

/// Send a task to the host it is for.
pub async fn send(walker: &mut HostRun, errand: &Errand<'_>, params: Map, diff: bool, job: Option<&Job>) -> Progress {
    let Errand { task, scope, place, .. } = *errand;
    let drafts = match content::prepare(walker, task, params, scope, place) {
        Ok(drafts) => drafts,
        Err(message) => return Progress::Done(Outcome::failed(message)),
    };
    let mut sent = Vec::new();
    if job.is_some() && drafts.len() > 1 {
        return Progress::Done(Outcome::failed("a folder cannot be copied under async"));
    }
    for draft in drafts {
        match send_one(walker, errand, draft, diff, job).await {
            Ok(one) => sent.push(one),
            Err(outcome) => return Progress::Done(*outcome),
        }
    }
    if sent.len() == 1
        && let Some(only) = sent.pop()
    {
        return Progress::Sent(only);
    }
    // A folder that is copied: many requests, one result.
    let mut outcomes = Vec::new();
    for one in sent {
        outcomes.push(answer(walker, one).await);
    }
    Progress::Done(content::merge(outcomes))
}

async fn send_one(
    walker: &mut HostRun,
    errand: &Errand<'_>,
    draft: Draft,
    diff: bool,
    job: Option<&Job>,
) -> Result<Sent, Box<Outcome>> {
    let Errand { task, scope, place, .. } = *errand;
    let failed = |message: String| Box::new(Outcome::failed(message));
    let who = errand.host.clone();
    let opened = connect::session_for(walker, errand).await;
    let (session, identity) = opened.map_err(|error| Box::new(error.outcome()))?;
    let memory = walker.run.memory(&who);
    let check = flags::check(walker, task, scope, place).map_err(failed)?;
    let seq = memory.next_seq();
    let content = draft.content.as_ref().map(wire_content).transpose().map_err(failed)?;
    let offered = matches!(content, Some(Content::Offered { .. }));
    let request = TaskRequest {
        seq,
        name: task.bare_name(),
        module: draft.module,
        params: draft.params,
        content,
        check,
        diff,
        identity,
        environment: environment(walker, task, scope, place).map_err(failed)?,
        deadline_ms: deadline(walker, task, scope, place).map_err(failed)?,
        stop_on_failure: super::ahead::stops_on_failure(walker, task),
        // What must not be shown must not be streamed either.
        live: walker.run.options.live && task.keywords.no_log.is_none(),
        revert: revert(walker, task, scope, place).map_err(failed)?,
        job: job.cloned(),
    };
    let stops = request.stop_on_failure;
    let journals = !check && job.is_none() && may_be_undone(&request);
    let content = draft.content.filter(|_| offered);
    if walker.run.options.live {
        walker.run.name_task(&who, seq, task.bare_name());
    }
    let pending = session.submit(request, content).await.map_err(|error| Box::new(lost(&error)))?;
    Ok(Sent { seq, pending, host: who, session, stops, journals, extra: draft.extra })
}

/// Whether what a task changes may be undone: commands only where the task says how.
fn may_be_undone(request: &TaskRequest) -> bool {
    let is_command = matches!(request.module.as_str(), "command" | "shell" | "raw" | "script");
    !is_command || matches!(request.revert, Revert::Command(_))
}

/// Whether something is changed now; a failed task may leave a part of its changes.
fn has_changed(outcome: &Outcome) -> bool {
    outcome.status == EventStatus::Changed || outcome.result.get("changed").is_some_and(|changed| *changed == true)
}

/// Content as it goes into the request: small content itself, larger by its hash.
fn wire_content(source: &ContentSource) -> Result<Content, String> {
    match source {
        ContentSource::Bytes(bytes) if bytes.len() <= INLINE_CONTENT => Ok(Content::Inline(bytes.to_vec())),
        ContentSource::Bytes(bytes) => {
            let mut digest = Digests::default();
            digest.update(bytes);
            Ok(digest.offer())
        }
        ContentSource::File(path) => {
            file_content(path).map_err(|error| format!("failed to read {}: {error}", path.display()))
        }
    }
}

fn file_content(path: &std::path::Path) -> std::io::Result<Content> {
    use std::io::Read;
    let mut file = std::fs::File::open(path)?;
    if file.metadata()?.len() <= INLINE_CONTENT as u64 {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(Content::Inline(bytes));
    }
    let mut digest = Digests::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.offer()),
            length => digest.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

/// Both hashes and the length of content.
#[derive(Default)]
struct Digests {
    sha256: sha2::Sha256,
    sha1: sha1::Sha1,
    size: u64,
}

impl Digests {
    fn update(&mut self, bytes: &[u8]) {
        use sha2::Digest;
        self.sha256.update(bytes);
        self.sha1.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn offer(self) -> Content {
        use sha2::Digest;
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Content::Offered { sha256: hex(&self.sha256.finalize()), sha1: hex(&self.sha1.finalize()), size: self.size }
    }
}

fn lost(error: &SessionError) -> Outcome {
    if error.is_unreachable() { Outcome::unreachable(error.to_string()) } else { Outcome::failed(error.to_string()) }
}

/// The environment variables of a task.
pub fn environment(
    walker: &HostRun,
    task: &PlannedTask,
    scope: &Scope,
    place: &Place,
) -> Result<BTreeMap<String, String>, String> {
    let mut out = BTreeMap::new();
    for written in &task.keywords.environment {
        match walker.run.engine.render(&written.value, scope, place).map_err(|error| error.to_string())? {
            Value::Map(map) => out.extend(map.iter().map(|(key, value)| (key.to_string(), text(value)))),
            Value::List(maps) => {
                for map in maps.iter() {
                    if let Value::Map(map) = map {
                        out.extend(map.iter().map(|(key, value)| (key.to_string(), text(value))));
                    }
                }
            }
            Value::Null => {}
            omitted if is_omit(&omitted) => {}
            other => {
                return Err(format!("{}: environment must be a mapping, found {}", written.origin, other.type_name()));
            }
        }
    }
    Ok(out)
}

/// `timeout:` in milliseconds; 0 means none.
pub fn deadline(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Option<u64>, String> {
    let found = flags::value(&walker.run.engine, &task.keywords.timeout, scope, place)?;
    let (Some(written), Some(value)) = (&task.keywords.timeout, found) else { return Ok(None) };
    let seconds: f64 =
        text(&value).trim().parse().map_err(|_| format!("{}: timeout must be a number of seconds", written.origin))?;
    Ok((seconds > 0.0).then_some((seconds * 1000.0) as u64))
}

fn revert(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Revert, String> {
    let Some(written) = &task.task.revert else { return Ok(Revert::Unsaid) };
    let value = walker.run.engine.render(&written.value, scope, place).map_err(|error| error.to_string())?;
    Ok(match value {
        Value::Null => Revert::Never,
        value if text(&value) == "none" => Revert::Never,
        value => Revert::Command(text(&value)),
    })
}

/// The answer to a request.
pub async fn answer(walker: &HostRun, sent: Sent) -> Outcome {
    let stopping = walker.run.until_stopped();
    let waited = tokio::select! {
        waited = sent.pending.wait() => waited,
        () = stopping => {
            // The line may be gone already; then there is nothing to cancel.
            let _ = sent.session.cancel(sent.seq).await;
            return Outcome::failed("interrupted");
        }
    };
    match waited {
        Ok(result) => {
            let mut outcome = Outcome::from_agent(result);
            if sent.journals && has_changed(&outcome) {
                walker.run.memory(&sent.host).note_change();
            }
            for (key, value) in sent.extra {
                outcome.result.entry(key).or_insert(value);
            }
            if sent.stops && outcome.is_failure() {
                // What was sent behind the failure is dropped; what a rescue or the next play sends is not. A line that
                // is gone is noticed by the next request.
                let _ = sent.session.resume(walker.memory.last_seq() + 1).await;
            }
            outcome
        }
        Err(error) => {
            connect::forget_host(&walker.run, &sent.host).await;
            lost(&error)
        }
    }
}

/// Wait for an item that is under way.
pub async fn settle(walker: &HostRun, item: &mut Item) {
    if let Progress::Sent(_) = &item.progress {
        let progress = std::mem::replace(&mut item.progress, Progress::Done(Outcome::failed("interrupted")));
        if let Progress::Sent(sent) = progress {
            item.progress = Progress::Done(answer(walker, sent).await);
        }
    }
}
