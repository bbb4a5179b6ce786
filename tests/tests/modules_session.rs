//! Modules that the controller carries out together with a host: connections, jobs, files brought back, people asked.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::qemu::Machine;
use luthier_tests::sshd::{Site, Sudo};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const HEAD: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n";

/// Run tasks, indented by four, on every host of a site.
fn run(site: &Site, tasks: &str, arguments: &[&str]) -> Outcome {
    site.luthier().run(&site.file("play.yml", &format!("{HEAD}{tasks}")), arguments)
}

fn site(hosts: usize) -> Option<Site> {
    Site::builder().hosts(hosts).start()
}

/// Two hosts of this machine without SSH, in a folder.
fn local(folder: &Path, inventory: &str) -> Luthier {
    fs::write(folder.join("hosts.ini"), inventory).expect("an inventory");
    Luthier::new(&folder.join("home")).inventory(&folder.join("hosts.ini")).folder(folder)
}

const PAIR: &str = "a ansible_connection=local\nb ansible_connection=local\n";

#[test]
fn raw_runs_a_line_through_a_shell() {
    let Some(site) = site(1) else { return };
    let tasks = "    - {name: r, raw: 'echo one; echo two >&2'}\n    - {name: e, raw: 'echo $0', args: {executable: /bin/sh}}\n    - {name: bad, raw: 'exit 4', ignore_errors: true}\n";
    let outcome = run(&site, tasks, &[]);
    outcome.exits(0);
    let result = outcome.result("h1", "r")["result"].clone();
    assert_eq!((&result["stdout"], &result["stderr"], &result["rc"]), (&json!("one\n"), &json!("two\n"), &json!(0)));
    assert_eq!(result["changed"], true);
    assert_eq!(outcome.result("h1", "e")["result"]["stdout"], "/bin/sh\n");
    assert_eq!(outcome.result("h1", "bad")["result"]["rc"], 4);
    let check = run(&site, tasks, &["--check"]);
    assert_eq!(check.result("h1", "r")["status"], "skipped");
}

#[test]
fn a_script_is_sent_run_and_removed() {
    let Some(site) = site(1) else { return };
    let big = format!("#!/bin/sh\n# {}\n", "x".repeat(200_000));
    fs::create_dir_all(site.folder().join("roles/probe/files")).expect("a role");
    fs::create_dir_all(site.folder().join("roles/probe/tasks")).expect("a role");
    let text = format!("{big}echo \"$1 $#\"; pwd; ls \"$0\"; touch \"$2\"\n");
    fs::write(site.folder().join("roles/probe/files/my probe.sh"), text).expect("a script");
    let made = site.host(1).root.join("made");
    let tasks = format!(
        "- name: s\n  script: \"'my probe.sh' 'a b' {0}\"\n  args: {{chdir: /tmp, creates: {0}}}\n",
        made.display()
    );
    fs::write(site.folder().join("roles/probe/tasks/main.yml"), tasks).expect("a role");
    let play = site.file("play.yml", "- hosts: all\n  gather_facts: false\n  roles: [probe]\n");
    let check = site.luthier().run(&play, &["--check"]);
    assert_eq!(check.result("h1", "probe : s")["status"], "changed", "{}", check.text());
    assert!(!made.exists());
    let outcome = site.luthier().run(&play, &[]);
    outcome.exits(0);
    let result = outcome.result("h1", "probe : s")["result"].clone();
    let lines: Vec<&str> = result["stdout"].as_str().expect("output").lines().collect();
    assert_eq!(&lines[..2], ["a b 2", "/tmp"]);
    assert!(!Path::new(lines[2]).exists(), "{} must be gone", lines[2]);
    assert!(!Path::new(lines[2]).parent().expect("a folder").exists());
    let again = site.luthier().run(&play, &[]);
    assert_eq!(again.result("h1", "probe : s")["status"], "skipped");
}

