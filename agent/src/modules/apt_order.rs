//! Orders for apt-get: never a question, never an endless wait for a lock.

use super::asked::{choice, flag, number, word};
use super::tool::{Step, Undo, ask, line, words};
use super::{ModuleError, Request};
use crate::host::Host;
use luthier_protocol::change::{Bytes, Change, Meta, Resource, Reversal, Scope, State};

const POLICY: &str = "/usr/sbin/policy-rc.d";
const ENVIRONMENT: &[(&str, &str)] = &[
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("NEEDRESTART_MODE", "l"),
    ("LANG", "C"),
    ("LC_ALL", "C"),
    ("LC_MESSAGES", "C"),
    ("LC_CTYPE", "C"),
    ("LANGUAGE", "C"),
];
const NEVER: &str = "installing and removing packages cannot be undone: their own scripts have run";
const LISTS: &str = "the package lists were fetched, which needs no undoing";

/// Makes apt-get's command lines from a task's parameters.
#[derive(Debug)]
pub(super) struct Order<'a> {
    request: &'a Request<'a>,
    program: String,
}

impl<'a> Order<'a> {
    /// For one task.
    pub(super) fn new(host: &Host, request: &'a Request<'a>) -> Self {
        Self { request, program: host.program("apt-get").unwrap_or_default() }
    }

    /// `apt-get -y` with the options that hold for everything.
    fn base(&self) -> Vec<String> {
        let mut argv = words(&[&self.program, "-q", "-y"]);
        let options = word(self.request, "dpkg_options").unwrap_or_else(|| "force-confdef,force-confold".to_owned());
        for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            argv.extend(["-o".to_owned(), format!("Dpkg::Options::=--{option}")]);
        }
        argv.extend(["-o".to_owned(), format!("DPkg::Lock::Timeout={}", patience(self.request))]);
        for (key, switch) in [
            ("force", "--force-yes"),
            ("autoremove", "--auto-remove"),
            ("fail_on_autoremove", "--no-remove"),
            ("only_upgrade", "--only-upgrade"),
            ("allow_unauthenticated", "--allow-unauthenticated"),
            ("allow_downgrade", "--allow-downgrades"),
            ("allow_change_held_packages", "--allow-change-held-packages"),
        ] {
            if flag(self.request, key) {
                argv.push(switch.to_owned());
            }
        }
        if let Some(recommends) = choice(self.request, "install_recommends") {
            let answer = if recommends { "yes" } else { "no" };
            argv.extend(["-o".to_owned(), format!("APT::Install-Recommends={answer}")]);
        }
        if let Some(release) = word(self.request, "default_release") {
            argv.extend(["-t".to_owned(), release]);
        }
        argv
    }

    fn step(&self, argv: Vec<String>, converges: bool, never: &'static str) -> Change {
        let environment = ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Step { environment, converges, ..Step::new(argv, Undo::Never(never)) }.change(self.request)
    }

    /// Install packages, files, or what is needed to build packages.
    pub(super) fn install(&self, verb: &str, specs: &[String]) -> Change {
        let mut argv = self.base();
        if word(self.request, "state").as_deref() == Some("fixed") {
            argv.push("--fix-broken".to_owned());
        }
        argv.push(verb.to_owned());
        argv.extend(specs.iter().cloned());
        self.step(argv, false, NEVER)
    }

    /// Remove packages.
    pub(super) fn remove(&self, names: &[String]) -> Change {
        let verb = if flag(self.request, "purge") { "purge" } else { "remove" };
        let mut argv = self.base();
        argv.push(verb.to_owned());
        argv.extend(names.iter().cloned());
        self.step(argv, true, NEVER)
    }

    /// Upgrade everything.
    pub(super) fn upgrade(&self, mode: &str) -> Change {
        let verb: &[&str] =
            if matches!(mode, "dist" | "full") { &["dist-upgrade"] } else { &["--with-new-pkgs", "upgrade"] };
        let mut argv = self.base();
        argv.extend(words(verb));
        self.step(argv, false, NEVER)
    }

    /// `autoremove` or `autoclean`.
    pub(super) fn cleanup(&self, verb: &str) -> Change {
        let mut argv = self.base();
        if flag(self.request, "purge") {
            argv.push("--purge".to_owned());
        }
        argv.push(verb.to_owned());
        self.step(argv, false, NEVER)
    }

    /// Drop all downloaded files.
    pub(super) fn clean(&self) -> Change {
        self.step(words(&[&self.program, "clean"]), false, "downloaded package files can be downloaded again")
    }

    /// Fetch the package lists, several times where that fails.
    pub(super) fn update(&self) -> Change {
        let number = |key: &str, default: i64| number(self.request, key).unwrap_or(default).max(1);
        let (tries, most) = (number("update_cache_retries", 5), number("update_cache_retry_max_delay", 12));
        let get = line(&words(&[
            &self.program,
            "-q",
            "-o",
            &format!("DPkg::Lock::Timeout={}", patience(self.request)),
            "-o",
            "APT::Update::Error-Mode=any",
            "update",
        ]));
        let script = format!(
            "n=1; d=1; until {get}; do test $n -ge {tries} && exit 100; n=$((n+1)); sleep $d; d=$((d*2)); test $d -le {most} || d={most}; done"
        );
        let mut change = self.step(words(&["/bin/sh", "-c", &script]), false, LISTS);
        change.resource = Resource::Command(format!("{} update", self.program));
        change
    }

    /// Fetch a package file into apt's own folder: its path, and the change.
    pub(super) fn download(&self, host: &Host, address: &str) -> Result<(String, Change), ModuleError> {
        let hash = crate::host::hashes::digest(address.as_bytes(), crate::host::hashes::Algorithm::Sha256);
        let file = format!("/var/cache/apt/archives/luthier-{}.deb", hash.get(..16).unwrap_or(&hash));
        let helper = "/usr/lib/apt/apt-helper";
        let argv = if host.stat(helper).is_ok_and(|stat| stat.is_some()) {
            words(&[helper, "download-file", address, &file])
        } else if let Some(program) = host.program("curl") {
            words(&[&program, "-fsSL", "-o", &file, "--", address])
        } else if let Some(program) = host.program("wget") {
            words(&[&program, "-q", "-O", &file, "--", address])
        } else {
            return Err(ModuleError::new(format!("cannot download {address}: no apt-helper, curl or wget")));
        };
        Ok((file, self.step(argv, false, "a downloaded file is removed again")))
    }

    /// Remove a downloaded file.
    pub(super) fn tidy(&self, file: &str) -> Change {
        self.step(words(&["rm", "-f", "--", file]), false, "a downloaded file is removed again")
    }

    /// The change, unless a simulation finds nothing to do.
    pub(super) fn if_any(&self, host: &Host, change: Change, zero: &str) -> Result<Option<Change>, ModuleError> {
        let said = self.simulate(host, &change)?;
        Ok(if said.contains(zero) { None } else { Some(change) })
    }

    /// The change, where a simulation says that it would do something.
    pub(super) fn if_some(&self, host: &Host, change: Change, words: &str) -> Result<Option<Change>, ModuleError> {
        let said = self.simulate(host, &change)?;
        Ok(if said.contains(words) { Some(change) } else { None })
    }

    fn simulate(&self, host: &Host, change: &Change) -> Result<String, ModuleError> {
        let State::Run(run) = &change.after else { return Ok(String::new()) };
        let mut argv = run.argv.clone();
        argv.insert(1, "--simulate".to_owned());
        let answer = ask(host, &argv)?;
        if answer.rc != 0 {
            let message = complaint(self.request, change.resource.label(), &answer.stdout, &answer.stderr);
            return Err(ModuleError::new(message).with("rc", answer.rc).with("stdout", answer.stdout));
        }
        Ok(answer.stdout)
    }
}

