//! Roles and includes as people write them: whose variables hold where, what runs once, what runs again.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use tempfile::TempDir;

/// Run `play.yml` of these files on the local hosts `a` and `b`, without SSH.
fn local(files: &[(&str, &str)], arguments: &[&str]) -> (TempDir, Outcome) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    for (name, text) in [("hosts.ini", "a\nb\n[all:vars]\nansible_connection=local\n")].iter().chain(files) {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        std::fs::write(file, text).expect("a file");
    }
    let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
    let outcome = luthier.run(&path.join("play.yml"), arguments);
    (folder, outcome)
}

/// What the `debug` tasks of a host said, in order: `task: message`, or `task` where it was skipped.
fn said(outcome: &Outcome, host: &str) -> Vec<String> {
    let of_debug = |event: &serde_json::Value| event["action"].as_str().is_some_and(|action| action.ends_with("debug"));
    let line = |event: &serde_json::Value| {
        let name = event["task"].as_str().unwrap_or_default();
        match &event["result"]["msg"] {
            serde_json::Value::Null => name.to_owned(),
            serde_json::Value::String(message) => format!("{name}: {message}"),
            other => format!("{name}: {other}"),
        }
    };
    outcome.results(host).iter().filter(|event| of_debug(event)).map(line).collect()
}

#[test]
fn what_is_given_to_an_include_wins_over_facts() {
    let play = "\
- hosts: a
  gather_facts: false
  tasks:
    - set_fact: {w: fact, item: fact}
    - include_tasks: more.yml
      vars: {w: given}
      loop: [one]
    - import_tasks: more.yml
      vars: {w: given}
    - include_role: {name: r}
      vars: {w: given}
    - include_tasks: '{{ w }}.yml'
      vars: {w: more}
";
    let files = [
        ("play.yml", play),
        ("more.yml", "- name: say\n  debug: {msg: '{{ w }} {{ item }} {{ own }}'}\n  vars: {w: own, own: own}\n"),
        ("roles/r/tasks/main.yml", "- name: say\n  debug: {msg: '{{ w }}'}\n"),
    ];
    let (_folder, outcome) = local(&files, &[]);
    outcome.exits(0);
    let wanted = ["say: given one own", "say: fact fact own", "r : say: given", "say: more fact own"];
    assert_eq!(said(&outcome, "a"), wanted);
    let (_folder, outcome) = local(&files, &["-e", "w=more"]);
    assert_eq!(said(&outcome, "a")[0], "say: more one own");
}

#[test]
fn facts_of_a_task_that_runs_once_are_for_all() {
    let play = "\
- hosts: all
  gather_facts: false
  tasks:
    - set_fact: {fact: '{{ inventory_hostname }}'}
      run_once: true
    - include_vars: v.yml
      run_once: true
    - getent: {database: passwd, key: root}
      run_once: true
    - name: see
      debug: {msg: '{{ fact }} {{ included }} {{ ansible_facts.getent_passwd.root is defined }}'}
    - include_tasks: more.yml
      run_once: true
    - include_role: {name: r}
      run_once: true
    - name: end
      debug: {msg: end}
";
    let (_folder, outcome) = local(
        &[
            ("play.yml", play),
            ("v.yml", "included: yes it is\n"),
            ("more.yml", "- name: body\n  debug: {msg: body}\n"),
            ("roles/r/tasks/main.yml", "- name: body\n  debug: {msg: role}\n"),
        ],
        &[],
    );
    outcome.exits(0);
    assert_eq!(said(&outcome, "a"), ["see: a yes it is True", "body: body", "r : body: role", "end: end"]);
    assert_eq!(said(&outcome, "b"), ["see: a yes it is True", "end: end"]);
}

