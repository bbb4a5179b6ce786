//! Batches, and what stops them: a host that is lost in any phase of its batch must keep the next one from starting.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::kill;
use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::proxy::{Faults, Proxy};
use luthier_tests::sshd::Site;
use serde_json::json;
use tempfile::TempDir;

const WRITE: &str =
    "    - name: write\n      copy: {content: here, dest: '{{ root }}/file'}\n    - name: behind\n      ping:\n";

/// Two hosts a batch, the bad one among the first two.
fn play(bad: &str, limit: &str, rest: &str) -> String {
    format!("- hosts: {bad}:h1:h2:h3:h4\n  serial: 2\n  {limit}\n{rest}")
}

fn tasks(facts: bool) -> String {
    format!("  gather_facts: {facts}\n  tasks:\n{WRITE}")
}

/// The first batch lost `bad`, and nobody of the others was touched. `first` shared the bad host's batch.
#[track_caller]
fn stopped(outcome: &Outcome, bad: &str, first: &str, others: &[&str]) {
    outcome.exits(4);
    assert_eq!(outcome.recap(bad, "unreachable"), 1, "{}", outcome.text());
    assert_eq!(outcome.recap(first, "failed"), 0, "{}", outcome.text());
    for host in others {
        assert!(outcome.results(host).is_empty(), "{host} was touched\n{}", outcome.text());
    }
}

#[track_caller]
fn run(site: &Site, text: &str) -> Outcome {
    site.luthier().run(&site.file("play.yml", text), &["-T", "5"])
}

const LIMIT: &str = "max_fail_percentage: 0";

#[test]
fn a_host_that_refuses_the_connection_stops_the_batches_behind() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    site.add_to_inventory("bad ansible_host=127.0.0.1 ansible_port=1 root=/nonexistent\n");
    stopped(&run(&site, &play("bad", LIMIT, &tasks(false))), "bad", "h1", &["h2", "h3", "h4"]);
    stopped(&run(&site, &play("bad", "any_errors_fatal: true", &tasks(false))), "bad", "h1", &["h2", "h3", "h4"]);
}

#[test]
fn a_first_batch_of_which_nobody_can_be_reached_ends_the_run() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    site.add_to_inventory(
        "b1 ansible_host=127.0.0.1 ansible_port=1 root=/x\nb2 ansible_host=127.0.0.1 ansible_port=1 root=/x\n",
    );
    let text = format!("- hosts: b1:b2:h1:h2\n  serial: 2\n{}- hosts: h2\n{}", tasks(false), tasks(false));
    let outcome = run(&site, &text);
    outcome.exits(4);
    assert!(outcome.results("h1").is_empty() && outcome.results("h2").is_empty(), "{}", outcome.text());
}

#[test]
fn ansibles_way_can_be_had_back() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    site.add_to_inventory("bad ansible_host=127.0.0.1 ansible_port=1 root=/nonexistent\n");
    site.file("luthier.toml", "unreachable_counts = false\n");
    for limit in [LIMIT, "any_errors_fatal: true"] {
        let file = site.file("play.yml", &play("bad", limit, &tasks(false)));
        let outcome = site.luthier().folder(site.folder()).run(&file, &[]);
        outcome.exits(4);
        for host in ["h2", "h3", "h4"] {
            assert_eq!(outcome.results(host).len(), 2, "{limit}: {host}\n{}", outcome.text());
        }
    }
}

#[test]
fn a_key_that_is_not_accepted_stops_the_batches_behind() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    let key = site.another_key("wrong", "");
    let host = site.host(1);
    site.add_to_inventory(&format!(
        "bad ansible_host={} ansible_port={} ansible_user={} root=/nonexistent ansible_ssh_private_key_file={}\n",
        host.address,
        host.port,
        site.login(),
        key.display()
    ));
    stopped(&run(&site, &play("bad", LIMIT, &tasks(false))), "bad", "h1", &["h2", "h3", "h4"]);
}

#[test]
fn a_line_cut_while_the_agent_is_pushed_stops_the_batches_behind() {
    let Some(mut bad) = Site::builder().hosts(1).prefix("bad").start() else { return };
    let Some(site) = Site::builder().hosts(4).start() else { return };
    let host = bad.host(1).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults { cut_to_host: Some(200_000), ..Faults::default() });
    bad.route(1, proxy.port());
    site.adopt(&bad);
    stopped(&run(&site, &play("bad1", LIMIT, &tasks(false))), "bad1", "h1", &["h2", "h3", "h4"]);
    assert!(proxy.to_host() >= 200_000, "the upload should have got as far as the fault");
}

