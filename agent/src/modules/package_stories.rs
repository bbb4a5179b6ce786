//! Package managers of other families, against an rpm, dnf, pacman and apk made up of shell scripts.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::ALL;
use super::tests::{ask_with, labels, machine, program};
use super::{ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::task::Revert;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// `numactl` and `bash` are installed, bash provides `/bin/sh`; there is a newer bash.
const RPM: &str = r#"#!/bin/sh
provides=
for name; do case $name in
  --whatprovides) provides=1;;
  -*|'') ;;
  '%'*) form=$name;;
  bash|numactl) test "$form" = '%{NAME}\n' && echo "$name" || true;;
  /bin/sh) test -n "$provides" || echo "file /bin/sh: No such file or directory";;
  *) test -n "$provides" && echo "no package provides $name" || echo "package $name is not installed";;
esac; done
"#;
const DNF: &str = r#"#!/bin/sh
case "$*" in
  *check-update*bash*) exit 100;;
  *--assumeno*) echo "Nothing to do.";;
esac
"#;

fn ask(host: &Host, module: &str, params: Value) -> Result<Wanted, ModuleError> {
    let module = ALL.iter().find(|known| known.spec().name == module).unwrap();
    ask_with(*module, host, params, None)
}

fn report(host: &Host, wanted: &Wanted, rc: i32, stdout: &str, stderr: &str) -> Result<Map, ModuleError> {
    let module = ALL.iter().find(|known| known.spec().name == "dnf").unwrap();
    let (params, environment) = (Map::new(), BTreeMap::new());
    let request = Request {
        params: &params,
        content: None,
        environment: &environment,
        revert: &Revert::Unsaid,
        prepared: false,
        said: &[],
        deadline: None,
        elapsed: std::time::Duration::ZERO,
        stop: None,
    };
    let run = RunOutput { rc, stdout: stdout.into(), stderr: stderr.into(), ..RunOutput::default() };
    module.report(host, &request, wanted, &[run])
}

fn fedora() -> (tempfile::TempDir, Host) {
    let (folder, host) = machine(&[("etc/redhat-release", "")]);
    program(&folder, "usr/bin/rpm", RPM);
    program(&folder, "usr/bin/dnf", DNF);
    (folder, host)
}

#[test]
fn dnf_is_asked_only_for_what_rpm_does_not_have() {
    let (_folder, host) = fedora();
    for (params, expected) in [
        (json!({"name": ["bash", "/bin/sh", "numactl"], "state": "present"}), vec![]),
        (json!({"name": ["bash", "tuned"]}), vec!["/usr/bin/dnf -y install tuned"]),
        (
            json!({"name": "tuned", "enablerepo": ["a", "b"], "disable_gpg_check": true, "install_weak_deps": false}),
            vec!["/usr/bin/dnf -y --enablerepo=a,b --nogpgcheck --setopt=install_weak_deps=False install tuned"],
        ),
        (json!({"name": ["bash", "tuned"], "state": "absent"}), vec!["/usr/bin/dnf -y remove bash"]),
        (json!({"name": "tuned", "state": "removed"}), vec![]),
        (
            json!({"name": ["bash", "tuned"], "state": "latest"}),
            vec!["/usr/bin/dnf -y install tuned", "/usr/bin/dnf -y upgrade bash"],
        ),
        (json!({"name": "tuned", "state": "latest", "update_only": true}), vec![]),
        (json!({"name": "numactl", "state": "latest", "security": true}), vec![]),
        (json!({"name": "@virtualization", "state": "present"}), vec![]),
        (json!({"autoremove": true}), vec![]),
    ] {
        let wanted = ask(&host, "dnf", params.clone()).unwrap();
        assert_eq!(labels(&wanted), expected, "{params}");
    }
    let cache = ask(&host, "dnf", json!({"update_cache": true})).unwrap();
    assert_eq!((cache.changes.len(), cache.prepare[0].resource.label()), (0, "/usr/bin/dnf -y makecache"));
    assert!(ask(&host, "dnf", json!({})).is_err());
    let package = ask(&host, "package", json!({"name": "tuned", "state": "present"})).unwrap();
    assert_eq!(labels(&package), ["/usr/bin/dnf -y install tuned"]);
}

#[test]
fn results_are_read_from_the_summary() {
    let (_folder, host) = fedora();
    let wanted = ask(&host, "dnf", json!({"name": "tuned"})).unwrap();
    let text = "...\nUpgraded:\n  lib-2-1.x86_64  other-3-1.noarch\nInstalled:\n  tuned-2.20-1.noarch\n\nComplete!\n";
    let result = report(&host, &wanted, 0, text, "").unwrap();
    let rows = json!(["Upgraded: lib-2-1.x86_64", "Upgraded: other-3-1.noarch", "Installed: tuned-2.20-1.noarch"]);
    assert_eq!((&result["results"], &result["rc"]), (&rows, &json!(0)));
    let idle = report(&host, &wanted, 0, "Nothing to do.\n", "").unwrap();
    assert_eq!((&idle["changed"], &idle["msg"]), (&json!(false), &json!("Nothing to do")));
    let error = report(&host, &wanted, 1, "", "Error: Unable to find a match: tuned\n").unwrap_err();
    assert_eq!((error.message.as_str(), &error.result["rc"]), ("Error: Unable to find a match: tuned", &json!(1)));
}

#[test]
fn package_finds_the_manager() {
    for (manager, test, installed, label) in [
        ("pacman", "pacman", "-Q bash", "/usr/bin/pacman -S --noconfirm --needed tuned"),
        ("apk", "apk", "info -e bash", "/usr/bin/apk add tuned"),
    ] {
        let (folder, host) = machine(&[("etc/x", "")]);
        program(&folder, &format!("usr/bin/{test}"), &format!("#!/bin/sh\ntest \"$*\" = '{installed}'\n"));
        for named in ["auto", manager] {
            let params = json!({"name": ["bash", "tuned"], "state": "present", "use": named});
            assert_eq!(labels(&ask(&host, "package", params).unwrap()), [label]);
        }
    }
    let (_folder, host) = machine(&[("etc/x", "")]);
    assert!(ask(&host, "package", json!({"name": "a", "state": "present"})).is_err());
}
