//! The settings, and which source counts: environment variables before `luthier.toml` before `ansible.cfg`. What the
//! command line says counts before all of them; that is not known here.

use super::{ansible_cfg, toml_file};
use crate::yaml::Diagnostic;
use std::path::{Path, PathBuf};

/// What is configured; `None` and empty lists where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Inventory sources.
    pub inventory: Vec<String>,
    /// Folders with roles.
    pub roles_path: Vec<PathBuf>,
    /// User to log in as.
    pub remote_user: Option<String>,
    /// Key to log in with.
    pub private_key_file: Option<PathBuf>,
    /// Whether a host's key must be known.
    pub host_key_checking: Option<bool>,
    /// Record the keys of hosts that are not known yet.
    pub accept_new_host_keys: Option<bool>,
    /// Hosts worked on at once.
    pub forks: Option<usize>,
    /// File with the vault password, or a program that says it.
    pub vault_password_file: Option<PathBuf>,
    /// Seconds to wait for a connection.
    pub timeout: Option<u64>,
    /// OpenSSH options that rank before what variables say.
    pub ssh_args: Option<String>,
    /// OpenSSH options for hosts whose variables name none.
    pub ssh_common_args: Option<String>,
    /// OpenSSH options after those.
    pub ssh_extra_args: Option<String>,
    /// Whether an unreachable host counts as failed when a batch is judged.
    pub unreachable_counts: Option<bool>,
    /// When facts are gathered: `implicit`, `explicit` or `smart`.
    pub gathering: Option<String>,
    /// Whether to become somebody else on hosts.
    pub r#become: Option<bool>,
    /// Whom to become.
    pub become_user: Option<String>,
    /// How: `sudo`, `su` or `doas`.
    pub become_method: Option<String>,
    /// The program that does it, where it is not called like the method.
    pub become_exe: Option<String>,
    /// Its flags.
    pub become_flags: Option<String>,
    /// Ask for the password that it needs.
    pub become_ask_pass: Option<bool>,
}

/// Name, environment variables in the order they count, section of `ansible.cfg` (empty: not there), meaning.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) variables: &'static [&'static str],
    pub(super) section: &'static str,
    pub(super) what: &'static str,
}

const fn known(
    name: &'static str,
    variables: &'static [&'static str],
    section: &'static str,
    what: &'static str,
) -> Known {
    Known { name, variables, section, what }
}

/// Everything that can be configured.
pub(super) const KNOWN: [Known; 20] = [
    known(
        "inventory",
        &["LUTHIER_INVENTORY", "ANSIBLE_INVENTORY"],
        "defaults",
        "Inventory files, folders or scripts, or host names with commas",
    ),
    known(
        "roles_path",
        &["LUTHIER_ROLES_PATH", "ANSIBLE_ROLES_PATH"],
        "defaults",
        "Folders in which roles are looked for, after `roles/` beside the playbook",
    ),
    known("remote_user", &["LUTHIER_USER", "ANSIBLE_REMOTE_USER"], "defaults", "User to log in as"),
    known("private_key_file", &["LUTHIER_PRIVATE_KEY", "ANSIBLE_PRIVATE_KEY_FILE"], "defaults", "Key to log in with"),
    known(
        "host_key_checking",
        &["LUTHIER_HOST_KEY_CHECKING", "ANSIBLE_HOST_KEY_CHECKING"],
        "defaults",
        "`false`: any host key is taken, with a warning; no password is sent then",
    ),
    known(
        "accept_new_host_keys",
        &["LUTHIER_ACCEPT_NEW_HOST_KEYS"],
        "",
        "`true`: keys of hosts that are not known yet are recorded",
    ),
    known("forks", &["LUTHIER_FORKS", "ANSIBLE_FORKS"], "defaults", "Hosts worked on at once (50)"),
    known(
        "vault_password_file",
        &["LUTHIER_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE"],
        "defaults",
        "File with the vault password, or a program that prints it",
    ),
    known("timeout", &["LUTHIER_TIMEOUT", "ANSIBLE_TIMEOUT"], "defaults", "Seconds to wait for a connection (10)"),
    known(
        "ssh_args",
        &["LUTHIER_SSH_ARGS", "ANSIBLE_SSH_ARGS"],
        "ssh_connection",
        "OpenSSH options that rank before what variables say",
    ),
    known(
        "ssh_common_args",
        &["LUTHIER_SSH_COMMON_ARGS", "ANSIBLE_SSH_COMMON_ARGS"],
        "ssh_connection",
        "OpenSSH options for hosts whose variables name none",
    ),
    known(
        "ssh_extra_args",
        &["LUTHIER_SSH_EXTRA_ARGS", "ANSIBLE_SSH_EXTRA_ARGS"],
        "ssh_connection",
        "OpenSSH options after those",
    ),
    known(
        "unreachable_counts",
        &["LUTHIER_UNREACHABLE_COUNTS"],
        "",
        "`false`: a host that cannot be reached does not count as failed when a batch is judged (Ansible's way)",
    ),
    known(
        "gathering",
        &["LUTHIER_GATHERING", "ANSIBLE_GATHERING"],
        "defaults",
        "`implicit` (plays gather facts unless they say no), `smart`, or `explicit` (only where they say yes)",
    ),
    known("become", &["LUTHIER_BECOME", "ANSIBLE_BECOME"], "privilege_escalation", "Become another user on hosts"),
    known("become_user", &["LUTHIER_BECOME_USER", "ANSIBLE_BECOME_USER"], "privilege_escalation", "Whom (root)"),
    known(
        "become_method",
        &["LUTHIER_BECOME_METHOD", "ANSIBLE_BECOME_METHOD"],
        "privilege_escalation",
        "`sudo`, `su` or `doas`",
    ),
    known(
        "become_exe",
        &["LUTHIER_BECOME_EXE", "ANSIBLE_BECOME_EXE"],
        "privilege_escalation",
        "The program, where it is not called like the method",
    ),
    known("become_flags", &["LUTHIER_BECOME_FLAGS", "ANSIBLE_BECOME_FLAGS"], "privilege_escalation", "Its flags"),
    known(
        "become_ask_pass",
        &["LUTHIER_ASK_BECOME_PASS", "ANSIBLE_BECOME_ASK_PASS"],
        "privilege_escalation",
        "Ask for the password that it needs",
    ),
];

