//! `wait_for_connection`: until the host can be reached and its agent answers.

use crate::rollout::errand::{self, Errand};
use crate::rollout::flags;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use luthier_protocol::task::Status;
use luthier_protocol::{Map, Value as Json};
use std::time::{Duration, Instant};

/// Open fresh sessions until one answers.
pub async fn run(walker: &HostRun, params: &Map, errand: &mut Errand<'_>) -> Outcome {
    match flags::check(walker, errand.task, errand.scope, errand.place) {
        Ok(false) => {}
        Ok(true) => return Outcome::skipped("nothing is waited for in check mode"),
        Err(message) => return Outcome::failed(message),
    }
    let number = |name: &str, default: f64| params.get(name).and_then(Json::as_f64).unwrap_or(default).max(0.0);
    let start = Instant::now();
    if !errand::sleep(walker, number("delay", 0.0)).await {
        return Outcome::failed("interrupted");
    }
    errand.connect = Some(Duration::from_secs_f64(number("connect_timeout", 5.0).clamp(1.0, 3600.0)));
    let until = Instant::now() + Duration::from_secs_f64(number("timeout", 600.0).min(31_536_000.0));
    loop {
        errand.forget(walker).await;
        let error = match ping(walker, errand, until).await {
            Ok(()) => return Outcome::ok(Map::new()).with("elapsed", start.elapsed().as_secs()),
            Err(error) => error,
        };
        if !errand::sleep(walker, number("sleep", 1.0)).await {
            return Outcome::failed("interrupted");
        }
        if Instant::now() >= until {
            let outcome = Outcome::failed(format!("timed out waiting for ping module test: {error}"));
            return outcome.with("elapsed", start.elapsed().as_secs());
        }
    }
}

/// Whether the agent answers, at the latest by a moment.
async fn ping(walker: &HostRun, errand: &Errand<'_>, until: Instant) -> Result<(), String> {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let answer = tokio::select! {
        answer = tokio::time::timeout(left, errand.call(walker, "ping", Map::new())) => answer,
        () = walker.run.until_stopped() => return Err("interrupted".to_owned()),
    };
    match answer {
        Ok(Ok(result)) if result.status == Status::Ok => Ok(()),
        Ok(Ok(result)) => Err(result.result.get("msg").and_then(Json::as_str).unwrap_or("it failed").to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}