#[test]
fn a_script_that_is_not_there_is_refused_before_contact() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), "far ansible_host=203.0.113.1\n");
    let play = folder.path().join("play.yml");
    fs::write(&play, format!("{HEAD}    - script: absent.sh --now\n")).expect("a play");
    luthier.run(&play, &[]).exits(5).says("absent.sh");
    for wrong in ["fetch: {src: /a, dest: b, flatt: true}", "reboot: {timeout: 3}", "pause: {seconds: 1, minutes: 1}"] {
        fs::write(&play, format!("{HEAD}    - {wrong}\n")).expect("a play");
        luthier.run(&play, &[]).exits(5).says("play.yml:4");
    }
}

#[test]
fn files_are_fetched_whatever_their_size() {
    let Some(site) = site(2) else { return };
    let mut bytes = Vec::new();
    for number in 0..400_000_u32 {
        bytes.extend(number.to_le_bytes());
    }
    for host in site.hosts() {
        fs::write(host.root.join("big"), &bytes).expect("a file");
    }
    let tasks = "    - {name: f, fetch: {src: '{{ root }}/big', dest: got}}\n    - {name: proc, fetch: {src: /proc/version, dest: 'flat/{{ inventory_hostname }}', flat: true}}\n    - {name: none, fetch: {src: /does/not/exist, dest: got}, ignore_errors: true}\n    - {name: soft, fetch: {src: /does/not/exist, dest: got, fail_on_missing: false}}\n    - {name: folder, fetch: {src: /etc, dest: got}, ignore_errors: true}\n";
    let outcome = run(&site, tasks, &[]);
    outcome.exits(0);
    for host in site.hosts() {
        let copy = site.folder().join(format!("got/{}{}/big", host.name, host.root.display()));
        assert_eq!(fs::read(&copy).expect("the copy"), bytes);
        let result = outcome.result(&host.name, "f")["result"].clone();
        assert_eq!(result["dest"], copy.display().to_string());
        assert_eq!(result["checksum"], result["remote_checksum"]);
        assert_eq!(result["md5sum"].as_str().map(str::len), Some(32));
        let version = fs::read(site.folder().join("flat").join(&host.name)).expect("the copy");
        assert_eq!(version, fs::read("/proc/version").expect("it is there"));
        assert_eq!(outcome.result(&host.name, "none")["status"], "failed");
        assert_eq!(outcome.result(&host.name, "soft")["status"], "ok");
        outcome.result(&host.name, "folder")["result"]["msg"]
            .as_str()
            .filter(|msg| msg.contains("directory"))
            .expect("said");
    }
    let again = run(&site, tasks, &[]);
    assert_eq!(again.result("h1", "f")["status"], "ok");
    let left = fs::read_dir(site.folder().join("flat")).expect("a folder").count();
    assert_eq!(left, 2, "no left-overs of transfers");
}

#[test]
fn a_fetched_file_is_read_by_whom_the_task_becomes() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let tasks = "    - {name: plain, fetch: {src: /etc/shadow, dest: got}, ignore_errors: true}\n    - {name: root, fetch: {src: /etc/shadow, dest: got}, become: true}\n";
    let outcome = run(&site, tasks, &[]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "plain")["status"], "failed", "{}", outcome.text());
    assert_eq!(outcome.result("h1", "root")["status"], "changed");
    let copy = fs::read(site.folder().join("got/h1/etc/shadow")).expect("the copy");
    assert_eq!(copy, fs::read("/etc/shadow").expect("root reads it"));
}

