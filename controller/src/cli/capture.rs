//! `luthier capture`: copy what facts are made of, so that a machine can be inspected where it is not.

use super::args::CaptureArgs;
use super::inspect::{Subject, Wish, inspect};
use super::{CliError, ExitCode, Globals};
use crate::session;
use luthier_protocol::Map;
use std::path::{Path, PathBuf};

pub(super) fn capture(args: CaptureArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let wish = Wish::Capture { keep_identity: args.keep_identity };
    let subject = Subject { pattern: Some(&args.pattern), roots: &[], wish };
    let mut failed = false;
    let code = inspect(subject, globals, &mut |host, told| {
        if let Err(error) = write(&args, host, told, globals) {
            failed = true;
            globals.warn(&format!("{host}: failed to write its capture: {error}"));
        }
    })?;
    Ok(if failed { code.gravest(ExitCode::Failed) } else { code })
}

/// The capture of one host, in a folder or an archive named after it; what is there already stays.
fn write(args: &CaptureArgs, host: &str, told: &Map, globals: &Globals) -> std::io::Result<()> {
    // A host's name comes from the inventory and may hold anything.
    let safe: String = host.chars().map(|letter| if letter == '/' || letter == '\0' { '_' } else { letter }).collect();
    let folder = args.directory.join(safe.trim_start_matches('.'));
    if folder.exists() {
        return Err(std::io::Error::other(format!("{} exists", folder.display())));
    }
    let written = session::write_capture(&folder, told);
    let place = if args.archive { archive(&folder) } else { folder.clone() };
    let packed = written.and_then(|()| if args.archive { session::pack(&folder, &place) } else { Ok(()) });
    if args.archive || packed.is_err() {
        remove(&folder);
    }
    packed?;
    globals.screen.talk(&format!("{host}: {}\n", place.display()));
    Ok(())
}

/// The folder's name with the archive's ending; a host's name may have dots.
fn archive(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".tar.zst");
    PathBuf::from(name)
}

fn remove(folder: &Path) {
    // What could not be written may not be there to be removed.
    let _ = std::fs::remove_dir_all(folder);
}