/// Roles `a` and `b` that depend on `common`, and `x` with a second file of tasks.
fn roles(play: &str) -> (TempDir, Outcome) {
    let say = "- name: main\n  debug: {msg: '{{ k | default(0) }}'}\n";
    local(
        &[
            ("play.yml", play),
            ("roles/common/tasks/main.yml", say),
            ("roles/a/tasks/main.yml", say),
            ("roles/a/meta/main.yml", "dependencies: [common]\n"),
            ("roles/b/tasks/main.yml", say),
            ("roles/b/meta/main.yml", "dependencies: [common]\n"),
            ("roles/x/tasks/main.yml", say),
            ("roles/x/tasks/prep.yml", "- name: prep\n  debug: {msg: prep}\n"),
        ],
        &[],
    )
}

#[test]
fn a_part_of_a_role_is_not_the_role() {
    for way in ["include_role", "import_role"] {
        let play = format!(
            "- hosts: a\n  gather_facts: false\n  pre_tasks:\n    - {way}: {{name: x, tasks_from: prep}}\n  roles: [x]\n"
        );
        assert_eq!(said(&roles(&play).1, "a"), ["x : prep: prep", "x : main: 0"]);
    }
}

#[test]
fn a_role_that_was_skipped_did_not_run() {
    let play = |roles: &str| format!("- hosts: a\n  gather_facts: false\n  roles: [{roles}]\n");
    let (_folder, outcome) = roles(&play("{role: a, when: false}, b"));
    assert_eq!(said(&outcome, "a"), ["common : main", "a : main", "common : main: 0", "b : main: 0"]);
    let (_folder, outcome) = roles(&play("{role: b, when: false}, b"));
    assert_eq!(said(&outcome, "a"), ["common : main", "b : main", "common : main: 0", "b : main: 0"]);
}

#[test]
fn a_role_used_in_another_way_runs_again() {
    let play = "\
- hosts: a
  gather_facts: false
  roles:
    - a
    - b
    - b
    - {role: b, tags: t}
    - {role: b, when: true}
    - {role: x, vars: {k: 1}}
    - {role: x, vars: {k: 1}}
    - {role: x, k: 2}
    - {role: x, k: 2}
  tasks:
    - include_role: {name: x, allow_duplicates: false}
    - include_role: {name: x, allow_duplicates: false}
    - include_role: {name: x}
";
    let wanted = [
        "common : main: 0",
        "a : main: 0",
        "b : main: 0",
        "b : main: 0",
        "b : main: 0",
        "x : main: 1",
        "x : main: 2",
        "x : main: 0",
        "x : main: 0",
    ];
    assert_eq!(said(&roles(play).1, "a"), wanted);
}

#[test]
fn variables_of_an_entry_stay_with_it() {
    let play = "\
- hosts: a
  gather_facts: false
  roles: [{role: site, vars: {name: one, ssl: true}}, {role: site, vars: {name: two}}, other]
  tasks:
    - name: after
      debug: {msg: '{{ name }} {{ ssl }} {{ exported }}'}
";
    let (_folder, outcome) = local(
        &[
            ("play.yml", play),
            ("roles/site/defaults/main.yml", "ssl: false\n"),
            ("roles/site/vars/main.yml", "exported: v\n"),
            ("roles/site/tasks/main.yml", "- name: say\n  debug: {msg: '{{ name }} {{ ssl }}'}\n"),
            ("roles/other/defaults/main.yml", "name: othername\n"),
            ("roles/other/tasks/main.yml", "- name: say\n  debug: {msg: '{{ name }}'}\n"),
        ],
        &[],
    );
    outcome.exits(0);
    let wanted =
        ["site : say: one True", "site : say: two False", "other : say: othername", "after: othername False v"];
    assert_eq!(said(&outcome, "a"), wanted);
}

