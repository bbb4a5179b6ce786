//! `fetch`: a file of the host, copied to the controller in pieces. Nothing a host says can lead out of `dest`.

use crate::event::EventStatus;
use crate::rollout::connect::ConnectError;
use crate::rollout::errand::Errand;
use crate::rollout::flags;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use luthier_protocol::message::{PIECE, Question, Told};
use luthier_protocol::{Map, Value as Json};
use md5::Md5;
use sha1::{Digest, Sha1};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Copy it, unless the controller has it already.
pub async fn run(walker: &HostRun, params: &Map, errand: &Errand<'_>) -> Outcome {
    match flags::check(walker, errand.task, errand.scope, errand.place) {
        Ok(false) => {}
        Ok(true) => return Outcome::skipped("check mode is not supported for this module"),
        Err(message) => return Outcome::failed(message),
    }
    let text = |name: &str| params.get(name).and_then(Json::as_str).unwrap_or_default();
    let flag = |name: &str| params.get(name).and_then(Json::as_bool).unwrap_or(true);
    let told = errand.ask(walker, Question::File { path: text("src").to_owned() }).await;
    let (path, is_directory, sha1) = match told {
        Ok(Told::File { path, is_directory, sha1, .. }) => (path, is_directory, sha1),
        Ok(_) => return Outcome::failed("the agent gave another answer than asked for"),
        Err(error) => {
            let outcome = error.outcome();
            let lost = outcome.status == EventStatus::Unreachable || flag("fail_on_missing");
            return if lost { outcome } else { missing(text("src"), outcome.result.get("msg"), false) };
        }
    };
    let source = match source_of(text("src"), &path) {
        Ok(source) => source,
        Err(message) => return Outcome::failed(message),
    };
    if is_directory {
        let message = Json::from("remote file is a directory, fetch cannot work on directories");
        return missing(&source, Some(&message), flag("fail_on_missing"));
    }
    let Some(sha1) = sha1 else {
        let message = Json::from("the remote file does not exist, not transferring, ignored");
        return missing(&source, Some(&message), flag("fail_on_missing"));
    };
    let is_flat = params.get("flat").and_then(Json::as_bool).unwrap_or(false);
    let target = match target(text("dest"), &walker.host, &source, is_flat, errand.place.base.as_deref()) {
        Ok(target) => target,
        Err(message) => return Outcome::failed(message),
    };
    copy(walker, errand, &path, &source, &sha1, &target, flag("validate_checksum")).await
}

fn missing(source: &str, message: Option<&Json>, fails: bool) -> Outcome {
    let status = if fails { EventStatus::Failed } else { EventStatus::Ok };
    let mut outcome = Outcome::new(status, Map::new()).with("file", source);
    outcome.result.insert("msg".into(), message.cloned().unwrap_or_default());
    outcome
}

/// The file's path as it becomes part of `dest`: as the playbook says it, or as the host expanded it, made harmless.
fn source_of(written: &str, expanded: &str) -> Result<String, String> {
    if written.starts_with('/') && !written.contains('$') {
        return Ok(tidy(Path::new(written)).display().to_string());
    }
    let path = Path::new(expanded);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if plain && path.is_absolute() {
        Ok(expanded.to_owned())
    } else {
        Err(format!("the host expanded `{written}` to `{expanded}`, which leads out of dest"))
    }
}

/// A path without `.` and `..`, which cannot lead above the root.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

/// Where the copy goes: `dest/HOST/SOURCE`, or with `flat` to `dest` itself.
fn target(dest: &str, host: &str, source: &str, is_flat: bool, base: Option<&Path>) -> Result<PathBuf, String> {
    let absolute = |path: &str| {
        let path = match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => PathBuf::from(path),
        };
        base.map_or(path.clone(), |base| base.join(&path))
    };
    let folder = absolute(dest);
    if !is_flat {
        if host.contains('/') || host == ".." || host == "." {
            return Err(format!("the host's name `{host}` cannot name a folder below dest"));
        }
        return Ok(tidy(&folder.join(host).join(source.trim_start_matches('/'))));
    }
    if folder.is_dir() && !dest.ends_with('/') {
        let message =
            "dest is an existing directory, use a trailing slash if you want to fetch src into that directory";
        return Err(message.to_owned());
    }
    if !dest.ends_with('/') {
        return Ok(tidy(&folder));
    }
    let name = Path::new(source).file_name().ok_or_else(|| format!("`{source}` has no file name"))?;
    let target = tidy(&folder.join(name));
    if target.is_dir() {
        return Err(format!("calculated dest '{}' is an existing directory", target.display()));
    }
    Ok(target)
}

