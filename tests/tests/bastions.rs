//! Hosts behind others: jump hosts, programs that connect, servers that take few connections at once.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use luthier_tests::luthier::Outcome;
use luthier_tests::proxy::{Faults, Proxy};
use luthier_tests::sshd::Site;
use std::fmt::Write as _;
use std::path::Path;

const TOUCH: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: write\n      copy: {content: here, dest: '{{ root }}/file'}\n";

fn run(site: &Site, arguments: &[&str]) -> Outcome {
    site.luthier().run(&site.file("touch.yml", TOUCH), arguments)
}

fn append(file: &Path, text: &str) {
    let whole = std::fs::read_to_string(file).unwrap_or_default() + text;
    std::fs::write(file, whole).expect("a file to add to");
}

/// A bastion as the operator's SSH configuration knows it; its key is recorded.
fn bastion(site: &Site, name: &str, extra: &str) -> Option<Site> {
    let bastion = Site::builder().hosts(1).prefix(name).config(extra).start()?;
    introduce(site, name, &bastion, bastion.host(1).port, &bastion.host(1).address);
    append(&site.known_hosts(), &std::fs::read_to_string(bastion.known_hosts()).expect("known hosts"));
    Some(bastion)
}

fn introduce(site: &Site, name: &str, bastion: &Site, port: u16, address: &str) {
    let text = format!(
        "Host {name}\n  HostName {address}\n  Port {port}\n  User {}\n  IdentityFile {}\n",
        bastion.login(),
        bastion.client_key().display()
    );
    append(&site.home().join(".ssh/config"), &text);
}

/// The hosts of a site are reached with these OpenSSH options.
fn by(site: &Site, arguments: &str) {
    site.add_to_inventory(&format!("[all:vars]\nansible_ssh_common_args={arguments}\n"));
}

/// Send the agent to the machine once, so that all its names find it there.
fn warm(site: &Site, host: &str) {
    let play = site.file("ping.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n");
    site.luthier().run(&play, &["--limit", host]).exits(0);
}

fn logins(site: &Site) -> usize {
    site.log().lines().filter(|line| line.contains("Accepted publickey for")).count()
}

#[track_caller]
fn all_changed(site: &Site, outcome: &Outcome) {
    outcome.exits(0);
    for host in site.hosts() {
        assert_eq!(outcome.result(&host.name, "write")["status"], "changed", "{}", outcome.text());
    }
}

/// Every host is out of reach; what the first one says of it.
#[track_caller]
fn none_reached(site: &Site, outcome: &Outcome) -> String {
    outcome.exits(4);
    for host in site.hosts() {
        assert_eq!(outcome.recap(&host.name, "unreachable"), 1, "{}", outcome.text());
    }
    outcome.complaint(&site.host(1).name)
}

#[test]
fn one_login_on_a_bastion_carries_thirty_hosts() {
    let Some(site) = Site::builder().hosts(30).start() else { return };
    warm(&site, "h1");
    let Some(jump) = bastion(&site, "jump", "") else { return };
    by(&site, "'-J jump'");
    all_changed(&site, &run(&site, &["--forks", "12", "-T", "60"]));
    assert_eq!(logins(&jump), 1, "{}", jump.log());
    assert_eq!(logins(&site), 31, "{}", site.log());
}

#[test]
fn a_chain_of_two_is_passed_in_order_with_one_login_each() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    let Some(outer) = bastion(&site, "outer", "") else { return };
    let Some(inner) = bastion(&site, "inner", "") else { return };
    by(&site, "'-o ProxyJump=outer,inner -o ServerAliveInterval=5'");
    all_changed(&site, &run(&site, &[]));
    assert_eq!((logins(&outer), logins(&inner)), (1, 1), "{}\n{}", outer.log(), inner.log());
}

