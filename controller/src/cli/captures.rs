//! Captured machines named on the command line: one by one, or a folder full of them.

use super::{CliError, ExitCode, Globals};
use crate::session;
use luthier_protocol::Map;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Ending of a packed capture.
const ARCHIVE: &str = ".tar.zst";

/// Reads captured machines and hands each one's facts over with its name, in order. The embedded agent runs as a child on each
/// folder, so the code is the one that runs on hosts.
pub(super) fn captured(
    roots: &[PathBuf],
    only: &[String],
    globals: &Globals,
    take: &mut dyn FnMut(&str, &Map),
) -> Result<ExitCode, CliError> {
    let machines = machines(roots)?;
    let agents = session::agents(globals.options.agent_dir.as_deref())
        .map_err(|error| CliError::message(ExitCode::BadInput, error.to_string()))?;
    let reader =
        session::CaptureReader::new(&agents).map_err(|error| CliError::message(ExitCode::Failed, error.to_string()))?;
    let mut code = ExitCode::Fine;
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    for some in machines.chunks(at_once) {
        let read = std::thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|(_, root)| scope.spawn(|| reader.facts(root, only))).collect();
            asked.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for ((name, _), facts) in some.iter().zip(read) {
            match facts {
                Ok(Ok(facts)) => take(name, &facts),
                Ok(Err(error)) if machines.len() == 1 => {
                    return Err(CliError::message(ExitCode::Failed, error.to_string()));
                }
                Ok(Err(error)) => {
                    globals.warn(&format!("{name}: {error}"));
                    code = code.gravest(ExitCode::Failed);
                }
                Err(_) => return Err(CliError::message(ExitCode::Internal, format!("reading {name} ended early"))),
            }
        }
    }
    Ok(code)
}

/// The machines in these places with the names they go by: their folder's, or the whole path where two share a name.
fn machines(roots: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, CliError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for root in roots {
        if !root.exists() {
            return Err(CliError::usage(format!("{} is neither a folder nor an archive", root.display())));
        }
        match inner(root) {
            inner if inner.is_empty() && root.is_dir() && !is_capture(root) => {
                let message = format!("{} is no captured machine, and holds none", root.display());
                return Err(CliError::usage(message).hint("a captured machine is a folder with sys and proc in it"));
            }
            inner if inner.is_empty() => found.push(root.clone()),
            inner => found.extend(inner),
        }
    }
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for name in found.iter().map(|path| name(path)) {
        if !seen.insert(name.clone()) {
            twice.insert(name);
        }
    }
    let named = |path: PathBuf| match name(&path) {
        name if twice.contains(&name) => (path.display().to_string(), path),
        name => (name, path),
    };
    Ok(found.into_iter().map(named).collect())
}

/// The captures in a folder, by name; none for a folder that is one itself.
fn inner(folder: &Path) -> Vec<PathBuf> {
    if is_capture(folder) {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| is_capture(path) || path.is_file() && path.to_string_lossy().ends_with(ARCHIVE))
        .collect();
    found.sort();
    found
}

fn is_capture(folder: &Path) -> bool {
    folder.join("sys").is_dir() || folder.join("proc").is_dir()
}

fn name(root: &Path) -> String {
    let full = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_suffix(ARCHIVE).unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn folders_of_captures_and_names() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for folder in ["fleet/b/sys", "fleet/a/proc", "fleet/notes", "other/a/sys", "empty"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("fleet/c.tar.zst"), "").unwrap();
        let names = |roots: &[&str]| {
            let roots: Vec<PathBuf> = roots.iter().map(|root| at(root)).collect();
            machines(&roots).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["fleet"]), ["a", "b", "c"]);
        assert_eq!(names(&["fleet/b", "fleet/a"]), ["b", "a"]);
        let twice = names(&["fleet", "other/a"]);
        assert_eq!(twice.iter().filter(|name| name.ends_with("/a")).count(), 2, "{twice:?}");
        assert!(machines(&[at("missing")]).is_err());
        for folder in ["empty", "fleet/notes"] {
            let error = machines(&[at("fleet"), at(folder)]).unwrap_err();
            assert!(error.to_string().contains("is no captured machine"), "{error}");
        }
    }
}
