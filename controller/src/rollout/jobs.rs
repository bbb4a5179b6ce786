//! `async:` and `poll:`: tasks that the host carries out apart from the session.

use super::errand::{self, Errand};
use super::host::HostRun;
use super::outcome::Outcome;
use super::run::text;
use super::start::{Item, Progress};
use super::{flags, remote};
use crate::event::EventStatus;
use crate::plan::PlannedTask;
use crate::playbook::Written;
use crate::template::{Place, Scope};
use luthier_protocol::message::{Question, Told};
use luthier_protocol::task::Job;
use luthier_protocol::{Map, Value as Json};

/// Seconds between two looks where `poll:` says nothing.
const POLL: f64 = 15.0;

/// How a task is carried out apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    /// Seconds it may take.
    pub limit: u64,
    /// Seconds between two looks; 0 means nobody looks.
    pub poll: f64,
}

/// What `async:` and `poll:` say; `None` for an ordinary task, and in check mode, where nothing takes long.
pub fn wanted(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Option<Apart>, String> {
    let number = |keyword: &Option<Written>, name: &str| {
        let found = flags::value(&walker.run.engine, keyword, scope, place)?;
        let (Some(written), Some(value)) = (keyword, found) else { return Ok(None) };
        let number = text(&value).trim().parse::<f64>().ok().filter(|number| *number >= 0.0 && number.is_finite());
        number.map(Some).ok_or_else(|| format!("{}: {name} must be a number of seconds", written.origin))
    };
    let Some(limit) = number(&task.task.apart, "async")? else { return Ok(None) };
    let poll = number(&task.task.poll, "poll")?.unwrap_or(POLL);
    let check = flags::check(walker, task, scope, place)?;
    Ok((limit >= 1.0 && !check).then_some(Apart { limit: limit as u64, poll }))
}

/// Start the job and, where it is polled, wait for its end.
pub async fn run(walker: &mut HostRun, started: Progress, job: &Job, apart: &Apart, errand: &Errand<'_>) -> Outcome {
    let mut item = Item { scope: errand.scope.clone(), item: None, label: None, progress: started };
    remote::settle(walker, &mut item).await;
    let Progress::Done(begun) = item.progress else { return Outcome::failed("interrupted") };
    if begun.is_failure() || begun.status == EventStatus::Skipped || apart.poll <= 0.0 {
        return begun;
    }
    let mut left = apart.limit as f64;
    let mut last = begun.result;
    while left > 0.0 {
        if !errand::sleep(walker, apart.poll).await {
            return Outcome::failed("interrupted: the job goes on").with("ansible_job_id", job.id.as_str());
        }
        left -= apart.poll;
        match look(walker, errand, &job.id, false).await {
            Ok((file, Some(map))) if is_finished(&map) => {
                // What is left behind when this fails is one small file.
                let _ = look(walker, errand, &job.id, true).await;
                return outcome(map).with("results_file", file);
            }
            Ok((_, Some(map))) => last = map,
            Ok((_, None)) => return Outcome::failed("could not find job").with("ansible_job_id", job.id.as_str()),
            // A line that breaks is no end of the job.
            Err(lost) if left <= 0.0 => return *lost,
            Err(_) => {}
        }
    }
    Outcome::failed(format!("async task did not complete within the requested time - {}s", apart.limit))
        .with("async_result", Json::Object(last))
}

/// A name nobody else gives to a job.
pub fn name() -> String {
    format!("j{}.{}", rand::random::<u64>() % 1_000_000_000_000, rand::random::<u32>())
}

async fn look(
    walker: &HostRun,
    errand: &Errand<'_>,
    id: &str,
    erase: bool,
) -> Result<(String, Option<Map>), Box<Outcome>> {
    let question = Question::Job { id: id.to_owned(), erase };
    match errand.ask(walker, question).await {
        Ok(Told::Job { file, result }) => Ok((file, result)),
        Ok(_) => Err(Box::new(Outcome::failed("the agent gave another answer than asked for"))),
        Err(error) => Err(Box::new(error.outcome())),
    }
}

fn is_finished(map: &Map) -> bool {
    map.get("finished").and_then(Json::as_bool) == Some(true)
}

/// What a job left behind, as its task's outcome.
fn outcome(mut map: Map) -> Outcome {
    let mut take = |key: &str| map.shift_remove(key).and_then(|value| value.as_bool()).unwrap_or(false);
    let (failed, changed, skipped) = (take("failed"), take("changed"), take("skipped"));
    let status = match (failed, skipped, changed) {
        (true, ..) => EventStatus::Failed,
        (_, true, _) => EventStatus::Skipped,
        (_, _, true) => EventStatus::Changed,
        _ => EventStatus::Ok,
    };
    if failed {
        map.insert("changed".into(), changed.into());
    }
    Outcome::new(status, map)
}

/// `async_status`: how far a job is, or forget it.
pub async fn status(walker: &HostRun, params: &Map, errand: &Errand<'_>) -> Outcome {
    let Some(id) = params.get("jid").and_then(Json::as_str) else { return Outcome::failed("async_status needs jid") };
    let erase = params.get("mode").and_then(Json::as_str) == Some("cleanup");
    let mut result = Map::new();
    for key in ["stdout", "stderr"] {
        result.insert(key.into(), "".into());
        result.insert(format!("{key}_lines"), Json::Array(Vec::new()));
    }
    result.insert("started".into(), (!erase).into());
    result.insert("finished".into(), false.into());
    result.insert("ansible_job_id".into(), id.into());
    let (file, found) = match look(walker, errand, id, erase).await {
        Ok(answer) => answer,
        Err(failed) => return *failed,
    };
    result.insert(if erase { "erased" } else { "results_file" }.into(), file.into());
    match found {
        None => {
            result.insert("started".into(), true.into());
            result.insert("finished".into(), true.into());
            result.insert("msg".into(), "could not find job".into());
            Outcome::new(EventStatus::Failed, result)
        }
        Some(_) if erase => Outcome::ok(result),
        Some(map) => {
            let told = outcome(map);
            result.extend(told.result);
            Outcome::new(told.status, result)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_left_becomes_its_outcome() {
        let map = |value: Json| value.as_object().cloned().unwrap_or_default();
        let failed = outcome(map(serde_json::json!({"failed": true, "changed": true, "rc": 3})));
        assert_eq!(failed.status, EventStatus::Failed);
        assert_eq!(failed.registered(None).get("changed"), Some(&Json::Bool(true)));
        assert_eq!(outcome(map(serde_json::json!({"changed": true}))).status, EventStatus::Changed);
        assert_eq!(outcome(map(serde_json::json!({"changed": false, "skipped": true}))).status, EventStatus::Skipped);
        assert_eq!(outcome(Map::new()).status, EventStatus::Ok);
    }

    #[test]
    fn names_of_jobs_differ_and_are_no_paths() {
        let (one, other) = (name(), name());
        assert_ne!(one, other);
        assert!(one.starts_with('j') && one.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.'));
    }
}
