//! The playbook language over real sshd: one small play for each thing people write.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::sshd::Site;
use serde_json::json;
use tempfile::TempDir;

/// Run the tasks on two local hosts `a` and `b` (`a` has `role: primary`), without SSH.
fn local(tasks: &str, arguments: &[&str]) -> (TempDir, Outcome) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let inventory = "[pair]\na role=primary\nb\n[pair:vars]\nansible_connection=local\ngroup_word=from_inventory\n";
    std::fs::write(path.join("hosts.ini"), inventory).expect("an inventory");
    std::fs::create_dir_all(path.join("group_vars")).expect("group_vars");
    std::fs::create_dir_all(path.join("host_vars")).expect("host_vars");
    std::fs::write(path.join("group_vars/pair.yml"), "group_word: from_group_vars\nlayer: group\n")
        .expect("group_vars");
    std::fs::write(path.join("host_vars/b.yml"), "layer: host\n").expect("host_vars");
    let play = format!(
        "- name: play\n  hosts: pair\n  gather_facts: false\n  vars:\n    play_var: 7\n    out: '{}/out-{{{{ inventory_hostname }}}}'\n{tasks}",
        path.display()
    );
    std::fs::write(path.join("play.yml"), play).expect("a play");
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    let outcome = luthier.run(&path.join("play.yml"), arguments);
    (folder, outcome)
}

