//! Logging in, over real sshd: certificates, agents with many keys, passwords by PAM, host certificates, new host keys.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::sshd::{Site, Sudo};
use luthier_tests::{kill, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PING: &str = "- hosts: all\n  gather_facts: false\n  tasks: [{name: ping, ping: }]\n";

fn tool(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it runs");
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn ping(site: &Site, luthier: &Luthier) -> Outcome {
    luthier.run(&site.file("ping.yml", PING), &[])
}

/// No key of the site's own: what the test makes is all there is to log in with.
fn without_key(site: &Site) {
    let inventory = std::fs::read_to_string(site.inventory()).expect("the inventory");
    let kept: String =
        inventory.lines().filter(|line| !line.contains("private_key")).map(|line| format!("{line}\n")).collect();
    std::fs::write(site.inventory(), kept).expect("the inventory");
}

/// Lines of the controller's SSH configuration, before the site's own.
fn configure(site: &Site, lines: &str) {
    let file = site.home().join(".ssh/config");
    let old = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(file, format!("{lines}\n{old}")).expect("the configuration");
}

/// A site that trusts an authority for users and no key; the authority's key is `ca` in its folder.
fn certified(hosts: usize) -> Option<Site> {
    let config = "TrustedUserCAKeys %SITE%/ca.pub\nAuthorizedKeysFile none";
    let site = Site::builder().hosts(hosts).config(config).start()?;
    site.another_key("ca", "");
    without_key(&site);
    Some(site)
}

/// Sign a key: a certificate beside it, valid for this time.
fn sign(site: &Site, key: &Path, validity: &str) {
    let authority = text(&site.folder().join("ca"));
    let user = site.login();
    tool("ssh-keygen", &["-q", "-s", &authority, "-I", "tester", "-n", &user, "-V", validity, &text(key)]);
}

struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(site: &Site) -> Self {
        let socket = site.folder().join("agent.sock");
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
        let agent = Self { child: child.expect("ssh-agent starts"), socket };
        wait_for("the agent's socket", || agent.socket.exists());
        agent
    }

    fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null());
        let done = command.output().expect("ssh-add runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// As [`Agent::add`], with a passphrase.
    fn add_locked(&self, key: &Path, passphrase: &str, site: &Site) {
        let asker = site.file("asker", &format!("#!/bin/sh\necho '{passphrase}'\n"));
        std::fs::set_permissions(&asker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null());
        command.env("SSH_ASKPASS", asker).env("SSH_ASKPASS_REQUIRE", "force");
        assert!(command.status().expect("ssh-add runs").success());
    }

    fn luthier(&self, site: &Site) -> Luthier {
        site.luthier().env("SSH_AUTH_SOCK", self.socket.as_os_str())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        kill(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

#[test]
fn a_certificate_beside_the_key_logs_in_and_the_key_alone_does_not() {
    let Some(site) = certified(2) else { return };
    let key = site.another_key("id", "");
    site.add_to_inventory(&format!("[all:vars]\nansible_ssh_private_key_file={}\n", key.display()));
    let refused = ping(&site, &site.luthier());
    assert!(refused.exits(4).complaint("h1").contains("publickey"));
    sign(&site, &key, "+1h");
    ping(&site, &site.luthier()).exits(0);
}

#[test]
fn a_certificate_file_of_the_configuration_logs_in() {
    let Some(site) = certified(1) else { return };
    let key = site.another_key("id", "");
    sign(&site, &key, "+1h");
    let elsewhere = site.folder().join("elsewhere.pub");
    std::fs::rename(site.folder().join("id-cert.pub"), &elsewhere).expect("move it");
    configure(
        &site,
        &format!("Host 127.*\n IdentityFile {}\n CertificateFile {}\n", key.display(), elsewhere.display()),
    );
    ping(&site, &site.luthier()).exits(0);
    std::fs::write(&elsewhere, "nonsense\n").expect("spoil it");
    let complaint = ping(&site, &site.luthier()).exits(4).complaint("h1");
    assert!(complaint.contains("elsewhere.pub"), "{complaint}");
}

#[test]
fn certificates_that_cannot_be_taken_are_told_apart() {
    let Some(site) = certified(1) else { return };
    let key = site.another_key("id", "");
    site.add_to_inventory(&format!("[all:vars]\nansible_ssh_private_key_file={}\n", key.display()));
    sign(&site, &key, "20200101:20210101");
    let complaint = ping(&site, &site.luthier()).exits(4).complaint("h1");
    assert!(complaint.contains("expired at 20") && complaint.contains("tester"), "{complaint}");
    sign(&site, &key, "+52w:+53w");
    let complaint = ping(&site, &site.luthier()).exits(4).complaint("h1");
    assert!(complaint.contains("is not valid before"), "{complaint}");
    let authority = text(&site.folder().join("ca"));
    tool("ssh-keygen", &["-q", "-s", &authority, "-I", "tester", "-n", "somebody", &text(&key)]);
    let complaint = ping(&site, &site.luthier()).exits(4).complaint("h1");
    assert!(complaint.contains("its principals are somebody"), "{complaint}");
}

#[test]
fn a_certificate_held_by_an_agent_logs_in() {
    let Some(site) = certified(1) else { return };
    let key = site.another_key("id", "");
    sign(&site, &key, "+1h");
    let agent = Agent::start(&site);
    agent.add(&key);
    configure(&site, "Host *\n IdentitiesOnly no\n");
    // Only the agent has them from here on.
    for name in ["id", "id-cert.pub"] {
        std::fs::remove_file(site.folder().join(name)).expect("remove it");
    }
    ping(&site, &agent.luthier(&site)).exits(0);
}

#[test]
fn an_agent_with_twenty_keys_needs_to_know_the_right_one() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    without_key(&site);
    let agent = Agent::start(&site);
    for number in 0..20 {
        agent.add(&site.another_key(&format!("other{number}"), ""));
    }
    agent.add(site.client_key());
    let luthier = agent.luthier(&site);
    let named = format!("IdentityFile {}", site.client_key().display());
    std::fs::rename(site.client_key(), site.folder().join("away")).expect("only the agent has the private half");
    configure(&site, "Host *\n IdentitiesOnly no\n");
    let complaint = ping(&site, &luthier).exits(4).complaint("h1");
    assert!(complaint.contains("IdentitiesOnly") && complaint.contains("IdentityFile"), "{complaint}");
    // Named, it is the first that is offered, whether others may follow or not.
    configure(&site, &format!("Host *\n {named}\n"));
    ping(&site, &luthier).exits(0);
    configure(&site, "Host *\n IdentitiesOnly yes\n");
    ping(&site, &luthier).exits(0);
}

#[test]
fn an_encrypted_key_is_used_through_the_agent() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let key = text(site.client_key());
    tool("ssh-keygen", &["-q", "-p", "-P", "", "-N", "open sesame", "-f", &key]);
    let complaint = ping(&site, &site.luthier()).exits(4).complaint("h1");
    assert!(complaint.contains("encrypted"), "{complaint}");
    let agent = Agent::start(&site);
    agent.add_locked(site.client_key(), "open sesame", &site);
    ping(&site, &agent.luthier(&site)).exits(0);
}

#[test]
fn keyboard_interactive_by_pam_takes_the_password() {
    let config = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\nPubkeyAuthentication no";
    let Some(site) = Site::builder().hosts(2).ordinary(Sudo::None).password_only().config(config).start() else {
        return;
    };
    ping(&site, &site.luthier()).exits(0);
    let wrong = site.luthier().run(&site.file("ping.yml", PING), &["-e", "ansible_password=wrong"]);
    let complaint = wrong.exits(4).complaint("h1");
    assert!(complaint.contains("tried keyboard-interactive"), "{complaint}");
    assert!(!wrong.text().contains(&site.user().password));
}

#[test]
fn a_host_certificate_of_a_trusted_authority_stands_for_the_key() {
    let config = "HostCertificate %SITE%/host_key-cert.pub";
    let Some(mut site) = Site::builder().hosts(2).config(config).start() else { return };
    let authority = site.another_key("host-ca", "");
    let names: Vec<String> = site.hosts().iter().map(|host| host.address.clone()).collect();
    let key = text(&site.folder().join("host_key.pub"));
    let sign =
        |names: &str| tool("ssh-keygen", &["-q", "-h", "-s", &text(&authority), "-I", "host", "-n", names, &key]);
    sign(&names.join(","));
    site.restart();
    let public = std::fs::read_to_string(authority.with_extension("pub")).expect("the authority's public half");
    std::fs::write(site.known_hosts(), format!("@cert-authority [127.*]:* {public}")).expect("known hosts");
    ping(&site, &site.luthier()).exits(0);
    // A certificate for the first only proves nothing of the second.
    sign(&names[0]);
    site.restart();
    let outcome = ping(&site, &site.luthier());
    assert!(outcome.exits(4).complaint("h2").contains("host key unknown"), "{}", outcome.text());
    assert_eq!(outcome.recap("h1", "unreachable"), 0);
    let mine = public.replace("ssh-ed25519", "@revoked * ssh-ed25519");
    std::fs::write(site.known_hosts(), format!("@cert-authority [127.*]:* {public}{mine}")).expect("known hosts");
    let outcome = ping(&site, &site.luthier());
    assert!(outcome.exits(4).complaint("h1").contains("revoked"), "{}", outcome.text());
    // Names without a port vouch for any port, and take back so as well: the authority, or the key itself.
    let host = std::fs::read_to_string(site.folder().join("host_key.pub")).expect("the host's public half");
    for key in [&public, &host] {
        let known = format!("@cert-authority 127.* {public}@revoked 127.* {key}");
        std::fs::write(site.known_hosts(), known).expect("known hosts");
        let outcome = ping(&site, &site.luthier());
        assert!(outcome.exits(4).complaint("h1").contains("revoked"), "{}", outcome.text());
    }
}

#[test]
fn new_host_keys_are_recorded_on_request_each_in_a_line_of_its_own() {
    let Some(site) = Site::builder().hosts(12).start() else { return };
    configure(&site, "HashKnownHosts no");
    let unfinished = "# a line without its end";
    std::fs::write(site.known_hosts(), unfinished).expect("known hosts");
    ping(&site, &site.luthier()).exits(4).says("--accept-new-host-keys");
    assert_eq!(std::fs::read_to_string(site.known_hosts()).expect("known hosts"), unfinished);
    let outcome = site.luthier().run(&site.file("ping.yml", PING), &["--accept-new-host-keys"]);
    outcome.exits(0).says("recorded");
    let known = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    let lines: Vec<&str> = known.lines().collect();
    assert_eq!(lines.len(), 13, "{known}");
    assert_eq!(lines[0], unfinished);
    assert!(lines[1..].iter().all(|line| line.split(' ').count() == 3), "{known}");
    ping(&site, &site.luthier()).exits(0);
    // A key that changed is refused all the same.
    site.forge_known_host(5);
    let outcome = site.luthier().run(&site.file("ping.yml", PING), &["--accept-new-host-keys"]);
    assert!(outcome.exits(4).complaint("h5").contains("host key changed"));
    assert_eq!(outcome.recap("h1", "unreachable"), 0);
}

#[test]
fn accept_new_may_come_from_arguments_the_environment_and_the_configuration() {
    for way in 0..3 {
        let Some(site) = Site::builder().hosts(1).start() else { return };
        site.forget_known_host(1);
        configure(&site, "HashKnownHosts no");
        let mut luthier = site.luthier();
        match way {
            0 => site.add_to_inventory("[all:vars]\nansible_ssh_common_args=-o StrictHostKeyChecking=accept-new\n"),
            1 => luthier = luthier.env("LUTHIER_ACCEPT_NEW_HOST_KEYS", "true"),
            _ => configure(&site, "Host 127.*\n StrictHostKeyChecking accept-new\n"),
        }
        ping(&site, &luthier).exits(0);
        assert!(std::fs::read_to_string(site.known_hosts()).expect("known hosts").contains(&site.host(1).address));
    }
}

#[test]
fn host_key_checking_off_is_honoured_with_a_warning_and_records_nothing() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    site.forge_known_host(1);
    site.forget_known_host(2);
    let before = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    let outcome = site.luthier().env("ANSIBLE_HOST_KEY_CHECKING", "False");
    let outcome = ping(&site, &outcome);
    outcome.exits(0).says("unknown host key").says("the host key changed");
    assert_eq!(std::fs::read_to_string(site.known_hosts()).expect("known hosts"), before);
}

#[test]
fn the_machines_known_hosts_and_matched_blocks_count() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let elsewhere = site.folder().join("known by command");
    std::fs::rename(site.known_hosts(), &elsewhere).expect("move it");
    ping(&site, &site.luthier()).exits(4);
    let text = format!(
        "Match originalhost 127.* exec \"test %p = {}\"\n GlobalKnownHostsFile \"{}\"\n UserKnownHostsFile none\n",
        site.host(1).port,
        elsewhere.display()
    );
    let included = site.file("controller/.ssh/conf.d/fleet.conf", &text);
    assert!(included.exists());
    configure(&site, "Include conf.d/*.conf\n");
    ping(&site, &site.luthier()).exits(0);
    site.file("controller/.ssh/conf.d/fleet.conf", "Host 127.*\n  Port many\n");
    let broken = ping(&site, &site.luthier());
    assert!(broken.code != Some(0));
    broken.says("fleet.conf:2:8: `many` is no port");
}

#[test]
fn a_keyword_gives_way_to_a_variable_in_every_spelling() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let host = site.host(1);
    let line = format!("\n[all:vars]\nansible_ssh_user={}\nansible_ssh_port={}\n", site.login(), host.port);
    let inventory = std::fs::read_to_string(site.inventory()).expect("the inventory");
    let kept = inventory.replace("ansible_user=", "was_user=");
    std::fs::write(site.inventory(), kept.replace("ansible_port=", "was_port=") + &line).expect("the inventory");
    let play = "- hosts: all\n  gather_facts: false\n  remote_user: nobody-at-all\n  port: 1\n  tasks: [{name: ping, ping: }]\n";
    site.luthier().run(&site.file("keywords.yml", play), &[]).exits(0);
    // The command line still ranks behind a keyword.
    std::fs::write(site.inventory(), kept).expect("the inventory");
    let outcome = site.luthier().run(&site.file("keywords.yml", play), &["-u", &site.login()]);
    assert!(outcome.exits(4).complaint("h1").contains("nobody-at-all@"), "{}", outcome.text());
}
