//! How an agent begins: is it the program it should be, where does it belong, who is it.

use super::converse::converse;
use crate::host::hashes::Algorithm;
use crate::host::{self, Host, log, sys};
use luthier_protocol::PROTOCOL_VERSION;
use luthier_protocol::bootstrap::{failed_line, ready_line};
use luthier_protocol::message::AgentHello;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where root's state lies.
const ROOT_STATE: &str = "/var/lib/luthier";

/// What `serve` is told on its command line.
#[derive(Debug, Default)]
pub struct Options {
    /// Marks our own lines.
    pub nonce: String,
    /// SHA-256 this program must have.
    pub hash: String,
    /// Where to move itself first.
    pub install: Option<PathBuf>,
    /// Work on a machine under a folder.
    pub root: Option<PathBuf>,
    /// Folder of the journal.
    pub state: Option<PathBuf>,
}

/// Serve a controller on standard input and output; the exit code.
pub fn serve(options: &Options) -> u8 {
    // Without streams there is nobody to serve.
    let Ok((input, mut output)) = sys::streams() else { return 1 };
    let hash = match ready(options) {
        Ok(hash) => hash,
        Err((kind, detail)) => {
            let line = failed_line(&options.nonce, kind, &detail);
            // Nobody may be there to read it.
            let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
            return 1;
        }
    };
    let host = options.root.as_deref().map_or_else(Host::live, Host::under);
    let state = options.state.clone().unwrap_or_else(|| state_folder(&host));
    let hello = hello(&host, hash);
    converse(input, Box::new(output), host, state, &ready_line(&options.nonce), hello)
}

/// Carry out a job that an agent handed over on standard input; the exit code.
pub fn carry_job(state: &Path, root: Option<&Path>) -> u8 {
    super::job::carry(&root.map_or_else(Host::live, Host::under), state)
}

/// Check this program's own bytes and put it in its place. An error is a kind and a detail for people.
fn ready(options: &Options) -> Result<String, (&'static str, String)> {
    let own = Host::live().digest("/proc/self/exe", Algorithm::Sha256);
    let hash = own.map_err(|error| ("hash", format!("cannot read the agent's own file: {error}")))?;
    if hash != options.hash {
        if options.install.is_some() {
            // It is of no use to anybody; that it cannot be removed changes nothing.
            let _ = host::discard();
        }
        return Err(("hash", format!("the agent's file has SHA-256 {hash}, expected {}", options.hash)));
    }
    if let Some(place) = &options.install {
        host::install(place)
            .map_err(|error| ("write", format!("cannot install the agent as {}: {error}", place.display())))?;
    }
    Ok(hash)
}

/// What the agent says of itself.
fn hello(host: &Host, hash: String) -> AgentHello {
    let machine = sys::uname();
    AgentHello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hash,
        arch: machine.machine,
        uid: sys::uid(),
        user: host.own_user(),
        pid: sys::pid(),
        node: machine.node,
    }
}

/// Folder of the journal for the user this agent works as. Users without a home of their own (`nobody`) keep theirs in
/// `/var/tmp`, which survives a reboot.
fn state_folder(host: &Host) -> PathBuf {
    let user = host.own_user();
    let wanted = if let Some(folder) = sys::variable("LUTHIER_STATE_DIR") {
        Path::new(&folder).join(&user)
    } else if sys::uid() == 0 {
        PathBuf::from(ROOT_STATE)
    } else {
        let home = host.account_of(sys::uid()).map(|account| account.home).or_else(|| sys::variable("HOME"));
        PathBuf::from(home.unwrap_or_else(|| "/".to_owned())).join(".local/state/luthier")
    };
    if log::can_hold(&wanted) { wanted } else { PathBuf::from(format!("/var/tmp/luthier-{user}")) }
}
