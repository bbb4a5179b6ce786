//! Accounts, packages and units of a whole system by a playbook over real sshd: told beforehand, done, done again
//! without a change, and undone. The system is a throwaway copy of this machine's root.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

use luthier_tests::luthier::Outcome;
use luthier_tests::sshd::Site;
use luthier_tests::throwaway::Throwaway;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A password's hash: nobody knows the password.
const HASH: &str = "$6$abcdefgh$8bIZTX7jKmQ9DZkDq8jM3HqVY0O9kHc6M2bXK3oVRYwJw3mHSh4PtW1m9cSxUu6pXxHnVfY9qUBB5f0iT0n7xa";

/// The copy with a server in front of it.
fn rig() -> Option<(Throwaway, Site)> {
    let throwaway = Throwaway::start()?;
    let site = throwaway.site()?;
    Some((throwaway, site))
}

/// A play of these tasks (JSON is YAML).
fn play(site: &Site, name: &str, tasks: &[Value]) -> PathBuf {
    let play = json!([{"hosts": "all", "gather_facts": false, "tasks": tasks}]);
    site.file(name, &play.to_string())
}

#[track_caller]
fn run(site: &Site, play: &std::path::Path, arguments: &[&str]) -> Outcome {
    let outcome = site.luthier().run(play, arguments);
    outcome.exits(0);
    assert!(!outcome.text().contains("$6$"), "a hash must never be told: {}", outcome.text());
    outcome
}

/// Undo a run, which must be possible where it is possible at all.
#[track_caller]
fn back(site: &Site, run: &Outcome) -> Outcome {
    let undone = site.luthier().call(["rollback".to_owned(), run.run_id()]);
    undone.exits(6);
    assert!(!undone.text().contains("$6$"), "a hash must never be told: {}", undone.text());
    undone
}

#[track_caller]
fn status(outcome: &Outcome, task: &str) -> String {
    outcome.result("h1", task)["status"].as_str().unwrap_or_default().to_owned()
}

/// Values of a result.
#[track_caller]
fn holds(outcome: &Outcome, task: &str, expected: &Value) {
    let result = &outcome.result("h1", task)["result"];
    for (key, value) in expected.as_object().expect("a mapping") {
        assert_eq!(&result[key], value, "{key} of {task}: {result}");
    }
}

#[test]
fn accounts_come_change_and_go_back() {
    let Some((copy, site)) = rig() else { return };
    let group = json!({"name": "group", "group": {"name": "lt_pool", "gid": 5901}});
    let user = json!({"name": "user", "user": {"name": "lt_ops", "uid": 5902, "group": "lt_pool", "groups": ["users"],
        "comment": "First, Last", "shell": "/bin/sh", "home": "/srv/homes/lt_ops", "password": HASH,
        "generate_ssh_key": true, "ssh_key_type": "ed25519"}});
    let key = json!({"name": "key", "ansible.posix.authorized_key": {"user": "lt_ops", "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a"}});
    let make = play(&site, "make.yml", &[group.clone(), user.clone(), key]);
    let accounts = || copy.shell("cat /etc/passwd /etc/group /etc/shadow");
    let before = accounts();
    let checked = run(&site, &play(&site, "check.yml", &[group, user]), &["--check", "--diff"]);
    assert_eq!((status(&checked, "group"), status(&checked, "user")), ("changed".to_owned(), "changed".to_owned()));
    assert_eq!(accounts(), before);

    let made = run(&site, &make, &[]);
    let expected = json!({"name": "lt_ops", "state": "present", "uid": 5902, "group": 5901, "groups": "users",
        "comment": "First, Last", "shell": "/bin/sh", "home": "/srv/homes/lt_ops", "create_home": true, "system": false,
        "ssh_key_file": "/srv/homes/lt_ops/.ssh/id_ed25519", "password": "NOT_LOGGING_PASSWORD"});
    holds(&made, "user", &expected);
    holds(&made, "group", &json!({"name": "lt_pool", "gid": 5901, "state": "present", "system": false}));
    assert_eq!(copy.shell("getent shadow lt_ops | cut -d: -f2").trim(), HASH);
    let files = copy.shell("cd /srv/homes/lt_ops; stat -c %n:%U:%G:%a . .ssh/id_ed25519 .ssh/authorized_keys");
    assert_eq!(
        files,
        ".:lt_ops:lt_pool:755\n.ssh/id_ed25519:lt_ops:lt_pool:600\n.ssh/authorized_keys:lt_ops:lt_pool:600\n"
    );
    assert_eq!(run(&site, &make, &[]).recap("h1", "changed"), 0);

    let change = play(
        &site,
        "change.yml",
        &[json!({"name": "change", "user": {"name": "lt_ops", "groups": ["games"], "append": true, "comment": "Else",
            "shell": "/bin/bash", "password": HASH.replace("abcdefgh", "hgfedcba"), "password_lock": true,
            "expires": 1_893_456_000, "password_expire_max": 90}})],
    );
    let account = || copy.shell("getent passwd lt_ops; getent shadow lt_ops; id -Gn lt_ops");
    let was = account();
    let changed = run(&site, &change, &["--diff"]);
    let other = HASH.replace("abcdefgh", "hgfedcba");
    assert_eq!(copy.shell("getent shadow lt_ops | cut -d: -f2,5,8").trim(), format!("!{other}:90:21915"));
    assert_eq!(copy.shell("id -Gn lt_ops").trim(), "lt_pool games users");
    assert_eq!(status(&run(&site, &change, &[]), "change"), "ok");
    back(&site, &changed);
    assert_eq!(account(), was);
    back(&site, &made);
    assert_eq!(accounts(), before);
}

