//! Hosts reached by the `ssh` program (`-c openssh`), over real sshd.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::sshd::{Site, Sudo};
use luthier_tests::{alive, kill, wait_for};
use std::path::PathBuf;

const PLAY: &str = "- hosts: all\n  tasks:\n    - name: write\n      copy: {content: \"{{ ansible_facts.system }}\", dest: '{{ root }}/file'}\n    - name: who\n      command: id -un\n      become: true\n";

/// The ssh program takes its home from the account and not from `HOME`: name the site's configuration.
fn openssh(site: &Site) -> Luthier {
    site.add_to_inventory(&format!(
        "\n[all:vars]\nansible_ssh_common_args=-F {}\n",
        site.home().join(".ssh/config").display()
    ));
    site.luthier()
}

fn play(site: &Site) -> PathBuf {
    site.file("play.yml", PLAY)
}

#[track_caller]
fn unreachable(outcome: &Outcome, host: &str, words: &[&str]) -> String {
    let complaint = outcome.exits(4).complaint(host);
    assert!(complaint.starts_with("unreachable: ssh: "), "{complaint}");
    for word in words {
        assert!(complaint.contains(word), "{complaint} should tell {word:?}");
    }
    complaint
}

#[test]
fn a_playbook_with_facts_and_become_runs_over_the_ssh_program() {
    let Some(site) = Site::builder().hosts(2).ordinary(Sudo::NoPassword).start() else { return };
    let luthier = openssh(&site);
    let outcome = luthier.run(&play(&site), &["-c", "openssh"]);
    outcome.exits(0);
    for number in [1, 2] {
        let host = site.host(number);
        assert_eq!(std::fs::read_to_string(host.root.join("file")).expect("the file"), "Linux");
        assert_eq!(outcome.result(&host.name, "who")["result"]["stdout"], "root");
    }
    let back = luthier.call(["rollback", &outcome.run_id(), "-c", "openssh", "-o", "json"]);
    assert!(!site.host(1).root.join("file").exists(), "{}", back.text());
}

#[test]
fn many_names_of_one_server_take_turns_as_with_the_client_that_is_built_in() {
    let Some(site) = Site::builder().hosts(1).config("MaxStartups 10:100:10").start() else { return };
    let host = site.host(1);
    let line = |number| format!("m{number} ansible_host={} ansible_port={}\n", host.address, host.port);
    site.add_to_inventory(&(1..=24).map(line).collect::<String>());
    let ping = site.file("ping.yml", "- hosts: all\n  gather_facts: false\n  tasks: [{name: ping, ping: }]\n");
    openssh(&site).run(&ping, &["-c", "openssh", "-f", "30", "-T", "60"]).exits(0);
}

#[test]
fn the_inventory_chooses_the_ssh_program_for_one_host() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let luthier = openssh(&site);
    site.add_to_inventory(&format!("[fleet_h]\n{} ansible_connection=openssh\n", site.host(1).name));
    // Were the program used for both, both would fail for want of it.
    let broken = site.file("bin/ssh", "no program");
    let outcome = luthier.run(&play(&site), &["-e", &format!("ansible_ssh_executable={}", broken.display())]);
    unreachable(&outcome, "h1", &["cannot run", "bin/ssh"]);
    assert_eq!(outcome.result("h2", "write")["status"], "changed");
}

#[test]
fn what_ssh_says_is_the_reason() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let luthier = openssh(&site);
    let run = |arguments: &[&str]| {
        let all = [&["-c", "openssh", "-l", "h1"], arguments].concat();
        luthier.run(&play(&site), &all)
    };
    let stranger = format!("ansible_ssh_private_key_file={}", site.another_key("stranger", "").display());
    unreachable(&run(&["-e", &stranger]), "h1", &["Permission denied", "publickey"]);
    unreachable(&run(&["-e", "ansible_port=1"]), "h1", &["refused"]);
    unreachable(&run(&["-e", "ansible_host=no-such-host.invalid"]), "h1", &["no-such-host.invalid"]);
    let locked = format!("ansible_ssh_private_key_file={}", site.another_key("locked", "secret").display());
    unreachable(&run(&["-e", &locked]), "h1", &["Permission denied"]);
    let outcome = run(&["-e", "ansible_ssh_extra_args='-o NoSuchOption=1'"]);
    outcome.exits(2).says("ssh has no option NoSuchOption");
    run(&[]).exits(0);
}

#[test]
fn an_unknown_host_is_refused_and_host_key_checking_off_takes_it_with_a_warning() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let luthier = openssh(&site);
    site.forget_known_host(2);
    let outcome = luthier.run(&play(&site), &["-c", "openssh"]);
    unreachable(&outcome, "h2", &["Host key verification failed"]);
    assert_eq!(outcome.recap("h1", "unreachable"), 0);
    let before = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    assert!(!before.contains(&site.host(2).address), "strict means strict: {before}");
    let taken = luthier.run(&play(&site), &["-c", "openssh", "-e", "ansible_host_key_checking=false"]);
    taken.exits(0).says("host keys are not checked");
}

#[test]
fn without_the_program_the_error_names_it() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let luthier = openssh(&site).env("PATH", site.folder().join("empty"));
    let outcome = luthier.run(&play(&site), &["-c", "openssh"]);
    unreachable(&outcome, "h1", &["cannot run ssh", "not installed", "PATH"]);
}

#[test]
fn a_host_that_never_speaks_is_given_up() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = format!("ansible_port={}", silent.local_addr().expect("its address").port());
    let host = "ansible_host=127.0.0.1";
    let outcome = openssh(&site).run(&play(&site), &["-c", "openssh", "-T", "2", "-e", &port, "-e", host]);
    unreachable(&outcome, "h1", &["timed out"]);
}

#[test]
fn ssh_killed_in_mid_run_makes_the_host_unreachable_and_leaves_no_process() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: long\n      shell: echo $$ $PPID > {{ root }}/pids; sleep 600\n";
    let program = site.file("ssh-here", "#!/bin/sh\necho $$ > \"${0%/*}/ssh-pid\"\nexec ssh \"$@\"\n");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
    let luthier = openssh(&site);
    let wanted = format!("ansible_ssh_executable={}", program.display());
    let mut started = luthier.start(&site.file("long.yml", text), &["-c", "openssh", "-e", &wanted]);
    let (task, agent) = site.task_and_agent(1, "pids");
    let pid = std::fs::read_to_string(site.folder().join("ssh-pid")).expect("the pid of ssh");
    kill(pid.trim().parse().expect("a number"), "KILL");
    assert_eq!(started.wait(), Some(4));
    wait_for("the agent to end", || !alive(agent) && !alive(task));
}

#[test]
fn no_ssh_is_left_when_the_controller_is_done() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let program = site.file("ssh-here", "#!/bin/sh\necho $$ >> \"${0%/*}/ssh-pid\"\nexec ssh \"$@\"\n");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
    let wanted = format!("ansible_ssh_executable={}", program.display());
    openssh(&site).run(&play(&site), &["-c", "openssh", "-e", &wanted]).exits(0);
    let pids = std::fs::read_to_string(site.folder().join("ssh-pid")).expect("the pid of ssh");
    assert_eq!(pids.lines().count(), 1, "one connection is enough: {pids}");
    for pid in pids.lines() {
        assert!(!alive(pid.parse().expect("a number")));
    }
}
