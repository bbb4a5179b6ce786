//! `service`: a daemon under whatever init the host has. With systemd it is the module `systemd`; without, init scripts
//! through `service`, `update-rc.d` or `chkconfig`, and OpenRC through `rc-service` and `rc-update`.

use super::asked::{choice, name, number, text, word};
use super::declare::{Spec, param, texts};
use super::systemd;
use super::tool::{Step, Undo, ask, failed_run, line, put_output, said, shell_probe};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The service.").required().end(),
    systemd::STATE,
    systemd::ENABLED,
    param("pattern", ParamKind::Str, "Without systemd: it runs when a process's command line contains this.").end(),
    param("sleep", ParamKind::Int, "Without systemd: seconds between stop and start of a restart.").end(),
    param("runlevel", ParamKind::Str, "OpenRC's runlevel.").default("default").end(),
    param("arguments", ParamKind::Str, "Without systemd: further arguments for the init script.")
        .also(texts!["args"])
        .end(),
    param("use", ParamKind::Str, "The service manager: `auto`, `systemd`, `openrc`, `sysvinit` or `service`.")
        .default("auto")
        .end(),
    systemd::FORCE,
    systemd::MASKED,
    systemd::RELOAD,
    systemd::REEXEC,
    systemd::SCOPE,
    systemd::NO_BLOCK,
];

static SPEC: ModuleSpec = Spec {
    name: "service",
    aliases: texts!["ansible.builtin.service", "ansible.legacy.service"],
    summary: "Start, stop and enable services under systemd, OpenRC or init scripts.",
    params: PARAMS,
    one_of: &[std::borrow::Cow::Borrowed(texts!["state", "enabled", "masked", "daemon_reload", "daemon_reexec"])],
    example: "- service:\n    name: irqbalance\n    state: stopped\n    enabled: false\n",
    returns: systemd::RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Daemon;

impl Module for Daemon {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        match word(request, "use").as_deref().map(|word| word.rsplit('.').next().unwrap_or(word)) {
            Some("systemd" | "systemd_service") => systemd::wanted(host, request),
            Some("openrc" | "sysvinit" | "service") => Script::find(host, request)?.wanted(host),
            Some("auto") | None if systemd::runs(host) => systemd::wanted(host, request),
            Some("auto") | None => match Script::find(host, request) {
                // A chroot of a host with systemd: enabling and masking work there.
                Err(_) if host.program("systemctl").is_some() => systemd::wanted(host, request),
                found => found?.wanted(host),
            },
            Some(other) => Err(ModuleError::new(format!("no service manager {other} is known here"))),
        }
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        let _ = host;
        if wanted.result.contains_key("status") {
            return systemd::report(request, wanted, runs);
        }
        let Some((_, run)) = failed_run(request, wanted, runs) else { return Ok(wanted.result.clone()) };
        let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
        let mut result = wanted.result.clone();
        result.insert("rc".to_owned(), run.rc.into());
        put_output(&mut result, &stdout, &stderr);
        let message = if stderr.trim().is_empty() { stdout } else { stderr };
        Err(ModuleError { message: message.trim().to_owned(), result })
    }
}

/// A service that a script controls.
struct Script<'a> {
    request: &'a Request<'a>,
    name: String,
    /// What `start`, `stop` and `status` are appended to.
    control: Vec<String>,
    openrc: bool,
}

impl<'a> Script<'a> {
    fn find(host: &Host, request: &'a Request<'a>) -> Result<Self, ModuleError> {
        for key in ["masked", "daemon_reload", "daemon_reexec"] {
            if choice(request, key) == Some(true) {
                return Err(ModuleError::new(format!("{key} is for hosts with systemd: it does not run here")));
            }
        }
        let name = name(request)?;
        let script = format!("/etc/init.d/{name}");
        let absent = || ModuleError::new(format!("Could not find the requested service {name}: host"));
        if !matches!(host.stat(&script), Ok(Some(stat)) if stat.mode & 0o111 != 0) {
            return Err(absent());
        }
        let tool = |program: &str| host.program(program);
        let (control, openrc) = match (tool("rc-service"), tool("rc-update"), tool("service")) {
            (Some(control), Some(_), _) => (vec![control, name.clone()], true),
            (_, _, Some(control)) => (vec![control, name.clone()], false),
            _ => (vec![script], false),
        };
        Ok(Self { request, name, control, openrc })
    }

    fn argv(&self, verb: &str) -> Vec<String> {
        let mut argv = self.control.clone();
        argv.push(verb.to_owned());
        argv.extend(text(self.request, "arguments").iter().flat_map(|more| more.split_whitespace()).map(str::to_owned));
        argv
    }

    fn wanted(&self, host: &Host) -> Result<Wanted, ModuleError> {
        let mut result = Map::from_iter([("name".to_owned(), self.name.clone().into())]);
        let mut changes = Vec::new();
        if let Some(enabled) = choice(self.request, "enabled") {
            result.insert("enabled".to_owned(), enabled.into());
            changes.extend(self.enable(host, enabled)?);
        }
        let running = self.is_running(host)?;
        let state = word(self.request, "state");
        let started = state.as_deref().map_or(running, |state| state != "stopped");
        result.insert("state".to_owned(), if started { "started" } else { "stopped" }.into());
        changes.extend(state.and_then(|state| self.switch(running, &state)));
        Ok(Wanted { changes, result, ..Wanted::default() })
    }

