//! Hosts that cannot be reached or trusted, one bad host among good ones each time.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, Outcome};
use luthier_tests::proxy::{Faults, Proxy};
use luthier_tests::sshd::{Site, Sudo};
use std::net::TcpListener;

const TOUCH: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: write\n      copy: {content: here, dest: '{{ root }}/file'}\n";

/// Everybody but the bad host did the task, and the exit code says that one was out of reach.
#[track_caller]
fn only(bad: &str, good: &[&str], outcome: &Outcome) -> String {
    outcome.exits(4);
    for host in good {
        assert_eq!(outcome.result(host, "write")["status"], "changed", "{host} was disturbed\n{}", outcome.text());
        assert_eq!(outcome.recap(host, "unreachable"), 0);
    }
    assert_eq!(outcome.recap(bad, "unreachable"), 1);
    outcome.complaint(bad)
}

fn run(site: &Site, arguments: &[&str]) -> Outcome {
    site.luthier().run(&site.file("touch.yml", TOUCH), arguments)
}

#[test]
fn a_refused_port() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    site.add_to_inventory("bad ansible_host=127.0.0.1 ansible_port=1 root=/nonexistent\n");
    let complaint = only("bad", &["h1", "h2"], &run(&site, &[]));
    assert!(complaint.to_lowercase().contains("refused"), "{complaint}");
    assert!(complaint.contains("127.0.0.1"), "the address should be named: {complaint}");
}

#[test]
fn a_name_that_does_not_exist() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    site.add_to_inventory("bad ansible_host=no-such-host.invalid root=/nonexistent\n");
    let complaint = only("bad", &["h1", "h2"], &run(&site, &[]));
    assert!(complaint.contains("no-such-host.invalid"), "{complaint}");
}

#[test]
fn a_host_that_accepts_and_never_speaks() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    site.add_to_inventory(&format!("bad ansible_host=127.0.0.1 ansible_port={port} root=/nonexistent\n"));
    only("bad", &["h1", "h2"], &run(&site, &["-T", "2"]));
}

#[test]
fn a_server_that_is_no_ssh_server() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    site.add_to_inventory(&format!("bad ansible_host=127.0.0.1 ansible_port={port} root=/nonexistent\n"));
    only("bad", &["h1", "h2"], &run(&site, &["-T", "3"]));
}

#[test]
fn a_key_that_the_host_does_not_accept() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let Some(other) = Site::builder().hosts(1).prefix("bad").start() else { return };
    let key = site.another_key("wrong", "");
    site.adopt(&other);
    site.add_to_inventory(&format!("[fleet_bad:vars]\nansible_ssh_private_key_file={}\n", key.display()));
    let complaint = only("bad1", &["h1"], &run(&site, &[]));
    assert!(complaint.contains("publickey"), "what the host would accept should be named: {complaint}");
    assert!(complaint.contains(&site.login()), "the user should be named: {complaint}");
}

#[test]
fn an_encrypted_key_without_its_passphrase_is_said_to_be_one() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let key = site.another_key("locked", "secret");
    let (host, login) = (site.host(1), site.login());
    site.add_to_inventory(&format!(
        "bad ansible_host={} ansible_port={} ansible_user={login} root=/nonexistent ansible_ssh_private_key_file={}\n",
        host.address,
        host.port,
        key.display()
    ));
    let complaint = only("bad", &["h1", "h2"], &run(&site, &[]));
    assert!(complaint.contains("passphrase") || complaint.contains("encrypted"), "{complaint}");
}

#[test]
fn an_unknown_host_key() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    site.forget_known_host(2);
    let before = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    let complaint = only("h2", &["h1", "h3"], &run(&site, &[]));
    assert!(complaint.contains(site.fingerprint()), "{complaint}");
    assert!(!site.host(2).root.join("file").exists());
    assert_eq!(std::fs::read_to_string(site.known_hosts()).expect("known hosts"), before, "strict means strict");
}

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints_and_the_line() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    let (forged, line) = site.forge_known_host(2);
    let complaint = only("h2", &["h1", "h3"], &run(&site, &[]));
    assert!(complaint.contains(&forged), "{complaint}");
    assert!(complaint.contains(site.fingerprint()), "{complaint}");
    let place = format!("{}:{line}", site.known_hosts().display());
    assert!(complaint.contains(&place), "{complaint} should name {place}");
    assert!(!site.host(2).root.join("file").exists());
}