#[test]
fn a_line_cut_while_facts_are_gathered_stops_the_batches_behind() {
    let Some(mut site) = Site::builder().hosts(4).start() else { return };
    // The agent is there already: what comes from the host afterwards is the handshake and its facts.
    let ping = site.file("ping.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n");
    site.luthier().run(&ping, &[]).exits(0);
    let host = site.host(1).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults { cut_from_host: Some(9_000), ..Faults::default() });
    site.route(1, proxy.port());
    let text = format!("- hosts: h1:h2:h3:h4\n  serial: 2\n  {LIMIT}\n{}", tasks(true));
    let outcome = run(&site, &text);
    stopped(&outcome, "h1", "h2", &["h3", "h4"]);
    assert_eq!(
        outcome.statuses("h1"),
        [("Gathering Facts".to_owned(), "unreachable".to_owned())],
        "{}",
        outcome.text()
    );
}

/// h1 waits where a test can kill its agent.
const WAIT: &str =
    "      shell: echo $$ $PPID > {{ root }}/pids; exec sleep 60\n      when: inventory_hostname == 'h1'\n";

fn killed(site: &Site, text: &str) -> Outcome {
    let play = site.file("play.yml", text);
    let luthier = site.luthier();
    let waiting = std::thread::spawn(move || luthier.run(&play, &[]));
    let (task, agent) = site.task_and_agent(1, "pids");
    kill(agent, "KILL");
    let outcome = waiting.join().expect("the run");
    kill(task, "KILL");
    outcome
}

#[test]
fn a_host_lost_in_a_task_stops_the_batches_behind() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    let text = format!(
        "- hosts: h1:h2:h3:h4\n  serial: 2\n  {LIMIT}\n  gather_facts: false\n  tasks:\n    - name: wait\n{WAIT}{WRITE}"
    );
    let outcome = killed(&site, &text);
    stopped(&outcome, "h1", "h2", &["h3", "h4"]);
    assert!(!site.host(1).root.join("file").exists());
}

#[test]
fn a_host_lost_in_a_handler_stops_the_batches_behind() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    let text = format!(
        "- hosts: h1:h2:h3:h4\n  serial: 2\n  {LIMIT}\n  gather_facts: false\n  tasks:\n    - name: change\n      command: /bin/true\n      notify: wait\n  handlers:\n    - name: wait\n{WAIT}"
    );
    let outcome = killed(&site, &text);
    stopped(&outcome, "h1", "h2", &["h3", "h4"]);
    assert_eq!(outcome.result("h1", "wait")["handler"], json!(true));
}

#[test]
fn neither_rescue_nor_always_runs_on_a_host_that_is_lost() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let text = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - block:\n        - name: wait\n{}      rescue:\n        - {{name: rescue, ping: }}\n      always:\n        - {{name: always, ping: }}\n    - {{name: after, ping: }}\n",
        WAIT.replace("      ", "          ")
    );
    let outcome = killed(&site, &text);
    outcome.exits(4);
    assert_eq!(outcome.statuses("h1"), [("wait".to_owned(), "unreachable".to_owned())], "{}", outcome.text());
    let names: Vec<String> = outcome.statuses("h2").into_iter().map(|(task, _)| task).collect();
    assert_eq!(names, ["wait", "always", "after"]);
}

/// Run on local hosts a1 … aN.
fn local(hosts: usize, text: &str, arguments: &[&str]) -> (TempDir, Outcome) {
    let folder = TempDir::new().expect("a folder");
    let names: String = (1..=hosts).map(|number| format!("a{number}\n")).collect();
    std::fs::write(
        folder.path().join("hosts.ini"),
        format!("{names}[all:vars]\nansible_connection=local\nout={}\n", folder.path().display()),
    )
    .expect("an inventory");
    let play = folder.path().join("play.yml");
    std::fs::write(&play, text).expect("a play");
    let luthier = Luthier::new(&folder.path().join("home"));
    let outcome = luthier.inventory(&folder.path().join("hosts.ini")).folder(folder.path()).run(&play, arguments);
    (folder, outcome)
}

/// The hosts of each batch, in order.
fn batches(outcome: &Outcome) -> Vec<Vec<String>> {
    let hosts = |event: &serde_json::Value| {
        event["hosts"].as_array().into_iter().flatten().filter_map(|host| host.as_str().map(str::to_owned)).collect()
    };
    outcome.events().iter().filter(|event| event["event"] == "play_started").map(hosts).collect()
}

