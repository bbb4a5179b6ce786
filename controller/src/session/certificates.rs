//! Certificates of the operator's keys (`ssh-keygen -s`): which belong to a key, and which a host can take at all.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PublicKey};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A certificate's file, or why it is none; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Option<Result<Certificate, String>> {
    let wrong = |problem: String| format!("certificate {}: {problem}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => Some(Certificate::from_openssh(text.trim()).map_err(|error| wrong(error.to_string()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(wrong(error.to_string()))),
    }
}

/// Whether a certificate is for a key.
pub(super) fn is_for(certificate: &Certificate, public: &PublicKey) -> bool {
    certificate.public_key() == public.key_data()
}

/// Why no host can take a certificate for this user, if that is certain.
pub(super) fn refusal(certificate: &Certificate, user: &str) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if certificate.cert_type() != CertType::User {
        return Some("it is a host's certificate and no user's".to_owned());
    }
    if certificate.valid_before() <= now {
        return Some(format!("it expired at {}", moment(certificate.valid_before())));
    }
    if certificate.valid_after() > now {
        return Some(format!("it is not valid before {}", moment(certificate.valid_after())));
    }
    let principals = certificate.valid_principals();
    // Which principals stand for a user is the host's own business: what is said here is only a hint.
    (!principals.is_empty() && !principals.iter().any(|name| name == user))
        .then(|| format!("{HINT}{}", principals.join(", ")))
}

/// How a refusal begins that is a hint only: the host may map other names to the user.
pub(super) const HINT: &str = "its principals are ";

fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), |at| at.to_string())
}
