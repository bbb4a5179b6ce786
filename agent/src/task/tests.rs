//! Tasks of made-up modules: undone when they fail, judged by what they promise.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::carry::{Bench, carry_out_with};
use super::rollback;
use crate::host::{Host, Stop};
use crate::journal::Ledger;
use crate::modules::{Module, ModuleError, Request, Wanted};
use luthier_protocol::change::{Bytes, Change, Meta, Probe, Resource, Reversal, Run, Scope, State};
use luthier_protocol::journal::{UndoOutcome, UndoRequest};
use luthier_protocol::name::{HostName, RunId};
use luthier_protocol::spec::ModuleSpec;
use luthier_protocol::task::{Revert, Status, TaskRequest, TaskResult};
use luthier_protocol::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

type Wish = Box<dyn Fn(&Host) -> Vec<Change> + Sync>;

/// A module that wants what it was made to want.
struct Fixed {
    changes: Wish,
}

static SPEC: ModuleSpec = ModuleSpec {
    name: Cow::Borrowed("fixed"),
    aliases: Cow::Borrowed(&[]),
    summary: Cow::Borrowed(""),
    params: Cow::Borrowed(&[]),
    free_form: None,
    mutually_exclusive: Cow::Borrowed(&[]),
    required_one_of: Cow::Borrowed(&[]),
    revertible: true,
    example: Cow::Borrowed(""),
    returns: Cow::Borrowed(&[]),
};

impl Module for Fixed {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let changes = (self.changes)(host);
        // Commands that are there to prepare come first.
        let (prepare, changes) = changes.into_iter().partition(|change| change.resource.label().starts_with(PREPARES));
        Ok(Wanted { changes, prepare: if request.prepared { Vec::new() } else { prepare }, ..Wanted::default() })
    }
}

/// What a command line begins with that is to be run before anything else is said.
const PREPARES: &str = ": prepare; ";

struct Rig {
    machine: tempfile::TempDir,
    state: tempfile::TempDir,
    host: Host,
}

impl Rig {
    fn new() -> Self {
        let machine = tempfile::tempdir().unwrap();
        let host = Host::under(machine.path());
        Self { machine, state: tempfile::tempdir().unwrap(), host }
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.machine.path().join(name)).ok()
    }

    fn carry(&self, check: bool, changes: impl Fn(&Host) -> Vec<Change> + Sync + 'static) -> TaskResult {
        let mut ledger = Ledger::new(self.state.path(), Some(RunId::from("run")), HostName::from("kvm1"));
        let module = Fixed { changes: Box::new(changes) };
        let mut bench = Bench {
            host: &self.host,
            ledger: &mut ledger,
            stop: &Stop::new().unwrap(),
            fetch: &mut || Err("nothing to fetch".to_owned()),
            output: &mut |_, _| {},
        };
        let result = carry_out_with(&[&module], &mut bench, &request(check));
        ledger.close().unwrap();
        result
    }

    fn roll_back(&self, check: bool) -> Vec<(String, UndoOutcome)> {
        let request = UndoRequest {
            seq: 9,
            run: RunId::from("run"),
            host: HostName::from("kvm1"),
            from_task: 0,
            to_task: u64::MAX,
            check,
        };
        let report = rollback(&self.host, &self.state.path().join("journal"), &request);
        report.rows.into_iter().map(|row| (row.resource, row.outcome)).collect()
    }
}

fn request(check: bool) -> TaskRequest {
    TaskRequest {
        seq: 1,
        name: "a task".into(),
        module: "fixed".into(),
        params: Map::new(),
        content: None,
        check,
        diff: true,
        identity: None,
        environment: BTreeMap::new(),
        deadline_ms: None,
        stop_on_failure: false,
        live: false,
        revert: Revert::Unsaid,
        job: None,
    }
}

/// A change of a path of the machine, from how it is.
fn to(host: &Host, path: &str, content: Option<&str>) -> Change {
    let owner = fs::metadata(host.path("/")).unwrap();
    let meta = Meta { mode: 0o644, uid: owner.uid(), gid: owner.gid(), times: None };
    let after = content.map_or(State::Absent, |text| State::File { content: Some(Bytes(text.into())), meta });
    Change {
        resource: Resource::Path(path.to_owned()),
        before: host.state(path, content.is_some()).unwrap(),
        after,
        scope: Scope::Live,
        converges: false,
        revert: Reversal::Yes,
    }
}

fn run(line: &str, undo: Option<&str>) -> Change {
    let argv = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
    Change {
        resource: Resource::Command(line.to_owned()),
        before: State::NotRun,
        after: State::Run(Run { argv, undo: undo.map(str::to_owned), ..Run::default() }),
        scope: Scope::Live,
        converges: false,
        revert: if undo.is_some() { Reversal::Yes } else { Reversal::No("no undo".to_owned()) },
    }
}

