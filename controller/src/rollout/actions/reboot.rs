//! `reboot`: restart the host and wait until the new boot answers.
//!
//! It is believed only when the host's boot id (or what `boot_time_command` prints) has changed.

use crate::event::EventStatus;
use crate::rollout::connect::{self, ConnectError};
use crate::rollout::errand::{self, Errand};
use crate::rollout::flags;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::session::ConnectionKind;
use luthier_protocol::message::{Question, Told};
use luthier_protocol::task::{Status, TaskResult};
use luthier_protocol::{Map, Value as Json};
use std::time::{Duration, Instant};

/// Changes with every boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Seconds between two looks, at most.
const LONGEST_PAUSE: f64 = 12.0;

/// What the task asks for.
struct Wish<'p> {
    params: &'p Map,
}

impl Wish<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn seconds(&self, name: &str, default: f64) -> f64 {
        self.params.get(name).and_then(Json::as_f64).unwrap_or(default).clamp(0.0, 31_536_000.0)
    }
}

/// Why the new boot is not there.
enum Missing {
    /// Nobody answers.
    NoAnswer(String),
    /// The host answers, and has not restarted.
    SameBoot,
    /// The test command says no.
    Test(String),
}

/// What is looked for.
enum Look<'l> {
    /// Another boot than before.
    Boot { wish: &'l Wish<'l>, before: &'l str },
    /// That the test command succeeds.
    Test(&'l str),
}

/// Restart it.
pub async fn run(walker: &HostRun, params: &Map, errand: &mut Errand<'_>) -> Outcome {
    let wish = Wish { params };
    let no = |message: String| Outcome::failed(message).with("rebooted", false).with("elapsed", 0);
    match connect::kind(walker, errand) {
        Ok(ConnectionKind::Local) => {
            return no("Running reboot with local connection would reboot the control node.".to_owned());
        }
        Ok(_) => {}
        Err(error) => return no(error.to_string()),
    }
    match flags::check(walker, errand.task, errand.scope, errand.place) {
        Ok(false) => {}
        Ok(true) => {
            let would = Outcome::new(EventStatus::Changed, Map::new()).with("rebooted", true).with("elapsed", 0);
            return would.with("msg", "the host would be rebooted");
        }
        Err(message) => return no(message),
    }
    let before = match boot(walker, &wish, errand).await {
        Ok(before) => before,
        Err(Failed(outcome)) => return outcome.with("rebooted", false),
    };
    let command = match command(walker, &wish, errand).await {
        Ok(command) => command,
        Err(Failed(outcome)) => return outcome.with("rebooted", false),
    };
    let start = Instant::now();
    if let Err(outcome) = order(walker, &command, errand).await {
        return outcome.with("elapsed", start.elapsed().as_secs());
    }
    if !errand::sleep(walker, wish.seconds("post_reboot_delay", 0.0)).await {
        return Outcome::failed("interrupted while the host restarts").with("rebooted", false);
    }
    let seconds = params.get("connect_timeout").and_then(Json::as_f64).map(|seconds| seconds.clamp(1.0, 3600.0));
    errand.connect = seconds.map(Duration::from_secs_f64);
    let outcome = wait(walker, &wish, errand, &before).await;
    outcome.with("elapsed", start.elapsed().as_secs())
}

/// Wait for the new boot, then for the test command; each has `reboot_timeout`.
async fn wait(walker: &HostRun, wish: &Wish<'_>, errand: &Errand<'_>, before: &str) -> Outcome {
    let seconds = wish.seconds("reboot_timeout", 600.0);
    let timed_out = |what: &str| format!("Timed out waiting for {what} (timeout={seconds})");
    match repeat(walker, errand, seconds, &Look::Boot { wish, before }).await {
        Ok(()) => {}
        Err(Missing::SameBoot) => {
            let message = format!("{}: the host answers but has not restarted", timed_out("last boot time check"));
            return Outcome::failed(message).with("rebooted", false).with("reason", "same_boot");
        }
        Err(Missing::NoAnswer(why) | Missing::Test(why)) => {
            let message = format!("{}: the host did not come back: {why}", timed_out("last boot time check"));
            return Outcome::failed(message).with("rebooted", false).with("reason", "no_answer");
        }
    }
    let rebooted = Outcome::new(EventStatus::Changed, Map::new()).with("rebooted", true);
    // That the agent answered is what the default command would tell.
    let Some(line) = wish.text("test_command") else { return rebooted };
    match repeat(walker, errand, seconds, &Look::Test(line)).await {
        Ok(()) => rebooted,
        Err(Missing::NoAnswer(why) | Missing::Test(why)) => {
            let message = format!("{}: {why}", timed_out("post-reboot test command"));
            Outcome::failed(message).with("rebooted", true).with("changed", true).with("reason", "test_command")
        }
        Err(Missing::SameBoot) => rebooted,
    }
}

/// Try again and again, ever more slowly, until it succeeds or the time is up.
async fn repeat(walker: &HostRun, errand: &Errand<'_>, seconds: f64, look: &Look<'_>) -> Result<(), Missing> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut pause = 1.0_f64;
    let mut last = Missing::NoAnswer("there was no time to ask".to_owned());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(last);
        }
        let tried = tokio::select! {
            tried = tokio::time::timeout(left, attempt(walker, errand, look)) => tried,
            () = walker.run.until_stopped() => return Err(Missing::NoAnswer("interrupted".to_owned())),
        };
        match tried {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(missing)) => last = missing,
            Err(_) if matches!(last, Missing::NoAnswer(_)) => last = Missing::NoAnswer("no answer in time".to_owned()),
            Err(_) => {}
        }
        // A fleet that restarts together need not ask together.
        let wait = (pause + rand::random::<f64>()).min(left.as_secs_f64());
        if !errand::sleep(walker, wait).await {
            return Err(Missing::NoAnswer("interrupted".to_owned()));
        }
        pause = (pause * 2.0).min(LONGEST_PAUSE);
    }
}

