//! Services against a systemctl, init scripts and an OpenRC made up of shell scripts.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::ALL;
use super::tests::{ask_with, labels, machine, program};
use super::{ModuleError, Wanted};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::change::{Reversal, State};
use serde_json::json;

/// Tells what the files beside it say, as systemctl words it.
const SYSTEMCTL: &str = r#"#!/bin/sh
at=$(dirname "$0")/../../state
for unit; do :; done
case "$*" in
  *-l) set -- $*; unit=$2;;
esac
case $1 in
  show) if [ -e "$at/$unit.active" ]; then
      printf 'LoadState=loaded\nExecStart={ path=/x ;\n argv[]=/x -a }\nActiveState=%s\n' "$(cat "$at/$unit.active")"
    else printf 'LoadState=not-found\nActiveState=inactive\n'; fi;;
  is-enabled) cat "$at/$unit.enabled"; grep -qx 'enabled\|static' "$at/$unit.enabled";;
  *) exit 9;;
esac
"#;

fn systemd(states: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
    let files: Vec<(String, String)> =
        states.iter().map(|(name, text)| (format!("state/{name}"), format!("{text}\n"))).collect();
    let mut all: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    all.push(("run/systemd/system/.keep", ""));
    let (folder, host) = machine(&all);
    program(&folder, "usr/bin/systemctl", SYSTEMCTL);
    (folder, host)
}

fn ask(host: &Host, module: &str, params: Value) -> Result<Wanted, ModuleError> {
    let module = ALL.iter().find(|known| known.spec().name == module).unwrap();
    ask_with(*module, host, params, None)
}

fn undo(wanted: &Wanted, number: usize) -> Option<String> {
    let State::Run(run) = &wanted.changes[number].after else { unreachable!("{wanted:?}") };
    run.undo.clone()
}

#[test]
fn a_unit_is_changed_only_where_it_differs() {
    let (_folder, host) = systemd(&[("a.active", "active"), ("a.enabled", "disabled")]);
    for module in ["service", "systemd"] {
        let wanted = ask(&host, module, json!({"name": "a", "state": "started", "enabled": true})).unwrap();
        assert_eq!(labels(&wanted), ["/usr/bin/systemctl enable a"]);
        assert_eq!(undo(&wanted, 0).as_deref(), Some("/usr/bin/systemctl disable a"));
        assert_eq!(wanted.result["state"], "started");
        assert_eq!(wanted.result["status"]["ExecStart"], "{ path=/x ;\n argv[]=/x -a }");
        assert!(
            ask(&host, module, json!({"name": "a", "enabled": false, "state": "started"})).unwrap().changes.is_empty()
        );
    }
    let stop = ask(&host, "systemd", json!({"name": "a", "state": "stopped", "masked": true})).unwrap();
    // Undone the other way round: what is masked could not be started.
    assert_eq!(labels(&stop), ["/usr/bin/systemctl stop a", "/usr/bin/systemctl mask a"]);
    assert_eq!(undo(&stop, 0).as_deref(), Some("/usr/bin/systemctl start a"));
}

