//! What a machine boots: Debian's cloud kernel out of its package file, downloaded once, and its modules.

use crate::luthier::target_folder;
use crate::skip::skip;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The modules of these names and of all that they need, in the order in which they load.
pub(super) fn modules(kernel: &Kernel, names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut ordered = Vec::new();
    for name in names {
        order(&kernel.modules, name, &mut ordered);
    }
    ordered
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