#[test]
fn serial_takes_numbers_shares_and_lists_of_both() {
    let sizes = |serial: &str| {
        let text =
            format!("- hosts: all\n  gather_facts: false\n  serial: {serial}\n  tasks:\n    - debug: {{msg: x}}\n");
        let (_folder, outcome) = local(10, &text, &["-e", "three=3"]);
        outcome.exits(0);
        assert_eq!((1..=10).map(|number| outcome.recap(&format!("a{number}"), "ok")).sum::<u64>(), 10);
        batches(&outcome).iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(sizes("4"), [4, 4, 2]);
    assert_eq!(sizes("'30%'"), [3, 3, 3, 1]);
    assert_eq!(sizes("'1%'"), [1; 10]);
    assert_eq!(sizes("[1, 2, 5]"), [1, 2, 5, 2]);
    assert_eq!(sizes("[1, '20%', '50%']"), [1, 2, 5, 2]);
    assert_eq!(sizes("'{{ three }}'"), [3, 3, 3, 1]);
    assert_eq!(sizes("0"), [10]);
}

#[test]
fn order_arranges_the_hosts() {
    let order = |order: &str| {
        let text =
            format!("- hosts: all\n  gather_facts: false\n  order: {order}\n  tasks:\n    - debug: {{msg: x}}\n");
        let (_folder, outcome) = local(3, &text, &[]);
        outcome.exits(0);
        batches(&outcome).concat().join(" ")
    };
    assert_eq!(order("inventory"), "a1 a2 a3");
    assert_eq!(order("reverse_inventory"), "a3 a2 a1");
    assert_eq!(order("sorted"), "a1 a2 a3");
    assert_eq!(order("reverse_sorted"), "a3 a2 a1");
    let mut shuffled: Vec<String> = order("shuffle").split(' ').map(str::to_owned).collect();
    shuffled.sort();
    assert_eq!(shuffled, ["a1", "a2", "a3"]);
}

#[test]
fn what_cannot_be_a_limit_is_refused_before_anything_happens() {
    for (line, words) in [
        ("serial: many", "no batch size"),
        ("serial: '150%'", "no batch size"),
        ("max_fail_percentage: few", "no percentage"),
        ("order: alphabetical", "no order"),
        ("any_errors_fatal: maybe", "expected yes or no"),
    ] {
        let text = format!("- hosts: all\n  gather_facts: false\n  {line}\n  tasks:\n    - debug: {{msg: x}}\n");
        let (_folder, outcome) = local(1, &text, &[]);
        outcome.exits(5).says(words).says("play.yml:3");
    }
    for (line, words) in [
        ("retries: many", "`retries` must be a number"),
        ("ignore_errors: maybe", "expected yes or no"),
        ("with_nosuchlookup: [1]", "with_nosuchlookup"),
    ] {
        let text = format!("- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {{msg: x}}\n      {line}\n");
        let (_folder, outcome) = local(1, &text, &[]);
        outcome.exits(5).says(words).says("play.yml:5");
    }
    // A limit that a template gives is never taken for "none".
    let text = "- hosts: all\n  gather_facts: false\n  max_fail_percentage: '{{ share }}'\n  tasks:\n    - {name: t, command: /bin/true}\n";
    let (_folder, outcome) = local(1, text, &["-e", "share=few"]);
    outcome.exits(5).says("no percentage");
    assert!(outcome.results("a1").is_empty(), "{}", outcome.text());
}

#[test]
fn fewer_forks_than_hosts_hold_nothing_up() {
    for keyword in ["any_errors_fatal: true", "strategy: free", "order: inventory"] {
        let text = format!(
            "- hosts: all\n  gather_facts: false\n  {keyword}\n  tasks:\n    - {{name: one, command: /bin/true}}\n    - {{name: once, command: /bin/true, run_once: true}}\n    - {{name: narrow, command: /bin/true, throttle: 1}}\n    - {{name: two, command: /bin/true}}\n"
        );
        let (_folder, outcome) = local(5, &text, &["-f", "2"]);
        outcome.exits(0);
        for number in 1..=5 {
            let names: Vec<String> =
                outcome.statuses(&format!("a{number}")).into_iter().map(|(task, _)| task).collect();
            assert!(names.starts_with(&["one".into()]) && names.ends_with(&["two".into()]), "{keyword}: {names:?}");
        }
    }
}

#[test]
fn forks_bound_the_free_strategy_too() {
    // Every command counts those that are at work with it.
    let text = "- hosts: all\n  gather_facts: false\n  strategy: free\n  tasks:\n    - shell: touch {{ out }}/at.{{ inventory_hostname }}; sleep 0.3; ls {{ out }} | grep -c at[.]; rm {{ out }}/at.{{ inventory_hostname }}\n      register: r\n    - {name: count, debug: {msg: '{{ r.stdout | int }}'}}\n";
    let (_folder, outcome) = local(6, text, &["-f", "2"]);
    outcome.exits(0);
    for number in 1..=6 {
        let count = outcome.result(&format!("a{number}"), "count")["result"]["msg"].to_string();
        let count: u32 = count.trim_matches('"').parse().expect("a number");
        assert!(count <= 2, "{count} hosts were at work at once\n{}", outcome.text());
    }
}

#[test]
fn a_failure_under_any_errors_fatal_ends_the_free_strategy_and_the_run() {
    let text = "- hosts: all\n  gather_facts: false\n  strategy: free\n  any_errors_fatal: true\n  tasks:\n    - {name: fails, command: /bin/false, when: inventory_hostname == 'a1'}\n    - {name: long, shell: 'until test -e {{ out }}/go; do sleep 0.1; done', when: inventory_hostname == 'a2', register: r}\n    - {name: free, shell: 'sleep 1; touch {{ out }}/go', when: inventory_hostname == 'a3', register: r}\n    - {name: never, debug: {msg: '{{ r }}'}, when: inventory_hostname == 'a2'}\n- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: next, command: /bin/true}\n";
    let (_folder, outcome) = local(3, text, &[]);
    outcome.exits(2);
    for host in ["a1", "a2", "a3"] {
        let names: Vec<String> = outcome.statuses(host).into_iter().map(|(task, _)| task).collect();
        assert!(!names.contains(&"next".to_owned()), "{host}: {names:?}");
        assert!(!names.contains(&"never".to_owned()), "{host}: {names:?}");
    }
}

#[test]
fn after_a_rescued_failure_the_free_strategy_goes_on() {
    let text = "- hosts: all\n  gather_facts: false\n  strategy: free\n  tasks:\n    - block:\n        - {name: one, command: /bin/true}\n        - {name: fails, command: /bin/false}\n        - {name: dropped, shell: 'touch {{ out }}/dropped'}\n      rescue:\n        - {name: rescue, shell: 'touch {{ out }}/rescue.{{ inventory_hostname }}'}\n    - {name: after, shell: 'touch {{ out }}/after.{{ inventory_hostname }}'}\n";
    let (folder, outcome) = local(2, text, &[]);
    outcome.exits(0);
    for host in ["a1", "a2"] {
        let names: Vec<String> = outcome.statuses(host).into_iter().map(|(task, _)| task).collect();
        assert_eq!(names, ["one", "fails", "rescue", "after"]);
        assert_eq!(outcome.recap(host, "rescued"), 1);
        assert!(folder.path().join(format!("after.{host}")).exists());
    }
    assert!(!folder.path().join("dropped").exists(), "what was sent behind a failure must not run");
}

#[test]
fn one_failing_for_all_fails_all_and_can_be_rescued_or_ignored() {
    let text = |extra: &str| {
        format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - {{name: once, command: /bin/false, run_once: true{extra}}}\n    - {{name: after, command: /bin/true}}\n"
        )
    };
    let after = |outcome: &Outcome| {
        ["a1", "a2", "a3"].iter().filter(|host| outcome.statuses(host).iter().any(|(task, _)| task == "after")).count()
    };
    let (_folder, outcome) = local(3, &text(""), &[]);
    outcome.exits(2);
    assert_eq!(after(&outcome), 0, "{}", outcome.text());
    let (_folder, outcome) = local(3, &text(", ignore_errors: false"), &[]);
    outcome.exits(2);
    assert_eq!(after(&outcome), 0, "{}", outcome.text());
    let (_folder, outcome) = local(3, &text(", ignore_errors: true"), &[]);
    outcome.exits(0);
    assert_eq!(after(&outcome), 3, "{}", outcome.text());
    let rescued = "- hosts: all\n  gather_facts: false\n  tasks:\n    - block:\n        - {command: /bin/false, run_once: true}\n      rescue:\n        - {name: rescue, command: /bin/true}\n    - {name: after, command: /bin/true}\n- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: second, command: /bin/true}\n";
    let (_folder, outcome) = local(3, rescued, &[]);
    outcome.exits(0);
    assert_eq!(after(&outcome), 3, "{}", outcome.text());
    assert_eq!(outcome.results("a3").len(), 3, "rescued hosts take part in the next play\n{}", outcome.text());
}

