//! `pause`: wait, once for all hosts (the task behaves as `run_once`).

use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use luthier_protocol::{Map, Value as Json};
use std::time::Duration;

/// Wait for the given time. Without a time there is nobody to press Enter, so it goes on at once, saying so.
pub async fn run(walker: &HostRun, params: &Map) -> Outcome {
    let number = |name: &str| params.get(name).and_then(Json::as_f64);
    let seconds = number("seconds").or_else(|| number("minutes").map(|minutes| minutes * 60.0));
    let Some(seconds) = seconds else {
        walker.run.warn(Some(&walker.host), "pause without a time goes on at once: nobody is asked");
        return Outcome::ok(Map::new()).with("user_input", "");
    };
    let wait = Duration::from_secs_f64(seconds.clamp(0.0, 31_536_000.0));
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = walker.run.until_stopped() => return Outcome::failed("interrupted"),
    }
    let text = format!("Paused for {seconds} seconds");
    Outcome::ok(Map::new()).with("delta", seconds as i64).with("stdout", text).with("user_input", "")
}
