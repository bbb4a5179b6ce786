//! `luthier.sysfs`: kernel attributes, now and after every boot.
//!
//! Most of what is tuned for KVM is a file under `/sys` or `/proc/sys`: huge pages, KSM, schedulers, interrupt affinity.
//! Each is a change of its own, read back after writing. What shall hold after a reboot is also written to a file of
//! `tmpfiles.d`, which systemd applies early at every boot. See the kernel's `Documentation/ABI/` and tmpfiles.d(5).

use super::declare::{Spec, param, returned, texts};
use super::edit::content;
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent, entries};
use super::{Module, ModuleError, Request, Wanted, setting};
use crate::host::paths::{base_name, parent};
use crate::host::setting::chosen;
use crate::host::{Host, glob};
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The file that holds what shall be set at boot. Luthier owns it.
const PERSISTED: &str = "/etc/tmpfiles.d/zz-luthier.conf";
const HEADER: &str = "# Written by Luthier (luthier.sysfs with persist). Lines are replaced by path.\n";
const ROOTS: &[&str] = &["/sys/", "/proc/sys/"];

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "A file under /sys or /proc/sys; `*`, `?` and `[…]` match within a name.").end(),
    param("value", ParamKind::Raw, "What to write; of a choice (`always [madvise] never`) one of its words.").end(),
    param("settings", ParamKind::Dict, "Several paths with their values, set in this order.").end(),
    param("persist", ParamKind::Bool, "Also set it at every boot, by /etc/tmpfiles.d/zz-luthier.conf.")
        .default("false")
        .end(),
];

const RETURNS: &[ReturnSpec] = &[returned(
    "settings",
    "Every attribute that was looked at, with the value it had before (`was`) and the wanted one.",
)];

static SPEC: ModuleSpec = Spec {
    name: "luthier.sysfs",
    aliases: &[],
    summary: "Set kernel attributes under /sys and /proc/sys, now and at every boot.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["path", "settings"])],
    one_of: &[Cow::Borrowed(texts!["path", "settings"])],
    example: "- luthier.sysfs:\n    settings:\n      /sys/kernel/mm/transparent_hugepage/enabled: madvise\n      /sys/kernel/mm/ksm/run: 0\n    persist: true\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Sysfs;

impl Module for Sysfs {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let pairs = pairs(request)?;
        let mut wanted = Wanted::default();
        let mut told = Map::new();
        for (pattern, value) in &pairs {
            for path in matching(host, pattern)? {
                let was = setting::read(host, &path)?;
                wanted.changes.extend(setting::change(host, &path, value)?);
                let row = Map::from_iter([
                    ("was".to_owned(), chosen(&was).into()),
                    ("value".to_owned(), value.as_str().into()),
                ]);
                told.insert(path, row.into());
            }
        }
        if request.flag("persist") {
            wanted.changes.extend(persisted(host, &pairs)?);
        }
        wanted.result.insert("settings".to_owned(), told.into());
        Ok(wanted)
    }
}

fn pairs(request: &Request<'_>) -> Result<Vec<(String, String)>, ModuleError> {
    if let Some(settings) = request.value("settings").and_then(Value::as_object) {
        return settings.iter().map(|(path, value)| Ok((allowed(path)?, text(path, value)?))).collect();
    }
    let path = request.text("path").ok_or_else(|| ModuleError::new("one of path or settings is required"))?;
    let value = request.value("value").ok_or_else(|| ModuleError::new("value is required with path"))?;
    Ok(vec![(allowed(path)?, text(path, value)?)])
}

/// The path, if it is one of a kernel attribute.
fn allowed(path: &str) -> Result<String, ModuleError> {
    let within = ROOTS.iter().any(|root| path.starts_with(root));
    if !within || path.ends_with('/') || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(ModuleError::new(format!("{path} is not below /sys or /proc/sys")).with("path", path));
    }
    Ok(path.to_owned())
}

fn text(path: &str, value: &Value) -> Result<String, ModuleError> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => if *truth { "1" } else { "0" }.to_owned(),
        _ => return Err(ModuleError::new(format!("the value for {path} must be a text or a number"))),
    };
    if text.contains('\n') {
        return Err(ModuleError::new(format!("the value for {path} has a line break")));
    }
    Ok(text)
}

/// The files a path stands for.
fn matching(host: &Host, pattern: &str) -> Result<Vec<String>, ModuleError> {
    if !glob::is_pattern(pattern) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut paths = vec![String::new()];
    for part in pattern.split('/').skip(1) {
        let mut next = Vec::new();
        for path in &paths {
            if glob::is_pattern(part) {
                let folder = if path.is_empty() { "/" } else { path };
                let names = entries(host, folder).unwrap_or_default();
                next.extend(names.into_iter().filter(|name| glob::matches(part, base_name(name))));
            } else {
                next.push(format!("{path}/{part}"));
            }
        }
        paths = next;
    }
    paths.retain(|path| matches!(host.stat(path), Ok(Some(_))));
    if paths.is_empty() { Err(setting::missing(pattern)) } else { Ok(paths) }
}

