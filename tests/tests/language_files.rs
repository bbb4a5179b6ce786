//! Files that plays bring along or make, and keywords that may be left out: what Ansible does with them.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use tempfile::TempDir;

/// `secret-content` and a newline, under the password `pw`.
const VAULTED_TEXT: &str = "$ANSIBLE_VAULT;1.1;AES256\n34633964313265313563363533373135633661356634343831663038616262333231613437316365\n3761353137636239633861343065353563323563373436310a623765653465666439376338316562\n36633035393164303138356332383732653562643430653834356136333432653864303331373063\n3532313563316233650a323238303837636631363530666233333031623261356262663635383430\n3931\n";
/// `tv {{ x }}` and a newline, under the same.
const VAULTED_TEMPLATE: &str = "$ANSIBLE_VAULT;1.1;AES256\n31363837343936626431313265363464623066646531383963653362623862616138353331353835\n3438376266313066643261343865633435626262373664610a326462346530316534623031313035\n62666436333561306563663635626635623637616333373665666132366131343438666539633831\n3837626263333063650a623634613830303662326161353232633539336264346233646262653634\n6631\n";
/// `vv: vaulted`, under the same.
const VAULTED_VARS: &str = "$ANSIBLE_VAULT;1.1;AES256\n31333737656232363766626335613665333039373530353963653630636264663631386235373239\n3266346130636363323131386138376430326236373433610a326639663561626137383064363630\n34386333626230383439393465616261393462346138336234613134636230306136336133653935\n3166393335613034660a306261373030653436653133343866343562303430323135393430346466\n3232\n";

/// Run plays in a folder with these files, on two local hosts `a` and `b`.
fn plays(files: &[(&str, &str)], text: &str, arguments: &[&str]) -> (TempDir, Outcome) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("hosts.ini"), "a ansible_connection=local\nb ansible_connection=local\n").expect("hosts");
    for (name, content) in files {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, content).expect("a file");
    }
    std::fs::write(path.join("play.yml"), text.replace("OUT", &path.display().to_string())).expect("a play");
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    let outcome = luthier.run(&path.join("play.yml"), arguments);
    (folder, outcome)
}

/// The tasks of a play of `a` alone.
fn tasks(files: &[(&str, &str)], tasks: &str, arguments: &[&str]) -> (TempDir, Outcome) {
    plays(files, &format!("- hosts: a\n  gather_facts: false\n  tasks:\n{tasks}"), arguments)
}

fn said(outcome: &Outcome, task: &str) -> String {
    let result = outcome.result("a", task);
    let message = &result["result"]["msg"];
    message.as_str().map_or_else(|| message.to_string(), str::to_owned)
}

#[test]
fn vaulted_files_arrive_as_plain_text() {
    let files = [
        ("pw", "pw\n"),
        ("files/s.txt", VAULTED_TEXT),
        ("files/tree/s.txt", VAULTED_TEXT),
        ("templates/v.j2", VAULTED_TEMPLATE),
        ("vv.yml", VAULTED_VARS),
    ];
    let (folder, outcome) = tasks(
        &files,
        "    - copy: {src: s.txt, dest: OUT/copied}\n    - copy: {src: s.txt, dest: OUT/raw, decrypt: false}\n    - copy: {src: tree/, dest: OUT/tree}\n    - template: {src: v.j2, dest: OUT/rendered}\n      vars: {x: 1}\n    - name: lookups\n      debug: {msg: \"{{ lookup('file', 's.txt') }}|{{ lookup('unvault', 's.txt') }}|{{ lookup('template', 'v.j2') }}\"}\n      vars: {x: 2}\n    - name: vars\n      include_vars: vv.yml\n    - name: known\n      debug: {msg: '{{ vv }}'}\n",
        &["--vault-password-file", "pw"],
    );
    outcome.exits(0);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert_eq!(read("copied"), "secret-content\n");
    assert_eq!(read("tree/s.txt"), "secret-content\n");
    assert_eq!(read("raw"), VAULTED_TEXT);
    assert_eq!(read("rendered"), "tv 1\n");
    assert_eq!(said(&outcome, "lookups"), "secret-content|secret-content\n|tv 2\n");
    assert_eq!(said(&outcome, "known"), "vaulted");
    assert!(outcome.result("a", "vars").to_string().contains("no_log"), "{}", outcome.text());
}

