//! `systemd`: whether a unit runs, whether it starts at boot, whether it may start at all.
//!
//! Enabling, masking, starting and stopping have an opposite and can be undone; a restart, a reload and reading the unit
//! files again have none. On a KVM host: libvirtd, irqbalance, ksmtuned, tuned.
//! Documented in systemctl(1).

use super::asked::{choice, flag, text, word};
use super::declare::{Spec, param, returned, texts};
use super::tool::{Step, Undo, ask, failed_run, line, need, put_output, quoted, said, shell_probe, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::{Host, sys};
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};

/// Where it is a folder, systemd is the running init.
const RUNNING: &str = "/run/systemd/system";
/// Folders whose unit files an earlier task may have written.
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
/// What `is-enabled` prints for units that exist.
const STATES: &str = " enabled enabled-runtime linked linked-runtime masked masked-runtime static indirect disabled generated transient ";

pub(super) const ENABLED: ParamSpec = param("enabled", ParamKind::Bool, "Whether it starts at boot.").end();
pub(super) const STATE: ParamSpec = param(
    "state",
    ParamKind::Str,
    "`started` and `stopped` act only where needed; `restarted` and `reloaded` always, and start what does not run.",
)
.one_of(texts!["reloaded", "restarted", "started", "stopped"])
.end();
pub(super) const MASKED: ParamSpec =
    param("masked", ParamKind::Bool, "Whether it is masked: it cannot start at all.").end();
pub(super) const RELOAD: ParamSpec =
    param("daemon_reload", ParamKind::Bool, "First read all unit files again; does not count as a change.")
        .also(texts!["daemon-reload"])
        .default("false")
        .end();
pub(super) const REEXEC: ParamSpec =
    param("daemon_reexec", ParamKind::Bool, "First start systemd itself anew; does not count as a change.")
        .also(texts!["daemon-reexec"])
        .default("false")
        .end();
pub(super) const SCOPE: ParamSpec = param("scope", ParamKind::Str, "Whose units: the system's or a user's.")
    .default("system")
    .one_of(texts!["system", "user", "global"])
    .end();
pub(super) const NO_BLOCK: ParamSpec =
    param("no_block", ParamKind::Bool, "Do not wait until the unit has started or stopped.").default("false").end();
pub(super) const FORCE: ParamSpec =
    param("force", ParamKind::Bool, "Overwrite links that are in the way when enabling or masking.").end();

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The unit; without a suffix it is a service.").also(texts!["service", "unit"]).end(),
    STATE,
    ENABLED,
    FORCE,
    MASKED,
    RELOAD,
    REEXEC,
    SCOPE,
    NO_BLOCK,
];

pub(super) const RETURNS: &[ReturnSpec] = &[
    returned("name", "The unit."),
    returned("state", "`started` or `stopped`, where a state was asked for."),
    returned("enabled", "Whether it starts at boot, where that was asked for."),
    returned("status", "What `systemctl show` told before the task changed anything."),
];

static SPEC: ModuleSpec = Spec {
    name: "systemd",
    aliases: texts![
        "systemd_service",
        "ansible.builtin.systemd",
        "ansible.builtin.systemd_service",
        "ansible.legacy.systemd",
        "ansible.legacy.systemd_service"
    ],
    summary: "Start, stop, enable and mask units of systemd.",
    params: PARAMS,
    one_of: &[std::borrow::Cow::Borrowed(texts!["state", "enabled", "masked", "daemon_reload", "daemon_reexec"])],
    example: "- systemd:\n    name: irqbalance\n    state: stopped\n    enabled: false\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Systemd;

impl Module for Systemd {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        wanted(host, request)
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        let _ = host;
        report(request, wanted, runs)
    }
}

/// Whether systemd is the running init.
pub(super) fn runs(host: &Host) -> bool {
    super::answer::is_directory(host, RUNNING)
}

/// A unit and the command line that all questions and orders about it begin with.
struct Unit<'a> {
    request: &'a Request<'a>,
    systemctl: Vec<String>,
    name: String,
}

