//! Connections of a host, and who works there.

use super::errand::Errand;
use super::host::HostRun;
use super::memory::Connection;
use super::outcome::Outcome;
use super::run::{Run, text};
use super::{flags, scope};
use crate::event::Event;
use crate::playbook::{Keywords, Written};
use crate::session::{self, ConnectionKind, Notice, Session, SessionError, Target};
use crate::template::{Place, Scope};
use crate::yaml::Value;
use luthier_protocol::message::{ControllerHello, StartChild, Stream};
use luthier_protocol::name::HostName;
use luthier_protocol::task::Identity;
use luthier_protocol::{PROTOCOL_VERSION, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// Why a task cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host cannot be reached.
    #[error("{0}")]
    Session(SessionError),
    /// What the playbook says of it makes no sense.
    #[error("{0}")]
    Input(String),
}

impl ConnectError {
    /// As the task's outcome.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Session(error) if error.is_unreachable() => Outcome::unreachable(error.to_string()),
            Self::Session(error) => Outcome::failed(error.to_string()),
            Self::Input(message) => Outcome::failed(message.clone()),
        }
    }
}

/// The session of an errand's host, opened if need be, and the identity that works there.
pub async fn session_for(walker: &HostRun, errand: &Errand<'_>) -> Result<(Session, Option<Identity>), ConnectError> {
    let run = &walker.run;
    let Errand { task, host, scope, place, .. } = errand;
    let (own, mut target) = own_target(run, errand)?;
    target.connect_timeout = errand.connect.or(target.connect_timeout);
    let way = (target.connection, &target.user, &target.address, target.port, &target.ssh_args.settings);
    let key = format!("{way:?}");
    let memory = run.memory(host);
    let mut connections = memory.connections.lock().await;
    if !connections.contains_key(&key) {
        // Connecting takes much room, and only once.
        let opening = Box::pin(open(run, host, &target, memory.last_seq()));
        let session = opening.await.map_err(ConnectError::Session)?;
        connections.insert(key.clone(), Connection { session });
    }
    let Some(connection) = connections.get(&key) else {
        return Err(ConnectError::Input("the connection was lost".into()));
    };
    let login = connection.session.agent().user.clone();
    let child = escalate(run, &task.keywords, &own, scope, place, &login, &target)?;
    let identity = child.as_ref().map(|child| child.identity.clone());
    if let Some(child) = child {
        connection.session.start_child(child).await.map_err(ConnectError::Session)?;
    }
    memory.note(&target, identity.as_ref());
    Ok((connection.session.clone(), identity))
}

/// A delegated task connects as its delegate's variables say, but is who the task says.
fn own_target(run: &Arc<Run>, errand: &Errand<'_>) -> Result<(Scope, Target), ConnectError> {
    let own = if errand.delegated { scope::host(run, &errand.host) } else { errand.scope.clone() };
    let keywords = (!errand.delegated).then_some(&errand.task.keywords);
    let target = target(run, keywords, &own, errand.place, &errand.host)?;
    Ok((own, target))
}

/// How the host of an errand is reached.
pub fn kind(walker: &HostRun, errand: &Errand<'_>) -> Result<ConnectionKind, ConnectError> {
    Ok(own_target(&walker.run, errand)?.1.connection)
}

/// Where and how a host is reached, from its variables and the keywords that hold.
pub fn target(
    run: &Arc<Run>,
    keywords: Option<&Keywords>,
    scope: &Scope,
    place: &Place,
    host: &str,
) -> Result<Target, ConnectError> {
    let lookup = variables(run, keywords, scope, place, host)?;
    Target::from_vars(&HostName::from(host), &|name| lookup.get(name).cloned(), &run.defaults)
        .map_err(ConnectError::Session)
}

/// Open a session, unless the run is to stop. Whoever asks for it holds a permit: no more hosts than `--forks` are
/// worked on at once.
pub async fn open(run: &Arc<Run>, host: &str, target: &Target, last_seq: u64) -> Result<Session, SessionError> {
    let hello = ControllerHello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: Some(run.id.clone()),
        host: HostName::from(host),
        first_seq: last_seq + 1,
    };
    let listener = {
        let (run, host) = (Arc::clone(run), host.to_owned());
        Arc::new(move |notice: Notice| listen(&run, &host, notice))
    };
    unless_stopped(run, session::open(&run.sessions, target, hello, listener)).await
}

/// What is given up when the run is to stop: something that changes nothing on the host.
pub async fn unless_stopped<T>(
    run: &Run,
    work: impl Future<Output = Result<T, SessionError>>,
) -> Result<T, SessionError> {
    tokio::select! {
        biased;
        () = run.until_stopped() => Err(SessionError::Interrupted),
        done = work => done,
    }
}

fn listen(run: &Run, host: &str, notice: Notice) {
    match notice {
        Notice::State(state) => run.emit(Event::HostState { host: host.to_owned(), state: state.to_string() }),
        Notice::Warning(message) => run.warn(Some(host), message),
        Notice::Started { .. } | Notice::Pushed { .. } => {}
        Notice::Output { seq, stream, data } => {
            let task = run.task_name(host, seq);
            let stream = match stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            let data = String::from_utf8_lossy(&data).into_owned();
            run.emit(Event::Output { host: host.to_owned(), task, stream: stream.to_owned(), data });
        }
    }
}

