//! Undoing a run: each host is asked for its journals, and to undo them, newest change first.

use super::connect::{self, ConnectError};
use super::run::Run;
use super::scope;
use crate::playbook::{Keywords, Written};
use crate::session::{Session, SessionError, Target};
use crate::template::Place;
use crate::yaml::{Origin, Value};
use luthier_protocol::journal::{Transaction, UndoOutcome, UndoRequest, UndoRow};
use luthier_protocol::message::{Question, Told};
use luthier_protocol::name::{HostName, RunId, Seq};
use luthier_protocol::task::Identity;
use std::path::Path;
use std::sync::Arc;

/// What became of undoing a run on one host.
#[derive(Debug)]
pub struct HostUndo {
    /// The host.
    pub host: String,
    /// A row for each change, newest first; or why the host could not be asked.
    pub outcome: Result<Vec<UndoRow>, SessionError>,
}

/// A host to work on without a play.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The host.
    pub host: String,
    /// How to reach it where the inventory does not know it.
    pub target: Option<Target>,
    /// Who worked there besides the login user.
    pub identities: Vec<Identity>,
    /// The run that is undone is known to have changed something there.
    pub changed: bool,
}

/// What the journals of a host hold.
#[derive(Debug, Default)]
pub struct Journals {
    /// Transactions, those of the login user first, oldest first.
    pub transactions: Vec<Transaction>,
    /// What is wrong with each journal that cannot be read.
    pub unread: Vec<String>,
    /// Whose journals were read.
    pub users: Vec<String>,
}

/// A session with a host outside a play, with the agents of all identities asked for.
async fn visit(run: &Arc<Run>, visit: &Visit) -> Result<Session, SessionError> {
    let scope = scope::host(run, &visit.host);
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let input = |error: ConnectError| match error {
        ConnectError::Session(error) => error,
        ConnectError::Input(message) => SessionError::Input(message),
    };
    let target = match &visit.target {
        Some(target) => target.clone(),
        None => connect::target(run, None, &scope, &place, &visit.host).map_err(input)?,
    };
    let session = connect::open(run, &visit.host, &target, 0).await?;
    for identity in &visit.identities {
        let keywords = become_keywords(identity);
        let login = session.agent().user.clone();
        if let Some(mut child) =
            connect::escalate(run, &keywords, &scope, &scope, &place, &login, &target).map_err(input)?
        {
            // What the inventory says today may differ from who worked there then.
            child.identity = identity.clone();
            session.start_child(child).await?;
        }
    }
    Ok(session)
}

fn become_keywords(identity: &Identity) -> Keywords {
    let origin = Origin { file: Path::new("").into(), line: 0, column: 0 };
    let written = |value: Value| Some(Written { value, origin: origin.clone() });
    Keywords {
        r#become: written(Value::Bool(true)),
        become_user: written(Value::from(identity.user.as_str())),
        become_method: written(Value::from(identity.method.as_str())),
        ..Keywords::default()
    }
}

/// Undo a run's changes on one host: those of all identities in one order, newest first.
pub async fn roll_back(run: &Arc<Run>, visited: &Visit, undone: &RunId, check: bool) -> HostUndo {
    let outcome = async {
        // Until the host is asked to undo nothing has happened there; what it has begun it ends.
        let (_permit, session) = connect::unless_stopped(run, async {
            let permit = run.permits.acquire().await;
            Ok((permit, visit(run, visited).await?))
        })
        .await?;
        let rows = undo(&session, visited, undone, check).await;
        // The changes are undone and journalled; a line that breaks now takes nothing back.
        let _ = session.close().await;
        rows
    };
    HostUndo { host: visited.host.clone(), outcome: outcome.await }
}