#[test]
fn roles_inside_a_role_see_its_variables_and_files() {
    let say = "- name: say\n  debug: {msg: \"{{ svc }} {{ entry }} {{ default }} {{ var }} {{ ansible_parent_role_names | join('+') }}\"}\n";
    let files = "- name: files\n  debug: {msg: \"{{ lookup('file', 'f.txt') }} {{ lookup('template', 't.j2') | trim }}\"}\n- copy: {src: f.txt, dest: '{{ playbook_dir }}/copied'}\n";
    let (folder, outcome) = local(
        &[
            ("play.yml", "- hosts: a\n  gather_facts: false\n  roles: [{role: app, svc: 80, vars: {entry: given}}]\n"),
            ("roles/app/meta/main.yml", "dependencies: [base]\n"),
            ("roles/app/defaults/main.yml", "default: d\n"),
            ("roles/app/vars/main.yml", "var: v\n"),
            ("roles/app/files/f.txt", "file\n"),
            ("roles/app/templates/t.j2", "template {{ svc }}\n"),
            ("roles/app/tasks/main.yml", "- include_role: {name: inner}\n- import_role: {name: inner}\n"),
            ("roles/base/tasks/main.yml", say),
            ("roles/inner/tasks/main.yml", &format!("{say}{files}")),
        ],
        &[],
    );
    outcome.exits(0);
    let inner = ["inner : say: 80 given d v app", "inner : files: file template 80"];
    assert_eq!(said(&outcome, "a"), [&["base : say: 80 given d v "][..], &inner, &inner].concat());
    assert_eq!(std::fs::read_to_string(folder.path().join("copied")).expect("a file"), "file\n");
}

#[test]
fn tasks_of_a_role_around_this_one_are_found() {
    let play = "- hosts: a\n  gather_facts: false\n  tasks:\n    - include_role: {name: outer}\n";
    let (_folder, outcome) = local(
        &[
            ("play.yml", play),
            ("roles/outer/tasks/main.yml", "- include_role: {name: inner}\n"),
            ("roles/outer/tasks/shared.yml", "- name: shared\n  debug: {msg: found}\n"),
            ("roles/inner/tasks/main.yml", "- include_tasks: shared.yml\n"),
        ],
        &[],
    );
    outcome.exits(0);
    assert_eq!(said(&outcome, "a"), ["inner : shared: found"]);
}

#[test]
fn handlers_of_a_role_included_again_have_its_new_variables() {
    let play = "\
- hosts: all
  gather_facts: false
  tasks:
    - include_role: {name: svc}
      vars: {name: nginx}
    - include_role: {name: svc}
      vars: {name: apache}
    - include_role: {name: svc}
      vars: {name: apache}
";
    let task = "- command: 'true'\n  notify: 'restart {{ name }}'\n- command: 'true'\n  notify: reload\n";
    let handlers =
        "- name: restart {{ name }}\n  debug: {msg: '{{ name }}'}\n- name: reload\n  debug: {msg: '{{ name }}'}\n";
    let (_folder, outcome) = local(
        &[("play.yml", play), ("roles/svc/tasks/main.yml", task), ("roles/svc/handlers/main.yml", handlers)],
        &[],
    );
    outcome.exits(0);
    for host in ["a", "b"] {
        let wanted = ["svc : restart nginx: nginx", "svc : restart apache: apache", "svc : reload: apache"];
        assert_eq!(said(&outcome, host), wanted);
    }
}

#[test]
fn names_of_imports_may_use_the_variables_of_the_play() {
    let play = "\
- hosts: a
  gather_facts: false
  roles: [{role: '{{ which }}role'}]
  tasks:
    - import_tasks: '{{ which }}.yml'
    - import_tasks: '{{ from_file }}.yml'
    - import_role: {name: arole, tasks_from: '{{ part }}'}
    - block:
        - import_tasks: '{{ of_block }}.yml'
      vars: {of_block: b}
    - include_tasks: outer.yml
  vars: {which: a}
  vars_files: [v.yml]
";
    let (_folder, outcome) = local(
        &[
            ("play.yml", play),
            ("v.yml", "from_file: b\npart: prep\n"),
            ("a.yml", "- name: in a\n  debug: {msg: a}\n"),
            ("b.yml", "- name: in b\n  debug: {msg: b}\n"),
            ("outer.yml", "- import_tasks: '{{ which }}.yml'\n- import_tasks: '{{ from_file }}.yml'\n"),
            ("roles/arole/defaults/main.yml", "own: more\n"),
            ("roles/arole/tasks/main.yml", "- name: main\n  debug: {msg: a}\n- import_tasks: '{{ own }}.yml'\n"),
            ("roles/arole/tasks/more.yml", "- name: more\n  debug: {msg: a}\n"),
            ("roles/arole/tasks/prep.yml", "- name: prep\n  debug: {msg: a}\n"),
        ],
        &[],
    );
    outcome.exits(0);
    let wanted = [
        "arole : main: a",
        "arole : more: a",
        "in a: a",
        "in b: b",
        "arole : prep: a",
        "in b: b",
        "in a: a",
        "in b: b",
    ];
    assert_eq!(said(&outcome, "a"), wanted);
}

