//! Real OpenSSH servers on loopback addresses: a [`Site`] of several hosts that differ in address only.
//!
//! Each host is an address 127.x.y.n and an unprivileged port; one `sshd` serves up to sixteen of them (its limit).
//! Everything they leave lies in one temporary folder: `LUTHIER_STATE_DIR` is set by the servers, so that agent cache
//! and journal land there too.

pub use crate::builder::Builder;
use crate::daemon::Daemon;
use crate::keys::{self, KeyPair};
use crate::luthier::Luthier;
use crate::processes::{wait_for, wait_for_numbers};
use crate::skip::{is_root, missing, which};
pub use crate::user::{Sudo, TestUser};
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Most addresses one `sshd` listens on (MAX_LISTEN_SOCKS in its source).
const ADDRESSES_PER_DAEMON: usize = 16;

static SITES: AtomicU32 = AtomicU32::new(0);

/// One host of a site.
#[derive(Debug, Clone)]
pub struct HostRow {
    /// Name in the inventory.
    pub name: String,
    /// 127.x.y.z
    pub address: String,
    /// Port.
    pub port: u16,
    /// Folder that the plays of the tests write below (`root` in the inventory).
    pub root: PathBuf,
}

/// Running servers, their inventory, keys and known hosts. Ended and removed on drop.
#[derive(Debug)]
pub struct Site {
    // Fields are dropped in this order: servers first, then the user, last the folder.
    daemons: Vec<Daemon>,
    user: Option<TestUser>,
    hosts: Vec<HostRow>,
    host_key: KeyPair,
    client_key: KeyPair,
    builder: Builder,
    folder: TempDir,
}

impl Builder {
    /// Start the servers; `None` (and said) where this machine cannot.
    pub fn start(self) -> Option<Site> {
        if missing(&["sshd", "ssh-keygen"]) {
            return None;
        }
        if is_root() {
            std::fs::create_dir_all("/run/sshd").expect("sshd's privilege separation folder");
        }
        let folder = TempDir::with_prefix("luthier-site-").expect("a temporary folder");
        open(folder.path());
        let user = match self.ordinary {
            Some(sudo) => Some(TestUser::create(folder.path(), sudo, &folder.path().join("state-root"))?),
            None => None,
        };
        if let (Some(user), Some(shell)) = (&user, &self.shell) {
            user.set_shell(shell);
        }
        let host_key = keys::generate(&folder.path().join("host_key"), "");
        let client_key = keys::generate(&folder.path().join("client_key"), "");
        let mut site =
            Site { daemons: Vec::new(), user, hosts: Vec::new(), host_key, client_key, builder: self, folder };
        site.prepare();
        site.launch();
        Some(site)
    }
}

impl Site {
    /// A description to refine: three hosts h1…h3, logged in to as the user who runs the tests.
    pub fn builder() -> Builder {
        Builder::three()
    }

    /// The temporary folder everything lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Folder with `.ssh/config` and `.ssh/known_hosts` that the controller takes for its home.
    pub fn home(&self) -> PathBuf {
        self.folder().join("controller")
    }

