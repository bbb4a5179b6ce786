//! Everything known about the way to one host, put together from the inventory, arguments and configuration files.

use super::jump::Hop;
use super::known_hosts::{KnownFile, KnownHosts, host_name};
use super::proxy_command::Tokens;
use super::settings::expand_home;
use super::ssh_config::Subject;
use super::ssh_config_match::dialled;
use super::ssh_names::{check_host, check_user};
use super::ssh_options::{AddressFamily, Logins, Proxy, Setting, SshOptions};
use super::{HostKeyPolicy, SessionError, Settings, Target, Unreachable};
use crate::config::account;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Key files OpenSSH offers when none are named.
const DEFAULT_KEYS: &[&str] = &["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// Hosts that may lie one behind another.
const MOST_HOPS: usize = 16;

/// Silence after which a host is asked for a sign of life, and how many of these questions may go unanswered.
const ALIVE: (Duration, u32) = (Duration::from_secs(15), 4);

/// The way to one host.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// The host as the inventory or a list of jump hosts names it.
    pub(super) given: String,
    /// It is passed on the way to another host.
    pub(super) is_hop: bool,
    /// Name or address to dial.
    pub(super) address: String,
    /// Port to dial.
    pub(super) port: u16,
    /// User to log in as.
    pub(super) user: String,
    /// What leads there.
    pub(super) via: Via,
    /// Which kind of addresses is dialled.
    pub(super) family: AddressFamily,
    /// Address to dial from.
    pub(super) bind_address: Option<String>,
    /// How often connecting is tried.
    pub(super) attempts: u32,
    /// Silence after which the host is asked for a sign of life, and how many questions may go unanswered.
    pub(super) alive: (Option<Duration>, u32),
    /// Ways to log in that may be used.
    pub(super) logins: Logins,
    /// The host as known_hosts files name it.
    pub(super) key_name: String,
    /// The same without a port, where it had one: OpenSSH takes a key recorded so, too.
    pub(super) plain_name: Option<String>,
    /// Known keys.
    pub(super) known: KnownHosts,
    /// What to do with other keys.
    pub(super) policy: HostKeyPolicy,
    /// Hash names when recording keys.
    pub(super) hash_names: bool,
    /// Key files that the inventory named.
    pub(super) own_keys: Vec<PathBuf>,
    /// Key files that a configuration names, or the usual ones.
    pub(super) more_keys: Vec<PathBuf>,
    /// Certificates.
    pub(super) certificates: Vec<PathBuf>,
    /// Offer only the files named.
    pub(super) identities_only: bool,
    /// Socket of the authentication agent.
    pub(super) auth_socket: Option<PathBuf>,
    /// Deadline for connecting.
    pub(super) connect_timeout: Duration,
    /// What was strange on the way.
    pub(super) warnings: Vec<String>,
}

/// What leads to a host.
#[derive(Debug, Clone)]
pub(super) enum Via {
    /// The network.
    Direct,
    /// A bastion.
    Jump(Arc<Route>),
    /// A program.
    Command {
        /// Its command line.
        line: String,
        /// The same as written, with the letters that stand for the host.
        written: String,
    },
}

/// What a way is looked for with.
struct Wanted<'a> {
    given: &'a str,
    /// The inventory's host; jump hosts are none.
    target: Option<&'a Target>,
    user: Option<&'a str>,
    port: Option<u16>,
    /// Options that rank before all of that, and those that rank after it.
    first: &'a [Setting],
    then: &'a [Setting],
    /// Hops that are left of a list of jump hosts.
    hops: Option<&'a [Hop]>,
    config_file: Option<&'a str>,
    /// Where the way leads on to, the inventory's host first.
    chain: &'a [String],
}

impl Route {
    /// Put it together.
    pub(super) fn find(settings: &Settings, target: &Target) -> Result<Self, SessionError> {
        let (first, then) = target.ssh_args.settings.split_at_checked(target.ssh_args.leading).unwrap_or_default();
        let wanted = Wanted {
            given: &target.address,
            target: Some(target),
            user: target.user.as_deref(),
            port: target.port,
            first,
            then,
            hops: None,
            config_file: target.ssh_args.config_file.as_deref(),
            chain: &[],
        };
        let mut route = Self::look_up(settings, &wanted).map_err(|error| match error {
            SessionError::Input(problem) => SessionError::Input(format!("{}: {problem}", target.host)),
            other => other,
        })?;
        route.warnings.extend(target.ssh_args.ignored.iter().cloned());
        Ok(route)
    }