#[test]
fn what_was_put_into_a_new_home_stays_and_a_group_comes_back() {
    let Some((copy, site)) = rig() else { return };
    let user = play(&site, "user.yml", &[json!({"name": "user", "user": "name=lt_guest home=/srv/lt_guest"})]);
    let made = run(&site, &user, &[]);
    copy.shell("echo precious >/srv/lt_guest/file; groupadd -g 5903 lt_team; gpasswd -M lt_guest,root lt_team");
    let gone = run(&site, &play(&site, "gone.yml", &[json!({"name": "g", "group": "name=lt_team state=absent"})]), &[]);
    assert_eq!(copy.shell("getent group lt_team || echo none"), "none\n");
    back(&site, &gone);
    assert_eq!(copy.shell("getent group lt_team"), "lt_team:x:5903:lt_guest,root\n");
    back(&site, &made);
    assert_eq!(copy.shell("getent passwd lt_guest || cat /srv/lt_guest/file"), "precious\n");
    run(&site, &user, &[]);
    let removal = json!({"name": "remove", "user": {"name": "lt_guest", "state": "absent", "remove": true}});
    let removed = run(&site, &play(&site, "remove.yml", &[removal]), &[]);
    assert_eq!(copy.shell("ls -d /srv/lt_guest || echo none"), "none\n");
    back(&site, &removed).says("cannot be undone");

    let tasks = [
        json!({"name": "no group", "user": {"name": "lt_x", "groups": ["lt_nowhere"]}, "ignore_errors": true}),
        json!({"name": "taken", "user": {"name": "lt_x", "uid": 0}, "ignore_errors": true}),
        json!({"name": "both", "user": {"name": "lt_x", "uid": 0, "non_unique": true, "create_home": false}}),
    ];
    let outcome = run(&site, &play(&site, "x.yml", &tasks), &[]);
    holds(&outcome, "no group", &json!({"msg": "Group lt_nowhere does not exist", "failed": true}));
    let taken = outcome.result("h1", "taken")["result"].clone();
    assert!(taken["msg"].as_str().is_some_and(|said| said.contains("UID 0 is not unique")), "{taken}");
    assert_eq!(taken["rc"], 4);
    assert_eq!(copy.shell("id -u lt_x"), "0\n");
}

/// A repository of small packages in a folder, and no other.
const REPOSITORY: &str = r#"
mkdir -p /repo/build /etc/apt/sources.list.d
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
pack() {
  rm -rf /repo/build/DEBIAN /repo/build/etc; mkdir -p /repo/build/DEBIAN /repo/build/etc
  echo "$2" >/repo/build/etc/$1.conf; echo /etc/$1.conf >/repo/build/DEBIAN/conffiles
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDepends: %s\nDescription: x\n' \
    "$1" "$2" "$3" | sed '/Depends: $/d' >/repo/build/DEBIAN/control
  dpkg-deb --root-owner-group -b /repo/build /repo/$1_$2.deb >/dev/null
}
pack lt-lib 1.0 ''; pack lt-tool 1.0 lt-lib; pack lt-tool 2.0 lt-lib
cd /repo
for f in *.deb; do
  dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"
  echo "SHA256: $(sha256sum $f | cut -d' ' -f1)"; echo
done >Packages
echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
chmod -R a+rX /repo
"#;

