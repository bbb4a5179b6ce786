//! Whole sequences of tasks against one folder, with the answers Ansible gives to the same tasks.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::tests::{ask_with, machine};
use super::{ALL, ModuleError};
use crate::host::Host;
use luthier_protocol::change::{Meta, Resource, State};
use luthier_protocol::task::Content;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// Carry a task out with the simplest of engines, and say whether anything changed.
pub(super) fn task(host: &Host, name: &str, params: Value, content: Option<&str>) -> Result<(bool, Map), ModuleError> {
    let module = ALL.iter().find(|module| module.spec().name == name).unwrap();
    let content = content.map(|text| Content::Inline(text.as_bytes().to_vec()));
    let wanted = ask_with(*module, host, params.clone(), content.as_ref())?;
    for change in &wanted.changes {
        match (&change.resource, &change.after) {
            (Resource::Path(path), after) => effect(host, path, after),
            (Resource::Setting(path), State::Value(value)) => fs::write(host.path(path), format!("{value}\n")).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    if wanted.changes.iter().any(|change| change.converges) {
        let again = ask_with(*module, host, params.clone(), content.as_ref()).unwrap();
        assert!(again.changes.is_empty(), "{name} {params} did not converge: {:?}", again.changes);
    }
    let Value::Object(params) = params else { panic!("parameters are a mapping") };
    let request = super::Request {
        params: &params,
        content: content.as_ref(),
        environment: &std::collections::BTreeMap::new(),
        revert: &luthier_protocol::task::Revert::Unsaid,
        prepared: false,
        said: &[],
        deadline: None,
        elapsed: std::time::Duration::ZERO,
        stop: None,
    };
    Ok((!wanted.changes.is_empty(), module.report(host, &request, &wanted, &[]).unwrap()))
}

fn effect(host: &Host, path: &str, after: &State) {
    let place = host.path(path);
    let give = |meta: &Meta| {
        fs::set_permissions(&place, fs::Permissions::from_mode(meta.mode)).unwrap();
        let now = fs::metadata(&place).unwrap();
        assert_eq!((now.uid(), now.gid()), (meta.uid, meta.gid), "these tests give nothing away");
    };
    let clear = |place: &std::path::Path| {
        if fs::symlink_metadata(place).is_ok() {
            fs::remove_file(place).or_else(|_| fs::remove_dir(place)).unwrap();
        }
    };
    match after {
        State::Absent => clear(&place),
        State::Directory { meta } => {
            fs::create_dir_all(&place).unwrap();
            give(meta);
        }
        State::File { content, meta } => {
            if let Some(bytes) = content {
                clear(&place);
                fs::write(&place, &bytes.0).unwrap();
            }
            give(meta);
        }
        State::Link { target, .. } => {
            clear(&place);
            symlink(target, &place).unwrap();
        }
        State::HardLink { target } => {
            clear(&place);
            fs::hard_link(host.path(target), &place).unwrap();
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn text(host: &Host, path: &str) -> String {
    fs::read_to_string(host.path(path)).unwrap()
}

#[test]
fn lines_end_up_where_ansible_puts_them() {
    let grub = "# defaults\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=\"quiet\"\n#GRUB_DISABLE=true\nGRUB_CMDLINE_LINUX_DEFAULT=\"x\"\n\nEND\n";
    let (_folder, host) = machine(&[("out/grub", grub)]);
    let tasks = [
        (json!({"regexp": "^GRUB_TIMEOUT=", "line": "GRUB_TIMEOUT=1"}), "line replaced"),
        (
            json!({"regexp": r#"^GRUB_CMDLINE_LINUX="((?:(?!isolcpus).)*)"$"#,
                "line": r#"GRUB_CMDLINE_LINUX="\1 isolcpus=2-15""#, "backrefs": true}),
            "line replaced",
        ),
        (json!({"regexp": "^NOSUCH=", "line": "NOSUCH=\\1", "backrefs": true}), ""),
        (json!({"line": "APPENDED=1"}), "line added"),
        (json!({"line": "AFTER=1", "insertafter": "^GRUB_TIMEOUT"}), "line added"),
        (json!({"line": "BEFORE=1", "insertbefore": "^END"}), "line added"),
        (json!({"line": "TOP=1", "insertbefore": "BOF"}), "line added"),
        (json!({"line": "NOMATCH=1", "insertafter": "^ZZZ"}), "line added"),
        (json!({"line": "FIRST=1", "insertafter": "^GRUB_CMDLINE", "firstmatch": true}), "line added"),
        (json!({"regexp": "^#?GRUB_DISABLE=", "line": "GRUB_DISABLE=false"}), "line replaced"),
        (json!({"state": "absent", "regexp": "_DEFAULT="}), "1 line(s) removed"),
        (json!({"search_string": "AFTER=", "line": "AFTER=2"}), "line replaced"),
    ];
    let at = |mut params: Value| {
        params["path"] = "/out/grub".into();
        params
    };
    for (params, message) in &tasks {
        let (changed, result) = task(&host, "lineinfile", at(params.clone()), None).unwrap();
        assert_eq!((changed, result["msg"].as_str()), (!message.is_empty(), Some(*message)), "{params}");
    }
    let expected = "TOP=1\n# defaults\nGRUB_TIMEOUT=1\nAFTER=2\nGRUB_CMDLINE_LINUX=\"quiet isolcpus=2-15\"\nFIRST=1\nGRUB_DISABLE=false\n\nBEFORE=1\nEND\nAPPENDED=1\nNOMATCH=1\n";
    assert_eq!(text(&host, "/out/grub"), expected);
    let again: Vec<bool> =
        tasks.iter().map(|(params, _)| task(&host, "lineinfile", at(params.clone()), None).unwrap().0).collect();
    assert_eq!(again.iter().filter(|changed| **changed).count(), 1, "only AFTER=1 comes back: {again:?}");
    let new = json!({"path": "/out/new", "line": "a", "create": true, "mode": "0600"});
    let (_, result) = task(&host, "lineinfile", new, None).unwrap();
    assert_eq!(result["msg"], "line added and ownership, perms or SE linux context changed");
    let missing = json!({"path": "/out/missing", "state": "absent", "regexp": "x"});
    assert_eq!(task(&host, "lineinfile", missing, None).unwrap().1["msg"], "file not present");
}

#[test]
fn paths_become_what_ansible_makes_of_them() {
    let (_folder, host) = machine(&[("out/.keep", "")]);
    let file = |params: Value| task(&host, "file", params, None);
    let made = file(json!({"path": "/out/d1/d2/d3", "state": "directory", "mode": "0750"})).unwrap();
    assert_eq!((made.0, &made.1["mode"], &made.1["state"]), (true, &json!("0750"), &json!("directory")));
    let kept = json!({"path": "/out/f1", "state": "touch", "mode": "0600",
        "modification_time": "preserve", "access_time": "preserve"});
    assert!(file(kept.clone()).unwrap().0 && !file(kept).unwrap().0);
    let link = file(json!({"path": "/out/l1", "src": "f1", "state": "link"})).unwrap().1;
    assert_eq!((&link["mode"], &link["state"]), (&json!("0777"), &json!("link")));
    let nowhere = file(json!({"path": "/out/l2", "src": "nowhere", "state": "link"})).unwrap_err();
    assert!(nowhere.message.ends_with("really want to create the link: /out/nowhere"));
    assert!(file(json!({"path": "/out/l2", "src": "nowhere", "state": "link", "force": true})).unwrap().0);
    let hard = file(json!({"path": "/out/h1", "src": "/out/f1", "state": "hard"})).unwrap().1;
    assert_eq!((&hard["mode"], &hard["state"]), (&json!("0600"), &json!("hard")));
    let absent = file(json!({"path": "/out/nosuch", "state": "file"})).unwrap_err();
    assert_eq!(absent.message, "file (/out/nosuch) is absent, cannot continue");
    assert_eq!(absent.result["state"], "absent");
    assert_eq!(file(json!({"path": "/out/f1", "mode": "u+x,g=r,o-rwx"})).unwrap().1["mode"], "0740");
    assert!(!file(json!({"path": "/out/f1", "state": "file"})).unwrap().0);
    assert!(!file(json!({"path": "/out/nosuch", "state": "absent"})).unwrap().0);
    task(&host, "copy", json!({"content": "x", "dest": "/out/d1/d2/f", "mode": "0644"}), Some("x")).unwrap();
    let tree = json!({"path": "/out/d1", "state": "directory", "recurse": true, "mode": "u=rwX,g=rX,o="});
    assert!(file(tree.clone()).unwrap().0 && !file(tree).unwrap().0);
    assert_eq!(fs::metadata(host.path("/out/d1/d2/f")).unwrap().mode() & 0o7777, 0o640);
    let error = file(json!({"path": "/out/f1", "state": "directory"})).unwrap_err();
    assert_eq!((error.message.as_str(), &error.result["mode"]), ("/out/f1 already exists as a hard", &json!("0740")));
    assert!(file(json!({"path": "/out/d1", "state": "link", "src": "f1"})).is_err());
    assert!(file(json!({"path": "/out/d1", "state": "absent"})).unwrap().0);
    assert!(!host.path("/out/d1").exists() && host.path("/out/f1").exists());
}

#[test]
fn content_is_put_where_ansible_puts_it() {
    let (_folder, host) = machine(&[("out/.keep", "")]);
    let copy = |params: Value, content: Option<&str>| task(&host, "copy", params, content);
    let (changed, first) =
        copy(json!({"content": "line\n", "dest": "/out/c2", "mode": "0600"}), Some("line\n")).unwrap();
    assert!(changed);
    assert_eq!(first["checksum"], "6bfa09d82ce3e898ad4641ae13dd4fdb9cf0d76b");
    assert_eq!((&first["mode"], &first["size"], &first["state"]), (&json!("0600"), &json!(5), &json!("file")));
    assert!(!copy(json!({"content": "new", "dest": "/out/c2", "force": false}), Some("new")).unwrap().0);
    let named = json!({"src": "a.txt", "dest": "/out/", "_original_basename": "a.txt"});
    assert_eq!(copy(named, Some("file a\n")).unwrap().1["dest"], "/out/a.txt");
    let deep = json!({"src": "tree", "dest": "/out/t1/", "_original_basename": "tree/x/one", "directory_mode": "0750"});
    copy(deep, Some("1\n")).unwrap();
    assert_eq!(fs::metadata(host.path("/out/t1/tree")).unwrap().mode() & 0o777, 0o750);
    let (_, c8) = copy(json!({"src": "/out/c2", "dest": "/out/c8", "remote_src": true}), None).unwrap();
    assert_eq!((&c8["mode"], text(&host, "/out/c8").as_str()), (&json!("0644"), "line\n"));
    let lost = copy(json!({"content": "x", "dest": "/out/nodir/x"}), Some("x")).unwrap_err();
    assert_eq!(lost.message, "Destination directory /out/nodir does not exist");
    assert_eq!(lost.result["checksum"], "11f6ad8ec52a2984abaafd7c3b516503785c2072");
    let checked = |content| copy(json!({"dest": "/out/v", "validate": "grep -q good %s"}), Some(content));
    let refused = checked("bad").unwrap_err();
    assert_eq!((refused.message.as_str(), &refused.result["exit_status"]), ("failed to validate", &json!(1)));
    assert!(checked("good").unwrap().0 && !checked("good").unwrap().0);
    let (_, kept) = copy(json!({"dest": "/out/v", "backup": true}), Some("better")).unwrap();
    let backup = kept["backup_file"].as_str().unwrap();
    assert!(backup.starts_with("/out/v.") && backup.ends_with('~'));
    assert_eq!(text(&host, backup), "good");
    symlink("v", host.path("/out/link")).unwrap();
    copy(json!({"dest": "/out/link", "follow": true}), Some("through")).unwrap();
    assert_eq!(text(&host, "/out/v"), "through");
    copy(json!({"dest": "/out/link"}), Some("instead")).unwrap();
    assert_eq!((text(&host, "/out/v"), text(&host, "/out/link")), ("through".to_owned(), "instead".to_owned()));
    assert!(copy(json!({"src": "/out/t1", "dest": "/out/t2/", "remote_src": true}), None).unwrap().0);
    assert_eq!(text(&host, "/out/t2/t1/tree/x/one"), "1\n");
    assert!(!copy(json!({"src": "/out/t1", "dest": "/out/t2/", "remote_src": true}), None).unwrap().0);
}

#[test]
fn offered_content_is_fetched_only_when_it_differs() {
    let (_folder, host) = machine(&[("out/big", "abc")]);
    let module = ALL.iter().find(|module| module.spec().name == "copy").unwrap();
    let offer = |sha256: &str| Content::Offered {
        sha256: sha256.to_owned(),
        sha1: "a9993e364706816aba3e25717850c26c9cd0d89d".to_owned(),
        size: 3,
    };
    let same = offer("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let wanted = ask_with(*module, &host, json!({"dest": "/out/big"}), Some(&same)).unwrap();
    assert!(!wanted.needs_content && wanted.changes.is_empty());
    let other = offer(&"0".repeat(64));
    let wanted = ask_with(*module, &host, json!({"dest": "/out/big"}), Some(&other)).unwrap();
    assert!(wanted.needs_content && wanted.changes.is_empty());
    assert_eq!(wanted.result["checksum"], "a9993e364706816aba3e25717850c26c9cd0d89d");
}

#[test]
fn matches_and_blocks_are_replaced_as_ansible_does() {
    let (_folder, host) = machine(&[("out/r", "a=1\n[kvm]\na=2\nb=x\n[end]\na=3\n")]);
    for (params, message) in [
        (json!({"regexp": r"^a=(\d)", "replace": r"a = \1"}), "3 replacements made"),
        (
            json!({"regexp": "a = 2", "replace": "a = two", "after": r"\[kvm\]", "before": r"\[end\]"}),
            "1 replacements made",
        ),
        (json!({"regexp": "zzz", "replace": "y"}), ""),
        (json!({"regexp": "^b=.*\n"}), "1 replacements made"),
        (json!({"regexp": r"(\[end\])", "replace": "# before\n\\1"}), "1 replacements made"),
    ] {
        let mut params = params;
        params["path"] = "/out/r".into();
        let (changed, result) = task(&host, "replace", params, None).unwrap();
        assert_eq!((changed, result["msg"].as_str()), (!message.is_empty(), Some(message)));
    }
    assert_eq!(text(&host, "/out/r"), "a = 1\n[kvm]\na = two\n# before\n[end]\na = 3\n");
    let mut block = json!({"path": "/out/r", "block": "x\ny", "insertafter": "^\\[kvm\\]", "append_newline": true});
    let blocked = |params: &Value| task(&host, "blockinfile", params.clone(), None).unwrap();
    assert_eq!(blocked(&block).1["msg"], "Block inserted");
    let marked = "[kvm]\n# BEGIN ANSIBLE MANAGED BLOCK\nx\ny\n# END ANSIBLE MANAGED BLOCK\n\na = two\n";
    assert!(text(&host, "/out/r").contains(marked));
    assert!(!blocked(&block).0);
    block["state"] = "absent".into();
    assert_eq!(blocked(&block).1["msg"], "Block removed");
    assert_eq!(text(&host, "/out/r"), "a = 1\n[kvm]\n\na = two\n# before\n[end]\na = 3\n");
}

#[test]
fn stat_and_slurp_tell_what_is_there() {
    let (_folder, host) = machine(&[("out/f", "abc")]);
    fs::set_permissions(host.path("/out/f"), fs::Permissions::from_mode(0o4750)).unwrap();
    symlink("f", host.path("/out/l")).unwrap();
    let stat = |path: &str, follow: bool| {
        let (_, result) = task(&host, "stat", json!({"path": path, "follow": follow}), None).unwrap();
        result["stat"].clone()
    };
    let file = stat("/out/f", false);
    let expected = json!({"exists": true, "isreg": true, "isdir": false, "mode": "4750", "isuid": true, "xusr": true,
        "woth": false, "size": 3, "checksum": "a9993e364706816aba3e25717850c26c9cd0d89d", "readable": true, "nlink": 1});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&file[key], value, "{key}");
    }
    let link = stat("/out/l", false);
    assert_eq!(
        (&link["islnk"], &link["lnk_source"], &link["lnk_target"]),
        (&json!(true), &json!("/out/f"), &json!("f"))
    );
    assert_eq!(stat("/out/l", true)["isreg"], true);
    assert_eq!(stat("/out/none", false), json!({"exists": false}));
    let (_, slurped) = task(&host, "slurp", json!({"src": "/out/f"}), None).unwrap();
    assert_eq!((&slurped["content"], &slurped["encoding"]), (&json!("YWJj"), &json!("base64")));
    assert_eq!(task(&host, "slurp", json!({"src": "/out/x"}), None).unwrap_err().message, "File not found: /out/x");
}
