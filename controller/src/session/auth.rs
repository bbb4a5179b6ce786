//! Logging in: keys of the authentication agent, key files, password, keyboard-interactive, in OpenSSH's order, except
//! that a key the inventory names for a host comes before whatever else an agent holds.

use super::auth_agent::AuthAgent;
use super::certificates;
use super::host_key::{Door, Gatekeeper};
use super::key_files::{KeyContent, KeyFile, sign};
use super::route::Route;
use super::{Secret, SessionError, Settings, escaped};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a person may take to type a passphrase.
const PATIENCE: Duration = Duration::from_secs(300);

/// Rounds of questions that keyboard-interactive may take.
const MAX_ROUNDS: usize = 4;

/// Log in over an agreed connection; no password goes to one that is suspect.
pub(super) async fn log_in(
    handle: &mut Handle<Gatekeeper>,
    settings: &Settings,
    route: &Route,
    password: Option<&Secret>,
    (door, is_suspect): (&Door, bool),
) -> Result<(), SessionError> {
    let mut login = Login {
        handle,
        settings,
        route,
        tried: Vec::new(),
        notes: Vec::new(),
        remaining: None,
        rsa: None,
        offered: Vec::new(),
    };
    if login.keys().await? {
        return Ok(());
    }
    let password = match password {
        Some(_) if is_suspect => {
            login.notes.push("the password was not sent, as the host key changed".to_owned());
            None
        }
        other => other,
    };
    // A password is not sent before the host has said that it takes one.
    let is_unknown = login.remaining.is_none() && !login.handle.is_closed();
    if password.is_some() && is_unknown && login.none().await? {
        return Ok(());
    }
    if let Some(password) = password
        && (login.password(password).await? || login.interactive(password).await?)
    {
        return Ok(());
    }
    // To be told what the host would take (or that it wants nothing).
    if login.remaining.is_none() && !login.handle.is_closed() && login.none().await? {
        return Ok(());
    }
    if login.handle.is_closed() {
        login.notes.push(match door.reason() {
            Some(reason) if reason.to_ascii_lowercase().contains("too many authentication failures") => {
                format!("{reason}: name the right key with ansible_ssh_private_key_file or IdentityFile, and set IdentitiesOnly")
            }
            _ => "the host closed the connection (after too many attempts? name one key with ansible_ssh_private_key_file, or set IdentitiesOnly)".to_owned(),
        });
    }
    Err(login.failed())
}

struct Login<'a> {
    handle: &'a mut Handle<Gatekeeper>,
    settings: &'a Settings,
    route: &'a Route,
    tried: Vec<String>,
    notes: Vec<String>,
    /// What the server would still take; `None` before its first answer.
    remaining: Option<MethodSet>,
    /// The hash for RSA signatures, once asked for.
    rsa: Option<Option<HashAlg>>,
    /// Keys offered without a certificate.
    offered: Vec<PublicKey>,
}

/// Something to sign with.
enum Candidate {
    Agent(Arc<AuthAgent>, Box<AgentIdentity>),
    File(Arc<KeyFile>),
}