async fn attempt(walker: &HostRun, errand: &Errand<'_>, look: &Look<'_>) -> Result<(), Missing> {
    match look {
        Look::Boot { wish, before } => has_changed(walker, wish, errand, before).await,
        Look::Test(line) => passes(walker, errand, line).await,
    }
}

async fn has_changed(walker: &HostRun, wish: &Wish<'_>, errand: &Errand<'_>, before: &str) -> Result<(), Missing> {
    // The old connection may be dead without saying so.
    errand.forget(walker).await;
    match boot(walker, wish, errand).await {
        Ok(now) if now.is_empty() || now == before => Err(Missing::SameBoot),
        Ok(_) => Ok(()),
        Err(Failed(outcome)) => Err(Missing::NoAnswer(message(&outcome.result))),
    }
}

async fn passes(walker: &HostRun, errand: &Errand<'_>, line: &str) -> Result<(), Missing> {
    match errand.shell(walker, line).await {
        Ok(result) if succeeded(&result) => Ok(()),
        Ok(result) => Err(Missing::Test(format!("the test command failed: {}", said(&result)))),
        Err(error) => Err(Missing::NoAnswer(error.to_string())),
    }
}

/// An outcome that ends the task.
struct Failed(Outcome);

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        Self(error.outcome())
    }
}

/// What tells this boot from others.
async fn boot(walker: &HostRun, wish: &Wish<'_>, errand: &Errand<'_>) -> Result<String, Failed> {
    let Some(line) = wish.text("boot_time_command") else {
        let question = Question::Piece { path: BOOT_ID.to_owned(), offset: 0, length: 64 };
        return match errand.ask(walker, question).await? {
            Told::Piece(bytes) => Ok(String::from_utf8_lossy(&bytes).trim().to_owned()),
            _ => Err(Failed(Outcome::failed("the agent gave another answer than asked for"))),
        };
    };
    let result = errand.shell(walker, line).await?;
    if !succeeded(&result) {
        let message = format!("reboot: failed to get host boot time info: {}", said(&result));
        return Err(Failed(Outcome::failed(message)));
    }
    Ok(result.result.get("stdout").and_then(Json::as_str).unwrap_or_default().trim().to_owned())
}

/// The line that restarts the host.
async fn command(walker: &HostRun, wish: &Wish<'_>, errand: &Errand<'_>) -> Result<String, Failed> {
    let folders: Vec<&str> = match wish.params.get("search_paths") {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        _ => vec!["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"],
    };
    let absent = |program: &str| {
        let message = format!("Unable to find command \"{program}\" in search paths: {}", folders.join(", "));
        Failed(Outcome::failed(message))
    };
    if let Some(line) = wish.text("reboot_command") {
        let (program, arguments) = line.split_once(' ').unwrap_or((line, ""));
        if program.starts_with('/') {
            return Ok(line.to_owned());
        }
        let found = find(walker, errand, &folders, program).await?.ok_or_else(|| absent(program))?;
        return Ok(format!("{found} {arguments}"));
    }
    let delay = wish.seconds("pre_reboot_delay", 0.0);
    if let Some(shutdown) = find(walker, errand, &folders, "shutdown").await? {
        let message = wish.text("msg").unwrap_or("Reboot initiated by Luthier");
        let minutes = (delay / 60.0) as u64;
        return Ok(format!("{shutdown} -r {minutes} {}", quoted(message)));
    }
    // Small systems have only this; it knows no delay.
    let reboot = find(walker, errand, &folders, "reboot").await?.ok_or_else(|| absent("shutdown"))?;
    Ok(if delay >= 60.0 { format!("sleep {delay}; {reboot}") } else { reboot })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The first of the folders that has a program.
async fn find(
    walker: &HostRun,
    errand: &Errand<'_>,
    folders: &[&str],
    program: &str,
) -> Result<Option<String>, Failed> {
    for folder in folders {
        let path = format!("{}/{program}", folder.trim_end_matches('/'));
        let told = errand.ask(walker, Question::File { path: path.clone() }).await?;
        if matches!(told, Told::File { size: Some(_), is_directory: false, .. }) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Give the order. A connection that breaks over it means that the host obeys.
async fn order(walker: &HostRun, command: &str, errand: &Errand<'_>) -> Result<(), Outcome> {
    match errand.shell(walker, command).await {
        Ok(result) if succeeded(&result) => {
            // The agent closes its journal while it still can.
            connect::close_host(&walker.run, &errand.host).await;
            Ok(())
        }
        Ok(result) => {
            let message = format!("Reboot command failed. Error was: {}", said(&result));
            Err(Outcome::failed(message).with("rebooted", false))
        }
        Err(ConnectError::Session(error)) if error.is_unreachable() => Ok(()),
        Err(error) => Err(error.outcome().with("rebooted", false)),
    }
}

fn succeeded(result: &TaskResult) -> bool {
    matches!(result.status, Status::Ok | Status::Changed)
}

fn message(result: &Map) -> String {
    result.get("msg").and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn said(result: &TaskResult) -> String {
    let text = |key: &str| result.result.get(key).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let parts: Vec<String> =
        ["msg", "stdout", "stderr"].map(text).into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}