#[test]
fn a_role_is_named_by_role_too() {
    let play =
        "- hosts: a\n  gather_facts: false\n  tasks:\n    - include_role: {role: x}\n    - import_role: {role: x}\n";
    let (_folder, outcome) = roles(play);
    outcome.exits(0);
    assert_eq!(said(&outcome, "a"), ["x : main: 0", "x : main: 0"]);
}

#[test]
fn play_hosts_are_those_of_the_batch() {
    let play = "- hosts: all\n  gather_facts: false\n  serial: 1\n  tasks:\n    - name: say\n      debug: {msg: \"{{ play_hosts | join('+') }} {{ ansible_play_hosts | join('+') }}\"}\n";
    let (_folder, outcome) = local(&[("play.yml", play)], &[]);
    assert_eq!(said(&outcome, "a"), ["say: a a+b"]);
    assert_eq!(said(&outcome, "b"), ["say: b a+b"]);
}

#[test]
fn a_rescue_knows_the_task_that_failed() {
    let play = "\
- hosts: a
  gather_facts: false
  tasks:
    - block:
        - name: breaks
          command: sh -c 'exit {{ wanted }}'
          vars: {wanted: 3}
          register: kept
      rescue:
        - name: say
          debug: {msg: '{{ t.name }}|{{ t.action }}|{{ t.args._raw_params }}|{{ t.vars.wanted }}|{{ t.register }}'}
          vars: {t: '{{ ansible_failed_task }}'}
";
    let (_folder, outcome) = local(&[("play.yml", play)], &[]);
    assert_eq!(said(&outcome, "a"), ["say: breaks|command|sh -c 'exit 3'|3|kept"]);
}

#[test]
fn facts_go_to_the_delegate_by_a_template_too() {
    let play = "\
- hosts: a
  gather_facts: false
  vars: {over: true}
  tasks:
    - getent: {database: passwd, key: root}
      delegate_to: b
      delegate_facts: '{{ over }}'
    - name: say
      debug: {msg: '{{ ansible_facts.getent_passwd is defined }} {{ hostvars.b.ansible_facts.getent_passwd is defined }}'}
";
    let (_folder, outcome) = local(&[("play.yml", play)], &[]);
    assert_eq!(said(&outcome, "a"), ["say: False True"]);
}

#[test]
fn a_loop_is_extended_by_words_and_templates_too() {
    let play = "\
- hosts: a
  gather_facts: false
  vars: {wanted: true}
  tasks:
    - set_fact: {told: \"{{ told | default('') }}{{ ansible_loop.index }}{{ ansible_loop.allitems is defined }} \"}
      loop: [x, y]
      loop_control: {extended: 'yes'}
    - set_fact: {told: '{{ told }}{{ ansible_loop.index }}{{ ansible_loop.allitems is defined }} '}
      loop: [x]
      loop_control: {extended: '{{ wanted }}', extended_allitems: false}
    - name: say
      debug: {msg: '{{ told }}'}
";
    let (_folder, outcome) = local(&[("play.yml", play)], &[]);
    assert_eq!(said(&outcome, "a"), ["say: 1True 2True 1False "]);
}
