//! Modules the controller carries out itself.

mod asserting;
mod debug;
mod facts;
mod grow;
mod pause;

pub mod include;
pub mod meta;

use super::host::HostRun;
use super::outcome::Outcome;
use crate::plan::PlannedTask;
use crate::template::{Place, Scope};
use luthier_protocol::Map;

/// Carry out a module of the controller.
pub async fn run(walker: &mut HostRun, task: &PlannedTask, params: Map, scope: &Scope, place: &Place) -> Outcome {
    match &*task.entry.spec.name {
        "debug" => debug::run(walker, &params, scope, place),
        "assert" => asserting::run(walker, &params, scope, place),
        "fail" => asserting::fail(&params),
        "set_fact" => facts::set(walker, params),
        "include_vars" => facts::include(walker, task, &params, place),
        "add_host" => grow::add_host(walker, params),
        "group_by" => grow::group_by(walker, &params),
        "pause" => pause::run(walker, &params).await,
        other => Outcome::failed(format!("`{other}` is carried out by nobody")),
    }
}
