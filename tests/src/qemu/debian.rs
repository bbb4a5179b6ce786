//! A small Debian with systemd on a disk, for machines that run [`super::System::Debian`]: the packages, downloaded by apt
//! and unpacked without running their scripts, in a file system image. Made once below the target folder.

use crate::luthier::target_folder;
use crate::skip::{is_root, missing, skip};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is wanted; apt adds what these need. `usr-is-merged` stands in for a package that would move files about.
const PACKAGES: [&str; 22] = [
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "iproute2",
    "kmod",
    "libc-bin",
    "login",
    "mawk",
    "openssh-server",
    "passwd",
    "procps",
    "sed",
    "systemd-sysv",
    "tar",
    "usr-is-merged",
    "util-linux",
];

/// Changed whenever the image is to be made anew.
const EDITION: &str = "2";

/// The image; `None` (and said) where it cannot be made.
pub(super) fn disk() -> Option<PathBuf> {
    let cache = target_folder().join("machine-debian");
    let image = cache.join(format!("disk-{EDITION}.img"));
    if image.exists() {
        return Some(image);
    }
    if missing(&["apt-get", "dpkg-deb", "tar", "mke2fs"]) {
        return None;
    }
    if !is_root() {
        skip("only root can unpack Debian's packages with their owners");
        return None;
    }
    fs::create_dir_all(&cache).expect("a cache folder");
    // Whoever comes second waits and finds it made.
    let lock = File::create(cache.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if image.exists() {
        return Some(image);
    }
    let draft = tempfile::TempDir::new_in(&cache).expect("a draft folder");
    let packages = download(draft.path())?;
    let root = draft.path().join("root");
    unpack(&packages, &root);
    settle(&root);
    let unfinished = draft.path().join("disk.img");
    let made = Command::new(program("mke2fs"))
        .args(["-q", "-F", "-t", "ext4", "-L", "lab", "-d"])
        .args([root.as_os_str(), unfinished.as_os_str()])
        .arg("768M")
        .output()
        .expect("mke2fs runs");
    assert!(made.status.success(), "mke2fs: {}", String::from_utf8_lossy(&made.stderr));
    fs::rename(&unfinished, &image).expect("the image takes its place");
    Some(image)
}

fn program(name: &str) -> PathBuf {
    crate::skip::which(name).expect("looked for before")
}

/// All packages as if nothing were installed yet, by the sources of this machine.
fn download(folder: &Path) -> Option<Vec<PathBuf>> {
    let archives = folder.join("archives");
    fs::create_dir_all(archives.join("partial")).expect("a folder for packages");
    let status = folder.join("status");
    fs::write(&status, "").expect("an empty list of packages");
    let mut command = Command::new("apt-get");
    command.args(["install", "-qq", "-y", "--no-install-recommends", "--download-only", "-o", "Debug::NoLocking=1"]);
    command.args(["-o", "APT::Sandbox::User=root"]);
    for (key, value) in [("Dir::State::status", &status), ("Dir::Cache::archives", &archives)] {
        command.arg("-o").arg(format!("{key}={}", value.display()));
    }
    let output = command.args(PACKAGES).output().expect("apt-get runs");
    let packages: Vec<PathBuf> = fs::read_dir(&archives)
        .expect("the folder of packages")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .collect();
    if !output.status.success() || packages.is_empty() {
        skip(&format!("apt-get cannot download systemd: {}", String::from_utf8_lossy(&output.stderr).trim()));
        return None;
    }
    Some(packages)
}

fn unpack(packages: &[PathBuf], root: &Path) {
    // Some packages still hold files in /bin and /lib; they are to land where the links lead.
    for part in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(part)).expect("a folder of the system");
        symlink(format!("usr/{part}"), root.join(part)).expect("a link of the system");
    }
    let script =
        "for file; do dpkg-deb --fsys-tarfile \"$file\" | tar -x --keep-directory-symlink -C \"$root\" || exit; done";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).args(packages).env("root", root);
    let output = command.output().expect("sh runs");
    assert!(output.status.success(), "cannot unpack: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the packages' scripts would have done, as far as a test machine needs it, and no login prompt: it would wait for a
/// device that nothing announces, for there is no udev.
fn settle(root: &Path) {
    let copy = |from: &str, to: &str| {
        fs::copy(root.join(from), root.join(to)).unwrap_or_else(|error| panic!("copy {from}: {error}"));
    };
    copy("usr/share/base-passwd/passwd.master", "etc/passwd");
    copy("usr/share/base-passwd/group.master", "etc/group");
    copy("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf");
    let append = |path: &str, text: &str| {
        let old = fs::read_to_string(root.join(path)).expect("a file of the system");
        fs::write(root.join(path), old + text).expect("a file of the system");
    };
    append("etc/passwd", "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n");
    let shadow = "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n";
    fs::write(root.join("etc/shadow"), shadow).expect("a file of the system");
    fs::write(root.join("etc/fstab"), "# The root is mounted before systemd starts.\n").expect("a file of the system");
    // Without one systemd takes this for the first boot ever and enables all there is.
    fs::write(root.join("etc/machine-id"), "4c757468696572206c61622031323334\n").expect("a file of the system");
    for needless in ["doc", "locale", "man"] {
        let _ = fs::remove_dir_all(root.join("usr/share").join(needless));
    }
    // They make units of fstab, init scripts and the like, of which there are none, and systemd runs all of them whenever
    // it reads its unit files: most of the time that takes on a machine as slow as this.
    fs::remove_dir_all(root.join("usr/lib/systemd/system-generators")).expect("systemd's generators");
    let units = root.join("etc/systemd/system");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants).expect("a folder of the system");
    let links = [
        ("/usr/lib/systemd/system/multi-user.target", units.join("default.target")),
        ("/dev/null", units.join("getty.target")),
        // Needs D-Bus, which nothing else here does.
        ("/dev/null", units.join("systemd-logind.service")),
        ("/usr/lib/systemd/system/ssh.service", wants.join("ssh.service")),
    ];
    for (target, link) in links {
        symlink(target, &link).expect("a link of the system");
    }
}
