//! A process that a rig started and ends again.

use std::process::{Child, Command};

/// A child process that dies with its rig.
#[derive(Debug)]
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Start it.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}")))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Daemon {
    /// End it now.
    pub(crate) fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}
