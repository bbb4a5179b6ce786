//! What the modules' tests need: a small machine in a temporary folder, and asking a module about it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::task::{Content, Revert};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// A machine with these files; it lives as long as the folder.
pub(super) fn machine(files: &[(&str, &str)]) -> (TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let host = Host::under(folder.path());
    (folder, host)
}

/// Put a shell script on the machine.
pub(super) fn program(folder: &TempDir, path: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Copied by another process: what this one still holds open for writing cannot be run.
    let draft = path.with_extension("draft");
    fs::write(&draft, script).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    let copied = std::process::Command::new("cp").arg("-p").args([&draft, &path]).status().unwrap();
    assert!(copied.success());
}

/// What a module wants.
pub(super) fn ask(module: &dyn Module, host: &Host, params: Value) -> Result<Wanted, ModuleError> {
    ask_with(module, host, params, None)
}

/// What a module wants with content that came with the task.
pub(super) fn ask_with(
    module: &dyn Module,
    host: &Host,
    params: Value,
    content: Option<&Content>,
) -> Result<Wanted, ModuleError> {
    let Value::Object(params) = params else { panic!("parameters are a mapping") };
    let request = Request {
        params: &params,
        content,
        environment: &BTreeMap::new(),
        revert: &Revert::Unsaid,
        elapsed: Duration::ZERO,
        stop: None,
        prepared: false,
        said: &[],
        deadline: None,
    };
    module.changes(host, &request)
}

/// What the wanted changes are about.
pub(super) fn labels(wanted: &Wanted) -> Vec<String> {
    wanted.changes.iter().map(|change| change.resource.label().to_owned()).collect()
}

#[test]
fn modules_are_sorted_and_their_specs_hold_together() {
    let names: Vec<&str> = super::ALL.iter().map(|module| module.spec().name.as_ref()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for module in super::ALL {
        let spec = module.spec();
        let known = |name: &str| spec.params.iter().any(|param| param.name == name);
        for row in spec.mutually_exclusive.iter().chain(spec.required_one_of.iter()) {
            assert!(row.iter().all(|name| known(name)), "{}: {row:?}", spec.name);
        }
        let mut names: Vec<&str> =
            spec.params.iter().flat_map(|param| param.aliases.iter().chain([&param.name])).map(AsRef::as_ref).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{} has a parameter name twice", spec.name);
        assert_eq!(spec.example.starts_with("- "), cfg!(feature = "texts"), "{}", spec.name);
    }
}
