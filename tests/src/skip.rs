//! When a test cannot run here: said aloud, or a failure where everything must run.

use std::path::{Path, PathBuf};

/// Say that a test is passed over; fails instead where `LUTHIER_REQUIRE_SHARED=1`.
pub fn skip(reason: &str) {
    if std::env::var_os("LUTHIER_REQUIRE_SHARED").is_some_and(|value| value == "1") {
        panic!("cannot run here, and LUTHIER_REQUIRE_SHARED=1 forbids to pass over it: {reason}");
    }
    eprintln!("passed over: {reason}");
}

/// Whether one of these programs is missing; says so by [`skip`].
pub fn missing(programs: &[&str]) -> bool {
    for program in programs {
        if which(program).is_none() {
            skip(&format!("the program {program} is not installed"));
            return true;
        }
    }
    false
}

/// The path of a program in PATH or in the folders of system programs.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        .map(|folder| Path::new(folder).join(program))
        .find(|file| file.is_file())
}

/// A folder of the shared test material (`compat`, `corpus`), where it is present.
pub fn testdata(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("LUTHIER_TESTDATA").map(PathBuf::from).unwrap_or_else(|| workspace().join("../shared"));
    let folder = base.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    skip(&format!("no test material at {} (set LUTHIER_TESTDATA)", folder.display()));
    None
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the package lies in a workspace").to_path_buf()
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}
