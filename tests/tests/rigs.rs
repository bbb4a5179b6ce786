//! The rigs themselves, seen with OpenSSH's own client: a fault in a rig must not pass for a fault of Luthier.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::lab::Fleet;
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
    let look = "cd /sys/devices/system/node && cat online has_memory node0/distance node1/cpulist";
    assert_eq!(guest.run(look), "0-1\n0\n10 21\n4-7\n");
}

#[test]
fn several_machines_boot_side_by_side() {
    let small = Machine { memory_mib: 384, ..Machine::plain() };
    let west = small.clone().named("west").file("/etc/motd", "hello\n").with(&["nproc", "/etc/services"]);
    let Some(fleet) = Fleet::start(&[west, small.named("east")]) else { return };
    let said = fleet.luthier().call(["exec", "all", "command", "hostname", "-o", "json"]);
    let names = |task: &serde_json::Value| task.pointer("/result/stdout")?.as_str().map(str::to_owned);
    for host in ["west", "east"] {
        assert_eq!(said.exits(0).results(host).first().and_then(names).as_deref(), Some(host), "{}", said.text());
    }
    let [west, east] = fleet.guests() else { unreachable!("two were asked for") };
    assert_eq!(west.run_each(["cat /etc/motd", "nproc", "grep -c ^ssh /etc/services"]), ["hello\n", "2\n", "1\n"]);
    assert!(!east.ssh("test -e /etc/motd").status.success());
}