#[test]
fn handlers_of_a_failed_host_run_when_forced() {
    let text = |forced: &str| {
        format!(
            "- hosts: all\n  gather_facts: false\n{forced}  tasks:\n    - {{name: change, command: /bin/true, notify: [topic, by name]}}\n    - {{name: fails, command: /bin/false, when: inventory_hostname == 'a1'}}\n  handlers:\n    - {{name: by name, command: /bin/true}}\n    - {{name: listens, command: /bin/true, listen: topic}}\n"
        )
    };
    let handlers = |outcome: &Outcome, host: &str| {
        outcome.results(host).iter().filter(|row| row["handler"] == json!(true)).count()
    };
    let (_folder, outcome) = local(2, &text(""), &[]);
    assert_eq!((handlers(&outcome, "a1"), handlers(&outcome, "a2")), (0, 2), "{}", outcome.text());
    let (_folder, outcome) = local(2, &text("  force_handlers: true\n"), &[]);
    assert_eq!((handlers(&outcome, "a1"), handlers(&outcome, "a2")), (2, 2), "{}", outcome.text());
    outcome.exits(2);
    let (_folder, outcome) = local(2, &text(""), &["--force-handlers"]);
    assert_eq!(handlers(&outcome, "a1"), 2, "{}", outcome.text());
}

