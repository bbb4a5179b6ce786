//! Modules the controller carries out itself.

mod argument_spec;
mod asserting;
mod debug;
mod facts;
mod fetch;
mod grow;
mod pause;
mod reboot;
mod stats;
mod waiting;

pub mod include;
pub mod meta;

use super::errand::Errand;
use super::host::HostRun;
use super::outcome::Outcome;
use super::{flags, jobs};
use crate::plan::PlannedTask;
use crate::template::{Place, Scope};
use luthier_protocol::Map;

/// Carry out a module of the controller.
pub async fn run(
    walker: &mut HostRun,
    task: &PlannedTask,
    params: Map,
    scope: &Scope,
    place: &Place,
    delegate: Option<&str>,
) -> Outcome {
    let mut errand = Errand::new(walker, task, delegate, scope, place);
    match &*task.entry.spec.name {
        "debug" => debug::run(walker, &params, scope, place),
        "assert" => asserting::run(walker, task, &params, scope, place),
        "fail" => asserting::fail(&params),
        "set_fact" => match flags::truth(walker, &task.keywords.delegate_facts, scope, place) {
            Ok(true) => facts::set(&walker.run.memory(&errand.host), params),
            Ok(false) => facts::set(&walker.memory, params),
            Err(message) => Outcome::failed(message),
        },
        "include_vars" => facts::include(walker, task, &params, scope, place),
        "add_host" => grow::add_host(walker, params),
        "group_by" => grow::group_by(walker, &params),
        "pause" => pause::run(walker, task, &params, scope, place).await,
        "validate_argument_spec" => argument_spec::run(walker, &params, scope, place),
        "set_stats" => stats::run(&params),
        "fetch" => fetch::run(walker, &params, &errand).await,
        "async_status" => jobs::status(walker, &params, &errand).await,
        "wait_for_connection" => waiting::run(walker, &params, &mut errand).await,
        "reboot" => reboot::run(walker, &params, &mut errand).await,
        other => Outcome::failed(format!("`{other}` is carried out by nobody")),
    }
}
