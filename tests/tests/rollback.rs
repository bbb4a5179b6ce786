//! How rollbacks end, hosts that left the inventory, and histories that cannot be written.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::luthier::Luthier;
use luthier_tests::sshd::Site;
use luthier_tests::{kill, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const HEAD: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n";
const WRITE: &str = "    - copy: {content: here, dest: '{{ root }}/file'}\n";
const COMMAND: &str = "    - command: /bin/true\n";

#[test]
fn a_rollback_is_never_exit_zero() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let luthier = site.luthier();
    let run = |tasks: &str| {
        let outcome = luthier.run(&site.file("play.yml", &format!("{HEAD}{tasks}")), &[]);
        outcome.exits(0).run_id()
    };
    let both = run(&format!("{WRITE}{COMMAND}"));
    luthier.call(["rollback", &both, "--check"]).exits(0).says("1 to restore");
    assert!(site.host(1).root.join("file").exists());
    luthier.call(["rollback", &both]).exits(6).says("1 restored").says("1 cannot be undone");
    assert!(!site.host(1).root.join("file").exists());
    luthier.call(["rollback", &both]).exits(6);
    // Nothing but what nobody can undo.
    let commands = run(COMMAND);
    luthier.call(["rollback", &commands]).exits(6).says("0 restored").says("irreversible");
}

#[test]
fn a_host_that_cannot_be_asked_is_a_rollback_that_failed() {
    let Some(mut site) = Site::builder().hosts(2).start() else { return };
    let run = site.luthier().run(&site.file("play.yml", &format!("{HEAD}{WRITE}")), &[]).exits(0).run_id();
    let port = site.host(2).port;
    site.route(2, 1);
    site.luthier().call(["rollback", &run]).exits(7).says("1 restored").says("unreachable");
    assert!(!site.host(1).root.join("file").exists() && site.host(2).root.join("file").exists(), "port {port}");
}

#[test]
fn a_host_that_left_the_inventory_is_reached_as_it_was() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let host = site.host(1).clone();
    let folder = TempDir::new().expect("a folder");
    let inventory = folder.path().join("hosts.ini");
    let line = format!(
        "gone ansible_host={} root={} ansible_ssh_common_args=\"-o Port={} -o 'User {}' -i {}\"\n",
        host.address,
        host.root.display(),
        host.port,
        site.login(),
        site.client_key().display()
    );
    std::fs::write(&inventory, line).expect("an inventory");
    let luthier = Luthier::new(&site.home()).inventory(&inventory);
    let run = luthier.run(&site.file("play.yml", &format!("{HEAD}{WRITE}")), &[]).exits(0).run_id();
    assert!(host.root.join("file").exists());
    std::fs::write(&inventory, "another ansible_host=127.0.0.1\n").expect("an inventory");
    luthier.call(["rollback", &run]).exits(6).says("gone").says("1 restored");
    assert!(!host.root.join("file").exists());
}

#[test]
fn a_history_that_cannot_grow_is_told_once_and_stops_nobody() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("hosts.ini"), "a1 ansible_connection=local\na2 ansible_connection=local\n")
        .expect("hosts");
    // Text that no compression makes small.
    let text = format!(
        "{HEAD}    - {{name: noise, shell: 'head -c 300000 /dev/urandom | base64'}}\n    - {{name: last, command: /bin/true}}\n"
    );
    std::fs::write(path.join("play.yml"), text).expect("a play");
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    // The agent's cache and journal need room that the history is not to have: they are there before.
    luthier.call(["exec", "all", "ping"]).exits(0);
    let inner = luthier.command(["run", "play.yml", "-o", "json"]);
    // A file that may not grow fails as one on a full disk does; the signal that would end the program is ignored.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 256; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    limited.current_dir(path).env_clear();
    limited.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.stdin(Stdio::null()).output().expect("sh runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    let done = stdout.lines().filter(|line| line.contains("\"task\":\"last\"") && line.contains("\"changed\""));
    assert_eq!(done.count(), 2, "{stdout}\n{stderr}");
    assert_eq!(stderr.matches("not recorded any more").count(), 1, "{stderr}");
    assert!(stderr.contains(".jsonl.zst"), "the file should be named: {stderr}");
}

