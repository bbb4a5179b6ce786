//! Every kind of change: made, refused, taken back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::host::Host;
use luthier_protocol::change::{Bytes, Change, Meta, Resource, Reversal, Scope, State, Times};
use luthier_protocol::journal::UndoOutcome;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// A folder that plays the machine.
struct Rig {
    folder: tempfile::TempDir,
    host: Host,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::under(folder.path());
        Self { folder, host }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn meta(&self, mode: u32) -> Meta {
        let folder = fs::metadata(self.folder.path()).unwrap();
        Meta { mode, uid: folder.uid(), gid: folder.gid(), times: None }
    }

    fn file(&self, content: &str, mode: u32) -> State {
        State::File { content: Some(Bytes(content.as_bytes().to_vec())), meta: self.meta(mode) }
    }

    fn link(&self, target: &str) -> State {
        let meta = self.meta(0);
        State::Link { target: target.to_owned(), uid: meta.uid, gid: meta.gid }
    }

    /// From what is there to `after`; then back. The machine is as before, and the undo is idempotent.
    fn there_and_back(&self, path: &str, after: State) {
        let before = self.host.state(path, true).unwrap();
        let change = change(Resource::Path(path.to_owned()), before.clone(), after.clone());
        apply(&self.host, &change).unwrap();
        assert_eq!(undone(&self.host, &change, true, true), UndoOutcome::Restored);
        assert_eq!(undone(&self.host, &change, true, false), UndoOutcome::Restored, "{path} to {after:?}");
        assert_eq!(self.host.state(path, true).unwrap(), before);
        assert_eq!(undone(&self.host, &change, true, false), UndoOutcome::AlreadyOriginal);
        assert!(leftovers(self.folder.path()).is_empty());
    }
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".luthier")).collect()
}

fn change(resource: Resource, before: State, after: State) -> Change {
    Change { resource, before, after, scope: Scope::Live, converges: true, revert: Reversal::Yes }
}

fn undone(host: &Host, change: &Change, done: bool, check: bool) -> UndoOutcome {
    let undoing = Undoing {
        resource: &change.resource,
        original: &change.before,
        written: &written(&change.after),
        revert: &change.revert,
        done,
        environment: &BTreeMap::new(),
    };
    undo(host, &undoing, check).outcome
}

#[test]
fn every_state_of_a_path_there_and_back() {
    let rig = Rig::new();
    fs::write(rig.at("old"), "old\n").unwrap();
    fs::create_dir(rig.at("folder")).unwrap();
    symlink("old", rig.at("link")).unwrap();
    rig.there_and_back("/new", rig.file("new\n", 0o4755));
    rig.there_and_back("/new", State::Directory { meta: rig.meta(0o2750) });
    rig.there_and_back("/new", rig.link("/nowhere"));
    rig.there_and_back("/new", State::HardLink { target: "/old".to_owned() });
    rig.there_and_back("/old", rig.file("other\n", 0o600));
    rig.there_and_back("/old", State::Absent);
    rig.there_and_back("/old", rig.link("/nowhere"));
    rig.there_and_back("/old", State::Directory { meta: rig.meta(0o700) });
    rig.there_and_back("/old", State::File { content: None, meta: rig.meta(0o400) });
    rig.there_and_back("/folder", State::Absent);
    rig.there_and_back("/folder", rig.link("old"));
    rig.there_and_back("/folder", State::Directory { meta: rig.meta(0o711) });
    rig.there_and_back("/link", rig.link("folder"));
    rig.there_and_back("/link", rig.file("no link any more", 0o644));
}

#[test]
fn times_are_set_and_restored() {
    let rig = Rig::new();
    fs::write(rig.at("file"), "").unwrap();
    let with_times = |times| State::File { content: None, meta: Meta { times, ..rig.meta(0o644) } };
    fs::set_permissions(rig.at("file"), fs::Permissions::from_mode(0o644)).unwrap();
    let stat = rig.host.lstat("/file").unwrap().unwrap();
    let before = with_times(Some(Times { atime_ns: stat.atime_ns, mtime_ns: stat.mtime_ns }));
    let after = with_times(Some(Times { atime_ns: 1_000_000_000, mtime_ns: -5_000_000_000 }));
    let change = change(Resource::Path("/file".to_owned()), before, after);
    apply(&rig.host, &change).unwrap();
    assert_eq!(rig.host.lstat("/file").unwrap().unwrap().mtime_ns, -5_000_000_000);
    assert_eq!(undone(&rig.host, &change, true, false), UndoOutcome::Restored);
    assert_eq!(rig.host.lstat("/file").unwrap().unwrap().mtime_ns, stat.mtime_ns);
}

