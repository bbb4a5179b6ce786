//! The first file system: busybox, the kernel modules that reach network and disk, sshd, and whatever a description adds.
//! A small machine lives in it; for Debian it is the way to the disk, onto which it copies the additions.

use super::guest::found;
use super::image::{Kernel, modules};
use super::words::ADDRESS;
use super::{Machine, System};
use crate::skip::which;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who the machine is, and whom it lets in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    /// File of its private key.
    pub(super) host_key: &'a Path,
    /// Line of the key that may log in.
    pub(super) authorized: &'a str,
}

/// What both kinds do first: the card is known by its address, for a machine may have others.
const HEAD: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
hostname NAME
ip link set lo up
for card in /sys/class/net/*; do
  if [ "$(cat "$card/address")" = ADDRESS ]; then
    ip link set "${card##*/}" up
    ip addr add 10.0.2.15/24 dev "${card##*/}"
  fi
done
"#;

const SMALL: &str = r#"mkdir -p /dev/pts /dev/shm /dev/hugepages /run/sshd /tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/lib
mkdir /tmp/guest && chown 1000:1000 /tmp/guest
mount -t hugetlbfs hugetlbfs /dev/hugepages
/usr/sbin/sshd -f /etc/ssh/sshd_config -E /dev/console
trap 'reboot -f' TERM
while :; do sleep 3600 & wait $!; done
"#;

const DEBIAN: &str = r#"mkdir -p /disk
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /disk
if ! [ -e /disk/etc/.additions ]; then
  cp -a /additions/. /disk/
  : >/disk/etc/.additions
fi
umount /proc /sys
mount --move /dev /disk/dev
exec switch_root /disk /sbin/init
"#;

/// Pack it as `initramfs` in a folder.
pub(super) fn pack(folder: &Path, kernel: &Kernel, machine: &Machine, identity: &Identity<'_>) {
    let root = folder.join("root");
    for part in ["bin", "dev", "proc", "sys", "usr/sbin", "root", "run", "var/lib", "modules", "var/empty"] {
        fs::create_dir_all(root.join(part)).expect("a folder of the initramfs");
    }
    install(&which("busybox").expect("looked for before"), &root.join("bin/busybox"));
    symlink("busybox", root.join("bin/sh")).expect("a shell");
    let debian = machine.system == System::Debian;
    let text = format!("{HEAD}{}", if debian { DEBIAN } else { SMALL });
    fs::write(root.join("init"), text.replace("NAME", &machine.name).replace("ADDRESS", ADDRESS)).expect("init");
    executable(&root.join("init"));
    let wanted: &[&str] =
        if debian { &["virtio_pci", "virtio_net", "virtio_blk"] } else { &["virtio_pci", "virtio_net"] };
    for (number, (name, content)) in modules(kernel, wanted).iter().enumerate() {
        // Numbered, so that the shell's order of names is the order of loading.
        fs::write(root.join(format!("modules/{number:02}-{name}.ko")), content).expect("a kernel module");
    }
    let home = if debian { root.join("additions") } else { root.clone() };
    if !debian {
        small(&root);
    }
    additions(&home, machine, identity);
    let archive = folder.join("initramfs");
    let script = format!("cd '{}' && find . | cpio -o -H newc -R 0:0 --quiet >'{}'", root.display(), archive.display());
    let status = Command::new("/bin/sh").args(["-c", &script]).status().expect("sh runs");
    assert!(status.success(), "cannot pack the initramfs");
    let _ = fs::remove_dir_all(&root);
}

/// What Debian has by itself: accounts (`guest` is an ordinary user's) and sshd.
fn small(root: &Path) {
    let helpers = ["/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"].map(PathBuf::from);
    let sshd = which("sshd").expect("looked for before");
    copy(root, [sshd].into_iter().chain(helpers).filter(|path| path.is_file()));
    let files = [
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:100::/run/sshd:/bin/false\nguest:x:1000:1000::/tmp/guest:/bin/sh\n",
        ),
        ("etc/group", "root:x:0:\nsshd:x:100:\nguest:x:1000:\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\nguest:*:19000:0:99999:7:::\n"),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"),
        ("etc/os-release", "ID=luthier-test\nNAME=\"Luthier test machine\"\nVERSION_ID=\"1\"\n"),
    ];
    for (path, text) in files {
        write(root, Path::new(path), text.as_bytes());
    }
}

/// Keys, configuration of sshd, and what the description asks for.
fn additions(root: &Path, machine: &Machine, identity: &Identity<'_>) {
    let config = "HostKey /etc/ssh/host_key\nPidFile none\nUsePAM no\nUseDNS no\nPermitRootLogin yes\nStrictModes no\n\
        AuthorizedKeysFile /etc/ssh/authorized_keys\n";
    write(root, Path::new("etc/ssh/sshd_config"), config.as_bytes());
    write(root, Path::new("etc/hostname"), format!("{}\n", machine.name).as_bytes());
    write(root, Path::new("etc/ssh/authorized_keys"), format!("{}\n", identity.authorized).as_bytes());
    let key = root.join("etc/ssh/host_key");
    fs::copy(identity.host_key, &key).expect("the host key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
    copy(root, machine.copies.iter().map(|copy| found(copy)));
    for (path, content) in &machine.files {
        write(root, path, content);
    }
}

fn write(root: &Path, path: &Path, content: &[u8]) {
    let file = below(root, path);
    fs::create_dir_all(file.parent().unwrap_or(root)).expect("a folder of the initramfs");
    fs::write(file, content).expect("a file of the initramfs");
}

/// Files of this machine at their own paths, with the libraries that programs among them need.
fn copy(root: &Path, files: impl Iterator<Item = PathBuf>) {
    let mut libraries = BTreeSet::new();
    for file in files {
        let shown = Command::new("ldd").arg(&file).output().expect("ldd runs");
        if shown.status.success() {
            let text = String::from_utf8_lossy(&shown.stdout).into_owned();
            libraries.extend(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from));
        }
        install(&file, &below(root, &file));
    }
    for library in libraries {
        install(&library, &below(root, &library));
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn install(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap_or(to)).expect("a folder of the initramfs");
    fs::copy(from, to).unwrap_or_else(|error| panic!("copy {}: {error}", from.display()));
    executable(to);
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
}
