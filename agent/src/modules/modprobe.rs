//! `modprobe`: a kernel module loaded or not, now and at boot.
//!
//! Loading happens by the host's `modprobe`, which also takes what the module depends on. What was loaded is unloaded
//! again when the change is undone; what was unloaded comes back with the options that `/etc/modprobe.d` has.

use super::answer::{failed_to, program};
use super::declare::{Spec, param, returned, texts};
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent};
use super::run_report::command;
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::order::sort;
use crate::host::paths::join;
use crate::host::{Host, Kind};
use luthier_protocol::Map;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::collections::BTreeMap;

const LOADED_AT_BOOT: &str = "/etc/modules-load.d";
const OPTIONS: &str = "/etc/modprobe.d";

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The module.").required().end(),
    param("state", ParamKind::Str, "Whether it shall be loaded.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("params", ParamKind::Str, "Its parameters, as `name=value` with blanks between.").default("").end(),
    param(
        "persistent",
        ParamKind::Str,
        "Whether it shall be loaded, with its parameters, at boot; disabled: leave that.",
    )
    .default("disabled")
    .one_of(texts!["disabled", "present", "absent"])
    .end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("name", "The module."),
    returned("params", "Its parameters."),
    returned("state", "Whether it is loaded."),
];

static SPEC: ModuleSpec = Spec {
    name: "modprobe",
    aliases: texts!["community.general.modprobe", "ansible.builtin.modprobe", "ansible.legacy.modprobe"],
    summary: "Load or unload a kernel module.",
    params: PARAMS,
    example: "- community.general.modprobe:\n    name: vhost_net\n    persistent: present\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Modprobe;

impl Module for Modprobe {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = request.needed("name")?;
        let params = request.text("params").unwrap_or_default();
        let present = request.text("state") != Some("absent");
        let mut wanted = Wanted::default();
        for (key, value) in [("name", name), ("params", params), ("state", if present { "present" } else { "absent" })]
        {
            wanted.result.insert(key.to_owned(), value.into());
        }
        if present != is_loaded(host, name) {
            wanted.changes.push(live(host, name, params, present, &wanted.result)?);
        }
        let mut files = Files { host, new: BTreeMap::new() };
        match request.text("persistent") {
            Some("present") => files.load(name, params)?,
            Some("absent") => {
                files.disable(LOADED_AT_BOOT, |line| loads(line, name))?;
                files.disable(OPTIONS, |line| option(line, name).is_some())?;
            }
            _ => {}
        }
        wanted.changes.extend(files.changes()?);
        Ok(wanted)
    }

    fn report(&self, _: &Host, _: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
        match runs.last().filter(|run| run.rc != 0) {
            Some(run) => Err(refused(&wanted.result, run.rc, &run.stdout, &run.stderr)),
            None => Ok(wanted.result.clone()),
        }
    }
}

fn refused(result: &Map, rc: i32, stdout: &[u8], stderr: &[u8]) -> ModuleError {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ModuleError { message: text(stderr), result: result.clone() }
        .with("rc", rc)
        .with("stdout", text(stdout))
        .with("stderr", text(stderr))
}

/// Names of modules are the same with hyphens and underscores.
fn same(one: &str, other: &str) -> bool {
    one.replace('-', "_") == other.replace('-', "_")
}

/// Loaded, or built into the kernel.
fn is_loaded(host: &Host, name: &str) -> bool {
    let loaded = host.read_text("/proc/modules").unwrap_or_default();
    if loaded.lines().any(|line| line.split(' ').next().is_some_and(|module| same(module, name))) {
        return true;
    }
    let release = host.read_text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let builtin = host.read_text(&format!("/lib/modules/{release}/modules.builtin")).unwrap_or_default();
    let file = |line: &str| line.rsplit('/').next()?.split_once(".ko").map(|(module, _)| same(module, name));
    builtin.lines().any(|line| file(line.trim()) == Some(true))
}

