//! `run --resume`: hosts that did not come to the end go on where they failed; the others are left alone.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::wait_for;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Local hosts, and a folder `out` in which every task leaves a line for its host.
struct Fleet {
    folder: TempDir,
    luthier: Luthier,
}

impl Fleet {
    fn new(hosts: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path();
        std::fs::create_dir(path.join("out")).expect("a folder");
        let inventory = format!("{hosts}[all:vars]\nansible_connection=local\nout={}\n", path.join("out").display());
        std::fs::write(path.join("hosts.ini"), inventory).expect("an inventory");
        let luthier = Luthier::new(&path.join("home")).inventory(&path.join("hosts.ini")).folder(path);
        Self { folder, luthier }
    }

    fn play(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join("play.yml");
        std::fs::write(&file, text).expect("a play");
        file
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.out(name)).map(|text| text.lines().count()).unwrap_or(0)
    }

    fn resume(&self, arguments: &[&str]) -> Outcome {
        let mut all = vec!["run", "-o", "json", "--resume"];
        all.extend(arguments);
        self.luthier.call(all)
    }
}

fn mark(name: &str) -> String {
    format!("shell: 'echo x >> {{{{ out }}}}/{name}.{{{{ inventory_hostname }}}}; echo {name}'")
}

fn two_plays(serial: &str) -> String {
    format!(
        "- name: first play\n  hosts: all\n  gather_facts: false\n{serial}  tasks:\n    - name: change\n      {}\n      register: said\n      notify: handler\n    - name: fails\n      command: test -e {{{{ out }}}}/mended.{{{{ inventory_hostname }}}}\n    - name: uses\n      debug: {{msg: '{{{{ said.stdout }}}}'}}\n    - name: last\n      {}\n  handlers:\n    - name: handler\n      {}\n- name: second play\n  hosts: all\n  gather_facts: false\n  tasks:\n    - name: second\n      {}\n",
        mark("change"),
        mark("last"),
        mark("handler"),
        mark("second")
    )
}

fn touch(path: &Path) {
    std::fs::write(path, "").expect("a file");
}

#[test]
fn the_host_that_failed_goes_on_and_nobody_else_is_touched() {
    let fleet = Fleet::new("a1\na2\na3\n");
    let play = fleet.play(&two_plays(""));
    touch(&fleet.out("mended.a1"));
    touch(&fleet.out("mended.a3"));
    let first = fleet.luthier.run(&play, &[]);
    first.exits(2);
    assert_eq!((fleet.lines("change.a2"), fleet.lines("last.a2"), fleet.lines("second.a1")), (1, 0, 1));

    touch(&fleet.out("mended.a2"));
    let second = fleet.resume(&["last"]);
    second.exits(0);
    assert!(second.results("a1").is_empty() && second.results("a3").is_empty(), "{}", second.text());
    let done = second.result("a2", "change");
    assert_eq!((&done["status"], &done["result"]["done_by"]), (&"skipped".into(), &first.run_id().into()));
    assert_eq!(second.result("a2", "uses")["result"]["msg"], "change", "the registered result should be back");
    for (name, lines) in [("change", 1), ("last", 1), ("handler", 1), ("second", 1)] {
        for host in ["a1", "a2", "a3"] {
            assert_eq!(fleet.lines(&format!("{name}.{host}")), lines, "{name} on {host}\n{}", second.text());
        }
    }
    // Now that everybody is at the end there is nothing left to do.
    let third = fleet.resume(&["last"]);
    third.exits(0);
    assert!(["a1", "a2", "a3"].iter().all(|host| third.results(host).is_empty()), "{}", third.text());
}

#[test]
fn what_never_began_is_done_and_a_resumed_run_can_be_resumed() {
    let fleet = Fleet::new("a1\na2\n");
    let play = fleet.play(&two_plays("  serial: 1\n"));
    fleet.luthier.run(&play, &[]).exits(2);
    assert_eq!(fleet.lines("change.a2"), 0, "the second batch must not have begun");
    // Still not mended: fails at the same task again.
    fleet.resume(&["last"]).exits(2);
    assert_eq!(fleet.lines("change.a1"), 1);
    touch(&fleet.out("mended.a1"));
    touch(&fleet.out("mended.a2"));
    let last = fleet.resume(&["last"]);
    last.exits(0);
    for host in ["a1", "a2"] {
        for name in ["change", "last", "handler", "second"] {
            assert_eq!(fleet.lines(&format!("{name}.{host}")), 1, "{name} on {host}\n{}", last.text());
        }
    }
}

#[test]
fn a_run_whose_controller_was_killed_can_be_resumed() {
    let fleet = Fleet::new("a1\n");
    let text = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: change\n      {}\n    - name: waits\n      shell: until test -e {{{{ out }}}}/mended.a1; do sleep 0.1; done\n    - name: last\n      {}\n",
        mark("change"),
        mark("last")
    );
    let mut running = fleet.luthier.start(&fleet.play(&text), &[]);
    wait_for("the first result to be recorded", || {
        fleet.luthier.call(["show", "last", "-o", "json"]).stdout.contains("\"task\":\"change\",\"action\"")
    });
    luthier_tests::kill(running.pid(), "KILL");
    assert_eq!(running.wait(), None);
    touch(&fleet.out("mended.a1"));
    fleet.resume(&["last"]).exits(0);
    assert_eq!((fleet.lines("change.a1"), fleet.lines("last.a1")), (1, 1));
}

#[test]
fn what_cannot_be_resumed_is_refused() {
    let fleet = Fleet::new("a1\n");
    fleet.resume(&["last"]).exits(5).says("none has been recorded");
    fleet.luthier.run(&fleet.play(&two_plays("")), &["--check"]);
    fleet.resume(&["last"]).exits(5).says("was a check");
    fleet.luthier.call(["exec", "all", "ping"]).exits(0);
    fleet.resume(&["last"]).exits(5).says("no playbook");
    fleet.resume(&["nosuchrun"]).exits(5).says("nosuchrun");
}
