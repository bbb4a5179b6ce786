//! One host to connect to, as inventory variables describe it.

use super::settings::{Secret, expand_home};
use super::ssh_args::Arguments;
use super::{HostKeyPolicy, SessionError};
use crate::config::account;
use luthier_protocol::Value;
use luthier_protocol::name::HostName;
use std::path::PathBuf;
use std::time::Duration;

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionKind {
    /// Over SSH.
    #[default]
    Ssh,
    /// Over SSH, by the `ssh` program.
    OpenSsh,
    /// A child process on this machine.
    Local,
}

/// One host to connect to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the inventory.
    pub host: HostName,
    /// Name or address to dial; `Host` blocks of the SSH configuration match against it.
    pub address: String,
    /// Port, if the inventory says one.
    pub port: Option<u16>,
    /// User, if the inventory says one.
    pub user: Option<String>,
    /// Password for logging in.
    pub password: Option<Secret>,
    /// Key files the inventory names.
    pub private_keys: Vec<PathBuf>,
    /// How it is reached.
    pub connection: ConnectionKind,
    /// Folder on the host where the operator wants agents to be kept.
    pub agent_path: Option<String>,
    /// The `ssh` program, where it is another than the one in `PATH`.
    pub ssh_program: Option<String>,
    /// OpenSSH command-line options.
    pub ssh_args: Arguments,
    /// Deadline for connecting, if the inventory says one.
    pub connect_timeout: Option<Duration>,
    /// `Some(false)`: any host key is taken, with a warning.
    pub host_key_checking: Option<bool>,
}

/// What holds where the inventory says nothing (command line, `ansible.cfg`).
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// User.
    pub user: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Password.
    pub password: Option<Secret>,
    /// Key file.
    pub private_key: Option<PathBuf>,
    /// Connection word (`ssh`, `openssh`, `local`).
    pub connection: Option<String>,
    /// Check host keys.
    pub host_key_checking: Option<bool>,
    /// Deadline for connecting.
    pub connect_timeout: Option<Duration>,
    /// OpenSSH options that rank before variables.
    pub ssh_args: Option<String>,
    /// OpenSSH options for all hosts.
    pub ssh_common_args: Option<String>,
    /// OpenSSH options after those.
    pub ssh_extra_args: Option<String>,
    /// Folder on hosts where the operator wants agents to be kept.
    pub agent_path: Option<String>,
}

impl Target {
    /// A host reached by its own name over SSH, with nothing said about how.
    pub fn new(host: HostName) -> Self {
        Self {
            address: host.0.clone(),
            host,
            port: None,
            user: None,
            password: None,
            private_keys: Vec::new(),
            connection: ConnectionKind::Ssh,
            agent_path: None,
            ssh_program: None,
            ssh_args: Arguments::default(),
            connect_timeout: None,
            host_key_checking: None,
        }
    }

    /// Variables that [`Target::from_vars`] asks for.
    pub const VARIABLES: &[&str] = &[
        "ansible_connection",
        "ansible_host",
        "ansible_ssh_host",
        "ansible_port",
        "ansible_ssh_port",
        "ansible_user",
        "ansible_ssh_user",
        "ansible_password",
        "ansible_ssh_password",
        "ansible_ssh_pass",
        "ansible_private_key_file",
        "ansible_ssh_private_key_file",
        "ansible_ssh_args",
        "ansible_ssh_executable",
        "ansible_ssh_common_args",
        "ansible_ssh_extra_args",
        "luthier_agent_path",
        "ansible_ssh_timeout",
        "ansible_timeout",
        "ansible_ssh_host_key_checking",
        "ansible_host_key_checking",
    ];

    /// What [`Target::from_vars`] asks for where no variable names the user: the keyword of a play or a task.
    pub const USER_KEYWORD: &str = "remote_user";

    /// The same of the port.
    pub const PORT_KEYWORD: &str = "port";
}

/// Looks up a variable of a host, rendered.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Value>;

