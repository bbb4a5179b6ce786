//! Becoming somebody else over real sshd and real sudo.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::sshd::{Site, Sudo, TestUser};
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

/// Becomes root and says who that is.
const ROOT: &str = "- hosts: all\n  gather_facts: false\n  become: true\n  tasks: [{name: root, command: id -un}]\n";

fn password(user: &TestUser) -> String {
    format!("ansible_become_password={}", serde_json::json!(user.password))
}

#[track_caller]
fn becomes_root(site: &Site, arguments: &[&str]) {
    let outcome = site.luthier().run(&site.file("root.yml", ROOT), arguments);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "root")["result"]["stdout"], "root");
}

#[track_caller]
fn complains(site: &Site, arguments: &[&str], words: &[&str]) {
    let outcome = site.luthier().run(&site.file("root.yml", ROOT), arguments);
    let complaint = outcome.exits(2).complaint("h1");
    for word in words {
        assert!(complaint.contains(word), "{complaint} should say {word:?}");
    }
}

#[test]
fn a_lecture_and_other_noise_do_not_hide_the_question() {
    let noise = "echo 'Welcome to this host'; echo 'Password expiry: 3 days' >&2; exec /usr/bin/sudo \"$@\"";
    let builder = Site::builder().hosts(1).ordinary(Sudo::Password).program("sudo", noise);
    let Some(site) = builder.start() else { return };
    site.user().sudo_defaults("lecture=always");
    becomes_root(&site, &["-e", &password(site.user())]);
    complains(&site, &["-e", "ansible_become_pass=wrong"], &["cannot become root", "the become password is wrong"]);
    complains(&site, &[], &["a password is needed", "ansible_become_password", "-K"]);
}

#[test]
fn one_try_only_is_a_wrong_password_too() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    site.user().sudo_defaults("passwd_tries=1");
    complains(&site, &["-e", "ansible_become_pass=wrong"], &["the become password is wrong"]);
}

#[test]
fn sudo_that_wants_a_terminal_is_named_and_one_that_makes_its_own_works() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    site.user().sudo_defaults("use_pty");
    becomes_root(&site, &["-e", &password(site.user())]);
    site.user().sudo_defaults("requiretty");
    complains(&site, &["-e", &password(site.user())], &["you must have a tty", "!requiretty"]);
}

#[test]
fn flags_programs_and_the_variables_of_each_method() {
    let noted = "echo \"$@\" >> ${0%/*}/../sudo-log; exec /usr/bin/sudo \"$@\"";
    let builder = Site::builder().hosts(1).ordinary(Sudo::Password).program("sudo2", noted);
    let Some(site) = builder.start() else { return };
    let log = site.file("sudo-log", "");
    std::fs::set_permissions(&log, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("chmod");
    let secret = format!("ansible_sudo_pass={}", serde_json::json!(site.user().password));
    let exe = format!("ansible_sudo_exe={}/bin/sudo2", site.folder().display());
    // The method's own names count before the common ones.
    let common = "ansible_become_pass=wrong ansible_become_password=wrong ansible_become_exe=/nonexistent";
    becomes_root(&site, &["-e", common, "-e", &secret, "-e", &exe, "-e", "ansible_become_flags='-HSn -g \"root\"'"]);
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(said.starts_with("-H -S -p [luthier-") && said.contains("] -g root -u root -- /bin/sh -c "), "{said}");
    complains(&site, &["-e", &secret, "-e", "ansible_become_flags='-x \"'"], &["a quote is not closed"]);
    complains(&site, &["-e", "ansible_become_exe=/no/such/sudo"], &["cannot run /no/such/sudo"]);
}

#[test]
fn settings_of_files_and_the_environment_hold_where_nothing_else_is_said() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let play = site.file("who.yml", "- hosts: all\n  gather_facts: false\n  tasks: [{name: who, command: id -un}]\n");
    let who = |luthier: &Luthier, arguments: &[&str]| {
        let outcome = luthier.run(&play, arguments);
        outcome.exits(0).result("h1", "who")["result"]["stdout"].as_str().expect("a name").to_owned()
    };
    let folder = site.folder().join("project");
    std::fs::create_dir(&folder).expect("a folder");
    let luthier = site.luthier().folder(&folder);
    assert_eq!(who(&luthier, &[]), site.login());
    assert_eq!(who(&luthier.clone().env("ANSIBLE_BECOME", "true"), &[]), "root");
    std::fs::write(folder.join("luthier.toml"), "become = true\nbecome_method = \"sudo\"\n").expect("luthier.toml");
    assert_eq!(who(&luthier, &[]), "root");
    assert_eq!(who(&luthier, &["-e", "ansible_become=false"]), site.login());
    let cfg = "[privilege_escalation]\nbecome = True\nbecome_exe = /no/such/sudo\n";
    std::fs::write(folder.join("ansible.cfg"), cfg).expect("ansible.cfg");
    let complaint = luthier.run(&play, &[]).exits(2).complaint("h1");
    assert!(complaint.contains("cannot run /no/such/sudo"), "{complaint}");
}