#[test]
fn packages_are_installed_upgraded_and_removed() {
    let Some((copy, site)) = rig() else { return };
    copy.shell(REPOSITORY);
    let versions = || {
        copy.shell("dpkg-query -W -f '${Package}=${Version}:${db:Status-Status} ' 'lt-*' 2>/dev/null || true")
            .trim()
            .to_owned()
    };
    let install = play(
        &site,
        "install.yml",
        &[
            json!({"name": "old", "apt": {"name": ["lt-tool=1.0"], "update_cache": true, "cache_valid_time": 3600}}),
            json!({"name": "any", "package": {"name": ["lt-tool", "lt-lib"], "state": "present"}}),
            json!({"name": "facts", "package_facts": {"manager": "auto"}}),
            json!({"name": "known", "assert": {"that": ["ansible_facts.packages['lt-tool'][0].version == '1.0'",
                "packages['lt-lib'][0].source == 'apt'", "'lt-none' not in packages"]}}),
        ],
    );
    copy.shell("apt-get update");
    let one = play(&site, "one.yml", &[json!({"name": "old", "apt": {"name": "lt-tool=1.0"}})]);
    assert_eq!((status(&run(&site, &one, &["--check"]), "old"), versions()), ("changed".to_owned(), String::new()));
    let installed = run(&site, &install, &[]);
    assert_eq!((status(&installed, "old"), status(&installed, "any")), ("changed".to_owned(), "ok".to_owned()));
    let result = installed.result("h1", "old")["result"].clone();
    assert!(result["stdout"].as_str().is_some_and(|said| said.contains("Setting up lt-tool (1.0)")), "{result}");
    assert!(result["cache_update_time"].as_i64().is_some_and(|time| time > 0), "{result}");
    // Lists were fetched a moment ago; the second task only marked what is wanted for itself.
    holds(&installed, "old", &json!({"cache_updated": false}));
    holds(&installed, "any", &json!({"cache_updated": false}));
    assert_eq!(copy.shell("apt-mark showmanual lt-lib lt-tool"), "lt-lib\nlt-tool\n");
    assert_eq!(versions(), "lt-lib=1.0:installed lt-tool=1.0:installed");
    assert_eq!(run(&site, &install, &[]).recap("h1", "changed"), 0);

    let upgrade = play(
        &site,
        "upgrade.yml",
        &[
            json!({"name": "latest", "ansible.builtin.package": {"name": "lt-tool", "state": "latest"}}),
            json!({"name": "none", "apt": {"name": "lt-none"}, "ignore_errors": true}),
            json!({"name": "deb", "apt": {"deb": "/repo/lt-tool_2.0.deb"}}),
        ],
    );
    let upgraded = run(&site, &upgrade, &[]);
    assert_eq!((status(&upgraded, "latest"), status(&upgraded, "deb")), ("changed".to_owned(), "ok".to_owned()));
    holds(&upgraded, "none", &json!({"msg": "No package matching 'lt-none' is available", "failed": true}));
    assert_eq!(versions(), "lt-lib=1.0:installed lt-tool=2.0:installed");
    assert_eq!(status(&run(&site, &upgrade, &[]), "latest"), "ok");

    let remove =
        play(&site, "remove.yml", &[json!({"name": "gone", "apt": "name=lt-tool,lt-lib state=absent purge=yes"})]);
    assert_eq!(status(&run(&site, &remove, &["--check"]), "gone"), "changed");
    let removed = run(&site, &remove, &[]);
    assert_eq!((status(&removed, "gone"), versions()), ("changed".to_owned(), String::new()));
    assert_eq!(status(&run(&site, &remove, &[]), "gone"), "ok");
    // What a package manager did is told as such and stays.
    back(&site, &removed).says("cannot be undone");
    assert_eq!(versions(), "");
}

#[test]
fn units_are_set_for_the_next_boot_and_go_back() {
    let Some((copy, site)) = rig() else { return };
    if luthier_tests::missing(&["systemctl"]) {
        return;
    }
    let unit = "[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n";
    copy.shell(&format!(
        "mkdir -p /usr/lib/systemd/system; for name in a b; do printf '{unit}' >/usr/lib/systemd/system/lt-$name.service; done"
    ));
    let units = play(
        &site,
        "units.yml",
        &[
            json!({"name": "enable", "systemd": {"name": "lt-a", "enabled": true}}),
            json!({"name": "service", "ansible.builtin.service": {"name": "lt-a", "enabled": true, "use": "systemd"}}),
            json!({"name": "mask", "ansible.builtin.systemd_service": {"name": "lt-b.service", "masked": true}}),
            json!({"name": "facts", "service_facts": {}}),
        ],
    );
    let state = || copy.shell("systemctl is-enabled lt-a lt-b || true; find /etc/systemd -name 'lt-*'");
    let before = state();
    assert!(before.starts_with("disabled\ndisabled\n"), "{before}");
    let checked = run(&site, &units, &["--check"]);
    assert_eq!((status(&checked, "enable"), status(&checked, "mask")), ("changed".to_owned(), "changed".to_owned()));
    assert_eq!(state(), before);
    let done = run(&site, &units, &[]);
    assert_eq!(status(&done, "service"), "ok");
    holds(&done, "enable", &json!({"name": "lt-a", "enabled": true, "changed": true}));
    assert!(state().starts_with("enabled\nmasked\n"), "{}", state());
    assert_eq!(run(&site, &units, &[]).recap("h1", "changed"), 0);
    let start = play(&site, "start.yml", &[json!({"name": "start", "service": {"name": "lt-a", "state": "started"}})]);
    let failed = site.luthier().run(&start, &[]);
    failed.exits(2);
    assert_eq!(status(&failed, "start"), "failed");
    back(&site, &done);
    assert_eq!(state(), before);
}