/// The change of the tmpfiles.d file.
fn persisted(host: &Host, pairs: &[(String, String)]) -> Result<Vec<Change>, ModuleError> {
    let old = content(host, PERSISTED)?;
    let text = String::from_utf8_lossy(old.as_deref().unwrap_or_default()).into_owned();
    let new = with_lines(&text, pairs);
    if old.as_deref() == Some(new.as_bytes()) {
        return Ok(Vec::new());
    }
    let none = Attributes::default();
    let mut changes = placement::missing_directories(host, parent(PERSISTED), &none)?;
    let mut fresh = placement::new_file(host, PERSISTED, Birth::Moved);
    fresh.mode = 0o644;
    let new = NewContent {
        path: PERSISTED,
        content: new.into_bytes(),
        fresh,
        present: None,
        attributes: &none,
        backup: false,
        converges: true,
    };
    changes.extend(placement::replace(host, new)?.0);
    Ok(changes)
}

/// The file with these settings: one line a path, sorted. Lines that are not of that form are kept on top.
fn with_lines(text: &str, pairs: &[(String, String)]) -> String {
    let mut kept = String::new();
    let mut lines = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("w ").and_then(|rest| rest.split_once(" - - - - ")) {
            Some((path, value)) => drop(lines.insert(path.to_owned(), value.to_owned())),
            None if !HEADER.starts_with(line) => {
                kept.push_str(line);
                kept.push('\n');
            }
            None => {}
        }
    }
    for (path, value) in pairs {
        lines.insert(escaped_path(path), escaped(value));
    }
    let lines = lines.iter().fold(String::new(), |all, (path, value)| all + &format!("w {path} - - - - {value}\n"));
    format!("{HEADER}{kept}{lines}")
}

/// In tmpfiles.d a percent sign begins a specifier and a backslash an escape.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "%%")
}

/// In a path, blanks end the field too.
fn escaped_path(path: &str) -> String {
    escaped(path).replace(' ', "\\x20")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::modules::tests::{ask, labels, machine};
    use luthier_protocol::change::State;
    use serde_json::json;

    const THP: &str = "sys/kernel/mm/transparent_hugepage/enabled";

    #[test]
    fn choices_and_globs_become_one_change_each() {
        let files = [
            (THP, "always [madvise] never\n"),
            ("sys/block/sda/queue/scheduler", "[none] mq-deadline\n"),
            ("sys/block/sdb/queue/scheduler", "none [mq-deadline]\n"),
        ];
        let (_folder, host) = machine(&files);
        let settings = json!({"settings": {format!("/{THP}"): "never", "/sys/block/sd?/queue/scheduler": "none"}});
        let wanted = ask(&Sysfs, &host, settings).unwrap();
        assert_eq!(labels(&wanted), [format!("/{THP}"), "/sys/block/sdb/queue/scheduler".to_owned()]);
        assert_eq!(wanted.result["settings"]["/sys/block/sda/queue/scheduler"]["was"], "none");
        let bad = ask(&Sysfs, &host, json!({"path": format!("/{THP}"), "value": "sometimes"})).unwrap_err();
        assert!(bad.message.contains("takes one of always, madvise, never"), "{}", bad.message);
    }

    #[test]
    fn paths_outside_and_missing_files_are_refused() {
        let (_folder, host) = machine(&[("etc/passwd", "")]);
        for path in ["/etc/passwd", "/sys/../etc/passwd", "/proc/cpuinfo", "sys/x"] {
            assert!(ask(&Sysfs, &host, json!({"path": path, "value": 1})).is_err(), "{path}");
        }
        let missing = ask(&Sysfs, &host, json!({"path": "/sys/kernel/mm/ksm/run", "value": 1})).unwrap_err();
        assert!(missing.message.contains("CONFIG_KSM"), "{}", missing.message);
        let none = ask(&Sysfs, &host, json!({"path": "/sys/block/*/queue/x", "value": 1})).unwrap_err();
        assert!(none.message.contains("does not exist"));
    }

    #[test]
    fn persisted_lines_are_sorted_and_replaced_by_path() {
        let (_folder, host) = machine(&[("sys/b", "1\n"), ("sys/a", "2\n")]);
        let wanted = ask(&Sysfs, &host, json!({"settings": {"/sys/b": 1, "/sys/a": "2"}, "persist": true})).unwrap();
        assert_eq!(labels(&wanted), ["/etc", "/etc/tmpfiles.d", PERSISTED]);
        let State::File { content: Some(bytes), .. } = &wanted.changes.last().unwrap().after else { unreachable!() };
        let text = String::from_utf8(bytes.0.clone()).unwrap();
        assert_eq!(text, format!("{HEADER}w /sys/a - - - - 2\nw /sys/b - - - - 1\n"));
        let again = with_lines(&text, &[("/sys/a".to_owned(), "50%".to_owned())]);
        assert_eq!(again, format!("{HEADER}w /sys/a - - - - 50%%\nw /sys/b - - - - 1\n"));
    }
}
