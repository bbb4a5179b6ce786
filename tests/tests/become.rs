//! Becoming somebody else over real sshd and real sudo.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::sshd::{Site, Sudo};
use std::os::unix::fs::MetadataExt;

const WHO: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: plain\n      command: id -un\n    - name: root\n      command: id -un\n      become: true\n";

#[test]
fn a_task_becomes_root_without_a_password() {
    let Some(site) = Site::builder().hosts(2).ordinary(Sudo::NoPassword).start() else { return };
    let outcome = site.luthier().run(&site.file("who.yml", WHO), &[]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "plain")["result"]["stdout"], site.login());
    assert_eq!(outcome.result("h2", "root")["result"]["stdout"], "root");
}

#[test]
fn a_task_becomes_root_with_a_password() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    let play = site.file("who.yml", WHO);
    let password = format!("ansible_become_password={}", serde_json::json!(site.user().password));
    let outcome = site.luthier().run(&play, &["-e", &password]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "root")["result"]["stdout"], "root");
    assert!(!outcome.text().contains(&site.user().password), "a password must never be printed");
}

#[test]
fn a_missing_a_wrong_and_a_refused_password_are_told_apart() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    let play = site.file("who.yml", WHO);
    let missing = site.luthier().run(&play, &[]);
    missing.exits(2);
    assert_eq!(missing.result("h1", "plain")["status"], "changed");
    let missing = missing.complaint("h1");
    assert!(missing.to_lowercase().contains("password"), "{missing}");
    let wrong = site.luthier().run(&play, &["-e", "ansible_become_password=wrong"]);
    let wrong = wrong.exits(2).complaint("h1");
    assert!(wrong.to_lowercase().contains("password") && wrong != missing, "{wrong}");

    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Refused).start() else { return };
    let refused = site.luthier().run(&site.file("who.yml", WHO), &[]);
    let refused = refused.exits(2).complaint("h1");
    assert!(refused.contains("not allowed"), "sudo's own words should be passed on: {refused}");
}

#[test]
fn copy_under_become_user_writes_as_that_user() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let target = site.host(1).root.join("open");
    std::fs::create_dir(&target).expect("a folder everybody may write to");
    std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).expect("chmod");
    let text = "- hosts: all\n  gather_facts: false\n  become: true\n  tasks:\n    - name: as root\n      copy: {content: a, dest: '{{ root }}/open/root'}\n    - name: as nobody\n      copy: {content: b, dest: '{{ root }}/open/nobody'}\n      become_user: nobody\n    - name: as myself\n      copy: {content: c, dest: '{{ root }}/open/self'}\n      become: false\n";
    site.luthier().run(&site.file("owners.yml", text), &[]).exits(0);
    let owner = |name: &str| std::fs::metadata(target.join(name)).map(|meta| meta.uid()).expect("the file");
    assert_eq!(owner("root"), 0);
    assert_eq!(owner("nobody"), 65534);
    assert_eq!(owner("self"), site.user().uid);
}

#[test]
fn a_password_logs_in() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::None).password_only().start() else { return };
    let outcome = site.luthier().run(&site.file("ping.yml", "- hosts: all\n  tasks: [{ping: }]\n"), &[]);
    outcome.exits(0);
    let wrong = site
        .luthier()
        .run(&site.file("ping.yml", "- hosts: all\n  tasks: [{ping: }]\n"), &["-e", "ansible_password=no"]);
    wrong.exits(4);
    assert!(!wrong.text().contains(&site.user().password));
}
