//! `luthier status`: transactions in the journals of hosts.

use super::args::StatusArgs;
use super::fleet::{self, Fleet};
use super::{CliError, ExitCode, Globals};
use crate::event::Sink;
use crate::history::{History, default_folder, new_run_id};
use crate::output::{self, escape, table};
use crate::plan::Selection;
use crate::rollout::{self, Options, Visit};
use crate::session::SessionError;
use luthier_protocol::journal::{Transaction, TransactionState};
use luthier_protocol::name::HostName;
use luthier_protocol::task::Identity;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) fn status(args: StatusArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let fleet = Fleet::load(globals, Path::new(""))?;
    let hosts = fleet.select(globals, args.pattern.as_deref().unwrap_or("all"))?;
    if hosts.is_empty() {
        return Err(CliError::usage("no host is selected").hint("name an inventory with -i, and a pattern"));
    }
    let escalation = fleet.escalation(globals)?;
    let options = Options { extra: Arc::clone(&fleet.extra), escalation, ..Options::default() };
    let sink = Sink::new(vec![super::inspect::warnings(globals)]);
    let run = fleet.into_run(globals, new_run_id(), options, Selection::default(), sink)?;
    let known = past_identities();
    let mut users = BTreeSet::new();
    let (mut rows, code) = fleet::runtime()?.block_on(async {
        fleet::watch_interrupt(&run);
        let mut asked = JoinSet::new();
        for host in hosts {
            let run = Arc::clone(&run);
            let past = known.get(&HostName::from(host.as_str())).cloned().unwrap_or_default();
            asked.spawn(async move {
                let identities = rollout::wanted_identity(&run, &host).into_iter().chain(past).collect();
                let visit = Visit { host: host.clone(), target: None, identities, changed: false };
                let found = rollout::journals(&run, &visit).await;
                (host, found)
            });
        }
        let (mut rows, mut code, mut unasked) = (Vec::new(), ExitCode::Fine, Vec::new());
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((host, Ok(found))) => {
                    for message in found.unread {
                        run.warn(Some(&host), message);
                        code = code.gravest(ExitCode::Failed);
                    }
                    users.extend(found.users);
                    rows.extend(found.transactions.into_iter().map(|transaction| (host.clone(), transaction)));
                }
                Ok((host, Err(SessionError::Interrupted))) => unasked.push(host),
                Ok((host, Err(error))) => {
                    run.warn(Some(&host), error.to_string());
                    code = code.gravest(if error.is_unreachable() { ExitCode::Unreachable } else { ExitCode::Failed });
                }
                Err(error) => run.warn(None, error.to_string()),
            }
        }
        let code = code.gravest(super::inspect::tell_unasked(&run, unasked));
        (rows, code)
    });
    rows.retain(|(_, transaction)| args.all || is_unfinished(transaction));
    rows.sort_by(|a, b| (&a.0, a.1.opened).cmp(&(&b.0, b.1.opened)));
    show(&rows, &users, globals);
    Ok(code)
}

/// Who worked on hosts in runs that are recorded here, besides the login user: their journals are asked, too.
fn past_identities() -> BTreeMap<HostName, BTreeSet<Identity>> {
    let known = default_folder().and_then(|folder| History::open(&folder)?.identities());
    known.unwrap_or_else(|error| {
        // Whose journals were read is told in the end.
        tracing::warn!("failed to {error}");
        BTreeMap::new()
    })
}

fn is_unfinished(transaction: &Transaction) -> bool {
    matches!(
        transaction.state,
        TransactionState::Open | TransactionState::Interrupted | TransactionState::PartlyRolledBack
    )
}

fn word(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Open => "open",
        TransactionState::Closed => "closed",
        TransactionState::Interrupted => "interrupted",
        TransactionState::RolledBack => "rolled back",
        TransactionState::PartlyRolledBack => "partly rolled back",
    }
}

fn show(rows: &[(String, Transaction)], users: &BTreeSet<String>, globals: &Globals) {
    if globals.format() == output::Format::Json {
        for (host, transaction) in rows {
            globals.screen.data(&format!("{}\n", serde_json::json!({"host": host, "transaction": transaction})));
        }
        return;
    }
    if rows.is_empty() {
        let users = users.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        globals.screen.talk(&if users.is_empty() {
            "no journal was read\n".to_owned()
        } else {
            format!("no transaction is open or was interrupted (journals read: {})\n", escape(&users))
        });
        return;
    }
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|(host, transaction)| {
            [
                host.clone(),
                escape(transaction.run.as_str()).into_owned(),
                escape(&transaction.user).into_owned(),
                word(transaction.state).to_owned(),
                transaction.changes.len().to_string(),
            ]
        })
        .collect();
    globals.screen.data(&table(["HOST", "RUN", "USER", "STATE", "CHANGES"], &cells));
}