    fn look_up(settings: &Settings, wanted: &Wanted<'_>) -> Result<Self, SessionError> {
        let config = settings.configs.load(wanted.config_file, &settings.home, &settings.system)?;
        let local_user = local_user();
        let options = wanted.options(&config, &local_user)?;
        let words = Words::new(settings, wanted.given, &options, &local_user);
        check_host(&words.address)?;
        check_user(&words.user)?;
        let own_keys = wanted.target.map(|target| target.private_keys.clone()).unwrap_or_default();
        let known = known_hosts(settings, &options, &words).without(revoked(settings, &options, &words)?);
        let mut warnings = [config.warnings(), &options.warnings].concat();
        warnings.extend(known.warnings().cloned());
        let via = wanted.via(settings, &options, &words)?;
        if let Via::Jump(hop) = &via {
            warnings.extend(hop.warnings.iter().cloned());
        }
        let (key_name, plain_name) = match &options.host_key_alias {
            Some(alias) => (alias.to_ascii_lowercase(), None),
            None => {
                let plain = host_name(&words.address, 22);
                (host_name(&words.address, words.port), (words.port != 22).then_some(plain))
            }
        };
        // A first `StrictHostKeyChecking` ranks before the variable, as any of these options does.
        let said = wanted.target.and_then(Target::host_key_policy);
        let policy = if wanted.first.iter().any(|setting| setting.key == "stricthostkeychecking") {
            options.host_keys.or(said)
        } else {
            said.or(options.host_keys)
        };
        Ok(Self {
            given: wanted.given.to_owned(),
            is_hop: wanted.target.is_none(),
            key_name,
            plain_name,
            known,
            policy: settings.host_keys.or(policy).unwrap_or(HostKeyPolicy::Strict),
            hash_names: options.hash_known_hosts.unwrap_or(false),
            more_keys: key_files(settings, &own_keys, &options, &words),
            own_keys,
            certificates: options.certificate_files.iter().map(|text| words.path(text)).collect(),
            identities_only: options.identities_only.unwrap_or(false),
            auth_socket: auth_socket(settings, &options, &words),
            connect_timeout: wanted.connect_timeout(&options).unwrap_or(settings.deadlines.connect),
            family: options.address_family.unwrap_or(AddressFamily::Any),
            bind_address: options.bind_address.clone(),
            attempts: options.connection_attempts.unwrap_or(1),
            alive: (options.alive_interval.unwrap_or(Some(ALIVE.0)), options.alive_count.unwrap_or(ALIVE.1)),
            logins: options.logins.clone(),
            via,
            address: words.address.clone(),
            port: words.port,
            user: words.user.clone(),
            warnings,
        })
    }

    /// The host cannot be reached.
    pub(super) fn unreachable(&self, cause: Unreachable) -> SessionError {
        SessionError::Unreachable { address: self.address.clone(), port: self.port, cause }
    }

    /// The server that a login burdens before it is one: where a program connects, all it connects to, for they share
    /// the way.
    pub(super) fn server(&self) -> String {
        let place = format!("{}:{}", self.address.to_ascii_lowercase(), self.port);
        match &self.via {
            Via::Direct => place,
            Via::Jump(hop) => format!("{place} via {}", hop.identity()),
            Via::Command { written, .. } => format!("by {written}"),
        }
    }

    /// The way to the first machine that is logged in to.
    pub(super) fn outermost(&self) -> &Self {
        match &self.via {
            Via::Jump(hop) => hop.outermost(),
            Via::Direct | Via::Command { .. } => self,
        }
    }

    /// Everything that makes a connection to a bastion the right one for a host.
    pub(super) fn identity(&self) -> String {
        let Self { user, address, port, key_name, policy, own_keys, more_keys, .. } = self;
        let via = match &self.via {
            Via::Direct => String::new(),
            Via::Jump(hop) => format!(" via {}", hop.identity()),
            Via::Command { line, .. } => format!(" by {line}"),
        };
        let address = address.to_ascii_lowercase();
        format!("{user}@{address}:{port} {key_name} {policy:?} {own_keys:?} {more_keys:?}{via}")
    }
}

