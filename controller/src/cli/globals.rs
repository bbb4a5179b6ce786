//! Options of all commands. Where Ansible has one of the same name, it means the same.

use crate::output::{self, ColourChoice, Screen, Style};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// Options of all commands, as given. What is not given may still stand in `luthier.toml` or `ansible.cfg`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Inventory file, folder or script, or host names with commas (`a,b,`); may be given several times
    #[arg(
        short,
        long,
        alias = "inventory-file",
        global = true,
        value_name = "PATH",
        env = "LUTHIER_INVENTORY",
        hide_env_values = true
    )]
    pub inventory: Vec<String>,
    /// Only hosts that this pattern selects, too
    #[arg(
        short,
        long,
        alias = "subset",
        global = true,
        value_name = "PATTERN",
        env = "LUTHIER_LIMIT",
        hide_env_values = true
    )]
    pub limit: Option<String>,
    /// Hosts worked on at once [default: 50]
    #[arg(short, long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), env = "LUTHIER_FORKS", hide_env_values = true)]
    pub forks: Option<u32>,
    /// Variables that win over all others: `key=value …` (texts), YAML or JSON in braces, or `@FILE`; may be given several times
    #[arg(
        short,
        long,
        global = true,
        value_name = "VARS",
        env = "LUTHIER_EXTRA_VARS",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub extra_vars: Vec<String>,
    /// Log in as this user
    #[arg(
        short,
        long,
        alias = "remote-user",
        global = true,
        value_name = "USER",
        env = "LUTHIER_USER",
        hide_env_values = true
    )]
    pub user: Option<String>,
    /// Become another user on the hosts
    #[arg(short, long, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new(), env = "LUTHIER_BECOME", hide_env_values = true)]
    pub r#become: bool,
    /// Become this user [default: root]
    #[arg(long, global = true, value_name = "USER", env = "LUTHIER_BECOME_USER", hide_env_values = true)]
    pub become_user: Option<String>,
    /// Become by this program [default: sudo]
    #[arg(long, global = true, value_name = "METHOD", value_parser = ["sudo", "su", "doas"], env = "LUTHIER_BECOME_METHOD", hide_env_values = true)]
    pub become_method: Option<String>,
    /// Ask for the password that becoming needs
    #[arg(short = 'K', long, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new(), env = "LUTHIER_ASK_BECOME_PASS", hide_env_values = true)]
    pub ask_become_pass: bool,
    /// Ask for the password to log in with
    #[arg(short = 'k', long, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new(), env = "LUTHIER_ASK_PASS", hide_env_values = true)]
    pub ask_pass: bool,
    /// Key file to log in with
    #[arg(
        long,
        alias = "key-file",
        global = true,
        value_name = "FILE",
        env = "LUTHIER_PRIVATE_KEY",
        hide_env_values = true
    )]
    pub private_key: Option<PathBuf>,
    /// Options for ssh, as on its command line (`-o ProxyCommand=…`); variables of a host rank before them
    #[arg(
        long,
        global = true,
        value_name = "ARGS",
        allow_hyphen_values = true,
        env = "LUTHIER_SSH_COMMON_ARGS",
        hide_env_values = true
    )]
    pub ssh_common_args: Option<String>,
    /// Further options for ssh, behind those
    #[arg(
        long,
        global = true,
        value_name = "ARGS",
        allow_hyphen_values = true,
        env = "LUTHIER_SSH_EXTRA_ARGS",
        hide_env_values = true
    )]
    pub ssh_extra_args: Option<String>,
    /// How to reach hosts [default: ssh]
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "KIND",
        env = "LUTHIER_CONNECTION",
        hide_env_values = true
    )]
    pub connection: Option<ConnectionChoice>,
    /// Seconds to wait for a connection [default: 10]
    #[arg(short = 'T', long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), env = "LUTHIER_TIMEOUT", hide_env_values = true)]
    pub timeout: Option<u64>,
    /// Record the keys of hosts that are not known yet; a changed key is refused all the same
    #[arg(long, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new(), env = "LUTHIER_ACCEPT_NEW_HOST_KEYS", hide_env_values = true)]
    pub accept_new_host_keys: bool,
    /// Vault password by name: `NAME@FILE`, `NAME@prompt`; may be given several times
    #[arg(long, global = true, value_name = "ID", env = "LUTHIER_VAULT_ID", hide_env_values = true)]
    pub vault_id: Vec<String>,
    /// File (or program) that holds (or prints) the vault password; may be given several times
    #[arg(
        long,
        alias = "vault-pass-file",
        global = true,
        value_name = "FILE",
        env = "LUTHIER_VAULT_PASSWORD_FILE",
        hide_env_values = true
    )]
    pub vault_password_file: Vec<PathBuf>,
    /// Ask for the vault password
    #[arg(short = 'J', long, alias = "ask-vault-password", global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new(), env = "LUTHIER_ASK_VAULT_PASS", hide_env_values = true)]
    pub ask_vault_pass: bool,
    /// Folder with agents for further architectures, named `luthier-agent-ARCH`
    #[arg(long, global = true, value_name = "DIR", env = "LUTHIER_AGENT_DIR", hide_env_values = true)]
    pub agent_dir: Option<PathBuf>,
    /// Form of what is printed
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        env = "LUTHIER_OUTPUT",
        hide_env_values = true
    )]
    pub output: Option<OutputChoice>,
    /// Colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", env = "LUTHIER_COLOR", hide_env_values = true)]
    pub color: Option<ColorWhen>,
    /// Show more: -v results and all host names, -vv durations, -vvv connections, -vvvv the program's inner life
    #[arg(short, long, global = true, action = ArgAction::Count, env = "LUTHIER_VERBOSE", hide_env_values = true)]
    pub verbose: u8,
}

