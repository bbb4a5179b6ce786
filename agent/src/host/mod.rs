//! The door to the machine: the only place where the agent touches files, processes and system calls.

/// The machine, or a captured one under another root.
#[derive(Debug, Clone)]
pub struct Host {
    root: std::path::PathBuf,
}