impl Wanted<'_> {
    fn options(&self, config: &super::ssh_config::SshConfig, local_user: &str) -> Result<SshOptions, SessionError> {
        let wrong = |setting: &Setting, problem: String| SessionError::Input(format!("{}: {problem}", setting.place));
        let mut options = SshOptions::default();
        for setting in self.first {
            options.apply(setting).map_err(|problem| wrong(setting, problem))?;
        }
        options.user = options.user.or_else(|| self.user.map(str::to_owned));
        options.port = options.port.or(self.port);
        for setting in self.then {
            options.apply(setting).map_err(|problem| wrong(setting, problem))?;
        }
        if let Some(hops) = self.hops.filter(|hops| !hops.is_empty()) {
            options.proxy = Some(Proxy::Jump(hops.to_vec()));
        }
        // Before a command of the configuration gets to see them.
        check_host(self.given)?;
        check_host(&dialled(&options, self.given))?;
        options.user.as_deref().map_or(Ok(()), check_user)?;
        let user = options.user.clone();
        let subject = Subject { host: self.given, user: user.as_deref(), local_user };
        config.fill(subject, &mut options)?;
        Ok(options)
    }

    fn connect_timeout(&self, options: &SshOptions) -> Option<Duration> {
        let said = self.target.and_then(|target| target.connect_timeout);
        if self.first.iter().any(|setting| setting.key == "connecttimeout") {
            return options.connect_timeout;
        }
        said.or(options.connect_timeout)
    }

    /// What leads to the host. Of a list of jump hosts the last one is its neighbour, and the others lead to that; what
    /// arguments say of the host does not hold for jump hosts, as it does not in OpenSSH.
    fn via(&self, settings: &Settings, options: &SshOptions, words: &Words<'_>) -> Result<Via, SessionError> {
        let tokens = Tokens { given: self.given, address: &words.address, port: words.port, user: &words.user };
        let hops = match &options.proxy {
            None | Some(Proxy::Direct) => return Ok(Via::Direct),
            Some(Proxy::Command(line)) => {
                let problem = |problem| SessionError::Input(format!("ProxyCommand: {problem}"));
                return Ok(Via::Command { line: tokens.fill(line).map_err(problem)?, written: line.clone() });
            }
            Some(Proxy::Jump(hops)) => hops,
        };
        let Some((last, before)) = hops.split_last() else { return Ok(Via::Direct) };
        let problem = |problem| SessionError::Input(format!("ProxyJump: {problem}"));
        let given = tokens.fill(&last.host).map_err(problem)?;
        let user = last.user.as_deref().map(|user| tokens.fill(user)).transpose().map_err(problem)?;
        let own = format!("{}@{}:{}", words.user, words.address.to_ascii_lowercase(), words.port);
        let mut chain = self.chain.to_vec();
        let circle = chain.contains(&own);
        chain.push(own);
        if circle || chain.len() > MOST_HOPS {
            let way: Vec<&str> = chain.iter().rev().map(String::as_str).collect();
            let text = format!(
                "ProxyJump leads in a circle: {} is passed on the way to itself ({})",
                self.given,
                way.join(" to ")
            );
            return Err(SessionError::Input(text));
        }
        let hop = Wanted {
            given: &given,
            target: None,
            user: user.as_deref(),
            port: last.port,
            first: &[],
            then: &[],
            hops: Some(before),
            config_file: self.config_file,
            chain: &chain,
        };
        let hop = Route::look_up(settings, &hop)?;
        // One more look: the last of a circle may have nothing before it.
        let place = format!("{}@{}:{}", hop.user, hop.address.to_ascii_lowercase(), hop.port);
        if chain.contains(&place) {
            let text = format!("ProxyJump leads in a circle: {given} ({place}) is passed on the way to itself");
            return Err(SessionError::Input(text));
        }
        Ok(Via::Jump(Arc::new(hop)))
    }
}

