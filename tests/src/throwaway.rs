//! A throwaway copy of this machine's root: an overlay in a mount namespace of its own, so that packages, accounts and
//! services of it can be changed for real and nothing of that lasts. Network and processes stay this machine's.

use crate::daemon::Daemon;
use crate::processes::wait_for;
use crate::skip::{is_root, missing, skip};
use crate::sshd::Site;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Mounts it and stays: the namespace lives as long as the process.
const HOLD: &str = r#"
set -e
mount -t tmpfs tmpfs "$1/layers"
mkdir "$1/layers/upper" "$1/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layers/upper,workdir=$1/layers/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
for place in tmp run; do mount -t tmpfs tmpfs "$1/root/$place"; done
mkdir "$1/root/run/lock"
: >"$1/ready"
exec sleep infinity
"#;

/// The copy; gone on drop.
#[derive(Debug)]
pub struct Throwaway {
    holder: Daemon,
    folder: TempDir,
}

impl Throwaway {
    /// Make one; `None` (and said) where this machine cannot.
    pub fn start() -> Option<Self> {
        if missing(&["unshare", "nsenter", "chroot", "mount"]) {
            return None;
        }
        if !is_root() {
            skip("only root can mount");
            return None;
        }
        let folder = TempDir::with_prefix("luthier-throwaway-").expect("a temporary folder");
        for part in ["layers", "root"] {
            std::fs::create_dir(folder.path().join(part)).expect("a mount point");
        }
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", HOLD, "sh"]).arg(folder.path());
        let mut holder = Daemon::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
        let ready = folder.path().join("ready");
        let mut failed = false;
        wait_for("the throwaway root", || {
            failed = holder.ended();
            failed || ready.exists()
        });
        if failed {
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            skip(&format!("no overlay can be mounted here: {}", said.trim()));
            return None;
        }
        Some(Self { holder, folder })
    }

    fn enter(&self) -> Vec<String> {
        let root = self.root();
        let pid = self.holder.pid().to_string();
        ["nsenter", "--mount", "--target", &pid, "chroot", &root.to_string_lossy()].map(str::to_owned).into()
    }

    /// Where its root lies in its own mount namespace.
    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A real sshd whose one host `h1` is the copy.
    pub fn site(&self) -> Option<Site> {
        // At the first level bash would read this machine's own ~/.bashrc, as it does where sshd has started it.
        let script = format!(
            "export LUTHIER_STATE_DIR=/var/lib/luthier HOME=/root SHLVL=2\nexec {} /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"",
            self.enter().join(" ")
        );
        Site::builder().hosts(1).force_command(&script).start()
    }

    /// Run a line of shell in it: what it printed. A failure of the line is one of the test.
    #[track_caller]
    pub fn shell(&self, line: &str) -> String {
        let enter = self.enter();
        let mut command = Command::new(enter.first().expect("a program"));
        command.args(enter.iter().skip(1)).args(["/bin/sh", "-ec", line]).env("LC_ALL", "C").stdin(Stdio::null());
        let output = command.output().expect("nsenter runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}
