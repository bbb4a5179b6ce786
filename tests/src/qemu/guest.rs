//! A machine that runs: reached by plain `ssh` and by the program under test, gone on drop.

use super::debian;
use super::image;
use super::initramfs::{self, Identity};
use super::words::words;
use super::{Machine, System};
use crate::daemon::Daemon;
use crate::keys;
use crate::luthier::Luthier;
use crate::processes::wait_for;
use crate::skip::{missing, which};
use crate::sshd::free_port;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Programs of this machine without which none can be built.
const NEEDED: [&str; 8] = ["qemu-system-x86_64", "sshd", "ssh", "ssh-keygen", "busybox", "cpio", "dpkg", "ldd"];

/// Between the outputs of several commands that go over one connection.
const SEPARATOR: &str = "-- luthier-tests: the next command --";

/// A running machine with sshd inside; ends on drop.
#[derive(Debug)]
pub struct Guest {
    // Ended before its folder is removed.
    daemon: Daemon,
    /// A connection that stays, for [`Guest::ssh`]: the machine is slow, and each new one would cost it a second.
    line: Option<Daemon>,
    folder: TempDir,
    machine: Machine,
    kernel: PathBuf,
    host_key: String,
    port: u16,
}

impl Machine {
    /// Start it without waiting; `None` (and said) where this machine cannot.
    pub(crate) fn power_on(&self) -> Option<Guest> {
        if missing(&NEEDED) || missing(&self.programs()) {
            return None;
        }
        let kernel = image::kernel()?;
        let disk = match self.system {
            System::Small => None,
            System::Debian => Some(debian::disk()?),
        };
        let folder = TempDir::with_prefix("luthier-machine-").expect("a temporary folder");
        let at = folder.path();
        let host_key = keys::generate(&at.join("host_key"), "");
        let client_key = keys::generate(&at.join("client_key"), "");
        initramfs::pack(at, &kernel, self, &Identity { host_key: &host_key.file, authorized: &client_key.public });
        let mut machine = self.clone();
        if let Some(disk) = disk {
            let own = at.join("disk");
            let copied = Command::new("cp").arg("--sparse=always").args([&disk, &own]).status().expect("cp runs");
            assert!(copied.success(), "cannot copy {}", disk.display());
            machine.arguments.push("-drive".to_owned());
            machine.arguments.push(format!("file={},if=virtio,format=raw,cache=unsafe", own.display()));
        }
        std::fs::create_dir_all(at.join("controller/.ssh")).expect("a home for the controller");
        let port = free_port();
        let daemon = switch_on(&machine, &kernel.image, at, port);
        let guest =
            Guest { daemon, line: None, folder, machine, kernel: kernel.image, host_key: host_key.public, port };
        guest.write_files();
        Some(guest)
    }

    /// The names among [`Machine::copies`]: programs that must be there.
    fn programs(&self) -> Vec<&str> {
        let names = self.copies.iter().filter(|path| path.is_relative() || !path.exists());
        names.filter_map(|path| path.to_str()).collect()
    }
}

fn switch_on(machine: &Machine, kernel: &Path, at: &Path, port: u16) -> Daemon {
    let mut command = Command::new("qemu-system-x86_64");
    command.args(words(machine, port, at)).arg("-kernel").arg(kernel).arg("-initrd").arg(at.join("initramfs"));
    // Mitigations cost much where every switch of address spaces is emulated: a third of a boot.
    let append = format!("console=ttyS0 quiet panic=-1 mitigations=off rdinit=/init {}", machine.cmdline);
    command.arg("-append").arg(append);
    command.arg("-serial").arg(format!("file:{}", at.join("console").display()));
    let errors = std::fs::File::create(at.join("qemu.log")).expect("a log");
    Daemon::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors))
}

impl Guest {
    /// Wait for its sshd. Where somebody else took its port in the meantime it is started once more with another.
    pub(crate) fn wait(&mut self) {
        loop {
            let (port, daemon, at) = (self.port, &mut self.daemon, self.folder.path());
            let mut taken = false;
            wait_for("the machine's sshd", || {
                if daemon.ended() {
                    taken = log(at).contains("Could not set up host forwarding");
                    assert!(taken, "the machine ended:\n{}", log(at));
                }
                taken || banner(port)
            });
            if !taken {
                self.connect();
                return;
            }
            self.port = free_port();
            self.daemon = switch_on(&self.machine, &self.kernel, self.folder.path(), self.port);
            self.write_files();
        }
    }

