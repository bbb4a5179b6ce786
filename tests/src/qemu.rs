//! Whole machines by QEMU without acceleration: Debian's cloud kernel, an initramfs of busybox and sshd, and hardware as
//! described. For what a loopback `sshd` cannot show: real NUMA nodes, PCI locality, SMBIOS tables, kernel settings.

mod image;

use crate::daemon::Daemon;
use crate::keys;
use crate::luthier::Luthier;
use crate::processes::wait_for;
use crate::skip::missing;
use crate::sshd::free_port;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A machine to build.
#[derive(Debug, Clone)]
pub struct Machine {
    /// CPU sockets.
    pub sockets: u32,
    /// Cores of a socket.
    pub cores: u32,
    /// Threads of a core.
    pub threads: u32,
    /// NUMA nodes; empty for a machine that says nothing of NUMA (it has 1 GiB then).
    pub nodes: Vec<Node>,
    /// Distance between two nodes, both ways; 20 where nothing is said.
    pub distances: Vec<(u32, u32, u8)>,
    /// Text of `-device` options in order (`pxb-pcie,bus_nr=64,numa_node=1,id=far`, …).
    pub devices: Vec<String>,
    /// Text of `-smbios` options in order (`type=1,manufacturer=HP`).
    pub smbios: Vec<String>,
    /// Further QEMU arguments (`-drive`, `-object`, …).
    pub arguments: Vec<String>,
    /// Words added to the kernel's command line.
    pub cmdline: String,
    /// A reboot starts it again; otherwise it ends it.
    pub restarts: bool,
}

/// One NUMA node.
#[derive(Debug, Clone)]
pub struct Node {
    /// MiB of memory; 0 for a node without any.
    pub memory_mib: u32,
    /// Sockets whose CPUs belong to it; empty for a node of memory only.
    pub sockets: Vec<u32>,
}

/// A running machine with sshd inside; ends on drop.
#[derive(Debug)]
pub struct Guest {
    // Ended before its folder is removed.
    _daemon: Daemon,
    folder: TempDir,
}

impl Machine {
    /// One socket of two cores, nothing said of NUMA.
    pub fn plain() -> Self {
        Self {
            sockets: 1,
            cores: 2,
            threads: 1,
            nodes: Vec::new(),
            distances: Vec::new(),
            devices: Vec::new(),
            smbios: Vec::new(),
            arguments: Vec::new(),
            cmdline: String::new(),
            restarts: false,
        }
    }

    /// Two sockets of two cores with two threads, one node each, of which only the first has memory.
    pub fn lopsided() -> Self {
        Self {
            sockets: 2,
            threads: 2,
            nodes: vec![Node { memory_mib: 768, sockets: vec![0] }, Node { memory_mib: 0, sockets: vec![1] }],
            distances: vec![(0, 1, 21)],
            ..Self::plain()
        }
    }

    /// Boot it and wait for its sshd; `None` (and said) where this machine cannot.
    pub fn start(&self) -> Option<Guest> {
        if missing(&["qemu-system-x86_64", "sshd", "ssh-keygen", "busybox", "cpio", "dpkg", "ldd"]) {
            return None;
        }
        let kernel = image::kernel()?;
        let folder = TempDir::with_prefix("luthier-machine-").expect("a temporary folder");
        let at = folder.path();
        let host_key = keys::generate(&at.join("host_key"), "");
        let client_key = keys::generate(&at.join("client_key"), "");
        let initramfs = image::initramfs(at, &kernel, &host_key.file, &client_key.public);
        let port = free_port();
        let mut command = Command::new("qemu-system-x86_64");
        command.args(self.arguments(port)).arg("-kernel").arg(&kernel.image).arg("-initrd").arg(&initramfs);
        command.arg("-append").arg(format!("console=ttyS0 quiet panic=-1 rdinit=/init {}", self.cmdline));
        command.arg("-serial").arg(format!("file:{}", at.join("console").display()));
        let errors = std::fs::File::create(at.join("qemu.log")).expect("a log");
        let mut daemon = Daemon::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors));
        wait_for("the machine's sshd", || {
            assert!(!daemon.ended(), "the machine ended:\n{}", log(at));
            banner(port)
        });
        write_inventory(at, port, &client_key.file);
        let home = at.join("controller/.ssh");
        std::fs::create_dir_all(&home).expect("a home for the controller");
        std::fs::write(home.join("known_hosts"), format!("[127.0.0.1]:{port} {}\n", host_key.public))
            .expect("known hosts");
        Some(Guest { _daemon: daemon, folder })
    }

    fn arguments(&self, port: u16) -> Vec<String> {
        let total: u32 = if self.nodes.is_empty() { 1024 } else { self.nodes.iter().map(|node| node.memory_mib).sum() };
        let Self { sockets, cores, threads, .. } = self;
        let cpus = sockets * cores * threads;
        let mut words: Vec<String> = [
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-machine",
            "q35",
            "-accel",
            "tcg",
            "-cpu",
            "max,vendor=GenuineIntel",
        ]
        .map(str::to_owned)
        .into();
        if !self.restarts {
            words.push("-no-reboot".to_owned());
        }
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        option("-m", format!("{total}M"));
        option("-smp", format!("{cpus},sockets={sockets},cores={cores},threads={threads}"));
        for (number, node) in self.nodes.iter().enumerate() {
            let mut text = format!("node,nodeid={number}");
            if node.memory_mib > 0 {
                option("-object", format!("memory-backend-ram,id=mem{number},size={}M", node.memory_mib));
                let _ = write!(text, ",memdev=mem{number}");
            }
            option("-numa", text);
            for socket in &node.sockets {
                option("-numa", format!("cpu,node-id={number},socket-id={socket}"));
            }
        }
        for (from, to, value) in &self.distances {
            option("-numa", format!("dist,src={from},dst={to},val={value}"));
        }
        option("-netdev", format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"));
        option("-device", "virtio-net-pci,netdev=net,romfile=".to_owned());
        for device in &self.devices {
            option("-device", device.clone());
        }
        for table in &self.smbios {
            option("-smbios", table.clone());
        }
        words.extend(self.arguments.iter().cloned());
        words
    }
}

impl Guest {
    /// Its temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An inventory whose one host `machine` is this guest, as root.
    pub fn inventory(&self) -> PathBuf {
        self.folder().join("hosts.ini")
    }

    /// The program under test, with this guest as inventory.
    pub fn luthier(&self) -> Luthier {
        Luthier::new(&self.folder().join("controller")).inventory(&self.inventory())
    }

    /// What the console and QEMU said.
    pub fn log(&self) -> String {
        log(self.folder())
    }
}

fn log(folder: &Path) -> String {
    ["console", "qemu.log"].map(|name| std::fs::read(folder.join(name)).unwrap_or_default()).map(text).concat()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether an SSH server answers: QEMU itself accepts the connection long before the guest does.
fn banner(port: u16) -> bool {
    use std::io::Read;
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
    let mut first = [0_u8; 4];
    stream.read_exact(&mut first).is_ok() && &first == b"SSH-"
}

fn write_inventory(folder: &Path, port: u16, key: &Path) {
    let text = format!(
        "machine ansible_host=127.0.0.1 ansible_port={port} ansible_user=root ansible_ssh_private_key_file={}\n",
        key.display()
    );
    std::fs::write(folder.join("hosts.ini"), text).expect("the inventory");
}
