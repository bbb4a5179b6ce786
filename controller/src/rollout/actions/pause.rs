//! `pause`: wait for a time or for a person, once for all hosts (the task behaves as `run_once`).

use crate::plan::PlannedTask;
use crate::rollout::errand;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope};
use luthier_protocol::{Map, Value as Json};
use std::time::Instant;

/// Wait. Where nobody sits at a terminal, a pause without a time goes on at once, saying so. Check mode changes nothing
/// about it.
pub async fn run(walker: &HostRun, task: &PlannedTask, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let number = |name: &str| params.get(name).and_then(Json::as_f64);
    let (seconds, unit) = match (number("minutes"), number("seconds")) {
        (Some(minutes), _) => (Some(minutes * 60.0), 60.0),
        (None, seconds) => (seconds, 1.0),
    };
    let echo = params.get("echo").and_then(Json::as_bool).unwrap_or(true);
    let prompt = params.get("prompt").and_then(Json::as_str);
    let begun = moment();
    let start = Instant::now();
    let mut typed = String::new();
    match seconds {
        Some(seconds) => {
            if let Some(prompt) = prompt {
                walker.run.warn(Some(&walker.host), format!("pausing for {seconds} seconds: {prompt}"));
            }
            if !errand::sleep(walker, seconds).await {
                return Outcome::failed("interrupted");
            }
        }
        None if walker.run.asker.is_some() => {
            let hidden = if echo { "" } else { " (output is hidden)" };
            let text = prompt.unwrap_or("Press enter to continue, Ctrl+C to interrupt");
            let question = format!("[{}]\n{text}{hidden}:", walker.name(task, scope, place));
            match walker.run.ask(question, echo).await {
                Some(answer) => typed = answer,
                None if walker.run.is_stopping() => return Outcome::failed("interrupted"),
                None => {}
            }
        }
        None => walker.run.warn(Some(&walker.host), "Not waiting for response to prompt as stdin is not interactive"),
    }
    let took = start.elapsed().as_secs_f64();
    let word = if unit > 1.0 { "minutes" } else { "seconds" };
    let rounded = (took / unit * 100.0).round() / 100.0;
    Outcome::ok(Map::new())
        .with("rc", 0)
        .with("stderr", "")
        .with("stdout", format!("Paused for {rounded:?} {word}"))
        .with("start", begun)
        .with("stop", moment())
        .with("delta", took as u64)
        .with("echo", echo)
        .with("user_input", typed)
}

fn moment() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
