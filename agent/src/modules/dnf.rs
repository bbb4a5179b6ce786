//! `dnf`: packages of Fedora and its kin, through dnf5, dnf or yum. What is installed is asked of rpm.
//!
//! Packages come and go with scripts of their own, so nothing here is undone. Documented in dnf(8).

use super::asked::{choice, flag, list, number, word};
use super::declare::{Param, Spec, param, returned, texts};
use super::tool::{Step, Undo, ask, failed_run, need, put_output, said, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use crate::host::order::sort_by;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};

const NEVER: &str = "installing and removing packages cannot be undone: their own scripts have run";
const NOTHING: &str = "Nothing to do";

const fn switch(name: &'static str, doc: &'static str) -> Param {
    param(name, ParamKind::Bool, doc).default("false")
}

pub(super) const ENABLEREPO: ParamSpec =
    param("enablerepo", ParamKind::List, "Repositories that are used besides.").end();
pub(super) const DISABLEREPO: ParamSpec =
    param("disablerepo", ParamKind::List, "Repositories that are not used.").end();
pub(super) const NO_GPG: ParamSpec = switch("disable_gpg_check", "Accept packages without a valid signature.").end();

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::List, "Packages: names, name-version, globs, `@groups`, files, addresses; `*` is all.")
        .also(texts!["pkg"])
        .end(),
    param("state", ParamKind::Str, "What shall be of them.")
        .one_of(texts!["absent", "present", "installed", "removed", "latest"])
        .end(),
    ENABLEREPO,
    DISABLEREPO,
    NO_GPG,
    switch("update_cache", "First look for newer package lists.").also(texts!["expire-cache"]).end(),
    switch("update_only", "With `latest`: pass over what is not installed.").end(),
    switch("security", "With `latest`: only upgrades that mend security holes.").end(),
    switch("bugfix", "With `latest`: only upgrades that mend bugs.").end(),
    switch("autoremove", "Also remove what nothing needs any more.").end(),
    switch("allow_downgrade", "A named version may be older.").end(),
    switch("allowerasing", "Remove what stands in the way.").end(),
    param("best", ParamKind::Bool, "Only the newest version will do.").end(),
    param("nobest", ParamKind::Bool, "An older version will do.").end(),
    switch("cacheonly", "Use only what has been fetched before.").end(),
    switch("skip_broken", "Pass over what cannot be installed.").end(),
    switch("download_only", "Only download.").end(),
    param("download_dir", ParamKind::Str, "Where downloads go.").end(),
    param("exclude", ParamKind::List, "Packages to leave alone.").end(),
    param("disable_excludes", ParamKind::Str, "Excludes to ignore: `all`, `main` or a repository.").end(),
    param("disable_plugin", ParamKind::List, "Plugins that are not used.").end(),
    param("enable_plugin", ParamKind::List, "Plugins that are used besides.").end(),
    param("conf_file", ParamKind::Str, "Another configuration file.").end(),
    param("installroot", ParamKind::Str, "Another root.").default("/").end(),
    param("releasever", ParamKind::Str, "Another release.").end(),
    param("install_weak_deps", ParamKind::Bool, "Whether weak dependencies come along.").default("true").end(),
    param("install_repoquery", ParamKind::Bool, "Accepted; without effect.").default("true").end(),
    param("sslverify", ParamKind::Bool, "Check certificates of repositories.").default("true").end(),
    param("validate_certs", ParamKind::Bool, "Accepted; dnf checks certificates of downloads by itself.")
        .default("true")
        .end(),
    param("lock_timeout", ParamKind::Int, "Seconds for which the whole transaction may wait for another one's end.")
        .default("30")
        .end(),
    param("use_backend", ParamKind::Str, "`dnf5`, `dnf4` or `yum`; `auto`: what the host has.").default("auto").end(),
    param("use", ParamKind::Str, "As `use_backend`.").end(),
    param("auto_install_module_deps", ParamKind::Bool, "Accepted; nothing has to be installed first.")
        .default("true")
        .end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("results", "What was installed, upgraded and removed, one line each."),
    returned("rc", "Exit status of dnf."),
    returned("stdout", "What dnf printed."),
];