/// A value as its source has it.
pub(super) enum Raw {
    /// From a source that knows only text: lists, numbers and truth values are read from it.
    Text(String),
    String(String),
    Bool(bool),
    Int(i64),
    List(Vec<String>),
    Other(&'static str),
}

impl Raw {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::String(_) => "text",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a number",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}

/// Where the world outside of the project is looked up.
pub(super) struct World<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// `/etc/ansible`.
    pub(super) system: &'a Path,
}

impl Settings {
    /// Everything configured for a project folder, with warnings.
    ///
    /// # Errors
    /// All that is wrong in the files and variables.
    pub fn load(folder: &Path) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::read(folder, &World { variable: &variable, system: Path::new("/etc/ansible") })
    }

    pub(super) fn read(folder: &Path, world: &World<'_>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut settings = Self::default();
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        for known in &KNOWN {
            for name in known.variables {
                let Some(value) = (world.variable)(name) else { continue };
                let set = settings.set(known.name, &Raw::Text(value), folder, world);
                errors.extend(set.err().map(|why| Diagnostic::error(None, format!("the variable {name}: {why}"))));
                break;
            }
        }
        toml_file::read(folder, &mut settings, world, &mut errors, &mut warnings);
        ansible_cfg::read(folder, &mut settings, world, &mut errors, &mut warnings);
        let usual = world.system.join("hosts");
        if settings.inventory.is_empty() && usual.exists() {
            settings.inventory.push(usual.to_string_lossy().into_owned());
        }
        if errors.is_empty() { Ok((settings, warnings)) } else { Err(errors) }
    }