#[test]
fn a_polled_job_ends_as_its_task() {
    let Some(site) = site(1) else { return };
    let tasks = "    - {name: done, shell: 'echo out; exit 0', async: 60, poll: 1}\n    - {name: bad, shell: 'exit 3', async: 60, poll: 1, ignore_errors: true}\n    - {name: slow, shell: 'sleep 600', async: 2, poll: 1, ignore_errors: true}\n";
    let outcome = run(&site, tasks, &[]);
    outcome.exits(0);
    let done = outcome.result("h1", "done");
    assert_eq!((&done["status"], &done["result"]["stdout"]), (&json!("changed"), &json!("out")));
    assert_eq!((&done["result"]["started"], &done["result"]["finished"]), (&json!(true), &json!(true)));
    assert_eq!(outcome.result("h1", "bad")["result"]["rc"], 3);
    let slow = outcome.result("h1", "slow");
    assert_eq!(slow["status"], "failed");
    let message = slow["result"]["msg"].as_str().unwrap_or_default().to_owned();
    let wanted = ["async task did not complete within the requested time - 2s", "timed out"];
    assert!(wanted.iter().any(|text| message.contains(text)), "{message}");
}

#[test]
fn a_job_survives_the_session_and_is_found_again() {
    let Some(site) = site(1) else { return };
    let go = site.host(1).root.join("go");
    let start = format!(
        "    - {{name: job, shell: 'while [ ! -e {0} ]; do sleep 0.1; done; echo late', async: 600, poll: 0}}\n",
        go.display()
    );
    let first = run(&site, &start, &[]);
    first.exits(0);
    let job = first.result("h1", "job");
    assert_eq!((&job["result"]["started"], &job["result"]["finished"]), (&json!(true), &json!(false)));
    let id = job["result"]["ansible_job_id"].as_str().expect("an id").to_owned();
    let status = format!("    - {{name: st, async_status: {{jid: '{id}'}}}}\n");
    let running = run(&site, &status, &[]);
    assert_eq!(running.result("h1", "st")["result"]["finished"], false, "{}", running.text());
    fs::write(&go, "").expect("the sign");
    let wait = format!(
        "    - {{name: st, async_status: {{jid: '{id}'}}, register: st, until: st is finished, retries: 100, delay: 0.2}}\n    - {{name: gone, async_status: {{jid: '{id}', mode: cleanup}}}}\n    - {{name: lost, async_status: {{jid: '{id}'}}, ignore_errors: true}}\n"
    );
    let ended = run(&site, &wait, &[]);
    ended.exits(0);
    let result = ended.result("h1", "st")["result"].clone();
    assert_eq!((&result["stdout"], &result["rc"]), (&json!("late"), &json!(0)));
    assert_eq!(ended.result("h1", "st")["status"], "changed");
    assert!(!Path::new(ended.result("h1", "gone")["result"]["erased"].as_str().expect("a path")).exists());
    assert_eq!(ended.result("h1", "lost")["result"]["msg"], "could not find job");
}

#[test]
fn a_connection_is_waited_for_and_reset() {
    let Some(site) = site(1) else { return };
    let tasks = "    - {name: wait, wait_for_connection: {timeout: 60}}\n    - {name: one, shell: 'echo $PPID'}\n    - meta: reset_connection\n    - {name: two, shell: 'echo $PPID'}\n";
    let outcome = run(&site, tasks, &[]);
    outcome.exits(0);
    assert!(outcome.result("h1", "wait")["result"]["elapsed"].is_u64());
    let agent = |task: &str| outcome.result("h1", task)["result"]["stdout"].clone();
    assert_ne!(agent("one"), agent("two"), "another agent process serves after the reset");
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), "gone ansible_host=127.0.0.1 ansible_port=1 ansible_host_key_checking=false\n");
    let play = folder.path().join("play.yml");
    let tasks = "    - {name: wait, wait_for_connection: {timeout: 2, connect_timeout: 1}}\n";
    fs::write(&play, format!("{HEAD}{tasks}")).expect("a play");
    let lost = luthier.run(&play, &[]);
    lost.exits(2);
    assert!(lost.complaint("gone").starts_with("timed out waiting for"), "{}", lost.text());
}

#[test]
fn actions_of_the_controller_have_a_time_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), PAIR);
    let play = folder.path().join("play.yml");
    let tasks = "    - {name: late, wait_for_connection: {delay: 600}, timeout: 1, debugger: on_failed}\n";
    fs::write(&play, format!("{HEAD}{tasks}")).expect("a play");
    let outcome = luthier.run(&play, &[]);
    outcome.exits(2).says("there is no debugger");
    assert!(outcome.complaint("a").starts_with("timed out"), "{}", outcome.text());
}

