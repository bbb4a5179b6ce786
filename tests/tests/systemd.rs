//! Services of a machine whose init is systemd, by playbooks over SSH: told beforehand, done, done again without a change,
//! taken back, and still so after a reboot.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::lab;
use luthier_tests::luthier::Outcome;
use luthier_tests::qemu::Guest;
use serde_json::{Value, json};

const HOST: &str = "debian";

/// A daemon that notes what is done to it.
const DEMO: &str = "[Unit]\nDescription=a daemon\n[Service]\nType=exec\nEnvironment=EDITION=1\n\
    ExecStartPre=/bin/sh -c 'echo started >>/run/demo.log'\nExecStart=/usr/bin/sleep infinity\n\
    ExecReload=/bin/sh -c 'echo reloaded >>/run/demo.log'\nExecStopPost=/bin/sh -c 'echo stopped >>/run/demo.log'\n\
    [Install]\nWantedBy=multi-user.target\n";
const ONCE: &str = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo once >>/run/once.log'\n";
const BROKEN: &str = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n";
const INSTANCE: &str = "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
/// One that facts know by name.
const KNOWN: &str = "[Service]\nExecStart=/usr/local/sbin/irqbalance infinity\n[Install]\nWantedBy=multi-user.target\n";

/// What the machine's own tools say of the daemon.
const LOOK: &str = "systemctl is-active demo; systemctl is-enabled demo; true";

fn boot() -> Option<Guest> {
    let unit = |name: &str| format!("/usr/lib/systemd/system/{name}");
    lab::debian()
        .file(&unit("demo.service"), DEMO)
        .file(&unit("once.service"), ONCE)
        .file(&unit("broken.service"), BROKEN)
        .file(&unit("instance@.service"), INSTANCE)
        .file(&unit("irqbalance.service"), KNOWN)
        .start()
}

/// Run these tasks and insist on the exit code.
#[track_caller]
fn play(guest: &Guest, tasks: &Value, arguments: &[&str], code: i32) -> Outcome {
    let play = json!([{"hosts": "all", "gather_facts": false, "tasks": tasks}]);
    let outcome = guest.luthier().run(&guest.playbook("play.yml", &play.to_string()), arguments);
    outcome.exits(code);
    outcome
}

#[track_caller]
fn statuses(outcome: &Outcome) -> Vec<String> {
    outcome.statuses(HOST).into_iter().map(|(_, status)| status).collect()
}

#[track_caller]
fn back(guest: &Guest, run: &Outcome) {
    guest.luthier().call(["rollback".to_owned(), run.run_id()]).exits(6);
}

/// How often the daemon noted a word.
fn noted(guest: &Guest, word: &str) -> usize {
    guest.run("cat /run/demo.log 2>/dev/null || true").lines().filter(|line| *line == word).count()
}