fn message(result: &TaskResult) -> &str {
    result.result.get("msg").and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn check_mode_tells_and_touches_nothing() {
    let rig = Rig::new();
    let result = rig.carry(true, |host| vec![to(host, "/a", Some("new\n"))]);
    assert_eq!((result.status, rig.read("a")), (Status::Changed, None));
    assert_eq!(result.diff[0].after, "new\n");
    assert!(!rig.state.path().join("journal").exists());
}

#[test]
fn a_failed_task_takes_back_what_it_did() {
    let rig = Rig::new();
    fs::write(rig.machine.path().join("a"), "old\n").unwrap();
    let result = rig.carry(false, |host| {
        vec![to(host, "/a", Some("new\n")), to(host, "/b", Some("new\n")), to(host, "/no/folder/c", Some("new\n"))]
    });
    assert_eq!(result.status, Status::Failed);
    assert!(message(&result).contains("undone: /b, /a"), "{}", message(&result));
    assert_eq!((rig.read("a").as_deref(), rig.read("b")), (Some("old\n"), None));
    assert_eq!(result.result.get("changed"), Some(&false.into()));
    assert!(rig.roll_back(false).iter().all(|row| row.1 == UndoOutcome::AlreadyOriginal));
}

#[test]
fn a_failed_command_takes_back_the_changes_before_it() {
    let rig = Rig::new();
    let result = rig.carry(false, |host| vec![to(host, "/a", Some("new\n")), run("echo no >&2; exit 4", None)]);
    assert_eq!((result.status, rig.read("a")), (Status::Failed, None));
    assert_eq!(result.result.get("rc"), Some(&4.into()));
    assert_eq!(result.result.get("stderr"), Some(&"no".into()));
    assert!(message(&result).starts_with("non-zero return code; undone: /a"));
}

#[test]
fn what_promises_to_converge_must() {
    let rig = Rig::new();
    let restless = |host: &Host| {
        let number = host.read_text("/n").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0) + 1;
        vec![Change { converges: true, ..to(host, "/n", Some(&format!("{number}\n"))) }]
    };
    let result = rig.carry(false, restless);
    assert_eq!((result.status, rig.read("n")), (Status::Failed, None));
    assert!(message(&result).contains("did not converge"));
}

#[test]
fn a_deleted_file_comes_back_although_its_module_did_not_read_it() {
    let rig = Rig::new();
    fs::write(rig.machine.path().join("a"), "precious\n").unwrap();
    assert_eq!(rig.carry(false, |host| vec![to(host, "/a", None)]).status, Status::Changed);
    assert_eq!(rig.read("a"), None);
    assert_eq!(rig.roll_back(false), [("/a".to_owned(), UndoOutcome::Restored)]);
    assert_eq!(rig.read("a").as_deref(), Some("precious\n"));
}

#[test]
fn a_run_is_undone_newest_first_and_only_once() {
    let rig = Rig::new();
    for content in ["one\n", "two\n"] {
        rig.carry(false, move |host| vec![to(host, "/a", Some(content)), run("true", None)]);
    }
    let file = || ("/a".to_owned(), UndoOutcome::Restored);
    let command = || ("true".to_owned(), UndoOutcome::Irreversible);
    let expected = [command(), file(), command(), file()];
    assert_eq!(rig.roll_back(true), expected);
    assert_eq!(rig.read("a").as_deref(), Some("two\n"));
    assert_eq!(rig.roll_back(false), expected);
    assert_eq!(rig.read("a"), None);
    let again: Vec<UndoOutcome> = rig.roll_back(false).into_iter().map(|row| row.1).collect();
    let original = UndoOutcome::AlreadyOriginal;
    assert_eq!(again, [UndoOutcome::Irreversible, original, UndoOutcome::Irreversible, original]);
}

#[test]
fn what_somebody_else_changed_since_is_left_alone() {
    let rig = Rig::new();
    rig.carry(false, |host| vec![to(host, "/a", Some("ours\n")), to(host, "/b", Some("ours\n"))]);
    fs::write(rig.machine.path().join("b"), "theirs\n").unwrap();
    let expected = [("/b".to_owned(), UndoOutcome::Drifted), ("/a".to_owned(), UndoOutcome::Restored)];
    assert_eq!(rig.roll_back(false), expected);
    assert_eq!((rig.read("a"), rig.read("b").as_deref()), (None, Some("theirs\n")));
}

#[test]
fn a_command_is_undone_by_its_own_command() {
    let rig = Rig::new();
    let file = rig.machine.path().join("knob");
    let (set, unset) = (format!("touch {}", file.display()), format!("rm {}", file.display()));
    assert_eq!(rig.carry(false, move |_| vec![run(&set, Some(&unset))]).status, Status::Changed);
    assert!(file.exists());
    assert_eq!(rig.roll_back(false)[0].1, UndoOutcome::Restored);
    assert!(!file.exists());
}