/// What is known of a unit.
#[derive(Default)]
struct Known {
    status: Map,
    found: bool,
    warnings: Vec<String>,
}

/// What the task wants.
pub(super) fn wanted(host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
    let name = word(request, "name");
    for key in ["state", "enabled", "masked"] {
        if name.is_none() && request.params.get(key).is_some_and(|value| !value.is_null()) {
            return Err(ModuleError::new(format!("missing parameter(s) required by '{key}': name")));
        }
    }
    let shown: Value = name.clone().map_or(Value::Null, Value::from);
    let name = name.unwrap_or_default();
    if name.contains(['*', '?', '[']) {
        return Err(ModuleError::new(format!("a unit cannot be named by a pattern here: {name}")));
    }
    let systemctl = need(host, "systemctl").map_err(|error| ModuleError {
        message: format!("{}: systemd does not manage this host", error.message),
        ..error
    })?;
    let unit = Unit { request, systemctl: command(request, systemctl), name };
    let mut result = Map::from_iter([("name".to_owned(), shown), ("status".to_owned(), Value::Object(Map::new()))]);
    let mut wanted = Wanted { prepare: unit.reloads(), ..Wanted::default() };
    if !unit.name.is_empty() {
        unit.all(host, &mut wanted.changes, &mut result)?;
    }
    wanted.result = result;
    Ok(wanted)
}

/// `systemctl` with the switches the task asks for.
fn command(request: &Request<'_>, systemctl: String) -> Vec<String> {
    let mut command = vec![systemctl];
    if let Some(scope) = text(request, "scope").filter(|scope| scope != "system") {
        if sys::variable("XDG_RUNTIME_DIR").is_none() && !request.environment.contains_key("XDG_RUNTIME_DIR") {
            command.splice(0..0, ["env".to_owned(), format!("XDG_RUNTIME_DIR=/run/user/{}", sys::uid())]);
        }
        command.push(format!("--{scope}"));
    }
    for (key, switch) in [("no_block", "--no-block"), ("force", "--force")] {
        if flag(request, key) {
            command.push(switch.to_owned());
        }
    }
    command
}