#[test]
fn a_revoked_host_key() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let known = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    let second = known.lines().nth(1).expect("the second host's line");
    std::fs::write(site.known_hosts(), format!("{known}@revoked {second}\n")).expect("known hosts");
    let complaint = only("h2", &["h1"], &run(&site, &[]));
    assert!(complaint.contains("revoked"), "{complaint}");
}

#[test]
fn hashed_names_and_globs_are_known_hosts_too() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let done = std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(site.known_hosts()).output();
    assert!(done.expect("ssh-keygen runs").status.success());
    let hashed = std::fs::read_to_string(site.known_hosts()).expect("known hosts");
    assert!(hashed.starts_with("|1|"));
    run(&site, &[]).exits(0);
    let key = hashed.split_whitespace().skip(1).take(2).collect::<Vec<_>>().join(" ");
    let glob = format!("[127.*]:*,![{}]:{} {key}\n", site.host(2).address, site.host(2).port);
    std::fs::write(site.known_hosts(), glob).expect("known hosts");
    let outcome = run(&site, &[]);
    outcome.exits(4);
    assert_eq!(outcome.recap("h1", "unreachable"), 0);
    assert_eq!(outcome.recap("h2", "unreachable"), 1);
}

#[test]
fn a_corrupted_line() {
    // A machine of its own: hosts that share one find the agent another has been sent.
    let Some(mut bad) = Site::builder().hosts(1).prefix("bad").start() else { return };
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let host = bad.host(1).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults { corrupt_to_host: Some(100_000), ..Faults::default() });
    bad.route(1, proxy.port());
    site.adopt(&bad);
    only("bad1", &["h1", "h2"], &run(&site, &[]));
    assert!(proxy.to_host() > 100_000, "the upload should have got as far as the fault");
}

#[test]
fn a_line_cut_in_mid_upload_leaves_no_agent_behind() {
    let Some(mut bad) = Site::builder().hosts(1).prefix("bad").start() else { return };
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let host = bad.host(1).clone();
    let proxy = Proxy::start(&host.address, host.port, Faults { cut_to_host: Some(200_000), ..Faults::default() });
    bad.route(1, proxy.port());
    site.adopt(&bad);
    only("bad1", &["h1", "h2"], &run(&site, &[]));
    let left: Vec<_> =
        std::fs::read_dir(bad.state().join("agent")).map(|list| list.flatten().collect()).unwrap_or_default();
    assert!(left.iter().all(|entry| entry.file_name().len() != 64), "a truncated agent must not be cached: {left:?}");
    // Over a good line the same host is well again.
    let good = Proxy::start(&host.address, host.port, Faults::default());
    bad.route(1, good.port());
    run(&bad, &[]).exits(0);
}

#[test]
fn an_upload_that_arrives_changed_is_named_and_the_next_one_heals_it() {
    let wrong = "/usr/bin/gzip \"$@\"; printf X";
    let Some(site) = Site::builder().hosts(1).prefix("bad").program("gzip", wrong).start() else { return };
    let Some(good) = Site::builder().hosts(2).start() else { return };
    good.adopt(&site);
    let complaint = only("bad1", &["h1", "h2"], &run(&good, &[]));
    let known = ["hash", "corrupt", "truncated", "size"];
    assert!(known.iter().any(|word| complaint.contains(word)), "{complaint}");
    std::fs::write(site.folder().join("bin/gzip"), "#!/bin/sh\nexec /usr/bin/gzip \"$@\"\n").expect("mend it");
    run(&good, &[]).exits(0);
}

