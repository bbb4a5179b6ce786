//! The program under test: the built `luthier` with a home of its own, and what it said.

use crate::skip::workspace;
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A way to call `luthier`: isolated home, no configuration of the machine.
#[derive(Debug, Clone)]
pub struct Luthier {
    home: PathBuf,
    folder: PathBuf,
    inventories: Vec<PathBuf>,
    environment: Vec<(String, OsString)>,
}

/// What a call said.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Luthier {
    /// Calls with this folder as home; state of the controller and of local agents lands below it.
    pub fn new(home: &Path) -> Self {
        std::fs::create_dir_all(home).expect("a home for the controller");
        Self { home: home.to_path_buf(), folder: home.to_path_buf(), inventories: Vec::new(), environment: Vec::new() }
    }

    /// Give `-i FILE` with every call.
    #[must_use]
    pub fn inventory(mut self, file: &Path) -> Self {
        self.inventories.push(file.to_path_buf());
        self
    }

    /// Without any inventory.
    #[must_use]
    pub fn no_inventory(mut self) -> Self {
        self.inventories.clear();
        self
    }

    /// Call from this folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_path_buf();
        self
    }

    /// Set an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The controller's state folder.
    pub fn state(&self) -> PathBuf {
        self.home.join("state/luthier")
    }

    /// A command line to start by hand: subcommand first, then its arguments; `-i` is added.
    pub fn command<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, arguments: I) -> Command {
        let mut command = Command::new(built());
        command.args(arguments);
        for inventory in &self.inventories {
            command.arg("-i").arg(inventory);
        }
        command.current_dir(&self.folder).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("USER", std::env::var_os("USER").unwrap_or_else(|| "root".into()))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("XDG_STATE_HOME", self.home.join("state"))
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .env("LUTHIER_STATE_DIR", self.home.join("local-agent"))
            .env("RUST_BACKTRACE", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Call and wait.
    pub fn call<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, arguments: I) -> Outcome {
        let output = self.command(arguments).output().expect("luthier starts");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Run a playbook and read its events.
    pub fn run(&self, playbook: &Path, arguments: &[&str]) -> Outcome {
        let mut all: Vec<OsString> = vec!["run".into(), playbook.into(), "-o".into(), "json".into()];
        all.extend(arguments.iter().map(OsString::from));
        self.call(all)
    }

    /// Start a playbook without waiting; its output is thrown away.
    pub fn start(&self, playbook: &Path, arguments: &[&str]) -> Started {
        let mut command = self.command(["run"]);
        command.arg(playbook).args(["-o", "json"]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Started(command.spawn().expect("luthier starts"))
    }
}

/// A call under way, killed on drop.
#[derive(Debug)]
pub struct Started(Child);

impl Started {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Wait for its end; the exit code, or `None` when a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        self.0.wait().expect("luthier ends").code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Outcome {
    /// Everything it printed, for messages.
    pub fn text(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// Insist on an exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert!(self.code == Some(code), "should exit {code}\n{}", self.text());
        self
    }

    /// Insist that it says something, on whichever stream.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.stdout.contains(words) || self.stderr.contains(words), "should say {words:?}\n{}", self.text());
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.text()))
    }

    /// The events, one a line. Any other line is a failure: human text must never mix with them.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.text())))
            .collect()
    }

    /// The id of the run.
    #[track_caller]
    pub fn run_id(&self) -> String {
        let started = self.events().into_iter().find(|event| event["event"] == "run_started");
        let id = started.as_ref().and_then(|event| event["run"].as_str());
        id.unwrap_or_else(|| panic!("no run_started\n{}", self.text())).to_owned()
    }

    /// The results of a host, in order, without those of single loop items.
    #[track_caller]
    pub fn results(&self, host: &str) -> Vec<Value> {
        let mut rows = self.events();
        rows.retain(|event| event["event"] == "task_result" && event["host"] == host && event.get("item").is_none());
        rows
    }

    /// The (last) result of a task on a host.
    #[track_caller]
    pub fn result(&self, host: &str, task: &str) -> Value {
        let found = self.results(host).into_iter().rfind(|event| event["task"] == task);
        found.unwrap_or_else(|| panic!("no result of {task:?} on {host}\n{}", self.text()))
    }

    /// Task and status of each result of a host.
    #[track_caller]
    pub fn statuses(&self, host: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.results(host).iter().map(|event| (text(&event["task"]), text(&event["status"]))).collect()
    }

    /// One count of the recap.
    #[track_caller]
    pub fn recap(&self, host: &str, key: &str) -> u64 {
        let finished = self.events().into_iter().find(|event| event["event"] == "run_finished");
        let count = finished.as_ref().and_then(|event| event.get("recap")?.get(host)?.get(key)?.as_u64());
        count.unwrap_or_else(|| panic!("no {key} of {host} in the recap\n{}", self.text()))
    }

    /// The message with which a host failed or could not be reached.
    #[track_caller]
    pub fn complaint(&self, host: &str) -> String {
        let rows = self.results(host);
        let bad = rows.iter().find(|event| event["status"] == "unreachable" || event["status"] == "failed");
        let message = bad.and_then(|event| event.pointer("/result/msg")?.as_str());
        message.unwrap_or_else(|| panic!("{host} has nothing to complain of\n{}", self.text())).to_owned()
    }
}

/// Path of the built `luthier`.
pub fn built() -> PathBuf {
    program("luthier", "LUTHIER_BIN")
}

/// Path of a built program of the workspace: from the environment, else built once here.
pub(crate) fn program(name: &str, variable: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    if let Some(path) = std::env::var_os(variable) {
        return PathBuf::from(path);
    }
    let folder = profile_folder();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "luthier", "--package", "luthier-libvirt"]);
        if folder.file_name().is_some_and(|profile| profile == "release") {
            cargo.arg("--release");
        }
        cargo.arg("--target-dir").arg(target_folder());
        let status = cargo.current_dir(workspace()).status().expect("cargo runs");
        assert!(status.success(), "the programs under test do not build");
    });
    folder.join(name)
}

/// TARGET/PROFILE: this test lies in its folder `deps`.
fn profile_folder() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this test");
    this.parent().and_then(Path::parent).expect("a target folder").to_path_buf()
}

/// Cargo's target folder.
pub(crate) fn target_folder() -> PathBuf {
    profile_folder().parent().expect("a target folder").to_path_buf()
}