/// The digests of a file: SHA-1 and MD5.
fn digests(path: &Path) -> io::Result<(String, String)> {
    let (mut sha1, mut md5) = (Sha1::new(), Md5::new());
    let mut file = File::open(path)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok((hex(&sha1.finalize()), hex(&md5.finalize())));
        }
        let bytes = piece.get(..length).unwrap_or_default();
        sha1.update(bytes);
        md5.update(bytes);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn copy(
    walker: &HostRun,
    errand: &Errand<'_>,
    path: &str,
    source: &str,
    remote: &str,
    target: &Path,
    validate: bool,
) -> Outcome {
    let shown = target.display().to_string();
    if let Ok((sha1, md5)) = digests(target)
        && sha1 == remote
    {
        let outcome = Outcome::ok(Map::new()).with("md5sum", md5).with("file", source).with("dest", shown);
        return outcome.with("checksum", sha1);
    }
    let part = match Part::begin(target) {
        Ok(part) => part,
        Err(error) => return Outcome::failed(format!("failed to write {shown}: {error}")),
    };
    let (sha1, md5, part) = match pull(walker, errand, path, part).await {
        Ok(done) => done,
        Err(failed) => return *failed,
    };
    if validate && sha1 != remote {
        let outcome = Outcome::failed("checksum mismatch").with("md5sum", md5).with("file", source).with("dest", shown);
        return outcome.with("remote_md5sum", Json::Null).with("checksum", sha1).with("remote_checksum", remote);
    }
    if let Err(error) = part.finish(target) {
        return Outcome::failed(format!("failed to write {shown}: {error}"));
    }
    let outcome = Outcome::new(EventStatus::Changed, Map::new()).with("md5sum", md5).with("dest", shown);
    outcome.with("remote_md5sum", Json::Null).with("checksum", sha1).with("remote_checksum", remote)
}

/// Pull the file piece by piece; its digests and where it lies now.
async fn pull(
    walker: &HostRun,
    errand: &Errand<'_>,
    path: &str,
    mut part: Part,
) -> Result<(String, String, Part), Box<Outcome>> {
    let (mut sha1, mut md5) = (Sha1::new(), Md5::new());
    let mut offset = 0;
    loop {
        let pieces = tokio::select! {
            pieces = pieces(walker, errand, path, offset) => pieces,
            () = walker.run.until_stopped() => return Err(Box::new(Outcome::failed("interrupted"))),
        };
        for told in pieces {
            let bytes = match told {
                Ok(Told::Piece(bytes)) if bytes.len() as u64 <= PIECE => bytes,
                Ok(_) => return Err(Box::new(Outcome::failed("the agent gave another answer than asked for"))),
                Err(error) => return Err(Box::new(error.outcome())),
            };
            sha1.update(&bytes);
            md5.update(&bytes);
            offset += bytes.len() as u64;
            if let Err(error) = part.file.write_all(&bytes) {
                return Err(Box::new(Outcome::failed(format!("failed to write {}: {error}", part.path.display()))));
            }
            if (bytes.len() as u64) < PIECE {
                return Ok((hex(&sha1.finalize()), hex(&md5.finalize()), part));
            }
        }
    }
}

/// The next pieces: one at the beginning, then several at once, so that a long way costs little.
async fn pieces(walker: &HostRun, errand: &Errand<'_>, path: &str, offset: u64) -> Vec<Result<Told, ConnectError>> {
    let piece = |number: u64| {
        let question = Question::Piece { path: path.to_owned(), offset: offset + number * PIECE, length: PIECE };
        errand.ask(walker, question)
    };
    if offset == 0 {
        return vec![piece(0).await];
    }
    let (one, two, three, four) = tokio::join!(piece(0), piece(1), piece(2), piece(3));
    vec![one, two, three, four]
}

/// A file under a temporary name beside its target; removed unless it is finished.
struct Part {
    path: PathBuf,
    file: File,
    finished: bool,
}

impl Part {
    fn begin(target: &Path) -> io::Result<Self> {
        let folder = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let path = folder.join(format!(".luthier-fetch-{:016x}", rand::random::<u64>()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { path, file, finished: false })
    }

    fn finish(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // What is left of a broken transfer is of no use.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn copies_lie_below_dest_by_host_and_path() {
        let base = Path::new("/plays");
        let place = |dest, host, source, flat| target(dest, host, source, flat, Some(base));
        assert_eq!(place("got", "kvm1", "/etc/hostname", false).unwrap(), Path::new("/plays/got/kvm1/etc/hostname"));
        assert_eq!(place("/a/", "kvm1", "/etc/hostname", true).unwrap(), Path::new("/a/hostname"));
        assert_eq!(place("/a/b", "kvm1", "/etc/hostname", true).unwrap(), Path::new("/a/b"));
        assert!(place("got", "../kvm1", "/etc/hostname", false).is_err());
        assert!(place("got", "..", "/etc/hostname", false).is_err());
        assert!(place("/tmp", "kvm1", "/etc/hostname", true).is_err());
    }

    #[test]
    fn a_host_cannot_lead_out_of_dest() {
        assert_eq!(source_of("/etc/../etc/./passwd", "/evil").unwrap(), "/etc/passwd");
        assert_eq!(source_of("/../../etc/passwd", "/evil").unwrap(), "/etc/passwd");
        assert_eq!(source_of("~/x", "/root/x").unwrap(), "/root/x");
        for answer in ["/root/../../x", "x", "../x", ""] {
            assert!(source_of("~/x", answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_transfer_that_breaks_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("deep/file");
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(&target, "old").unwrap();
        let mut part = Part::begin(&target).unwrap();
        part.file.write_all(b"half").unwrap();
        drop(part);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
        let mut part = Part::begin(&target).unwrap();
        part.file.write_all(b"new").unwrap();
        part.finish(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }
}