fn known_hosts(settings: &Settings, options: &SshOptions, words: &Words<'_>) -> KnownHosts {
    let user = options
        .user_known_hosts
        .clone()
        .unwrap_or_else(|| vec!["~/.ssh/known_hosts".to_owned(), "~/.ssh/known_hosts2".to_owned()]);
    let global = options.global_known_hosts.clone().unwrap_or_else(|| {
        ["ssh_known_hosts", "ssh_known_hosts2"]
            .iter()
            .map(|name| settings.system.join(name).display().to_string())
            .collect()
    });
    let load = |text: &String| (text != "none").then(|| settings.known.load(&words.path(text)));
    KnownHosts::new(user.iter().filter_map(load).collect()).also(global.iter().filter_map(load))
}

/// Lists of revoked keys, each of which must be there.
fn revoked(settings: &Settings, options: &SshOptions, words: &Words<'_>) -> Result<Vec<Arc<KnownFile>>, SessionError> {
    let named = options.revoked_host_keys.iter().flatten().filter(|text| text.as_str() != "none");
    let load = |text: &String| {
        let path = words.path(text);
        let told = |problem| SessionError::Input(format!("RevokedHostKeys {}: {problem}", path.display()));
        settings.known.load_revoked(&path).map_err(told)
    };
    named.map(load).collect()
}

fn key_files(settings: &Settings, own: &[PathBuf], options: &SshOptions, words: &Words<'_>) -> Vec<PathBuf> {
    if options.identity_files.is_empty() {
        // A key file from the inventory stands for the usual ones, as `-i` does.
        let usual = if own.is_empty() { DEFAULT_KEYS } else { &[] };
        return usual.iter().map(|name| settings.home.join(".ssh").join(name)).collect();
    }
    let named = options.identity_files.iter().filter(|text| text.as_str() != "none");
    named.map(|text| words.path(text)).filter(|path| !own.contains(path)).collect()
}

fn auth_socket(settings: &Settings, options: &SshOptions, words: &Words<'_>) -> Option<PathBuf> {
    match options.identity_agent.as_deref() {
        None | Some("SSH_AUTH_SOCK") => settings.auth_socket.clone(),
        Some("none") => None,
        Some(text) => match text.strip_prefix('$') {
            Some(name) if !name.starts_with('{') => std::env::var_os(name).map(PathBuf::from),
            _ => Some(words.path(text)),
        },
    }
}

/// The operator's own user name.
fn local_user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    named.or_else(account::name).unwrap_or_else(|| "root".to_owned())
}

/// The words that `%` letters stand for.
struct Words<'a> {
    settings: &'a Settings,
    given: &'a str,
    address: String,
    port: u16,
    user: String,
    local_user: &'a str,
    alias: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn new(settings: &'a Settings, given: &'a str, options: &'a SshOptions, local_user: &'a str) -> Self {
        Self {
            settings,
            given,
            address: dialled(options, given),
            port: options.port.unwrap_or(22),
            user: options.user.clone().unwrap_or_else(|| local_user.to_owned()),
            local_user,
            alias: options.host_key_alias.as_deref(),
        }
    }

    /// A path of a configuration file: `~`, `%` letters and `${NAME}` replaced.
    fn path(&self, text: &str) -> PathBuf {
        let mut out = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => match letters.next() {
                    Some('h') => out.push_str(&self.address),
                    Some('n') => out.push_str(self.given),
                    Some('p') => out.push_str(&self.port.to_string()),
                    Some('r') => out.push_str(&self.user),
                    Some('u') => out.push_str(self.local_user),
                    Some('k') => out.push_str(self.alias.unwrap_or(self.given)),
                    Some('d') => out.push_str(&self.settings.home.to_string_lossy()),
                    Some('%') => out.push('%'),
                    Some(other) => match super::ssh_tokens::local(other) {
                        Some(word) => out.push_str(&word),
                        None => out.extend(['%', other]),
                    },
                    None => out.push('%'),
                },
                '$' if letters.as_str().starts_with('{') && letters.as_str().contains('}') => {
                    let name: String = letters.by_ref().skip(1).take_while(|&next| next != '}').collect();
                    out.push_str(&std::env::var(name).unwrap_or_default());
                }
                other => out.push(other),
            }
        }
        expand_home(&self.settings.home, &out)
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
