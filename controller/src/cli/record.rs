//! Recording a run while it goes on: its events, and where its hosts can be reached again.

use super::Globals;
use crate::history::{History, HistoryError, RunHost, RunMeta, default_folder};
use crate::output::{Outputs, Paint, escape};
use crate::rollout::Run;
use crate::session::{ConnectionKind, Target};
use luthier_protocol::name::{HostName, RunId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A run being recorded.
#[derive(Clone)]
pub struct Recording {
    history: Arc<Mutex<History>>,
    run: RunId,
    /// That something cannot be written was said: once is enough.
    told: Arc<AtomicBool>,
}

impl Recording {
    /// Begin; where nothing can be recorded a warning says so and the run goes on.
    pub fn begin(globals: &Globals, meta: &RunMeta, outputs: &Outputs) -> Option<Self> {
        let begun = default_folder().and_then(|folder| {
            let history = History::open(&folder)?;
            let recorder = history.recorder(meta)?;
            Ok((history, recorder))
        });
        match begun {
            Ok((history, recorder)) => {
                let told = Arc::new(AtomicBool::new(false));
                let (screen, colour, is_told) = (globals.screen.clone(), globals.colour(), Arc::clone(&told));
                outputs.add(Box::new(recorder.on_failure(move |error| {
                    is_told.store(true, Ordering::SeqCst);
                    let paint = Paint(colour.wanted(&std::io::stderr()));
                    let text =
                        escape(&format!("the run goes on, but is not recorded any more: {}", why(error))).into_owned();
                    screen.talk(&format!("{}: {text}\n", paint.warning("warning")));
                })));
                Some(Self { history: Arc::new(Mutex::new(history)), run: meta.run.clone(), told })
            }
            Err(error) => {
                globals.warn(&format!(
                    "this run is not recorded, `show` and `rollback last` will not know it: {}. Its hosts do: `luthier rollback {} -i INVENTORY` undoes it",
                    why(&error),
                    meta.run
                ));
                None
            }
        }
    }

    /// Write down where the hosts are.
    pub fn save(&self, globals: &Globals, run: &Run) {
        if let Err(error) = self.write(hosts(run))
            && !self.told.swap(true, Ordering::SeqCst)
        {
            globals.warn(&why(&error));
        }
    }
}

impl Recording {
    fn write(&self, rows: Vec<RunHost>) -> Result<(), HistoryError> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).save_hosts(&self.run, rows)
    }
}

/// An error with its cause.
fn why(error: &HistoryError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("failed to {error}: {cause}"),
        None => format!("failed to {error}"),
    }
}

fn hosts(run: &Run) -> Vec<RunHost> {
    let mut rows: Vec<RunHost> = run
        .memories()
        .into_iter()
        .filter_map(|(name, memory)| {
            let used = memory.used()?;
            let target = used.target;
            Some(RunHost {
                host: HostName::from(name),
                connection: match target.connection {
                    ConnectionKind::Ssh => "ssh".into(),
                    ConnectionKind::OpenSsh => "openssh".into(),
                    ConnectionKind::Local => "local".into(),
                },
                address: target.address.clone(),
                port: target.port,
                user: target.user.clone(),
                private_key: target.private_keys.first().map(|path| path.display().to_string()),
                ssh_args: ssh_args(&target),
                agent_path: target.agent_path.clone(),
                identities: used.identities.into_iter().collect(),
                changed: used.changed,
                last_seq: memory.last_seq(),
            })
        })
        .collect();
    rows.sort_by(|a, b| a.host.cmp(&b.host));
    rows
}

/// The options for SSH as text that reads back as the same; none where there were none.
fn ssh_args(target: &Target) -> Option<String> {
    let mut text = target.ssh_args.written().unwrap_or_default();
    if target.host_key_checking == Some(false) {
        text.push_str(" -o StrictHostKeyChecking=no");
    }
    (!text.is_empty()).then_some(text)
}

/// Write the hosts down again and again while the run goes on, so that a killed controller's run can be rolled back.
pub fn keep_hosts(run: &Arc<Run>, recording: Option<&Recording>) -> JoinHandle<()> {
    let (run, recording) = (Arc::clone(run), recording.cloned());
    tokio::spawn(async move {
        let Some(recording) = recording else { return };
        let mut known = Vec::new();
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let rows = hosts(&run);
            let places: Vec<_> =
                rows.iter().map(|row| (row.host.clone(), row.identities.clone(), row.changed)).collect();
            if places != known {
                known = places;
                // The last save, at the end of the run, tells what is wrong with the folder.
                let _ = recording.write(rows);
            }
        }
    })
}
