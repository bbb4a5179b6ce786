//! Options of the commands that work on hosts.

use clap::Args;
use std::path::PathBuf;

/// Options of `run`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier run -i hosts.ini site.yml                      run it
  luthier run -i hosts.ini site.yml -C -D                tell what would change, with diffs
  luthier run -i hosts.ini site.yml -l 'kvm:!kvm7'       on some hosts
  luthier run -i hosts.ini site.yml -t tuning -e size=1G only tasks tagged so, with a variable
  luthier run -i hosts.ini site.yml --list-tasks         what there is to do; contacts nothing
  luthier run -i web1,web2, site.yml -o json             events for programs
  luthier run -i hosts.ini --resume last                 go on where hosts failed or were lost

--resume leaves out, play by play, the hosts that had come to the play's end. The others begin at the task they failed
at: what they did before is told as skipped, its registered results and the handlers it notified hold. Facts are
gathered again, and tasks that only set variables (set_fact, include_vars, add_host, …) are carried out again. Tasks are
known by play, name and order. Other options (-e, -t, --limit) are not remembered: give them again.")]
pub struct RunArgs {
    /// Playbook files; with --resume those of that run, unless some are given
    #[arg(required_unless_present = "resume", value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Change nothing, tell what would be changed
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what is different before and after
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Only tasks with one of these tags, separated by commas; may be given several times
    #[arg(short, long, value_name = "TAGS")]
    pub tags: Vec<String>,
    /// No tasks with one of these tags, separated by commas; may be given several times
    #[arg(long, value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// Begin at the task with this name
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Go on with this run: an id, a unique beginning of one, or `last`
    #[arg(long, value_name = "RUN", conflicts_with = "start_at_task")]
    pub resume: Option<String>,
    /// Print the hosts of each play and stop
    #[arg(long)]
    pub list_hosts: bool,
    /// Print the tasks of each play and stop
    #[arg(long)]
    pub list_tasks: bool,
    /// Print all tags and stop
    #[arg(long)]
    pub list_tags: bool,
    /// Check everything that can be checked without contacting a host, and stop
    #[arg(long)]
    pub syntax_check: bool,
    /// Run handlers even on hosts where a task failed
    #[arg(long)]
    pub force_handlers: bool,
    /// With --check: exit with 3 when something would be changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Options of `exec`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier exec -i hosts.ini all ping
  luthier exec -i hosts.ini kvm command uptime
  luthier exec -i hosts.ini kvm shell 'ls -l /dev/kvm | wc -l'
  luthier exec -i hosts.ini kvm -m copy -a 'src=motd dest=/etc/motd' -b -C -D
  luthier exec -i hosts.ini kvm sysctl name=vm.swappiness value=1 -b")]
pub struct ExecArgs {
    /// Which hosts
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// Module and its arguments, `key=value …` or free text (in quotes, or after `--`, where it holds options: `'ls -l'`)
    #[arg(value_name = "MODULE [ARGS]", conflicts_with_all = ["module", "args"])]
    pub words: Vec<String>,
    /// Module, as with Ansible [default: command]
    #[arg(short, long = "module-name", alias = "module", value_name = "MODULE")]
    pub module: Option<String>,
    /// Its arguments, as with Ansible
    #[arg(short, long, value_name = "ARGS", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// Change nothing, tell what would be changed
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what is different before and after
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// With --check: exit with 3 when something would be changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

impl ExecArgs {
    /// The module's name and its arguments, whichever way they were given.
    pub fn module_and_arguments(&self) -> (String, String) {
        if let Some((module, words)) = self.words.split_first() {
            return (module.clone(), words.join(" "));
        }
        (self.module.clone().unwrap_or_else(|| "command".to_owned()), self.args.clone().unwrap_or_default())
    }
}

/// Options of `facts`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier facts -i hosts.ini                      all hosts, one JSON object each
  luthier facts -i hosts.ini kvm7 --only numa,cpu --format yaml
  luthier facts -i hosts.ini --format table       a line a host
  luthier facts -i hosts.ini --outliers -b        who differs from the others of its model, and in what
  luthier facts -i hosts.ini --outliers kvm --only pci,firmware --format table | grep lanes
  luthier facts --root captures/r740              a captured machine, without SSH
  luthier facts --outliers --root captures        all machines captured in a folder, compared

--outliers compares hosts of one model (vendor and product, else processor and number of sockets). What more than half of
them have is the norm; who has something else is named. What cannot be read is not taken for a value: without -b the
firmware's tables of most hosts stay unknown. What differs from day to day or names one machine (free memory, addresses,
serial numbers, boot devices) is not compared.")]
pub struct FactsArgs {
    /// Which hosts [default: all]
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Only these keys, separated by commas; with --outliers those that tell the model are read all the same
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Tell what differs between hosts of one model, and who is out of line
    #[arg(long)]
    pub outliers: bool,
    /// Form of what is printed [default: json; text with --outliers]
    #[arg(long, value_enum)]
    pub format: Option<FactsFormat>,
    /// Read a captured machine (a folder or a .tar.zst), or a folder of them, instead of hosts; may be given several times
    #[arg(long, value_name = "CAPTURE", conflicts_with = "pattern")]
    pub root: Vec<PathBuf>,
}

/// Values of `facts --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FactsFormat {
    /// One object a line and host; with --outliers one object
    Json,
    /// One document a host; with --outliers one document
    Yaml,
    /// One line a host; with --outliers one line a host and trait
    Table,
    /// Sentences (only with --outliers)
    Text,
}

