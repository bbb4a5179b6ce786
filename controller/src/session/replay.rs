//! Captured machines as folders and archives: writing what a host told, unpacking what somebody sent. Neither a host nor an
//! archive is trusted with paths: nothing is written outside the folder that was named.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// Writes the entries that an agent told into a new folder.
pub fn write_capture(folder: &Path, told: &Map) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut links: BTreeSet<PathBuf> = BTreeSet::new();
    let entries = told.get("entries").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let Some(below) = text("path").and_then(inside) else {
            return Err(io::Error::other(format!("the host told an impossible path {:?}", text("path"))));
        };
        // A file lies where the links lead: below a link there is nothing, unless the host means to lead us elsewhere.
        if below.ancestors().skip(1).any(|parent| links.contains(parent)) {
            return Err(io::Error::other(format!("the host told of {} below a link", below.display())));
        }
        let place = folder.join(&below);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        if let Some(target) = text("link") {
            std::os::unix::fs::symlink(relative(&below, target), &place)?;
            links.insert(below);
        } else if let Some(content) = text("text") {
            create(&place, content.as_bytes())?;
        } else if let Some(content) = text("base64") {
            create(&place, &STANDARD.decode(content).map_err(io::Error::other)?)?;
        } else if entry.get("folder").is_some() {
            fs::create_dir_all(&place)?;
        }
    }
    Ok(())
}

/// An absolute path of the host as one below the folder; `None` where it leads out of it.
fn inside(path: &str) -> Option<PathBuf> {
    let below = Path::new(path.strip_prefix('/')?);
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !path.contains('\0') && below.components().next().is_some()).then(|| below.to_path_buf())
}

/// Writes a file that is not there yet: one that is may be a link, and the host said where it leads.
fn create(place: &Path, content: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(place)?.write_all(content)
}