impl Target {
    /// The target that a host's variables describe.
    pub fn from_vars(host: &HostName, lookup: Lookup<'_>, defaults: &Defaults) -> Result<Self, SessionError> {
        let vars = Vars { host, lookup };
        let home = account::home().unwrap_or_else(|| PathBuf::from("/"));
        let words = vars.text(&["ansible_connection"])?.or_else(|| defaults.connection.clone());
        let connection = words.map_or(Ok(ConnectionKind::Ssh), |word| connection_kind(host, &word))?;
        let key = vars
            .text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?
            .map(|text| expand_home(&home, &text))
            .or_else(|| defaults.private_key.clone());
        let ssh_args = vars.arguments(defaults)?;
        Ok(Self {
            host: host.clone(),
            address: vars.text(&["ansible_ssh_host", "ansible_host"])?.unwrap_or_else(|| host.0.clone()),
            port: vars.port(&["ansible_ssh_port", "ansible_port", Self::PORT_KEYWORD])?.or(defaults.port),
            user: vars
                .text(&["ansible_ssh_user", "ansible_user", Self::USER_KEYWORD])?
                .or_else(|| defaults.user.clone()),
            password: vars
                .text(&["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"])?
                .map(Secret::new)
                .or_else(|| defaults.password.clone()),
            private_keys: key.into_iter().collect(),
            connection,
            agent_path: vars.text(&["luthier_agent_path"])?.or_else(|| defaults.agent_path.clone()),
            ssh_program: vars.text(&["ansible_ssh_executable"])?,
            ssh_args,
            connect_timeout: vars.seconds(&["ansible_ssh_timeout", "ansible_timeout"])?.or(defaults.connect_timeout),
            host_key_checking: vars
                .flag(&["ansible_ssh_host_key_checking", "ansible_host_key_checking"])?
                .or(defaults.host_key_checking),
        })
    }

    /// The policy that variables demand, if they do.
    pub(super) fn host_key_policy(&self) -> Option<HostKeyPolicy> {
        (self.host_key_checking == Some(false)).then_some(HostKeyPolicy::Any)
    }
}

fn connection_kind(host: &HostName, word: &str) -> Result<ConnectionKind, SessionError> {
    let short = word.rsplit('.').next().unwrap_or(word);
    match short {
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "libssh" => Ok(ConnectionKind::Ssh),
        "openssh" => Ok(ConnectionKind::OpenSsh),
        "local" => Ok(ConnectionKind::Local),
        _ => Err(SessionError::Input(format!(
            "{host}: ansible_connection is `{word}`; known are ssh (also smart, paramiko, libssh), openssh and local"
        ))),
    }
}

struct Vars<'a> {
    host: &'a HostName,
    lookup: Lookup<'a>,
}