/// Whether a change fetches the package lists.
pub(super) fn is_update(change: &Change) -> bool {
    change.resource.label().ends_with("apt-get update")
}

fn patience(request: &Request<'_>) -> i64 {
    number(request, "lock_timeout").unwrap_or(60)
}

/// Why a command of apt failed, as Ansible words it; a lock that was not given up is named as such.
pub(super) fn complaint(request: &Request<'_>, label: &str, stdout: &str, stderr: &str) -> String {
    let held = |row: &&str| row.contains("Could not get lock");
    let refused = |row: &&str| row.contains("Unable to acquire") || row.contains("Unable to lock");
    let mut rows = stderr.lines().chain(stdout.lines());
    if stderr.lines().any(|row| held(&row) || refused(&row)) {
        let row = rows.clone().find(held).or_else(|| rows.find(refused)).unwrap_or_default();
        return format!(
            "the package database was still locked after {} s (lock_timeout): {}",
            patience(request),
            row.trim_start_matches("E: ").trim_start_matches("Waiting for cache lock: ")
        );
    }
    let stderr = stderr.trim();
    if label.ends_with("apt-get update") {
        return format!("Failed to update apt cache: {stderr}");
    }
    if let Some((_, names)) = label.rsplit_once(" remove ").or_else(|| label.rsplit_once(" purge ")) {
        return format!("'apt-get remove {names}' failed: {stderr}");
    }
    format!("'{label}' failed: {stderr}")
}

/// The changes with a policy-rc.d around them that keeps services as they are.
pub(super) fn aware(host: &Host, code: i64, changes: Vec<Change>) -> Result<Vec<Change>, ModuleError> {
    let now = host.state(POLICY, true).map_err(super::answer::failed_to("read", POLICY))?;
    let ours = State::File {
        content: Some(Bytes(format!("#!/bin/sh\nexit {code}\n").into_bytes())),
        meta: Meta { mode: 0o755, uid: 0, gid: 0, times: None },
    };
    let change = |before: &State, after: &State| Change {
        resource: Resource::Path(POLICY.to_owned()),
        before: before.clone(),
        after: after.clone(),
        scope: Scope::Live,
        converges: false,
        revert: Reversal::Yes,
    };
    let mut all = vec![change(&now, &ours)];
    all.extend(changes);
    all.push(change(&ours, &now));
    Ok(all)
}