#[test]
fn hosts_behind_one_bastion_do_not_hold_each_other_up() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(jump) = bastion(&site, "jump", "") else { return };
    by(&site, "'-J jump'");
    let big = site.file("big", &"0123456789abcdef".repeat(150_000));
    // Far more comes from the one than the connection it shares may hold back, and much goes to both at the same time.
    let play = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: talk\n      shell: head -c 3000000 /dev/zero | tr '\\0' x | fold -w 70 | tail -c 100; head -c 2000000 /dev/zero | tr '\\0' '\\n' >&2\n      when: inventory_hostname == 'h1'\n    - name: write\n      copy: {{src: {}, dest: '{{{{ root }}}}/file'}}\n",
        big.display()
    );
    all_changed(&site, &site.luthier().run(&site.file("busy.yml", &play), &[]));
    assert_eq!(logins(&jump), 1);
}

#[test]
fn a_jump_host_of_the_configuration_file_has_its_own_way() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(outer) = bastion(&site, "outer", "") else { return };
    let Some(inner) = bastion(&site, "inner", "") else { return };
    append(&site.home().join(".ssh/config"), &format!("Host {}\n  ProxyJump inner\n", site.host(1).address));
    append(&site.home().join(".ssh/config"), "Host inner\n  ProxyJump outer\n");
    all_changed(&site, &run(&site, &[]));
    assert_eq!((logins(&outer), logins(&inner)), (1, 1), "only the first host goes that way");
    assert_eq!(logins(&site), 2);
}

#[test]
fn a_bastion_that_forbids_forwarding_is_named_with_the_remedy() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    let Some(jump) = bastion(&site, "jump", "AllowTcpForwarding no") else { return };
    by(&site, "'-J jump'");
    let complaint = none_reached(&site, &run(&site, &[]));
    assert!(complaint.contains("bastion jump forbids"), "{complaint}");
    assert!(complaint.contains("AllowTcpForwarding"), "{complaint}");
    assert_eq!(logins(&jump), 2, "one more connection is tried, not one a host: {}", jump.log());
}

#[test]
fn a_bastion_that_cannot_connect_says_why() {
    let Some(mut site) = Site::builder().hosts(2).start() else { return };
    site.route(1, 1);
    let Some(_jump) = bastion(&site, "jump", "") else { return };
    by(&site, "'-J jump'");
    let outcome = run(&site, &[]);
    outcome.exits(4);
    let complaint = outcome.complaint("h1");
    assert!(complaint.contains("bastion jump cannot connect to it"), "{complaint}");
    assert!(complaint.contains("127.0.0.1 port 1"), "{complaint}");
    assert!(complaint.to_lowercase().contains("refused"), "{complaint}");
    assert_eq!(outcome.result("h2", "write")["status"], "changed");
}

#[test]
fn a_bastion_that_drops_connections_is_named_by_every_host_behind_it() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    let Some(far) = Site::builder().hosts(1).prefix("far").start() else { return };
    let host = far.host(1);
    let proxy = Proxy::start(&host.address, host.port, Faults { cut_from_host: Some(10), ..Faults::default() });
    introduce(&site, "jump", &far, proxy.port(), "127.0.0.1");
    by(&site, "'-J jump'");
    let complaint = none_reached(&site, &run(&site, &["-T", "3"]));
    assert!(complaint.contains("bastion jump: unreachable"), "{complaint}");
    assert!(complaint.contains("closed during the handshake"), "{complaint}");
}

#[test]
fn a_bastion_that_is_lost_in_mid_work_is_named() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(far) = Site::builder().hosts(1).prefix("far").start() else { return };
    let host = far.host(1);
    let proxy = Proxy::start(&host.address, host.port, Faults { cut_to_host: Some(200_000), ..Faults::default() });
    introduce(&site, "jump", &far, proxy.port(), "127.0.0.1");
    let key = std::fs::read_to_string(far.known_hosts()).expect("known hosts");
    let key = key.split_once(' ').expect("a line").1;
    append(&site.known_hosts(), &format!("[127.0.0.1]:{} {key}", proxy.port()));
    by(&site, "'-J jump'");
    let complaint = none_reached(&site, &run(&site, &[]));
    assert!(complaint.contains("bastion jump"), "{complaint}");
    // Over a good line the same hosts are well again.
    introduce(&site, "good", &far, host.port, &host.address);
    append(&site.known_hosts(), &std::fs::read_to_string(far.known_hosts()).expect("known hosts"));
    by(&site, "'-J good'");
    all_changed(&site, &run(&site, &[]));
}