/// A knob that a command sets, with its opposite and a probe.
fn knob(rig: &Rig, from: &str, to: &str) -> Change {
    let file = rig.machine.path().join("knob").display().to_string();
    let mut change = run(&format!("echo {to} >{file}"), Some(&format!("echo {from} >{file}")));
    let State::Run(run) = &mut change.after else { unreachable!("a command") };
    let argv = vec!["cat".to_owned(), file];
    run.probe = Some(Probe { argv, before: from.to_owned(), after: to.to_owned() });
    change
}

#[test]
fn a_command_with_a_probe_is_undone_only_where_it_still_holds() {
    let rig = Rig::new();
    let set = |text: &str| fs::write(rig.machine.path().join("knob"), text).unwrap();
    let outcomes = |check: bool| rig.roll_back(check).into_iter().map(|row| row.1).collect::<Vec<_>>();
    set("0\n");
    let changes = [knob(&rig, "0", "1"), knob(&rig, "1", "2")];
    let result = rig.carry(false, move |_| changes.to_vec());
    assert_eq!(
        (result.status, &result.diff[1].before, &result.diff[1].after),
        (Status::Changed, &"1\n".into(), &"2\n".into())
    );
    set("9\n");
    assert_eq!(outcomes(false), [UndoOutcome::Drifted, UndoOutcome::Drifted]);
    set("2\n");
    assert_eq!(outcomes(true), [UndoOutcome::Restored, UndoOutcome::Restored]);
    assert_eq!(rig.read("knob").as_deref(), Some("2\n"));
    assert_eq!(outcomes(false), [UndoOutcome::Restored, UndoOutcome::Restored]);
    assert_eq!(rig.read("knob").as_deref(), Some("0\n"));
    assert_eq!(outcomes(false), [UndoOutcome::AlreadyOriginal, UndoOutcome::AlreadyOriginal]);
}

#[test]
fn an_undo_that_does_not_bring_the_original_back_has_failed() {
    let rig = Rig::new();
    let mut change = knob(&rig, "0", "1");
    let State::Run(run) = &mut change.after else { unreachable!("a command") };
    run.undo = Some("true".to_owned());
    rig.carry(false, move |_| vec![change.clone()]);
    assert_eq!(rig.roll_back(false)[0].1, UndoOutcome::Failed);
}

#[test]
fn preparing_comes_first_and_is_no_change() {
    let rig = Rig::new();
    let file = rig.machine.path().join("ready").display().to_string();
    let prepare = format!("{PREPARES}echo y >{file}");
    let wish = move |host: &Host| {
        let known = host.read_text("/ready").is_ok();
        let mut wanted = vec![run(&prepare, None)];
        wanted.extend(known.then(|| to(host, "/a", Some("new\n"))).filter(|_| host.read_text("/a").is_err()));
        wanted
    };
    assert_eq!(rig.carry(true, wish.clone()).status, Status::Ok);
    assert_eq!(rig.read("ready"), None);
    assert_eq!(rig.carry(false, wish.clone()).status, Status::Changed);
    assert_eq!(rig.read("a").as_deref(), Some("new\n"));
    assert_eq!(rig.carry(false, wish).status, Status::Ok);
    let failing = format!("{PREPARES}exit 3");
    let result = rig.carry(false, move |host| vec![run(&failing, None), to(host, "/b", Some("new\n"))]);
    assert_eq!((result.status, result.result.get("rc"), rig.read("b")), (Status::Failed, Some(&3.into()), None));
}

/// The transaction's file cut after each byte, as a power cut would leave it, with the effect there or not there:
/// rollback brings the original back whenever the intent is on disk.
#[test]
fn an_agent_killed_at_any_moment_leaves_a_journal_that_restores() {
    let rig = Rig::new();
    let path = rig.machine.path().join("a");
    fs::write(&path, "old\n").unwrap();
    rig.carry(false, |host| vec![to(host, "/a", Some("new\n"))]);
    let journal = only_journal(&rig.state.path().join("journal"));
    let whole = fs::read(&journal).unwrap();
    let mut restored = 0;
    for length in 0..=whole.len() {
        for effect in ["old\n", "new\n"] {
            fs::write(&journal, &whole[..length]).unwrap();
            fs::write(&path, effect).unwrap();
            let rows = rig.roll_back(false);
            // Without an intent on disk there was no effect.
            if rows.is_empty() {
                assert_eq!(restored, 0);
                continue;
            }
            restored += 1;
            assert_eq!(rig.read("a").as_deref(), Some("old\n"), "cut at {length}");
        }
    }
    assert!(restored > 0);
}

fn only_journal(folder: &Path) -> std::path::PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}