impl Vars<'_> {
    /// The first of the variables that is set to something. Of several spellings Ansible takes the one it lists last,
    /// so the lists are the other way round here.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, Value)> {
        names.iter().find_map(|name| match (self.lookup)(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(value) => Some((*name, value)),
        })
    }

    fn wrong(&self, name: &str, problem: &str) -> SessionError {
        SessionError::Input(format!("{}: {name}: {problem}", self.host))
    }

    fn text(&self, names: &[&'static str]) -> Result<Option<String>, SessionError> {
        Ok(self.named(names)?.map(|(_, text)| text))
    }

    /// The text, and the variable it is from.
    fn named(&self, names: &[&'static str]) -> Result<Option<(&'static str, String)>, SessionError> {
        match self.first(names) {
            None => Ok(None),
            Some((name, Value::String(text))) => Ok(Some((name, text))),
            Some((name, Value::Number(number))) => Ok(Some((name, number.to_string()))),
            Some((name, Value::Bool(flag))) => Ok(Some((name, flag.to_string()))),
            // The value is not shown: it may be a password.
            Some((name, _)) => Err(self.wrong(name, "text expected, found a list or mapping")),
        }
    }

    /// OpenSSH options, in the order in which they count: `ansible_ssh_args` stands before what the other variables
    /// say, the rest after it.
    fn arguments(&self, defaults: &Defaults) -> Result<Arguments, SessionError> {
        let mut found = Arguments::default();
        let sources = [
            ("ansible_ssh_args", &defaults.ssh_args),
            ("ansible_ssh_common_args", &defaults.ssh_common_args),
            ("ansible_ssh_extra_args", &defaults.ssh_extra_args),
        ];
        for (name, fallback) in sources {
            if let Some(text) = self.text(&[name])?.or_else(|| fallback.clone()) {
                found.add(name, &text).map_err(|problem| self.wrong(name, &problem))?;
            }
            if name == "ansible_ssh_args" {
                found.leading = found.settings.len();
                found.leading_words = found.words.len();
            }
        }
        Ok(found)
    }

    fn port(&self, names: &[&'static str]) -> Result<Option<u16>, SessionError> {
        let Some((name, text)) = self.named(names)? else { return Ok(None) };
        match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(self.wrong(name, &format!("`{text}` is no port (1 to 65535)"))),
        }
    }

    fn seconds(&self, names: &[&'static str]) -> Result<Option<Duration>, SessionError> {
        let Some((name, text)) = self.named(names)? else { return Ok(None) };
        match text.trim().parse::<u64>() {
            Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.wrong(name, &format!("`{text}` is no number of seconds"))),
        }
    }

    fn flag(&self, names: &[&'static str]) -> Result<Option<bool>, SessionError> {
        let Some((name, text)) = self.named(names)? else { return Ok(None) };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" => Ok(Some(true)),
            "false" | "no" | "off" | "0" | "n" | "f" => Ok(Some(false)),
            _ => Err(self.wrong(name, &format!("`{text}` is neither true nor false"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn target(vars: &Value) -> Result<Target, SessionError> {
        Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default())
    }

    #[test]
    fn a_bare_host_is_dialled_by_its_name() {
        let found = target(&json!({})).unwrap();
        assert_eq!((found.address.as_str(), found.port, found.user), ("web1", None, None));
        assert_eq!(found.connection, ConnectionKind::Ssh);
    }

    #[test]
    fn variables_are_read_in_their_many_spellings() {
        let found = target(&json!({
            "ansible_host": "10.0.0.7", "ansible_port": "2222", "ansible_ssh_user": "ops",
            "ansible_ssh_pass": 12345, "ansible_ssh_private_key_file": "/keys/a",
            "ansible_host_key_checking": "no", "ansible_ssh_timeout": 5,
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new -i /keys/b",
        }))
        .unwrap();
        assert_eq!(found.address, "10.0.0.7");
        assert_eq!(found.port, Some(2222));
        assert_eq!(found.user.as_deref(), Some("ops"));
        assert_eq!(found.password.as_ref().unwrap().expose(), "12345");
        assert_eq!(found.private_keys, [PathBuf::from("/keys/a")]);
        assert_eq!(found.host_key_policy(), Some(HostKeyPolicy::Any));
        assert_eq!(found.connect_timeout, Some(Duration::from_secs(5)));
        assert!(!format!("{found:?}").contains("12345"));
    }

    #[test]
    fn of_several_spellings_the_one_that_ansible_takes_counts() {
        let found = target(&json!({
            "ansible_host": "a", "ansible_ssh_host": "b", "ansible_port": 1, "ansible_ssh_port": 2, "port": 3,
            "ansible_user": "a", "ansible_ssh_user": "b", "remote_user": "c",
            "ansible_password": "a", "ansible_ssh_pass": "b", "ansible_ssh_password": "c",
            "ansible_private_key_file": "/a", "ansible_ssh_private_key_file": "/b",
        }))
        .unwrap();
        assert_eq!((found.address.as_str(), found.port, found.user.as_deref()), ("b", Some(2), Some("b")));
        assert_eq!(found.password.as_ref().unwrap().expose(), "c");
        assert_eq!(found.private_keys, [PathBuf::from("/b")]);
        let found = target(&json!({"ansible_user": "a", "remote_user": "c", "port": 3})).unwrap();
        assert_eq!((found.port, found.user.as_deref()), (Some(3), Some("a")));
        let wrong = target(&json!({"ansible_ssh_port": 0, "ansible_port": 22})).unwrap_err().to_string();
        assert_eq!(wrong, "web1: ansible_ssh_port: `0` is no port (1 to 65535)");
    }

    #[test]
    fn wrong_values_name_host_and_variable() {
        for (vars, wanted) in [
            (json!({"ansible_port": 70000}), "web1: ansible_port: `70000` is no port (1 to 65535)"),
            (json!({"ansible_user": ["a"]}), "web1: ansible_user: text expected, found a list or mapping"),
            (
                json!({"ansible_connection": "winrm"}),
                "web1: ansible_connection is `winrm`; known are ssh (also smart, paramiko, libssh), openssh and local",
            ),
            (
                json!({"ansible_ssh_extra_args": "-o Colour=red"}),
                "web1: ansible_ssh_extra_args: `-o Colour=red`: ssh has no option Colour",
            ),
            (
                json!({"ansible_ssh_args": "-J a,,b"}),
                "web1: ansible_ssh_args: `` is no jump host ([user@]host[:port], or ssh:// before it)",
            ),
        ] {
            assert_eq!(target(&vars).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_local_connection_has_two_spellings() {
        for word in ["local", "ansible.builtin.local"] {
            assert_eq!(target(&json!({"ansible_connection": word})).unwrap().connection, ConnectionKind::Local);
        }
    }
}
