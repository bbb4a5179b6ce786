//! What an action of the controller asks of a host besides the task itself: questions, small tasks, a fresh connection.

use super::connect::{self, ConnectError};
use super::host::HostRun;
use super::remote;
use crate::plan::PlannedTask;
use crate::session::SessionError;
use crate::template::{Place, Scope};
use luthier_protocol::Map;
use luthier_protocol::message::{Question, Told};
use luthier_protocol::task::{Revert, TaskRequest, TaskResult};
use std::time::Duration;

/// The host an action works on, and the task it does so for.
pub struct Errand<'a> {
    /// The task.
    pub task: &'a PlannedTask,
    /// The host: its own or the one the task is delegated to.
    pub host: String,
    /// It is the one the task is delegated to.
    pub delegated: bool,
    /// The task's variables.
    pub scope: &'a Scope,
    /// Where its files are.
    pub place: &'a Place,
    /// Deadline for connecting, where the task says one.
    pub connect: Option<Duration>,
}

impl<'a> Errand<'a> {
    /// For a task of a host, or of the one it is delegated to.
    pub fn new(
        walker: &HostRun,
        task: &'a PlannedTask,
        delegate: Option<&str>,
        scope: &'a Scope,
        place: &'a Place,
    ) -> Self {
        let host = delegate.unwrap_or(&walker.host).to_owned();
        Self { task, host, delegated: delegate.is_some(), scope, place, connect: None }
    }

    /// The answer to a question.
    pub async fn ask(&self, walker: &HostRun, question: Question) -> Result<Told, ConnectError> {
        let (session, identity) = connect::session_for(walker, self).await?;
        let seq = walker.run.memory(&self.host).next_seq();
        let told = session.ask(seq, question, identity).await;
        self.heard(walker, told).await
    }

    /// The result of a task that is not the playbook's own. It changes things in check mode, too.
    pub async fn call(&self, walker: &HostRun, module: &str, params: Map) -> Result<TaskResult, ConnectError> {
        let (session, identity) = connect::session_for(walker, self).await?;
        let invalid = ConnectError::Input;
        let request = TaskRequest {
            seq: walker.run.memory(&self.host).next_seq(),
            name: self.task.bare_name(),
            module: module.to_owned(),
            params,
            content: None,
            check: false,
            diff: false,
            identity,
            environment: remote::environment(walker, self.task, self.scope, self.place).map_err(invalid)?,
            deadline_ms: None,
            stop_on_failure: false,
            live: false,
            revert: Revert::Unsaid,
            job: None,
        };
        let answer = match session.submit(request, None).await {
            Ok(pending) => pending.wait().await,
            Err(error) => Err(error),
        };
        self.heard(walker, answer).await
    }

    /// The return code and output of a shell line.
    pub async fn shell(&self, walker: &HostRun, line: &str) -> Result<TaskResult, ConnectError> {
        let mut params = Map::new();
        params.insert("_raw_params".into(), line.into());
        self.call(walker, "shell", params).await
    }

    /// Forget the host's connections: the next question opens a new one.
    pub async fn forget(&self, walker: &HostRun) {
        connect::forget_host(&walker.run, &self.host).await;
    }

    async fn heard<T>(&self, walker: &HostRun, answer: Result<T, SessionError>) -> Result<T, ConnectError> {
        if answer.as_ref().is_err_and(SessionError::is_unreachable) {
            self.forget(walker).await;
        }
        answer.map_err(ConnectError::Session)
    }
}

/// Sleep; false when the run is to stop.
pub async fn sleep(walker: &HostRun, seconds: f64) -> bool {
    let wait = Duration::from_secs_f64(seconds.clamp(0.0, 31_536_000.0));
    tokio::select! {
        () = tokio::time::sleep(wait) => !walker.run.is_stopping(),
        () = walker.run.until_stopped() => false,
    }
}