    /// Sets what is not set yet: sources that count more come first. Paths are relative to `base`.
    pub(super) fn set(&mut self, name: &str, raw: &Raw, base: &Path, world: &World<'_>) -> Result<(), String> {
        let path = |text: &str| base.join(expand(text, world));
        let one = |text: String| path(&text);
        match name {
            "inventory" => {
                let sources = list(raw, ',')?;
                if self.inventory.is_empty() {
                    // A list of hosts is none of paths.
                    let place = |source: &String| match source.contains(',') {
                        true => source.clone(),
                        false => path(source).to_string_lossy().into_owned(),
                    };
                    self.inventory = sources.iter().map(place).collect();
                }
            }
            "roles_path" => {
                let folders = list(raw, ':')?;
                if self.roles_path.is_empty() {
                    self.roles_path = folders.iter().map(|folder| path(folder)).collect();
                }
            }
            "remote_user" => fill(&mut self.remote_user, text(raw)?),
            "private_key_file" => fill(&mut self.private_key_file, one(text(raw)?)),
            "host_key_checking" => fill(&mut self.host_key_checking, truth(raw)?),
            "accept_new_host_keys" => fill(&mut self.accept_new_host_keys, truth(raw)?),
            "forks" => fill(&mut self.forks, number(raw, 1, 100_000)? as usize),
            "vault_password_file" => fill(&mut self.vault_password_file, one(text(raw)?)),
            "timeout" => fill(&mut self.timeout, number(raw, 1, 86_400)?),
            "ssh_args" => fill(&mut self.ssh_args, arguments(raw)?),
            "ssh_common_args" => fill(&mut self.ssh_common_args, arguments(raw)?),
            "ssh_extra_args" => fill(&mut self.ssh_extra_args, arguments(raw)?),
            "unreachable_counts" => fill(&mut self.unreachable_counts, truth(raw)?),
            "gathering" => fill(&mut self.gathering, choice(raw, &["implicit", "explicit", "smart"])?),
            "become" => fill(&mut self.r#become, truth(raw)?),
            "become_user" => fill(&mut self.become_user, text(raw)?),
            "become_method" => fill(&mut self.become_method, choice(raw, &["sudo", "su", "doas"])?),
            "become_exe" => fill(&mut self.become_exe, text(raw)?),
            "become_flags" => fill(&mut self.become_flags, text(raw)?),
            "become_ask_pass" => fill(&mut self.become_ask_pass, truth(raw)?),
            _ => return Err("nothing of this name can be configured".to_owned()),
        }
        Ok(())
    }
}

fn fill<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

fn expected(what: &str, raw: &Raw) -> String {
    match raw {
        Raw::Text(text) | Raw::String(text) => format!("expected {what}, found `{text}`"),
        Raw::Int(number) => format!("expected {what}, found {number}"),
        other => format!("expected {what}, found {}", other.type_name()),
    }
}

fn text(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::Text(text) | Raw::String(text) if !text.is_empty() => Ok(text.clone()),
        other => Err(expected("text", other)),
    }
}

/// Text that may be empty: no options are a choice, too.
fn arguments(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::Text(text) | Raw::String(text) => Ok(text.clone()),
        other => Err(expected("text", other)),
    }
}

fn list(raw: &Raw, separator: char) -> Result<Vec<String>, String> {
    match raw {
        Raw::Text(text) => {
            Ok(text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        Raw::String(text) => Ok(vec![text.clone()]),
        Raw::List(items) => Ok(items.clone()),
        other => Err(expected("text or a list of texts", other)),
    }
}

fn truth(raw: &Raw) -> Result<bool, String> {
    match raw {
        Raw::Bool(value) => Ok(*value),
        Raw::Text(text) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
            "false" | "no" | "off" | "0" | "n" | "f" => Ok(false),
            _ => Err(expected("true or false", raw)),
        },
        other => Err(expected("true or false", other)),
    }
}

fn number(raw: &Raw, least: u64, most: u64) -> Result<u64, String> {
    let found = match raw {
        Raw::Int(number) => u64::try_from(*number).ok(),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let range = least..=most;
    found.filter(|n| range.contains(n)).ok_or_else(|| expected(&format!("a number from {least} to {most}"), raw))
}

fn choice(raw: &Raw, known: &[&str]) -> Result<String, String> {
    let found = text(raw)?;
    if known.contains(&found.as_str()) {
        Ok(found)
    } else {
        Err(expected(&format!("one of {}", known.join(", ")), raw))
    }
}

/// `~` and `$VARIABLE`, `${VARIABLE}` in a path.
fn expand(text: &str, world: &World<'_>) -> String {
    let home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut out = String::new();
    let mut rest = match home.zip((world.variable)("HOME")) {
        Some((rest, home)) => {
            out.push_str(&home);
            rest
        }
        None => text,
    };
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, more) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(parts) => parts,
            None => {
                after.split_at(after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len()))
            }
        };
        let end = after.len() - more.len();
        match (world.variable)(name) {
            Some(value) => out.push_str(&value),
            None => {
                out.push('$');
                out.push_str(after.get(..end).unwrap_or_default());
            }
        }
        rest = more;
    }
    out.push_str(rest);
    out
}

