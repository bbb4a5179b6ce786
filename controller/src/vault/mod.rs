//! Ansible Vault: encrypted files and values, formats 1.1 and 1.2 (AES-256), and the passwords that open them.

mod envelope;
mod secrets;

pub use envelope::{decrypt, encrypt, is_vault, vault_id};
pub use secrets::{Secret, Secrets};

/// Why something encrypted could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The text does not begin as Ansible Vault does.
    #[error("read vaulted text: it has no line `$ANSIBLE_VAULT;1.1;AES256` at its beginning")]
    NoHeader,
    /// Another version or cipher.
    #[error("read vaulted text: the format `{0}` is not known (1.1 and 1.2 with AES256 are)")]
    Format(String),
    /// The text behind the header is no hexadecimal envelope.
    #[error("read vaulted text: it is damaged ({0})")]
    Damaged(&'static str),
    /// No password was given at all.
    #[error("decrypt vaulted text: no vault password was given")]
    NoSecrets,
    /// None of the passwords fits.
    #[error("decrypt vaulted text: none of the vault passwords fits (tried {0})")]
    WrongPassword(String),
    /// A password file cannot be read.
    #[error("read the vault password file {path}")]
    PasswordFile {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A password program failed.
    #[error("run the vault password program {path}: {why}")]
    PasswordProgram {
        /// The program.
        path: String,
        /// Why.
        why: String,
    },
    /// A password must not be empty.
    #[error("read the vault password of `{0}`: it is empty")]
    EmptyPassword(String),
}
