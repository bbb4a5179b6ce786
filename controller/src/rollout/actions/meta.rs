//! `meta`: steer the run itself.

use crate::plan::PlannedTask;
use crate::rollout::host::{Flow, HostRun};
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Carry out a `meta` task.
pub async fn run(walker: &mut HostRun, task: &Arc<PlannedTask>, scope: &Scope, place: &Place) -> Flow {
    let word =
        task.task.args.get("free_form").and_then(|written| written.value.as_str()).unwrap_or("noop").trim().to_owned();
    let flow = walker.drain().await;
    if flow != Flow::Next {
        return flow;
    }
    // These concern all hosts: the first one's condition decides.
    let is_for_all =
        matches!(word.as_str(), "end_play" | "end_batch" | "clear_facts" | "clear_host_errors" | "refresh_inventory");
    if is_for_all && !walker.leads() {
        return Flow::Next;
    }
    match walker.conditions(task, scope, place) {
        Ok(None) => {}
        Ok(Some(_)) => return Flow::Next,
        Err(outcome) => return failed(walker, &outcome),
    }
    match word.as_str() {
        "flush_handlers" => {
            let base = walker.position.clone();
            walker.flush(&base).await
        }
        "end_host" => Flow::End,
        "end_role" => Flow::EndRole,
        "end_play" | "end_batch" => {
            // Everybody stops at the next step.
            walker.batch.ended.store(word == "end_play", Ordering::SeqCst);
            walker.batch.halted.store(true, Ordering::SeqCst);
            Flow::End
        }
        "clear_facts" => {
            walker.batch.hosts.iter().for_each(|host| walker.run.memory(host).clear_facts());
            Flow::Next
        }
        "clear_host_errors" => {
            let lost = walker.batch.lost();
            lost.iter().for_each(|host| {
                walker.run.forgive(host);
                walker.batch.regain(host);
            });
            walker.batch.cleared.store(true, Ordering::SeqCst);
            Flow::Next
        }
        "reset_connection" => {
            crate::rollout::connect::close_host(&walker.run, &walker.host).await;
            Flow::Next
        }
        "refresh_inventory" => match walker.run.refresh_inventory() {
            Ok(()) => Flow::Next,
            Err(message) => failed(walker, &Outcome::failed(format!("failed to read the inventory again: {message}"))),
        },
        // `noop` is what it says.
        _ => Flow::Next,
    }
}

fn failed(walker: &HostRun, outcome: &Outcome) -> Flow {
    let message = outcome.result.get("msg").and_then(|msg| msg.as_str()).unwrap_or_default();
    walker.run.warn(Some(&walker.host), format!("meta: {message}"));
    walker.batch.lose(&walker.host);
    Flow::Failed
}
