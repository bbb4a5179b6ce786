//! Jobs: tasks that a process of their own carries out, so that they survive the session.

use crate::host::job::{self, JobFile};
use crate::host::{Host, Stop, sys};
use crate::journal::Ledger;
use crate::task::{Bench, carry_out, refusal};
use luthier_protocol::frame::{self, Decoder};
use luthier_protocol::message::{ControllerHello, ToAgent};
use luthier_protocol::task::{Content, Status, TaskRequest, TaskResult};
use luthier_protocol::{Map, Value};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What a job says once its file is there.
const STARTED: &str = "started";

/// Start a task as a job; what the controller is told at once.
pub fn start(host: &Host, state: &Path, controller: &ControllerHello, task: &TaskRequest) -> TaskResult {
    let Some(wanted) = &task.job else { return refusal(task.seq, Status::Failed, "the task is no job") };
    match begin(host, state, controller, task, &wanted.id) {
        Ok(file) => {
            let mut result = running(&wanted.id);
            result.insert("changed".to_owned(), true.into());
            result.insert("results_file".to_owned(), file.display().to_string().into());
            TaskResult { seq: task.seq, status: Status::Changed, result, diff: Vec::new(), duration_us: 0 }
        }
        Err(error) => refusal(task.seq, Status::Failed, &format!("cannot start the job: {error}")),
    }
}

fn begin(host: &Host, state: &Path, controller: &ControllerHello, task: &TaskRequest, id: &str) -> io::Result<PathBuf> {
    if matches!(task.content, Some(Content::Offered { .. })) {
        return Err(io::Error::other("a job cannot bring a large file along"));
    }
    let file = JobFile::new(state, id)?;
    let mut input = Vec::new();
    for message in [ToAgent::Hello(controller.clone()), ToAgent::Task(Box::new(task.clone()))] {
        input.extend(frame::encode(&message).map_err(|error| io::Error::other(error.to_string()))?);
    }
    let mut arguments = vec!["job".to_owned(), "--state".to_owned(), state.display().to_string()];
    if !host.is_live() {
        arguments.extend(["--root".to_owned(), host.path("/").display().to_string()]);
    }
    match job::detach(&arguments, &input)?.as_str() {
        STARTED => Ok(file.path().to_path_buf()),
        "" => Err(io::Error::other("its process ended at once")),
        said => Err(io::Error::other(said.to_owned())),
    }
}

fn running(id: &str) -> Map {
    Map::from_iter([
        ("started".to_owned(), true.into()),
        ("finished".to_owned(), false.into()),
        ("ansible_job_id".to_owned(), id.into()),
    ])
}

/// Carry out the job that standard input brings; the exit code.
pub fn carry(host: &Host, state: &Path) -> u8 {
    let Ok((input, mut output)) = sys::streams() else { return 1 };
    let begun = read(input).and_then(|(controller, task)| {
        let id = task.job.as_ref().map(|job| job.id.clone()).unwrap_or_default();
        let file = JobFile::new(state, &id)?;
        job::leave_session()?;
        let mut now = running(&id);
        now.insert("pid".to_owned(), sys::pid().into());
        now.insert("pid_start".to_owned(), job::started(sys::pid()).into());
        put(&file, &now)?;
        Ok((controller, task, file))
    });
    let line = match &begun {
        Ok(_) => STARTED.to_owned(),
        Err(error) => error.to_string(),
    };
    // Whoever started it may be gone already; the job does not depend on that.
    let _ = output.write_all(format!("{line}\n").as_bytes());
    drop(output);
    let Ok((controller, task, file)) = begun else { return 1 };
    let result = work(host, state, &controller, task);
    u8::from(put(&file, &result).is_err())
}

