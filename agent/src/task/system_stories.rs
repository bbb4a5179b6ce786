//! Accounts, packages and services changed for real and taken back, on a throwaway copy of this machine's root: each
//! story runs in a child process below an overlay in a mount namespace of its own. Passed over (and said) without root,
//! overlays or Debian's tools.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

use super::carry::{Bench, carry_out};
use super::rollback;
use crate::host::{Host, Stop};
use crate::journal::Ledger;
use luthier_protocol::Value;
use luthier_protocol::journal::{UndoOutcome, UndoRequest};
use luthier_protocol::name::{HostName, RunId};
use luthier_protocol::task::{Revert, Status, TaskRequest, TaskResult};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Set where a story is already inside.
const INSIDE: &str = "LUTHIER_STORY_INSIDE";

const ENTER: &str = r#"
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit 77
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
for place in tmp run; do mount -t tmpfs tmpfs "$1/root/$place"; done
# The program itself may lie in a place that was just covered.
cp "$2" "$1/root/run/story"
exec chroot "$1/root" /run/story --exact "$3" --nocapture
"#;

/// Say that a story is passed over; fails instead where `LUTHIER_REQUIRE_SHARED=1`.
fn skip(reason: &str) {
    assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none_or(|value| value != "1"), "cannot run here: {reason}");
    eprintln!("passed over: {reason}");
}

/// Run this story in a copy of the root; true where we are in it.
fn inside(story: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let debian = Path::new("/var/lib/dpkg/status").exists() && Path::new("/usr/sbin/useradd").exists();
    if crate::host::sys::uid() != 0 || !debian {
        skip("needs root on a Debian machine");
        return false;
    }
    let mount = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let name = format!("task::system_stories::{story}");
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", ENTER, "sh"])
        .args([mount.path(), &program])
        .arg(&name)
        .env(INSIDE, "1")
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) {
        skip("no overlay can be mounted");
        return false;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// What a line of shell prints.
fn shell(line: &str) -> String {
    let output = Command::new("/bin/sh").args(["-ec", line]).env("LC_ALL", "C").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{line}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn carry(run: &str, module: &str, params: Value, check: bool) -> TaskResult {
    let Value::Object(params) = params else { unreachable!("parameters are a mapping") };
    let mut ledger = Ledger::new(Path::new("/var/lib/luthier"), Some(RunId::from(run)), HostName::from("h1"));
    let host = Host::live();
    let mut bench = Bench {
        host: &host,
        ledger: &mut ledger,
        stop: &Stop::new().unwrap(),
        fetch: &mut || Err("nothing to fetch".to_owned()),
        output: &mut |_, _| {},
    };
    let request = TaskRequest {
        seq: 1,
        name: module.to_owned(),
        module: module.to_owned(),
        params,
        content: None,
        check,
        diff: true,
        identity: None,
        environment: BTreeMap::new(),
        deadline_ms: None,
        stop_on_failure: false,
        live: false,
        revert: Revert::Unsaid,
        job: None,
    };
    let result = carry_out(&mut bench, &request);
    ledger.close().unwrap();
    result
}

/// Carry out a task that must not fail; its values and whether it changed anything.
fn task(run: &str, module: &str, params: Value) -> (bool, Value) {
    let result = carry(run, module, params, false);
    assert!(matches!(result.status, Status::Ok | Status::Changed), "{result:?}");
    (result.status == Status::Changed, Value::Object(result.result))
}

fn undo(run: &str) -> Vec<UndoOutcome> {
    let request = UndoRequest {
        seq: 9,
        run: RunId::from(run),
        host: HostName::from("h1"),
        from_task: 0,
        to_task: u64::MAX,
        check: false,
    };
    let report = rollback(&Host::live(), Path::new("/var/lib/luthier/journal"), &request);
    for row in &report.rows {
        assert_ne!(row.outcome, UndoOutcome::Failed, "{row:?}");
        assert!(!row.detail.contains("$6$"), "no hash may be told: {row:?}");
    }
    report.rows.into_iter().map(|row| row.outcome).collect()
}

const HASH: &str = "$6$abcdefgh$8bIZTX7jKmQ9DZkDq8jM3HqVY0O9kHc6M2bXK3oVRYwJw3mHSh4PtW1m9cSxUu6pXxHnVfY9qUBB5f0iT0n7xa";

#[test]
fn accounts_come_change_and_go_back() {
    if !inside("accounts_come_change_and_go_back") {
        return;
    }
    assert!(task("one", "group", json!({"name": "lt_pool", "gid": 5901})).0);
    let user = json!({"name": "lt_ops", "uid": 5902, "group": "lt_pool", "groups": ["users"], "comment": "First, Last",
        "shell": "/bin/sh", "home": "/srv/homes/lt_ops", "password": HASH});
    let before = shell("cat /etc/passwd /etc/group /etc/shadow");
    assert_eq!(carry("check", "user", user.clone(), true).status, Status::Changed);
    assert_eq!(shell("cat /etc/passwd /etc/group /etc/shadow"), before);
    let (changed, result) = task("one", "user", user.clone());
    assert!(changed);
    let expected = json!({"name": "lt_ops", "state": "present", "uid": 5902, "group": 5901, "groups": "users",
        "comment": "First, Last", "shell": "/bin/sh", "home": "/srv/homes/lt_ops", "create_home": true,
        "system": false, "password": "NOT_LOGGING_PASSWORD"});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&result[key], value, "{key}: {result}");
    }
    assert_eq!(shell("getent shadow lt_ops | cut -d: -f2"), HASH);
    assert!(!task("one", "user", user).0);

    let other = HASH.replace("abcdefgh", "hgfedcba");
    let change = json!({"name": "lt_ops", "groups": ["games"], "append": true, "comment": "Else",
        "shell": "/bin/bash", "password": other, "password_lock": true, "expires": 1_893_456_000,
        "password_expire_max": 90, "uid": 5909});
    let was = shell("getent passwd lt_ops; getent shadow lt_ops; id -Gn lt_ops");
    let result = carry("two", "user", change.clone(), false);
    assert_eq!(result.status, Status::Changed, "{result:?}");
    assert!(!serde_json::to_string(&result).unwrap().contains("$6$"), "no hash may be told: {result:?}");
    assert_eq!(shell("getent shadow lt_ops | cut -d: -f2,5,8"), format!("!{other}:90:21915"));
    assert_eq!(shell("id -Gn lt_ops; stat -c %u /srv/homes/lt_ops"), "lt_pool games users\n5909");
    assert!(!task("two", "user", change).0);
    assert!(undo("two").iter().all(|outcome| *outcome == UndoOutcome::Restored));
    // Setting a password also sets the day of its last change: that is today both times.
    assert_eq!(shell("getent passwd lt_ops; getent shadow lt_ops; id -Gn lt_ops"), was);
    assert_eq!(undo("one"), [UndoOutcome::Restored, UndoOutcome::Restored]);
    assert_eq!(shell("getent passwd lt_ops || getent group lt_pool || ls /srv/homes"), "");
}