/// Options of `capture`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier capture -i hosts.ini kvm7 -d captures            a folder captures/kvm7
  luthier capture -i hosts.ini kvm -d captures --archive   an archive for each host
  luthier facts --root captures/kvm7                       inspect it offline, by the very same code

Serial numbers, UUIDs, asset tags, hardware addresses, host names and network addresses are left out unless --keep-identity is given. As an ordinary user (without -b) the firmware's tables cannot be read.")]
pub struct CaptureArgs {
    /// Which hosts
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// Folder to write into
    #[arg(short = 'd', long, value_name = "DIR")]
    pub directory: PathBuf,
    /// Write HOST.tar.zst instead of a folder
    #[arg(long)]
    pub archive: bool,
    /// Leave in what tells the machine from others of its build
    #[arg(long)]
    pub keep_identity: bool,
}

/// Options of `topo`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier topo -i hosts.ini kvm7                    one machine as text
  luthier topo -i hosts.ini kvm                     a group; machines of one build are drawn once
  luthier topo -i hosts.ini kvm7 --format svg > kvm7.svg
  luthier topo -i hosts.ini --format svg -d plans   a file for each build
  luthier topo -i hosts.ini kvm7 --vms -b           with its VMs: pins, and memory by node
  luthier topo --root captures/r740                 a captured machine, without SSH
  luthier topo --root captures                      a folder of them; those of one build are drawn once

A star marks isolated cores, two exclamation marks a PCI Express link that runs below what both its ends can do. Machines
are of one build whatever their free memory, their drivers and the names of their disks. With --vms those whose VMs differ
by name or by pins are drawn apart; only root is told where the memory of a VM lies.")]
pub struct TopoArgs {
    /// Which hosts [default: all]
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Form of the drawing
    #[arg(long, value_enum, default_value_t = TopoFormat::Text)]
    pub format: TopoFormat,
    /// Draw every machine, also those of one build
    #[arg(long)]
    pub each: bool,
    /// Draw running VMs, too: which vCPU is pinned where, and on which nodes their memory lies
    #[arg(long)]
    pub vms: bool,
    /// Write a file for each drawing into this folder
    #[arg(short = 'd', long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read a captured machine (a folder or a .tar.zst), or a folder of them, instead of hosts; may be given several times
    #[arg(long, value_name = "CAPTURE", conflicts_with = "pattern")]
    pub root: Vec<PathBuf>,
}

/// Values of `topo --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TopoFormat {
    /// A tree of at most 100 columns
    Text,
    /// A picture
    Svg,
}

/// Options of `rollback`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier rollback last                 undo the newest run that was no check
  luthier rollback last -C              tell what would be undone
  luthier rollback 20261122-17 -l kvm7  one host of a run
  luthier rollback 20261122-174501-4f2a -i hosts.ini -b   a run of another controller: its hosts know it

Originals come from the journals on the hosts. What somebody else changed since is left alone and reported. Commands
that ran cannot be undone: they are listed.

Exit codes: 6 all that can be undone is undone, 7 a part is not (changed since, blocked, or the host cannot be reached).
A run that a host's journal no longer holds is a failure, too. 130: interrupted before all hosts were asked.
A rollback never exits with 0; a check (-C) does when the rollback would succeed.")]
pub struct RollbackArgs {
    /// Run id, a unique beginning of one, or `last`; of a run that is not recorded here the whole id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Only tell what would be undone
    #[arg(short = 'C', long)]
    pub check: bool,
}

/// Options of `status`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  luthier status -i hosts.ini            transactions that are open or were interrupted
  luthier status -i hosts.ini -b         in the journal of root, too
  luthier status -i hosts.ini kvm --all  closed and rolled back ones, too

Each user has a journal of his own. Those of the login user are read, of whoever -b and --become-user name, and of all
who worked on the host in runs that are recorded on this machine.")]
pub struct StatusArgs {
    /// Which hosts [default: all]
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Closed and rolled back transactions, too
    #[arg(long)]
    pub all: bool,
}
