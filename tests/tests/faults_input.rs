//! Bad input: refused before any connection, with file:line:column, the nearest right name and exit code 5.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Luthier;
use tempfile::TempDir;

/// A project whose only host would be noticed: nothing listens there, so that a connection would exit 4.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { folder: TempDir::new().expect("a folder") };
        project.file("hosts.ini", "unreachable ansible_host=127.0.0.1 ansible_port=1\n");
        project
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file of the project");
    }

    fn luthier(&self) -> Luthier {
        Luthier::new(&self.folder.path().join("home")).folder(self.folder.path())
    }

    #[track_caller]
    fn refused(&self, place: &str, words: &[&str]) {
        let outcome = self.luthier().call(["run", "play.yml", "-i", "hosts.ini"]);
        outcome.exits(5).says(place);
        for word in words {
            outcome.says(word);
        }
    }
}

#[test]
fn a_playbook_that_is_no_yaml() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - ping: [\n");
    project.refused("play.yml:", &[]);
    project.file("play.yml", "- hosts: all\n\ttasks: []\n");
    project.refused("play.yml:2:", &[]);
}

#[test]
fn unknown_names_come_with_the_nearest_right_one() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - name: x\n      coppy: {content: a, dest: /tmp/a}\n");
    project.refused("play.yml:4:7", &["coppy", "copy"]);
    project.file("play.yml", "- hosts: all\n  tasks:\n    - copy: {content: a, destt: /tmp/a}\n");
    project.refused("play.yml:3:", &["destt", "dest"]);
    project.file("play.yml", "- hosts: all\n  taskss: []\n");
    project.refused("play.yml:2:3", &["taskss", "tasks"]);
    project.file("play.yml", "- hosts: all\n  tasks:\n    - ping:\n      whenn: true\n");
    project.refused("play.yml:4:7", &["whenn", "when"]);
}

#[test]
fn wrong_and_missing_parameters() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - copy: {content: a}\n");
    project.refused("play.yml:3:", &["dest"]);
    project.file("play.yml", "- hosts: all\n  tasks:\n    - file: {path: /tmp/x, state: folder}\n");
    project.refused("play.yml:3:", &["folder", "directory"]);
}

#[test]
fn a_template_expression_that_is_none() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - debug:\n        msg: '{{ 1 + }}'\n");
    project.refused("play.yml:4:", &[]);
    project.file("play.yml", "- hosts: all\n  tasks:\n    - debug:\n        msg: '{{ \"a\" | uper }}'\n");
    project.refused("play.yml:4:", &["uper", "upper"]);
}

#[test]
fn a_template_file_that_does_not_parse_or_exist() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - template: {src: bad.j2, dest: /tmp/x}\n");
    project.refused("play.yml:3:", &["bad.j2"]);
    project.file("bad.j2", "fine\n{% if x %}\nnever ended\n");
    project.refused("bad.j2:", &[]);
}

#[test]
fn malformed_inventories() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks: [{ping: }]\n");
    project.file("hosts.ini", "[web\nh1\n");
    project.refused("hosts.ini:1:", &[]);
    project.file("hosts.ini", "h[1:x]\n");
    project.refused("hosts.ini:1:", &[]);
    project.file("hosts.yml", "all:\n  hosts:\n    h1: [\n");
    project.luthier().call(["run", "play.yml", "-i", "hosts.yml"]).exits(5).says("hosts.yml:");
}

#[test]
fn every_error_is_told_at_once() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - coppy: {}\n    - ping:\n      whenn: true\n");
    project.refused("play.yml:3:", &["play.yml:5:", "coppy", "whenn"]);
}

#[test]
fn an_undefined_variable_fails_its_host_only() {
    let project = Project::new();
    project.file("hosts.ini", "a ansible_connection=local known=yes\nb ansible_connection=local\n");
    project.file(
        "play.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: say\n      debug: {msg: '{{ known }}'}\n",
    );
    let outcome = project.luthier().call(["run", "play.yml", "-i", "hosts.ini", "-o", "json"]);
    outcome.exits(2);
    assert_eq!(outcome.result("a", "say")["status"], "ok");
    let complaint = outcome.complaint("b");
    assert!(complaint.contains("known"), "{complaint}");
}

#[test]
fn control_characters_in_input_are_not_echoed() {
    let project = Project::new();
    project.file("play.yml", "- hosts: all\n  tasks:\n    - \"copp\\e[2Jy\": {}\n");
    let outcome = project.luthier().call(["run", "play.yml", "-i", "hosts.ini"]);
    outcome.exits(5);
    assert!(!outcome.text().contains('\u{1b}'), "{}", outcome.text());
}