#[test]
fn a_home_that_was_used_stays_a_key_goes_and_a_group_comes_back() {
    if !inside("a_home_that_was_used_stays_a_key_goes_and_a_group_comes_back") {
        return;
    }
    assert!(task("one", "user", json!({"name": "lt_guest", "home": "/srv/lt_guest"})).0);
    shell("echo precious >/srv/lt_guest/file; groupadd -g 5903 lt_team; gpasswd -M lt_guest,root lt_team");
    let key = json!({"name": "lt_guest", "generate_ssh_key": true, "ssh_key_type": "ed25519"});
    let (changed, result) = task("key", "user", key.clone());
    assert!(changed && !task("key", "user", key).0);
    assert_eq!(result["ssh_key_file"], "/srv/lt_guest/.ssh/id_ed25519");
    assert!(result["ssh_public_key"].as_str().unwrap().starts_with("ssh-ed25519 "), "{result}");
    assert!(result["ssh_fingerprint"].as_str().unwrap().contains("SHA256:"), "{result}");
    assert_eq!(shell("stat -c %U:%a /srv/lt_guest/.ssh/id_ed25519 /srv/lt_guest/.ssh"), "lt_guest:600\nlt_guest:700");
    assert_eq!(undo("key"), [UndoOutcome::Restored]);
    assert_eq!(shell("ls /srv/lt_guest/.ssh"), "");

    assert!(task("two", "group", json!({"name": "lt_team", "state": "absent"})).0);
    assert_eq!(shell("getent group lt_team || echo none"), "none");
    assert_eq!(undo("two"), [UndoOutcome::Restored]);
    assert_eq!(shell("getent group lt_team"), "lt_team:x:5903:lt_guest,root");
    assert_eq!(undo("one"), [UndoOutcome::Restored]);
    assert_eq!(shell("getent passwd lt_guest || cat /srv/lt_guest/file"), "precious");
    assert!(task("three", "user", json!({"name": "lt_guest", "home": "/srv/lt_guest"})).0);
    assert!(task("four", "user", json!({"name": "lt_guest", "state": "absent", "remove": true})).0);
    assert_eq!(shell("ls -d /srv/lt_guest || echo none"), "none");
    assert_eq!(undo("four"), [UndoOutcome::Irreversible]);
    let none = carry("five", "user", json!({"name": "lt_x", "groups": ["lt_nowhere"]}), false);
    assert_eq!(none.result["msg"], "Group lt_nowhere does not exist");
    let taken = carry("five", "user", json!({"name": "lt_x", "uid": 0}), false);
    assert!(taken.result["msg"].as_str().unwrap().contains("UID 0 is not unique"), "{taken:?}");
    assert_eq!(taken.result["rc"], 4);
}