fn read(mut input: impl Read) -> io::Result<(ControllerHello, TaskRequest)> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    let mut next = || decoder.next_message::<ToAgent>().map_err(|error| io::Error::other(error.to_string()));
    match (next()?, next()?) {
        (Some(ToAgent::Hello(hello)), Some(ToAgent::Task(task))) => Ok((hello, *task)),
        _ => Err(io::Error::other("what came is no job")),
    }
}

fn put(file: &JobFile, result: &Map) -> io::Result<()> {
    file.write(&serde_json::to_vec(result)?)
}

fn work(host: &Host, state: &Path, controller: &ControllerHello, mut task: TaskRequest) -> Map {
    let job = task.job.take();
    let limit = job.as_ref().map_or(0, |job| job.limit_s);
    task.identity = None;
    task.live = false;
    if limit > 0 {
        let limit = limit.saturating_mul(1000);
        task.deadline_ms = Some(task.deadline_ms.map_or(limit, |own| own.min(limit)));
    }
    let mut ledger = Ledger::new(state, controller.run.clone(), controller.host.clone());
    let mut result = match Stop::new() {
        Ok(stop) => carry_out(
            &mut Bench {
                host,
                ledger: &mut ledger,
                stop: &stop,
                fetch: &mut || Err("a job cannot bring a large file along".to_owned()),
                output: &mut |_, _| {},
            },
            &task,
        ),
        Err(error) => refusal(task.seq, Status::Failed, &format!("cannot begin: {error}")),
    };
    if let Err(error) = ledger.close() {
        result.result.insert("failed".to_owned(), true.into());
        result.result.insert("msg".to_owned(), error.to_string().into());
    }
    let mut map = result.result;
    map.insert("started".to_owned(), true.into());
    map.insert("finished".to_owned(), true.into());
    map.insert("ansible_job_id".to_owned(), job.map(|job| job.id).unwrap_or_default().into());
    map
}

/// How far a job is: its file and what is in it, `None` where there is no such job. A job whose process is gone without
/// a result has failed, and is told so.
pub fn status(state: &Path, id: &str, erase: bool) -> io::Result<(String, Option<Map>)> {
    let file = JobFile::new(state, id)?;
    let path = file.path().display().to_string();
    let mut found = look(&file)?;
    if let Some(map) = &found
        && is_lost(map)
    {
        // It may have ended between the two looks.
        found = look(&file)?;
        if let Some(map) = &mut found
            && is_lost(map)
        {
            map.insert("finished".to_owned(), true.into());
            map.insert("failed".to_owned(), true.into());
            let message = "the job ended without a result: it was killed, or the host was restarted";
            map.insert("msg".to_owned(), message.into());
        }
    }
    if let Some(map) = &mut found {
        map.shift_remove("pid");
        map.shift_remove("pid_start");
    }
    if erase && found.is_some() {
        file.erase()?;
    }
    Ok((path, found))
}

fn look(file: &JobFile) -> io::Result<Option<Map>> {
    file.read()?.map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)).transpose()
}

fn is_lost(map: &Map) -> bool {
    if map.get("finished") == Some(&Value::Bool(true)) {
        return false;
    }
    let pid = map.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
    pid.and_then(job::started) != map.get("pid_start").and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_job_that_vanished_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(status(folder.path(), "j1.1", false).unwrap().1, None);
        let file = JobFile::new(folder.path(), "j1.1").unwrap();
        let mut map = running("j1.1");
        map.insert("pid".to_owned(), sys::pid().into());
        map.insert("pid_start".to_owned(), job::started(sys::pid()).into());
        put(&file, &map).unwrap();
        assert_eq!(status(folder.path(), "j1.1", false).unwrap().1, Some(running("j1.1")));
        map.insert("pid_start".to_owned(), 1.into());
        put(&file, &map).unwrap();
        let (_, found) = status(folder.path(), "j1.1", true).unwrap();
        assert_eq!(found.unwrap().get("failed"), Some(&Value::Bool(true)));
        assert_eq!(status(folder.path(), "j1.1", false).unwrap().1, None);
    }
}
