//! Private key files: read once per run, unlocked once per run, by asking once.

use super::settings::Prompt;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, decode_secret_key};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How often a wrong passphrase may be given.
const TRIES: usize = 3;

/// The key files of a run.
#[derive(Default)]
pub(super) struct KeyFiles {
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
    /// One question at a time.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// One key file.
pub(super) struct KeyFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its public half, where it can be known without the passphrase.
    pub(super) public: Option<PublicKey>,
    /// The certificate beside it (`-cert.pub`).
    pub(super) certificate: Option<Certificate>,
    /// What was found.
    pub(super) content: KeyContent,
    unlocked: OnceCell<Result<Arc<PrivateKey>, String>>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// What a key file holds.
pub(super) enum KeyContent {
    /// A key ready for use.
    Ready(Arc<PrivateKey>),
    /// A key that needs a passphrase.
    Locked(String),
    /// Only the public half: an authentication agent must hold the other.
    PublicOnly,
    /// No such file.
    Missing,
    /// A file that cannot be used, and why.
    Bad(String),
}

impl KeyFiles {
    /// A key file, read at the first call.
    pub(super) fn load(&self, path: &Path) -> Arc<KeyFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file =
            files.entry(path.to_path_buf()).or_insert_with(|| Arc::new(KeyFile::read(path, Arc::clone(&self.asking))));
        Arc::clone(file)
    }
}

impl KeyFile {
    fn read(path: &Path, asking: Arc<tokio::sync::Mutex<()>>) -> Self {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            std::fs::read_to_string(PathBuf::from(name)).ok()
        };
        let public_beside = || beside(".pub").and_then(|text| PublicKey::from_openssh(text.trim()).ok());
        let (content, public) = match std::fs::read_to_string(path) {
            Ok(text) => parse(text, public_beside),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match public_beside() {
                Some(public) => (KeyContent::PublicOnly, Some(public)),
                None => (KeyContent::Missing, None),
            },
            Err(error) => (KeyContent::Bad(error.to_string()), None),
        };
        let certificate = beside("-cert.pub").and_then(|text| Certificate::from_openssh(text.trim()).ok());
        Self { path: path.to_path_buf(), public, certificate, content, unlocked: OnceCell::new(), asking }
    }

    /// Whether using it may mean to ask a person.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self.content, KeyContent::Locked(_)) && self.unlocked.get().is_none()
    }

    /// The private key, unlocked if need be.
    pub(super) async fn private(&self, prompt: Option<&Prompt>) -> Result<Arc<PrivateKey>, String> {
        match &self.content {
            KeyContent::Ready(key) => Ok(Arc::clone(key)),
            KeyContent::Locked(text) => self.unlocked.get_or_init(|| self.unlock(text, prompt)).await.clone(),
            KeyContent::PublicOnly => Err("there is only the public half of it".to_owned()),
            KeyContent::Missing => Err("it does not exist".to_owned()),
            KeyContent::Bad(reason) => Err(reason.clone()),
        }
    }

    async fn unlock(&self, text: &str, prompt: Option<&Prompt>) -> Result<Arc<PrivateKey>, String> {
        let Some(prompt) = prompt.cloned() else {
            return Err("it is encrypted, and there is no terminal to ask for its passphrase".to_owned());
        };
        let _turn = self.asking.lock().await;
        let (text, path) = (text.to_owned(), self.path.clone());
        // Once a file, not once a host: the person and the key derivation are both slow.
        tokio::task::spawn_blocking(move || ask(&text, &path, &prompt))
            .await
            .unwrap_or_else(|_| Err("asking for its passphrase failed".to_owned()))
    }
}

fn ask(text: &str, path: &Path, prompt: &Prompt) -> Result<Arc<PrivateKey>, String> {
    let mut question = format!("Passphrase for key {}: ", path.display());
    for _ in 0..TRIES {
        let Some(answer) = prompt(&question) else {
            return Err("it is encrypted, and no passphrase was given".to_owned());
        };
        if let Ok(key) = decode_secret_key(text, Some(&answer)) {
            return Ok(Arc::new(key));
        }
        question = format!("Wrong. Passphrase for key {}: ", path.display());
    }
    Err("the passphrase was wrong".to_owned())
}

fn parse(text: String, public_beside: impl Fn() -> Option<PublicKey>) -> (KeyContent, Option<PublicKey>) {
    if let Ok(public) = PublicKey::from_openssh(text.trim()) {
        return (KeyContent::PublicOnly, Some(public));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => {
            let public = key.public_key().clone();
            (KeyContent::Ready(Arc::new(key)), Some(public))
        }
        Err(error) => {
            // OpenSSH's own form shows the public half of a locked key; older forms do not.
            let shown = PrivateKey::from_openssh(&text).ok().filter(PrivateKey::is_encrypted);
            if shown.is_some() || text.contains("ENCRYPTED") {
                let public = shown.map(|key| key.public_key().clone()).or_else(public_beside);
                return (KeyContent::Locked(text), public);
            }
            (KeyContent::Bad(format!("it is no private key that can be used here ({error})")), public_beside())
        }
    }
}

/// Append the signature of `data` to it, in the form the SSH login wants.
pub(super) fn sign(key: &PrivateKey, hash: Option<HashAlg>, mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    let signature = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
        _ => key.try_sign(&data),
    }
    .map_err(|error| format!("cannot sign: {error}"))?;
    let mut bytes = Vec::new();
    signature.encode(&mut bytes).map_err(|error| format!("cannot sign: {error}"))?;
    data.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    data.extend_from_slice(&bytes);
    Ok(data)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]
    use super::*;
    use std::process::Command;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// `false` where there is no ssh-keygen.
    fn generate(path: &Path, extra: &[&str]) -> bool {
        let Ok(done) = Command::new("ssh-keygen").args(["-q", "-f"]).arg(path).args(extra).status() else {
            assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "ssh-keygen is required and missing");
            eprintln!("skipped: there is no ssh-keygen on this machine");
            return false;
        };
        assert!(done.success());
        true
    }

    #[tokio::test]
    async fn a_locked_key_is_asked_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        if !generate(&path, &["-t", "ed25519", "-N", "open sesame", "-a", "1"]) {
            return;
        }
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let prompt: Prompt = Arc::new(move |question| {
            assert!(question.contains("/key: "));
            Some(if count.fetch_add(1, Ordering::SeqCst) == 0 { "wrong" } else { "open sesame" }.to_owned())
        });
        let files = KeyFiles::default();
        assert!(files.load(&path).is_locked());
        assert!(files.load(&path).public.is_some());
        for _ in 0..3 {
            files.load(&path).private(Some(&prompt)).await.unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn nobody_to_ask_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        if !generate(&path, &["-t", "ecdsa", "-m", "PEM", "-N", "open sesame"]) {
            return;
        }
        let error = KeyFiles::default().load(&path).private(None).await.unwrap_err();
        assert!(error.contains("no terminal"), "{error}");
    }

    #[test]
    fn files_that_are_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(KeyFiles::default().load(&path).content, KeyContent::Missing));
        std::fs::write(&path, "hello").unwrap();
        let files = KeyFiles::default();
        let file = files.load(&path);
        let KeyContent::Bad(reason) = &file.content else { panic!("taken for a key") };
        assert!(reason.contains("no private key"), "{reason}");
    }
}