/// A repository of small packages in the folder, and no other.
const REPOSITORY: &str = r#"
mkdir -p /repo/build /etc/apt/sources.list.d; rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
pack() {
  rm -rf /repo/build/DEBIAN /repo/build/etc; mkdir -p /repo/build/DEBIAN /repo/build/etc
  echo "$2" >/repo/build/etc/$1.conf; echo /etc/$1.conf >/repo/build/DEBIAN/conffiles
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDepends: %s\nDescription: x\n' "$1" "$2" "$3" \
    | sed '/Depends: $/d' >/repo/build/DEBIAN/control
  dpkg-deb --root-owner-group -b /repo/build /repo/$1_$2.deb >/dev/null
}
pack lt-lib 1.0 ''; pack lt-tool 1.0 lt-lib; pack lt-tool 1.5 lt-lib; pack lt-tool 2.0 lt-lib
cd /repo
index() { for f in *.deb; do
  case $f in $1) dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"; echo "SHA256: $(sha256sum $f | cut -d' ' -f1)"; echo;; esac
done >Packages; }
index "$PATTERN"
echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
chmod -R a+rX /repo
"#;

#[test]
fn packages_are_installed_upgraded_and_removed() {
    if !inside("packages_are_installed_upgraded_and_removed") {
        return;
    }
    shell(&format!("PATTERN='*'; {REPOSITORY}"));
    let versions =
        || shell("dpkg-query -W -f '${Package}=${Version}:${db:Status-Status}\\n' 'lt-*' 2>/dev/null || true");
    // The lists are fetched first, which alone is no change.
    let missing = carry("m", "apt", json!({"name": "lt-none", "update_cache": true}), false);
    assert_eq!(missing.result["msg"], "No package matching 'lt-none' is available");
    assert_eq!(missing.result["changed"], false);
    let checked = carry("c", "apt", json!({"name": ["lt-tool=1.*"]}), true);
    assert_eq!((checked.status, versions().as_str()), (Status::Changed, ""));
    let (changed, result) = task("i", "apt", json!({"name": ["lt-tool=1.0"], "update_cache": true}));
    assert!(changed && result["cache_updated"] == true, "{result}");
    assert!(result["stdout"].as_str().unwrap().contains("Setting up lt-tool (1.0)"), "{result}");
    assert!(result["cache_update_time"].as_i64().unwrap() > 0 && result["stderr"].is_string());
    assert_eq!(versions(), "lt-lib=1.0:installed\nlt-tool=1.0:installed");
    for same in [json!({"name": "lt-tool"}), json!({"pkg": ["lt-tool=1*", "lt-lib>=0.9"]}), json!({"name": "lt-t*"})] {
        assert!(!task("same", "apt", same.clone()).0, "{same}");
    }
    assert_eq!(
        shell("apt-mark showmanual lt-lib lt-tool"),
        "lt-lib\nlt-tool",
        "named packages are wanted for themselves"
    );
    assert!(task("v", "apt", json!({"name": "lt-tool=1.5", "only_upgrade": true})).0);
    assert!(task("l", "package", json!({"name": "lt-tool", "state": "latest"})).0);
    assert!(!task("l", "apt", json!({"name": "lt-tool", "state": "latest"})).0);
    assert_eq!(versions(), "lt-lib=1.0:installed\nlt-tool=2.0:installed");
    let down = carry("d", "apt", json!({"name": "lt-tool=1.0"}), false);
    assert_eq!(down.status, Status::Failed);
    assert!(down.result["msg"].as_str().unwrap().contains("allow-downgrades"), "{down:?}");
    assert!(task("d", "apt", json!({"name": "lt-tool=1.0", "allow_downgrade": true})).0);
    let none = carry("n", "apt", json!({"name": "lt-tool=9*"}), false);
    assert_eq!(none.result["msg"], "no available installation candidate for lt-tool=9*");
    let answer = || shell("cat /usr/sbin/policy-rc.d 2>/dev/null || echo none");
    let answered = answer();
    let policy = json!({"deb": "/repo/lt-tool_1.5.deb", "policy_rc_d": 101});
    assert!(task("p", "apt", policy.clone()).0 && !task("p", "apt", policy).0);
    assert_eq!((answer(), shell("dpkg-query -W -f '${Version}' lt-tool")), (answered, "1.5".to_owned()));

    assert!(task("r", "apt", json!({"name": "lt-tool", "state": "absent"})).0);
    assert!(!task("r", "apt", json!({"name": "lt-tool", "state": "absent"})).0);
    assert_eq!(versions(), "lt-lib=1.0:installed\nlt-tool=1.5:config-files");
    assert!(task("r", "apt", json!({"name": "lt-tool", "state": "absent", "purge": true})).0);
    shell("apt-mark auto lt-lib");
    assert!(task("a", "apt", json!({"autoremove": true, "purge": true})).0);
    assert!(!task("a", "apt", json!({"autoremove": true})).0 || versions().is_empty());
    assert_eq!(versions(), "");
    let undone = undo("i");
    assert!(undone.iter().all(|outcome| *outcome == UndoOutcome::Irreversible), "{undone:?}");
    let facts = task("f", "package_facts", json!({})).1;
    let dpkg = &facts["ansible_facts"]["packages"]["dpkg"][0];
    assert_eq!(
        (&dpkg["source"], dpkg["version"].as_str()),
        (&json!("apt"), Some(shell("dpkg-query -W -f '${Version}' dpkg").as_str()))
    );
}