fn statuses(outcome: &Outcome, host: &str) -> String {
    outcome.statuses(host).into_iter().map(|(task, status)| format!("{task}={status}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn conditions_choose_hosts() {
    let (_folder, outcome) = local(
        "  tasks:\n    - name: some\n      debug: {msg: yes}\n      when: role is defined and role == 'primary'\n    - name: all\n      debug: {msg: done}\n      when: [play_var > 5, \"inventory_hostname in groups['pair']\"]\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(statuses(&outcome, "a"), "some=ok all=ok");
    assert_eq!(statuses(&outcome, "b"), "some=skipped all=ok");
}

#[test]
fn variables_have_ansibles_precedence() {
    let tasks = "  tasks:\n    - name: say\n      debug: {msg: '{{ group_word }} {{ layer }} {{ play_var }} {{ task_var }}'}\n      vars: {task_var: t, play_var: 8}\n";
    let (_folder, outcome) = local(tasks, &[]);
    assert_eq!(outcome.result("a", "say")["result"]["msg"], "from_group_vars group 8 t");
    assert_eq!(outcome.result("b", "say")["result"]["msg"], "from_group_vars host 8 t");
    let (_folder, outcome) = local(tasks, &["-e", "play_var=9 layer=extra"]);
    assert_eq!(outcome.result("b", "say")["result"]["msg"], "from_group_vars extra 9 t");
    let (_folder, outcome) = local(tasks, &["-e", "{\"layer\": {\"deep\": [1, true]}}"]);
    let said = outcome.result("b", "say")["result"]["msg"].to_string();
    assert!(said.contains("{'deep': [1, True]}"), "{said}");
}

#[test]
fn results_are_registered_and_judged() {
    let (_folder, outcome) = local(
        "  tasks:\n    - name: out\n      command: echo one two\n      register: said\n      changed_when: \"'three' in said.stdout\"\n    - name: odd\n      command: sh -c 'exit 3'\n      register: odd\n      failed_when: odd.rc not in [0, 3]\n    - name: ignored\n      command: 'false'\n      ignore_errors: true\n    - name: check\n      assert:\n        that:\n          - said.stdout_lines == ['one two']\n          - said is not changed\n          - odd.rc == 3 and odd is not failed\n          - said.rc == 0\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(statuses(&outcome, "a"), "out=ok odd=changed ignored=failed check=ok");
    assert_eq!(outcome.result("a", "ignored")["ignored"], true);
    assert_eq!((outcome.recap("a", "ok"), outcome.recap("a", "ignored"), outcome.recap("a", "failed")), (4, 1, 0));
}

#[test]
fn loops_tell_items_and_the_whole() {
    let (folder, outcome) = local(
        "  tasks:\n    - name: files\n      copy: {content: '{{ item }}', dest: '{{ out }}-{{ item }}'}\n      loop: [x, y]\n      register: made\n    - name: names\n      debug: {msg: '{{ made.results | map(attribute=\"item\") | join(\"+\") }} {{ made is changed }}'}\n    - name: kept\n      debug: {msg: '{{ item.k }}'}\n      with_items: [{k: 1}, {k: 2}]\n      when: item.k > 1\n      loop_control: {label: l}\n",
        &[],
    );
    outcome.exits(0);
    let items: Vec<_> =
        outcome.events().into_iter().filter(|event| event["host"] == "a" && event["task"] == "files").collect();
    assert_eq!(
        items.iter().map(|event| event["item"].clone()).collect::<Vec<_>>(),
        [json!("x"), json!("y"), json!(null)]
    );
    assert_eq!(outcome.result("b", "names")["result"]["msg"], "x+y True");
    assert_eq!(std::fs::read_to_string(folder.path().join("out-b-y")).expect("written"), "y");
    let kept: Vec<_> =
        outcome.events().into_iter().filter(|event| event["host"] == "a" && event["task"] == "kept").collect();
    assert_eq!(kept.iter().filter(|event| event["status"] == "skipped").count(), 1, "{}", outcome.text());
}

#[test]
fn handlers_run_once_at_the_end_or_when_flushed() {
    let tasks = "  tasks:\n    - name: one\n      copy: {content: a, dest: '{{ out }}'}\n      notify: [restart]\n    - name: two\n      copy: {content: b, dest: '{{ out }}2'}\n      notify: restart\n    - name: quiet\n      command: 'true'\n      changed_when: false\n      notify: never\n    - meta: flush_handlers\n    - name: last\n      ping:\n  handlers:\n    - name: restart\n      debug: {msg: restarted}\n    - name: never\n      fail: {msg: must not run}\n";
    let (_folder, outcome) = local(tasks, &[]);
    outcome.exits(0);
    let order = statuses(&outcome, "a").replace(" meta=ok", "");
    assert_eq!(order, "one=changed two=changed quiet=ok restart=ok last=ok");
    assert_eq!(outcome.result("a", "restart")["handler"], true);
}

#[test]
fn tags_choose_tasks() {
    let tasks = "  tasks:\n    - {name: t1, ping: , tags: red}\n    - {name: t2, ping: , tags: [blue, always]}\n    - {name: t3, ping: , tags: never}\n    - {name: t4, ping: }\n";
    let chosen = |arguments: &[&str]| {
        let (_folder, outcome) = local(tasks, arguments);
        outcome.exits(0);
        outcome.statuses("a").into_iter().map(|(task, _)| task).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(chosen(&[]), "t1 t2 t4");
    assert_eq!(chosen(&["--tags", "red"]), "t1 t2");
    assert_eq!(chosen(&["--skip-tags", "red"]), "t2 t4");
    assert_eq!(chosen(&["-t", "never"]), "t2 t3");
    assert_eq!(chosen(&["--tags", "untagged"]), "t2 t4");
}

#[test]
fn hosts_are_limited() {
    let tasks = "  tasks:\n    - {name: t, ping: }\n";
    let (_folder, outcome) = local(tasks, &["--limit", "pair:!a"]);
    outcome.exits(0);
    assert!(outcome.results("a").is_empty() && outcome.results("b").len() == 1);
}

#[test]
fn a_failure_stops_its_host_and_no_other() {
    let (_folder, outcome) = local(
        "  tasks:\n    - name: split\n      fail: {msg: '{{ inventory_hostname }} fails'}\n      when: inventory_hostname == 'a'\n    - name: after\n      ping:\n",
        &[],
    );
    outcome.exits(2);
    assert_eq!(statuses(&outcome, "a"), "split=failed");
    assert_eq!(statuses(&outcome, "b"), "split=skipped after=ok");
    assert_eq!(outcome.complaint("a"), "a fails");
}

#[test]
fn facts_that_are_set_stay_and_returned_text_is_never_rendered() {
    let (_folder, outcome) = local(
        "  tasks:\n    - set_fact: {mine: '{{ inventory_hostname }}!', number: 3}\n    - name: said\n      command: echo '{{ '{{' }} 1 + 1 {{ '}}' }}'\n      register: said\n    - name: show\n      debug: {msg: '{{ mine }} {{ number + 1 }} {{ said.stdout }}'}\n    - name: other\n      debug: {msg: '{{ hostvars[\"b\"].mine }}'}\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(outcome.result("a", "show")["result"]["msg"], "a! 4 {{ 1 + 1 }}");
    assert_eq!(outcome.result("a", "other")["result"]["msg"], "b!");
}

#[test]
fn scalars_are_those_of_yaml_1_1() {
    let (_folder, outcome) = local(
        "  tasks:\n    - name: show\n      debug: {msg: never}\n      vars: {unused: 1}\n    - name: vars\n      debug: {msg: '{{ v }}'}\n      vars: {v: [yes, off, 0644, 1_000, 0x1f, '0644', ~, 1e3, 1.5, 1:30]}\n",
        &["--start-at-task", "vars"],
    );
    outcome.exits(0);
    let values = outcome.result("a", "vars")["result"]["msg"].clone();
    // PyYAML reads `1e3` as text: its floats need a dot.
    assert_eq!(values, json!([true, false, 420, 1000, 31, "0644", null, "1e3", 1.5, 90]));
}

#[test]
fn the_linear_strategy_waits_for_everybody_after_each_task() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: mark\n      shell: test {{ inventory_hostname }} = h2 && sleep 1; touch {{ root }}/../{{ inventory_hostname }}.done\n    - name: look\n      shell: ls {{ root }}/.. | grep -c done\n";
    let outcome = site.luthier().run(&site.file("barrier.yml", text), &[]);
    outcome.exits(0);
    for host in site.hosts() {
        assert_eq!(outcome.result(&host.name, "look")["result"]["stdout"], "3", "{}", host.name);
    }
}

#[test]
fn modules_answer_under_ansibles_names() {
    let (folder, outcome) = local(
        "  tasks:\n    - name: copy\n      copy: {content: \"line\\n\", dest: '{{ out }}', mode: '0600'}\n    - name: stat\n      stat: {path: '{{ out }}'}\n    - name: slurp\n      slurp: {src: '{{ out }}'}\n    - name: link\n      file: {src: '{{ out }}', dest: '{{ out }}.link', state: link}\n    - name: gone\n      file: {path: '{{ out }}.link', state: absent}\n    - name: creates\n      command: {cmd: touch x, creates: '{{ out }}'}\n    - name: shell\n      shell: echo out; echo err >&2\n",
        &["--limit", "a"],
    );
    outcome.exits(0);
    let copy = outcome.result("a", "copy")["result"].clone();
    assert_eq!(copy["checksum"], sha1_of(&folder.path().join("out-a")));
    assert_eq!(copy["mode"], "0600");
    let stat = outcome.result("a", "stat")["result"]["stat"].clone();
    assert_eq!((&stat["exists"], &stat["size"], &stat["isreg"]), (&json!(true), &json!(5), &json!(true)));
    assert_eq!(outcome.result("a", "slurp")["result"]["content"], "bGluZQo=");
    assert_eq!(
        (outcome.result("a", "link")["status"].clone(), outcome.result("a", "gone")["status"].clone()),
        (json!("changed"), json!("changed"))
    );
    assert_ne!(outcome.result("a", "creates")["status"], "changed");
    let shell = outcome.result("a", "shell")["result"].clone();
    assert_eq!((&shell["stdout"], &shell["stderr"], &shell["rc"]), (&json!("out"), &json!("err"), &json!(0)));
}

/// As `sha1sum` of coreutils says it.
fn sha1_of(file: &std::path::Path) -> String {
    let output = std::process::Command::new("sha1sum").arg(file).output().expect("sha1sum runs");
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn syntax_check_and_lists_contact_nobody() {
    let tasks = "  tasks:\n    - {name: t1, ping: , tags: red}\n";
    for (argument, words) in
        [("--syntax-check", ""), ("--list-tasks", "t1"), ("--list-hosts", "b"), ("--list-tags", "red")]
    {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("hosts.ini"), "b ansible_host=127.0.0.1 ansible_port=1\n")
            .expect("an inventory");
        std::fs::write(folder.path().join("play.yml"), format!("- hosts: all\n{tasks}")).expect("a play");
        let luthier = Luthier::new(&folder.path().join("home")).folder(folder.path());
        luthier.call(["run", "play.yml", "-i", "hosts.ini", argument]).exits(0).says(words);
    }
}

#[test]
fn shipped_plays_are_dry_run_on_a_live_machine() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let plays = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks");
    let mut count = 0;
    for entry in std::fs::read_dir(plays).expect("the shipped plays").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "yml") {
            let outcome = site.luthier().run(&entry.path(), &["--check", "--diff"]);
            outcome.exits(0);
            count += 1;
        }
    }
    assert!(count >= 5, "found {count} plays");
}

/// Whole plays on two local hosts `a` and `b`.
fn plays(text: &str, arguments: &[&str]) -> (TempDir, Outcome) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("hosts.ini"), "[pair]\na\nb\n[pair:vars]\nansible_connection=local\n")
        .expect("an inventory");
    std::fs::write(path.join("play.yml"), text).expect("plays");
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    let outcome = luthier.run(&path.join("play.yml"), arguments);
    (folder, outcome)
}

