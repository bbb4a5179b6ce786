//! Where the agent goes on hosts, and what becomes of it on the way, over real sshd.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Outcome;
use luthier_tests::sshd::{Builder, Site, Sudo};
use luthier_tests::{missing, skip};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const WHERE: &str =
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: where\n      shell: readlink /proc/$PPID/exe\n";

/// Runs a task; the agent's path on the first host.
fn place(site: &Site, arguments: &[&str]) -> String {
    let outcome = run(site, arguments);
    outcome.exits(0);
    outcome.result("h1", "where")["result"]["stdout"].as_str().expect("a path").to_owned()
}

fn run(site: &Site, arguments: &[&str]) -> Outcome {
    site.luthier().run(&site.file("where.yml", WHERE), arguments)
}

/// A site whose servers run in a mount namespace of their own; `None` where that is not allowed.
fn inside(builder: Builder, script: &str) -> Option<Site> {
    if missing(&["unshare"]) {
        return None;
    }
    let allowed = std::process::Command::new("unshare").args(["--mount", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        skip("no mount namespace can be made here");
        return None;
    }
    builder.inside(script).start()
}

/// A home of its own on the host: nothing names a folder for the state.
const HOMELY: &str = "unset LUTHIER_STATE_DIR; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"";

#[test]
fn a_place_that_may_hold_no_programs_is_passed_over() {
    let script = "mount -t tmpfs -o noexec,mode=700 tmpfs $SITE/state; mount -t tmpfs tmpfs /run; mkdir /run/sshd";
    let Some(site) = inside(Site::builder().hosts(1), script) else { return };
    let found = place(&site, &[]);
    assert!(found.starts_with("/run/luthier-"), "{found}");
    // The second time it is found there.
    assert_eq!(place(&site, &[]), found);
}

#[test]
fn a_full_disk_is_passed_over_after_it_was_tried() {
    let script = "mount -t tmpfs -o size=200k,mode=700 tmpfs $SITE/state; mount -t tmpfs tmpfs /run; mkdir /run/sshd";
    let Some(site) = inside(Site::builder().hosts(1), script) else { return };
    let found = place(&site, &[]);
    assert!(found.starts_with("/run/luthier-"), "{found}");
}

#[test]
fn where_every_disk_is_full_all_places_are_named() {
    let script = "mkdir /run/luthier-site; mount -t tmpfs -o size=100k,mode=700 tmpfs $SITE/state\n\
                  mount --rbind $SITE /run/luthier-site; mount -t tmpfs -o size=64k,mode=1777 tmpfs /tmp\n\
                  mkdir -p $SITE; mount --rbind /run/luthier-site $SITE";
    let script = format!("mount -t tmpfs -o size=100k tmpfs /run\nmkdir -p /run/sshd\n{script}");
    let Some(site) = inside(Site::builder().hosts(1), &script) else { return };
    let complaint = run(&site, &[]).exits(4).complaint("h1");
    assert!(complaint.starts_with("cannot write the agent: "), "{complaint}");
    for place in [site.state().display().to_string().as_str(), "/run/luthier-", "/tmp/luthier-", "disk full"] {
        assert!(complaint.contains(place), "{complaint} should name {place}");
    }
}

#[test]
fn a_place_of_the_operators_choice_comes_first() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).force_command(HOMELY).start() else { return };
    let chosen = site.host(1).root.join("our agents");
    let found = place(&site, &["-e", &format!("luthier_agent_path='{}'", chosen.display())]);
    assert!(Path::new(&found).starts_with(&chosen), "{found}");
    let found = place(&site, &["-e", "luthier_agent_path=~/tools"]);
    assert!(Path::new(&found).starts_with(site.user().home.join("tools/agent")), "{found}");
    let found = place(&site, &[]);
    assert!(Path::new(&found).starts_with(site.user().home.join(".cache/luthier/agent")), "{found}");
}

#[test]
fn a_home_that_cannot_be_written_or_is_unknown_is_no_obstacle() {
    for command in [HOMELY.to_owned(), format!("unset HOME USER LOGNAME; {HOMELY}")] {
        // The namespace has a /tmp of its own, so that nothing is left in the machine's.
        let script = "mkdir -p /run/luthier-site; mount --rbind $SITE /run/luthier-site\n\
                      mount -t tmpfs -o mode=1777 tmpfs /tmp; mkdir -p $SITE; mount --rbind /run/luthier-site $SITE\n\
                      for home in $SITE/home-*; do mount -t tmpfs -o ro tmpfs $home; done";
        let script = format!("mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/sshd\n{script}");
        let builder = Site::builder().hosts(1).ordinary(Sudo::NoPassword).force_command(&command);
        let Some(site) = inside(builder, &script) else { return };
        let found = place(&site, &[]);
        assert!(found.starts_with("/tmp/luthier-"), "{command}: {found}");
    }
}