/// Another user than the one who logs in; their agents lie in a folder that is removed with it.
struct Other {
    user: TestUser,
    folder: tempfile::TempDir,
}

impl Other {
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        // Both users keep their agents here.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("chmod");
        let user = TestUser::create(folder.path(), Sudo::None, folder.path())?;
        let agents = folder.path().join("agents/agent");
        std::fs::create_dir_all(&agents).expect("a folder for agents");
        std::fs::set_permissions(&agents, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("chmod");
        Some(Self { user, folder })
    }

    fn options(&self, method: &str) -> Vec<String> {
        let place = self.folder.path().join("agents").display().to_string();
        let name = &self.user.name;
        let play = [("ansible_become_method", method), ("ansible_become_user", name), ("luthier_agent_path", &place)];
        play.iter().flat_map(|(key, value)| ["-e".to_owned(), format!("{key}={value}")]).collect()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        for place in ["/var/tmp", "/tmp"] {
            let _ = std::fs::remove_dir_all(format!("{place}/luthier-{}", self.user.name));
        }
    }
}

/// Runs as another user; the outcome.
fn as_other(site: &Site, other: &Other, method: &str, more: &[&str]) -> Outcome {
    let options = other.options(method);
    let all: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
    site.luthier().run(&site.file("root.yml", ROOT), &all)
}

#[test]
fn root_becomes_anybody_by_su_whatever_their_shell() {
    let Some(other) = Other::make() else { return };
    for shell in ["/bin/sh", "/usr/sbin/nologin"] {
        other.user.set_shell(shell);
        let Some(site) = Site::builder().hosts(1).start() else { return };
        let outcome = as_other(&site, &other, "su", &[]);
        outcome.exits(0);
        assert_eq!(outcome.result("h1", "root")["result"]["stdout"], other.user.name.as_str(), "{shell}");
    }
}

#[test]
fn su_asks_for_the_others_password_without_a_terminal() {
    let Some(other) = Other::make() else { return };
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::None).start() else { return };
    let secret = format!("ansible_su_pass={}", serde_json::json!(other.user.password));
    let outcome = as_other(&site, &other, "su", &["-e", &secret]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "root")["result"]["stdout"], other.user.name.as_str());
    assert!(!outcome.text().contains(&other.user.password));
    let wrong = as_other(&site, &other, "su", &["-e", "ansible_su_pass=wrong"]).exits(2).complaint("h1");
    assert!(wrong.contains("the become password is wrong"), "{wrong}");
    let missing = as_other(&site, &other, "su", &[]).exits(2).complaint("h1");
    assert!(missing.contains("a password is needed"), "{missing}");
}

/// A site whose servers see a `/etc` with this `doas.conf`; `%` is the login user.
fn with_doas(rules: &str) -> Option<Site> {
    if luthier_tests::missing(&["doas", "unshare"]) {
        return None;
    }
    let script = "cp -a /etc $SITE/etc; chmod 755 $SITE/etc; mount --bind $SITE/etc /etc\n\
                  name=$(awk -F: -v id=$USER_ID '$3 == id { print $1 }' /etc/passwd)\n";
    let rules = rules.replace('%', "$name");
    let script = format!("{script}echo \"{rules}\" > /etc/doas.conf; chmod 600 /etc/doas.conf\n");
    Site::builder().hosts(1).ordinary(Sudo::None).inside(&script).start()
}

#[test]
fn doas_works_without_a_password_and_says_why_it_takes_none() {
    let doas = "ansible_become_method=doas";
    let Some(site) = with_doas("permit nopass % as root") else { return };
    becomes_root(&site, &["-e", doas]);
    // One that is not needed does no harm.
    becomes_root(&site, &["-e", doas, "-e", &password(site.user())]);
    complains(&site, &["-e", doas, "-e", "ansible_become_user=nobody"], &["it is refused", "not permitted"]);
    let Some(site) = with_doas("permit % as root") else { return };
    complains(&site, &["-e", doas, "-e", &password(site.user())], &["a password is needed", "nopass", "doas.conf"]);
}

