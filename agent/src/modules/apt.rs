//! `apt`: packages of Debian and its kin, through apt-get and dpkg's own files. No Python is needed on the host.
//!
//! What is installed is read from dpkg's status file; apt is asked only for what that cannot tell: which version could be
//! installed, and what an upgrade would do. Packages come and go with scripts of their own, so nothing here is undone.
//! Documented in apt-get(8).

use super::apt_order::{Order, aware, complaint, is_update};
use super::asked::{flag, list, number, text, word};
use super::declare::{Spec, param, returned, texts};
use super::dpkg::{self, Package, Policy, Wish};
use super::tool::{Step, Undo, ask, failed_run, need, put_output, said, shell_probe, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::order::sort;
use crate::host::{Host, glob};
use luthier_protocol::Map;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const STAMPS: [&str; 2] = ["/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"];
/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// apt-get says so where a simulation finds nothing to do.
const ZERO: &str = "\n0 upgraded, 0 newly installed, 0 to remove";

/// An optional switch.
const fn switch(name: &'static str, doc: &'static str) -> super::declare::Param {
    param(name, ParamKind::Bool, doc).default("false")
}

pub(super) const UPDATE: ParamSpec =
    param("update_cache", ParamKind::Bool, "First fetch the package lists.").also(texts!["update-cache"]).end();
pub(super) const VALID: ParamSpec =
    param("cache_valid_time", ParamKind::Int, "Seconds for which fetched lists are good; implies update_cache.")
        .default("0")
        .end();
pub(super) const PURGE: ParamSpec = switch("purge", "Remove configuration files too.").end();
pub(super) const AUTOREMOVE: ParamSpec = switch("autoremove", "Also remove what nothing needs any more.").end();
pub(super) const RECOMMENDS: ParamSpec =
    param("install_recommends", ParamKind::Bool, "Whether recommended packages come along; not given: as apt is set.")
        .also(texts!["install-recommends"])
        .end();
pub(super) const DOWNGRADE: ParamSpec = switch("allow_downgrade", "A named version may be older.")
    .also(texts!["allow-downgrade", "allow_downgrades", "allow-downgrades"])
    .end();
pub(super) const RELEASE: ParamSpec = param("default_release", ParamKind::Str, "The release to take packages from.")
    .also(texts!["default-release"])
    .end();
pub(super) const FORCE: ParamSpec = switch("force", "Go on where apt would rather ask (`--force-yes`).").end();
pub(super) const DPKG: ParamSpec = param("dpkg_options", ParamKind::Str, "Options for dpkg, without dashes.")
    .default("force-confdef,force-confold")
    .end();
pub(super) const LOCK: ParamSpec =
    param("lock_timeout", ParamKind::Int, "Seconds to wait while another process holds the package database.")
        .default("60")
        .end();
pub(super) const ONLY_UPGRADE: ParamSpec = switch("only_upgrade", "Pass over what is not installed.").end();
pub(super) const UNAUTHENTICATED: ParamSpec =
    switch("allow_unauthenticated", "Accept packages without a signature.").also(texts!["allow-unauthenticated"]).end();

const PARAMS: &[ParamSpec] = &[
    param(
        "package",
        ParamKind::List,
        "Packages: names, patterns, `name=1.2*`, `name>=1.2`; `*` with `state: latest` is all of them.",
    )
    .also(texts!["pkg", "name"])
    .end(),
    param("state", ParamKind::Str, "What shall be of them.")
        .default("present")
        .one_of(texts!["absent", "build-dep", "fixed", "latest", "present"])
        .end(),
    UPDATE,
    param("update_cache_retries", ParamKind::Int, "How often fetching the lists is tried.").default("5").end(),
    param("update_cache_retry_max_delay", ParamKind::Int, "Most seconds between two tries.").default("12").end(),
    VALID,
    PURGE,
    param("deb", ParamKind::Path, "A package file on the host, or an address to download it from.").end(),
    RELEASE,
    RECOMMENDS,
    FORCE,
    param("upgrade", ParamKind::Str, "Upgrade everything: `yes` and `safe` remove nothing, `full` and `dist` may.")
        .default("'no'")
        .one_of(texts!["dist", "full", "no", "safe", "yes"])
        .end(),
    DPKG,
    AUTOREMOVE,
    switch("autoclean", "Drop downloaded files of packages that are gone.").end(),
    switch("fail_on_autoremove", "Fail where anything would have to be removed.").end(),
    param("policy_rc_d", ParamKind::Int, "What policy-rc.d answers meanwhile: 101 keeps services from starting.").end(),
    ONLY_UPGRADE,
    switch("force_apt_get", "Accepted; apt-get is always used.").end(),
    switch("clean", "Drop all downloaded files.").end(),
    UNAUTHENTICATED,
    DOWNGRADE,
    switch("allow_change_held_packages", "Also change packages on hold.").end(),
    LOCK,
    param("auto_install_module_deps", ParamKind::Bool, "Accepted; nothing has to be installed first.")
        .default("true")
        .end(),
];

pub(super) const RETURNS: &[ReturnSpec] = &[
    returned("cache_updated", "The package lists were fetched."),
    returned("cache_update_time", "When they were last, seconds since 1970."),
    returned("stdout", "What apt-get printed."),
    returned("stderr", "What it complained of."),
];

static SPEC: ModuleSpec = Spec {
    name: "apt",
    aliases: texts!["ansible.builtin.apt", "ansible.legacy.apt"],
    summary: "Install, remove and upgrade Debian packages.",
    params: PARAMS,
    exclusive: &[std::borrow::Cow::Borrowed(texts!["deb", "package", "upgrade"])],
    one_of: &[std::borrow::Cow::Borrowed(texts![
        "autoremove",
        "autoclean",
        "clean",
        "deb",
        "package",
        "update_cache",
        "cache_valid_time",
        "upgrade"
    ])],
    example: "- apt:\n    name: [numactl, irqbalance]\n    cache_valid_time: 3600\n",
    returns: RETURNS,
    revertible: false,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Apt;

impl Module for Apt {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        wanted(host, request, list(request, "package").unwrap_or_default())
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        report(host, request, wanted, runs)
    }
}

/// Lists this old at most, in nanoseconds, were fetched by the task that asks.
const FETCHED_JUST_NOW: i64 = 60 * SECOND;

/// When the lists were fetched last, in nanoseconds; 0 where never.
fn fetched(host: &Host) -> i64 {
    let stamps = STAMPS.iter().filter_map(|path| host.stat(path).ok().flatten());
    stamps.map(|stat| stat.mtime_ns).next().unwrap_or(0)
}

/// What the task wants of these packages.
pub(super) fn wanted(host: &Host, request: &Request<'_>, names: Vec<String>) -> Result<Wanted, ModuleError> {
    need(host, "apt-get")?;
    let mut wanted = Wanted::default();
    let valid = number(request, "cache_valid_time").unwrap_or(0);
    let time = fetched(host);
    let good_until = time.saturating_add(valid.saturating_mul(SECOND));
    let asked = flag(request, "update_cache") || valid > 0;
    let stale = asked && good_until < host.now_ns();
    // What was prepared may be the mark of a wanted package only: then the lists are as old as before.
    let just_now = request.prepared && asked && host.now_ns().saturating_sub(time) < FETCHED_JUST_NOW;
    wanted.result.insert("cache_updated".to_owned(), (stale || just_now).into());
    wanted.result.insert("cache_update_time".to_owned(), (time / SECOND).into());
    let order = Order::new(host, request);
    let upgrade = word(request, "upgrade").filter(|mode| mode != "no");
    let deb = word(request, "deb");
    if flag(request, "clean") {
        wanted.changes.push(order.clean());
    }
    if stale && !request.prepared {
        let alone = names.is_empty() && upgrade.is_none() && deb.is_none();
        if alone && !flag(request, "autoremove") && !flag(request, "autoclean") {
            wanted.changes.push(order.update());
            return Ok(wanted);
        }
        wanted.prepare.push(order.update());
    }
    let found = if let Some(deb) = &deb {
        debs(host, request, &order, deb, &mut wanted)
    } else {
        packages(host, request, &order, &names, upgrade.as_deref(), &mut wanted)
    };
    match found {
        // Lists that are yet to be fetched may know what these do not.
        Err(_) if !wanted.prepare.is_empty() => wanted.changes.push(order.install("install", &names)),
        found => found?,
    }
    if let Some(code) = number(request, "policy_rc_d")
        && !wanted.changes.is_empty()
    {
        wanted.changes = aware(host, code, std::mem::take(&mut wanted.changes))?;
    }
    Ok(wanted)
}

/// Upgrades, cleaning, and the named packages.
fn packages(
    host: &Host,
    request: &Request<'_>,
    order: &Order<'_>,
    names: &[String],
    upgrade: Option<&str>,
    wanted: &mut Wanted,
) -> Result<(), ModuleError> {
    let all = names.iter().any(|name| name == "*");
    let state = word(request, "state").unwrap_or_default();
    let names: Vec<String> = names.iter().filter(|name| *name != "*").cloned().collect();
    if all && state == "latest" && !names.is_empty() {
        let message = "unable to install additional packages when upgrading all installed packages";
        return Err(ModuleError::new(message));
    }
    let mode = upgrade.or_else(|| (all && state == "latest").then_some("yes"));
    if let Some(mode) = mode {
        wanted.changes.extend(order.if_any(host, order.upgrade(mode), ZERO)?);
        return Ok(());
    }
    if names.is_empty() {
        if flag(request, "autoclean") {
            wanted.changes.extend(order.if_some(host, order.cleanup("autoclean"), "Del ")?);
        }
        if flag(request, "autoremove") {
            wanted.changes.extend(order.if_some(host, order.cleanup("autoremove"), "will be REMOVED")?);
        }
        if state == "fixed" {
            wanted.changes.extend(order.if_any(host, order.install("install", &[]), ZERO)?);
        }
        return Ok(());
    }
    if state == "build-dep" {
        wanted.changes.extend(order.if_any(host, order.install("build-dep", &names), ZERO)?);
        return Ok(());
    }
    let known = dpkg::packages(host)?;
    let wishes = wishes(host, &names, &known)?;
    if state == "absent" {
        let gone = |wish: &Wish| {
            let mut called = known.iter().filter(|package| package.is_called(&wish.name));
            !called.any(|package| {
                (package.is_installed() && wish.accepts(&package.version))
                    || (flag(request, "purge") && package.status == "config-files")
            })
        };
        let doomed: Vec<String> = wishes.iter().filter(|wish| !gone(wish)).map(|wish| wish.name.clone()).collect();
        if !doomed.is_empty() {
            wanted.changes.push(order.remove(&doomed));
        }
        return Ok(());
    }
    let specs = lacking(host, request, &wishes, &known, state == "latest")?;
    if !specs.is_empty() || (state == "fixed" && !names.is_empty()) {
        let change = order.install("install", &specs);
        if state == "fixed" {
            wanted.changes.extend(order.if_any(host, change, ZERO)?);
        } else {
            wanted.changes.push(change);
        }
    }
    if !request.prepared {
        wanted.prepare.extend(by_hand(host, request, &wishes, &known));
    }
    Ok(())
}

/// The named packages, patterns resolved.
fn wishes(host: &Host, names: &[String], known: &[Package]) -> Result<Vec<Wish>, ModuleError> {
    let mut wishes = Vec::new();
    let mut all: Option<Vec<String>> = None;
    for spec in names {
        let wish = Wish::new(spec)?;
        if !wish.name.contains(['*', '?', '[', ']', '!']) {
            wishes.push(wish);
            continue;
        }
        if all.is_none() {
            let program = host.program("apt-cache").unwrap_or_default();
            let answer = ask(host, &words(&[&program, "pkgnames"])).map(|answer| answer.stdout).unwrap_or_default();
            let installed = known.iter().map(|package| package.name.clone());
            all = Some(answer.lines().map(str::to_owned).chain(installed).collect());
        }
        let mut matching: Vec<&String> = all.iter().flatten().filter(|name| glob::matches(&wish.name, name)).collect();
        sort(&mut matching);
        matching.dedup();
        if matching.is_empty() {
            return Err(ModuleError::new(format!("No package(s) matching '{}' available", wish.name)));
        }
        for name in matching {
            wishes.push(Wish { spec: name.clone(), name: name.clone(), version: None });
        }
    }
    Ok(wishes)
}

/// What apt-get is to be told to install.
fn lacking(
    host: &Host,
    request: &Request<'_>,
    wishes: &[Wish],
    known: &[Package],
    latest: bool,
) -> Result<Vec<String>, ModuleError> {
    let installed = |name: &str| known.iter().find(|package| package.is_installed() && package.is_called(name));
    let provided =
        |name: &str| known.iter().any(|package| package.is_installed() && package.provides.iter().any(|p| p == name));
    let mut open = Vec::new();
    for wish in wishes {
        let fits = match installed(&wish.name) {
            Some(package) => wish.accepts(&package.version) && !latest,
            None => wish.version.is_none() && provided(&wish.name) || flag(request, "only_upgrade"),
        };
        if !fits {
            open.push(wish);
        }
    }
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let policies = policies(host, request, &open)?;
    let mut specs = Vec::new();
    for wish in open {
        let present = installed(&wish.name);
        let policy = policies.iter().find(|policy| policy.name.split(':').next() == wish.name.split(':').next());
        let Some(policy) = policy else {
            return Err(ModuleError::new(format!("No package matching '{}' is available", wish.name)));
        };
        let best = policy.best(wish);
        match (best, present) {
            (Some(best), Some(package)) if package.version == best => {}
            // Already newer than all that is offered.
            (Some(_), Some(package)) if wish.version.is_none() && !latest && package.is_installed() => {}
            (Some(best), _) if wish.version.is_some() => specs.push(format!("{}={best}", wish.name)),
            (Some(_), _) => specs.push(wish.name.clone()),
            // A virtual package: apt-get picks what stands for it, or says why it cannot.
            (None, None) if wish.version.is_none() => specs.push(wish.name.clone()),
            (None, Some(package)) if wish.accepts(&package.version) => {}
            _ => return Err(ModuleError::new(format!("no available installation candidate for {}", wish.spec))),
        }
    }
    Ok(specs)
}

fn policies(host: &Host, request: &Request<'_>, wishes: &[&Wish]) -> Result<Vec<Policy>, ModuleError> {
    let mut argv = vec![need(host, "apt-cache")?];
    if let Some(release) = word(request, "default_release") {
        argv.extend(["-o".to_owned(), format!("APT::Default-Release={release}")]);
    }
    argv.push("policy".to_owned());
    argv.extend(wishes.iter().map(|wish| wish.name.clone()));
    Ok(dpkg::policies(&ask(host, &argv)?.stdout))
}

/// Named packages that came as somebody's dependency are from now on wanted for themselves.
fn by_hand(host: &Host, request: &Request<'_>, wishes: &[Wish], known: &[Package]) -> Option<Change> {
    let program = host.program("apt-mark")?;
    let automatic = dpkg::automatic(host);
    let installed = |name: &str| known.iter().any(|package| package.is_installed() && package.is_called(name));
    let names: Vec<&str> = wishes.iter().map(|wish| wish.name.as_str()).collect();
    let marked: Vec<&str> = names.into_iter().filter(|name| automatic.contains(*name) && installed(name)).collect();
    if marked.is_empty() {
        return None;
    }
    let argv = |verb: &str| [words(&[&program, verb]), words(&marked)].concat();
    let probe = shell_probe(super::tool::line(&argv("showauto")), &sorted(&marked), "");
    Some(Step { converges: false, ..Step::new(argv("manual"), Undo::By(argv("auto"), probe)) }.change(request))
}

fn sorted(names: &[&str]) -> String {
    let mut names = names.to_vec();
    sort(&mut names);
    names.join("\n")
}

/// Package files: on the host already, or to be downloaded first.
fn debs(
    host: &Host,
    request: &Request<'_>,
    order: &Order<'_>,
    deb: &str,
    wanted: &mut Wanted,
) -> Result<(), ModuleError> {
    if text(request, "state").is_some_and(|state| state != "present") {
        return Err(ModuleError::new("deb only supports state=present"));
    }
    let mut files: Vec<String> = deb.split(',').map(|file| file.trim().to_owned()).collect();
    let mut litter = None;
    if deb.contains("://") {
        let (file, fetch) = order.download(host, deb)?;
        if !request.prepared {
            wanted.prepare.push(fetch);
            wanted.changes.push(order.install("install", &[file]));
            return Ok(());
        }
        litter = Some(file.clone());
        files = vec![file];
    }
    let known = dpkg::packages(host)?;
    let mut open = Vec::new();
    for file in files {
        let file = host.absolute(&file);
        let program = need(host, "dpkg-deb")?;
        let shown = ask(host, &words(&[&program, "-f", &file, "Package", "Version", "Architecture"]))?;
        let field = |key: &str| shown.stdout.lines().find_map(|row| row.strip_prefix(key)).map(str::trim);
        let (Some(name), Some(version)) = (field("Package:"), field("Version:")) else {
            let message = format!("Unable to install package: {file}: {}", shown.stderr.trim());
            return Err(ModuleError::new(message).with("rc", shown.rc));
        };
        let same = |package: &Package| {
            package.is_installed()
                && package.name == name
                && package.version == version
                && field("Architecture:").is_none_or(|is| is == "all" || is == package.architecture)
        };
        if !known.iter().any(same) {
            open.push(file);
        }
    }
    if !open.is_empty() {
        wanted.changes.push(order.install("install", &open));
    }
    wanted.changes.extend(litter.map(|file| order.tidy(&file)));
    Ok(())
}

/// The return values, and apt-get's failures worded as Ansible words them.
pub(super) fn report(
    host: &Host,
    request: &Request<'_>,
    wanted: &Wanted,
    runs: &[RunOutput],
) -> Result<Map, ModuleError> {
    let mut result = wanted.result.clone();
    let before = result.get("cache_update_time").cloned();
    let after = fetched(host) / SECOND;
    result.insert("cache_update_time".to_owned(), after.into());
    if let Some((change, run)) = failed_run(request, wanted, runs) {
        let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
        let message = complaint(request, change.resource.label(), &stdout, &stderr);
        result.insert("rc".to_owned(), run.rc.into());
        put_output(&mut result, &stdout, &stderr);
        return Err(ModuleError { message, result });
    }
    let only_update = wanted.changes.len() == 1 && wanted.changes.first().is_some_and(is_update);
    if only_update && before == Some(after.into()) {
        // Fetched, and everything was as it had been.
        result.insert("changed".to_owned(), false.into());
        result.insert("cache_updated".to_owned(), false.into());
    }
    if !runs.is_empty() && !only_update {
        let join = |pick: fn(&RunOutput) -> &Vec<u8>| runs.iter().map(|run| said(pick(run))).collect::<String>();
        let stdout = join(|run| &run.stdout);
        if word(request, "upgrade").is_some_and(|mode| mode != "no") {
            result.insert("msg".to_owned(), stdout.clone().into());
        }
        put_output(&mut result, &stdout, &join(|run| &run.stderr));
    }
    Ok(result)
}
