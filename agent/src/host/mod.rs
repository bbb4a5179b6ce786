//! The door to the machine: the only place where the agent touches files, processes and system calls.
//!
//! Every path given here is absolute *on the host*; [`Host`] puts its root before it, so that a captured machine is read
//! by the very same code.

mod accounts;
mod attributes;
mod clock;
mod command;
mod connect;
mod crc;
mod files;
mod flags;
mod foreign;
pub mod glob;
mod gzip;
pub mod hashes;
mod install;
pub mod job;
pub mod log;
pub mod order;
pub mod paths;
pub mod patience;
mod pieces;
mod planned;
pub mod query;
mod recording;
mod scratch;
pub mod setting;
mod stop;
pub mod sys;
mod who;
mod write;
mod zone;

pub use accounts::{Account, Group};
pub use attributes::Attributes;
pub use clock::Civil;
pub use command::{Command, Ending, Finished, Piped};
pub use crc::crc32;
pub use files::{Kind, Stat};
pub use gzip::{gunzip, gzip};
pub use install::{discard, install};
pub use pieces::Pieces;
pub use recording::Seen;
pub use scratch::Folder;
pub use stop::{Stop, StopReason};
pub use sys::FileSystemSize;
pub use who::Wish;
pub use zone::Zone;

use std::path::{Path, PathBuf};

/// The machine, or a captured one under another root.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    planned: planned::Planned,
    sees_plan: bool,
    recording: Option<recording::Recording>,
}

impl Host {
    /// This machine.
    pub fn live() -> Self {
        Self { root: PathBuf::from("/"), planned: planned::Planned::default(), sees_plan: false, recording: None }
    }

    /// A captured machine under a folder.
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_path_buf(), planned: planned::Planned::default(), sees_plan: false, recording: None }
    }

    /// Whether this is the running machine and not a captured one.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where a host path lies for this process.
    pub fn path(&self, path: &str) -> PathBuf {
        if self.is_live() { PathBuf::from(path) } else { self.root.join(path.trim_start_matches('/')) }
    }
}
