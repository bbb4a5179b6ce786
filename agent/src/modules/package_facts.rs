//! `package_facts`: the installed packages, as `ansible_facts.packages`.

use super::asked::{list, word};
use super::declare::{Spec, param, returned, texts};
use super::dpkg;
use super::tool::{ask, words};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use serde_json::json;

const PARAMS: &[ParamSpec] = &[
    param("manager", ParamKind::List, "Package databases to read; `auto`: whichever there are.")
        .default("[auto]")
        .end(),
    param("strategy", ParamKind::Str, "`first`: stop at the first that has packages; `all`: read all.")
        .default("first")
        .one_of(texts!["first", "all"])
        .end(),
];

const RETURNS: &[ReturnSpec] =
    &[returned("ansible_facts", "`packages`: for each name a list of what is installed under it.")];

static SPEC: ModuleSpec = Spec {
    name: "package_facts",
    aliases: texts!["ansible.builtin.package_facts", "ansible.legacy.package_facts"],
    summary: "Tell which packages are installed.",
    params: PARAMS,
    example: "- package_facts:\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct PackageFacts;

impl Module for PackageFacts {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let mut managers = list(request, "manager").unwrap_or_default();
        if managers.is_empty() || managers.iter().any(|name| name == "auto") {
            managers = words(&["apt", "rpm", "pacman", "apk"]);
        }
        let mut packages = Map::new();
        for manager in &managers {
            for row in installed(host, manager)? {
                let Some(name) = row.get("name").and_then(Value::as_str).map(str::to_owned) else { continue };
                match packages.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    Value::Array(rows) => rows.push(row),
                    _ => continue,
                }
            }
            if !packages.is_empty() && word(request, "strategy").as_deref() != Some("all") {
                break;
            }
        }
        if packages.is_empty() {
            let message = format!(
                "Could not detect a supported package manager from the following list: {}",
                managers.join(", ")
            );
            return Err(ModuleError::new(message));
        }
        let facts = json!({"packages": packages});
        Ok(Wanted { result: Map::from_iter([("ansible_facts".to_owned(), facts)]), ..Wanted::default() })
    }
}

/// What one database holds; nothing where the host does not have it.
fn installed(host: &Host, manager: &str) -> Result<Vec<Value>, ModuleError> {
    let run = |argv: &[&str]| -> Result<String, ModuleError> {
        let Some(program) = argv.first().and_then(|program| host.program(program)) else { return Ok(String::new()) };
        let mut argv = words(argv);
        argv.splice(0..1, [program]);
        Ok(ask(host, &argv)?.stdout)
    };
    Ok(match manager {
        "apt" | "dpkg" => {
            let Ok(packages) = dpkg::packages(host) else { return Ok(Vec::new()) };
            let row = |package: &dpkg::Package| {
                json!({"name": package.name, "version": package.version, "arch": package.architecture,
                    "category": package.section, "origin": "", "source": "apt"})
            };
            packages.iter().filter(|package| package.is_installed()).map(row).collect()
        }
        "rpm" | "dnf" | "yum" | "dnf5" | "zypper" => {
            let format = "%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{EPOCH}\\t%{ARCH}\\n";
            rows(&run(&["rpm", "-qa", "--qf", format])?, &["name", "version", "release", "epoch", "arch"], "rpm")
        }
        "pacman" => {
            let text = run(&["pacman", "-Q"])?.replace(' ', "\t");
            rows(&text, &["name", "version"], "pacman")
        }
        "apk" => {
            let mut text = String::new();
            for line in run(&["apk", "info", "-v"])?.lines() {
                let mut parts = line.rsplitn(3, '-');
                if let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) {
                    text.push_str(&format!("{name}\t{version}\t{release}\n"));
                }
            }
            rows(&text, &["name", "version", "release"], "apk")
        }
        other => return Err(ModuleError::new(format!("Unsupported package managers requested: {other}"))),
    })
}

/// Lines of fields between tabs.
fn rows(text: &str, keys: &[&str], source: &str) -> Vec<Value> {
    let row = |line: &str| {
        let mut row = Map::from_iter([("source".to_owned(), source.into())]);
        for (key, value) in keys.iter().zip(line.split('\t')) {
            // rpm's word for an epoch that is not set.
            let value = if value == "(none)" { Value::Null } else { value.into() };
            row.insert((*key).to_owned(), value);
        }
        Value::Object(row)
    };
    text.lines().filter(|line| !line.is_empty()).map(row).collect()
}
