//! What a machine boots: Debian's cloud kernel out of its package file, and an initramfs packed from this machine's
//! busybox and sshd.

use crate::luthier::target_folder;
use crate::skip::{skip, which};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules that a machine needs to be reached; what these need in turn is found in the modules themselves.
const MODULES: [&str; 2] = ["virtio_pci", "virtio_net"];

const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /run/sshd /tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/lib
for module in /modules/*.ko; do insmod "$module"; done
hostname machine
ip link set lo up
for card in /sys/class/net/e*; do
  ip link set "${card##*/}" up
  ip addr add 10.0.2.15/24 dev "${card##*/}"
done
/usr/sbin/sshd -f /etc/ssh/sshd_config -E /dev/console
trap 'reboot -f' TERM
while :; do sleep 3600 & wait $!; done
"#;

/// A kernel unpacked from its package.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The bootable image.
    pub(super) image: PathBuf,
    modules: PathBuf,
}

/// The kernel, downloaded and unpacked once below the target folder; `None` (and said) without one.
pub(super) fn kernel() -> Option<Kernel> {
    let cache = target_folder().join("machine-kernel");
    if let Some(found) = unpacked(&cache) {
        return Some(found);
    }
    fs::create_dir_all(&cache).expect("a cache folder");
    let draft = tempfile::TempDir::new_in(&cache).expect("a draft folder");
    let package = match package(&cache).or_else(|| download(draft.path())) {
        Some(file) => file,
        None => {
            skip("no package linux-image-*-cloud-amd64: neither in target/machine-kernel nor from apt-get download");
            return None;
        }
    };
    let root = draft.path().join("root");
    let status = Command::new("dpkg").arg("-x").arg(&package).arg(&root).status().expect("dpkg runs");
    assert!(status.success(), "cannot unpack {}", package.display());
    // Another test may have been quicker: then its folder stays and ours goes.
    let _ = fs::rename(&root, cache.join("root"));
    unpacked(&cache)
}

fn unpacked(cache: &Path) -> Option<Kernel> {
    let entries = fs::read_dir(cache.join("root/boot")).ok()?;
    let image = entries.flatten().map(|entry| entry.path()).find(|path| name(path).starts_with("vmlinuz-"))?;
    let version = name(&image).trim_start_matches("vmlinuz-").to_owned();
    let modules = ["lib/modules", "usr/lib/modules"].map(|folder| cache.join("root").join(folder).join(&version));
    Some(Kernel { modules: modules.into_iter().find(|folder| folder.is_dir())?, image })
}

/// A package file that was put there beforehand.
fn package(cache: &Path) -> Option<PathBuf> {
    fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path()).find(|path| name(path).ends_with(".deb"))
}

/// The package that the meta package `linux-image-cloud-amd64` stands for.
fn download(folder: &Path) -> Option<PathBuf> {
    let shown = Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]).output().ok()?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let real = text.lines().find_map(|line| line.trim().strip_prefix("Depends: "))?.trim().to_owned();
    let done = Command::new("apt-get").args(["download", "-q", &real]).current_dir(folder).output().ok()?;
    if done.status.success() { package(folder) } else { None }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Pack the first file system.
pub(super) fn initramfs(folder: &Path, kernel: &Kernel, host_key: &Path, authorized: &str) -> PathBuf {
    let root = folder.join("root");
    for part in
        ["bin", "dev", "proc", "sys", "etc/ssh", "root/.ssh", "usr/sbin", "run", "var/lib", "modules", "var/empty"]
    {
        fs::create_dir_all(root.join(part)).expect("a folder of the initramfs");
    }
    install(&which("busybox").expect("looked for before"), &root.join("bin/busybox"));
    symlink("busybox", root.join("bin/sh")).expect("a shell");
    fs::write(root.join("init"), INIT).expect("init");
    executable(&root.join("init"));
    programs(&root);
    let mut ordered = Vec::new();
    for module in MODULES {
        order(&kernel.modules, module, &mut ordered);
    }
    for (number, (name, content)) in ordered.iter().enumerate() {
        // Numbered, so that the shell's order of names is the order of loading.
        fs::write(root.join(format!("modules/{number:02}-{name}.ko")), content).expect("a kernel module");
    }
    let files = [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:100::/run/sshd:/bin/false\n"),
        ("etc/group", "root:x:0:\nsshd:x:100:\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n"),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"),
        ("etc/os-release", "ID=luthier-test\nNAME=\"Luthier test machine\"\nVERSION_ID=\"1\"\n"),
        (
            "etc/ssh/sshd_config",
            "HostKey /etc/ssh/host_key\nPidFile none\nUsePAM no\nUseDNS no\nPermitRootLogin yes\nStrictModes no\n",
        ),
    ];
    for (path, text) in files {
        fs::write(root.join(path), text).expect("a file of the initramfs");
    }
    fs::write(root.join("root/.ssh/authorized_keys"), format!("{authorized}\n")).expect("authorized keys");
    fs::copy(host_key, root.join("etc/ssh/host_key")).expect("the host key");
    fs::set_permissions(root.join("etc/ssh/host_key"), fs::Permissions::from_mode(0o600)).expect("chmod");
    let archive = folder.join("initramfs");
    let script = format!("cd '{}' && find . | cpio -o -H newc -R 0:0 --quiet >'{}'", root.display(), archive.display());
    let status = Command::new("/bin/sh").args(["-c", &script]).status().expect("sh runs");
    assert!(status.success(), "cannot pack the initramfs");
    archive
}

/// sshd with whatever it needs: its helpers of later versions, and the libraries of all of them.
fn programs(root: &Path) {
    let sshd = which("sshd").expect("looked for before");
    let helpers = ["/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"].map(PathBuf::from);
    let mut libraries = BTreeSet::new();
    for program in [sshd].into_iter().chain(helpers).filter(|path| path.is_file()) {
        let shown = Command::new("ldd").arg(&program).output().expect("ldd runs");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        libraries.extend(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from));
        install(&program, &below(root, &program));
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

/// Append a module behind all that it depends on. One that is not there is built into the kernel.
fn order(folder: &Path, module: &str, ordered: &mut Vec<(String, Vec<u8>)>) {
    if ordered.iter().any(|(name, _)| name == module) {
        return;
    }
    let Some(content) = module_content(folder, module) else { return };
    for needed in depends(&content) {
        order(folder, &needed, ordered);
    }
    ordered.push((module.to_owned(), content));
}

/// A module's ELF file, unpacked where the distribution compresses it.
fn module_content(folder: &Path, module: &str) -> Option<Vec<u8>> {
    if let Some(plain) = find(folder, &format!("{module}.ko")) {
        return fs::read(plain).ok();
    }
    let packed = find(folder, &format!("{module}.ko.xz"))?;
    let output = Command::new("xz").arg("-dc").arg(packed).output().expect("xz runs");
    output.status.success().then_some(output.stdout)
}

/// The names in a module's `depends=` entry: zero-terminated text in its `.modinfo` section.
fn depends(module: &[u8]) -> Vec<String> {
    let entry = module.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"depends="));
    let text = String::from_utf8_lossy(entry.unwrap_or_default()).into_owned();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn find(folder: &Path, wanted: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if let Some(found) = find(&path, wanted) {
                return Some(found);
            }
        } else if name(&path) == wanted {
            return Some(path);
        }
    }
    None
}
