//! A private `libvirtd`: own configuration, sockets, state and log in a temporary folder.

use crate::daemon::Daemon;
use crate::processes::wait_for;
use crate::skip::{is_root, missing, skip, which};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A running daemon; ends on drop.
#[derive(Debug)]
pub struct Libvirtd {
    // Ended before its folder is removed.
    _daemon: Daemon,
    folder: TempDir,
}

impl Libvirtd {
    /// Start one; `None` (and said) where this machine cannot.
    pub fn start() -> Option<Self> {
        if missing(&["libvirtd", "virsh", "qemu-system-x86_64", "unshare"]) {
            return None;
        }
        if !is_root() {
            skip("a system libvirtd needs root");
            return None;
        }
        let folder = TempDir::with_prefix("luthier-libvirtd-").expect("a temporary folder");
        let run = folder.path().join("run");
        let config = folder.path().join("libvirtd.conf");
        std::fs::create_dir_all(&run).expect("a folder for sockets");
        let text = format!(
            "unix_sock_dir = \"{}\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\nlisten_tls = 0\n\
             log_outputs = \"3:file:{}\"\n",
            run.display(),
            folder.path().join("log").display()
        );
        std::fs::write(&config, text).expect("its configuration");
        // Root's own QEMU, and no daemons beside this one.
        let driver = "stdio_handler = \"file\"\nsecurity_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\n";
        let qemu = folder.path().join("qemu.conf");
        std::fs::write(&qemu, driver).expect("the driver's configuration");
        // The daemon's own folders are compiled in. In a mount namespace of its own they lie in memory, so that several
        // daemons run at once and none of them leaves anything on the machine.
        let places = ["/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"];
        let mounts: String =
            places.iter().map(|place| format!("mkdir -p {place} && mount -t tmpfs tmpfs {place} && ")).collect();
        let script = format!(
            "{mounts}cp {} /etc/libvirt/ && exec {} --config {} --pid-file {}",
            qemu.display(),
            which("libvirtd").expect("looked for before").display(),
            config.display(),
            folder.path().join("pid").display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", &script]);
        let mut daemon = Daemon::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let socket = run.join("libvirt-sock");
        wait_for("libvirtd to listen", || {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(!daemon.ended(), "libvirtd ended:\n{log}");
            UnixStream::connect(&socket).is_ok()
        });
        Some(Self { _daemon: daemon, folder })
    }

    /// Start a domain that lasts as long as what is returned.
    #[track_caller]
    pub fn guest(&self, xml: &str) -> Guest<'_> {
        let file = self.folder.path().join("domain.xml");
        std::fs::write(&file, xml).expect("a domain's description");
        let said = self.virsh(&["create", &file.display().to_string()]);
        let name = said.split('\'').nth(1).unwrap_or_else(|| panic!("no domain is named: {said}")).to_owned();
        Guest { daemon: self, name }
    }

    /// What virsh says; its failure is one of the test.
    #[track_caller]
    pub fn virsh(&self, words: &[&str]) -> String {
        let uri = format!("qemu+unix:///system?socket={}", self.socket().display());
        let output =
            Command::new("virsh").args(["-c", &uri]).args(words).env("LC_ALL", "C").output().expect("virsh runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{words:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Its read-write socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/libvirt-sock")
    }
}

/// A running domain; ends on drop.
#[derive(Debug)]
pub struct Guest<'a> {
    daemon: &'a Libvirtd,
    name: String,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let uri = format!("qemu+unix:///system?socket={}", self.daemon.socket().display());
        let _ = Command::new("virsh").args(["-c", &uri, "destroy", &self.name]).output();
    }
}

/// Path of the built `luthier-libvirt`.
pub fn program() -> PathBuf {
    crate::luthier::program("luthier-libvirt", "LUTHIER_LIBVIRT")
}