impl Login<'_> {
    fn failed(self) -> SessionError {
        let accepted = self.remaining.iter().flat_map(|set| set.iter().map(String::from)).collect();
        SessionError::AuthFailed {
            user: self.route.user.clone(),
            address: self.route.address.clone(),
            tried: self.tried,
            notes: self.notes,
            accepted,
        }
    }

    fn offers(&self, kind: MethodKind) -> bool {
        self.route.logins.allow(<&str>::from(&kind))
            && !self.handle.is_closed()
            && self.remaining.as_ref().is_none_or(|set| set.contains(&kind))
    }

    /// Whether we are in; if not, what is left.
    fn judged(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure { remaining_methods, .. } => {
                if !self.handle.is_closed() || !remaining_methods.is_empty() {
                    self.remaining = Some(remaining_methods);
                }
                false
            }
        }
    }

    async fn within<T>(&self, extra: Duration, work: impl Future<Output = T>) -> Result<T, SessionError> {
        within(self.settings.deadlines.auth + extra, work).await
    }

    /// Try every key in turn.
    async fn keys(&mut self) -> Result<bool, SessionError> {
        for candidate in self.candidates().await {
            if !self.offers(MethodKind::PublicKey) {
                break;
            }
            if self.key(candidate).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keys in the order they are tried.
    async fn candidates(&mut self) -> Vec<Candidate> {
        let load = |paths: &[PathBuf]| -> Vec<Arc<KeyFile>> {
            paths.iter().map(|path| self.settings.keys.load(path)).collect()
        };
        let (own, more) = (load(&self.route.own_keys), load(&self.route.more_keys));
        for file in &own {
            if matches!(file.content, KeyContent::Missing) {
                self.notes.push(format!("key {} does not exist", file.path.display()));
            }
        }
        let agent = self.route.auth_socket.as_ref().map(|socket| self.settings.auth_agents.get(socket));
        let mut held: Vec<AgentIdentity> = Vec::new();
        if let Some(agent) = &agent {
            match agent.identities().await {
                Ok(identities) => held = identities.to_vec(),
                Err(problem) => self.notes.push(problem),
            }
        }
        let mut take = |file: &Arc<KeyFile>| -> Vec<Candidate> {
            let Some(agent) = &agent else { return Vec::new() };
            let matching = |identity: &AgentIdentity| {
                file.public.as_ref().is_some_and(|public| identity.public_key().key_data() == public.key_data())
            };
            let found = held.iter().filter(|identity| matching(identity)).cloned();
            let found = found.map(|identity| Candidate::Agent(Arc::clone(agent), Box::new(identity))).collect();
            held.retain(|identity| !matching(identity));
            found
        };
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for file in own {
            let by_agent = take(&file);
            match &file.content {
                _ if !by_agent.is_empty() => first.extend(by_agent),
                KeyContent::Locked(_) => last.push(Candidate::File(file)),
                _ => first.push(Candidate::File(file)),
            }
        }
        let mut files = Vec::new();
        for file in more {
            let by_agent = take(&file);
            if by_agent.is_empty() {
                files.push(file);
            }
            first.extend(by_agent);
        }
        if self.route.identities_only {
            // A certificate's file names a key, too.
            let named: Vec<Certificate> =
                self.route.certificates.iter().filter_map(|path| certificates::read(path)?.ok()).collect();
            held.retain(|identity| {
                named.iter().any(|certificate| certificates::is_for(certificate, &identity.public_key()))
            });
        }
        if let Some(agent) = &agent {
            first.extend(held.into_iter().map(|identity| Candidate::Agent(Arc::clone(agent), Box::new(identity))));
        }
        let (locked, ready): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| matches!(file.content, KeyContent::Locked(_)));
        first.extend(ready.into_iter().map(Candidate::File));
        first.extend(last);
        first.extend(locked.into_iter().map(Candidate::File));
        first
    }

    /// Try one key, its certificate first.
    async fn key(&mut self, candidate: Candidate) -> Result<bool, SessionError> {
        let binding = self.handle.agent_session_binding().cloned();
        let (label, public, certificates, mut signer) = match candidate {
            Candidate::Agent(agent, identity) => {
                let label = format!("agent key {}", escaped(identity.comment()));
                let public = identity.public_key().into_owned();
                let mut certificates = self.certificates(&public);
                if let AgentIdentity::Certificate { certificate, .. } = identity.as_ref() {
                    certificates.insert(0, certificate.clone());
                }
                (label, public, certificates, Signer::agent(agent, binding))
            }
            Candidate::File(file) => {
                let locked =
                    if matches!(file.content, KeyContent::Locked(_)) { " (encrypted, not unlocked)" } else { "" };
                let label = format!("key {}{locked}", file.path.display());
                let Some(public) = self.public_half(&file, &label).await else { return Ok(false) };
                let mut certificates = self.certificates(&public);
                certificates.extend(file.certificate.clone().filter(|found| *found.public_key() == *public.key_data()));
                (label, public, certificates, Signer::file(file, self.settings.prompt.clone()))
            }
        };
        let hash = self.hash_for(&public).await?;
        for certificate in certificates {
            let name = format!("certificate {} of {label}", escaped(certificate.key_id()));
            if let Some(reason) = certificates::refusal(&certificate, &self.route.user) {
                self.notes.push(format!("{name}: {}", escaped(&reason)));
                if !reason.starts_with(certificates::HINT) {
                    continue;
                }
            }
            self.tried.push(format!("{label} with certificate {}", escaped(certificate.key_id())));
            let extra = signer.patience();
            let limit = self.settings.deadlines.auth + extra;
            let work = self.handle.authenticate_certificate_with(&self.route.user, certificate, hash, &mut signer);
            let result = within(limit, work).await?;
            if self.taken(result, &label) {
                return Ok(true);
            }
        }
        // An agent that holds a key and its certificate shows the key twice: each attempt counts at the host.
        if self.offered.iter().any(|known| known.key_data() == public.key_data()) || !self.offers(MethodKind::PublicKey)
        {
            return Ok(false);
        }
        self.offered.push(public.clone());
        self.tried.push(label.clone());
        let limit = self.settings.deadlines.auth + signer.patience();
        let work = self.handle.authenticate_publickey_with(&self.route.user, public, hash, &mut signer);
        let result = within(limit, work).await?;
        Ok(self.taken(result, &label))
    }

    fn taken(&mut self, result: Result<AuthResult, SignError>, label: &str) -> bool {
        match result {
            Ok(result) => self.judged(result),
            Err(SignError::Key(problem)) => {
                self.notes.push(format!("{label}: {problem}"));
                false
            }
            Err(SignError::Gone) => false,
        }
    }

    /// The public half of a key file; notes why there is none.
    async fn public_half(&mut self, file: &Arc<KeyFile>, label: &str) -> Option<PublicKey> {
        match &file.content {
            KeyContent::Missing | KeyContent::PublicOnly => return None,
            KeyContent::Bad(problem) => {
                self.notes.push(format!("{label}: {problem}"));
                return None;
            }
            KeyContent::Ready(_) | KeyContent::Locked(_) => {}
        }
        if let Some(public) = &file.public {
            return Some(public.clone());
        }
        match file.private(self.settings.prompt.as_ref()).await {
            Ok(key) => Some(key.public_key().clone()),
            Err(problem) => {
                self.notes.push(format!("{label}: {problem}"));
                None
            }
        }
    }

    /// Certificates that configuration files name, for this key.
    fn certificates(&mut self, public: &PublicKey) -> Vec<Certificate> {
        let mut found = Vec::new();
        for path in &self.route.certificates {
            match certificates::read(path) {
                Some(Ok(certificate)) if certificates::is_for(&certificate, public) => found.push(certificate),
                Some(Ok(_)) => {}
                Some(Err(problem)) if !self.notes.contains(&problem) => self.notes.push(problem),
                Some(Err(_)) => {}
                None => {
                    let problem = format!("certificate {} does not exist", path.display());
                    if !self.notes.contains(&problem) {
                        self.notes.push(problem);
                    }
                }
            }
        }
        found
    }

    /// The best hash both sides know, for RSA keys. Never SHA-1 unless the server says it takes nothing else.
    async fn hash_for(&mut self, public: &PublicKey) -> Result<Option<HashAlg>, SessionError> {
        if !matches!(public.algorithm(), Algorithm::Rsa { .. }) {
            return Ok(None);
        }
        if let Some(known) = self.rsa {
            return Ok(known);
        }
        let asked = self.within(Duration::ZERO, self.handle.best_supported_rsa_hash()).await?;
        let hash = match asked {
            Ok(Some(hash)) => hash,
            Ok(None) | Err(_) => Some(HashAlg::Sha512),
        };
        self.rsa = Some(hash);
        Ok(hash)
    }

    async fn password(&mut self, password: &Secret) -> Result<bool, SessionError> {
        if !self.offers(MethodKind::Password) {
            return Ok(false);
        }
        self.tried.push("password".to_owned());
        let limit = self.settings.deadlines.auth;
        let result = within(limit, self.handle.authenticate_password(&self.route.user, password.expose())).await?;
        Ok(result.is_ok_and(|result| self.judged(result)))
    }

    async fn interactive(&mut self, password: &Secret) -> Result<bool, SessionError> {
        if !self.offers(MethodKind::KeyboardInteractive) {
            return Ok(false);
        }
        self.tried.push("keyboard-interactive".to_owned());
        let limit = self.settings.deadlines.auth;
        let start = self.handle.authenticate_keyboard_interactive_start(&self.route.user, None::<String>);
        let mut response = within(limit, start).await?;
        for _ in 0..MAX_ROUNDS {
            match response {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    return Ok(self.judged(AuthResult::Failure { remaining_methods, partial_success }));
                }
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => {
                    // Hidden questions get the password; what would be shown while typing is no password.
                    let hidden = |echo: bool| if echo { String::new() } else { password.expose().to_owned() };
                    let answers = prompts.iter().map(|prompt| hidden(prompt.echo)).collect();
                    let respond = self.handle.authenticate_keyboard_interactive_respond(answers);
                    response = within(limit, respond).await?;
                }
                Err(_) => return Ok(false),
            }
        }
        self.notes.push("the host asked more questions than a password answers".to_owned());
        Ok(false)
    }

    async fn none(&mut self) -> Result<bool, SessionError> {
        let limit = self.settings.deadlines.auth;
        let result = within(limit, self.handle.authenticate_none(&self.route.user)).await?;
        Ok(result.is_ok_and(|result| self.judged(result)))
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, SessionError> {
    let late = |_| SessionError::Deadline { phase: "an answer to the login", seconds: limit.as_secs() };
    tokio::time::timeout(limit, work).await.map_err(late)
}

/// Why nothing was signed.
#[derive(Debug)]
enum SignError {
    /// The connection is gone.
    Gone,
    /// The key cannot be used.
    Key(String),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Gone
    }
}

