//! Captured machines as folders and archives: writing what a host told, unpacking what somebody sent. Neither a host nor an
//! archive is trusted with paths: nothing is written outside the folder that was named.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::io;
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
            fs::write(&place, content)?;
        } else if let Some(content) = text("base64") {
            fs::write(&place, STANDARD.decode(content).map_err(io::Error::other)?)?;
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

/// A link's target within the folder: an absolute one would lead to this machine's own files.
fn relative(link: &Path, target: &str) -> PathBuf {
    match target.strip_prefix('/') {
        None => PathBuf::from(target),
        Some(rest) => {
            let up = link.components().count().saturating_sub(1);
            std::iter::repeat_n("..", up).collect::<PathBuf>().join(rest)
        }
    }
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
        ] {
            assert!(write_capture(&place.path().join("host"), &told(&entries)).is_err(), "{entries}");
            let _ = fs::remove_dir_all(place.path().join("host"));
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
