//! Which process records a run, so that one that was killed can be told from one that still works.

/// A process of this machine, told from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The boot it belongs to; empty where the kernel does not tell.
    pub(super) boot: String,
    /// When it started, in clock ticks since that boot; 0 where the kernel does not tell.
    pub(super) started: i64,
}

impl Process {
    /// This process.
    pub(super) fn own() -> Self {
        let pid = std::process::id();
        Self { pid, boot: boot(), started: started(pid).unwrap_or(0) }
    }

    /// Whether it still runs. Where the kernel does not tell, it is believed to.
    pub(super) fn alive(&self) -> bool {
        if self.boot.is_empty() {
            return true;
        }
        self.boot == boot() && started(self.pid).is_some_and(|ticks| self.started == 0 || ticks == self.started)
    }
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Field 22 of `/proc/PID/stat`, counted behind the program's name, which may hold anything.
fn started(pid: u32) -> Option<i64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let own = Process::own();
        assert!(own.alive());
        assert!(own.started > 0);
        assert!(!Process { started: own.started + 1, ..own.clone() }.alive());
        assert!(!Process { boot: "another".into(), ..own }.alive());
    }
}