    /// Its temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it was built from.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// An inventory whose one host, by the machine's name, is this guest, as root.
    pub fn inventory(&self) -> PathBuf {
        self.folder().join("hosts.ini")
    }

    /// Its line in an inventory.
    pub fn inventory_line(&self) -> String {
        format!(
            "{} ansible_host=127.0.0.1 ansible_port={} ansible_user=root ansible_ssh_private_key_file={}\n",
            self.machine.name,
            self.port,
            self.folder().join("client_key").display()
        )
    }

    /// Its line in known hosts.
    pub fn known_line(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key)
    }

    fn write_files(&self) {
        std::fs::write(self.inventory(), self.inventory_line()).expect("the inventory");
        std::fs::write(self.folder().join("controller/.ssh/known_hosts"), self.known_line()).expect("known hosts");
    }

    /// The program under test, with this guest as inventory.
    pub fn luthier(&self) -> Luthier {
        Luthier::new(&self.folder().join("controller")).inventory(&self.inventory())
    }

    /// Write a playbook beside the inventory.
    pub fn playbook(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder().join(name);
        std::fs::write(&file, text).expect("a playbook");
        file
    }

    /// Open the connection that stays.
    fn connect(&mut self) {
        let socket = self.folder().join("line");
        let _ = std::fs::remove_file(&socket);
        let mut command = self.ssh_command();
        command.args(["-M", "-N", "root@127.0.0.1"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut line = Daemon::start(&mut command);
        wait_for("a connection to the machine", || line.ended() || socket.exists());
        self.line = Some(line);
    }

    /// Run a line of shell inside by plain `ssh`, whatever becomes of it.
    pub fn ssh(&self, line: &str) -> Output {
        self.ssh_command().args(["root@127.0.0.1", line]).output().expect("ssh runs")
    }

    fn ssh_command(&self) -> Command {
        let known = format!("UserKnownHostsFile={}", self.folder().join("controller/.ssh/known_hosts").display());
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", &known]);
        // The cheapest key exchange there is.
        command.args(["-o", "KexAlgorithms=curve25519-sha256", "-o", "ConnectTimeout=120", "-S"]);
        command.arg(self.folder().join("line")).arg("-i").arg(self.folder().join("client_key"));
        command.args(["-p", &self.port.to_string()]).stdin(Stdio::null());
        command
    }

    /// Run a line of shell inside: what it printed. A failure of the line is one of the test.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let output = self.ssh(line);
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{line}\n{said}{complained}\n{}", self.log());
        said
    }

    /// Run several lines over one connection: what each printed. Each must succeed.
    #[track_caller]
    pub fn run_each<const N: usize>(&self, lines: [&str; N]) -> [String; N] {
        let script = lines.join(&format!("\necho; echo '{SEPARATOR}'\n"));
        let said = self.run(&format!("set -e\n{script}"));
        let parts: Vec<String> = said.split(&format!("\n{SEPARATOR}\n")).map(str::to_owned).collect();
        parts.try_into().unwrap_or_else(|parts: Vec<String>| panic!("{} answers to {N} lines:\n{said}", parts.len()))
    }

    /// Switch it off and on and wait until it is back; what is on its disk is written first. Not by its own reboot: QEMU
    /// then keeps what it translated of the system that ran, and goes through it at every write of the new one into the
    /// same memory, for minutes.
    #[track_caller]
    pub fn reboot(&mut self) {
        let boot = "cat /proc/sys/kernel/random/boot_id";
        let before = self.run(&format!("sync; {boot}"));
        self.line = None;
        self.daemon.end();
        self.daemon = switch_on(&self.machine, &self.kernel, self.folder.path(), self.port);
        self.wait();
        assert_ne!(self.run(boot), before);
    }

    /// What the console and QEMU said.
    pub fn log(&self) -> String {
        log(self.folder())
    }
}

fn log(folder: &Path) -> String {
    ["console", "qemu.log"].map(|name| text(&std::fs::read(folder.join(name)).unwrap_or_default())).concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether an SSH server answers: QEMU itself accepts the connection long before the guest does.
fn banner(port: u16) -> bool {
    use std::io::Read;
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
    let mut first = [0_u8; 4];
    stream.read_exact(&mut first).is_ok() && &first == b"SSH-"
}

/// Where a program or file of this machine lies.
pub(super) fn found(copy: &Path) -> PathBuf {
    if copy.is_absolute() {
        return copy.to_path_buf();
    }
    let name = copy.to_string_lossy();
    which(&name).unwrap_or_else(|| panic!("no program {name}"))
}
