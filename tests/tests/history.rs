//! What stays after a run: the list of runs, their replay, the journal's view, and the exit codes.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::sshd::Site;

const PLAY: &str = r#"
- name: one change
  hosts: all
  gather_facts: false
  tasks:
    - name: write
      copy: {content: "text\n", dest: "{{ root }}/file"}
    - name: say
      command: echo hello
"#;

#[test]
fn a_run_is_listed_and_replayed_word_for_word() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let luthier = site.luthier();
    let first = luthier.run(&site.file("play.yml", PLAY), &[]);
    let id = first.exits(0).run_id();
    luthier.call(["runs"]).exits(0).says(&id);
    let replay = luthier.call(["show", &id, "-o", "json"]);
    assert_eq!(replay.exits(0).events(), first.events());
    let human = luthier.call(["show", &id]);
    human.exits(0).says("h1").says("h2").says("changed");
    luthier.call(["show", "19700101-000000-0000"]).exits(5);
}

#[test]
fn status_tells_what_the_journals_hold() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let luthier = site.luthier();
    let id = luthier.run(&site.file("play.yml", PLAY), &[]).exits(0).run_id();
    luthier.call(["status", "--all"]).exits(0).says("h1").says("closed");
    let back = luthier.call(["rollback", &id]);
    assert!(matches!(back.code, Some(0 | 6)), "{}", back.text());
    assert!(!site.host(1).root.join("file").exists());
    // The command that ran is nothing that is left to be undone.
    let status = luthier.call(["status"]);
    assert!(!status.exits(0).stdout.contains("partly"), "{}", status.text());
    // A second time there is nothing left to undo, which is no failure.
    let again = luthier.call(["rollback", &id]);
    assert!(matches!(again.code, Some(0 | 6)), "{}", again.text());
}

#[test]
fn a_rollback_leaves_alone_what_somebody_else_changed_since() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let luthier = site.luthier();
    let id = luthier.run(&site.file("play.yml", PLAY), &[]).exits(0).run_id();
    let file = site.host(1).root.join("file");
    std::fs::write(&file, "by hand\n").expect("an edit by hand");
    let back = luthier.call(["rollback", &id]);
    back.exits(7).says("drifted");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "by hand\n");
}

#[test]
fn exit_codes_are_those_of_the_table() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let luthier = site.luthier();
    let task = |task: &str| format!("- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n");
    let cases = [
        (task("ping:"), vec![], 0),
        (task("fail: {msg: no}"), vec![], 2),
        (task("copy: {content: x, dest: '{{ root }}/new'}"), vec!["--check", "--detailed-exitcode"], 3),
        (task("copy: {content: x, dest: '{{ root }}/new'}"), vec!["--check"], 0),
        (task("nosuchmodule:"), vec![], 5),
        (task("ping:"), vec!["--limit", "nobody"], 5),
    ];
    for (number, (text, arguments, code)) in cases.iter().enumerate() {
        luthier.run(&site.file(&format!("case{number}.yml"), text), arguments).exits(*code);
    }
    luthier.call(["run"]).exits(5);
    luthier.call(["run", "/nonexistent.yml"]).exits(5);
    luthier.call(["nosuchcommand"]).exits(5);
    luthier.call(["--help"]).exits(0);
}