#[test]
fn a_setting_is_written_in_place_and_never_created() {
    let rig = Rig::new();
    fs::write(rig.at("enabled"), "always [madvise] never\n").unwrap();
    let value = |text: &str| State::Value(text.to_owned());
    let setting = |path: &str| Resource::Setting(path.to_owned());
    let inode = fs::metadata(rig.at("enabled")).unwrap().ino();
    let change_it = change(setting("/enabled"), value("always [madvise] never"), value("never"));
    apply(&rig.host, &change_it).unwrap();
    assert_eq!(fs::read_to_string(rig.at("enabled")).unwrap(), "never\n");
    assert_eq!(undone(&rig.host, &change_it, true, false), UndoOutcome::Restored);
    assert_eq!(fs::read_to_string(rig.at("enabled")).unwrap(), "madvise\n");
    assert_eq!(fs::metadata(rig.at("enabled")).unwrap().ino(), inode);
    let missing = change(setting("/missing"), value("0"), value("1"));
    assert!(apply(&rig.host, &missing).is_err());
    assert!(!rig.at("missing").exists());
}

#[test]
fn what_moved_since_it_was_read_is_left_alone() {
    let rig = Rig::new();
    fs::write(rig.at("file"), "theirs\n").unwrap();
    let moved = change(Resource::Path("/file".to_owned()), rig.file("read\n", 0o644), rig.file("ours\n", 0o644));
    assert!(matches!(apply(&rig.host, &moved), Err(ChangeError::Moved { .. })));
    let fresh = change(Resource::Path("/file".to_owned()), State::Absent, rig.file("ours\n", 0o644));
    assert!(matches!(apply(&rig.host, &fresh), Err(ChangeError::Moved { .. })));
    assert_eq!(fs::read_to_string(rig.at("file")).unwrap(), "theirs\n");
}

#[test]
fn what_drifted_is_not_restored() {
    let rig = Rig::new();
    let made = change(Resource::Path("/file".to_owned()), State::Absent, rig.file("ours\n", 0o644));
    apply(&rig.host, &made).unwrap();
    fs::write(rig.at("file"), "theirs\n").unwrap();
    assert_eq!(undone(&rig.host, &made, true, false), UndoOutcome::Drifted);
    assert_eq!(fs::read_to_string(rig.at("file")).unwrap(), "theirs\n");
    let folder = change(Resource::Path("/d".to_owned()), State::Absent, State::Directory { meta: rig.meta(0o755) });
    apply(&rig.host, &folder).unwrap();
    fs::write(rig.at("d/theirs"), "").unwrap();
    assert_eq!(undone(&rig.host, &folder, true, false), UndoOutcome::Drifted);
    assert!(rig.at("d/theirs").exists());
}

#[test]
fn a_change_cut_off_half_way_is_taken_back() {
    let rig = Rig::new();
    fs::write(rig.at("file"), "same").unwrap();
    fs::set_permissions(rig.at("file"), fs::Permissions::from_mode(0o4755)).unwrap();
    let before = rig.host.state("/file", false).unwrap();
    let mut meta = rig.meta(0o600);
    meta.gid += 1;
    let after = State::File { content: None, meta };
    let cut = change(Resource::Path("/file".to_owned()), before.clone(), after);
    // The owner was changed, which clears the set-id bits; the mode was not yet.
    fs::set_permissions(rig.at("file"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(undone(&rig.host, &cut, true, false), UndoOutcome::Drifted);
    assert_eq!(undone(&rig.host, &cut, false, false), UndoOutcome::Restored);
    assert_eq!(rig.host.state("/file", false).unwrap(), before);
}

#[test]
fn what_an_agent_left_unfinished_is_removed() {
    let rig = Rig::new();
    fs::write(rig.at(".luthier-new-77-0"), "half").unwrap();
    fs::write(rig.at(".luthier-new-778-0"), "another's").unwrap();
    rig.host.remove_unfinished("/file", 77).unwrap();
    assert_eq!(leftovers(rig.folder.path()), [".luthier-new-778-0"]);
}

#[test]
fn diffs_show_text_and_attributes() {
    let rig = Rig::new();
    let path = || Resource::Path("/f".to_owned());
    let both = entries(&change(path(), rig.file("a\n", 0o644), rig.file("b\n", 0o600)));
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].before.clone(), both[0].after.clone()), ("a\n".into(), "b\n".into()));
    assert_eq!(both[1].before, serde_json::json!({ "mode": "0644" }));
    assert_eq!(both[1].after, serde_json::json!({ "mode": "0600" }));
    let binary = entries(&change(path(), State::Absent, rig.file("\0", 0o644)));
    assert_eq!(binary[0].after, "(a binary file of 1 bytes)\n");
}

#[test]
fn what_somebody_else_made_first_is_not_taken_for_our_own() {
    let rig = Rig::new();
    let change = change(Resource::Path("/new".to_owned()), State::Absent, rig.file("ours", 0o600));
    fs::write(rig.at("/new"), "theirs").unwrap();
    // As between the look and the write: the write itself finds the file.
    let Resource::Path(path) = &change.resource else { unreachable!() };
    let refused = rig.host.replace_file(path, b"ours", &rig.meta(0o600), true).unwrap_err();
    let error = super::apply::overtaken(&rig.host, &change, super::error::refused(&rig.host, "write", path, refused));
    assert!(matches!(error, ChangeError::Moved { .. }), "{error}");
    assert_eq!(fs::read_to_string(rig.at("/new")).unwrap(), "theirs");
}