#[test]
fn reboot_never_restarts_the_controller() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), PAIR);
    let play = folder.path().join("play.yml");
    fs::write(&play, format!("{HEAD}    - {{name: r, reboot: {{reboot_command: /bin/false}}}}\n")).expect("a play");
    let outcome = luthier.run(&play, &[]);
    outcome.exits(2);
    let result = outcome.result("a", "r")["result"].clone();
    assert_eq!(result["rebooted"], false);
    assert!(result["msg"].as_str().unwrap_or_default().contains("local connection"));
}

#[test]
fn a_reboot_is_believed_only_with_another_boot() {
    let Some(site) = site(1) else { return };
    let tasks = "    - {name: r, reboot: {reboot_command: /bin/true, reboot_timeout: 20}}\n";
    let check = run(&site, tasks, &["--check"]);
    check.exits(0);
    assert_eq!(check.result("h1", "r")["status"], "changed");
    let outcome = run(&site, tasks, &[]);
    outcome.exits(2);
    let result = outcome.result("h1", "r")["result"].clone();
    assert_eq!((&result["rebooted"], &result["reason"]), (&json!(false), &json!("same_boot")));
    let bad = run(&site, "    - {name: r, reboot: {reboot_command: /bin/false}}\n", &[]);
    assert!(bad.complaint("h1").contains("Reboot command failed"), "{}", bad.text());
}

#[test]
fn a_machine_restarts_and_the_play_goes_on() {
    let machine = Machine { restarts: true, ..Machine::plain() };
    let Some(guest) = machine.start() else { return };
    let play = guest.folder().join("reboot.yml");
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: before, slurp: {src: /proc/sys/kernel/random/boot_id}, register: before}\n    - {name: mark, copy: {content: x, dest: /tmp/mark}}\n    - {set_fact: {kept: yes}}\n    - {name: restart, reboot: {reboot_timeout: 500, connect_timeout: 60, test_command: 'test ! -e /tmp/mark'}}\n    - {name: after, slurp: {src: /proc/sys/kernel/random/boot_id}, register: after}\n    - {name: differs, assert: {that: [before.content != after.content, kept]}}\n";
    fs::write(&play, text).expect("a play");
    let outcome = guest.luthier().run(&play, &[]);
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.text(), guest.log());
    let result = outcome.result("machine", "restart");
    assert_eq!((&result["status"], &result["result"]["rebooted"]), (&json!("changed"), &json!(true)));
    assert!(result["result"]["elapsed"].as_u64().expect("seconds") > 0);
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), PAIR);
    let play = folder.path().join("play.yml");
    let text = "- hosts: '{{ target }}'\n  gather_facts: false\n  vars_prompt:\n    - {name: target, prompt: where, default: b, private: false}\n    - {name: secret}\n  tasks:\n    - {name: p, pause: {prompt: ready?}}\n    - {name: short, pause: {seconds: 0.01}}\n    - {name: say, debug: {msg: '{{ target }} {{ secret | default(\"unset\") }}'}}\n";
    fs::write(&play, text).expect("a play");
    let outcome = luthier.run(&play, &[]);
    outcome.exits(0).says("not prompting").says("Not waiting for response");
    assert_eq!(outcome.result("b", "say")["result"]["msg"], "b unset");
    assert_eq!(outcome.result("b", "p")["result"]["user_input"], "");
    assert!(outcome.result("b", "short")["result"]["stdout"].as_str().unwrap_or_default().starts_with("Paused for"));
    let given = luthier.run(&play, &["-e", "target=a secret=s"]);
    assert_eq!(given.result("a", "say")["result"]["msg"], "a s");
    fs::write(&play, "- hosts: all\n  vars_prompt:\n    - {nam: x}\n").expect("a play");
    luthier.run(&play, &[]).exits(5).says("play.yml:3");
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    if luthier_tests::missing(&["script"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), PAIR);
    let play = folder.path().join("play.yml");
    let text = "- hosts: all\n  gather_facts: false\n  vars_prompt:\n    - {name: word, prompt: a word, private: false}\n  tasks:\n    - {pause: {prompt: well}, register: typed}\n    - copy: {content: '{{ word }} {{ typed.user_input }}', dest: './said-{{ inventory_hostname }}'}\n      when: typed.user_input is defined\n";
    let text = text.replace("./said", &folder.path().join("said").display().to_string());
    fs::write(&play, text).expect("a play");
    let inner = luthier.command(["run"]);
    let line = format!(
        "{} run {} -i {}",
        inner.get_program().to_string_lossy(),
        play.display(),
        folder.path().join("hosts.ini").display()
    );
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let mut child = command.current_dir(folder.path()).spawn().expect("script starts");
    let mut stdin = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut stdin, b"blue\nyes\n").expect("typed");
    child.wait().expect("it ends");
    drop(stdin);
    let said = fs::read_to_string(folder.path().join("said-a")).expect("the first host has the answers");
    assert_eq!(said, "blue yes");
}