static SPEC: ModuleSpec = Spec {
    name: "dnf",
    aliases: texts![
        "yum",
        "dnf5",
        "ansible.builtin.dnf",
        "ansible.builtin.yum",
        "ansible.builtin.dnf5",
        "ansible.legacy.dnf",
        "ansible.legacy.yum",
        "ansible.legacy.dnf5"
    ],
    summary: "Install, remove and upgrade RPM packages.",
    params: PARAMS,
    example: "- dnf:\n    name: [numactl, tuned]\n    state: present\n",
    returns: RETURNS,
    revertible: false,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Dnf;

impl Module for Dnf {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        wanted(host, request, list(request, "name").unwrap_or_default())
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

struct Order<'a> {
    host: &'a Host,
    request: &'a Request<'a>,
    program: String,
}

/// What the task wants of these packages.
pub(super) fn wanted(host: &Host, request: &Request<'_>, names: Vec<String>) -> Result<Wanted, ModuleError> {
    let asked = word(request, "use_backend").or_else(|| word(request, "use")).unwrap_or_default();
    let programs: &[&str] = match asked.as_str() {
        "dnf5" => &["dnf5"],
        "dnf4" => &["dnf-3", "dnf"],
        "yum" | "yum4" => &["yum"],
        _ => &["dnf", "dnf5", "yum", "microdnf"],
    };
    let found = programs.iter().find_map(|program| host.program(program));
    let program = match found {
        Some(program) => program,
        None => need(host, programs.first().unwrap_or(&"dnf"))?,
    };
    let order = Order { host, request, program };
    let update = flag(request, "update_cache");
    let mut wanted = Wanted::default();
    wanted.result.insert("results".to_owned(), Value::Array(Vec::new()));
    wanted.result.insert("rc".to_owned(), 0.into());
    if names.is_empty() && !flag(request, "autoremove") {
        if !update {
            return Err(ModuleError::new("one of the following is required: name, list, autoremove, update_cache"));
        }
        wanted.result.insert("msg".to_owned(), "Cache updated".into());
        if !request.prepared {
            wanted.prepare.push(order.step("makecache", &[], "the package lists were fetched, which needs no undoing"));
        }
        return Ok(wanted);
    }
    let state = word(request, "state");
    let absent =
        matches!(state.as_deref(), Some("absent" | "removed")) || (state.is_none() && flag(request, "autoremove"));
    let change = match state.as_deref() {
        _ if absent && names.is_empty() => order.simulated("autoremove", &[])?,
        _ if absent => {
            let there = order.installed(&names)?;
            let verb = if flag(request, "autoremove") { "autoremove" } else { "remove" };
            (!there.is_empty()).then(|| order.step(verb, &there, NEVER))
        }
        Some("latest") => return order.latest(&names, wanted),
        _ => {
            let missing = order.missing(&names)?;
            let unsure: Vec<&String> = missing.iter().filter(|name| !is_plain(name)).collect();
            if !missing.is_empty() && unsure.len() == missing.len() {
                order.simulated("install", &missing)?
            } else {
                (!missing.is_empty()).then(|| order.step("install", &missing, NEVER))
            }
        }
    };
    wanted.changes.extend(change);
    if wanted.changes.is_empty() {
        wanted.result.insert("msg".to_owned(), NOTHING.into());
    }
    Ok(wanted)
}

/// A name that rpm alone can judge.
fn is_plain(name: &str) -> bool {
    !name.starts_with('@') && !name.contains("://") && !name.contains(['*', '?', '[', '<', '>', '='])
}

impl Order<'_> {
    fn argv(&self, verb: &str, names: &[String]) -> Vec<String> {
        let request = self.request;
        let mut argv = words(&[&self.program, "-y"]);
        let mut push = |text: String| argv.push(text);
        for (key, option) in [
            ("enablerepo", "--enablerepo"),
            ("disablerepo", "--disablerepo"),
            ("exclude", "--exclude"),
            ("disable_plugin", "--disableplugin"),
            ("enable_plugin", "--enableplugin"),
        ] {
            if let Some(items) = list(request, key).filter(|items| !items.is_empty()) {
                push(format!("{option}={}", items.join(",")));
            }
        }
        for (key, option) in [
            ("disable_excludes", "--disableexcludes"),
            ("conf_file", "--config"),
            ("releasever", "--releasever"),
            ("download_dir", "--downloaddir"),
            ("installroot", "--installroot"),
        ] {
            if let Some(value) = word(request, key).filter(|value| key != "installroot" || value != "/") {
                push(format!("{option}={value}"));
            }
        }
        let changes = matches!(verb, "install" | "upgrade" | "check-update");
        for (key, switch, on) in [
            ("disable_gpg_check", "--nogpgcheck", true),
            ("cacheonly", "--cacheonly", true),
            ("allowerasing", "--allowerasing", changes),
            ("skip_broken", "--skip-broken", changes),
            ("best", "--best", changes),
            ("nobest", "--nobest", changes),
            ("security", "--security", verb != "install" && changes),
            ("bugfix", "--bugfix", verb != "install" && changes),
            ("download_only", "--downloadonly", changes),
            ("update_cache", "--refresh", changes),
        ] {
            if on && flag(request, key) && (key != "download_only" || verb != "check-update") {
                push(switch.to_owned());
            }
        }
        for (key, option) in [("install_weak_deps", "install_weak_deps"), ("sslverify", "sslverify")] {
            if choice(request, key) == Some(false) {
                push(format!("--setopt={option}=False"));
            }
        }
        push(verb.to_owned());
        argv.extend(names.iter().cloned());
        argv
    }

    fn step(&self, verb: &str, names: &[String], never: &'static str) -> Change {
        let environment = ["LANG", "LC_ALL"].map(|name| (name.to_owned(), "C.UTF-8".to_owned())).into();
        let argv = self.argv(verb, names);
        Step { environment, converges: false, ..Step::new(argv, Undo::Never(never)) }.change(self.request)
    }

    /// The change, unless dnf itself says that there is nothing to do.
    fn simulated(&self, verb: &str, names: &[String]) -> Result<Option<Change>, ModuleError> {
        let mut argv = self.argv(verb, names);
        if let Some(yes) = argv.get_mut(1) {
            "--assumeno".clone_into(yes);
        }
        let answer = ask(self.host, &argv)?;
        let idle = answer.stdout.contains(NOTHING) || answer.stderr.contains(NOTHING);
        Ok(if idle { None } else { Some(self.step(verb, names, NEVER)) })
    }

    fn rpm(&self, arguments: &[&str], names: &[String]) -> Result<String, ModuleError> {
        let mut argv = vec![need(self.host, "rpm")?];
        if let Some(root) = word(self.request, "installroot").filter(|root| root != "/") {
            argv.push(format!("--root={root}"));
        }
        argv.extend(words(arguments));
        argv.extend(names.iter().cloned());
        let answer = ask(self.host, &argv)?;
        Ok(answer.stdout + &answer.stderr)
    }

    /// The installed ones.
    fn installed(&self, names: &[String]) -> Result<Vec<String>, ModuleError> {
        let mut there = Vec::new();
        for name in names {
            let answer = if is_plain(name) {
                let said = self.rpm(&["-q", "--qf", "%{NAME}\\n"], std::slice::from_ref(name))?;
                said.lines().any(|row| !row.contains(' ') && !row.is_empty())
            } else if name.starts_with('@') {
                self.simulated("remove", std::slice::from_ref(name))?.is_some()
            } else {
                !self.rpm(&["-qa"], std::slice::from_ref(name))?.trim().is_empty()
            };
            if answer {
                there.push(name.clone());
            }
        }
        Ok(there)
    }

    /// Those that are neither installed nor provided by something that is.
    fn missing(&self, names: &[String]) -> Result<Vec<String>, ModuleError> {
        let (plain, mut missing): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| is_plain(name));
        let (files, plain): (Vec<String>, Vec<String>) = plain.into_iter().partition(|name| name.ends_with(".rpm"));
        for file in files {
            let full =
                self.rpm(&["-qp", "--qf", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}"], std::slice::from_ref(&file))?;
            let said = self.rpm(&["-q", "--qf", "there"], &[full.lines().last().unwrap_or_default().to_owned()])?;
            if !said.contains("there") && !self.would_go_back(full.lines().last().unwrap_or_default())? {
                missing.push(file);
            }
        }
        if plain.is_empty() {
            return Ok(missing);
        }
        let said = self.rpm(&["-q", "--qf", ""], &plain)?;
        let is_open = |said: &str, name: &str| {
            let tells = |row: &str| {
                row == format!("package {name} is not installed") || row == format!("no package provides {name}")
            };
            said.lines().any(tells) || said.contains(&format!("file {name}: No such file"))
        };
        let open: Vec<String> = plain.into_iter().filter(|name| is_open(&said, name)).collect();
        if !open.is_empty() {
            let said = self.rpm(&["-q", "--qf", "", "--whatprovides"], &open)?;
            for name in open.into_iter().filter(|name| is_open(&said, name)) {
                if !self.would_go_back(&name)? {
                    missing.push(name);
                }
            }
        }
        let place = |name: &String| names.iter().position(|other| other == name);
        sort_by(&mut missing, |left, right| place(left) > place(right));
        Ok(missing)
    }

    /// Whether a named version is older than the one that is there, and may not take its place: dnf itself would do it.
    fn would_go_back(&self, name: &str) -> Result<bool, ModuleError> {
        if flag(self.request, "allow_downgrade") {
            return Ok(false);
        }
        for (base, wanted) in
            name.rmatch_indices('-').filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)))
        {
            let said = self.rpm(&["-q", "--qf", "%{VERSION} %{RELEASE}\\n[%{PROVIDENAME}\\n]"], &[base.to_owned()])?;
            let Some((version, release)) = said.lines().next().and_then(|row| row.split_once(' ')) else { continue };
            if release.contains(' ') {
                // "package x is not installed"
                continue;
            }
            if said.contains("installonlypkg") {
                // A kernel stands beside the others.
                return Ok(false);
            }
            let wanted = wanted.split_once(':').map_or(wanted, |(_, version)| version);
            let (wanted, build) = wanted.split_once('-').unwrap_or((wanted, release));
            return Ok(match self.compared(wanted, version)? {
                0 => self.compared(build, release)? < 0,
                order => order < 0,
            });
        }
        Ok(false)
    }

    /// -1, 0 or 1: how rpm itself orders two versions. A release may have its architecture behind it, which counts for
    /// nothing here.
    fn compared(&self, one: &str, other: &str) -> Result<i32, ModuleError> {
        let safe = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+~^".contains(&byte));
        if one == other
            || one.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'))
            || !safe(one)
            || !safe(other)
        {
            return Ok(0);
        }
        let said = self.rpm(&["--eval", &format!("%{{lua:print(rpm.vercmp(\"{one}\", \"{other}\"))}}")], &[])?;
        Ok(said.trim().parse().unwrap_or(0))
    }

    /// Newest versions: what is missing is installed, what is old is upgraded.
    fn latest(&self, names: &[String], mut wanted: Wanted) -> Result<Wanted, ModuleError> {
        let all = names.iter().any(|name| name == "*");
        let missing = if all { Vec::new() } else { self.missing(names)? };
        let there: Vec<String> = names.iter().filter(|name| !missing.contains(name)).cloned().collect();
        if !missing.is_empty() && !flag(self.request, "update_only") {
            wanted.changes.push(self.step("install", &missing, NEVER));
        }
        if all || !there.is_empty() {
            let there = if all { Vec::new() } else { there };
            let mut argv = self.argv("check-update", &there);
            argv.insert(1, "-q".to_owned());
            // 100: there are newer ones.
            if ask(self.host, &argv)?.rc == 100 {
                wanted.changes.push(self.step("upgrade", &there, NEVER));
            }
        }
        if wanted.changes.is_empty() {
            wanted.result.insert("msg".to_owned(), NOTHING.into());
        }
        Ok(wanted)
    }
}

