//! SSH keys made for one test by `ssh-keygen`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A key pair on disk.
#[derive(Debug, Clone)]
pub(crate) struct KeyPair {
    /// The private file.
    pub(crate) file: PathBuf,
    /// Type and base64 of the public half.
    pub(crate) public: String,
    /// `SHA256:…` as `ssh-keygen -l` says it.
    pub(crate) fingerprint: String,
}

/// Make an Ed25519 pair.
pub(crate) fn generate(file: &Path, passphrase: &str) -> KeyPair {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "luthier-tests", "-N", passphrase, "-f"])
        .arg(file)
        .output()
        .expect("ssh-keygen runs");
    assert!(made.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&made.stderr));
    let public_file = file.with_extension("pub");
    let line = std::fs::read_to_string(&public_file).expect("the public half was written");
    let public = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let shown = Command::new("ssh-keygen").arg("-lf").arg(&public_file).output().expect("ssh-keygen runs");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let fingerprint = text.split_whitespace().nth(1).expect("a fingerprint").to_owned();
    KeyPair { file: file.to_path_buf(), public, fingerprint }
}