#[test]
fn a_locked_package_database_is_waited_for_and_then_named() {
    if !inside("a_locked_package_database_is_waited_for_and_then_named") {
        return;
    }
    shell(&format!("PATTERN='*'; {REPOSITORY}"));
    task("u", "apt", json!({"update_cache": true}));
    // dpkg locks with fcntl, which perl's flock is not.
    let lock = "use Fcntl; open(F, '>>', '/var/lib/dpkg/lock-frontend') or die; my $l = pack('s s l! l! i x100', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; open(R, '>', '/tmp/held'); close R; sleep 600";
    let mut holder = Command::new("perl").args(["-e", lock]).spawn().unwrap();
    while !Path::new("/tmp/held").exists() {
        assert!(holder.try_wait().unwrap().is_none(), "the lock was not had");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let refused = carry("x", "apt", json!({"name": "lt-tool", "lock_timeout": 1}), false);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let message = refused.result["msg"].as_str().unwrap();
    assert!(message.contains("still locked after 1 s (lock_timeout)"), "{refused:?}");
    assert!(task("x", "apt", json!({"name": "lt-tool"})).0);
}

#[test]
fn units_are_enabled_and_masked_for_the_next_boot_and_go_back() {
    if !inside("units_are_enabled_and_masked_for_the_next_boot_and_go_back") {
        return;
    }
    if !Path::new("/usr/bin/systemctl").exists() {
        skip("no systemctl");
        return;
    }
    let unit = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
    shell(&format!("mkdir -p /etc/systemd/system; printf '{unit}' >/etc/systemd/system/lt-x.service"));
    let state = || shell("systemctl is-enabled lt-x || true");
    assert_eq!(state(), "disabled");
    let enable = json!({"name": "lt-x", "enabled": true});
    assert_eq!(carry("c", "systemd", enable.clone(), true).status, Status::Changed);
    assert_eq!(state(), "disabled");
    let (changed, result) = task("e", "systemd", enable.clone());
    assert!(changed && result["enabled"] == true && result["name"] == "lt-x", "{result}");
    assert_eq!(state(), "enabled");
    assert!(!task("e", "service", json!({"name": "lt-x", "enabled": true, "use": "systemd"})).0);
    // Somebody else disables it: undoing has nothing left to do; enabled again, it does.
    shell("systemctl disable lt-x");
    assert_eq!(undo("e"), [UndoOutcome::AlreadyOriginal]);
    assert!(task("f", "systemd", enable).0);
    assert_eq!(undo("f"), [UndoOutcome::Restored]);
    assert_eq!(state(), "disabled");
    shell(
        "rm /etc/systemd/system/lt-x.service; mkdir -p /usr/lib/systemd/system; printf '[Service]\\nExecStart=/bin/true\\n' >/usr/lib/systemd/system/lt-y.service",
    );
    let mask = json!({"name": "lt-y", "masked": true});
    assert!(task("m", "systemd", mask.clone()).0 && !task("m", "systemd", mask).0);
    assert_eq!(shell("readlink /etc/systemd/system/lt-y.service"), "/dev/null");
    assert_eq!(undo("m"), [UndoOutcome::Restored]);
    shell("test ! -e /etc/systemd/system/lt-y.service");
    let start = carry("s", "systemd", json!({"name": "lt-y", "state": "started"}), false);
    assert_eq!(start.status, Status::Failed);
    assert!(start.result["msg"].as_str().unwrap().contains("systemd does not run here"), "{start:?}");
}