#[test]
fn a_handler_that_fails_ends_its_host_before_the_next_section() {
    let text = "- hosts: all\n  gather_facts: false\n  pre_tasks:\n    - {name: change, command: /bin/true, notify: h}\n  tasks:\n    - {name: main, command: /bin/true}\n  handlers:\n    - {name: h, command: /bin/false, when: inventory_hostname == 'a1'}\n";
    let (_folder, outcome) = local(2, text, &[]);
    outcome.exits(2);
    assert_eq!(outcome.statuses("a1").len(), 2, "{}", outcome.text());
    assert_eq!(outcome.result("a2", "main")["status"], "changed");
}

#[test]
fn what_includes_itself_is_told_with_its_chain() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let write = |name: &str, text: &str| {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    };
    write("hosts.ini", "a ansible_connection=local\n");
    let head = "- hosts: a\n  gather_facts: false\n";
    write("imports.yml", &format!("{head}  tasks:\n    - import_tasks: one.yml\n"));
    write("one.yml", "- import_tasks: two.yml\n");
    write("two.yml", "- import_tasks: one.yml\n");
    write("includes.yml", &format!("{head}  tasks:\n    - include_tasks: three.yml\n"));
    write("three.yml", "- include_tasks: four.yml\n");
    write("four.yml", "- include_tasks: three.yml\n");
    write("roles.yml", &format!("{head}  roles: [r1]\n"));
    write("roles/r1/meta/main.yml", "dependencies: [r2]\n");
    write("roles/r2/meta/main.yml", "dependencies: [r1]\n");
    write("books.yml", "- import_playbook: other.yml\n");
    write("other.yml", "- import_playbook: books.yml\n");
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    for (file, chain) in [
        ("imports.yml", "one.yml -> two.yml -> one.yml"),
        ("includes.yml", "three.yml -> four.yml -> three.yml"),
        ("roles.yml", "r1 -> r2 -> r1"),
        ("books.yml", "books.yml -> other.yml -> books.yml"),
    ] {
        luthier.call(["run", file]).exits(5).says(chain).says("itself");
    }
    // Behind a condition only the run can tell: some depth is allowed, no end is not.
    write("counts.yml", &format!("{head}  tasks:\n    - include_tasks: count.yml\n      vars: {{n: 1}}\n"));
    write(
        "count.yml",
        "- set_fact: {seen: '{{ n | int }}'}\n- include_tasks: count.yml\n  vars: {n: '{{ seen | int + 1 }}'}\n  when: seen | int < limit | int\n",
    );
    luthier.run(&path.join("counts.yml"), &["-e", "limit=60"]).exits(0);
    let endless = luthier.run(&path.join("counts.yml"), &["-e", "limit=100000"]);
    endless.exits(2);
    assert!(endless.complaint("a").contains("count.yml"), "{}", endless.complaint("a"));
}
