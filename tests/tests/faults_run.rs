//! What goes wrong while tasks run: agents, controllers and lines that die, commands that hang or flood.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::proxy::{Faults, Proxy};
use luthier_tests::sshd::Site;
use luthier_tests::{Tree, alive, kill, wait_for};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Writes two files; the command named by `at` waits where a test can kill the agent: before the first write (0),
/// between them (1), or after the second (2). Only the host h2 waits.
fn two_writes(site: &Site, at: usize) -> std::path::PathBuf {
    let wait = "    - name: wait\n      shell: echo $$ $PPID > {{ root }}/pids; exec sleep 60\n      when: inventory_hostname == 'h2'\n      changed_when: false\n";
    let first = "    - name: first\n      copy: {content: new, dest: '{{ root }}/one'}\n";
    let second = "    - name: second\n      copy: {content: new, dest: '{{ root }}/two'}\n";
    let mut tasks = vec![first, second];
    tasks.insert(at, wait);
    site.file("writes.yml", &format!("- hosts: all\n  gather_facts: false\n  tasks:\n{}", tasks.concat()))
}

fn prepare(site: &Site) -> Tree {
    for host in site.hosts() {
        std::fs::write(host.root.join("one"), "old\n").expect("a file");
    }
    Tree::read(&site.folder().join("hosts"))
}

/// Undo a run and compare with what was there; the process ids that the test itself wrote do not count.
fn restored(site: &Site, run: &str, before: &Tree) {
    let back = site.luthier().call(["rollback", run]);
    assert!(matches!(back.code, Some(0 | 6)), "{}", back.text());
    for host in site.hosts() {
        let _ = std::fs::remove_file(host.root.join("pids"));
    }
    assert_eq!(before.differences(&Tree::read(&site.folder().join("hosts"))), Vec::<String>::new(), "{}", back.text());
}

#[test]
fn an_agent_killed_before_between_or_after_the_writes_leaves_a_true_journal() {
    for at in 0..=2 {
        let Some(site) = Site::builder().hosts(3).start() else { return };
        let before = prepare(&site);
        let play = two_writes(&site, at);
        let luthier = site.luthier();
        let waiting = std::thread::spawn(move || luthier.run(&play, &[]));
        let (task, agent) = site.task_and_agent(2, "pids");
        kill(agent, "KILL");
        let outcome = waiting.join().expect("the run");
        kill(task, "KILL");
        outcome.exits(4);
        assert_eq!(outcome.recap("h2", "unreachable"), 1, "{}", outcome.text());
        for host in ["h1", "h3"] {
            assert_eq!(outcome.recap(host, "changed"), 2, "{host} was disturbed\n{}", outcome.text());
        }
        site.luthier().call(["status"]).says("h2").says("interrupted");
        let run = outcome.run_id();
        restored(&site, &run, &before);
    }
}

#[test]
fn a_killed_agent_does_not_stop_the_next_run() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    prepare(&site);
    let play = two_writes(&site, 1);
    let luthier = site.luthier();
    let waiting = std::thread::spawn(move || luthier.run(&play, &[]));
    let (task, agent) = site.task_and_agent(2, "pids");
    kill(agent, "KILL");
    waiting.join().expect("the run").exits(4);
    kill(task, "KILL");
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {content: new, dest: '{{ root }}/one'}\n    - copy: {content: new, dest: '{{ root }}/two'}\n";
    site.luthier().run(&site.file("again.yml", text), &[]).exits(0);
    assert_eq!(std::fs::read_to_string(site.host(2).root.join("two")).expect("written now"), "new");
}

#[test]
fn a_killed_controller_leaves_hosts_that_tell_the_truth() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let before = prepare(&site);
    let mut running = site.luthier().start(&two_writes(&site, 1), &[]);
    let (task, agent) = site.task_and_agent(2, "pids");
    kill(running.pid(), "KILL");
    assert_eq!(running.wait(), None);
    // What was in hand may finish; then the agent goes by itself.
    kill(task, "KILL");
    wait_for("the agent to notice", || !alive(agent));
    assert!(!site.host(2).root.join("two").exists(), "what was sent ahead must be dropped");
    let listed = site.luthier().call(["runs", "-o", "json"]).exits(0).stdout.clone();
    let id = listed
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
        .find(|word| word.len() > 15 && word.split('-').count() == 3)
        .map(str::to_owned);
    let id = id.unwrap_or_else(|| panic!("the interrupted run should be listed: {listed}"));
    site.luthier().call(["status"]).says("interrupted");
    restored(&site, &id, &before);
}

#[test]
fn a_line_cut_in_mid_task_loses_one_host() {
    let Some(mut site) = Site::builder().hosts(3).start() else { return };
    let before = prepare(&site);
    let host = site.host(2).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults::default());
    site.route(2, proxy.port());
    let play = two_writes(&site, 1);
    let luthier = site.luthier();
    let waiting = std::thread::spawn(move || luthier.run(&play, &[]));
    let (task, agent) = site.task_and_agent(2, "pids");
    proxy.cut();
    let outcome = waiting.join().expect("the run");
    kill(task, "KILL");
    outcome.exits(4);
    assert_eq!(outcome.recap("h2", "unreachable"), 1);
    assert_eq!((outcome.recap("h1", "changed"), outcome.recap("h3", "changed")), (2, 2));
    wait_for("the agent to notice", || !alive(agent));
    restored(&site, &outcome.run_id(), &before);
}

