//! Everything known about the way to one host, put together from the inventory, arguments and configuration files.

use super::known_hosts::{KnownHosts, host_name};
use super::settings::expand_home;
use super::ssh_config::Subject;
use super::ssh_options::SshOptions;
use super::{HostKeyPolicy, SessionError, Settings, Target};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// Key files OpenSSH offers when none are named.
const DEFAULT_KEYS: &[&str] = &["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// The way to one host.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// Name or address to dial.
    pub(super) address: String,
    /// Port to dial.
    pub(super) port: u16,
    /// User to log in as.
    pub(super) user: String,
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
    /// Why the host cannot be reached the way it is configured.
    pub(super) blocked: Option<String>,
    /// What was strange on the way.
    pub(super) warnings: Vec<String>,
}

impl Route {
    /// Put it together.
    pub(super) fn find(settings: &Settings, target: &Target) -> Result<Self, SessionError> {
        let config = settings.configs.load(target.ssh_args.config_file.as_deref(), &settings.home, &settings.system)?;
        let local_user = local_user();
        let mut options = SshOptions { user: target.user.clone(), port: target.port, ..SshOptions::default() };
        for setting in &target.ssh_args.settings {
            options.apply(setting).map_err(|problem| SessionError::Input(format!("{}: {problem}", target.host)))?;
        }
        let subject = Subject { host: &target.address, user: target.user.as_deref(), local_user: &local_user };
        config.fill(subject, &mut options)?;
        let mut warnings = config.warnings().to_vec();
        warnings.extend(target.ssh_args.ignored.iter().map(|word| format!("ssh option `{word}` is passed over")));
        let words = Words::new(settings, target, &options, &local_user);
        let known = known_hosts(settings, &options, &words);
        warnings.extend(known.warnings().cloned());
        let (key_name, plain_name) = match &options.host_key_alias {
            Some(alias) => (alias.to_ascii_lowercase(), None),
            None => {
                let plain = host_name(&words.address, 22);
                (host_name(&words.address, words.port), (words.port != 22).then_some(plain))
            }
        };
        Ok(Self {
            key_name,
            plain_name,
            known,
            policy: settings
                .host_keys
                .or(target.host_key_policy())
                .or(options.host_keys)
                .unwrap_or(HostKeyPolicy::Strict),
            hash_names: options.hash_known_hosts.unwrap_or(false),
            own_keys: target.private_keys.clone(),
            more_keys: key_files(settings, target, &options, &words),
            certificates: options.certificate_files.iter().map(|text| words.path(text)).collect(),
            identities_only: options.identities_only.unwrap_or(false),
            auth_socket: auth_socket(settings, &options, &words),
            connect_timeout: target.connect_timeout.or(options.connect_timeout).unwrap_or(settings.deadlines.connect),
            blocked: options
                .proxy
                .clone()
                .flatten()
                .map(|way| format!("`{way}` is configured for it, and this version connects directly only")),
            address: words.address.clone(),
            port: words.port,
            user: words.user.clone(),
            warnings,
        })
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
    let named = user.iter().chain(&global).filter(|text| text.as_str() != "none");
    KnownHosts::new(named.map(|text| settings.known.load(&words.path(text))).collect())
}

fn key_files(settings: &Settings, target: &Target, options: &SshOptions, words: &Words<'_>) -> Vec<PathBuf> {
    if options.identity_files.is_empty() {
        // A key file from the inventory stands for the usual ones, as `-i` does.
        let usual = if target.private_keys.is_empty() { DEFAULT_KEYS } else { &[] };
        return usual.iter().map(|name| settings.home.join(".ssh").join(name)).collect();
    }
    let named = options.identity_files.iter().filter(|text| text.as_str() != "none");
    named.map(|text| words.path(text)).filter(|path| !target.private_keys.contains(path)).collect()
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
    named.or_else(user_of_process).unwrap_or_else(|| "root".to_owned())
}

fn user_of_process() -> Option<String> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
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
    fn new(settings: &'a Settings, target: &'a Target, options: &'a SshOptions, local_user: &'a str) -> Self {
        let given = target.address.as_str();
        let address = match &options.host_name {
            // In HostName only the given name can stand.
            Some(text) => text.replace("%%", "\0").replace("%h", given).replace('\0', "%"),
            None => given.to_owned(),
        };
        Self {
            settings,
            given,
            address,
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::session::{Agents, Defaults};
    use serde_json::json;

    fn settings(config: &str) -> (tempfile::TempDir, Settings) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/config"), config).unwrap();
        let mut settings = Settings::new(Agents::default());
        settings.home = home.path().to_path_buf();
        settings.system = home.path().join("etc");
        settings.auth_socket = Some("/sock".into());
        (home, settings)
    }

    fn route(settings: &Settings, vars: serde_json::Value) -> Result<Route, SessionError> {
        let target = Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default()).unwrap();
        Route::find(settings, &target)
    }

    #[test]
    fn variables_rank_before_arguments_before_files() {
        let (_home, settings) = settings("Host web1\n Port 1\n User file\n HostName %h.lan\n IdentityFile %d/%r@%n\n");
        let found = route(&settings, json!({"ansible_port": 3, "ansible_ssh_common_args": "-p 2 -l arg"})).unwrap();
        assert_eq!((found.port, found.user.as_str(), found.address.as_str()), (3, "arg", "web1.lan"));
        assert_eq!(found.more_keys, [settings.home.join("arg@web1")]);
        assert_eq!((found.key_name.as_str(), found.plain_name.as_deref()), ("[web1.lan]:3", Some("web1.lan")));
        assert_eq!(found.policy, HostKeyPolicy::Strict);
    }

    #[test]
    fn a_key_file_of_the_inventory_stands_for_the_usual_ones() {
        let (_home, settings) = settings("");
        assert_eq!(route(&settings, json!({})).unwrap().more_keys.len(), DEFAULT_KEYS.len());
        let found = route(&settings, json!({"ansible_ssh_private_key_file": "/k"})).unwrap();
        assert_eq!((found.own_keys, found.more_keys.len()), (vec![PathBuf::from("/k")], 0));
    }

    #[test]
    fn agents_aliases_and_policies() {
        let (_home, settings) =
            settings("Host web1\n IdentityAgent none\n HostKeyAlias Shared\n StrictHostKeyChecking accept-new\n");
        let found = route(&settings, json!({"ansible_port": 24})).unwrap();
        assert_eq!((found.auth_socket, found.key_name.as_str(), found.plain_name), (None, "shared", None));
        assert_eq!(found.policy, HostKeyPolicy::AcceptNew);
        let found = route(&settings, json!({"ansible_host_key_checking": false})).unwrap();
        assert_eq!(found.policy, HostKeyPolicy::Any);
    }

    #[test]
    fn a_jump_host_is_refused_rather_than_passed_by() {
        let (_home, settings) = settings("Host web1\n ProxyJump bastion\n");
        assert!(route(&settings, json!({})).unwrap().blocked.unwrap().contains("ProxyJump bastion"));
    }
}