/// Signs with an agent's key or a file's, which is unlocked only when the server has said that it would take it.
struct Signer {
    source: SignSource,
}

enum SignSource {
    Agent(Arc<AuthAgent>, Option<AgentSessionBinding>),
    File(Arc<KeyFile>, Option<super::Prompt>),
}

impl Signer {
    fn agent(agent: Arc<AuthAgent>, binding: Option<AgentSessionBinding>) -> Self {
        Self { source: SignSource::Agent(agent, binding) }
    }

    fn file(file: Arc<KeyFile>, prompt: Option<super::Prompt>) -> Self {
        Self { source: SignSource::File(file, prompt) }
    }

    /// Time a person may need: for the passphrase, or to touch a token.
    fn patience(&self) -> Duration {
        match &self.source {
            SignSource::File(file, Some(_)) if file.is_locked() => PATIENCE,
            SignSource::File(..) => Duration::ZERO,
            SignSource::Agent(..) => Duration::from_secs(30),
        }
    }
}

impl russh::Signer for Signer {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        match &self.source {
            SignSource::Agent(agent, binding) => {
                agent.sign(key, hash, data, binding.as_ref()).await.map_err(SignError::Key)
            }
            SignSource::File(file, prompt) => {
                let private = file.private(prompt.as_ref()).await.map_err(SignError::Key)?;
                sign(&private, hash, data).map_err(SignError::Key)
            }
        }
    }
}
