//! `package`: packages through whatever manager the host has.

use super::asked::{list, word};
use super::declare::{Spec, param, texts};
use super::tool::{Step, Undo, ask, failed_run, need, put_output, said, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted, apt, dnf};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};

const NEVER: &str = "installing and removing packages cannot be undone: their own scripts have run";

/// A manager without a module of its own: its program, and what that and others are told.
struct Other {
    program: &'static str,
    /// Ends well where a package is installed.
    test: &'static [&'static str],
    install: &'static [&'static str],
    remove: &'static [&'static str],
    latest: &'static [&'static str],
}

const OTHERS: &[Other] = &[
    Other {
        program: "zypper",
        test: &["rpm", "-q", "--whatprovides"],
        install: &["-n", "install"],
        remove: &["-n", "remove"],
        latest: &["-n", "update"],
    },
    Other {
        program: "pacman",
        test: &["pacman", "-Q"],
        install: &["-S", "--noconfirm", "--needed"],
        remove: &["-R", "--noconfirm"],
        latest: &["-S", "--noconfirm", "--needed"],
    },
    Other { program: "apk", test: &["apk", "info", "-e"], install: &["add"], remove: &["del"], latest: &["add", "-u"] },
];

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::List, "Packages.").also(texts!["pkg", "package"]).required().end(),
    param("state", ParamKind::Str, "`present`, `absent`, `latest`, and what else the manager's own module knows.")
        .end(),
    param("use", ParamKind::Str, "The manager: `apt`, `dnf`, `yum`, `zypper`, `pacman`, `apk`; `auto` finds it.")
        .default("auto")
        .end(),
    apt::UPDATE,
    apt::VALID,
    apt::PURGE,
    apt::AUTOREMOVE,
    apt::RECOMMENDS,
    apt::DOWNGRADE,
    apt::RELEASE,
    apt::FORCE,
    apt::DPKG,
    apt::ONLY_UPGRADE,
    apt::UNAUTHENTICATED,
    apt::LOCK,
    dnf::ENABLEREPO,
    dnf::DISABLEREPO,
    dnf::NO_GPG,
];

static SPEC: ModuleSpec = Spec {
    name: "package",
    aliases: texts!["ansible.builtin.package", "ansible.legacy.package"],
    summary: "Install, remove and upgrade packages with the host's own package manager.",
    params: PARAMS,
    example: "- package:\n    name: numactl\n    state: present\n",
    returns: apt::RETURNS,
    revertible: false,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Package;

impl Module for Package {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let names = list(request, "name").unwrap_or_default();
        match manager(host, request)?.as_str() {
            "apt" => apt::wanted(host, request, names),
            "dnf" | "yum" | "dnf5" => dnf::wanted(host, request, names),
            other => others(host, request, other, &names),
        }
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        match manager(host, request)?.as_str() {
            "apt" => return apt::report(host, request, wanted, runs),
            "dnf" | "yum" | "dnf5" => return dnf::report(request, wanted, runs),
            _ => {}
        }
        let mut result = wanted.result.clone();
        let Some(run) = runs.last() else { return Ok(result) };
        let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
        put_output(&mut result, &stdout, &stderr);
        result.insert("rc".to_owned(), run.rc.into());
        if let Some((change, _)) = failed_run(request, wanted, runs) {
            let message = format!("'{}' failed: {}", change.resource.label(), stderr.trim());
            return Err(ModuleError { message, result });
        }
        if stdout.contains("Nothing to do") || stdout.contains("there is nothing to do") {
            result.insert("changed".to_owned(), false.into());
        }
        Ok(result)
    }
}

/// The manager to use.
fn manager(host: &Host, request: &Request<'_>) -> Result<String, ModuleError> {
    let named = word(request, "use").unwrap_or_else(|| "auto".to_owned());
    if named != "auto" {
        return Ok(named.rsplit('.').next().unwrap_or(&named).to_owned());
    }
    let order = [
        ("apt-get", "apt"),
        ("zypper", "zypper"),
        ("dnf", "dnf"),
        ("dnf5", "dnf"),
        ("yum", "yum"),
        ("apk", "apk"),
        ("pacman", "pacman"),
    ];
    // A host of one family may have another's tools: what it was installed with decides.
    let rpm = ["/etc/redhat-release", "/etc/fedora-release"];
    let first = if rpm.iter().any(|path| matches!(host.stat(path), Ok(Some(_)))) { 2 } else { 0 };
    let found = order.iter().cycle().skip(first).take(order.len()).find(|(program, _)| host.program(program).is_some());
    found.map(|(_, name)| (*name).to_owned()).ok_or_else(|| {
        ModuleError::new(
            "Could not find a matching action for the \"auto\" package manager: this host has none that is known",
        )
    })
}

fn others(host: &Host, request: &Request<'_>, manager: &str, names: &[String]) -> Result<Wanted, ModuleError> {
    let Some(other) = OTHERS.iter().find(|other| other.program == manager) else {
        return Err(ModuleError::new(format!("Could not find a module for package manager {manager}")));
    };
    let program = need(host, other.program)?;
    let mut there = Vec::new();
    for name in names {
        let mut argv = words(other.test);
        argv.push(name.clone());
        if let Some(path) = argv.first().and_then(|tool| host.program(tool)) {
            argv.splice(0..1, [path]);
        }
        there.push(ask(host, &argv)?.rc == 0);
    }
    let select = |wish: bool| -> Vec<String> {
        names.iter().zip(&there).filter(|(_, is)| **is == wish).map(|(name, _)| name.clone()).collect()
    };
    let state = word(request, "state").unwrap_or_default();
    let (orders, chosen): (&[&str], Vec<String>) = match state.as_str() {
        "absent" | "removed" => (other.remove, select(true)),
        "latest" => (other.latest, names.to_vec()),
        "" | "present" | "installed" => (other.install, select(false)),
        state => return Err(ModuleError::new(format!("{manager} knows no state {state}"))),
    };
    let mut wanted = Wanted::default();
    if !chosen.is_empty() {
        let argv = [vec![program], words(orders), chosen].concat();
        wanted.changes.push(Step { converges: false, ..Step::new(argv, Undo::Never(NEVER)) }.change(request));
    }
    Ok(wanted)
}