#[test]
fn a_truncated_upload_is_an_error_not_a_hang() {
    let short = "/usr/bin/gzip \"$@\" | head -c 65536";
    let Some(site) = Site::builder().hosts(1).prefix("bad").program("gzip", short).start() else { return };
    let Some(good) = Site::builder().hosts(2).start() else { return };
    good.adopt(&site);
    only("bad1", &["h1", "h2"], &run(&good, &[]));
}

#[test]
fn a_noisy_login_is_no_obstacle() {
    let noisy = "echo 'Welcome to this host'; printf 'no newline'; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let Some(site) = Site::builder().hosts(2).force_command(noisy).start() else { return };
    run(&site, &[]).exits(0);
}

#[test]
fn a_host_that_sends_garbage_loses_only_itself() {
    for script in [
        "head -c 300000 /dev/urandom",
        "exit 0",
        "yes",
        // Says the agent is there, then announces a frame of 2 GiB.
        r#"n=${SSH_ORIGINAL_COMMAND#*n=}; n=${n%%;*}; printf '\nLUTHIER %s READY\n\200\000\000\000\000' "$n"; sleep 20"#,
        r#"n=${SSH_ORIGINAL_COMMAND#*n=}; n=${n%%;*}; printf '\nLUTHIER %s READY\n' "$n"; head -c 300000 /dev/urandom"#,
        r#"n=${SSH_ORIGINAL_COMMAND#*n=}; n=${n%%;*}; printf '\nLUTHIER %s FAIL place \033[2Jno room\n' "$n""#,
    ] {
        let Some(bad) = Site::builder().hosts(1).prefix("bad").force_command(script).start() else { return };
        let Some(site) = Site::builder().hosts(2).start() else { return };
        site.adopt(&bad);
        let complaint = only("bad1", &["h1", "h2"], &run(&site, &[]));
        assert!(!complaint.is_empty(), "{script}");
        let human = site.luthier().call(
            ["run", "touch.yml", "-i", "hosts.ini"]
                .map(|word| if word.contains('.') { site.folder().join(word).into_os_string() } else { word.into() }),
        );
        assert!(!human.text().contains('\u{1b}'), "{script}: {}", human.text());
    }
}

#[test]
fn sudo_that_refuses_disturbs_nobody_else() {
    let Some(bad) = Site::builder().hosts(1).prefix("bad").ordinary(Sudo::Refused).start() else { return };
    let Some(site) = Site::builder().hosts(1).ordinary(Sudo::NoPassword).start() else { return };
    site.adopt(&bad);
    let outcome = run(&site, &["--become"]);
    outcome.exits(2);
    assert_eq!(outcome.result("h1", "write")["status"], "changed");
    assert_eq!(outcome.recap("bad1", "failed"), 1, "{}", outcome.text());
}

#[test]
fn only_the_host_that_no_inventory_names_is_this_machine_without_saying_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let play = folder.path().join("play.yml");
    let inventory = folder.path().join("hosts.ini");
    for name in ["localhost", "127.0.0.1"] {
        let text = format!("- hosts: {name}\n  gather_facts: false\n  tasks: [{{name: ping, ping: }}]\n");
        std::fs::write(&play, text).expect("a play");
        std::fs::write(&inventory, "other\n").expect("an inventory");
        let luthier = Luthier::new(folder.path()).inventory(&inventory);
        luthier.run(&play, &["-c", "ssh"]).exits(0);
        // One that is named is reached as any other host.
        let line = format!("{name} ansible_ssh_common_args='-o ProxyCommand=false'\n");
        std::fs::write(&inventory, line).expect("an inventory");
        for arguments in [[].as_slice(), &["-c", "ssh"]] {
            let outcome = luthier.run(&play, arguments);
            assert!(outcome.exits(4).complaint(name).contains("ProxyCommand `false`"), "{}", outcome.text());
        }
        luthier.run(&play, &["-c", "local"]).exits(0);
    }
}
