//! A whole conversation over any pair of streams.

use super::inbox::Inbox;
use super::reader;
use super::session::Session;
use super::wire::Wire;
use crate::host::Host;
use luthier_protocol::message::{AgentHello, FromAgent, HEARTBEAT_SECONDS};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::Builder;
use std::time::Duration;

/// Stack of the small threads; messages nest at most [`luthier_protocol::msgpack::MAX_DEPTH`] deep.
const STACK: usize = 1024 * 1024;

/// Talk until the controller says goodbye or the line is gone; the exit code. `ready` goes before the first message.
pub fn converse(
    input: impl Read + Send + 'static,
    output: Box<dyn Write + Send>,
    host: Host,
    state: PathBuf,
    ready: &str,
    hello: AgentHello,
) -> u8 {
    // Without memory or threads there is nothing to say and nobody to say it.
    let Ok(inbox) = Inbox::new().map(Arc::new) else { return 1 };
    let wire = Arc::new(Wire::new(output, Arc::clone(&inbox)));
    wire.begin(ready, &hello);
    let started = start_threads(input, &inbox, &wire);
    if let Err(error) = started {
        wire.send(&FromAgent::Fatal { message: format!("cannot start a thread: {error}") });
        return 1;
    }
    Session::new(host, state, hello, inbox, wire).serve()
}

fn start_threads(input: impl Read + Send + 'static, inbox: &Arc<Inbox>, wire: &Arc<Wire>) -> io::Result<()> {
    let to_fill = Arc::clone(inbox);
    Builder::new().stack_size(STACK).spawn(move || reader::read(input, &to_fill))?;
    let to_beat = Arc::downgrade(wire);
    Builder::new().stack_size(STACK).spawn(move || beat(&to_beat))?;
    Ok(())
}

/// Say regularly that the agent lives, as long as the session does.
fn beat(wire: &Weak<Wire>) {
    loop {
        std::thread::sleep(Duration::from_secs(HEARTBEAT_SECONDS));
        match wire.upgrade() {
            Some(wire) => wire.send(&FromAgent::Heartbeat),
            None => return,
        }
    }
}
