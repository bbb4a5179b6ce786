//! Tests of files on the controller, and of addresses.

use super::table::{Test, of};
use crate::template::error::Outcome;
use crate::template::file::expand_home;
use crate::template::interpreter::Interpreter;
use crate::template::text;
use crate::template::val::{Args, Val};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub(super) const TESTS: &[(&str, Test)] = &[
    ("exists", of(|i, value, _| Ok(path(i, &value)?.exists()))),
    ("file", of(|i, value, _| Ok(path(i, &value)?.is_file()))),
    ("is_file", of(|i, value, _| Ok(path(i, &value)?.is_file()))),
    ("directory", of(|i, value, _| Ok(path(i, &value)?.is_dir()))),
    ("is_dir", of(|i, value, _| Ok(path(i, &value)?.is_dir()))),
    ("link", of(|i, value, _| Ok(path(i, &value)?.is_symlink()))),
    ("is_link", of(|i, value, _| Ok(path(i, &value)?.is_symlink()))),
    ("link_exists", of(|i, value, _| Ok(path(i, &value)?.symlink_metadata().is_ok()))),
    ("abs", of(|i, value, _| Ok(text::string(i, &value)?.starts_with('/')))),
    ("is_abs", of(|i, value, _| Ok(text::string(i, &value)?.starts_with('/')))),
    ("mount", of(|i, value, _| Ok(is_mount(&path(i, &value)?)))),
    ("is_mount", of(|i, value, _| Ok(is_mount(&path(i, &value)?)))),
    ("same_file", of(same_file)),
    ("is_same_file", of(same_file)),
    ("url", of(url)),
    ("uri", of(|_, value, _| Ok(matches!(value, Val::Str(_))))),
    ("urn", of(|i, value, _| Ok(text::string(i, &value)?.to_lowercase().starts_with("urn:")))),
];

fn path(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<PathBuf> {
    Ok(expand_home(&text::string(interpreter, value)?))
}

fn is_mount(path: &Path) -> bool {
    let (Ok(own), false) = (path.symlink_metadata(), path.is_symlink()) else { return false };
    match path.join("..").metadata() {
        Ok(parent) => own.dev() != parent.dev() || own.ino() == parent.ino(),
        Err(_) => false,
    }
}

fn same_file(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<bool> {
    let [other] = args.bind(["other"])?;
    let other = path(interpreter, &other.unwrap_or(Val::Null))?;
    Ok(match (path(interpreter, &value)?.metadata(), other.metadata()) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    })
}

/// A scheme and a host.
fn url(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<bool> {
    let text = text::string(interpreter, &value)?;
    Ok(text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) && !rest.is_empty()
    }))
}