#[test]
fn a_bastion_with_another_key_is_refused_with_both_fingerprints() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(far) = Site::builder().hosts(1).prefix("far").start() else { return };
    let (forged, _) = far.forge_known_host(1);
    append(&site.known_hosts(), &std::fs::read_to_string(far.known_hosts()).expect("known hosts"));
    introduce(&site, "jump", &far, far.host(1).port, &far.host(1).address);
    by(&site, "'-J jump'");
    let complaint = none_reached(&site, &run(&site, &[]));
    assert!(complaint.contains("bastion jump: host key changed"), "{complaint}");
    assert!(complaint.contains(&forged) && complaint.contains(far.fingerprint()), "{complaint}");
    assert_eq!(logins(&far), 0);
}

#[test]
fn an_unknown_bastion_is_refused_by_its_name() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(far) = Site::builder().hosts(1).prefix("far").start() else { return };
    introduce(&site, "jump", &far, far.host(1).port, &far.host(1).address);
    // What is said of the hosts' keys is not said of the bastion's.
    by(&site, "'-J jump -o StrictHostKeyChecking=accept-new'");
    let complaint = none_reached(&site, &run(&site, &[]));
    assert!(complaint.contains("bastion jump: host key unknown"), "{complaint}");
    assert!(complaint.contains(far.fingerprint()), "{complaint}");
}

#[test]
fn a_bastion_that_lets_nobody_in_is_asked_once() {
    let Some(site) = Site::builder().hosts(4).start() else { return };
    let Some(jump) = Site::builder().hosts(1).prefix("jump").start() else { return };
    append(&site.known_hosts(), &std::fs::read_to_string(jump.known_hosts()).expect("known hosts"));
    let (host, key) = (jump.host(1), site.another_key("stranger", ""));
    let text = format!(
        "Host jump\n  HostName {}\n  Port {}\n  User {}\n  IdentityFile {}\n",
        host.address,
        host.port,
        jump.login(),
        key.display()
    );
    append(&site.home().join(".ssh/config"), &text);
    by(&site, "'-J jump'");
    let complaint = none_reached(&site, &run(&site, &["--forks", "1"]));
    assert!(complaint.contains("bastion jump: authentication failed"), "{complaint}");
    assert!(complaint.contains("publickey"), "{complaint}");
    let attempts = jump.log().lines().filter(|line| line.contains("Connection from")).count();
    // The rig's own look whether the server listens is one of them.
    assert!(attempts <= 2, "{}", jump.log());
}

#[test]
fn a_circle_of_jump_hosts_is_refused() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    append(&site.home().join(".ssh/config"), "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
    by(&site, "'-J a'");
    let outcome = run(&site, &[]);
    outcome.exits(2);
    assert!(outcome.complaint("h1").contains("circle"), "{}", outcome.text());
}

#[test]
fn a_proxy_command_connects_and_its_end_is_seen_to() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(jump) = bastion(&site, "jump", "") else { return };
    let (config, pids) = (site.home().join(".ssh/config"), site.folder().join("pids"));
    let command =
        format!("echo $$ >> {}; exec ssh -F {} -o BatchMode=yes -W %h:%p -q jump", pids.display(), config.display());
    let program = site.file("connect", &command.replace("%h", "$1").replace("%p", "$2"));
    by(&site, &format!("'-o ProxyCommand=\"sh {} %h %p\"'", program.display()));
    // On a host's own line the quotes are read by the inventory first.
    site.add_to_inventory(&format!(
        "[fleet_h]\nh1 ansible_ssh_common_args='-o ProxyCommand=\"exec sh {} %h %p\"'\n",
        program.display()
    ));
    all_changed(&site, &run(&site, &[]));
    assert_eq!(logins(&jump), 2, "each program logs in itself: {}", jump.log());
    let pids = std::fs::read_to_string(pids).expect("the programs wrote their ids");
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "the program {pid} is still there");
    }
}

