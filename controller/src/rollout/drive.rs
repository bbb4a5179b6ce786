//! The whole run: play after play, and how it ended.

use super::connect;
use super::play::{self, PlayEnd};
use super::run::Run;
use crate::event::Recap;
use crate::plan::PlannedPlay;
use crate::yaml::Diagnostic;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct RunEnd {
    /// Counts by host.
    pub recap: BTreeMap<String, Recap>,
    /// The counts that decide the exit code: without failures that were cleared.
    pub judged: BTreeMap<String, Recap>,
    /// It was interrupted.
    pub interrupted: bool,
    /// A handler that does not exist was notified, or a host's list ended abnormally.
    pub failed_otherwise: bool,
    /// Something other than a task failed, for all hosts (a play's `hosts` that cannot be rendered).
    pub errors: Vec<Diagnostic>,
    /// A play has begun, so that hosts may have been contacted.
    pub begun: bool,
}

/// Carry out every play. Connections are kept from play to play and closed at the end.
pub async fn carry_out(run: &Arc<Run>, plays: Vec<PlannedPlay>) -> RunEnd {
    let mut failed = HashSet::new();
    let mut end = RunEnd::default();
    let count = plays.len();
    for (number, planned) in plays.into_iter().enumerate() {
        match play::play(run, &Arc::new(planned), &mut failed, number + 1 == count).await {
            Ok(PlayEnd::Next) if !run.is_stopping() => {}
            Ok(_) => break,
            Err(error) => {
                end.begun = number > 0 || !run.memories().is_empty();
                end.errors.push(error);
                break;
            }
        }
    }
    if run.is_before_start() && end.errors.is_empty() && !run.is_stopping() {
        let wanted = run.options.start_at.as_deref().unwrap_or_default();
        run.warn(None, format!("no task is named `{wanted}`: nothing was done"));
    }
    connect::close_all(run).await;
    end.recap = run.recap();
    end.judged = run.judged();
    end.interrupted = run.is_stopping();
    end.failed_otherwise = run.has_failed_otherwise();
    end
}