async fn undo(session: &Session, visited: &Visit, undone: &RunId, check: bool) -> Result<Vec<UndoRow>, SessionError> {
    let host = HostName::from(visited.host.as_str());
    let mut number: Seq = 0;
    let mut lost: Vec<String> = Vec::new();
    let mut is_known = false;
    let mut tasks: Vec<(Seq, Option<Identity>)> = Vec::new();
    for identity in identities(visited) {
        number += 1;
        let (found, unread) =
            session.journal(number, Some(undone.clone()), Some(host.clone()), identity.clone()).await?;
        is_known |= !found.is_empty();
        lost.extend(unread);
        let changes = found.iter().flat_map(|transaction| &transaction.changes);
        tasks.extend(changes.map(|change| (change.seq, identity.clone())));
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.0));
    tasks.dedup();
    if !is_known {
        return Ok(missing(visited, lost));
    }
    let mut rows = Vec::new();
    let mut rest = tasks.as_slice();
    while let Some((newest, identity)) = rest.first() {
        // As many tasks at once as the same identity carried out one after another.
        let same = rest.iter().take_while(|(_, other)| other == identity).count();
        let (part, others) = rest.split_at(same);
        let oldest = part.last().map_or(*newest, |(seq, _)| *seq);
        number += 1;
        let request = UndoRequest {
            seq: number,
            run: undone.clone(),
            host: host.clone(),
            from_task: oldest,
            to_task: *newest,
            check,
        };
        rows.extend(session.undo(request, identity.clone()).await?.rows);
        rest = others;
    }
    Ok(rows)
}

/// The journals hold nothing of the run: a failure where it was there, or may be in what cannot be read.
fn missing(visited: &Visit, lost: Vec<String>) -> Vec<UndoRow> {
    let mut details = lost;
    if details.is_empty() && visited.changed {
        details.push("it no longer holds this run, which changed this host".to_owned());
    }
    let row =
        |detail| UndoRow { task: String::new(), resource: "journal".to_owned(), outcome: UndoOutcome::Failed, detail };
    details.into_iter().map(row).collect()
}

fn identities(visited: &Visit) -> Vec<Option<Identity>> {
    let mut all: Vec<Option<Identity>> = vec![None];
    all.extend(visited.identities.iter().cloned().map(Some));
    all
}

/// What a host's journals hold: that of the login user, and one of each other user who is named.
pub async fn journals(run: &Arc<Run>, visited: &Visit) -> Result<Journals, SessionError> {
    connect::unless_stopped(run, async {
        let _permit = run.permits.acquire().await;
        let session = visit(run, visited).await?;
        let mut all = Journals::default();
        for (number, identity) in identities(visited).into_iter().enumerate() {
            let user = identity.as_ref().map_or_else(|| session.agent().user.clone(), |identity| identity.user.clone());
            // Whichever way somebody becomes a user, the journal is the same.
            if all.users.contains(&user) {
                continue;
            }
            let host = HostName::from(visited.host.as_str());
            match session.journal(number as Seq + 1, None, Some(host), identity.clone()).await {
                Ok((transactions, unread)) => {
                    all.transactions.extend(transactions);
                    all.unread.extend(unread);
                    all.users.push(user);
                }
                Err(SessionError::Refused(message)) if identity.is_some() => {
                    all.unread.push(format!("the journal of {user} was not read: {message}"));
                }
                Err(error) => return Err(error),
            }
        }
        // The answers are here; how the line ends does not matter to them.
        let _ = session.close().await;
        Ok(all)
    })
    .await
}

/// The facts of a host.
pub async fn facts(run: &Arc<Run>, visited: &Visit, only: &[String]) -> Result<luthier_protocol::Map, SessionError> {
    connect::unless_stopped(run, async {
        let _permit = run.permits.acquire().await;
        let session = visit(run, visited).await?;
        let identity = visited.identities.first().cloned();
        let facts = session.facts(1, only.to_vec(), identity).await?;
        let _ = session.close().await;
        Ok(facts)
    })
    .await
}

/// What the facts read of a host, to be replayed elsewhere (see [`Question::Capture`]).
pub async fn capture(
    run: &Arc<Run>,
    visited: &Visit,
    keep_identity: bool,
) -> Result<luthier_protocol::Map, SessionError> {
    connect::unless_stopped(run, async {
        let _permit = run.permits.acquire().await;
        let session = visit(run, visited).await?;
        let identity = visited.identities.first().cloned();
        let told = session.ask(1, Question::Capture { keep_identity }, identity).await?;
        let _ = session.close().await;
        match told {
            Told::Capture(entries) => Ok(entries),
            _ => Err(SessionError::Input("the agent answered another question".to_owned())),
        }
    })
    .await
}

/// Who the command line says works on a host outside a play; `None` for the login user.
pub fn wanted_identity(run: &Arc<Run>, host: &str) -> Option<Identity> {
    let scope = scope::host(run, host);
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let target = connect::target(run, None, &scope, &place, host).ok()?;
    let child = connect::escalate(run, &Keywords::default(), &scope, &scope, &place, "", &target).ok()??;
    Some(child.identity)
}