#[test]
fn a_mask_hides_what_is_enabled() {
    let states = [("a.active", "inactive"), ("a.enabled", "masked"), ("b.active", "inactive"), ("b.enabled", "masked")];
    let (folder, host) = systemd(&states);
    let wants = folder.path().join("etc/systemd/system/multi-user.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::fs::write(wants.join("a.service"), "").unwrap();
    let params = |name: &str| json!({"name": name, "masked": false, "enabled": true, "state": "started"});
    let wanted = ask(&host, "systemd", params("a")).unwrap();
    assert_eq!(labels(&wanted), ["/usr/bin/systemctl unmask a", "/usr/bin/systemctl start a"]);
    let wanted = ask(&host, "systemd", params("b")).unwrap();
    let verbs = ["unmask", "enable", "start"].map(|verb| format!("/usr/bin/systemctl {verb} b"));
    assert_eq!(labels(&wanted), verbs);
}

#[test]
fn a_restart_cannot_be_undone_and_starts_what_does_not_run() {
    let (_folder, host) = systemd(&[("a.active", "active"), ("b.active", "failed"), ("b.enabled", "static")]);
    for (state, verb) in [("restarted", "restart"), ("reloaded", "reload")] {
        let wanted = ask(&host, "service", json!({"name": "a", "state": state})).unwrap();
        assert_eq!(labels(&wanted), [format!("/usr/bin/systemctl {verb} a")]);
        assert!(matches!(&wanted.changes[0].revert, Reversal::No(_)));
        let wanted = ask(&host, "service", json!({"name": "b", "state": state})).unwrap();
        assert_eq!(labels(&wanted), ["/usr/bin/systemctl start b"]);
    }
    assert!(ask(&host, "service", json!({"name": "b", "enabled": true})).unwrap().changes.is_empty());
}

#[test]
fn unknown_units_patterns_and_missing_names_are_refused() {
    let (_folder, host) = systemd(&[]);
    let error = ask(&host, "systemd", json!({"name": "none", "state": "started"})).unwrap_err();
    assert_eq!(error.message, "Could not find the requested service none: host");
    assert!(ask(&host, "systemd", json!({"name": "a*", "state": "started"})).is_err());
    let error = ask(&host, "systemd", json!({"state": "started", "daemon_reload": false})).unwrap_err();
    assert_eq!(error.message, "missing parameter(s) required by 'state': name");
    let (_folder, bare) = machine(&[("etc/x", "")]);
    let error = ask(&bare, "systemd", json!({"name": "a", "state": "started"})).unwrap_err();
    assert!(error.message.contains("systemd does not manage this host"), "{}", error.message);
}

#[test]
fn reading_unit_files_again_comes_first() {
    let (_folder, host) = systemd(&[("a.active", "active"), ("a.enabled", "enabled")]);
    let wanted = ask(&host, "systemd", json!({"daemon_reload": true, "scope": "system"})).unwrap();
    assert!(wanted.changes.is_empty() && wanted.result["name"].is_null());
    assert_eq!(wanted.prepare[0].resource.label(), "/usr/bin/systemctl daemon-reload");
}

const SCRIPT: &str = "#!/bin/sh\ntest \"$1\" = status && test -e \"$(dirname \"$0\")/../../state/running\"\n";

#[test]
fn init_scripts_are_controlled_by_what_the_host_has() {
    let (folder, host) = machine(&[("etc/rc2.d/K01foo", ""), ("state/running", "")]);
    program(&folder, "etc/init.d/foo", SCRIPT);
    program(&folder, "usr/sbin/update-rc.d", "#!/bin/sh\n");
    let params = json!({"name": "foo", "state": "stopped", "enabled": true, "arguments": "-q"});
    let wanted = ask(&host, "service", params).unwrap();
    assert_eq!(labels(&wanted), ["/usr/sbin/update-rc.d foo enable", "/etc/init.d/foo stop -q"]);
    assert_eq!((&wanted.result["state"], &wanted.result["enabled"]), (&json!("stopped"), &json!(true)));
    let slow = ask(&host, "service", json!({"name": "foo", "state": "restarted", "sleep": 3})).unwrap();
    assert_eq!(labels(&slow), ["/bin/sh -c '/etc/init.d/foo stop; sleep 3; /etc/init.d/foo start'"]);
    let none = ask(&host, "service", json!({"name": "bar", "state": "started"})).unwrap_err();
    assert_eq!(none.message, "Could not find the requested service bar: host");
    let mask = ask(&host, "service", json!({"name": "foo", "masked": true})).unwrap_err();
    assert!(mask.message.contains("systemd"));

    let (folder, host) = machine(&[("etc/runlevels/default/.keep", "")]);
    for (path, script) in [
        ("etc/init.d/foo", SCRIPT),
        ("sbin/rc-update", "#!/bin/sh\n"),
        ("sbin/rc-service", "#!/bin/sh\necho ' * status: stopped'; exit 3\n"),
    ] {
        program(&folder, path, script);
    }
    let wanted = ask(&host, "service", json!({"name": "foo", "state": "started", "enabled": true})).unwrap();
    assert_eq!(labels(&wanted), ["/sbin/rc-update -q add foo default", "/sbin/rc-service foo start"]);
}