impl Unit<'_> {
    fn argv(&self, verb: &str) -> Vec<String> {
        let mut argv = self.systemctl.clone();
        argv.extend([verb.to_owned(), self.name.clone()]);
        argv
    }

    /// Name of its file.
    fn file(&self) -> String {
        if self.name.contains('.') { self.name.clone() } else { format!("{}.service", self.name) }
    }

    /// Reading unit files anew: to be done before the unit is looked at.
    fn reloads(&self) -> Vec<Change> {
        let order = |(key, verb): (&str, &str)| {
            let mut argv = self.systemctl.clone();
            argv.push(verb.to_owned());
            let undo = Undo::Never("systemd has read its unit files again, which needs no undoing");
            flag(self.request, key).then(|| Step { converges: false, ..Step::new(argv, undo) }.change(self.request))
        };
        [("daemon_reload", "daemon-reload"), ("daemon_reexec", "daemon-reexec")].into_iter().filter_map(order).collect()
    }

    /// Enablement and state, and the mask before or after them.
    fn all(&self, host: &Host, changes: &mut Vec<Change>, result: &mut Map) -> Result<(), ModuleError> {
        let known = self.look(host)?;
        if !known.warnings.is_empty() {
            result.insert("warnings".to_owned(), known.warnings.clone().into());
        }
        result.insert("status".to_owned(), Value::Object(known.status.clone()));
        let masked = choice(self.request, "masked");
        let mask = match masked {
            Some(masked) => {
                let answer = ask(host, &self.argv("is-enabled"))?;
                self.mask(answer.stdout.trim() == "masked", masked)
            }
            None => None,
        };
        // What is masked cannot start: the mask comes off first and goes on last, and so undoing works as well.
        let (unmask, mask) = if masked == Some(true) { (None, mask) } else { (mask, None) };
        changes.extend(unmask);
        if let Some(enabled) = choice(self.request, "enabled") {
            self.must_exist(&known)?;
            let is = self.is_enabled(host)?;
            result.insert("enabled".to_owned(), enabled.into());
            if is != enabled {
                changes.push(self.enable(is, enabled));
            }
        }
        if let Some(state) = word(self.request, "state") {
            self.must_exist(&known)?;
            let Some(active) = known.status.get("ActiveState").and_then(Value::as_str) else {
                if !runs(host) {
                    let message = format!("cannot tell the state of {}: systemd does not run here", self.name);
                    return Err(ModuleError::new(message).with("status", known.status));
                }
                return Err(ModuleError::new("Service is in unknown state").with("status", known.status));
            };
            let now = if state == "stopped" { "stopped" } else { "started" };
            result.insert("state".to_owned(), now.into());
            changes.extend(self.switch(active, &state));
        }
        changes.extend(mask);
        Ok(())
    }

    /// What systemd knows of the unit.
    fn look(&self, host: &Host) -> Result<Known, ModuleError> {
        let mut known = Known::default();
        let shown = ask(host, &self.argv("show"))?;
        let ignored = [&shown.stdout, &shown.stderr].iter().any(|text| {
            !text.contains('=') && (text.contains("ignoring request") || text.contains("ignoring command"))
        });
        if shown.rc == 0 && !ignored {
            known.status = properties(&shown.stdout);
            let get = |key: &str| known.status.get(key).and_then(Value::as_str);
            let load = get("LoadState").unwrap_or("not-found");
            known.found = load != "not-found";
            if let Some(error) = get("LoadError")
                && known.found
                && load != "masked"
            {
                return Err(ModuleError::new(format!("Error loading unit file '{}': {error}", self.name)));
            }
        } else {
            let state = ask(host, &self.argv("is-enabled"))?;
            known.found = STATES.contains(&format!(" {} ", state.stdout.trim()));
            if !runs(host) {
                known
                    .warnings
                    .push("systemd does not run here: only what is set for the next boot is known".to_owned());
            }
        }
        if !known.found && self.is_init_script(host) {
            known.found = true;
            known.warnings.push(format!(
                "The service ({}) is actually an init script but the system is managed by systemd",
                self.name
            ));
        }
        if !known.found {
            // Written by an earlier task of a check, or by hand without a daemon-reload.
            let file = self.file();
            known.found = UNITS.iter().any(|folder| matches!(host.lstat(&format!("{folder}/{file}")), Ok(Some(_))));
            if known.found {
                known.status.entry("ActiveState").or_insert_with(|| "inactive".into());
            }
        }
        Ok(known)
    }

    fn is_init_script(&self, host: &Host) -> bool {
        matches!(host.stat(&format!("/etc/init.d/{}", self.name)), Ok(Some(stat)) if stat.mode & 0o111 != 0)
    }

    fn must_exist(&self, known: &Known) -> Result<(), ModuleError> {
        if known.found {
            return Ok(());
        }
        Err(ModuleError::new(format!("Could not find the requested service {}: host", self.name)))
    }

    fn mask(&self, is: bool, wanted: bool) -> Option<Change> {
        let word = |masked: bool| if masked { "masked" } else { "not masked" };
        let verb = |masked: bool| self.argv(if masked { "mask" } else { "unmask" });
        let script =
            format!("test \"$({})\" = masked && echo masked || echo not masked", line(&self.argv("is-enabled")));
        let undo = Undo::By(verb(is), shell_probe(script, word(is), word(wanted)));
        (is != wanted).then(|| Step::new(verb(wanted), undo).change(self.request))
    }

    /// Whether it starts at boot, for good.
    fn is_enabled(&self, host: &Host) -> Result<bool, ModuleError> {
        let mut argv = self.argv("is-enabled");
        argv.push("-l".to_owned());
        let answer = ask(host, &argv)?;
        let said = answer.stdout.trim();
        if answer.rc == 0 {
            return Ok(!matches!(said, "enabled-runtime" | "indirect" | "alias"));
        }
        let system = text(self.request, "scope").is_none_or(|scope| scope == "system");
        if said == "masked" && system && choice(self.request, "masked") == Some(false) {
            // The mask, which comes off, hides whether it is enabled; its links do not.
            return Ok(host.glob_exists(&format!("/etc/systemd/system/*.wants/{}", self.file())));
        }
        Ok(answer.rc == 1
            && system
            && self.is_init_script(host)
            && !said.ends_with("disabled")
            && host.glob_exists(&format!("/etc/rc?.d/S??{}", self.name)))
    }

    fn enable(&self, is: bool, wanted: bool) -> Change {
        let word = |enabled: bool| if enabled { "enabled" } else { "disabled" };
        let verb = |enabled: bool| self.argv(if enabled { "enable" } else { "disable" });
        let script = format!(
            "s=$({}) && case $s in enabled-runtime|indirect|alias) false;; esac && echo enabled || echo disabled",
            line(&self.argv("is-enabled"))
        );
        Step::new(verb(wanted), Undo::By(verb(is), shell_probe(script, word(is), word(wanted)))).change(self.request)
    }

    fn switch(&self, active: &str, state: &str) -> Option<Change> {
        let running = matches!(active, "active" | "activating");
        let verb = match state {
            "stopped" if running || active == "deactivating" => "stop",
            "stopped" => return None,
            _ if !running => "start",
            "restarted" => "restart",
            "reloaded" => "reload",
            _ => return None,
        };
        let undo = match verb {
            "restart" => Undo::Never("a restart cannot be undone"),
            "reload" => Undo::Never("a service that has read its configuration again cannot be made to forget it"),
            _ => {
                let (back, before, after) =
                    if verb == "stop" { ("start", "started", "stopped") } else { ("stop", "stopped", "started") };
                let script = format!(
                    "case $({}) in active|activating) echo started;; *) echo stopped;; esac",
                    line(&self.argv("is-active"))
                );
                Undo::By(self.argv(back), shell_probe(script, before, after))
            }
        };
        // What starts may have done its work and ended at once.
        let converges = verb == "stop" && !flag(self.request, "no_block");
        Some(Step { converges, ..Step::new(self.argv(verb), undo) }.change(self.request))
    }
}

