//! Events for the tests of outputs and history.

use crate::event::{EVENT_VERSION, Event, EventStatus, Recap, TaskEvent};
use luthier_protocol::task::DiffEntry;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// A result without values.
pub(crate) fn result(play: &str, task: &str, host: &str, status: EventStatus) -> Event {
    Event::TaskResult(Box::new(bare(play, task, host, status)))
}

fn bare(play: &str, task: &str, host: &str, status: EventStatus) -> TaskEvent {
    TaskEvent {
        play: play.into(),
        task: task.into(),
        action: "ansible.builtin.copy".into(),
        host: host.into(),
        item: None,
        status,
        ignored: false,
        rescued: false,
        handler: false,
        result: Map::new(),
        diff: Vec::new(),
        duration_ms: 12,
    }
}

fn with(task: &str, host: &str, status: EventStatus, edit: impl FnOnce(&mut TaskEvent)) -> Event {
    let mut event = bare("Tune", task, host, status);
    edit(&mut event);
    Event::TaskResult(Box::new(event))
}

fn map(value: Value) -> Map {
    value.as_object().cloned().unwrap_or_default()
}

/// A small run with all there is: folding, items, a failure, an unreachable host, an ignored failure, a handler, live
/// output, hostile text.
pub(crate) fn run() -> Vec<Event> {
    let hosts: Vec<String> = (1..=6).map(|n| format!("kvm{n}")).collect();
    let task = |task: &str, handler| Event::TaskStarted { play: "Tune".into(), task: task.into(), handler };
    let mut events = vec![
        Event::RunStarted {
            version: EVENT_VERSION,
            run: "20261122-174501-4f2a".into(),
            playbooks: vec!["site.yml".into()],
            check: false,
            time: "2026-11-22T17:45:01Z".into(),
            resumes: None,
        },
        Event::PlayStarted { play: "Tune".into(), hosts: hosts.clone() },
        task("Write limits", false),
    ];
    let changed = |host: &str| {
        with("Write limits", host, EventStatus::Changed, |event| {
            event.diff =
                vec![DiffEntry { before: json!("a=1\n"), after: json!("a=2\n"), resource: "/etc/limits".into() }];
        })
    };
    events.extend(hosts.iter().skip(1).take(4).map(|host| changed(host)));
    events.push(with("Write limits", "kvm6", EventStatus::Unreachable, |event| {
        event.result = map(json!({"unreachable": true, "msg": "connection refused"}));
    }));
    events.push(changed("kvm1"));
    events.push(task("Probe", false));
    events.push(Event::Output {
        host: "kvm2".into(),
        task: "Probe".into(),
        stream: "stdout".into(),
        data: "half a l".into(),
    });
    events.push(Event::Output {
        host: "kvm2".into(),
        task: "Probe".into(),
        stream: "stdout".into(),
        data: "ine\x1b[31m\nrest".into(),
    });
    events.push(with("Probe", "kvm2", EventStatus::Failed, |event| {
        event.result =
            map(json!({"msg": "non-zero return code", "rc": 2, "stderr": "no such \u{202e}device", "stdout": "<&>"}));
    }));
    events.push(with("Probe", "kvm3", EventStatus::Failed, |event| {
        event.ignored = true;
        event.result = map(json!({"msg": "too old"}));
    }));
    for host in ["kvm1", "kvm4", "kvm5"] {
        events.push(result("Tune", "Probe", host, EventStatus::Ok));
    }
    events.push(task("Load modules", false));
    for host in ["kvm1", "kvm3", "kvm4", "kvm5"] {
        for (item, status) in [(json!("kvm"), EventStatus::Ok), (json!({"name": "vhost"}), EventStatus::Changed)] {
            events.push(with("Load modules", host, status, |event| event.item = Some(item)));
        }
        events.push(result("Tune", "Load modules", host, EventStatus::Changed));
    }
    events.push(task("restart tuned", true));
    events.push(with("restart tuned", "kvm1", EventStatus::Skipped, |event| event.handler = true));
    events.push(Event::Warning { host: Some("kvm1".into()), message: "clock is off by 40 s".into() });
    let good = Recap { ok: 3, changed: 2, skipped: 1, ..Recap::default() };
    let mut recap: std::collections::BTreeMap<String, Recap> = hosts.iter().map(|host| (host.clone(), good)).collect();
    recap.insert("kvm2".into(), Recap { ok: 1, changed: 1, failed: 1, ..Recap::default() });
    recap.insert("kvm6".into(), Recap { unreachable: 1, ..Recap::default() });
    events.push(Event::RunFinished { recap, exit_code: 2, errors: Vec::new() });
    events
}