#[test]
fn status_reads_the_journals_of_whoever_worked_there() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let target = site.host(1).root.join("open");
    std::fs::create_dir(&target).expect("a folder everybody may write to");
    std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).expect("chmod");
    let text = "- hosts: all\n  gather_facts: false\n  become: true\n  become_user: nobody\n  tasks: [{shell: 'echo $$ $PPID > {{ root }}/open/pids; exec sleep 60'}]\n";
    let mut running = site.luthier().start(&site.file("nobody.yml", text), &[]);
    let pids = target.join("pids");
    luthier_tests::wait_for("the task to begin", || pids.metadata().is_ok_and(|file| file.len() > 0));
    let runs = site.luthier().state().join("runs");
    luthier_tests::wait_for("the host to be written down", || {
        let files = std::fs::read_dir(&runs).into_iter().flatten().flatten().map(|file| file.path());
        let mut texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
        texts.any(|text| text.contains("nobody"))
    });
    luthier_tests::kill(running.pid(), "KILL");
    assert_eq!(running.wait(), None);
    site.luthier().call(["status"]).exits(0).says("nobody");
    let numbers = std::fs::read_to_string(&pids).expect("its process");
    luthier_tests::kill(numbers.split(' ').next().and_then(|word| word.parse().ok()).expect("a number"), "KILL");
}

#[test]
fn a_login_shell_in_between_changes_nothing() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    for flags in ["-i", "-s", "-Hi", "--login"] {
        becomes_root(&site, &["-e", &format!("ansible_become_flags={flags}")]);
    }
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    becomes_root(&site, &["-e", &password(site.user()), "-e", "ansible_become_flags=-i"]);
}

#[test]
fn what_kept_an_agent_away_is_asked_anew_for_each_task() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let folder = site.host(1).root.join("late");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).expect("chmod");
    let tasks = "    - {name: missing, command: id -un, become: true, ignore_errors: true}\n    \
        - {name: install, command: ln -s /usr/bin/sudo LATE/sudo}\n    \
        - {name: there, command: id -un, become: true}\n    \
        - {name: kill, shell: 'kill -9 $PPID; sleep 5', become: true, ignore_errors: true}\n    \
        - {name: again, command: id -un, become: true}\n    \
        - {name: wrong, command: id -un, become: true, ignore_errors: true, vars: {ansible_become_flags: '-u nosuchuser'}}\n    \
        - {name: right, command: id -un, become: true}\n";
    let play =
        format!("- hosts: all\n  gather_facts: false\n  vars: {{ansible_become_exe: LATE/sudo}}\n  tasks:\n{tasks}");
    let play = play.replace("LATE", &folder.display().to_string());
    let outcome = site.luthier().run(&site.file("late.yml", &play), &[]);
    outcome.exits(0);
    for name in ["there", "again", "right"] {
        assert_eq!(outcome.result("h1", name)["result"]["stdout"], "root", "{name}: {}", outcome.text());
    }
    for (name, words) in [("missing", "cannot run"), ("kill", "ended unexpectedly")] {
        let result = outcome.result("h1", name)["result"].to_string();
        assert!(result.contains(words), "{name}: {result}");
    }
}

#[test]
fn no_become_password_goes_to_a_host_whose_key_changed() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    site.forge_known_host(1);
    let secret = password(site.user());
    let all = ["-e", &secret, "-e", "ansible_host_key_checking=false"];
    complains(&site, &all, &["the become password was not sent, as the host key changed"]);
}

#[test]
fn the_methods_own_user_wins() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    let play = site.file("root.yml", ROOT);
    let who = |arguments: &[&str]| {
        let outcome = site.luthier().run(&play, arguments);
        outcome.exits(0).result("h1", "root")["result"]["stdout"].as_str().expect("a name").to_owned()
    };
    assert_eq!(who(&["-e", "ansible_sudo_user=nobody"]), "nobody");
    assert_eq!(who(&["-e", "ansible_sudo_user=nobody", "-e", "ansible_become_user=root"]), "nobody");
    assert_eq!(who(&["-e", "ansible_su_user=nobody"]), "root");
    let login = site.login();
    assert_eq!(who(&["-e", &format!("ansible_sudo_user={login}")]), login);
}
