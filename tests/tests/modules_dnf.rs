//! RPM packages by a playbook over real sshd, with dnf, rpm and a repository made on the spot, in a throwaway copy of this
//! machine's root.
#![expect(clippy::indexing_slicing, reason = "tests")]

use luthier_tests::missing;
use luthier_tests::sshd::Site;
use luthier_tests::throwaway::Throwaway;
use serde_json::{Value, json};

/// Packages `lt-lib` 1.0, `lt-tool` 1.0 and 2.0 (which needs it), and nothing else to install from.
const REPOSITORY: &str = r#"
mkdir -p /repo/build /etc/yum.repos.d
pack() {
  printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%s\n%%description\nx\n' "$1" "$2" "$3"
  printf '%%install\nmkdir -p %%{buildroot}/etc; echo %s >%%{buildroot}/etc/%s.conf\n%%files\n/etc/%s.conf\n' "$2" "$1" "$1"
}
for row in "lt-lib 1.0" "lt-tool 1.0 Requires:lt-lib" "lt-tool 2.0 Requires:lt-lib"; do
  set -- $row
  pack "$1" "$2" "$(echo "$3" | sed 's/:/: /')" >/repo/build/$1.spec
  rpmbuild --quiet -bb --define '_topdir /repo/build' --define '_rpmdir /repo' /repo/build/$1.spec
done
rm -rf /repo/build
createrepo_c --quiet /repo
rm -f /etc/yum.repos.d/* /etc/distro.repos.d/*
printf '[lt]\nname=lt\nbaseurl=file:///repo/\nenabled=1\ngpgcheck=0\n' >/etc/yum.repos.d/lt.repo
"#;

/// The copy with its repository and a server in front of it.
fn rig() -> Option<(Throwaway, Site)> {
    if missing(&["dnf", "rpm", "rpmbuild", "createrepo_c"]) {
        return None;
    }
    let copy = Throwaway::start()?;
    let site = copy.site()?;
    copy.shell(REPOSITORY);
    Some((copy, site))
}

/// A task that runs `dnf` with these parameters, under this name.
fn dnf(name: &str, parameters: &Value) -> Value {
    json!({"name": name, "ansible.builtin.dnf": parameters})
}

/// The statuses of tasks of a play, in order.
#[track_caller]
fn statuses(
    site: &Site,
    tasks: &[Value],
    arguments: &[&str],
    exit: i32,
) -> (luthier_tests::luthier::Outcome, Vec<String>) {
    let play = json!([{"hosts": "all", "gather_facts": false, "tasks": tasks}]);
    let outcome = site.luthier().run(&site.file("play.yml", &play.to_string()), arguments);
    outcome.exits(exit);
    let named = tasks.iter().filter_map(|task| task["name"].as_str());
    let found =
        named.map(|name| outcome.result("h1", name)["status"].as_str().unwrap_or_default().to_owned()).collect();
    (outcome, found)
}

#[test]
fn packages_are_installed_upgraded_and_removed() {
    let Some((copy, site)) = rig() else { return };
    let versions = || copy.shell("rpm -qa --qf '%{NAME}=%{VERSION}\\n' 'lt-*' | sort | tr '\\n' ' '").trim().to_owned();

    let install = [dnf("old", &json!({"name": ["lt-tool-1.0"], "state": "present", "update_cache": true}))];
    assert_eq!((statuses(&site, &install, &["--check"], 0).1, versions()), (vec!["changed".to_owned()], String::new()));
    let (installed, states) = statuses(&site, &install, &[], 0);
    assert_eq!((states, versions()), (vec!["changed".to_owned()], "lt-lib=1.0 lt-tool=1.0".to_owned()));
    let results = installed.result("h1", "old")["result"]["results"].to_string();
    assert!(results.contains("Installed: lt-tool-1.0-1.noarch") && results.contains("lt-lib"), "{results}");
    assert_eq!(copy.shell("cat /etc/lt-tool.conf"), "1.0\n");

    // There already, under its name, by what it provides, as a group of words, by a glob, and as a file.
    let again = [
        dnf("same", &json!({"name": "lt-tool,lt-lib"})),
        dnf("version", &json!({"name": "lt-tool-1.0"})),
        dnf("provided", &json!({"name": "/etc/lt-lib.conf"})),
        dnf("file", &json!({"name": "/repo/noarch/lt-lib-1.0-1.noarch.rpm", "disable_gpg_check": true})),
        json!({"name": "facts", "package_facts": {"manager": "rpm"}}),
        json!({"name": "known", "assert": {"that": ["ansible_facts.packages['lt-tool'][0].version == '1.0'",
            "ansible_facts.packages['lt-tool'][0].release == '1'", "ansible_facts.packages['lt-lib'][0].source == 'rpm'"]}}),
    ];
    assert_eq!(statuses(&site, &again, &[], 0).1, ["ok"; 6]);

    let upgrade = [
        dnf("latest", &json!({"name": "lt-tool", "state": "latest"})),
        dnf("latest again", &json!({"name": "lt-tool", "state": "latest"})),
        dnf("everything", &json!({"name": "*", "state": "latest"})),
        json!({"name": "none", "dnf": {"name": "lt-none"}, "ignore_errors": true}),
    ];
    assert_eq!(statuses(&site, &upgrade[..1], &["--check"], 0).1, ["changed"]);
    assert_eq!(versions(), "lt-lib=1.0 lt-tool=1.0");
    let (upgraded, states) = statuses(&site, &upgrade, &[], 0);
    assert_eq!(states, ["changed", "ok", "ok", "failed"]);
    assert_eq!(versions(), "lt-lib=1.0 lt-tool=2.0");
    let said = upgraded.result("h1", "none")["result"].to_string();
    assert!(said.contains("lt-none"), "{said}");

    let downgrade = [
        dnf("refused", &json!({"name": "lt-tool-1.0"})),
        dnf("down", &json!({"name": "lt-tool-1.0", "allow_downgrade": true})),
    ];
    let (_, states) = statuses(&site, &downgrade, &[], 0);
    assert_eq!(
        (states, versions()),
        (vec!["ok".to_owned(), "changed".to_owned()], "lt-lib=1.0 lt-tool=1.0".to_owned())
    );

    let remove = [dnf("gone", &json!({"name": ["lt-tool", "lt-lib"], "state": "absent"}))];
    assert_eq!((statuses(&site, &remove, &["--check"], 0).1, versions().len()), (vec!["changed".to_owned()], 22));
    let (removed, states) = statuses(&site, &remove, &[], 0);
    assert_eq!((states, versions()), (vec!["changed".to_owned()], String::new()));
    assert_eq!(statuses(&site, &remove, &[], 0).1, ["ok"]);

    // What a package manager did is told as such and stays.
    let undone = site.luthier().call(["rollback".to_owned(), removed.run_id()]);
    undone.exits(6).says("cannot be undone");
    assert_eq!(versions(), "");
}
