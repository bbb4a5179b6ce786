//! The OpenSSH client options that matter here, from whichever source: the first value wins.

use super::HostKeyPolicy;
use super::jump::Hop;
use std::time::Duration;

/// One option as written: key, words, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Key in lower case.
    pub key: String,
    /// Its words, quotes removed.
    pub words: Vec<String>,
    /// Where it stands, for people.
    pub place: String,
}

/// Options of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshOptions {
    /// Real name to dial (`%h` is the name given).
    pub host_name: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Key files, in order.
    pub identity_files: Vec<String>,
    /// Certificate files, in order.
    pub certificate_files: Vec<String>,
    /// Offer only the key files named.
    pub identities_only: Option<bool>,
    /// Socket of the authentication agent, `none`, or `SSH_AUTH_SOCK`.
    pub identity_agent: Option<String>,
    /// The operator's known_hosts files.
    pub user_known_hosts: Option<Vec<String>>,
    /// The machine's known_hosts files.
    pub global_known_hosts: Option<Vec<String>>,
    /// Files with keys that no host may offer.
    pub revoked_host_keys: Option<Vec<String>>,
    /// What to do with unknown keys.
    pub host_keys: Option<HostKeyPolicy>,
    /// Name to look host keys up by.
    pub host_key_alias: Option<String>,
    /// Hash names when recording keys.
    pub hash_known_hosts: Option<bool>,
    /// Deadline for connecting.
    pub connect_timeout: Option<Duration>,
    /// How often connecting is tried.
    pub connection_attempts: Option<u32>,
    /// Which kind of addresses is dialled.
    pub address_family: Option<AddressFamily>,
    /// Address to dial from.
    pub bind_address: Option<String>,
    /// Silence after which the host is asked for a sign of life; `None` inside: never.
    pub alive_interval: Option<Option<Duration>>,
    /// How many of these questions may go unanswered.
    pub alive_count: Option<u32>,
    /// Ways to log in that may be used.
    pub logins: Logins,
    /// Way to the host.
    pub proxy: Option<Proxy>,
    /// What files say and is not heeded.
    pub warnings: Vec<String>,
    /// `ProxyJump` was said, be it only `none`: later ones do not count.
    pub is_jump_settled: bool,
}

/// Kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFamily {
    /// All of them.
    Any,
    /// Version 4 (`inet`).
    V4,
    /// Version 6 (`inet6`).
    V6,
}

/// Way to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// A plain connection (`none`).
    Direct,
    /// Through other hosts, in this order.
    Jump(Vec<Hop>),
    /// Over the pipes of a program; its command line, `%` letters still in it.
    Command(String),
}

/// Ways to log in that options allow; `None` where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins {
    /// Keys.
    pub keys: Option<bool>,
    /// Passwords.
    pub password: Option<bool>,
    /// Questions and answers.
    pub interactive: Option<bool>,
    /// Names of the only ways to be used.
    pub preferred: Option<Vec<String>>,
}

impl Logins {
    /// Whether a way may be used, by its name in the SSH protocol.
    pub fn allow(&self, name: &str) -> bool {
        let said = match name {
            "publickey" => self.keys,
            "password" => self.password,
            "keyboard-interactive" => self.interactive,
            _ => None,
        };
        said != Some(false) && self.preferred.as_ref().is_none_or(|names| names.iter().any(|known| known == name))
    }
}

impl SshOptions {
    /// Take an option unless it has a value already. Options that do not matter here are passed over.
    pub fn apply(&mut self, setting: &Setting) -> Result<(), String> {
        let first = setting.words.first().map(String::as_str).unwrap_or_default();
        match setting.key.as_str() {
            "hostname" => keep(&mut self.host_name, || Ok(first.to_owned())),
            "user" => keep(&mut self.user, || Ok(first.to_owned())),
            "port" => keep(&mut self.port, || parse_port(first)),
            "identityfile" => {
                push_new(&mut self.identity_files, first);
                Ok(())
            }
            "certificatefile" => {
                push_new(&mut self.certificate_files, first);
                Ok(())
            }
            "identitiesonly" => keep(&mut self.identities_only, || parse_flag(first)),
            "identityagent" => keep(&mut self.identity_agent, || Ok(first.to_owned())),
            "userknownhostsfile" => keep(&mut self.user_known_hosts, || Ok(setting.words.clone())),
            "globalknownhostsfile" => keep(&mut self.global_known_hosts, || Ok(setting.words.clone())),
            "revokedhostkeys" => keep(&mut self.revoked_host_keys, || Ok(setting.words.clone())),
            "stricthostkeychecking" => keep(&mut self.host_keys, || parse_policy(first)),
            "hostkeyalias" => keep(&mut self.host_key_alias, || Ok(first.to_owned())),
            "hashknownhosts" => keep(&mut self.hash_known_hosts, || parse_flag(first)),
            "connecttimeout" => {
                if first == "none" || first == "0" {
                    return Ok(());
                }
                keep(&mut self.connect_timeout, || parse_seconds(first))
            }
            "connectionattempts" => keep(&mut self.connection_attempts, || parse_count(first)),
            "addressfamily" => keep(&mut self.address_family, || parse_family(first)),
            "bindaddress" => keep(&mut self.bind_address, || Ok(first.to_owned())),
            "serveraliveinterval" => keep(&mut self.alive_interval, || match first {
                "0" | "none" => Ok(None),
                other => parse_seconds(other).map(Some),
            }),
            "serveralivecountmax" => keep(&mut self.alive_count, || {
                first.parse().map_err(|_| format!("`{first}` is no number of questions"))
            }),
            "pubkeyauthentication" => keep(&mut self.logins.keys, || match first {
                "unbound" | "host-bound" => Ok(true),
                other => parse_flag(other),
            }),
            "passwordauthentication" => keep(&mut self.logins.password, || parse_flag(first)),
            "kbdinteractiveauthentication" | "challengeresponseauthentication" => {
                keep(&mut self.logins.interactive, || parse_flag(first))
            }
            "preferredauthentications" => keep(&mut self.logins.preferred, || {
                Ok(first.split(',').map(|name| name.trim().to_ascii_lowercase()).collect())
            }),
            // The first of the two wins over the other, as in OpenSSH, where `ProxyJump none` silences later jumps only.
            "proxyjump" if first.eq_ignore_ascii_case("none") => {
                self.is_jump_settled = true;
                Ok(())
            }
            "proxyjump" => {
                let hops = Hop::list(&setting.words.join(" "))?;
                if !std::mem::replace(&mut self.is_jump_settled, true) {
                    self.proxy.get_or_insert(Proxy::Jump(hops));
                }
                Ok(())
            }
            "proxycommand" => keep(&mut self.proxy, || {
                let line = setting.words.join(" ");
                Ok(if line.eq_ignore_ascii_case("none") { Proxy::Direct } else { Proxy::Command(line) })
            }),
            _ => Ok(()),
        }
    }
}

