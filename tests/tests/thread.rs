//! The thread from end to end: twenty tasks on fifty hosts, the same again, and back to the byte.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::Tree;
use luthier_tests::qemu::Machine;
use luthier_tests::sshd::{Builder, Site, Sudo};
use std::fmt::Write as _;

/// Five times a directory, a template, a line in a file and a command.
fn twenty_tasks(site: &Site) -> std::path::PathBuf {
    site.file(
        "motd.j2",
        "{% for n in range(3) %}\nhost {{ inventory_hostname }} line {{ n }} of {{ number }}\n{% endfor %}\n",
    );
    let mut text = "- name: twenty tasks\n  hosts: all\n  gather_facts: false\n  tasks:\n".to_owned();
    for n in 1..=5 {
        let _ = write!(
            text,
            r#"
    - name: directory {n}
      file:
        path: "{{{{ root }}}}/etc/part{n}"
        state: directory
        mode: "0750"
    - name: template {n}
      template:
        src: motd.j2
        dest: "{{{{ root }}}}/etc/part{n}/motd"
        mode: "0640"
      vars:
        number: {n}
    - name: line {n}
      lineinfile:
        path: "{{{{ root }}}}/existing.conf"
        regexp: "^option{n}="
        line: "option{n}=new"
    - name: command {n}
      command: test -d "{{{{ root }}}}/etc/part{n}"
      changed_when: false
"#
        );
    }
    site.file("twenty.yml", &text)
}

fn prepare(site: &Site) {
    for host in site.hosts() {
        let file = host.root.join("existing.conf");
        std::fs::write(&file, "# kept\noption2=old\noption4 = other\nlast line without end").expect("a file to edit");
        site.give_to_login(&file);
    }
}

fn whole_thread(builder: Builder, hosts: usize, arguments: &[&str]) {
    let Some(site) = builder.hosts(hosts).start() else { return };
    prepare(&site);
    let before = Tree::read(&site.folder().join("hosts"));
    let play = twenty_tasks(&site);
    let luthier = site.luthier();

    let first = luthier.run(&play, arguments);
    first.exits(0);
    for host in site.hosts() {
        assert_eq!(first.results(&host.name).len(), 20, "{}", first.text());
        assert_eq!(first.recap(&host.name, "ok"), 20);
        assert_eq!(first.recap(&host.name, "changed"), 15);
    }
    let changed = Tree::read(&site.folder().join("hosts"));
    let motd = std::fs::read_to_string(site.host(2).root.join("etc/part3/motd")).expect("the template's file");
    assert_eq!(motd, "host h2 line 0 of 3\nhost h2 line 1 of 3\nhost h2 line 2 of 3\n");

    let second = luthier.run(&play, arguments);
    second.exits(0);
    for host in site.hosts() {
        assert_eq!(second.recap(&host.name, "changed"), 0, "{}", second.text());
    }
    assert_eq!(changed.differences(&Tree::read(&site.folder().join("hosts"))), Vec::<String>::new());

    let mut back = vec!["rollback".to_owned(), first.run_id()];
    back.extend(arguments.iter().map(|&word| word.to_owned()));
    let back = luthier.call(back);
    assert!(matches!(back.code, Some(0 | 6)), "{}", back.text());
    let after = Tree::read(&site.folder().join("hosts"));
    assert_eq!(before.differences(&after), Vec::<String>::new(), "{}", back.text());
}

#[test]
fn fifty_hosts_there_and_back() {
    whole_thread(Site::builder(), 50, &[]);
}

#[test]
fn free_strategy_does_the_same() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    prepare(&site);
    let play = twenty_tasks(&site);
    let text =
        std::fs::read_to_string(&play).expect("the play").replacen("hosts: all\n", "hosts: all\n  strategy: free\n", 1);
    let play = site.file("free.yml", &text);
    let first = site.luthier().run(&play, &[]);
    first.exits(0);
    for host in site.hosts() {
        let order: Vec<String> = first.statuses(&host.name).into_iter().map(|(task, _)| task).collect();
        assert_eq!(order.len(), 20);
        assert_eq!(order.first().map(String::as_str), Some("directory 1"));
        assert_eq!(order.last().map(String::as_str), Some("command 5"));
    }
    let second = site.luthier().run(&play, &[]);
    assert!(site.hosts().iter().all(|host| second.recap(&host.name, "changed") == 0), "{}", second.text());
}

#[test]
fn an_ordinary_user_there_and_back() {
    whole_thread(Site::builder().ordinary(Sudo::None), 3, &[]);
}

#[test]
fn an_ordinary_user_who_becomes_root_there_and_back() {
    whole_thread(Site::builder().ordinary(Sudo::NoPassword), 3, &["--become"]);
}

#[test]
fn one_session_at_a_time_is_enough() {
    whole_thread(Site::builder().max_sessions(1), 2, &[]);
}

#[test]
fn check_mode_tells_and_changes_nothing() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    prepare(&site);
    let before = Tree::read(&site.folder().join("hosts"));
    let outcome = site.luthier().run(&twenty_tasks(&site), &["--check", "--diff", "--detailed-exitcode"]);
    outcome.exits(3);
    assert_eq!(before.differences(&Tree::read(&site.folder().join("hosts"))), Vec::<String>::new());
    let line = outcome.result("h1", "line 2");
    assert_eq!(line["status"], "changed");
    let diff = line["diff"][0].clone();
    assert!(diff["before"].as_str().is_some_and(|text| text.contains("option2=old")), "{line}");
    assert!(diff["after"].as_str().is_some_and(|text| text.contains("option2=new")), "{line}");
}

#[test]
fn the_agent_is_pushed_once_and_found_again() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let play = site.file("ping.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n");
    site.luthier().run(&play, &[]).exits(0);
    let cached = || {
        let entries = std::fs::read_dir(site.state().join("agent")).expect("the agent's folder");
        let mut rows: Vec<_> = entries
            .flatten()
            .map(|entry| (entry.file_name(), entry.metadata().and_then(|meta| meta.modified()).ok()))
            .collect();
        rows.sort();
        rows
    };
    let first = cached();
    assert_eq!(first.len(), 1, "one agent and no left-overs: {first:?}");
    site.luthier().run(&play, &[]).exits(0);
    assert_eq!(cached(), first, "the second run must start what the first one left");
}

#[test]
fn a_whole_machine_is_tuned_and_put_back() {
    let Some(guest) = Machine::lopsided().start() else { return };
    let play = guest.folder().join("tune.yml");
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: swap\n      sysctl: {name: vm.swappiness, value: '7', sysctl_file: /tmp/90-test.conf}\n    - name: read\n      slurp: {src: /proc/sys/vm/swappiness}\n";
    std::fs::write(&play, text).expect("a play");
    let first = guest.luthier().run(&play, &[]);
    first.exits(0);
    assert_eq!(first.result("machine", "swap")["status"], "changed", "{}", guest.log());
    // "7\n" in base64.
    assert_eq!(first.result("machine", "read")["result"]["content"], "Nwo=");
    let back = guest.luthier().call(["rollback".to_owned(), first.run_id()]);
    assert!(matches!(back.code, Some(0 | 6)), "{}", back.text());
    let check = guest.luthier().run(&play, &["--check"]);
    assert_eq!(check.result("machine", "swap")["status"], "changed", "the old value should be back\n{}", check.text());
}
