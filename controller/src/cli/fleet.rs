//! What every command that works on hosts needs: configuration, inventory, templates, how to connect.

use super::{CliError, ConnectionChoice, ExitCode, Globals, secrets};
use crate::config::Settings as Config;
use crate::event::{Event, Sink};
use crate::inventory::{Inventory, LoadOptions, Loaded};
use crate::plan::{Planner, Selection};
use crate::playbook::{Reader, Settings as ReaderSettings};
use crate::rollout::{Escalation, Options, Parts, Reload, Run};
use crate::session::{self, Defaults, HostKeyPolicy, Secret};
use crate::template::{Engine, EngineOptions, Place, Scope};
use crate::vault::Secrets;
use crate::yaml::{Key, Value, ValueMap};
use luthier_protocol::name::RunId;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything read before the first connection.
pub struct Fleet {
    /// `luthier.toml`, `ansible.cfg` and the environment.
    pub config: Config,
    /// Hosts and groups.
    pub inventory: Inventory,
    /// Renders.
    pub engine: Arc<Engine>,
    /// `-e`.
    pub extra: Arc<ValueMap>,
    /// Folder of the playbook, or this one.
    pub base: PathBuf,
    sources: Vec<String>,
    secrets: Secrets,
}

impl Fleet {
    /// Read all of it. `base` is the folder of the playbook.
    pub fn load(globals: &Globals, base: &Path) -> Result<Self, CliError> {
        let here = std::env::current_dir().map_err(|error| {
            CliError::message(ExitCode::Internal, format!("failed to find the working folder: {error}"))
        })?;
        let (config, warnings) = Config::load(&here)?;
        globals.tell(&warnings);
        let extra = Arc::new(super::extra_vars(&globals.options.extra_vars)?);
        let sources = match globals.options.inventory.as_slice() {
            [] => config.inventory.clone(),
            given => given.to_vec(),
        };
        let vault = secrets::vault_secrets(globals, config.vault_password_file.as_slice())?;
        let (secrets, kept) = (vault.clone(), vault.clone());
        let options = LoadOptions { secrets: vault, ..LoadOptions::default() };
        let Loaded { mut inventory, warnings } = Inventory::load(&sources, &options)?;
        globals.tell(&warnings);
        let base = here.join(base);
        let found = inventory.set_playbook_dir(&base)?;
        globals.tell(&found);
        Ok(Self {
            engine: Arc::new(Engine::new(EngineOptions {
                secrets,
                configured: configured(&config),
                ..EngineOptions::default()
            })),
            config,
            inventory,
            extra,
            base,
            sources,
            secrets: kept,
        })
    }

    /// The reader of playbooks and roles.
    pub fn reader(&self) -> Reader {
        let (engine, extra) = (Arc::clone(&self.engine), Arc::clone(&self.extra));
        let place = Place { search: vec![self.base.clone()], base: Some(self.base.clone()) };
        let render = move |value: &Value, vars: &[Arc<ValueMap>]| {
            let mut scope = Scope::new();
            vars.iter().chain([&extra]).for_each(|layer| scope.push(Arc::clone(layer)));
            match engine.render(value, &scope, &place) {
                Ok(Value::Str(text)) => Ok(text.to_string()),
                Ok(other) => Err(format!("expected text, found {}", other.type_name())),
                Err(error) => Err(error.to_string()),
            }
        };
        let (base, roles_path) = (self.base.clone(), roles_path(&self.config));
        let mut collections = vec![base.join("collections")];
        collections.extend(home_folder("collections"));
        collections.push("/usr/share/ansible/collections".into());
        Reader::new(ReaderSettings {
            base,
            roles_path,
            collections,
            searched: Vec::new(),
            render: Some(Arc::new(render)),
        })
    }

    /// Hosts of a pattern, under `--limit`.
    pub fn select(&self, globals: &Globals, pattern: &str) -> Result<Vec<String>, CliError> {
        super::load::select(globals, &self.inventory, pattern)
    }

    /// How to connect, for all hosts.
    pub fn sessions(&self, globals: &Globals) -> Result<(Arc<session::Settings>, Defaults), CliError> {
        let options = &globals.options;
        let agents = session::agents(options.agent_dir.as_deref())
            .map_err(|error| CliError::message(ExitCode::BadInput, error.to_string()))?;
        let mut settings = session::Settings::new(agents);
        if let Some(seconds) = options.timeout.or(self.config.timeout) {
            settings.deadlines.connect = Duration::from_secs(seconds);
        }
        if options.accept_new_host_keys || self.config.accept_new_host_keys == Some(true) {
            settings.host_keys = Some(HostKeyPolicy::AcceptNew);
        } else if self.config.host_key_checking == Some(false) {
            globals.warn("host_key_checking is off: any host key is taken");
            settings.host_keys = Some(HostKeyPolicy::Any);
        }
        if std::io::stdin().is_terminal() {
            settings.prompt = Some(Arc::new(|question: &str| rpassword::prompt_password(question).ok()));
        }
        let password =
            if options.ask_pass { Some(Secret::new(secrets::ask(globals, "SSH password: ")?)) } else { None };
        let defaults = Defaults {
            user: options.user.clone().or_else(|| self.config.remote_user.clone()),
            password,
            private_key: options.private_key.clone().or_else(|| self.config.private_key_file.clone()),
            ssh_args: self.config.ssh_args.clone(),
            ssh_common_args: options.ssh_common_args.clone().or_else(|| self.config.ssh_common_args.clone()),
            ssh_extra_args: options.ssh_extra_args.clone().or_else(|| self.config.ssh_extra_args.clone()),
            connection: options.connection.map(|choice: ConnectionChoice| choice.word().to_owned()),
            ..Defaults::default()
        };
        Ok((Arc::new(settings), defaults))
    }

