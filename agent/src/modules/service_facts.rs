//! `service_facts`: the services of the host, as `ansible_facts.services`.

use super::declare::{Spec, returned, texts};
use super::systemd;
use super::tool::ask;
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use serde_json::json;

const RETURNS: &[ReturnSpec] =
    &[returned("ansible_facts", "`services`: for each name its `state`, `status` and `source`.")];

static SPEC: ModuleSpec = Spec {
    name: "service_facts",
    aliases: texts!["ansible.builtin.service_facts", "ansible.legacy.service_facts"],
    summary: "Tell which services there are, which run, and which start at boot.",
    example: "- service_facts:\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct ServiceFacts;

impl Module for ServiceFacts {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let _ = request;
        let mut services = Map::new();
        if systemd::runs(host) {
            units(host, &mut services)?;
        }
        scripts(host, &mut services)?;
        let facts = json!({"services": services});
        Ok(Wanted { result: Map::from_iter([("ansible_facts".to_owned(), facts)]), ..Wanted::default() })
    }
}

fn service(services: &mut Map, name: &str, state: &str, status: &str, source: &str) {
    let row = json!({"name": name, "state": state, "status": status, "source": source});
    services.insert(name.to_owned(), row);
}

/// Units that systemd has loaded, and files of those it has not.
fn units(host: &Host, services: &mut Map) -> Result<(), ModuleError> {
    let listed = |arguments: &[&str]| -> Result<String, ModuleError> {
        systemd::plain(host, arguments).map_or(Ok(String::new()), |argv| Ok(ask(host, &argv)?.stdout))
    };
    let bad = |word: &str| matches!(word, "not-found" | "masked" | "failed");
    for row in listed(&["list-units", "--no-pager", "--type", "service", "--all", "--plain", "--no-legend"])?.lines() {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let [name, load, active, sub, ..] = fields.as_slice() else { continue };
        let status = [load, active, sub].into_iter().find(|word| bad(word)).unwrap_or(active);
        service(services, name, if *sub == "running" { "running" } else { "stopped" }, status, "systemd");
    }
    let mut unloaded = Vec::new();
    for row in listed(&["list-unit-files", "--no-pager", "--type", "service", "--all", "--no-legend"])?.lines() {
        let mut fields = row.split_whitespace();
        let (Some(name), Some(status)) = (fields.next(), fields.next()) else { continue };
        match services.get_mut(name) {
            Some(known) => {
                if !known.get("status").and_then(Value::as_str).is_some_and(bad)
                    && let Some(known) = known.as_object_mut()
                {
                    known.insert("status".to_owned(), status.into());
                }
            }
            None => unloaded.push((name.to_owned(), status.to_owned())),
        }
    }
    for (name, status) in unloaded {
        // A template has no state of its own; anything else that is not loaded is inactive.
        let state = if name.contains("@.") { "unknown" } else { "inactive" };
        service(services, &name, state, &status, "systemd");
    }
    Ok(())
}

/// Init scripts, where they count.
fn scripts(host: &Host, services: &mut Map) -> Result<(), ModuleError> {
    if let Some(program) = host.program("rc-status").filter(|_| services.is_empty()) {
        let said = ask(host, &[program, "-a".to_owned(), "-s".to_owned(), "-r".to_owned()])?.stdout;
        for row in said.lines().filter(|row| row.contains('[')) {
            let mut words = row.split_whitespace();
            let name = words.next().unwrap_or_default();
            let state = row.rsplit('[').next().unwrap_or_default().trim_matches([' ', ']']);
            let state = if state == "started" { "running" } else { state };
            service(services, name, state, "unknown", "openrc");
        }
        return Ok(());
    }
    let Some(program) = host.program("service").filter(|program| !program.is_empty()) else { return Ok(()) };
    for row in ask(host, &[program, "--status-all".to_owned()])?.stdout.lines() {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let ["[", mark, "]", name] = fields.as_slice() else { continue };
        if services.contains_key(&format!("{name}.service")) || services.contains_key(*name) {
            continue;
        }
        let state = match *mark {
            "+" => "running",
            "-" => "stopped",
            _ => "unknown",
        };
        let status = if host.glob_exists(&format!("/etc/rc[2-5].d/S??{name}")) { "enabled" } else { "disabled" };
        service(services, name, state, status, "sysv");
    }
    Ok(())
}
