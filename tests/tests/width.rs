//! Fifty-one hosts with six bad ones among them: the others finish, and each bad one is told by what is wrong with it.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::kill;
use luthier_tests::sshd::{Site, Sudo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;

/// h46 has another key than the one known, h47 dies while it works.
const PLAY: &str = "- name: wide\n  hosts: all\n  gather_facts: false\n  tasks:\n    - name: write\n      copy: {content: here, dest: '{{ root }}/file'}\n    - name: wait\n      shell: echo $$ $PPID > {{ root }}/pids; exec sleep 60\n      when: inventory_hostname == 'h47'\n    - name: behind\n      command: /bin/true\n      notify: handler\n  handlers:\n    - name: handler\n      debug: {msg: done}\n";

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_default()
}

/// The recap as the results alone tell it.
fn counted(events: &[Value]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut recap: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "task_result" && event.get("item").is_none()) {
        let row = recap.entry(text(event, "host").to_owned()).or_default();
        let mut add = |key: &str| *row.entry(key.to_owned()).or_default() += 1;
        match text(event, "status") {
            "changed" => {
                add("ok");
                add("changed");
            }
            status => add(status),
        }
    }
    recap
}

#[test]
fn forty_five_of_fifty_one_hosts_finish_and_six_are_named() {
    let Some(site) = Site::builder().hosts(47).start() else { return };
    let Some(sudo) = Site::builder().hosts(1).prefix("sudo").ordinary(Sudo::Refused).start() else { return };
    let (forged, _) = site.forge_known_host(46);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let key = site.another_key("wrong", "");
    let host = site.host(1);
    site.add_to_inventory(&format!(
        "refused ansible_host=127.0.0.1 ansible_port=1 root=/x\nsilent ansible_host=127.0.0.1 ansible_port={port} root=/x\n\
         locked ansible_host={} ansible_port={} ansible_user={} ansible_ssh_private_key_file={} root=/x\n",
        host.address,
        host.port,
        site.login(),
        key.display()
    ));
    site.adopt(&sudo);
    site.add_to_inventory("[fleet_sudo:vars]\nansible_become=true\n");

    let play = site.file("wide.yml", PLAY);
    let luthier = site.luthier();
    let waiting = std::thread::spawn(move || luthier.run(&play, &["-T", "30"]));
    let (task, agent) = site.task_and_agent(47, "pids");
    kill(agent, "KILL");
    let outcome = waiting.join().expect("the run");
    kill(task, "KILL");

    // Both a failed and unreachable hosts: the failure is graver.
    outcome.exits(2);
    for number in 1..=45 {
        let name = format!("h{number}");
        let statuses: Vec<String> = outcome.statuses(&name).into_iter().map(|(_, status)| status).collect();
        assert_eq!(statuses, ["changed", "skipped", "changed", "ok"], "{name}\n{}", outcome.text());
    }
    for (bad, status, words) in [
        ("h46", "unreachable", forged.as_str()),
        ("h47", "unreachable", ""),
        ("refused", "unreachable", "refused"),
        ("silent", "unreachable", "127.0.0.1"),
        ("locked", "unreachable", "authentication failed"),
        ("sudo1", "failed", "cannot become root"),
    ] {
        let last = outcome.results(bad).pop().unwrap_or_default();
        assert_eq!(last["status"], status, "{bad}\n{}", outcome.text());
        let complaint = outcome.complaint(bad);
        assert!(
            !complaint.is_empty() && complaint.to_lowercase().contains(&words.to_lowercase()),
            "{bad}: {complaint}"
        );
        assert_eq!(outcome.recap(bad, status), 1);
    }

    let events = outcome.events();
    assert_eq!(text(&events[0], "event"), "run_started");
    let finished = events.last().expect("events");
    assert_eq!((text(finished, "event"), finished["exit_code"].as_i64()), ("run_finished", Some(2)));
    let hosts: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "play_started")
        .flat_map(|event| event["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str))
        .collect();
    assert_eq!(hosts.len(), 51);
    let counts = counted(&events);
    let recap = finished["recap"].as_object().expect("a recap");
    assert_eq!(recap.len(), 51);
    for host in hosts {
        let row = counts.get(host).unwrap_or_else(|| panic!("{host} has no result"));
        for (key, count) in recap[host].as_object().expect("a row") {
            assert_eq!(count.as_u64(), Some(row.get(key).copied().unwrap_or(0)), "{key} of {host}");
        }
    }

    let id = outcome.run_id();
    let listed = site.luthier().call(["runs", "-o", "json"]).exits(0).json();
    let row = listed.as_array().and_then(|rows| rows.iter().find(|row| row["run"] == id.as_str())).expect("listed");
    assert_eq!((row["exit_code"].as_i64(), row["state"].as_str()), (Some(2), Some("finished")));
    assert_eq!(site.luthier().call(["show", &id, "-o", "json"]).exits(0).events(), events);
    let human = site.luthier().call(["show", &id]);
    human.exits(0).says("45 hosts : ok=3").says("51 hosts").says("sudo1").says("UNREACHABLE");
    let junit = site.luthier().call(["show", &id, "-o", "junit"]);
    let cases = junit.exits(0).stdout.matches("<testcase ").count();
    assert_eq!(cases, events.iter().filter(|event| event["event"] == "task_result").count());
}
