//! Ordinary users made for one test and removed after it, with what sudo grants them.

use crate::skip::{is_root, skip};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What sudo lets a test user do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sudo {
    /// The user is not mentioned at all.
    None,
    /// Everything, unasked.
    NoPassword,
    /// Everything, after the user's password.
    Password,
    /// One harmless command and nothing else.
    Refused,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A user of this machine for as long as the value lives.
#[derive(Debug)]
pub struct TestUser {
    /// Login name.
    pub name: String,
    /// Password (of the account, hence also for sudo).
    pub password: String,
    /// Home folder.
    pub home: PathBuf,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    drop_in: Option<PathBuf>,
}

impl TestUser {
    /// Make one with its home below `folder`; `None` (and said) where the tests do not run as root.
    ///
    /// `root_state` becomes `LUTHIER_STATE_DIR` of what the user runs through sudo, so that a child agent of root leaves
    /// nothing on the machine.
    pub fn create(folder: &Path, sudo: Sudo, root_state: &Path) -> Option<Self> {
        if !is_root() {
            skip("making a test user needs root");
            return None;
        }
        if crate::missing(&["useradd", "userdel", "chpasswd", "sudo", "visudo"]) {
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("luth{}x{number}", std::process::id());
        let home = folder.join(format!("home-{name}"));
        checked(Command::new("useradd").args(["-m", "-s", "/bin/sh", "-U", "-d"]).arg(&home).arg(&name));
        let password = format!("pw {name}!");
        chpasswd(&name, &password);
        let (uid, gid) = ids(&name);
        let mut user = Self { name, password, home, uid, gid, drop_in: None };
        user.grant(sudo, folder, root_state);
        Some(user)
    }

    /// Further defaults of sudo for this user (`lecture=always`), for one who has a rule.
    pub fn sudo_defaults(&self, defaults: &str) {
        let place = self.drop_in.as_ref().expect("the user has a rule in sudoers");
        let text = std::fs::read_to_string(place).expect("the sudoers drop-in");
        self.install(place, &format!("{text}Defaults:{} {defaults}\n", self.name));
    }

    /// sudo passes over names with a dot, and a half-written file would lock everybody out: hence check and rename.
    fn install(&self, place: &Path, text: &str) {
        let staged = PathBuf::from(format!("/etc/sudoers.d/{}.new", self.name));
        std::fs::write(&staged, text).expect("sudoers drop-in");
        checked(Command::new("chmod").arg("0440").arg(&staged));
        checked(Command::new("visudo").args(["-cqf"]).arg(&staged));
        std::fs::rename(&staged, place).expect("put the sudoers drop-in in place");
    }

    /// Give them another login shell.
    pub fn set_shell(&self, program: &str) {
        checked(Command::new("usermod").args(["-s", program, &self.name]));
    }

    fn grant(&mut self, sudo: Sudo, folder: &Path, root_state: &Path) {
        let name = &self.name;
        let rule = match sudo {
            Sudo::None => return,
            Sudo::NoPassword => format!("{name} ALL=(ALL:ALL) NOPASSWD: ALL\n"),
            Sudo::Password => format!("Defaults:{name} timestamp_timeout=0\n{name} ALL=(ALL:ALL) ALL\n"),
            Sudo::Refused => format!("Defaults:{name} !authenticate\n{name} ALL=(ALL:ALL) /bin/true\n"),
        };
        let environment = folder.join(format!("sudo-env-{name}"));
        std::fs::write(&environment, format!("LUTHIER_STATE_DIR={}\n", root_state.display()))
            .expect("sudo's environment");
        let text = format!("Defaults:{name} env_file={}, !lecture\n{rule}", environment.display());
        let place = PathBuf::from(format!("/etc/sudoers.d/{name}"));
        self.install(&place, &text);
        self.drop_in = Some(place);
    }
}

impl Drop for TestUser {
    fn drop(&mut self) {
        if let Some(file) = &self.drop_in {
            let _ = std::fs::remove_file(file);
        }
        // `-f`: an sshd child of this user may still be ending.
        for _ in 0..100 {
            let ended = Command::new("userdel").args(["-f", &self.name]).output();
            if !ended.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("lock")) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// User and group id of a name.
pub(crate) fn ids(name: &str) -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let row = passwd.lines().find(|line| line.split(':').next() == Some(name));
    let fields: Vec<&str> = row.unwrap_or_else(|| panic!("no user {name}")).split(':').collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse().ok()).expect("a number in passwd");
    (number(2), number(3))
}

fn chpasswd(name: &str, password: &str) {
    for _ in 0..100 {
        let mut child =
            Command::new("chpasswd").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chpasswd runs");
        let mut input = child.stdin.take().expect("its standard input");
        // It may have given up on the lock already; its exit status tells.
        let _ = writeln!(input, "{name}:{password}");
        drop(input);
        if child.wait().expect("chpasswd ends").success() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("chpasswd failed for {name}");
}

fn checked(command: &mut Command) {
    // Tests run in parallel, and the account tools give up at once when another of them holds the lock.
    for _ in 0..100 {
        let output = command.output().unwrap_or_else(|error| panic!("run {command:?}: {error}"));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return;
        }
        assert!(complaint.contains("lock"), "{command:?}: {complaint}");
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{command:?}: the account files stay locked");
}
