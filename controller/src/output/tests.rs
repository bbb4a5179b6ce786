//! The three formats of the same run.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::fixture::{result, run};
use super::{Human, Json, Junit, Live, Output, Screen};
use crate::event::{Event, EventStatus};

fn shown(make: impl FnOnce(&Screen) -> Box<dyn Output>, events: &[Event]) -> (String, String) {
    let (screen, captured) = Screen::captured();
    let mut output = make(&screen);
    for event in events {
        output.event(event);
    }
    output.finish();
    (captured.data(), captured.talk())
}

#[test]
fn human() {
    let (data, talk) = shown(|screen| Box::new(Human::at_once(screen)), &run());
    insta::assert_snapshot!("human", data);
    assert_eq!(talk, "warning: kvm1: clock is off by 40 s\n");
}

#[test]
fn human_with_results() {
    let (data, _) = shown(|screen| Box::new(Human::new(screen, false, 1, Live::Replay)), &run());
    insta::assert_snapshot!("human_verbose", data);
}

#[test]
fn colour_only_adds_escape_sequences() {
    let (plain, _) = shown(|screen| Box::new(Human::new(screen, false, 0, Live::Replay)), &run());
    let (coloured, _) = shown(|screen| Box::new(Human::new(screen, true, 0, Live::Replay)), &run());
    assert_ne!(plain, coloured);
    let pattern = fancy_regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert_eq!(pattern.replace_all(&coloured, ""), plain);
}

#[test]
fn hosts_that_do_not_wait_for_each_other_are_still_folded() {
    let start = |task: &str| Event::TaskStarted { play: "p".into(), task: task.into(), handler: false };
    let hosts = vec!["a".into(), "b".into(), "c".into()];
    let ok = |task: &str, host: &str| result("p", task, host, EventStatus::Ok);
    let events = [
        Event::PlayStarted { play: "p".into(), hosts },
        start("one"),
        ok("one", "a"),
        start("two"),
        ok("two", "a"),
        ok("one", "b"),
        start("three"),
        ok("three", "a"),
        ok("two", "b"),
        ok("one", "c"),
        ok("three", "b"),
        ok("two", "c"),
        ok("three", "c"),
    ];
    let (data, _) = shown(|screen| Box::new(Human::new(screen, false, 0, Live::Replay)), &events);
    assert_eq!(
        data,
        "\nPLAY [p] 3 hosts\n\nTASK [one]\n  a: ok\n\nTASK [two]\n\nTASK [one]\n  b, c: ok\n\nTASK [two]\n  a, b, c: ok\n\nTASK [three]\n  a, b, c: ok\n"
    );
}

#[test]
fn a_task_that_only_one_host_runs_is_shown_when_the_next_begins() {
    let start = |task: &str| Event::TaskStarted { play: "p".into(), task: task.into(), handler: false };
    let (screen, captured) = Screen::captured();
    let mut output = Human::new(&screen, false, 0, Live::Replay);
    for event in [
        Event::PlayStarted { play: "p".into(), hosts: vec!["a".into(), "b".into()] },
        start("once"),
        result("p", "once", "a", EventStatus::Changed),
        start("next"),
    ] {
        output.event(&event);
    }
    assert_eq!(captured.data(), "\nPLAY [p] 2 hosts\n\nTASK [once]\n  a: changed\n\nTASK [next]\n");
}

#[test]
fn json() {
    let (data, talk) = shown(|screen| Box::new(Json::new(screen)), &run());
    insta::assert_snapshot!("json", data);
    assert_eq!(talk, "");
    let back: Vec<Event> = data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(back, run());
}

#[test]
fn junit() {
    let (data, talk) = shown(|screen| Box::new(Junit::new(screen)), &run());
    insta::assert_snapshot!("junit", data);
    assert_eq!(talk, "warning: kvm1: clock is off by 40 s\n");
    assert!(!data.contains('\x1b'));
}