#[test]
fn a_proxy_command_that_fails_is_quoted() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let program = site.file("connect", "echo 'no way to '$1 >&2; exit 7\n");
    by(&site, &format!("'-o ProxyCommand=\"exec sh {} %h\"'", program.display()));
    let complaint = none_reached(&site, &run(&site, &["-T", "2"]));
    assert!(complaint.contains(&format!("no way to {}", site.host(1).address)), "{complaint}");
    assert!(complaint.contains("exit status: 7") && complaint.contains("ProxyCommand"), "{complaint}");
}

#[test]
fn a_proxy_command_that_hangs_is_ended_at_the_deadline() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let pid = site.folder().join("pid");
    let program = site.file("connect", &format!("echo $$ > {}; echo waiting >&2; sleep 1000; true\n", pid.display()));
    by(&site, &format!("'-o ProxyCommand=\"sh {}\" -o ConnectTimeout=2'", program.display()));
    let complaint = none_reached(&site, &run(&site, &[]));
    assert!(complaint.contains("within 2 s") && complaint.contains("waiting"), "{complaint}");
    let pid = std::fs::read_to_string(pid).expect("it ran");
    let line = std::fs::read(Path::new("/proc").join(pid.trim()).join("cmdline")).unwrap_or_default();
    assert!(line.is_empty(), "the program is still there: {}", String::from_utf8_lossy(&line));
}

/// A site of one host that goes by many names.
fn many_names(config: &str, count: usize) -> Option<Site> {
    let site = Site::builder().hosts(1).config(config).start()?;
    let mut text = String::new();
    for number in 1..=count {
        let root = site.folder().join(format!("hosts/m{number}"));
        std::fs::create_dir_all(&root).expect("a root");
        let host = site.host(1);
        let _ = writeln!(
            text,
            "m{number} ansible_host={} ansible_port={} root={}",
            host.address,
            host.port,
            root.display()
        );
    }
    site.add_to_inventory(&text);
    Some(site)
}

#[test]
fn fifty_names_of_one_server_that_drops_the_eleventh_login_all_come_up() {
    let Some(site) = many_names("MaxStartups 10:100:10", 50) else { return };
    warm(&site, "h1");
    let outcome = run(&site, &["--forks", "50", "-T", "60"]);
    outcome.exits(0);
    for number in 1..=50 {
        assert_eq!(outcome.result(&format!("m{number}"), "write")["status"], "changed");
    }
    // Fifty at once would lose forty. The server frees a place a moment after a login has ended, which is longer on a busy
    // computer, so some may be dropped; they try again.
    let dropped = site.log().matches("drop connection").count();
    assert!(dropped < 20, "no more than eight are to knock at once: {dropped} were dropped");
}

#[test]
fn programs_that_connect_take_turns_at_the_bastion() {
    let Some(site) = Site::builder().hosts(24).start() else { return };
    warm(&site, "h1");
    let Some(jump) = bastion(&site, "jump", "MaxStartups 10:100:10") else { return };
    let config = site.home().join(".ssh/config");
    by(&site, &format!("'-o ProxyCommand=\"ssh -F {} -W %h:%p -q jump\"'", config.display()));
    all_changed(&site, &run(&site, &["--forks", "12", "-T", "60"]));
    assert_eq!(logins(&jump), 24);
}

#[test]
fn two_controllers_share_a_server_that_drops_connections() {
    let Some(site) = many_names("MaxStartups 10:100:10", 16) else { return };
    warm(&site, "h1");
    let play = site.file("touch.yml", TOUCH);
    let other = site.luthier().env("XDG_STATE_HOME", site.folder().join("other-state"));
    let second = {
        let play = play.clone();
        std::thread::spawn(move || other.run(&play, &["--forks", "12", "-T", "60"]))
    };
    let first = site.luthier().run(&play, &["--forks", "12", "-T", "60"]);
    let second = second.join().expect("the other controller");
    for outcome in [&first, &second] {
        outcome.exits(0);
        for number in 1..=16 {
            assert_eq!(outcome.recap(&format!("m{number}"), "unreachable"), 0, "{}", outcome.text());
        }
    }
    // Who comes second finds the file as it is to be.
    for number in 1..=16 {
        let content = std::fs::read_to_string(site.folder().join(format!("hosts/m{number}/file")));
        assert_eq!(content.expect("written by one of them"), "here");
    }
}