#[test]
fn steering_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), PAIR);
    let play = folder.path().join("play.yml");
    let text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: f, fail: {msg: no}, when: inventory_hostname == 'a'}\n    - meta: clear_host_errors\n- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: second, ping: }\n    - {name: grow, copy: {content: \"a ansible_connection=local\\nb ansible_connection=local\\nc ansible_connection=local\\n\", dest: HOSTS}, run_once: true}\n    - meta: refresh_inventory\n- hosts: c\n  gather_facts: false\n  tasks:\n    - {name: third, ping: }\n";
    let text = text.replace("HOSTS", &folder.path().join("hosts.ini").display().to_string());
    fs::write(&play, text).expect("a play");
    let outcome = luthier.run(&play, &[]);
    outcome.exits(0);
    assert_eq!(outcome.recap("a", "failed"), 1);
    assert_eq!(outcome.result("a", "second")["status"], "ok");
    assert_eq!(outcome.result("c", "third")["status"], "ok");
}

#[test]
fn folders_of_variables_are_included() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), "a ansible_connection=local\n");
    let play = folder.path().join("play.yml");
    for (name, text) in [
        ("vars/a.yml", "x: {one: 1}\norder: a\n"),
        ("vars/b.yaml", "order: b\n"),
        ("vars/deep/c.json", "{\"order\": \"c\"}"),
        ("vars/skip.yml", "order: skipped\n"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let text = "- hosts: all\n  gather_facts: false\n  vars: {x: {two: 2}}\n  tasks:\n    - {include_vars: {dir: vars, ignore_files: ['skip.yml'], hash_behaviour: merge}}\n    - {name: all, debug: {msg: '{{ order }} {{ x.one }} {{ x.two | default(0) }}'}}\n    - {include_vars: {dir: vars, depth: 1, files_matching: '^a', name: boxed}}\n    - {name: one, debug: {msg: '{{ boxed.order }}'}}\n    - {name: st, set_stats: {data: {n: 1}}}\n    - {name: wrong, include_vars: {dir: vars, extensions: [json]}, ignore_errors: true}\n";
    fs::write(&play, text).expect("a play");
    let outcome = luthier.run(&play, &[]);
    outcome.exits(0);
    assert_eq!(outcome.result("a", "all")["result"]["msg"], "c 1 2");
    assert_eq!(outcome.result("a", "one")["result"]["msg"], "a");
    assert_eq!(outcome.result("a", "st")["result"]["ansible_stats"]["data"], json!({"n": 1}));
    assert_eq!(outcome.result("a", "wrong")["status"], "failed");
}

#[test]
fn an_imported_playbook_has_the_variables_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), "a ansible_connection=local\n");
    fs::create_dir_all(folder.path().join("other/group_vars")).expect("a folder");
    fs::create_dir_all(folder.path().join("group_vars")).expect("a folder");
    fs::write(folder.path().join("group_vars/all.yml"), "place: top\n").expect("variables");
    fs::write(folder.path().join("other/group_vars/all.yml"), "place: other\n").expect("variables");
    let say = |name: &str| {
        format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - {{name: {name}, debug: {{msg: '{{{{ place }}}}'}}}}\n"
        )
    };
    fs::write(folder.path().join("other/play.yml"), say("inner")).expect("a play");
    let text = format!("{}- import_playbook: other/play.yml\n{}", say("first"), say("last"));
    fs::write(folder.path().join("play.yml"), text).expect("a play");
    let outcome = luthier.run(&folder.path().join("play.yml"), &[]);
    outcome.exits(0);
    let said = |task: &str| outcome.result("a", task)["result"]["msg"].as_str().unwrap_or_default().to_owned();
    assert_eq!([said("first"), said("inner"), said("last")], ["top", "other", "top"]);
}