const CHOOSING: &str = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - set_fact: {chosen: [b], width: 1}\n- hosts: \"{{ hostvars['localhost'].chosen }}\"\n  serial: '{{ hostvars.localhost.width }}'\n  gather_facts: false\n  tasks: [{name: by fact, ping: }]\n- hosts: \"{{ groups['pair'] | first }}\"\n  gather_facts: false\n  tasks: [{name: by group, ping: }]\n";

#[test]
fn a_plays_hosts_may_come_from_groups_and_other_hosts_facts() {
    let (_folder, outcome) = plays(CHOOSING, &[]);
    outcome.exits(0);
    assert_eq!((statuses(&outcome, "a").as_str(), statuses(&outcome, "b").as_str()), ("by group=ok", "by fact=ok"));
}

#[test]
fn what_is_wrong_with_a_later_play_is_said_before_the_first_begins() {
    let first = "- hosts: a\n  gather_facts: false\n  tasks: [{name: first, ping: }]\n";
    for (play, words) in [
        ("- hosts: '{{ nobody }}'\n", "'nobody' is undefined"),
        ("- hosts: b\n  serial: '{{ nobody }}'\n", "'nobody' is undefined"),
        ("- hosts: b\n  serial: many\n", "`many` is no batch size"),
        ("- hosts: b\n  max_fail_percentage: few\n", "`few` is no percentage"),
        ("- hosts: b\n  order: fancy\n", "there is no order `fancy`"),
    ] {
        let (_folder, outcome) = plays(&format!("{first}{play}  tasks: [{{ping: }}]\n"), &[]);
        outcome.exits(5).says(words).says("play.yml:");
        assert_eq!(outcome.stdout, "", "{words}");
    }
    // What depends on the plays before is known in its turn only: hosts were contacted then.
    let late = "- hosts: '{{ hostvars.a.nobody }}'\n  tasks: [{ping: }]\n";
    let (_folder, outcome) = plays(&format!("{first}{late}"), &[]);
    outcome.exits(2).says("no attribute 'nobody'");
    assert_eq!(statuses(&outcome, "a"), "first=ok");
    let end = outcome.events().pop().expect("an end");
    assert_eq!((&end["exit_code"], end["errors"].as_array().map(Vec::len)), (&json!(2), Some(1)), "{end}");
}