/// A link's target within the folder: an absolute one, or one that climbs higher than the root, would lead to this
/// machine's own files.
fn relative(link: &Path, target: &str) -> PathBuf {
    let depth = link.components().count().saturating_sub(1);
    if !target.starts_with('/') && stays_inside(depth, Path::new(target)) {
        return PathBuf::from(target);
    }
    let from = if target.starts_with('/') { None } else { link.parent() };
    let mut place = PathBuf::new();
    for part in from.into_iter().flat_map(Path::components).chain(Path::new(target).components()) {
        match part {
            Component::Normal(name) => place.push(name),
            // Above the root there is the root.
            Component::ParentDir => drop(place.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if place.as_os_str().is_empty() {
        place.push(".");
    }
    std::iter::repeat_n("..", depth).collect::<PathBuf>().join(place)
}

/// Whether a relative target in a folder so deep climbs no further than to the root. Behind a name that may be another
/// link nobody knows where `..` leads.
fn stays_inside(depth: usize, target: &Path) -> bool {
    let mut parts = target.components().filter(|part| *part != Component::CurDir).peekable();
    let mut up = 0;
    while parts.next_if_eq(&Component::ParentDir).is_some() {
        up += 1;
    }
    up <= depth && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The first link below a folder that leads out of it, and where to: whoever reads the machine captured there would read
/// this one.
pub(super) fn link_outside(folder: &Path) -> io::Result<Option<(PathBuf, PathBuf)>> {
    let root = fs::canonicalize(folder)?;
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_symlink()
                // What leads nowhere gives nothing away.
                && let Ok(end) = fs::canonicalize(entry.path())
                && !end.starts_with(&root)
            {
                return Ok(Some((entry.path(), end)));
            }
        }
    }
    Ok(None)
}

/// Packs a folder as `.tar.zst`.
pub fn pack(folder: &Path, archive: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(archive)?;
    let mut builder = tar::Builder::new(zstd::Encoder::new(file, 9)?);
    builder.follow_symlinks(false);
    builder.mode(tar::HeaderMode::Deterministic);
    builder.append_dir_all(".", folder)?;
    builder.into_inner()?.finish()?.sync_all()
}

/// Unpacks a `.tar.zst` into a folder.
pub fn unpack(archive: &Path, folder: &Path) -> io::Result<()> {
    let file = fs::File::open(archive)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(file)?);
    archive.set_preserve_permissions(false);
    archive.unpack(folder)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::json;

    fn told(entries: &Value) -> Map {
        Map::from_iter([("entries".to_owned(), entries.clone())])
    }

    #[test]
    fn a_capture_is_written_packed_and_unpacked() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let entries = json!([
            {"path": "/sys/class/net", "folder": true},
            {"path": "/sys/class/net/eth0", "link": "../../devices/eth0"},
            {"path": "/sys/devices/eth0/mtu", "text": "1500\n"},
            {"path": "/etc/localtime", "link": "/usr/share/zoneinfo/UTC"},
            {"path": "/sys/raw", "base64": "AP8="},
            {"path": "/proc/kcore", "unreadable": "permission denied"},
        ]);
        write_capture(&at("host"), &told(&entries)).unwrap();
        pack(&at("host"), &at("host.tar.zst")).unwrap();
        unpack(&at("host.tar.zst"), &at("again")).unwrap();
        for root in [at("host"), at("again")] {
            assert_eq!(fs::read_to_string(root.join("sys/class/net/eth0/mtu")).unwrap(), "1500\n");
            assert_eq!(fs::read(root.join("sys/raw")).unwrap(), [0, 255]);
            assert_eq!(fs::read_link(root.join("etc/localtime")).unwrap(), Path::new("../usr/share/zoneinfo/UTC"));
            assert!(!root.join("proc/kcore").exists());
        }
    }

    #[test]
    fn a_host_cannot_lead_out_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        for entries in [
            json!([{"path": "/../x", "text": ""}]),
            json!([{"path": "x", "text": ""}]),
            json!([{"path": "/a/../../x", "text": ""}]),
            json!([{"path": "/", "text": ""}]),
            json!([{"path": "/a", "link": "/etc"}, {"path": "/a/passwd", "text": ""}]),
            json!([{"path": "/a", "link": ".."}, {"path": "/a/b/c", "folder": true}]),
            json!([{"path": "/x", "link": "../victim"}, {"path": "/x", "text": "evil"}]),
            json!([{"path": "/x", "link": "../victim"}, {"path": "/x", "base64": "AP8="}]),
            json!([{"path": "/x", "link": "y"}, {"path": "/x", "text": "evil"}]),
            json!([{"path": "/x", "text": ""}, {"path": "/x", "link": "y"}]),
        ] {
            assert!(write_capture(&place.path().join("host"), &told(&entries)).is_err(), "{entries}");
            let _ = fs::remove_dir_all(place.path().join("host"));
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_lead_nowhere_but_into_the_folder() {
        for (link, target, kept) in [
            ("a", "b", "b"),
            ("a", "../b", "b"),
            ("a/b", "../../../../etc/passwd", "../etc/passwd"),
            ("a/b", "../../etc/passwd", "../etc/passwd"),
            ("a/b", ".././c", ".././c"),
            ("a/b", "c/../../..", "../."),
            ("a/b/c", "d/../e", "../../a/b/e"),
            ("a/b", "/../etc", "../etc"),
        ] {
            assert_eq!(relative(Path::new(link), target), Path::new(kept), "{link} -> {target}");
        }
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("secret"), "secret").unwrap();
        let entries = json!([
            {"path": "/up", "link": ".."},
            {"path": "/a/b/top", "link": "../.."},
            {"path": "/a/b/out", "link": "top/../secret"},
            {"path": "/out", "link": "../secret"},
            {"path": "/here", "link": "a/b"},
        ]);
        write_capture(&at("host"), &told(&entries)).unwrap();
        assert_eq!(link_outside(&at("host")).unwrap(), None);
        std::os::unix::fs::symlink("../../../secret", at("host/a/b/hostile")).unwrap();
        let found = link_outside(&at("host")).unwrap().unwrap();
        assert!(found.0.ends_with("host/a/b/hostile") && found.1.ends_with("secret"), "{found:?}");
    }
}