/// A host of this machine with journals of its own.
fn local_host(path: &Path) -> Luthier {
    std::fs::write(path.join("hosts.ini"), "w1 ansible_connection=local\n").expect("hosts");
    Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path)
}

/// Its journal, once there is one: in the folder of whoever runs this test.
fn journal(path: &Path) -> PathBuf {
    let users = std::fs::read_dir(path.join("home/local-agent")).expect("the agent's folder");
    let folders = users.map(|user| user.expect("an entry").path().join("journal"));
    folders.into_iter().find(|folder| folder.exists()).expect("a journal")
}

fn copy_to(path: &Path) -> String {
    let text = format!("{HEAD}    - copy: {{content: here, dest: '{}/file'}}\n", path.display());
    std::fs::write(path.join("play.yml"), text).expect("a play");
    "play.yml".to_owned()
}

#[test]
fn a_journal_that_no_longer_holds_the_run_is_a_rollback_that_failed() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    let run = luthier.run(copy_to(path).as_ref(), &[]).exits(0).run_id();
    let journal = journal(path);
    let file = std::fs::read_dir(&journal).expect("a journal").next().expect("a file").expect("an entry").path();
    let whole = std::fs::read(&file).expect("the journal");
    let mut later = whole.clone();
    *later.get_mut(16).expect("a version") = 2;
    std::fs::write(&file, later).expect("a later version");
    luthier.call(["rollback", &run]).exits(7).says("another version");
    luthier.call(["status", "--all"]).exits(2).says("another version");
    std::fs::write(&file, &whole).expect("the journal");
    // Commands, which nobody can undo, do not push out what can be undone.
    for _ in 0..21 {
        luthier.call(["exec", "w1", "command", "true"]).exits(0);
    }
    luthier.call(["rollback", &run, "-C"]).exits(0).says("1 to restore");
    std::fs::rename(&journal, path.join("gone")).expect("a journal that is gone");
    luthier.call(["rollback", &run]).exits(7).says("no longer holds this run");
    assert!(path.join("file").exists());
    std::fs::remove_dir_all(&journal).ok();
    std::fs::rename(path.join("gone"), &journal).expect("the journal");
    luthier.call(["rollback", &run]).exits(6).says("1 restored");
    assert!(!path.join("file").exists());
}

#[test]
fn an_interrupt_leaves_hosts_alone_that_were_not_asked_yet() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    let hosts: String = (1..4).map(|number| format!("w{number} ansible_connection=local\n")).collect();
    std::fs::write(path.join("hosts.ini"), hosts).expect("hosts");
    let text = "    - shell: touch {{ playbook_dir }}/{{ inventory_hostname }}\n      revert: rm {{ playbook_dir }}/{{ inventory_hostname }}; sleep 2\n";
    std::fs::write(path.join("play.yml"), format!("{HEAD}{text}")).expect("a play");
    let run = luthier.run("play.yml".as_ref(), &[]).exits(0).run_id();
    let left = || (1..4).filter(|number| path.join(format!("w{number}")).exists()).count();
    let mut command = luthier.command(["rollback", &run, "-f", "1"]);
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("luthier starts");
    wait_for("the first host to be undone", || left() == 2);
    kill(running.id(), "INT");
    let output = running.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), left()), (Some(130), 2), "{said}");
    assert!(said.contains("1 restored") && said.contains("not asked"), "{said}");
    luthier.call(["rollback", &run]).exits(6);
    assert_eq!(left(), 0);
}

#[test]
fn a_check_has_nothing_to_undo_and_is_not_the_last_run_to_undo() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    let play = copy_to(path);
    luthier.run(play.as_ref(), &[]).exits(0);
    let check = luthier.run(play.as_ref(), &["--check"]).exits(0).run_id();
    luthier.call(["rollback", &check]).exits(5).says("was a check");
    luthier.call(["rollback", "last"]).exits(6).says("1 restored");
    assert!(!path.join("file").exists());
}