/// Values of `--connection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConnectionChoice {
    /// SSH
    #[value(alias = "smart", alias = "paramiko")]
    Ssh,
    /// SSH by the `ssh` program
    Openssh,
    /// This machine, without SSH
    Local,
}

impl ConnectionChoice {
    /// The word, as in `ansible_connection`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Openssh => "openssh",
            Self::Local => "local",
        }
    }
}

/// Values of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputChoice {
    /// For people (default)
    Human,
    /// JSON: of a run one object a line
    Json,
    /// JUnit XML: one test case a task and host (only run, exec and show)
    Junit,
}

/// Values of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set (default)
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What every command gets: the global options and the screen.
pub struct Globals {
    /// The options as given.
    pub options: GlobalArgs,
    /// The one way to stdout and stderr.
    pub screen: Screen,
}

impl Globals {
    /// The format for a run's events.
    pub fn format(&self) -> output::Format {
        match self.options.output {
            None | Some(OutputChoice::Human) => output::Format::Human,
            Some(OutputChoice::Json) => output::Format::Json,
            Some(OutputChoice::Junit) => output::Format::Junit,
        }
    }

    /// How text for people shall look.
    pub fn style(&self) -> Style {
        Style { colour: self.colour(), verbosity: self.options.verbose }
    }

    /// What `--color` says.
    pub fn colour(&self) -> ColourChoice {
        match self.options.color {
            None | Some(ColorWhen::Auto) => ColourChoice::Auto,
            Some(ColorWhen::Always) => ColourChoice::Always,
            Some(ColorWhen::Never) => ColourChoice::Never,
        }
    }

    /// Say a warning on stderr.
    pub fn warn(&self, message: &str) {
        let paint = output::Paint(self.colour().wanted(&std::io::stderr()));
        self.screen.talk(&format!("{}: {}\n", paint.warning("warning"), output::escape(message)));
    }

    /// Show diagnostics (warnings, mostly) on stderr and go on.
    pub fn tell(&self, diagnostics: &[crate::yaml::Diagnostic]) {
        if !diagnostics.is_empty() {
            self.screen.talk(&output::render_diagnostics(diagnostics, self.colour().wanted(&std::io::stderr())));
        }
    }
}
