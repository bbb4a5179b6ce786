//! The rigs themselves, seen with OpenSSH's own client: a fault in a rig must not pass for a fault of Luthier.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::qemu::Machine;
use luthier_tests::sshd::{Site, Sudo};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn ssh(home: &Path, key: &Path, login: &str, address: &str, port: u16, command: &str) -> Output {
    let known = format!("UserKnownHostsFile={}", home.join(".ssh/known_hosts").display());
    Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", &known, "-i"])
        .arg(key)
        .args(["-p", &port.to_string(), &format!("{login}@{address}"), command])
        .stdin(Stdio::null())
        .output()
        .expect("ssh runs")
}

fn on(site: &Site, number: usize, command: &str) -> String {
    let host = site.host(number);
    let output = ssh(&site.home(), site.client_key(), &site.login(), &host.address, host.port, command);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), site.log());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn twenty_hosts_answer_on_their_own_addresses() {
    let Some(site) = Site::builder().hosts(20).start() else { return };
    assert_eq!(on(&site, 1, "echo $LUTHIER_STATE_DIR"), site.state().display().to_string());
    let address = on(&site, 20, "echo $SSH_CONNECTION").split(' ').nth(2).map(str::to_owned);
    assert_eq!(address.as_deref(), Some(site.host(20).address.as_str()));
}

#[test]
fn sudo_does_what_the_site_says() {
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    assert_eq!(on(&site, 1, "sudo -n id -u"), "0");
    let state = on(&site, 1, "sudo -n sh -c 'echo $LUTHIER_STATE_DIR'");
    assert_eq!(state, site.folder().join("state-root").display().to_string());

    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Password).start() else { return };
    let password = site.user().password.clone();
    assert_eq!(on(&site, 1, "sudo -n true 2>/dev/null || echo refused"), "refused");
    assert_eq!(on(&site, 1, &format!("echo '{password}' | sudo -S -p '' id -u")), "0");

    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::Refused).start() else { return };
    assert_eq!(
        on(&site, 1, "sudo -n /bin/true && echo allowed; sudo -n id 2>&1 | grep -c 'not allowed'"),
        "allowed\n1"
    );
}

#[test]
fn a_forged_key_is_refused_and_its_line_is_right() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let (_, line) = site.forge_known_host(2);
    assert_eq!(line, 2);
    let host = site.host(2);
    let output = ssh(&site.home(), site.client_key(), &site.login(), &host.address, host.port, "true");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("known_hosts:2"), "{complaint}");
    assert!(complaint.contains(site.fingerprint()), "{complaint}");
}

#[test]
fn a_machine_of_two_nodes_boots_with_sshd_inside() {
    let Some(guest) = Machine::lopsided().start() else { return };
    let inventory = std::fs::read_to_string(guest.inventory()).expect("its inventory");
    let port = inventory.split_whitespace().find_map(|word| word.strip_prefix("ansible_port="));
    let port = port.and_then(|text| text.parse().ok()).expect("a port");
    let look = "cd /sys/devices/system/node && cat online has_memory node0/distance node1/cpulist";
    let home = guest.folder().join("controller");
    let output = ssh(&home, &guest.folder().join("client_key"), "root", "127.0.0.1", port, look);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "0-1\n0\n10 21\n4-7\n", "{}\n{}", String::from_utf8_lossy(&output.stderr), guest.log());
}