    /// Where agents and journals of the login user land.
    pub fn state(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// The inventory file.
    pub fn inventory(&self) -> PathBuf {
        self.folder().join("hosts.ini")
    }

    /// The known hosts file.
    pub fn known_hosts(&self) -> PathBuf {
        self.home().join(".ssh/known_hosts")
    }

    /// The hosts.
    pub fn hosts(&self) -> &[HostRow] {
        &self.hosts
    }

    /// A host by its number, from 1 on, as in its name.
    pub fn host(&self, number: usize) -> &HostRow {
        self.hosts.get(number.wrapping_sub(1)).unwrap_or_else(|| panic!("the site has no host {number}"))
    }

    /// The user who is logged in to.
    pub fn login(&self) -> String {
        match &self.user {
            Some(user) => user.name.clone(),
            None => me(),
        }
    }

    /// The ordinary user, where the site has one.
    pub fn user(&self) -> &TestUser {
        self.user.as_ref().expect("the site has an ordinary user")
    }

    /// Fingerprint of the servers' key.
    pub fn fingerprint(&self) -> &str {
        &self.host_key.fingerprint
    }

    /// The private key that the servers accept.
    pub fn client_key(&self) -> &Path {
        &self.client_key.file
    }

    /// The program under test with this site's inventory and home.
    pub fn luthier(&self) -> Luthier {
        Luthier::new(&self.home()).inventory(&self.inventory())
    }

    /// Write a file (a playbook, a template) into the site's folder and return its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder for the file");
        }
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        path
    }

    /// Take the hosts of another site into this site's inventory and known hosts.
    pub fn adopt(&self, other: &Site) {
        append(&self.inventory(), &std::fs::read_to_string(other.inventory()).expect("the other inventory"));
        append(&self.known_hosts(), &std::fs::read_to_string(other.known_hosts()).expect("the other known hosts"));
    }

    /// Add inventory lines.
    pub fn add_to_inventory(&self, lines: &str) {
        append(&self.inventory(), lines);
    }

    /// Reach a host through another address (a [`crate::proxy::Proxy`]) from now on. Its key stays known.
    pub fn route(&mut self, number: usize, port: u16) {
        let host = self.hosts.get_mut(number.wrapping_sub(1)).expect("a host of the site");
        "127.0.0.1".clone_into(&mut host.address);
        host.port = port;
        self.write_inventory();
        self.write_known_hosts();
    }

    /// Replace the known key of a host by another one; returns its fingerprint and the line's number.
    pub fn forge_known_host(&self, number: usize) -> (String, usize) {
        let forged = keys::generate(&self.folder().join(format!("forged-{number}")), "");
        let wanted = known_name(self.host(number));
        let text = std::fs::read_to_string(self.known_hosts()).expect("the known hosts");
        let mut at = 0;
        let lines = text.lines().enumerate().map(|(index, line)| {
            if line.starts_with(&format!("{wanted} ")) {
                at = index + 1;
                format!("{wanted} {}\n", forged.public)
            } else {
                format!("{line}\n")
            }
        });
        let replaced: String = lines.collect();
        std::fs::write(self.known_hosts(), replaced).expect("the known hosts");
        (forged.fingerprint, at)
    }

    /// Forget the key of a host.
    pub fn forget_known_host(&self, number: usize) {
        let wanted = format!("{} ", known_name(self.host(number)));
        let text = std::fs::read_to_string(self.known_hosts()).expect("the known hosts");
        let kept: String =
            text.lines().filter(|line| !line.starts_with(&wanted)).map(|line| format!("{line}\n")).collect();
        std::fs::write(self.known_hosts(), kept).expect("the known hosts");
    }

    /// Make another key pair (for wrong-key tests); an encrypted one with a passphrase.
    pub fn another_key(&self, name: &str, passphrase: &str) -> PathBuf {
        keys::generate(&self.folder().join(name), passphrase).file
    }

    /// Process ids that a task wrote as `echo $$ $PPID` to a file below its host's root: the task's and its agent's.
    pub fn task_and_agent(&self, number: usize, file: &str) -> (u32, u32) {
        let numbers = wait_for_numbers(&self.host(number).root.join(file));
        match numbers.as_slice() {
            [task, agent, ..] => (*task, *agent),
            _ => panic!("{file} should hold two process ids, holds {numbers:?}"),
        }
    }

    /// End the servers and start them anew: they read host certificates once.
    pub fn restart(&mut self) {
        self.daemons.clear();
        assert!(self.start_daemons(), "sshd did not start again:\n{}", self.log());
    }

    /// What the servers logged, for a test that failed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("sshd.log")).unwrap_or_default()
    }

    /// Give a path to the login user.
    pub fn give_to_login(&self, path: &Path) {
        if let Some(user) = &self.user {
            std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).expect("chown to the test user");
        }
    }

    fn prepare(&mut self) {
        let folder = self.folder().to_path_buf();
        std::fs::create_dir_all(self.home().join(".ssh")).expect("a home for the controller");
        std::fs::create_dir_all(self.state()).expect("a state folder");
        std::fs::set_permissions(self.state(), std::fs::Permissions::from_mode(0o700)).expect("chmod the state folder");
        self.give_to_login(&self.state());
        if self.user.is_some() {
            let root_state = folder.join("state-root");
            std::fs::create_dir_all(&root_state).expect("a state folder for root");
            std::fs::set_permissions(&root_state, std::fs::Permissions::from_mode(0o700)).expect("chmod it");
        }
        let authorized = folder.join("authorized_keys");
        std::fs::write(&authorized, format!("{} luthier-tests\n", self.client_key.public)).expect("authorized keys");
        // The servers read it as the user who logs in.
        std::fs::set_permissions(&authorized, std::fs::Permissions::from_mode(0o644)).expect("chmod authorized keys");
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).expect("a folder for programs");
        open(&bin);
        for (name, script) in self.builder.programs.clone() {
            program(&bin.join(name), &script);
        }
        if let Some(script) = &self.builder.force_command {
            program(&folder.join("force-command"), script);
        }
        for number in 1..=self.builder.hosts {
            let root = folder.join("hosts").join(format!("{}{number}", self.builder.prefix));
            std::fs::create_dir_all(&root).expect("a root for the host");
            open(&folder.join("hosts"));
            self.give_to_login(&root);
        }
    }

    /// Start the servers, with other ports when somebody else was quicker to take one.
    fn launch(&mut self) {
        let site = SITES.fetch_add(1, Ordering::Relaxed);
        for attempt in 0..5 {
            let port = free_port();
            let process = std::process::id();
            let net = format!("127.{}.{}", 10 + (process >> 8) % 200, (process + site * 37 + attempt) % 256);
            self.hosts = (1..=self.builder.hosts)
                .map(|number| HostRow {
                    name: format!("{}{number}", self.builder.prefix),
                    address: format!("{net}.{number}"),
                    port,
                    root: self.folder().join("hosts").join(format!("{}{number}", self.builder.prefix)),
                })
                .collect();
            if self.start_daemons() {
                self.write_inventory();
                self.write_known_hosts();
                self.write_ssh_config();
                return;
            }
            self.daemons.clear();
        }
        panic!("sshd did not start:\n{}", self.log());
    }

    fn start_daemons(&mut self) -> bool {
        let sshd = which("sshd").expect("looked for before");
        let groups: Vec<Vec<HostRow>> = self.hosts.chunks(ADDRESSES_PER_DAEMON).map(<[HostRow]>::to_vec).collect();
        for (index, group) in groups.iter().enumerate() {
            let config = self.folder().join(format!("sshd_config.{index}"));
            std::fs::write(&config, self.config_text(group)).expect("sshd's configuration");
            let mut command = match &self.builder.inside {
                None => Command::new(&sshd),
                Some(script) => {
                    let mut command = Command::new("unshare");
                    command.args(["--mount", "/bin/sh", "-ec", &format!("{script}\nexec \"$0\" \"$@\"")]).arg(&sshd);
                    let user = self.user.as_ref().map_or(0, |user| user.uid);
                    command.env("SITE", self.folder()).env("USER_ID", user.to_string());
                    command
                }
            };
            command.arg("-D").arg("-f").arg(&config).arg("-E").arg(self.folder().join("sshd.log"));
            let mut daemon = Daemon::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
            let mut failed = false;
            wait_for("sshd to listen", || {
                failed = daemon.ended();
                failed || group.iter().all(|host| TcpStream::connect((host.address.as_str(), host.port)).is_ok())
            });
            self.daemons.push(daemon);
            if failed {
                return false;
            }
        }
        true
    }

    fn config_text(&self, hosts: &[HostRow]) -> String {
        let folder = self.folder().display();
        let mut text = self.builder.extra.replace("%SITE%", &self.folder().display().to_string());
        for host in hosts {
            let _ = writeln!(text, "ListenAddress {}:{}", host.address, host.port);
        }
        let yes_no = |value: bool| if value { "yes" } else { "no" };
        let _ = write!(
            text,
            "HostKey {key}\nPidFile none\nAuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\n\
             PermitRootLogin yes\nUsePAM {pam}\nPasswordAuthentication {password}\nPubkeyAuthentication {keys}\n\
             KbdInteractiveAuthentication no\nUseDNS no\n{startups}PerSourceMaxStartups none\nPrintMotd no\n\
             LogLevel VERBOSE\nSubsystem sftp internal-sftp\n",
            key = self.host_key.file.display(),
            startups = if self.builder.extra.contains("MaxStartups") { "" } else { "MaxStartups 300\n" },
            // Without PAM a locked account is refused, whichever key it offers.
            pam = yes_no(is_root() && locked(&self.login())),
            password = yes_no(self.builder.password),
            keys = yes_no(!self.builder.password),
        );
        let mut environment = format!("SetEnv LUTHIER_STATE_DIR={folder}/state");
        if !self.builder.programs.is_empty() {
            let _ =
                write!(environment, " PATH={folder}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        }
        let _ = writeln!(text, "{environment}");
        if let Some(count) = self.builder.max_sessions {
            let _ = writeln!(text, "MaxSessions {count}");
        }
        if self.builder.force_command.is_some() {
            let _ = writeln!(text, "ForceCommand {folder}/force-command");
        }
        text
    }

    fn write_inventory(&self) {
        let group = format!("fleet_{}", self.builder.prefix);
        let mut text = format!("[{group}]\n");
        for host in &self.hosts {
            let _ = writeln!(
                text,
                "{} ansible_host={} ansible_port={} root={}",
                host.name,
                host.address,
                host.port,
                host.root.display()
            );
        }
        let _ = write!(text, "\n[{group}:vars]\nansible_user={}\n", self.login());
        if self.builder.password {
            let _ = writeln!(text, "ansible_password=\"{}\"", self.user().password);
        } else {
            let _ = writeln!(text, "ansible_ssh_private_key_file={}", self.client_key.file.display());
        }
        // The group again, so that hosts added later join it.
        let _ = write!(text, "\n[{group}]\n");
        std::fs::write(self.inventory(), text).expect("the inventory");
    }

    fn write_known_hosts(&self) {
        let lines: String =
            self.hosts.iter().map(|host| format!("{} {}\n", known_name(host), self.host_key.public)).collect();
        std::fs::write(self.known_hosts(), lines).expect("the known hosts");
    }

    fn write_ssh_config(&self) {
        let text = format!(
            "Host *\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.known_hosts().display()
        );
        std::fs::write(self.home().join(".ssh/config"), text).expect("the SSH configuration");
    }
}

fn known_name(host: &HostRow) -> String {
    format!("[{}]:{}", host.address, host.port)
}

fn append(file: &Path, text: &str) {
    let mut whole = std::fs::read_to_string(file).unwrap_or_default();
    whole.push_str(text);
    std::fs::write(file, whole).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
}

fn program(file: &Path, script: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{script}\n")).expect("a shell script");
    open(file);
}

/// Readable and enterable for the test user.
fn open(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}

fn me() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn locked(user: &str) -> bool {
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    shadow.lines().any(|line| line.starts_with(&format!("{user}:!")))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}
