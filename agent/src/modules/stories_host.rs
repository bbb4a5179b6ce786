//! Sequences of tasks of the modules about the host itself, with the answers Ansible gives to the same tasks.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::stories::{task, text};
use super::tests::{ask, labels, machine};
use super::{ALL, Module, Request};
use crate::host::{Host, Stop};
use luthier_protocol::change::{Reversal, State};
use luthier_protocol::task::Revert;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

fn module(name: &str) -> &'static dyn Module {
    *ALL.iter().find(|module| module.spec().name == name).unwrap()
}

fn names(result: &Map) -> Vec<String> {
    let files = result["files"].as_array().unwrap();
    files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn paths_are_found_by_what_they_are() {
    let (_folder, host) = machine(&[
        ("d/a.conf", "one\ntwo = 2\n"),
        ("d/b.log", "x"),
        ("d/.hid.conf", ""),
        ("d/sub/c.conf", "  two\n"),
        ("d/sub/deep/e.conf", &"z".repeat(3000)),
    ]);
    symlink("sub", host.path("/d/link")).unwrap();
    symlink("..", host.path("/d/sub/up")).unwrap();
    fs::set_permissions(host.path("/d/b.log"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(host.path("/d/a.conf"), fs::Permissions::from_mode(0o644)).unwrap();
    let find = |params: Value| {
        let mut all = json!({"paths": ["/d"]});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        task(&host, "find", all, None).unwrap().1
    };
    let cases = [
        (json!({}), vec!["/d/a.conf", "/d/b.log"]),
        (json!({"hidden": true, "patterns": ["*.conf"]}), vec!["/d/.hid.conf", "/d/a.conf"]),
        (json!({"recurse": true, "patterns": ["*.conf"]}), vec!["/d/a.conf", "/d/sub/c.conf", "/d/sub/deep/e.conf"]),
        (json!({"recurse": true, "depth": 2, "excludes": ["b*"]}), vec!["/d/a.conf", "/d/sub/c.conf"]),
        (json!({"recurse": true, "use_regex": true, "patterns": ["[ac]\\.c"]}), vec!["/d/a.conf", "/d/sub/c.conf"]),
        (json!({"recurse": true, "contains": "two"}), vec!["/d/a.conf"]),
        (json!({"recurse": true, "contains": "^\\s*two", "patterns": ["*f"]}), vec!["/d/a.conf", "/d/sub/c.conf"]),
        (json!({"recurse": true, "contains": "e\ntwo", "read_whole_file": true}), vec!["/d/a.conf"]),
        (json!({"recurse": true, "size": "2k"}), vec!["/d/sub/deep/e.conf"]),
        (json!({"recurse": true, "size": "-2"}), vec!["/d/b.log"]),
        (json!({"file_type": "directory"}), vec!["/d/sub"]),
        (json!({"file_type": "link", "recurse": true}), vec!["/d/link", "/d/sub/up"]),
        (json!({"file_type": "any", "limit": 3}), vec!["/d/a.conf", "/d/b.log", "/d/link"]),
        (json!({"mode": "0640"}), vec!["/d/b.log"]),
        (json!({"mode": "u=rw", "exact_mode": false, "age": "-1h"}), vec!["/d/a.conf", "/d/b.log"]),
        (json!({"age": "1d"}), vec![]),
        (json!({"patterns": ["c.conf"], "recurse": true, "follow": true}), vec!["/d/link/c.conf", "/d/sub/c.conf"]),
    ];
    for (params, expected) in cases {
        assert_eq!(names(&find(params.clone())), expected, "{params}");
    }
    let told = find(json!({"get_checksum": true, "patterns": ["b*"]}));
    let file = &told["files"][0];
    assert_eq!((&file["mode"], &file["isreg"], &file["size"]), (&json!("0640"), &json!(true), &json!(1)));
    assert_eq!(file["checksum"], "11f6ad8ec52a2984abaafd7c3b516503785c2072");
    assert_eq!(
        (&told["matched"], &told["examined"], &told["msg"]),
        (&json!(1), &json!(5), &json!("All paths examined"))
    );
    let lost = task(&host, "find", json!({"paths": ["/none", "/d"]}), None).unwrap().1;
    assert_eq!(
        (lost["matched"].clone(), &lost["skipped_paths"]["/none"]),
        (json!(2), &json!("'/none' is not a directory"))
    );
    for bad in [json!({"paths": ["/d"], "age": "1y"}), json!({"paths": ["/d"], "limit": 0})] {
        assert!(task(&host, "find", bad, None).is_err());
    }
}

#[test]
fn a_temporary_path_is_new_each_time_and_private() {
    let (_folder, host) = machine(&[("tmp/.keep", "")]);
    let (changed, first) = task(&host, "tempfile", json!({"path": "/tmp", "suffix": "x"}), None).unwrap();
    let (_, second) =
        task(&host, "tempfile", json!({"path": "/tmp", "state": "directory", "prefix": "p"}), None).unwrap();
    let (file, folder) = (first["path"].as_str().unwrap(), second["path"].as_str().unwrap());
    assert!(changed && file.starts_with("/tmp/ansible.") && file.ends_with('x') && folder.starts_with("/tmp/p"));
    assert_eq!(fs::metadata(host.path(file)).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(host.path(folder)).unwrap().permissions().mode() & 0o7777, 0o700);
    let lost = task(&host, "tempfile", json!({"path": "/none"}), None).unwrap_err();
    assert!(lost.message.starts_with("[Errno 2] No such file or directory: '/none/ansible."), "{}", lost.message);
}

/// Ask `wait_for` once, so long after the task began.
fn wait(host: &Host, params: &Value, elapsed: u64) -> Result<Result<Map, Duration>, String> {
    let stop = Stop::new().unwrap();
    let request = Request {
        params: params.as_object().unwrap(),
        content: None,
        environment: &BTreeMap::new(),
        revert: &Revert::Unsaid,
        elapsed: Duration::from_secs(elapsed),
        stop: Some(&stop),
        prepared: false,
        said: &[],
        deadline: None,
    };
    let wanted = module("wait_for").changes(host, &request).map_err(|error| error.message)?;
    assert!(wanted.changes.is_empty(), "waiting is no change");
    Ok(wanted.ask_again.map_or(Ok(wanted.result), Err))
}

#[test]
fn a_path_is_waited_for_without_sleeping() {
    let (_folder, host) = machine(&[("run/log", "a\nready on 8080 \u{e9}\n")]);
    let pause = Duration::from_secs;
    let absent = json!({"path": "/run/none", "sleep": 3});
    assert_eq!(wait(&host, &absent, 0), Ok(Err(pause(3))));
    assert_eq!(wait(&host, &absent, 300), Err("Timeout when waiting for file /run/none".to_owned()));
    let found = wait(&host, &json!({"path": "/run/log", "search_regex": "^ready on (?P<port>\\d+) (.*)$"}), 2)
        .unwrap()
        .unwrap();
    assert_eq!(found["match_groups"], json!(["8080", "é"]));
    assert_eq!((&found["match_groupdict"], &found["elapsed"]), (&json!({"port": "8080"}), &json!(2)));
    assert_eq!(
        (&found["path"], &found["port"], &found["state"]),
        (&json!("/run/log"), &Value::Null, &json!("started"))
    );
    assert_eq!(wait(&host, &json!({"path": "/run/log", "search_regex": "^done"}), 0), Ok(Err(pause(1))));
    assert!(wait(&host, &json!({"path": "/run/none", "state": "absent"}), 0).unwrap().is_ok());
    assert_eq!(wait(&host, &json!({"path": "/run/log", "state": "absent"}), 1), Ok(Err(pause(1))));
    let late = json!({"path": "/run/log", "state": "absent", "msg": "still there"});
    assert_eq!(wait(&host, &late, 300), Err("still there".to_owned()));
    assert_eq!(wait(&host, &json!({"path": "/run/log", "delay": 5}), 2), Ok(Err(pause(3))));
    assert_eq!(wait(&host, &json!({"timeout": 7}), 2), Ok(Err(pause(5))));
    assert!(wait(&host, &json!({"timeout": 7}), 7).unwrap().is_ok());
    for bad in [
        json!({"path": "/x", "port": 1}),
        json!({"path": "/x", "state": "drained"}),
        json!({"port": 1, "exclude_hosts": ["a"]}),
        json!({"port": 1, "state": "drained", "active_connection_states": ["LISTEN"]}),
        json!({"port": 70000}),
    ] {
        assert!(wait(&host, &bad, 0).is_err(), "{bad}");
    }
}

#[test]
fn a_port_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = Host::live();
    assert_eq!(wait(&host, &json!({"port": port}), 0).unwrap().unwrap()["port"], json!(port));
    assert!(wait(&host, &json!({"port": port, "state": "stopped"}), 0).unwrap().is_err());
    let speaker = std::thread::spawn(move || {
        // The two looks above, then the one that listens.
        for _ in 0..3 {
            let (mut peer, _) = listener.accept().unwrap();
            let _ = std::io::Write::write_all(&mut peer, b"SSH-2.0-x\r\n");
        }
    });
    let greeting = json!({"port": port, "host": "localhost", "search_regex": "^SSH-(\\S+)"});
    let greeting = if host.addresses("localhost").iter().any(std::net::IpAddr::is_ipv4) { greeting } else { return };
    assert_eq!(wait(&host, &greeting, 0).unwrap().unwrap()["match_groups"], json!(["2.0-x"]));
    speaker.join().unwrap();
    assert!(wait(&host, &json!({"port": port, "state": "stopped"}), 0).unwrap().is_ok());
    assert!(wait(&host, &json!({"port": port}), 0).unwrap().is_err());
}

#[test]
fn connections_are_counted_in_the_kernel_s_table() {
    let row = "   0: 0100007F:1F90 0200000A:C350 01 00000000:00000000\n   1: 0100007F:1F90 00000000:0000 0A 0:0\n";
    let mapped = "  0: 0000000000000000FFFF00000100007F:1F91 0000000000000000FFFF00000300000A:1 04 0:0\n";
    let (_folder, host) = machine(&[("proc/net/tcp", row), ("proc/net/tcp6", mapped)]);
    let drained = |params: Value| {
        let mut all = json!({"state": "drained"});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        wait(&host, &all, 0).unwrap().is_ok()
    };
    assert!(!drained(json!({"port": 8080})) && !drained(json!({"port": 8080, "host": "0.0.0.0"})));
    assert!(drained(json!({"port": 8080, "exclude_hosts": ["10.0.0.2"]})));
    assert!(drained(json!({"port": 8080, "active_connection_states": ["TIME_WAIT"]})));
    assert!(drained(json!({"port": 8080, "host": "10.0.0.1"})));
    assert!(!drained(json!({"port": 8081})) && drained(json!({"port": 8082})));
}

#[test]
fn a_host_name_is_two_values_and_facts() {
    let (_folder, host) =
        machine(&[("proc/sys/kernel/hostname", "old\n"), ("etc/hosts", "10.1.1.1 kvm7.example.org kvm7\n")]);
    let (changed, result) = task(&host, "hostname", json!({"name": "kvm7"}), None).unwrap();
    assert!(
        changed && text(&host, "/etc/hostname") == "kvm7\n" && text(&host, "/proc/sys/kernel/hostname") == "kvm7\n"
    );
    let facts = &result["ansible_facts"];
    assert_eq!((&facts["ansible_fqdn"], &facts["ansible_domain"]), (&json!("kvm7.example.org"), &json!("example.org")));
    assert!(!task(&host, "hostname", json!({"name": "kvm7"}), None).unwrap().0);
    assert!(task(&host, "hostname", json!({"name": "a b"}), None).is_err());
    assert!(task(&host, "hostname", json!({"name": "x".repeat(65)}), None).is_err());
}

#[test]
fn kernel_modules_are_loaded_now_and_at_boot() {
    let (_folder, host) = machine(&[
        ("proc/modules", "vhost_net 1 0 - Live 0x0\n"),
        ("proc/sys/kernel/osrelease", "6.1\n"),
        ("lib/modules/6.1/modules.builtin", "kernel/drivers/block/loop.ko\n"),
        ("etc/modules-load.d/old.conf", "# x\nkvm_intel # y\n"),
        ("etc/modprobe.d/kvm.conf", "options kvm_intel nested=0\noptions kvm_intel ept=1 a=2\n"),
    ]);
    let program = host.path("/sbin/modprobe");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let modprobe = |params: Value| ask(module("modprobe"), &host, params).unwrap();
    assert!(
        modprobe(json!({"name": "vhost-net"})).changes.is_empty()
            && modprobe(json!({"name": "loop"})).changes.is_empty()
    );
    let wanted = modprobe(json!({"name": "kvm_intel", "params": "nested=1"}));
    let [load] = &wanted.changes[..] else { unreachable!("{:?}", wanted.changes) };
    let State::Run(run) = &load.after else { unreachable!("{load:?}") };
    assert!(run.argv[0].ends_with("/modprobe") && run.argv[1..] == ["kvm_intel", "nested=1"]);
    assert!(
        run.undo.as_deref().is_some_and(|undo| undo.ends_with("modprobe -r kvm_intel")) && load.revert == Reversal::Yes
    );
    let stay = json!({"name": "vhost_net", "persistent": "present", "params": "a=1 b=2"});
    assert!(task(&host, "modprobe", stay.clone(), None).unwrap().0 && !task(&host, "modprobe", stay, None).unwrap().0);
    assert_eq!(text(&host, "/etc/modules-load.d/vhost_net.conf"), "vhost_net\n");
    assert_eq!(text(&host, "/etc/modprobe.d/vhost_net.conf"), "options vhost_net a=1\noptions vhost_net b=2\n");
    let gone = json!({"name": "kvm_intel", "state": "absent", "persistent": "absent"});
    assert!(task(&host, "modprobe", gone.clone(), None).unwrap().0 && !task(&host, "modprobe", gone, None).unwrap().0);
    assert_eq!(text(&host, "/etc/modules-load.d/old.conf"), "# x\n#kvm_intel # y\n");
    assert_eq!(text(&host, "/etc/modprobe.d/kvm.conf"), "#options kvm_intel nested=0\noptions kvm_intel ept=1 a=2\n");
}

#[test]
fn mounts_and_their_table_are_two_things() {
    let table = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n30 22 0:9 / /m rw,nosuid - tmpfs t rw,size=4k\n31 22 8:2 / /x rw - xfs /dev/sdb rw\n";
    let (_folder, host) =
        machine(&[("proc/self/mountinfo", table), ("etc/fstab", "# keep\n/dev/sdb /x xfs defaults 0 0\n")]);
    for name in ["mount", "umount"] {
        let program = host.path(&format!("/bin/{name}"));
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let runs = |params: Value| {
        let wanted = ask(module("mount"), &host, params).unwrap();
        let undo = wanted.changes.iter().filter_map(|change| match &change.after {
            State::Run(run) => run.undo.clone(),
            _ => None,
        });
        let short = |text: String| {
            text.split(' ').map(|word| word.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        (labels(&wanted).into_iter().map(short).collect::<Vec<_>>(), undo.map(short).collect::<Vec<_>>())
    };
    let entry = json!({"path": "/n", "src": "h:/e", "fstype": "nfs", "opts": "ro", "boot": false, "state": "present"});
    let (changed, result) = task(&host, "mount", entry.clone(), None).unwrap();
    assert!(changed && !task(&host, "mount", entry, None).unwrap().0);
    assert_eq!((&result["name"], &result["opts"], &result["boot"]), (&json!("/n"), &json!("ro,noauto"), &json!("no")));
    assert_eq!(text(&host, "/etc/fstab"), "# keep\n/dev/sdb /x xfs defaults 0 0\nh:/e /n nfs ro,noauto 0 0\n");
    let gone = json!({"path": "/n", "state": "absent_from_fstab"});
    assert!(task(&host, "mount", gone.clone(), None).unwrap().0 && !task(&host, "mount", gone, None).unwrap().0);
    let there = json!({"path": "/x", "src": "/dev/sdb", "fstype": "xfs", "state": "mounted"});
    assert!(ask(module("mount"), &host, there).unwrap().changes.is_empty());
    let new = runs(json!({"path": "/new/p", "src": "/dev/sdc", "fstype": "xfs", "state": "mounted"}));
    assert_eq!(new, (["new", "p", "fstab", "mount p"].map(str::to_owned).to_vec(), vec!["umount p".to_owned()]));
    let xfs = runs(json!({"path": "/x", "state": "unmounted"}));
    assert_eq!(xfs, (vec!["umount x".to_owned()], vec!["mount -t xfs -o 'rw,rw' sdb x".to_owned()]));
    assert_eq!(runs(json!({"path": "/m/", "state": "unmounted"})).1, Vec::<String>::new(), "its content is lost");
    assert_eq!(runs(json!({"path": "/y", "state": "unmounted"})).0, Vec::<String>::new());
    let absent = runs(json!({"path": "/x", "state": "absent"})).0;
    assert_eq!(absent, ["fstab", "umount x", "rmdir x"]);
    let other = json!({"path": "/x", "src": "/dev/sdd", "fstype": "xfs", "state": "ephemeral"});
    assert!(ask(module("mount"), &host, other).is_err());
    assert!(ask(module("mount"), &host, json!({"path": "/x", "state": "mounted"})).is_err());
}

#[test]
fn fragments_are_put_together() {
    let (_folder, host) =
        machine(&[("d/2", "two"), ("d/1", "one\n"), ("d/.h", "h"), ("d/x.old", "old"), ("d/sub/n", "")]);
    let assemble = |params: Value| {
        let mut all = json!({"src": "/d", "dest": "/out"});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let (changed, result) = task(&host, "assemble", all, None).unwrap();
        (changed, result["msg"].clone(), text(&host, "/out"))
    };
    let ok = json!("OK");
    assert_eq!(assemble(json!({})), (true, ok.clone(), "h\none\ntwo\nold".to_owned()));
    let some = json!({"ignore_hidden": true, "regexp": "^\\d|^\\.", "delimiter": "#\\n# --"});
    assert_eq!(assemble(some.clone()), (true, ok.clone(), "one\n#\n# --\ntwo".to_owned()));
    assert!(!assemble(some).0);
    assert!(task(&host, "assemble", json!({"src": "/out", "dest": "/x"}), None).is_err());
    assert!(task(&host, "assemble", json!({"src": "/d", "dest": "/x", "remote_src": false}), None).is_err());
}

#[test]
fn keys_of_hosts_are_known_by_plain_and_by_hashed_names() {
    let (_folder, host) = machine(&[("k", "# kept\nother,kvm* ssh-rsa AAAA x\n[kvm7]:2222 ssh-rsa BBBB")]);
    let known = |params: Value| {
        let mut all = json!({"path": "/k"});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        task(&host, "known_hosts", all, None)
            .map(|(changed, _)| (changed, text(&host, "/k")))
            .map_err(|error| error.message)
    };
    let port = json!({"name": "[kvm7]:2222", "key": "[kvm7]:2222 ssh-rsa CCCC"});
    assert_eq!(
        known(port.clone()),
        Ok((true, "# kept\nother,kvm* ssh-rsa AAAA x\n[kvm7]:2222 ssh-rsa CCCC\n".to_owned()))
    );
    assert!(!known(port).unwrap().0);
    let hashed = json!({"name": "KVM9", "key": "kvm9 ssh-ed25519 DDDD note", "hash_host": true});
    let (changed, with) = known(hashed.clone()).unwrap();
    assert!(
        changed && with.contains("\n|1|") && with.ends_with(" ssh-ed25519 DDDD\n") && !with.contains("kvm9"),
        "{with}"
    );
    assert!(!known(hashed).unwrap().0, "found again by its hash");
    assert!(known(json!({"name": "a", "key": "b ssh-rsa X"})).is_err() && known(json!({"name": "a"})).is_err());
    let gone = json!({"name": "kvm9", "state": "absent"});
    assert_eq!(
        known(gone.clone()),
        Ok((true, "# kept\n[kvm7]:2222 ssh-rsa CCCC\n".to_owned())),
        "kvm* is about it too"
    );
    assert!(!known(gone).unwrap().0);
}

#[test]
fn keys_log_in_as_a_user_or_no_longer() {
    let who = Host::live().who();
    let passwd = format!("op:x:{}:{}::/srv/op:/bin/sh\n", who.uid, who.gid);
    let (_folder, host) = machine(&[("etc/passwd", &passwd), ("srv/op/.keep", "")]);
    let authorized = |params: Value| {
        let mut all = json!({"user": "op"});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let (changed, result) = task(&host, "authorized_key", all, None).unwrap();
        assert_eq!(result["keyfile"], "/srv/op/.ssh/authorized_keys");
        (changed, text(&host, "/srv/op/.ssh/authorized_keys"))
    };
    let two = json!({"key": "ssh-rsa AAAA one\n# no key\nfrom=\"a,b\",no-pty ssh-ed25519 BBBB"});
    let both = "ssh-rsa AAAA one\nfrom=\"a,b\",no-pty ssh-ed25519 BBBB \n".to_owned();
    assert_eq!(authorized(two.clone()), (true, both.clone()));
    assert_eq!(authorized(two), (false, both));
    let mode = |path: &str| fs::metadata(host.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("/srv/op/.ssh"), mode("/srv/op/.ssh/authorized_keys")), (0o700, 0o600));
    let other = json!({"key": "ssh-rsa AAAA", "comment": "two", "key_options": "no-pty"});
    let last = "from=\"a,b\",no-pty ssh-ed25519 BBBB \nno-pty ssh-rsa AAAA two\n".to_owned();
    assert_eq!(authorized(other), (true, last));
    assert_eq!(authorized(json!({"key": "ssh-ed25519 BBBB", "state": "absent"})).1, "no-pty ssh-rsa AAAA two\n");
    assert_eq!(authorized(json!({"key": "ssh-dss CCCC c", "exclusive": true})), (true, "ssh-dss CCCC c\n".to_owned()));
    for bad in ["none", "http://keys"] {
        assert!(task(&host, "authorized_key", json!({"user": "op", "key": bad}), None).is_err());
    }
    assert!(task(&host, "authorized_key", json!({"user": "nobody-here", "key": "ssh-rsa A"}), None).is_err());
}
