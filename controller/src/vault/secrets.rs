//! The passwords: where they come from, and in which order they are tried.

use super::VaultError;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A password with the id it was given under.
#[derive(Clone)]
pub struct Secret {
    /// The vault id; `default` where none was given.
    pub id: String,
    password: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Secret {
    /// A password under an id.
    ///
    /// # Errors
    /// The password is empty.
    pub fn new(id: impl Into<String>, password: Vec<u8>) -> Result<Self, VaultError> {
        let id = id.into();
        if password.is_empty() {
            return Err(VaultError::EmptyPassword(id));
        }
        Ok(Self { id, password })
    }

    /// From a password file; an executable one is run and says the password on its standard output. A program whose
    /// name ends in `-client` is told the id it is asked for.
    ///
    /// # Errors
    /// The file cannot be read, the program fails, or the password is empty.
    pub fn from_file(id: &str, path: &Path) -> Result<Self, VaultError> {
        let name = path.display().to_string();
        let broken = |source| VaultError::PasswordFile { path: name.clone(), source };
        let program = is_executable(path).map_err(broken)?;
        let bytes = if program { run(id, path, &name)? } else { std::fs::read(path).map_err(broken)? };
        Self::new(id, bytes.trim_ascii().to_vec())
    }

    /// The password.
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

fn is_executable(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let meta = std::fs::metadata(path)?;
    Ok(meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn run(id: &str, path: &Path, name: &str) -> Result<Vec<u8>, VaultError> {
    let failed = |why: String| VaultError::PasswordProgram { path: name.to_owned(), why };
    let path = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(&path);
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client")) {
        command.args(["--vault-id", id]);
    }
    // Standard error stays the terminal's: such programs ask there.
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    Ok(output.stdout)
}

/// All passwords that were given.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<Secret>);

impl FromIterator<Secret> for Secrets {
    fn from_iter<I: IntoIterator<Item = Secret>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl Secrets {
    /// Adds one.
    pub fn push(&mut self, secret: Secret) {
        self.0.push(secret);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first one of an id; of any id when none is asked for.
    pub fn find(&self, id: Option<&str>) -> Option<&Secret> {
        self.0.iter().find(|secret| id.is_none_or(|id| secret.id == id))
    }

    /// All of them, those of the id first.
    pub(super) fn ordered<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a Secret> {
        let named = move |secret: &&Secret| id == Some(secret.id.as_str());
        self.0.iter().filter(named).chain(self.0.iter().filter(move |secret| !named(secret)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn password_files_are_read_or_run() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "pass word \n").unwrap();
        assert_eq!(Secret::from_file("a", &plain).unwrap().password(), b"pass word");
        let program = folder.path().join("ask-client.sh");
        std::fs::write(&program, "#!/bin/sh\necho \"$1 $2\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(Secret::from_file("prod", &program).unwrap().password(), b"--vault-id prod");
        std::fs::write(&program, "#!/bin/sh\nexit 3\n").unwrap();
        assert!(Secret::from_file("prod", &program).unwrap_err().to_string().contains("exit status: 3"));
        std::fs::write(&plain, "\n").unwrap();
        assert!(matches!(Secret::from_file("a", &plain), Err(VaultError::EmptyPassword(_))));
        assert!(!format!("{:?}", Secret::new("a", b"geheim".to_vec())).contains("geheim"));
    }
}