    fn is_running(&self, host: &Host) -> Result<bool, ModuleError> {
        if let Some(pattern) = word(self.request, "pattern") {
            let of_process = |pid: &String| {
                let line = host.read(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).replace('\0', " ").contains(&pattern)
            };
            let own = crate::host::sys::pid().to_string();
            let processes = host.list("/proc").unwrap_or_default();
            let number = |pid: &&String| **pid != own && pid.bytes().all(|byte| byte.is_ascii_digit());
            return Ok(processes.iter().filter(number).any(of_process));
        }
        let answer = ask(host, &self.argv("status"))?;
        let said = format!("{} {}", answer.stdout, answer.stderr).to_lowercase();
        if self.openrc {
            return Ok(answer.rc == 0 && !said.contains("crashed") && !said.contains("stopped"));
        }
        let denied = ["not running", "not started", "is stopped", "is dead", "inactive"];
        Ok(answer.rc == 0 && !denied.iter().any(|words| said.contains(words)))
    }

    fn switch(&self, running: bool, state: &str) -> Option<Change> {
        let verb = match (state, running) {
            ("stopped", true) => "stop",
            ("started" | "reloaded", false) => "start",
            ("restarted", _) => "restart",
            ("reloaded", true) => "reload",
            _ => return None,
        };
        let opposite = |back: &str, before: &str, after: &str| {
            let script = format!("{} >/dev/null 2>&1 && echo started || echo stopped", line(&self.argv("status")));
            Undo::By(self.argv(back), shell_probe(script, before, after))
        };
        let mut argv = self.argv(verb);
        let undo = match verb {
            "stop" => opposite("start", "started", "stopped"),
            "start" => opposite("stop", "stopped", "started"),
            "restart" => Undo::Never("a restart cannot be undone"),
            _ => Undo::Never("a service that has read its configuration again cannot be made to forget it"),
        };
        if let ("restart", Some(seconds)) = (verb, number(self.request, "sleep")) {
            let (stop, start) = (line(&self.argv("stop")), line(&self.argv("start")));
            argv = ["/bin/sh".to_owned(), "-c".to_owned(), format!("{stop}; sleep {}; {start}", seconds.max(0))].into();
        }
        Some(Step { converges: false, ..Step::new(argv, undo) }.change(self.request))
    }

    /// Links in the runlevels' folders, by whichever tool the host has.
    fn enable(&self, host: &Host, wanted: bool) -> Result<Vec<Change>, ModuleError> {
        let name = &self.name;
        let runlevel = word(self.request, "runlevel").unwrap_or_else(|| "default".to_owned());
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        // The orders that enable and disable it, and a line for the shell that is true while it is enabled.
        let (on, off, test) = if self.openrc {
            let tool = host.program("rc-update").unwrap_or_default();
            let order = |verb: &str| own(&[&tool, "-q", verb, name, &runlevel]);
            (order("add"), order("delete"), format!("test -e /etc/runlevels/{runlevel}/{name}"))
        } else if let Some(tool) = host.program("update-rc.d") {
            let order = |verb: &str| own(&[&tool, name, verb]);
            (order("enable"), order("disable"), format!("ls /etc/rc[2-5].d/S??{name} >/dev/null 2>&1"))
        } else if let Some(tool) = host.program("chkconfig") {
            let order = |verb: &str| own(&[&tool, name, verb]);
            (order("on"), order("off"), format!("ls /etc/rc[2-5].d/S??{name} >/dev/null 2>&1"))
        } else {
            return Err(ModuleError::new(format!(
                "cannot enable or disable {name}: no update-rc.d, chkconfig or rc-update"
            )));
        };
        let is = if self.openrc {
            matches!(host.lstat(&format!("/etc/runlevels/{runlevel}/{name}")), Ok(Some(_)))
        } else {
            host.glob_exists(&format!("/etc/rc[2-5].d/S??{name}"))
        };
        if is == wanted {
            return Ok(Vec::new());
        }
        let word = |enabled: bool| if enabled { "enabled" } else { "disabled" };
        let probe = || shell_probe(format!("{test} && echo enabled || echo disabled"), word(is), word(wanted));
        let mut changes = Vec::new();
        if !self.openrc && wanted && !host.glob_exists(&format!("/etc/rc?.d/[SK]??{name}")) {
            // Without any link there is nothing to enable yet.
            if let Some(tool) = host.program("update-rc.d") {
                let undo = Undo::By(own(&[&tool, "-f", name, "remove"]), probe());
                changes.push(Step::new(own(&[&tool, name, "defaults"]), undo).change(self.request));
                return Ok(changes);
            }
        }
        let (go, back) = if wanted { (on, off) } else { (off, on) };
        changes.push(Step::new(go, Undo::By(back, probe())).change(self.request));
        Ok(changes)
    }
}