#[test]
fn a_host_with_room_for_one_session_is_enough() {
    let Some(site) = Site::builder().hosts(2).max_sessions(1).start() else { return };
    let Some(jump) = bastion(&site, "jump", "MaxSessions 1") else { return };
    by(&site, "'-J jump'");
    let play = "- hosts: all\n  tasks:\n    - name: write\n      copy: {content: here, dest: '{{ root }}/file'}\n    - name: again\n      command: cat {{ root }}/file\n";
    let outcome = site.luthier().run(&site.file("more.yml", play), &[]);
    all_changed(&site, &outcome);
    assert_eq!(logins(&jump), 1);
    assert_eq!(logins(&site), 2);
}

#[test]
fn a_machine_under_two_names_is_worked_on_under_both() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let host = site.host(1).clone();
    site.add_to_inventory(&format!(
        "twin ansible_host={} ansible_port={} root={}\n",
        host.address,
        host.port,
        host.root.display()
    ));
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: own\n      copy: {content: '{{ inventory_hostname }}', dest: '{{ root }}/{{ inventory_hostname }}'}\n    - name: shared\n      lineinfile: {path: '{{ root }}/shared', line: '{{ inventory_hostname }}', create: true}\n";
    let outcome = site.luthier().run(&site.file("twins.yml", play), &[]);
    for name in ["h1", "twin"] {
        assert_eq!(outcome.result(name, "own")["status"], "changed");
        assert_eq!(std::fs::read_to_string(host.root.join(name)).expect("its file"), name);
    }
    // What both write at the same moment is either written by both in turn, or the second one is told.
    let shared = std::fs::read_to_string(host.root.join("shared"))
        .unwrap_or_else(|error| panic!("the shared file: {error}\n{}", outcome.text()));
    for name in ["h1", "twin"] {
        let result = outcome.result(name, "shared");
        if result["status"] == "changed" {
            assert!(shared.lines().any(|line| line == name), "{shared}");
        } else {
            let complaint = outcome.complaint(name);
            assert!(complaint.contains("changed by somebody else meanwhile"), "{complaint}");
        }
    }
}

#[test]
fn an_option_that_ssh_does_not_have_names_variable_and_option() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    by(&site, "'-o Colour=red'");
    let outcome = run(&site, &[]);
    outcome.exits(2);
    let complaint = outcome.complaint("h1");
    assert!(complaint.contains("ansible_ssh_common_args") && complaint.contains("Colour"), "{complaint}");
}

#[test]
fn an_option_that_is_not_heeded_is_warned_of_once() {
    let Some(site) = Site::builder().hosts(3).start() else { return };
    by(&site, "'-C -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/nowhere -4 -D 1080'");
    let outcome = run(&site, &[]);
    all_changed(&site, &outcome);
    let warnings = outcome.events().into_iter().filter(|event| event["event"] == "warning");
    let said: Vec<String> = warnings.map(|event| event["message"].to_string()).collect();
    assert_eq!(said.iter().filter(|text| text.contains("-D 1080")).count(), 1, "{said:?}");
    assert!(!said.iter().any(|text| text.contains("Control") || text.contains("-C")), "{said:?}");
}

#[test]
fn a_rollback_takes_the_way_of_the_run() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let Some(jump) = bastion(&site, "jump", "") else { return };
    by(&site, "'-J jump'");
    let outcome = run(&site, &[]);
    all_changed(&site, &outcome);
    // The inventory is gone; the run's record tells the way.
    let empty = site.file("empty.ini", "[none]\n");
    let undone = site.luthier().no_inventory().inventory(&empty).call(["rollback", &outcome.run_id()]);
    assert!(!site.host(1).root.join("file").exists(), "{}", undone.text());
    assert_eq!(logins(&jump), 2, "{}", jump.log());
}
