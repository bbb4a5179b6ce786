//! The modules about the host itself, on this machine: told beforehand, done, done again without a change, and undone.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::Tree;
use luthier_tests::luthier::{Luthier, Outcome, built};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a controller's home, an inventory of this machine and something to work on.
struct Rig {
    folder: tempfile::TempDir,
    luthier: Luthier,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let work = folder.path().join("work");
        fs::create_dir_all(work.join("tree/sub")).expect("folders");
        fs::write(work.join("tree/a.conf"), "one\ntwo\n").expect("a file");
        fs::write(work.join("tree/sub/b.conf"), "ready on 8080\n").expect("a file");
        fs::write(work.join("my.cnf"), "# kept\n[client]\nport=1\n[mysqld]\n#user = x\n").expect("a file");
        let inventory = folder.path().join("inventory");
        fs::write(&inventory, format!("here ansible_connection=local work={}\n", work.display())).expect("inventory");
        let luthier = Luthier::new(&folder.path().join("home")).inventory(&inventory);
        Self { folder, luthier }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn play(&self, tasks: &str) -> PathBuf {
        let path = self.folder.path().join("play.yml");
        fs::write(&path, format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")).expect("a playbook");
        path
    }

    fn run(&self, play: &Path, arguments: &[&str]) -> Outcome {
        self.luthier.run(play, arguments)
    }

    fn back(&self, run: &Outcome) {
        self.luthier.call(["rollback".to_owned(), run.run_id()]).exits(6);
    }
}

/// Values of a result by JSON pointer.
#[track_caller]
fn holds(run: &Outcome, task: &str, expected: &[(&str, Value)]) {
    let result = run.result("here", task)["result"].clone();
    for (pointer, value) in expected {
        assert_eq!(result.pointer(pointer), Some(value), "{pointer} of {task}: {result}");
    }
}

const TASKS: &str = r#"
    - name: found
      find:
        paths: "{{ work }}/tree"
        patterns: "*.conf"
        recurse: true
        get_checksum: true
      register: found
    - name: counted
      assert:
        that:
          - found.matched == 2
          - found.files | map(attribute='path') | map('basename') | sort == ['a.conf', 'b.conf']
    - name: account
      getent:
        database: passwd
        key: root
    - name: nobody
      ansible.builtin.getent: {database: group, key: no-such-group-here, fail_key: false}
    - name: facts
      assert:
        that:
          - ansible_facts.getent_passwd.root[1] == '0'
          - getent_passwd['root'][4] == '/root'
          - getent_group['no-such-group-here'] is none
    - name: file
      wait_for:
        path: "{{ work }}/tree/sub/b.conf"
        search_regex: 'on (?P<port>\d+)'
    - name: option
      community.general.ini_file:
        path: "{{ work }}/my.cnf"
        section: mysqld
        option: user
        value: mysql
        mode: '0640'
    - name: section
      ini_file: {path: "{{ work }}/new/app.ini", section: s, option: o, values: [1, 2], no_extra_spaces: true}
"#;

#[test]
fn files_are_told_of_changed_once_and_put_back() {
    let rig = Rig::new();
    let play = rig.play(TASKS);
    let before = Tree::read(&rig.work());

    let check = rig.run(&play, &["--check", "--diff"]);
    check.exits(0);
    assert_eq!(check.recap("here", "changed"), 2, "{}", check.text());
    assert_eq!(before.differences(&Tree::read(&rig.work())), Vec::<String>::new());

    let first = rig.run(&play, &[]);
    first.exits(0);
    assert_eq!(first.recap("here", "changed"), 2, "{}", first.text());
    holds(&first, "file", &[("/match_groups/0", json!("8080")), ("/match_groupdict/port", json!("8080"))]);
    holds(&first, "found", &[("/examined", json!(3)), ("/files/0/isreg", json!(true))]);
    holds(&first, "option", &[("/msg", json!("option changed"))]);
    let text = fs::read_to_string(rig.work().join("my.cnf")).expect("the file");
    assert_eq!(text, "# kept\n[client]\nport=1\n[mysqld]\nuser = mysql\n");
    assert_eq!(fs::read_to_string(rig.work().join("new/app.ini")).expect("a file"), "\n[s]\no=1\no=2\n");

    let second = rig.run(&play, &[]);
    second.exits(0);
    assert_eq!(second.recap("here", "changed"), 0, "{}", second.text());
    rig.back(&first);
    assert_eq!(before.differences(&Tree::read(&rig.work())), Vec::<String>::new());
}

#[test]
fn temporary_paths_go_when_the_run_is_undone() {
    let rig = Rig::new();
    let play = rig.play(
        r#"
    - name: folder
      tempfile: {path: "{{ work }}", state: directory, suffix: build}
      register: scratch
    - name: into it
      copy: {content: "x\n", dest: "{{ scratch.path }}/file"}
    - name: file
      ansible.builtin.tempfile: {path: "{{ work }}"}
"#,
    );
    let before = Tree::read(&rig.work());
    rig.run(&play, &["--check"]).exits(0);
    assert_eq!(before.differences(&Tree::read(&rig.work())), Vec::<String>::new());
    let first = rig.run(&play, &[]);
    first.exits(0);
    assert_eq!((first.recap("here", "changed"), Tree::read(&rig.work()).len()), (3, before.len() + 3));
    rig.back(&first);
    assert_eq!(before.differences(&Tree::read(&rig.work())), Vec::<String>::new());
}

#[test]
fn waiting_ends_when_it_is_so_or_time_is_up() {
    let rig = Rig::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    // In check mode the port is looked at by three tasks, then by two, and then it closes.
    let speaker = std::thread::spawn(move || {
        for stream in listener.incoming().take(5) {
            let _ = std::io::Write::write_all(&mut stream.expect("a peer"), b"SSH-2.0-rig\r\n");
        }
    });
    let play = rig.play(&format!(
        r#"
    - name: maker
      shell: (sleep 1; touch "{{{{ work }}}}/flag") >/dev/null 2>&1 &
    - name: flag
      wait_for: {{path: "{{{{ work }}}}/flag", timeout: 60}}
    - name: port
      wait_for: {{port: {port}}}
    - name: greeting
      wait_for: {{port: {port}, host: 127.0.0.1, search_regex: '^SSH-(\S+)'}}
    - name: closed
      wait_for: {{port: {port}, state: stopped, timeout: 60}}
    - name: never
      wait_for: {{path: "{{{{ work }}}}/never", timeout: 1, msg: gave up}}
      ignore_errors: true
    - name: too long
      wait_for: {{path: "{{{{ work }}}}/never"}}
      timeout: 1
"#
    ));
    let check = rig.run(&play, &["--check"]);
    assert_eq!(check.result("here", "flag")["status"], "skipped", "{}", check.text());
    let run = rig.run(&play, &[]);
    run.exits(2);
    speaker.join().expect("all spoken to");
    holds(&run, "flag", &[("/state", json!("started")), ("/changed", json!(false))]);
    holds(&run, "port", &[("/port", json!(port)), ("/path", Value::Null), ("/match_groups", json!([]))]);
    holds(&run, "greeting", &[("/match_groups/0", json!("2.0-rig"))]);
    holds(&run, "never", &[("/msg", json!("gave up")), ("/elapsed", json!(1))]);
    assert_eq!(run.result("here", "too long")["status"], "failed", "{}", run.text());
}

/// What runs in name spaces of its own: check, run, run again, undo; the state of things after each.
const SCRIPT: &str = r#"
set -e
cp -a /etc "$WORK/etc"
mkdir -p "$WORK/etc/modules-load.d" "$WORK/etc/modprobe.d"
printf '# table\nproc /proc proc defaults 0 0\n' > "$WORK/etc/fstab"
echo old-name > "$WORK/etc/hostname"
mount --bind "$WORK/etc" /etc
echo old-name > /proc/sys/kernel/hostname
see() {
  echo "== $1"
  uname -n; cat /etc/hostname /etc/fstab
  grep -c " $WORK/m " /proc/self/mountinfo || true
  grep " $WORK/m " /proc/self/mountinfo | grep -o 'size=[0-9k]*' || true
  ls "$WORK" /etc/modules-load.d /etc/modprobe.d
  cat /etc/modules-load.d/kvm_rig.conf /etc/modprobe.d/kvm_rig.conf 2>/dev/null || true
}
luthier() { "$LUTHIER" "$@" -i "$WORK/../inventory" || { echo "exit $?"; cat "$WORK/../log" >&2; }; }
see before
luthier run --check "$PLAY" -o json > "$WORK/../log"
see check
luthier run "$PLAY" -o json > "$WORK/../first"
see first
luthier run "$PLAY" -o json > "$WORK/../log"
grep -o '"changed":[0-9]*,"unreachable"' "$WORK/../log"
see second
luthier rollback "$(grep -o '"run":"[^"]*"' "$WORK/../first" | head -1 | cut -d'"' -f4)" > "$WORK/../log"
see back
"#;

const MACHINE: &str = r#"
    - name: name
      hostname: {name: kvm-rig}
    - name: known
      assert:
        that: [ansible_facts.hostname == 'kvm-rig', ansible_nodename == 'kvm-rig']
    - name: at boot
      community.general.modprobe: {name: kvm_rig, state: absent, persistent: present, params: nested=1}
    - name: mounted
      ansible.posix.mount: {path: "{{ work }}/m", src: rig, fstype: tmpfs, opts: size=64k, state: mounted}
    - name: entry
      mount: {path: /srv/later, src: "nfs:/x y", fstype: nfs, boot: false, state: present}
"#;

#[test]
fn name_modules_and_mounts_are_set_and_put_back() {
    if !Command::new("unshare").args(["--mount", "--uts", "true"]).status().is_ok_and(|status| status.success()) {
        luthier_tests::skip("private name spaces need root and unshare");
        return;
    }
    let rig = Rig::new();
    let play = rig.play(MACHINE);
    let mut command = Command::new("unshare");
    command.env_clear();
    for (name, value) in rig.luthier.command(["run"]).get_envs() {
        value.map(|value| command.env(name, value));
    }
    command.args(["--mount", "--uts", "--propagation", "private", "sh", "-c", SCRIPT]);
    let output =
        command.env("WORK", rig.work()).env("PLAY", &play).env("LUTHIER", built()).output().expect("unshare starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    let seen = |name: &str| {
        let after = text.split_once(&format!("== {name}\n")).expect("a section").1;
        after.split("\n== ").next().unwrap_or_default().trim_end().to_owned()
    };
    assert_eq!(seen("check"), seen("before"), "{errors}");
    let first = seen("first");
    let expected = format!(
        "kvm-rig\nkvm-rig\n# table\nproc /proc proc defaults 0 0\nrig {0}/m tmpfs size=64k 0 0\n\
         nfs:/x\\040y /srv/later nfs defaults,noauto 0 0\n1\nsize=64k\n",
        rig.work().display()
    );
    assert!(first.starts_with(&expected), "{first}\n{errors}");
    assert!(first.contains("kvm_rig\noptions kvm_rig nested=1"), "{first}");
    assert!(seen("first").contains("\"changed\":0,"), "{text}");
    assert_eq!(seen("second"), first.split("\n\"changed\"").next().unwrap_or_default());
    assert_eq!(seen("back"), seen("before"), "{errors}");
}