/// Whether anybody may write into a folder: what stands there is nobody's configuration.
pub(super) fn open_to_all(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o002 != 0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    type Outcome = Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>>;

    fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, Outcome) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir_all(root.path().join("p/sub")).unwrap();
        let home = root.path().join("home").to_string_lossy().into_owned();
        let variable = |name: &str| match name {
            "HOME" => Some(home.clone()),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        let world = World { variable: &variable, system: &root.path().join("etc") };
        let read = Settings::read(&root.path().join("p/sub"), &world);
        (root, read)
    }

    #[test]
    fn sources_count_in_their_order() {
        let files = [
            (
                "p/luthier.toml",
                "inventory = [\"hosts\", \"a,b\"]\nforks = 7\nprivate_key_file = \"~/key\"\nunreachable_counts = false\n",
            ),
            (
                "p/sub/ansible.cfg",
                "# c\n[defaults]\nforks = 9 ; note\nroles_path = roles:~/roles:$X/y\nremote_user: root\ntimeout=3\ncallbacks_enabled = z\n[privilege_escalation]\nbecome = yes\nbecome_flags=-E -H\nbecome_ask_pass = no\n[ssh_connection]\npipelining = True\nssh_args = -C -o Port=7\nssh_extra_args = -J b\n",
            ),
        ];
        let (root, read) = read(
            &files,
            &[("ANSIBLE_TIMEOUT", "20"), ("ANSIBLE_SSH_ARGS", "-4"), ("LUTHIER_GATHERING", "smart"), ("X", "/x")],
        );
        let (settings, warnings) = read.unwrap();
        let path = |name: &str| root.path().join(name);
        assert_eq!(settings.inventory, [path("p/hosts").to_string_lossy().into_owned(), "a,b".to_owned()]);
        assert_eq!(settings.forks, Some(7));
        assert_eq!(settings.private_key_file, Some(path("home/key")));
        assert_eq!(settings.unreachable_counts, Some(false));
        assert_eq!(settings.roles_path, [path("p/sub/roles"), path("home/roles"), PathBuf::from("/x/y")]);
        assert_eq!(settings.remote_user.as_deref(), Some("root"));
        assert_eq!(settings.timeout, Some(20));
        assert_eq!((settings.ssh_args.as_deref(), settings.ssh_extra_args.as_deref()), (Some("-4"), Some("-J b")));
        assert_eq!(settings.gathering.as_deref(), Some("smart"));
        assert_eq!((settings.r#become, settings.become_ask_pass), (Some(true), Some(false)));
        assert_eq!(settings.become_flags.as_deref(), Some("-E -H"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn mistakes_are_all_said_with_their_places() {
        let files = [
            ("p/luthier.toml", "inventroy = \"x\"\nforks = \"many\"\n"),
            ("p/sub/ansible.cfg", "[defaults]\nforks = many\nhost_key_checking = perhaps\n"),
        ];
        let (_root, read) = read(&files, &[("LUTHIER_TIMEOUT", "0")]);
        let said: Vec<String> = read.unwrap_err().iter().map(ToString::to_string).collect();
        for part in [
            "luthier.toml:1:1: `inventroy` cannot be configured (did you mean `inventory`?)",
            "luthier.toml:2:9: forks: expected a number from 1 to 100000, found `many`",
            "ansible.cfg:2:9: forks: ",
            "ansible.cfg:3:21: host_key_checking: expected true or false, found `perhaps`",
            "the variable LUTHIER_TIMEOUT: ",
        ] {
            assert!(said.iter().any(|error| error.contains(part)), "{part} is not in {said:#?}");
        }
    }

    #[test]
    fn broken_files_are_located() {
        let (_root, broken) = read(&[("p/sub/luthier.toml", "forks = 1\ninventory = [\n")], &[]);
        assert!(broken.unwrap_err()[0].to_string().contains("luthier.toml:"));
        let (_root, broken) = read(&[("p/sub/ansible.cfg", "[defaults]\nforks\n")], &[]);
        assert!(broken.unwrap_err()[0].to_string().contains("ansible.cfg:2:1: "));
    }

    #[test]
    fn ansible_config_names_the_file_and_the_usual_inventory_is_last() {
        let files = [
            ("other.cfg", "[defaults]\nforks = 3\n"),
            ("p/sub/ansible.cfg", "[defaults]\nforks = 4\n"),
            ("etc/hosts", "h1\n"),
        ];
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("other.cfg"), files[0].1).unwrap();
        let name = root.path().join("other.cfg").to_string_lossy().into_owned();
        let (project, settings) = read(&files, &[("ANSIBLE_CONFIG", &name)]);
        let (settings, _) = settings.unwrap();
        assert_eq!(settings.forks, Some(3));
        assert_eq!(settings.inventory, [project.path().join("etc/hosts").to_string_lossy().into_owned()]);
    }

    #[test]
    fn folders_open_to_all_are_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("ansible.cfg"), "[defaults]\nforks = 3\n").unwrap();
        std::fs::write(root.path().join("luthier.toml"), "timeout = 3\n").unwrap();
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let world = World { variable: &|_| None, system: &root.path().join("etc") };
        let (settings, warnings) = Settings::read(root.path(), &world).unwrap();
        assert_eq!((settings.forks, settings.timeout), (None, None));
        assert_eq!(warnings.len(), 2);
    }
}