    /// `-b` and its kin, from the command line and the configuration.
    pub fn escalation(&self, globals: &Globals) -> Result<Escalation, CliError> {
        let (options, config) = (&globals.options, &self.config);
        let asks = options.ask_become_pass || config.become_ask_pass == Some(true);
        let password = if asks { Some(secrets::ask(globals, "BECOME password: ")?) } else { None };
        Ok(Escalation {
            enabled: options.r#become || config.r#become == Some(true),
            user: options.become_user.clone().or_else(|| config.become_user.clone()),
            method: options.become_method.clone().or_else(|| config.become_method.clone()),
            program: config.become_exe.clone(),
            flags: config.become_flags.clone(),
            password,
        })
    }

    /// A run, ready to begin.
    pub fn into_run(
        self,
        globals: &Globals,
        id: RunId,
        options: Options,
        selection: Selection,
        sink: Sink,
    ) -> Result<Arc<Run>, CliError> {
        let (sessions, defaults) = self.sessions(globals)?;
        let reader = self.reader();
        let planner = Planner::new(crate::catalog::Catalog::builtin(), Arc::clone(&self.engine), selection);
        let forks = globals.options.forks.map_or(self.config.forks.unwrap_or(50), |forks| forks as usize);
        Ok(Arc::new(Run::new(Parts {
            id,
            options,
            inventory: self.inventory,
            engine: self.engine,
            reader,
            planner,
            sessions,
            defaults,
            sink,
            forks,
            base: self.base,
            asker: secrets::asker(globals),
            reload: reload(self.sources, self.secrets),
        })))
    }
}

/// Reads the same inventory again.
fn reload(sources: Vec<String>, secrets: Secrets) -> Reload {
    Box::new(move || {
        let options = LoadOptions { secrets: secrets.clone(), ..LoadOptions::default() };
        let loaded = Inventory::load(&sources, &options);
        loaded
            .map(|loaded| loaded.inventory)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}

/// The runtime everything that waits for hosts lives in.
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Blocks and includes may stand in each other many times over. Only what is used is ever taken.
        .thread_stack_size(64 << 20)
        .build()
        .map_err(|error| CliError::message(ExitCode::Internal, format!("failed to start the runtime: {error}")))
}

/// The first Ctrl-C (or SIGTERM) asks everybody to stop; the second ends the program.
pub fn watch_interrupt(run: &Arc<Run>) {
    use tokio::signal::unix::{SignalKind, signal};
    let run = Arc::clone(run);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for round in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round > 0 {
                std::process::exit(i32::from(ExitCode::Interrupted.code()));
            }
            run.emit(Event::Warning {
                host: None,
                message: "interrupted: stopping all hosts (again to leave at once)".into(),
            });
            run.stop();
        }
    });
}

/// A folder of `~/.ansible`, into which `ansible-galaxy` installs.
fn home_folder(name: &str) -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| Path::new(&home).join(".ansible").join(name))
}

/// Where roles are looked for: where nothing is configured, where `ansible-galaxy` puts them.
fn roles_path(config: &Config) -> Vec<PathBuf> {
    if !config.roles_path.is_empty() {
        return config.roles_path.clone();
    }
    let shared = ["/usr/share/ansible/roles", "/etc/ansible/roles"].map(PathBuf::from);
    home_folder("roles").into_iter().chain(shared).collect()
}

/// What is configured, under the names Ansible's lookup `config` knows.
fn configured(config: &Config) -> ValueMap {
    let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::from);
    let path = |value: &Path| Value::from(value.display().to_string());
    let file = |value: &Option<PathBuf>| value.as_deref().map_or(Value::Null, path);
    let or = |value: &Option<String>, default: &str| Value::from(value.as_deref().unwrap_or(default));
    let number = |value: i128| Value::Int(value);
    [
        ("DEFAULT_BECOME", Value::Bool(config.r#become.unwrap_or(false))),
        ("DEFAULT_BECOME_USER", or(&config.become_user, "root")),
        ("DEFAULT_BECOME_METHOD", or(&config.become_method, "sudo")),
        ("DEFAULT_FORKS", number(config.forks.unwrap_or(50) as i128)),
        ("DEFAULT_GATHERING", or(&config.gathering, "implicit")),
        ("DEFAULT_PRIVATE_KEY_FILE", file(&config.private_key_file)),
        ("DEFAULT_REMOTE_USER", text(&config.remote_user)),
        ("DEFAULT_ROLES_PATH", Value::list(roles_path(config).iter().map(|folder| path(folder)).collect())),
        ("DEFAULT_TIMEOUT", number(config.timeout.unwrap_or(10).into())),
        ("DEFAULT_VAULT_PASSWORD_FILE", file(&config.vault_password_file)),
        ("HOST_KEY_CHECKING", Value::Bool(config.host_key_checking.unwrap_or(true))),
    ]
    .into_iter()
    .map(|(name, value)| (Key::from(name), value))
    .collect()
}