#[test]
fn a_rescued_failure_is_told_as_one() {
    let (_folder, outcome) = local(
        "  tasks:\n    - block:\n        - {name: fails, command: /bin/false}\n      rescue:\n        - {name: saves, ping: }\n    - {name: ignored, command: /bin/false, ignore_errors: true}\n",
        &[],
    );
    outcome.exits(0);
    let told = |task: &str| {
        let result = outcome.result("a", task);
        (result["rescued"].clone(), result["ignored"].clone())
    };
    assert_eq!((told("fails"), told("ignored")), ((json!(true), json!(false)), (json!(false), json!(true))));
    assert_eq!((outcome.recap("a", "rescued"), outcome.recap("a", "failed")), (1, 0));
}

#[test]
fn names_that_match_nothing_are_told_with_what_was_meant() {
    let text = "- hosts: pair\n  gather_facts: false\n  tasks: [{name: greet, ping: }]\n";
    plays(text, &["-l", "all:!c"]).1.exits(0).says("`c` matches no host and no group").says("did you mean `a`?");
    plays(text, &["--start-at-task", "great"]).1.exits(0).says("did you mean `greet`?").says("nothing was done");
    plays("- hosts: pari\n  tasks: [{ping: }]\n", &[]).1.exits(0).says("did you mean `pair`?");
    let folder = TempDir::new().expect("a folder");
    let luthier = Luthier::new(folder.path()).folder(folder.path());
    luthier.call(["facts", "-i", "127.0.0.1,", "--only", "cpus"]).exits(5).says("did you mean `cpu`?");
    luthier.call(["exec", "-i", "127.0.0.1,", "all", "copy", "src=nofile", "dest=/x"]).exits(5).says("`nofile`");
}