/// `KEY=VALUE` lines; the value of an `Exec…` key may go on over several lines up to its closing brace.
fn properties(text: &str) -> Map {
    let mut map = Map::new();
    let mut open: Option<(String, String)> = None;
    for row in text.lines() {
        if let Some((key, mut value)) = open.take() {
            value.push('\n');
            value.push_str(row);
            if row.trim_end().ends_with('}') {
                map.insert(key, value.trim().into());
            } else {
                open = Some((key, value));
            }
            continue;
        }
        let Some((key, value)) = row.split_once('=') else { continue };
        if key.starts_with("Exec") && value.trim_start().starts_with('{') && !value.trim_end().ends_with('}') {
            open = Some((key.to_owned(), value.to_owned()));
        } else {
            map.insert(key.to_owned(), value.trim().into());
        }
    }
    map
}

/// The return values; a command that failed is worded as Ansible words it.
pub(super) fn report(request: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
    let Some((change, run)) = failed_run(request, wanted, runs) else { return Ok(wanted.result.clone()) };
    let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
    let name = word(request, "name").unwrap_or_default();
    let label = change.resource.label();
    let verb =
        label.strip_suffix(&format!(" {}", quoted(&name))).unwrap_or(label).rsplit(' ').next().unwrap_or_default();
    let message = match verb {
        "daemon-reload" | "daemon-reexec" => format!("failure {} during {verb}: {}", run.rc, stderr.trim()),
        "mask" | "unmask" => format!("Failed to {verb} the service ({name}): {}", stderr.trim()),
        _ => format!("Unable to {verb} service {name}: {}", format!("{stdout}{stderr}").trim()),
    };
    let mut result = wanted.result.clone();
    result.insert("rc".to_owned(), run.rc.into());
    put_output(&mut result, &stdout, &stderr);
    Err(ModuleError { message, result })
}

/// `systemctl` for other modules that ask about all units.
pub(super) fn plain(host: &Host, arguments: &[&str]) -> Option<Vec<String>> {
    let mut argv = vec![host.program("systemctl")?];
    argv.extend(words(arguments));
    Some(argv)
}