#[test]
fn files_of_variables_may_hang_on_facts_and_stand_in_vars() {
    let files =
        [("Linux.yml", "system: known\nfile: more\n"), ("vars/main.yml", "main: found\n"), ("more.yml", "more: too\n")];
    let text = "- hosts: a\n  gather_facts: GATHER\n  vars_files: ['{{ ansible_system }}.yml', main.yml, '{{ file }}.yml']\n  tasks:\n    - setup: {gather_subset: min}\n    - name: said\n      debug: {msg: '{{ system }} {{ main }} {{ more }}'}\n";
    for gather in ["true", "false"] {
        let (_folder, outcome) = plays(&files, &text.replace("GATHER", gather), &[]);
        outcome.exits(0);
        assert_eq!(said(&outcome, "said"), "known found too");
        assert!(!outcome.text().contains("none of the vars_files"), "{}", outcome.text());
    }
}

#[test]
fn retries_without_a_condition_go_on_until_success() {
    let (_folder, outcome) = tasks(
        &[],
        "    - name: flaky\n      shell: echo x >> OUT/count; test $(wc -l < OUT/count) -ge 3\n      retries: 5\n      delay: 0\n    - name: never\n      command: 'false'\n      retries: 1\n      delay: 0\n      register: r\n      ignore_errors: true\n    - name: once\n      command: 'true'\n      retries: 0\n      until: false\n    - name: said\n      debug: {msg: '{{ r.attempts }} {{ r is failed }}'}\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(outcome.result("a", "flaky")["result"]["attempts"], 3, "{}", outcome.text());
    assert_eq!(said(&outcome, "said"), "1 True");
    assert!(outcome.result("a", "once")["result"].get("attempts").is_none(), "{}", outcome.text());
}

#[test]
fn omitted_keywords_are_absent() {
    for keyword in [
        "become",
        "become_user",
        "become_method",
        "become_flags",
        "delegate_to",
        "environment",
        "check_mode",
        "diff",
        "no_log",
        "remote_user",
        "timeout",
        "throttle",
        "ignore_errors",
        "ignore_unreachable",
        "any_errors_fatal",
        "connection",
        "notify",
        "retries",
        "delay",
        "async",
        "poll",
        "run_once",
        "delegate_facts",
    ] {
        let (folder, outcome) = tasks(
            &[],
            &format!(
                "    - name: t\n      shell: echo x > OUT/made\n      {keyword}: '{{{{ nope | default(omit) }}}}'\n"
            ),
            &[],
        );
        outcome.exits(0);
        assert!(folder.path().join("made").exists(), "{keyword}: {}", outcome.text());
        assert_eq!(outcome.result("a", "t")["status"], "changed", "{keyword}: {}", outcome.text());
    }
}

#[test]
fn files_that_the_run_makes_are_not_missed() {
    for task in [
        "fetch: {src: OUT/hosts.ini, dest: buffer/x, flat: true}",
        "{command: mkdir -p OUT/buffer, delegate_to: localhost}\n    - {command: cp OUT/hosts.ini OUT/buffer/x, delegate_to: localhost}",
        "local_action: shell mkdir OUT/buffer && cp OUT/hosts.ini OUT/buffer/x",
    ] {
        let (_folder, outcome) =
            tasks(&[], &format!("    - {task}\n    - copy: {{src: buffer/x, dest: OUT/y}}\n"), &[]);
        outcome.exits(0);
    }
    // Nothing before it writes: said before any host is contacted.
    let (_folder, outcome) =
        tasks(&[], "    - {debug: {msg: x}, delegate_to: localhost}\n    - copy: {src: buffer/x, dest: OUT/y}\n", &[]);
    outcome.exits(5).says("`buffer/x`");
}

#[test]
fn missing_handlers_fail_only_who_notifies_them() {
    let (_folder, outcome) = tasks(
        &[],
        "    - {command: 'true', changed_when: false, notify: nobody}\n    - block:\n        - {command: 'true', notify: nobody}\n      when: false\n",
        &[],
    );
    outcome.exits(0).says("there is no handler `nobody`");
    let (_folder, outcome) = tasks(&[], "    - {command: 'true', notify: nobody}\n", &[]);
    assert_ne!(outcome.code, Some(0), "{}", outcome.text());
    outcome.says("there is no handler `nobody`");
}

#[test]
fn templates_in_lookups_know_their_file() {
    let (_folder, outcome) = tasks(
        &[(
            "templates/t.j2",
            "{{ ansible_managed }} {{ template_path }} {{ template_uid is defined }} {{ template_run_date[:2] }}",
        )],
        "    - name: said\n      debug: {msg: \"{{ lookup('template', 't.j2') }}\"}\n    - name: none\n      debug: {msg: x}\n      loop: \"{{ lookup('fileglob', 'none*') }}\"\n    - name: set\n      debug: {msg: \"{{ lookup('config', 'DEFAULT_BECOME_USER') }}\"}\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(said(&outcome, "said"), "Ansible managed t.j2 True 20");
    assert_eq!(outcome.result("a", "none")["status"], "skipped", "{}", outcome.text());
    assert_eq!(said(&outcome, "set"), "root");
    let (_folder, outcome) = tasks(&[], "    - debug: {msg: \"{{ lookup('url', 'http://x/') }}\"}\n", &[]);
    outcome.exits(5).says("lookup named 'url'");
}

#[test]
fn loops_over_lists_go_item_by_item() {
    let (_folder, outcome) = tasks(
        &[],
        "    - debug: {msg: '{{ item }}'}\n      with_list: [1, [2, 3]]\n      register: r\n    - name: said\n      debug: {msg: \"{{ r.results | map(attribute='msg') | list }}\"}\n    - name: pairs\n      debug: {msg: '{{ item.0 }} {{ item.1 }}'}\n      with_subelements: [[{n: 1, k: [2]}], k]\n      register: p\n    - name: pair\n      debug: {msg: \"{{ p.results[0].msg }}\"}\n",
        &[],
    );
    outcome.exits(0);
    assert_eq!(said(&outcome, "said"), "[1,[2,3]]");
    assert_eq!(said(&outcome, "pair"), "{'n': 1} 2");
}

#[test]
fn conditions_in_a_list_of_the_playbook_are_judged_and_data_of_hosts_is_not() {
    let text = |that: &str| {
        format!(
            "    - command: echo 1 == 1\n      register: r\n    - set_fact: {{facts: ['1 == 1']}}\n    - name: said\n      assert: {{that: '{{{{ {that} }}}}'}}\n      vars: {{good: ['1 == 1', 'r.rc == 0'], bad: ['1 == 1', '1 == 2']}}\n"
        )
    };
    let (_folder, outcome) = tasks(&[], &text("good"), &[]);
    outcome.exits(0);
    let (_folder, outcome) = tasks(&[], &text("bad"), &[]);
    outcome.exits(2);
    assert_eq!(outcome.result("a", "said")["result"]["assertion"], "1 == 2", "{}", outcome.text());
    for data in ["r.stdout_lines", "facts"] {
        let (_folder, outcome) = tasks(&[], &text(data), &[]);
        outcome.exits(2);
    }
}

#[test]
fn installed_roles_and_collections_are_found() {
    let role = |word: &str| format!("- name: {word}\n  debug: {{msg: x}}\n");
    let (one, two, three) = (role("galaxy"), role("collected"), role("inner"));
    let files = [
        ("home/.ansible/roles/galaxy/tasks/main.yml", one.as_str()),
        ("collections/ansible_collections/ns/c/roles/r/tasks/main.yml", two.as_str()),
        ("collections/ansible_collections/ns/c/roles/r/meta/main.yml", "dependencies: [inner]\n"),
        ("home/.ansible/collections/ansible_collections/ns/d/roles/other/tasks/main.yml", three.as_str()),
        ("collections/ansible_collections/ns/c/roles/inner/tasks/main.yml", three.as_str()),
    ];
    let (_folder, outcome) = plays(
        &files,
        "- hosts: a\n  gather_facts: false\n  collections: [ns.d]\n  roles: [galaxy, ns.c.r, other]\n",
        &[],
    );
    outcome.exits(0);
    let names: Vec<String> = outcome.statuses("a").into_iter().map(|(task, _)| task).collect();
    assert_eq!(names, ["galaxy : galaxy", "inner : inner", "ns.c.r : collected", "other : inner"]);
}

#[test]
fn passwords_are_hashed_and_kept_with_their_salt() {
    let (folder, outcome) = tasks(
        &[],
        "    - name: hash\n      debug: {msg: \"{{ 'secret' | password_hash('sha512', 'abcdefgh', rounds=1000) }}\"}\n    - name: one\n      debug: {msg: \"{{ lookup('password', 'OUT/kept encrypt=md5_crypt length=8') }}\"}\n    - name: two\n      debug: {msg: \"{{ lookup('password', 'OUT/kept', encrypt='md5_crypt') }}\"}\n    - name: plain\n      debug: {msg: \"{{ lookup('password', 'OUT/kept') }}\"}\n    - name: seeded\n      debug: {msg: \"{{ lookup('password', '/dev/null seed=abc length=8') }}\"}\n",
        &[],
    );
    outcome.exits(0);
    let hash = "$6$rounds=1000$V7qMYJaN$jU0FqzjN5hxvYFOPDe8.W7FYzk/7uJXvfXguh5lb4Yl6GVBKwqsQewkGYoojRBVi.FWD1oyDpTgnu/Ed3rp/w.";
    assert_eq!(said(&outcome, "hash"), hash);
    assert!(said(&outcome, "one").starts_with("$1$"), "{}", outcome.text());
    assert_eq!(said(&outcome, "one"), said(&outcome, "two"));
    let kept = std::fs::read_to_string(folder.path().join("kept")).expect("the word");
    let (word, salt) = kept.trim_end().split_once(" salt=").expect("a salt");
    assert_eq!((word.len(), salt.len()), (8, 8));
    assert_eq!(said(&outcome, "plain"), word);
    assert_eq!(said(&outcome, "seeded"), "6TTuIhBj");
}

#[test]
fn odd_contents_are_written_as_ansible_writes_them() {
    let (folder, outcome) = tasks(
        &[("files/tree/real", "x")],
        "    - file: {src: real, path: OUT/files/tree/link, state: link}\n      delegate_to: localhost\n    - copy: {content: '{{ true }}', dest: OUT/truth}\n    - copy: {src: tree/, dest: OUT/links, local_follow: false}\n    - command: printf 'a\\rb\\r\\nc'\n      register: r\n    - name: said\n      debug: {msg: '{{ r.stdout_lines }}'}\n",
        &[],
    );
    outcome.exits(0);
    let path = folder.path();
    assert_eq!(std::fs::read_to_string(path.join("truth")).expect("a file"), "True");
    assert_eq!(std::fs::read_link(path.join("links/link")).expect("a link").display().to_string(), "real");
    assert_eq!(said(&outcome, "said"), "[\"a\",\"b\",\"c\"]");
}
