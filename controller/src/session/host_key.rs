//! Whether the key a server offers is taken.

use super::known_hosts::{Verdict, fingerprint};
use super::open::{Listener, Notice};
use super::route::Route;
use super::{HostKeyPolicy, KeyPrint, SessionError};
use russh::client::{self, DisconnectReason, Handler};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelOpenFailure};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What ends an SSH connection from inside.
#[derive(Debug)]
pub(super) enum HandlerError {
    /// The library's own errors.
    Ssh(russh::Error),
    /// Ours.
    Session(SessionError),
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// Shared between the connection and who holds it.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// A key was taken that differs from the recorded ones: no password may go there.
    pub(super) suspect: AtomicBool,
    /// The key is recorded, or an authority that is vouches for it.
    pub(super) proven: AtomicBool,
    /// Why the connection ended.
    reason: Mutex<Option<String>>,
    /// What the server said of channels it did not open, by the code of the reason, until somebody asks.
    refusals: Mutex<Vec<(u32, String)>>,
}

impl Door {
    /// Why the connection ended, if somebody said so.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the server said of a channel that it refused for this reason; `None` while that is not known, nothing when
    /// it may have been said of another channel.
    pub(super) fn refusal(&self, code: u32) -> Option<String> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let at = refusals.iter().position(|(known, _)| *known == code)?;
        let (_, text) = refusals.swap_remove(at);
        let is_sure = refusals.iter().all(|(known, other)| *known != code || *other == text);
        Some(if is_sure { text } else { String::new() })
    }
}

/// Judges the server's key.
pub(super) struct Gatekeeper {
    pub(super) route: Arc<Route>,
    pub(super) listener: Listener,
    pub(super) door: Arc<Door>,
}

impl Handler for Gatekeeper {
    type Error = HandlerError;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let judged = match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => judge(&self.route, key),
            PublicKeyOrCertificate::Certificate(certificate) => judge_certificate(&self.route, certificate),
        };
        match judged.map_err(HandlerError::Session)? {
            Taken::Quietly => self.door.proven.store(true, Ordering::SeqCst),
            Taken::With { warning, suspect } => {
                // Said once: at a later key exchange it is the same key.
                if !self.door.suspect.swap(suspect, Ordering::SeqCst) || !suspect {
                    (self.listener)(Notice::Warning(warning));
                }
            }
        }
        Ok(true)
    }

    async fn channel_open_failure(
        &mut self,
        _channel: ChannelId,
        reason: ChannelOpenFailure,
        description: &str,
        _language: &str,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let said = (reason.code(), super::escaped(description));
        self.door.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the host disconnected: {}", super::escaped(&info.message)), Ok(()))
            }
            DisconnectReason::Error(HandlerError::Ssh(error)) => {
                let text = match &error {
                    russh::Error::KeepaliveTimeout => "the host answers no more".to_owned(),
                    russh::Error::Disconnect | russh::Error::HUP => "the host closed the connection".to_owned(),
                    other => other.to_string(),
                };
                (text, Err(HandlerError::Ssh(error)))
            }
            DisconnectReason::Error(error) => (format!("{error:?}"), Err(error)),
        };
        *self.door.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        result
    }
}

/// How a key is taken.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Quietly,
    With { warning: String, suspect: bool },
}

fn judge(route: &Route, key: &PublicKey) -> Result<Taken, SessionError> {
    let blob = key.to_bytes().map_err(|error| SessionError::Protocol(format!("its host key: {error}")))?;
    let algorithm = key.algorithm().as_str().to_owned();
    // RSA keys are recorded under their type, whatever hash the two sides agreed on.
    let algorithm = if algorithm.starts_with("rsa-sha2-") { "ssh-rsa".to_owned() } else { algorithm };
    judge_blob(route, KeyPrint { algorithm, fingerprint: fingerprint(&blob) }, &blob)
}