#[test]
fn local_connections_and_delegation() {
    let Some(site) = site(1) else { return };
    let out = site.folder().join("here");
    let tasks = format!(
        "    - {{name: action, local_action: command touch {0}-1}}\n    - {{name: to, command: 'touch {0}-2', delegate_to: localhost}}\n    - {{name: kind, command: 'touch {0}-3', connection: local}}\n    - {{name: given, set_fact: {{learned: 1}}, delegate_to: other, delegate_facts: true}}\n    - {{name: seen, debug: {{msg: \"{{{{ hostvars['other'].learned }}}} {{{{ learned | default('-') }}}}\"}}}}\n    - {{name: env, shell: 'echo $SSH_CONNECTION', connection: local}}\n    - {{name: ssh, shell: 'echo $SSH_CONNECTION'}}\n",
        out.display()
    );
    site.add_to_inventory("[unused]\nother ansible_connection=local\n");
    let play = format!("{HEAD}{tasks}").replace("hosts: all", "hosts: all:!unused");
    let outcome = site.luthier().run(&site.file("play.yml", &play), &[]);
    outcome.exits(0);
    for number in 1..=3 {
        assert!(site.folder().join(format!("here-{number}")).exists());
    }
    assert_eq!(outcome.result("h1", "env")["result"]["stdout"], "");
    assert_ne!(outcome.result("h1", "ssh")["result"]["stdout"], "");
    assert_eq!(outcome.result("h1", "seen")["result"]["msg"], "1 -");
}

#[test]
fn a_role_says_what_its_parameters_must_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let luthier = local(folder.path(), "a ansible_connection=local\n");
    let play = folder.path().join("play.yml");
    for (name, text) in [
        ("roles/pages/tasks/main.yml", "- {name: set, debug: {msg: '{{ pages }}'}}\n"),
        (
            "roles/pages/meta/argument_specs.yml",
            "argument_specs:\n  main:\n    short_description: huge pages\n    options:\n      pages: {type: int, required: true, description: 'as {{ anything }}'}\n      size: {choices: [2M, 1G], default: 2M}\n",
        ),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let uses = |vars: &str| format!("- hosts: all\n  gather_facts: false\n  roles: [{{role: pages{vars}}}]\n");
    let name = "pages : Validating arguments against arg spec 'main' - huge pages";
    fs::write(&play, uses(", pages: '12'")).expect("a play");
    let fine = luthier.run(&play, &["--tags", "none"]);
    fine.exits(0);
    assert_eq!(fine.result("a", name)["status"], "ok");
    fs::write(&play, uses(", size: 4K")).expect("a play");
    let bad = luthier.run(&play, &[]);
    bad.exits(2);
    let said = bad.complaint("a");
    assert!(said.contains("missing required arguments: pages"), "{said}");
    assert!(said.contains("value of size must be one of: 2M, 1G, got: 4K"), "{said}");
}