#[test]
fn a_playbook_in_a_folder_finds_what_is_beside_it() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    for (name, text) in [
        ("hosts.ini", "a ansible_connection=local\n"),
        ("plays/files/one.txt", "1"),
        ("plays/roles/r/files/two", "2"),
        (
            "plays/roles/r/tasks/main.yml",
            "- {name: role, copy: {src: '{{ role_path }}/files/two', dest: '{{ out }}'}}\n",
        ),
        ("plays/vars/found.yml", "found: yes\n"),
        (
            "plays/play.yml",
            "- hosts: a\n  gather_facts: false\n  vars: {out: '{{ playbook_dir }}/../out'}\n  roles: [r]\n  tasks:\n    - {name: glob, copy: {src: '{{ item }}', dest: '{{ out }}'}, with_fileglob: '*.txt'}\n    - {name: first, include_vars: '{{ item }}', with_first_found: [nope.yml, found.yml]}\n",
        ),
    ] {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    let outcome = luthier.call(["run", "plays/play.yml", "-o", "json"]);
    outcome.exits(0);
    assert_eq!(statuses(&outcome, "a"), "r : role=changed glob=changed first=ok");
    assert_eq!(std::fs::read_to_string(path.join("out")).expect("a copy"), "1");
}

#[test]
fn how_a_host_is_reached_can_be_read_where_nobody_said_it() {
    let say = "  tasks:\n    - {name: say, debug: {msg: '{{ ansible_host }} {{ ansible_connection }} {{ ansible_user | default(0) }} {{ ansible_limit is defined }} {{ ansible_port is defined }}'}, check_mode: true}\n    - {name: check, debug: {msg: '{{ ansible_check_mode }}'}, check_mode: true}\n    - {name: other, debug: {msg: '{{ hostvars.b.ansible_host is defined }}'}}\n";
    let (_folder, outcome) = plays(&format!("- hosts: pair\n  gather_facts: false\n{say}"), &["-u", "me"]);
    outcome.exits(0);
    let said = |task: &str| outcome.result("a", task)["result"]["msg"].clone();
    assert_eq!(said("say"), "a local me False False");
    assert_eq!((said("check"), said("other")), (json!(false), json!(false)));
    let (_folder, outcome) = plays(&format!("- hosts: localhost\n  gather_facts: false\n{say}"), &["-l", "localhost"]);
    assert_eq!(outcome.result("localhost", "say")["result"]["msg"], "localhost local 0 True False");
}

#[test]
fn what_a_host_says_looks_nothing_up_here() {
    let (folder, outcome) = local(
        "  tasks:\n    - name: said\n      shell: \"echo \\\"lookup('pipe', 'touch $PWD/evil') == ''\\\"\"\n      args: {chdir: '{{ playbook_dir }}'}\n      register: said\n    - {name: when, ping: , when: '{{ said.stdout }}', ignore_errors: true}\n    - {name: that, assert: {that: '{{ said.stdout }}'}, ignore_errors: true}\n    - {name: failed, ping: , failed_when: '{{ said.stdout }}', ignore_errors: true}\n    - {name: show, debug: {var: '{{ said.stdout }}'}}\n    - {name: text, debug: {msg: '{{ said.stdout }}'}}\n    - {name: own, ping: , when: '{{ written }}', vars: {written: play_var == 7}}\n",
        &["-l", "a"],
    );
    outcome.exits(0);
    for task in ["when", "that", "failed"] {
        let message = outcome.result("a", task)["result"]["msg"].to_string();
        assert!(message.contains("cannot look anything up"), "{task}: {message}");
    }
    assert!(outcome.result("a", "text")["result"]["msg"].as_str().expect("text").starts_with("lookup("));
    assert_eq!(outcome.result("a", "own")["status"], "ok");
    assert!(!folder.path().join("evil").exists(), "a host's text ran a command on the controller");
}