#[test]
fn login_shells_of_every_kind_and_their_noise() {
    for shell in ["/bin/bash", "/usr/bin/tcsh", "/usr/bin/fish", "/bin/dash"] {
        if missing(&[shell.rsplit('/').next().unwrap_or_default()]) {
            return;
        }
        let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).shell(shell).start() else { return };
        let home = &site.user().home;
        for name in [".bashrc", ".profile", ".tcshrc", ".cshrc", ".config/fish/config.fish"] {
            let file = home.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, "echo 'Welcome! LUTHIER is ready'\nsleep 1\necho more of it\n").expect("a profile");
        }
        let outcome = run(&site, &["-e", "luthier_agent_path=~/bin"]);
        outcome.exits(0);
        let found = outcome.result("h1", "where")["result"]["stdout"].as_str().expect("a path").to_owned();
        assert!(Path::new(&found).starts_with(home), "{shell}: {found}");
    }
}

#[test]
fn an_account_without_a_shell_is_said_to_be_one() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::None).shell("/usr/sbin/nologin").start() else { return };
    let complaint = run(&site, &[]).exits(4).complaint("h1");
    assert!(complaint.contains("This account is currently not available"), "{complaint}");
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::None).shell("/bin/false").start() else { return };
    let complaint = run(&site, &[]).exits(4).complaint("h1");
    assert!(complaint.contains("did not start") && complaint.contains("exit status 1"), "{complaint}");
}

#[test]
fn an_architecture_without_an_agent_is_named_with_what_to_do() {
    let Some(site) = Site::builder().hosts(1).program("uname", "echo riscv64").start() else { return };
    let complaint = run(&site, &[]).exits(4).complaint("h1");
    for words in ["no agent for architecture riscv64", "cargo build", "luthier-agent-riscv64", "--agent-dir"] {
        assert!(complaint.contains(words), "{complaint} should say {words}");
    }
    // The host is told the name of what is really there: what a folder holds for it is what it gets.
    let folder = site.folder().join("agents");
    std::fs::create_dir(&folder).expect("a folder");
    let arch = std::env::consts::ARCH;
    let program = folder.join("luthier-agent-riscv64");
    site.luthier().call(["agent", "-d", &program.display().to_string()]).exits(0);
    let refused = run(&site, &["--agent-dir", &folder.display().to_string()]);
    refused.says(&format!("it is a program for {arch}, and its name says riscv64"));
    assert!(refused.code != Some(0));
}

/// The agents cached on the first host.
fn cached(site: &Site) -> Vec<PathBuf> {
    let list = std::fs::read_dir(site.state().join("agent")).expect("the cache");
    list.flatten().map(|entry| entry.path()).filter(|path| !path.to_string_lossy().contains("/.")).collect()
}

#[test]
fn a_damaged_agent_in_the_cache_is_replaced() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    place(&site, &[]);
    let [agent] = cached(&site).try_into().expect("one agent");
    let good = std::fs::read(&agent).expect("the agent");
    let mut bad_end = good.clone();
    *bad_end.last_mut().expect("bytes") ^= 1;
    let damages = [bad_end, Vec::new(), vec![0; good.len()], good[..good.len() / 2].to_vec(), b"exit 7; ((".to_vec()];
    for (number, damage) in damages.into_iter().enumerate() {
        std::fs::remove_file(&agent).expect("remove it");
        std::fs::write(&agent, damage).expect("damage it");
        std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o700)).expect("chmod");
        let outcome = run(&site, &[]);
        assert_eq!(outcome.code, Some(0), "damage {number}: {}", outcome.text());
        assert!(std::fs::read(&agent).expect("the agent") == good, "damage {number} is mended");
    }
}

#[test]
fn a_damaged_agent_behind_sudo_is_replaced() {
    // Root's state lies elsewhere than that of the user who logs in.
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).force_command(HOMELY).start() else { return };
    place(&site, &["-b"]);
    let folder = site.folder().join("state-root/agent");
    let agent = std::fs::read_dir(&folder).expect("root's cache").flatten().next().expect("an agent").path();
    let good = std::fs::read(&agent).expect("the agent");
    for damage in [Vec::new(), [&good[..], b"more"].concat()] {
        std::fs::remove_file(&agent).expect("remove it");
        std::fs::write(&agent, damage).expect("damage it");
        std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o700)).expect("chmod");
        place(&site, &["-b"]);
        assert!(std::fs::read(&agent).expect("the agent") == good);
    }
}

#[test]
fn a_host_without_gzip_gets_the_agent_as_it_is() {
    let command = "PATH=%; export PATH; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    for name in ["sh", "uname", "head", "mkdir", "chmod", "rm", "cat", "id", "readlink"] {
        let found =
            ["/usr/bin", "/bin"].map(|place| Path::new(place).join(name)).into_iter().find(|path| path.exists());
        std::os::unix::fs::symlink(found.expect("a usual program"), folder.path().join(name)).expect("a link");
    }
    let command = command.replace('%', &folder.path().display().to_string());
    let Some(site) = Site::builder().hosts(1).force_command(&command).start() else { return };
    let found = place(&site, &[]);
    assert!(Path::new(&found).starts_with(site.state()), "{found}");
    assert_eq!(cached(&site).len(), 1);
}