/// The return values; `results` is read from dnf's closing summary.
pub(super) fn report(request: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
    let mut result = wanted.result.clone();
    if let Some((_, run)) = failed_run(request, wanted, runs) {
        let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
        result.insert("rc".to_owned(), run.rc.into());
        put_output(&mut result, &stdout, &stderr);
        let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
        let held = lines.iter().any(|row| row.contains("is locked by another process") || row.contains("lock"));
        let wait = number(request, "lock_timeout").unwrap_or(30);
        let hint = if held { format!(" (lock_timeout is {wait} s)") } else { String::new() };
        result.insert("failures".to_owned(), lines.clone().into());
        let message = if lines.is_empty() { "dnf failed".to_owned() } else { lines.join("; ") };
        return Err(ModuleError { message: message + &hint, result });
    }
    if runs.is_empty() {
        return Ok(result);
    }
    let stdout: String = runs.iter().map(|run| said(&run.stdout)).collect();
    let stderr: String = runs.iter().map(|run| said(&run.stderr)).collect();
    let results = summary(&stdout);
    if results.is_empty() && stdout.contains(NOTHING) {
        result.insert("changed".to_owned(), false.into());
        result.insert("msg".to_owned(), NOTHING.into());
    }
    result.insert("results".to_owned(), results.into());
    put_output(&mut result, &stdout, &stderr);
    Ok(result)
}

/// `Installed: foo-1-1.x86_64` and the like.
fn summary(stdout: &str) -> Vec<String> {
    let mut heading = None;
    let mut rows = Vec::new();
    for row in stdout.lines() {
        let title = row.trim_end().strip_suffix(':');
        match title {
            Some(title @ ("Installed" | "Upgraded" | "Removed" | "Downgraded" | "Reinstalled")) => {
                heading = Some(title)
            }
            _ if row.starts_with(' ') => {
                if let Some(title) = heading {
                    rows.extend(row.split_whitespace().map(|package| format!("{title}: {package}")));
                }
            }
            _ => heading = None,
        }
    }
    rows
}