fn judge_blob(route: &Route, offered: KeyPrint, blob: &[u8]) -> Result<Taken, SessionError> {
    let mut verdict = route.known.verdict(&route.key_name, blob);
    if let (Verdict::Unknown | Verdict::Changed { .. }, Some(plain)) = (&verdict, &route.plain_name) {
        let other = route.known.verdict(plain, blob);
        if matches!((&verdict, &other), (_, Verdict::Revoked { .. }) | (Verdict::Unknown, Verdict::Trusted)) {
            verdict = other;
        }
    }
    let name = route.key_name.clone();
    match (verdict, route.policy) {
        (Verdict::Trusted, _) => Ok(Taken::Quietly),
        (Verdict::Revoked { file, line }, _) => Err(SessionError::HostKeyRevoked { name, offered, file, line }),
        (Verdict::Changed { .. }, HostKeyPolicy::Any) => Ok(Taken::With {
            warning: format!(
                "{name}: the host key changed to {offered}; taken all the same, as host keys are not to be checked, but no password is sent"
            ),
            suspect: true,
        }),
        (Verdict::Changed { recorded }, _) => Err(SessionError::HostKeyChanged { name, offered, recorded }),
        (Verdict::Unknown, HostKeyPolicy::Any) => Ok(Taken::With {
            warning: format!("{name}: unknown host key {offered}; taken, as host keys are not to be checked"),
            suspect: false,
        }),
        (Verdict::Unknown, HostKeyPolicy::AcceptNew) => Ok(record(route, &offered, blob)),
        (Verdict::Unknown, HostKeyPolicy::Strict) => {
            Err(SessionError::HostKeyUnknown { name, offered, searched: route.known.paths() })
        }
    }
}

fn record(route: &Route, offered: &KeyPrint, blob: &[u8]) -> Taken {
    let name = &route.key_name;
    let result = match route.known.first() {
        Some(file) => file.record(name, &offered.algorithm, blob, route.hash_names).map_err(|error| error.to_string()),
        None => Err("no known_hosts file is configured".to_owned()),
    };
    let warning = match result {
        Ok(()) => format!("{name}: new host key {offered} recorded"),
        Err(problem) => format!("{name}: new host key {offered} taken, but not recorded: {problem}"),
    };
    Taken::With { warning, suspect: false }
}

fn judge_certificate(route: &Route, certificate: &Certificate) -> Result<Taken, SessionError> {
    let key = PublicKey::new(certificate.public_key().clone(), "");
    let authority = PublicKey::new(certificate.signature_key().clone(), "");
    let blob = authority.to_bytes().map_err(|error| SessionError::Protocol(format!("its certificate: {error}")))?;
    let name = route.plain_name.as_deref().unwrap_or(&route.key_name);
    // What the name without a port vouches for, it can take back as well.
    let names = [route.key_name.as_str(), name];
    for revoked in [&key, &authority] {
        let blob = revoked.to_bytes().unwrap_or_default();
        for known in names {
            if let Verdict::Revoked { file, line } = route.known.verdict(known, &blob) {
                let offered = KeyPrint { algorithm: revoked.algorithm().to_string(), fingerprint: fingerprint(&blob) };
                return Err(SessionError::HostKeyRevoked { name: known.to_owned(), offered, file, line });
            }
        }
    }
    let trusted = names.iter().any(|known| route.known.trusts_authority(known, &blob));
    // A certificate without principals would speak for every host of the authority: not taken.
    let named = certificate.valid_principals().iter().any(|principal| super::pattern::matches(principal, name));
    let print = authority.fingerprint(HashAlg::Sha256);
    if trusted && named && certificate.cert_type() == CertType::Host && certificate.validate([&print]).is_ok() {
        return Ok(Taken::Quietly);
    }
    // As OpenSSH does: a certificate that proves nothing leaves its key, which may be recorded itself.
    judge(route, &key)
}

/// Algorithms of host keys in the order they are asked for: those recorded for the host first, so that a server with
/// several keys offers one that can be compared. SHA-1 signatures are not accepted.
pub(super) fn preferred(route: &Route) -> Vec<Algorithm> {
    let usual: Vec<Algorithm> = russh::Preferred::DEFAULT
        .key
        .iter()
        .filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None }))
        .cloned()
        .collect();
    let mut recorded = route.known.algorithms(&route.key_name);
    if recorded.is_empty()
        && let Some(plain) = &route.plain_name
    {
        recorded = route.known.algorithms(plain);
    }
    let is_recorded = |algorithm: &Algorithm| {
        let name = if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() };
        recorded.iter().any(|known| known == name)
    };
    let (mut first, rest): (Vec<_>, Vec<_>) = usual.into_iter().partition(is_recorded);
    first.extend(rest);
    first
}

/// Algorithms of host certificates to ask for: none unless an authority is trusted for the host.
pub(super) fn preferred_certificates(route: &Route) -> Cow<'static, [Algorithm]> {
    let known = [Some(&route.key_name), route.plain_name.as_ref()];
    if known.into_iter().flatten().any(|name| route.known.has_authority(name)) {
        return Cow::Owned(preferred(route));
    }
    Cow::Borrowed(&[])
}
