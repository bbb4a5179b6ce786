//! The OpenSSH client options that matter here, from whichever source: the first value wins.

use super::HostKeyPolicy;
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
    /// What to do with unknown keys.
    pub host_keys: Option<HostKeyPolicy>,
    /// Name to look host keys up by.
    pub host_key_alias: Option<String>,
    /// Hash names when recording keys.
    pub hash_known_hosts: Option<bool>,
    /// Deadline for connecting.
    pub connect_timeout: Option<Duration>,
    /// Way to the host that is not a plain connection (`ProxyJump …`, `ProxyCommand …`), `None` inside when `none`.
    pub proxy: Option<Option<String>>,
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
            "stricthostkeychecking" => keep(&mut self.host_keys, || parse_policy(first)),
            "hostkeyalias" => keep(&mut self.host_key_alias, || Ok(first.to_owned())),
            "hashknownhosts" => keep(&mut self.hash_known_hosts, || parse_flag(first)),
            "connecttimeout" => {
                if first == "none" || first == "0" {
                    return Ok(());
                }
                keep(&mut self.connect_timeout, || parse_seconds(first))
            }
            // The first of the two wins over the other, as in OpenSSH.
            "proxyjump" | "proxycommand" => keep(&mut self.proxy, || {
                let name = if setting.key == "proxyjump" { "ProxyJump" } else { "ProxyCommand" };
                Ok((!first.eq_ignore_ascii_case("none")).then(|| format!("{name} {}", setting.words.join(" "))))
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
        assert_eq!(options.proxy, Some(None));
    }

    #[test]
    fn wrong_values_are_refused() {
        for (key, word) in
            [("port", "0"), ("identitiesonly", "maybe"), ("stricthostkeychecking", "x"), ("connecttimeout", "1x")]
        {
            assert!(SshOptions::default().apply(&setting(key, &[word])).is_err(), "{key}");
        }
    }
}