/// Variables that say how to connect, rendered.
fn variables(
    run: &Arc<Run>,
    keywords: Option<&Keywords>,
    scope: &Scope,
    place: &Place,
    host: &str,
) -> Result<HashMap<String, Json>, ConnectError> {
    let mut out = HashMap::new();
    let input =
        |kind: &str, name: &str, error: String| ConnectError::Input(format!("{kind} `{name}` of {host}: {error}"));
    if let Some(keywords) = keywords {
        let keywords = [
            (Target::USER_KEYWORD, &keywords.remote_user),
            (Target::PORT_KEYWORD, &keywords.port),
            ("ansible_connection", &keywords.connection),
        ];
        for (name, written) in keywords {
            let value = flags::value(&run.engine, written, scope, place);
            if let Some(value) = value.map_err(|error| input("keyword", name, error))? {
                out.insert(name.to_owned(), value.to_json());
            }
        }
    }
    for name in Target::VARIABLES {
        if let Some(value) = scope.get(name) {
            let value = run.engine.render(&value, scope, place);
            let value = value.map_err(|error| input("variable", name, error.to_string()))?;
            out.insert((*name).to_owned(), value.to_json());
        }
    }
    Ok(out)
}

/// Who carries a task out, and how to become that: `None` for the login user.
pub fn escalate(
    run: &Arc<Run>,
    keywords: &Keywords,
    own: &Scope,
    scope: &Scope,
    place: &Place,
    login: &str,
    target: &Target,
) -> Result<Option<StartChild>, ConnectError> {
    let variable = |names: &[&str]| -> Result<Option<Value>, ConnectError> {
        for name in names {
            if let Some(value) = own.get(name) {
                let value = run.engine.render(&value, own, place);
                return value.map(Some).map_err(|error| ConnectError::Input(format!("variable `{name}`: {error}")));
            }
        }
        Ok(None)
    };
    let keyword =
        |written: &Option<Written>| flags::value(&run.engine, written, scope, place).map_err(ConnectError::Input);
    let options = &run.options.escalation;
    let enabled = match variable(&["ansible_become"])?.or(keyword(&keywords.r#become)?) {
        Some(value) => flags::of(&value).ok_or_else(|| ConnectError::Input("become must be yes or no".into()))?,
        None => options.enabled,
    };
    if !enabled {
        return Ok(None);
    }
    let choose = |found: Option<Value>, fallback: &Option<String>, default: &str| {
        found.map(|value| text(&value)).or_else(|| fallback.clone()).unwrap_or_else(|| default.to_owned())
    };
    let method = variable(&["ansible_become_method"])?.or(keyword(&keywords.become_method)?);
    let method = choose(method, &options.method, "sudo").rsplit('.').next().unwrap_or("sudo").to_owned();
    // Each method has names of its own for the same variables, and they win.
    let own_name = |name: &str| format!("ansible_{method}_{name}");
    let user = variable(&[&own_name("user"), "ansible_become_user"])?.or(keyword(&keywords.become_user)?);
    let user = choose(user, &options.user, "root");
    if user == login {
        return Ok(None);
    }
    let program = variable(&[&own_name("exe"), "ansible_become_exe"])?.or(keyword(&keywords.become_exe)?);
    let flags = variable(&[&own_name("flags"), "ansible_become_flags"])?.or(keyword(&keywords.become_flags)?);
    let flags = flags.map(|value| text(&value)).or_else(|| options.flags.clone()).unwrap_or_default();
    let flags = shlex::split(&flags)
        .ok_or_else(|| ConnectError::Input(format!("become_flags: a quote is not closed in `{flags}`")))?;
    let names = [&own_name("pass"), &own_name("password"), "ansible_become_pass", "ansible_become_password"];
    let password = variable(&names)?;
    Ok(Some(StartChild {
        identity: Identity { user, method: method.clone() },
        password: password.map(|value| text(&value)).or_else(|| options.password.clone()),
        flags,
        program: choose(program, &options.program, &method),
        agent_path: target.agent_path.clone(),
    }))
}

/// Forget the connections of a host: one was lost.
pub async fn forget_host(run: &Run, host: &str) {
    run.memory(host).connections.lock().await.clear();
}

/// Ask a host to close its transactions behind what was sent, without waiting for it (see [`Session::settle`]).
pub async fn settle_host(run: &Run, host: &str) {
    let memory = run.memory(host);
    for connection in memory.connections.lock().await.values() {
        if let Err(error) = connection.session.settle(&|| memory.next_seq()).await {
            tracing::debug!("settling: {error}");
        }
    }
}

/// Close the connections of a host; later tasks open new ones.
pub async fn close_host(run: &Run, host: &str) {
    let connections = std::mem::take(&mut *run.memory(host).connections.lock().await);
    for (_, connection) in connections {
        if let Err(error) = connection.session.close().await {
            tracing::debug!("closing: {error}");
        }
    }
}

/// Close every connection of the run.
pub async fn close_all(run: &Run) {
    let mut closing = tokio::task::JoinSet::new();
    for (_, memory) in run.memories() {
        let connections = std::mem::take(&mut *memory.connections.lock().await);
        for (_, connection) in connections {
            closing.spawn(connection.session.close());
        }
    }
    while let Some(closed) = closing.join_next().await {
        // A host that is lost while saying good-bye has done all its tasks; its journal says the rest.
        if let Ok(Err(error)) = closed {
            tracing::debug!("closing: {error}");
        }
    }
    run.sessions.close().await;
}