/// Statuses of tasks of these names.
#[track_caller]
fn statuses_of<const N: usize>(outcome: &Outcome, tasks: [&str; N]) -> [String; N] {
    tasks.map(|task| outcome.result(HOST, task)["status"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn units_start_and_stop_and_go_back() {
    let Some(guest) = boot() else { return };
    start_enable_and_take_back(&guest);
    restart_and_reload(&guest);
    mask_and_unmask(&guest);
}

fn start_enable_and_take_back(guest: &Guest) {
    assert_eq!(guest.run(LOOK), "inactive\ndisabled\n");
    let tasks = json!([{"name": "run", "service": {"name": "demo", "state": "started", "enabled": true}}]);
    let files = "find /etc/systemd /run/systemd/system /usr/lib/systemd | sort";
    let before = guest.run(files);
    let check = play(guest, &tasks, &["--check", "--diff"], 0);
    assert_eq!(statuses(&check), ["changed"]);
    check.says("systemctl enable demo").says("systemctl start demo");
    assert_eq!((guest.run(LOOK).as_str(), guest.run(files)), ("inactive\ndisabled\n", before.clone()));
    assert_eq!(noted(guest, "started"), 0);

    let done = play(guest, &tasks, &[], 0);
    let result = &done.result(HOST, "run")["result"];
    assert_eq!(
        (&result["name"], &result["state"], &result["enabled"], &result["status"]["ActiveState"]),
        (&json!("demo"), &json!("started"), &json!(true), &json!("inactive"))
    );
    assert_eq!(guest.run(LOOK), "active\nenabled\n");
    assert_eq!(statuses(&play(guest, &tasks, &[], 0)), ["ok"]);
    assert_eq!(noted(guest, "started"), 1);

    // Stopped and disabled, and back to running and enabled; and from there to what was before all of it.
    let off = json!([{"systemd": {"name": "demo.service", "state": "stopped", "enabled": false}}]);
    let stopped = play(guest, &off, &[], 0);
    assert_eq!(guest.run(LOOK), "inactive\ndisabled\n");
    back(guest, &stopped);
    assert_eq!(guest.run(LOOK), "active\nenabled\n");
    back(guest, &done);
    assert_eq!((guest.run(LOOK).as_str(), guest.run(files)), ("inactive\ndisabled\n", before));
}

fn restart_and_reload(guest: &Guest) {
    let pid = |name: &str| json!({"name": name, "command": "systemctl show -P MainPID demo"});
    let tasks = json!([
        // What does not run is started by either.
        {"name": "from nothing", "service": {"name": "demo", "state": "reloaded", "enabled": true}},
        pid("first"),
        {"name": "restart", "systemd": {"name": "demo", "state": "restarted"}},
        pid("second"),
        {"name": "reload", "service": {"name": "demo", "state": "reloaded"}},
        pid("third"),
    ]);
    let starts = noted(guest, "started");
    let outcome = play(guest, &tasks, &[], 0);
    assert_eq!(statuses_of(&outcome, ["from nothing", "restart", "reload"]), ["changed", "changed", "changed"]);
    let [first, second, third] =
        ["first", "second", "third"].map(|task| outcome.result(HOST, task)["result"]["stdout"].clone());
    assert_ne!(first, second);
    assert_eq!(second, third);
    assert_eq!((noted(guest, "started") - starts, noted(guest, "reloaded")), (2, 1));
    assert_eq!(guest.run(LOOK), "active\nenabled\n");
    // Told beforehand, and nothing done.
    let check = play(guest, &tasks, &["--check"], 0);
    assert_eq!(statuses_of(&check, ["from nothing", "restart", "reload"]), ["changed", "changed", "changed"]);
    assert_eq!(json!(guest.run("systemctl show -P MainPID demo").trim()), third);
    assert_eq!((noted(guest, "started") - starts, noted(guest, "reloaded")), (2, 1));
}

fn mask_and_unmask(guest: &Guest) {
    let mask = json!({"name": "mask", "systemd": {"name": "demo", "state": "stopped", "masked": true}});
    let again = json!({"name": "again", "systemd": {"name": "demo", "state": "stopped", "masked": true}});
    let start = json!({"name": "start", "systemd": {"name": "demo", "state": "started"}, "ignore_errors": true});
    let masked = play(guest, &json!([mask, again, start]), &[], 0);
    assert_eq!(statuses_of(&masked, ["mask", "again", "start"]), ["changed", "ok", "failed"]);
    let said = masked.result(HOST, "start")["result"]["msg"].to_string();
    assert!(said.contains("Unable to start service demo") && said.contains("is masked"), "{said}");
    assert_eq!(guest.run(LOOK), "inactive\nmasked\n");
    // The mask comes off before it starts again.
    back(guest, &masked);
    assert_eq!(guest.run(LOOK), "active\nenabled\n");

    guest.run("systemctl stop demo && systemctl mask demo");
    let free = |name: &str| json!({"name": name, "systemd": {"name": "demo", "masked": false, "enabled": true, "state": "started"}});
    let freed = play(guest, &json!([free("free"), free("again")]), &[], 0);
    assert_eq!(statuses(&freed), ["changed", "ok"]);
    assert_eq!(guest.run(LOOK), "active\nenabled\n");
    back(guest, &freed);
    // It was enabled below its mask, and still is.
    assert_eq!(guest.run(&format!("{LOOK}; systemctl unmask demo; {LOOK}")), "inactive\nmasked\ninactive\nenabled\n");
}

#[test]
fn units_of_a_play_and_of_other_kinds() {
    let Some(mut guest) = boot() else { return };
    units_that_are_written_by_the_play(&guest);
    units_of_other_kinds(&guest);
    what_facts_tell(&guest);
    survive_a_reboot(&mut guest);
}

fn units_that_are_written_by_the_play(guest: &Guest) {
    guest.run("systemctl start demo");
    let folder = "/etc/systemd/system/demo.service.d";
    let tasks = json!([
        {"name": "folder", "file": {"path": folder, "state": "directory"}},
        {"name": "write", "notify": "again",
            "copy": {"dest": format!("{folder}/edition.conf"), "content": "[Service]\nEnvironment=EDITION=2\n"}},
        // Reading the unit files again is no change of its own.
        {"name": "read", "systemd": {"daemon_reload": true}},
    ]);
    let handlers = json!([{"name": "again", "systemd": {"name": "demo", "state": "restarted", "daemon_reload": true}}]);
    let environment = "systemctl show -P Environment demo; \
        tr '\\0' '\\n' </proc/$(systemctl show -P MainPID demo)/environ | grep EDITION";
    assert_eq!(guest.run(environment), "EDITION=1\nEDITION=1\n");
    let text = json!([{"hosts": "all", "gather_facts": false, "tasks": tasks, "handlers": handlers}]).to_string();
    let written = guest.luthier().run(&guest.playbook("drop-in.yml", &text), &[]);
    written.exits(0);
    assert_eq!(statuses_of(&written, ["write", "read"]), ["changed", "ok"]);
    assert_eq!(guest.run(environment), "EDITION=2\nEDITION=2\n");

    // A unit that a play writes may be started in the same play, also where that is only checked.
    let own = |number: u32| {
        [
            json!({"name": format!("write {number}"),
                "copy": {"dest": "/etc/systemd/system/own.service", "content": INSTANCE}}),
            json!({"name": format!("run {number}"),
                "systemd": {"name": "own", "state": "started", "enabled": true, "daemon_reload": true}}),
        ]
    };
    assert_eq!(statuses(&play(guest, &json!(own(1)), &["--check"], 0)), ["changed", "changed"]);
    let made = play(guest, &json!([own(1), own(2)].concat()), &[], 0);
    assert_eq!(guest.run("systemctl is-active own; systemctl is-enabled own"), "active\nenabled\n");
    assert_eq!(statuses(&made), ["changed", "changed", "ok", "ok"]);
    back(guest, &made);
    let left = "systemctl is-active own; find /etc/systemd -name 'own*'";
    assert_eq!(guest.run(left), "inactive\n");
}

fn units_of_other_kinds(guest: &Guest) {
    let outcome = play(
        guest,
        &json!([
            // It does its work and ends: started again each time.
            {"name": "once", "systemd": {"name": "once", "state": "started"}},
            {"name": "twice", "systemd": {"name": "once", "state": "started"}},
            // A unit without [Install] is enabled by whoever wants it: there is nothing to do.
            {"name": "fixed", "systemd": {"name": "once", "enabled": true}},
            {"name": "instance", "systemd": {"name": "instance@a", "state": "started", "enabled": true}},
            {"name": "same", "systemd": {"name": "instance@a", "state": "started", "enabled": true}},
            {"name": "broken", "ignore_errors": true,
                "systemd": {"name": "broken", "state": "started", "enabled": true}},
            {"name": "unknown", "ignore_errors": true, "service": {"name": "nothing-like-it", "state": "started"}},
        ]),
        &[],
        0,
    );
    let names = ["once", "twice", "fixed", "instance", "same", "broken", "unknown"];
    let expected = ["changed", "changed", "ok", "changed", "ok", "failed", "failed"];
    assert_eq!(statuses_of(&outcome, names), expected);
    assert_eq!(guest.run("grep -c once /run/once.log"), "2\n");
    let message = |task: &str| outcome.result(HOST, task)["result"]["msg"].as_str().unwrap_or_default().to_owned();
    let broken = message("broken");
    assert!(broken.starts_with("Unable to start service broken: Job for broken.service failed"), "{broken}");
    assert_eq!(message("unknown"), "Could not find the requested service nothing-like-it: host");
    // What a task had done before it failed is undone at once.
    assert_eq!(guest.run("systemctl is-enabled broken || true"), "disabled\n");
    let instance = "systemctl is-active instance@a; systemctl is-enabled instance@a; true";
    assert_eq!(guest.run(instance), "active\nenabled\n");
    back(guest, &outcome);
    assert_eq!(guest.run(instance), "inactive\ndisabled\n");
}

fn what_facts_tell(guest: &Guest) {
    guest.run("install -D /usr/bin/sleep /usr/local/sbin/irqbalance");
    let tasks = json!([
        {"name": "before", "setup": {"gather_subset": "all"}},
        {"systemd": {"name": "irqbalance", "state": "started", "enabled": true}},
        {"name": "all", "service_facts": {}},
    ]);
    let outcome = play(guest, &tasks, &[], 0);
    let answer = guest.luthier().call(["facts", "--only", "services", "--format", "json"]).exits(0).json();
    let row = &answer["facts"]["services"]["irqbalance"];
    assert_eq!([&row["installed"], &row["enabled"], &row["active"]], [&json!(true); 3]);
    assert_eq!(outcome.result(HOST, "before")["result"]["ansible_facts"]["ansible_service_mgr"], "systemd");
    let services = &outcome.result(HOST, "all")["result"]["ansible_facts"]["services"];
    for (name, state, status) in [
        ("irqbalance.service", "running", "enabled"),
        ("demo.service", "running", "disabled"),
        ("ssh.service", "running", "enabled"),
        ("once.service", "inactive", "static"),
        ("broken.service", "stopped", "failed"),
        ("instance@.service", "unknown", "disabled"),
    ] {
        let expected = json!({"name": name, "state": state, "status": status, "source": "systemd"});
        assert_eq!(services[name], expected);
    }
    // As many as systemd itself lists.
    let names = guest.run(
        "{ systemctl list-units --type=service --all --plain --no-legend; \
           systemctl list-unit-files --type=service --no-legend; } | cut -d' ' -f1 | LC_ALL=C sort -u",
    );
    let rows = services.as_object().expect("services by name").values().filter(|row| row["source"] == "systemd");
    let mut mine: Vec<&str> = rows.filter_map(|row| row["name"].as_str()).collect();
    mine.sort_unstable();
    assert_eq!(mine, names.lines().collect::<Vec<_>>());
}

fn survive_a_reboot(guest: &mut Guest) {
    let tasks = json!([{"systemd": {"name": "irqbalance", "enabled": false, "state": "stopped"}},
        {"systemd": {"name": "demo", "enabled": true}}]);
    let changed = play(guest, &tasks, &[], 0);
    guest.reboot();
    let both = "systemctl is-active demo irqbalance; systemctl is-enabled demo irqbalance; true";
    assert_eq!(guest.run(both), "active\ninactive\nenabled\ndisabled\n");
    // The journal is on the machine's disk: what was changed before the reboot is undone after it.
    back(guest, &changed);
    assert_eq!(guest.run(both), "active\nactive\ndisabled\nenabled\n");
}