#[test]
fn a_host_that_falls_silent_is_lost_by_heartbeat() {
    let Some(mut site) = Site::builder().hosts(2).start() else { return };
    prepare(&site);
    let host = site.host(2).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults::default());
    site.route(2, proxy.port());
    let play = two_writes(&site, 1);
    let luthier = site.luthier();
    let waiting = std::thread::spawn(move || luthier.run(&play, &[]));
    let (task, _) = site.task_and_agent(2, "pids");
    proxy.silence();
    let outcome = waiting.join().expect("the run");
    kill(task, "KILL");
    outcome.exits(4);
    assert_eq!(outcome.recap("h1", "changed"), 2);
}

#[test]
fn a_hung_command_is_killed_with_its_whole_group() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: hang\n      shell: sleep 300 & echo $$ $! > {{ root }}/pids; sleep 300\n      timeout: 2\n      when: inventory_hostname == 'h2'\n    - name: next\n      ping:\n";
    let outcome = site.luthier().run(&site.file("hang.yml", text), &[]);
    outcome.exits(2);
    assert_eq!(outcome.result("h1", "next")["status"], "ok");
    let complaint = outcome.complaint("h2").to_lowercase();
    assert!(complaint.contains("time") || complaint.contains("deadline"), "{complaint}");
    let (shell, child) = site.task_and_agent(2, "pids");
    wait_for("the whole process group to be gone", || !alive(shell) && !alive(child));
}

#[test]
fn a_flood_of_output_fails_one_host_clearly() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: flood\n      command: head -c 200000000 /dev/zero\n      when: inventory_hostname == 'h2'\n    - name: next\n      ping:\n";
    let outcome = site.luthier().run(&site.file("flood.yml", text), &[]);
    outcome.exits(2);
    assert_eq!(outcome.result("h1", "next")["status"], "ok");
    let complaint = outcome.complaint("h2");
    assert!(complaint.contains("64") || complaint.contains("limit") || complaint.contains("too"), "{complaint}");
}

#[test]
fn a_large_result_arrives_whole() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: long\n      shell: head -c 5000000 /dev/zero | tr '\\0' x\n      register: out\n    - name: length\n      debug: {msg: '{{ out.stdout | length }}'}\n";
    let outcome = site.luthier().run(&site.file("long.yml", text), &[]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "length")["result"]["msg"].to_string().trim_matches('"'), "5000000");
}

fn human(site: &Site, text: &str) -> Outcome {
    let play = site.file("human.yml", text);
    site.luthier().call(["run".into(), play.into_os_string(), "-v".into()])
}

#[test]
fn terminal_escapes_of_a_host_never_reach_the_terminal() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let outcome = human(
        &site,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: printf 'seen\\033[2J\\033]0;pwned\\007\\r\\302\\233end'\n    - shell: printf 'bad\\033[31m' >&2; exit 1\n",
    );
    outcome.exits(2).says("seen").says("bad");
    for letter in outcome.text().chars() {
        assert!(letter == '\n' || letter == '\t' || !letter.is_control(), "{letter:?} in {}", outcome.text());
    }
}

#[test]
fn a_failing_task_undoes_its_own_changes_only() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: kept\n      copy: {content: kept, dest: '{{ root }}/kept'}\n    - name: fails\n      copy: {content: x, dest: '{{ root }}/no/such/folder/file'}\n    - name: never\n      ping:\n";
    let outcome = site.luthier().run(&site.file("fails.yml", text), &[]);
    outcome.exits(2);
    assert!(site.host(1).root.join("kept").exists());
    assert!(!site.host(1).root.join("no").exists());
    assert_eq!(outcome.statuses("h1").len(), 2, "nothing runs after a failure\n{}", outcome.text());
}

#[test]
fn an_interrupt_ends_cleanly_and_is_told_by_the_exit_code() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    prepare(&site);
    let mut running = site.luthier().start(&two_writes(&site, 1), &[]);
    let (task, agent) = site.task_and_agent(2, "pids");
    kill(running.pid(), "INT");
    assert_eq!(running.wait(), Some(130));
    wait_for("the command and its agent to be gone", || !alive(task) && !alive(agent));
}

#[test]
fn an_interrupt_is_heard_while_hosts_are_being_connected() {
    let folder = tempfile::TempDir::new().expect("a folder");
    // Takes connections and never says a word.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("its address").port();
    let hosts: String =
        (1..5).map(|number| format!("h{number} ansible_host=127.0.0.1 ansible_port={port}\n")).collect();
    std::fs::write(folder.path().join("hosts.ini"), hosts).expect("hosts");
    let luthier = Luthier::new(folder.path()).inventory(&folder.path().join("hosts.ini"));
    for words in [&["facts"][..], &["status"], &["topo"], &["exec", "all", "ping"]] {
        let mut command = luthier.command(words);
        command.args(["-f", "1", "-T", "30"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let running = command.spawn().expect("luthier starts");
        let _line = mute.accept().expect("a connection");
        kill(running.id(), "INT");
        let output = running.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{words:?}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{words:?} took {:?}", begun.elapsed());
        assert!(words.len() > 1 || said.contains("not asked: h1, h2, h3, h4"), "{words:?}: {said}");
    }
}