#[test]
fn an_interrupted_run_is_undone_without_hosts_it_never_touched() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    std::fs::write(path.join("hosts.ini"), "w1 ansible_connection=local\ndead ansible_host=127.0.0.1 ansible_port=1\n")
        .expect("hosts");
    let text = "- hosts: w1\n  gather_facts: false\n  tasks:\n    - copy: {content: here, dest: '{{ playbook_dir }}/file'}\n    - shell: echo $$ > {{ playbook_dir }}/pid; exec sleep 60\n";
    std::fs::write(path.join("play.yml"), text).expect("a play");
    let mut running = luthier.start("play.yml".as_ref(), &[]);
    let pid = || std::fs::read_to_string(path.join("pid")).ok()?.trim().parse().ok();
    wait_for("the second task", || pid().is_some());
    kill(running.pid(), "KILL");
    assert_eq!(running.wait(), None);
    kill(pid().expect("its process"), "KILL");
    wait_for("the agent to go", || luthier.call(["status", "w1"]).stdout.contains("interrupted"));
    luthier.call(["rollback", "last"]).exits(6).says("1 restored");
    assert!(!path.join("file").exists());
}

#[test]
fn hosts_know_a_run_that_is_not_recorded() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    let play = copy_to(path);
    let run = luthier.run(play.as_ref(), &[]).exits(0).run_id();
    let colleague = local_host(path).env("XDG_STATE_HOME", path.join("other"));
    colleague.call(["rollback", "20000101-000000-0000"]).exits(7).says("no journal");
    colleague.call(["rollback", "20000101"]).exits(5);
    local_host(path).env("XDG_STATE_HOME", path.join("other")).no_inventory().call(["rollback", &run]).exits(5);
    colleague.call(["rollback", &run]).exits(6).says("1 restored").says("not recorded here");
    assert!(!path.join("file").exists());
    // A run that nobody can record says what is lost, and how it can be undone.
    let homeless = local_host(path).env("XDG_STATE_HOME", "/dev/null/none");
    let outcome = homeless.run(play.as_ref(), &[]);
    let run = outcome.exits(0).run_id();
    outcome.says(&format!("luthier rollback {run} -i"));
    homeless.call(["rollback", &run]).exits(6).says("1 restored");
    // People are told what a run is called.
    let human = luthier.call(["run", "play.yml"]);
    let named = human.exits(0).stdout.lines().last().unwrap_or_default().strip_prefix("run ").map(str::to_owned);
    luthier.call(["show", &named.expect("the run's id")]).exits(0);
}

#[test]
fn several_names_of_one_machine_are_undone_in_one_call() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let luthier = local_host(path);
    let hosts: String = (1..4).map(|number| format!("w{number} ansible_connection=local\n")).collect();
    std::fs::write(path.join("hosts.ini"), hosts).expect("hosts");
    let text = "- hosts: all\n  gather_facts: false\n  serial: 1\n  tasks:\n    - copy: {content: '{{ inventory_hostname }}', dest: '{{ playbook_dir }}/file'}\n";
    std::fs::write(path.join("play.yml"), text).expect("a play");
    std::fs::write(path.join("file"), "mine").expect("a file");
    let run = luthier.run("play.yml".as_ref(), &[]).exits(0).run_id();
    luthier.call(["rollback", &run]).exits(6);
    assert_eq!(std::fs::read_to_string(path.join("file")).expect("the file"), "mine");
    // What somebody else changed is still left alone.
    let run = luthier.run("play.yml".as_ref(), &[]).exits(0).run_id();
    std::fs::write(path.join("file"), "by hand").expect("a file");
    luthier.call(["rollback", &run]).exits(7).says("drifted");
    assert_eq!(std::fs::read_to_string(path.join("file")).expect("the file"), "by hand");
}