fn live(host: &Host, name: &str, params: &str, present: bool, result: &Map) -> Result<Change, ModuleError> {
    let modprobe = program(host, "modprobe")?;
    let words =
        shlex::split(params).ok_or_else(|| ModuleError::new(format!("cannot split the parameters {params}")))?;
    let mut argv = vec![modprobe.clone()];
    if present {
        argv.push(name.to_owned());
        argv.extend(words);
    } else {
        argv.extend(["-r".to_owned(), name.to_owned()]);
    }
    if host.is_live() {
        // A rehearsal tells of unknown modules and parameters before anything is done.
        let mut rehearsal = argv.clone();
        rehearsal.insert(1, "-n".to_owned());
        let answer =
            host.query(&rehearsal).map_err(|error| ModuleError::new(format!("cannot run {modprobe}: {error}")))?;
        if answer.rc != 0 {
            return Err(refused(result, answer.rc, answer.stdout.as_bytes(), answer.stderr.as_bytes()));
        }
    }
    let back = if present { vec![modprobe, "-r".to_owned(), name.to_owned()] } else { vec![modprobe, name.to_owned()] };
    command(argv, Some(&back))
}

/// Whether a line of `/etc/modules-load.d` names the module.
fn loads(line: &str, name: &str) -> bool {
    line.trim_start_matches(' ').strip_prefix(name).is_some_and(ends)
}

/// Whether nothing but a comment follows.
fn ends(rest: &str) -> bool {
    let rest = rest.trim_start_matches(' ');
    rest.is_empty() || rest.starts_with(['#', ';'])
}

/// The one parameter that a line of `/etc/modprobe.d` sets for the module.
fn option<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let rest = line.strip_prefix("options ")?.strip_prefix(name)?.strip_prefix(' ')?;
    let (pair, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    let (key, value) = pair.split_once('=')?;
    let word = !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (word && !value.is_empty() && ends(rest)).then_some(pair)
}

/// Files of the two folders, as they shall be.
struct Files<'a> {
    host: &'a Host,
    new: BTreeMap<String, String>,
}

impl Files<'_> {
    /// Path and text of each regular file in a folder.
    fn texts(&self, folder: &str) -> Vec<(String, String)> {
        let names = self.host.list(folder).unwrap_or_default();
        let paths = names.iter().map(|name| join(folder, name));
        let files = paths.filter(|path| matches!(self.host.stat(path), Ok(Some(stat)) if stat.kind == Kind::File));
        files
            .filter_map(|path| Some((String::from_utf8(self.host.read(&path).ok()?).ok()?, path)))
            .map(|(text, path)| (path, text))
            .collect()
    }

    fn load(&mut self, name: &str, params: &str) -> Result<(), ModuleError> {
        let at_boot = self.texts(LOADED_AT_BOOT);
        if !at_boot.iter().any(|(_, text)| text.lines().any(|line| loads(line, name))) {
            self.new.insert(format!("{LOADED_AT_BOOT}/{name}.conf"), format!("{name}\n"));
        }
        let texts = self.texts(OPTIONS);
        let mut set: Vec<&str> =
            texts.iter().flat_map(|(_, text)| text.lines()).filter_map(|line| option(line, name)).collect();
        let mut asked: Vec<&str> = params.split_whitespace().collect();
        for list in [&mut set, &mut asked] {
            sort(list);
            list.dedup();
        }
        if set != asked {
            self.disable(OPTIONS, |line| option(line, name).is_some())?;
            let lines: Vec<String> = params.split_whitespace().map(|pair| format!("options {name} {pair}")).collect();
            self.new.insert(format!("{OPTIONS}/{name}.conf"), lines.join("\n") + "\n");
        }
        Ok(())
    }

    /// Comment lines out.
    fn disable(&mut self, folder: &str, goes: impl Fn(&str) -> bool) -> Result<(), ModuleError> {
        for (path, text) in self.texts(folder) {
            let bare = |line: &str| goes(line.strip_suffix('\n').unwrap_or(line));
            let lines = text.split_inclusive('\n');
            let new: String = lines.map(|line| if bare(line) { format!("#{line}") } else { line.to_owned() }).collect();
            if new != text {
                let path = self.host.resolve(&path).map_err(failed_to("resolve", &path))?;
                self.new.insert(path, new);
            }
        }
        Ok(())
    }

    fn changes(self) -> Result<Vec<Change>, ModuleError> {
        let none = Attributes::default();
        let mut changes: Vec<Change> = Vec::new();
        for (path, text) in self.new {
            changes.extend(placement::missing_directories(self.host, crate::host::paths::parent(&path), &none)?);
            let new = NewContent {
                path: &path,
                content: text.into_bytes(),
                fresh: placement::new_file(self.host, &path, Birth::Moved),
                present: None,
                attributes: &none,
                backup: false,
                converges: true,
            };
            changes.extend(placement::replace(self.host, new)?.0);
        }
        Ok(changes)
    }
}
