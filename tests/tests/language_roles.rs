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