fn keep<T>(slot: &mut Option<T>, value: impl FnOnce() -> Result<T, String>) -> Result<(), String> {
    let value = value()?;
    slot.get_or_insert(value);
    Ok(())
}

fn push_new(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}

pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("`{text}` is no port (1 to 65535)")),
    }
}

fn parse_count(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("`{text}` is no number above 0")),
    }
}

fn parse_family(text: &str) -> Result<AddressFamily, String> {
    match text.to_ascii_lowercase().as_str() {
        "any" => Ok(AddressFamily::Any),
        "inet" => Ok(AddressFamily::V4),
        "inet6" => Ok(AddressFamily::V6),
        _ => Err(format!("`{text}` is none of any, inet, inet6")),
    }
}

fn parse_flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

fn parse_policy(text: &str) -> Result<HostKeyPolicy, String> {
    match text.to_ascii_lowercase().as_str() {
        // There is nobody to ask while many hosts are being connected: `ask` refuses.
        "yes" | "true" | "ask" => Ok(HostKeyPolicy::Strict),
        "accept-new" => Ok(HostKeyPolicy::AcceptNew),
        "no" | "false" | "off" => Ok(HostKeyPolicy::Any),
        _ => Err(format!("`{text}` is none of yes, ask, accept-new, no")),
    }
}

/// Seconds, or OpenSSH's time form (`1m30s`).
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time");
    let mut total = 0_u64;
    let mut number = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let factor = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let value = number.parse::<u64>().or(Err(wrong()))?;
        number.clear();
        total = value.checked_mul(factor).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
    }
    if !number.is_empty() {
        total = number.parse::<u64>().ok().and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
    }
    if total == 0 { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn setting(key: &str, words: &[&str]) -> Setting {
        Setting { key: key.into(), words: words.iter().map(|word| (*word).to_owned()).collect(), place: "x".into() }
    }

    #[test]
    fn the_first_value_wins_and_key_files_add_up() {
        let mut options = SshOptions::default();
        for (key, words) in [
            ("port", vec!["22"]),
            ("port", vec!["23"]),
            ("identityfile", vec!["a"]),
            ("identityfile", vec!["b"]),
            ("identityfile", vec!["a"]),
            ("connecttimeout", vec!["1m30"]),
            ("proxyjump", vec!["none"]),
            ("proxycommand", vec!["nc", "x"]),
            ("ciphers", vec!["whatever"]),
        ] {
            options.apply(&setting(key, &words)).unwrap();
        }
        assert_eq!(options.port, Some(22));
        assert_eq!(options.identity_files, ["a", "b"]);
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(90)));
        assert_eq!(options.proxy, Some(Proxy::Command("nc x".into())));
    }

    #[test]
    fn ways_to_log_in_are_narrowed() {
        let mut options = SshOptions::default();
        assert!(options.logins.allow("publickey") && options.logins.allow("password"));
        options.apply(&setting("passwordauthentication", &["no"])).unwrap();
        options.apply(&setting("preferredauthentications", &["publickey,password"])).unwrap();
        assert!(options.logins.allow("publickey"));
        assert!(!options.logins.allow("password") && !options.logins.allow("keyboard-interactive"));
    }

    #[test]
    fn signs_of_life_can_be_switched_off() {
        let mut options = SshOptions::default();
        options.apply(&setting("serveraliveinterval", &["0"])).unwrap();
        options.apply(&setting("serveralivecountmax", &["0"])).unwrap();
        assert_eq!((options.alive_interval, options.alive_count), (Some(None), Some(0)));
    }

    #[test]
    fn wrong_values_are_refused() {
        for (key, word) in [
            ("port", "0"),
            ("identitiesonly", "maybe"),
            ("stricthostkeychecking", "x"),
            ("connecttimeout", "1x"),
            ("proxyjump", "a,,b"),
            ("addressfamily", "inet5"),
            ("connectionattempts", "0"),
        ] {
            assert!(SshOptions::default().apply(&setting(key, &[word])).is_err(), "{key}");
        }
    }
}
