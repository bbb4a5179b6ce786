//! Bastions: hosts that others are reached through. Each is connected to and logged in to once, by whoever needs it
//! first, and carries every host behind it as a channel; a second connection is made where the first one is refused
//! channels.

use super::SessionError;
use super::link::Link;
use super::open::Listener;
use super::route::Route;
use super::{Settings, Unreachable};
use russh::client::Msg;
use russh::{Channel, ChannelOpenFailure, Disconnect};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Connections to one bastion at most.
const MOST: usize = 4;

/// How long to wait for the words that come with a refusal.
const WORDS_WAIT: Duration = Duration::from_millis(50);

/// How often, and after which pause, it is looked whether a connection is free to be closed.
const CLOSING_ROUNDS: u32 = 20;
const CLOSING_WAIT: Duration = Duration::from_millis(10);

/// The bastions of a run.
#[derive(Default)]
pub(super) struct Bastions {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// The connections to one bastion.
#[derive(Default)]
struct Slot {
    /// Attempts that came to an end.
    attempts: AtomicU64,
    /// Held while connecting, so that everybody else waits for the outcome.
    links: tokio::sync::Mutex<Links>,
}

#[derive(Default)]
struct Links {
    open: Vec<Arc<Link>>,
    /// The last attempt that failed, by its number.
    failed: Option<(u64, SessionError)>,
}

impl Bastions {
    fn slot(&self, route: &Route) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(route.identity()).or_default())
    }

    /// The connection to a bastion, made if there is none.
    pub(super) async fn link(
        &self,
        settings: &Settings,
        route: &Arc<Route>,
        listener: &Listener,
    ) -> Result<Arc<Link>, SessionError> {
        self.another(settings, route, listener, &[]).await
    }

    /// A connection to a bastion that is none of those given.
    async fn another(
        &self,
        settings: &Settings,
        route: &Arc<Route>,
        listener: &Listener,
        not: &[Arc<Link>],
    ) -> Result<Arc<Link>, SessionError> {
        let slot = self.slot(route);
        let seen = slot.attempts.load(Ordering::SeqCst);
        let mut links = slot.links.lock().await;
        links.open.retain(|link| !link.handle.is_closed());
        let fits = |link: &&Arc<Link>| !not.iter().any(|other| Arc::ptr_eq(other, link));
        if let Some(link) = links.open.iter().find(fits) {
            return Ok(Arc::clone(link));
        }
        // Those who waited for an attempt share its outcome; what no other attempt would change is not tried again.
        if let Some((number, error)) = &links.failed
            && (*number > seen || is_settled(error))
        {
            return Err(error.clone());
        }
        let reached = Link::reach(settings, route, None, listener).await;
        let number = slot.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        match reached {
            Ok(link) => {
                let link = Arc::new(link);
                links.failed = None;
                links.open.push(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                let error = match error {
                    // Who is to blame is said already.
                    named @ (SessionError::Bastion { .. } | SessionError::Input(_)) => named,
                    other => SessionError::Bastion { bastion: route.given.clone(), source: Box::new(other) },
                };
                links.failed = Some((number, error.clone()));
                Err(error)
            }
        }
    }

    /// A channel through a bastion to where a route leads.
    pub(super) async fn channel(
        settings: &Settings,
        hop: &Arc<Route>,
        first: Option<Arc<Link>>,
        route: &Route,
        listener: &Listener,
        deadline: Instant,
    ) -> Result<(Channel<Msg>, Arc<Link>), SessionError> {
        let bastions = &settings.bastions;
        let mut refused: Vec<Arc<Link>> = Vec::new();
        let mut link = match first {
            Some(link) => link,
            None => bastions.link(settings, hop, listener).await?,
        };
        loop {
            let (reason, said) = match open(&link, route, deadline).await {
                Opened::Channel(channel) => return Ok((channel, link)),
                Opened::Late => return Err(refusal(route, hop, "got no answer from it in time", None)),
                Opened::Lost => {
                    let why = link.reason().unwrap_or_else(|| "the connection to it was closed".to_owned());
                    let source = hop.unreachable(Unreachable::Reset(why));
                    let text = format!("bastion {}: {source}", hop.given);
                    return Err(route.unreachable(Unreachable::Reset(text)));
                }
                Opened::Refused(reason, said) => (reason, said),
            };
            // Another connection may be given what this one is not; a forbidden one is asked for only once more.
            let enough = match reason {
                ChannelOpenFailure::ConnectFailed => return Err(refusal(route, hop, "cannot connect to it", said)),
                ChannelOpenFailure::AdministrativelyProhibited => 2,
                _ => MOST,
            };
            refused.push(link);
            if refused.len() >= enough {
                let text = match reason {
                    ChannelOpenFailure::AdministrativelyProhibited => {
                        "forbids to connect to it (see AllowTcpForwarding, PermitOpen and DisableForwarding in its sshd_config, and restrict or no-port-forwarding in authorized_keys)"
                    }
                    ChannelOpenFailure::UnknownChannelType => "forwards no connections",
                    _ => "has no room for another connection",
                };
                return Err(refusal(route, hop, text, said));
            }
            link = bastions.another(settings, hop, listener, &refused).await?;
        }
    }

    /// Close all connections, those that lead through others first.
    pub(super) async fn close(&self) {
        let slots: Vec<Arc<Slot>> = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.drain().map(|(_, slot)| slot).collect()
        };
        let mut links = Vec::new();
        for slot in slots {
            links.append(&mut slot.links.lock().await.open);
        }
        // A connection that carries others is held by them, and is free a moment after they are closed.
        for _ in 0..CLOSING_ROUNDS {
            let mut held = Vec::new();
            for link in links {
                match Arc::try_unwrap(link) {
                    Ok(link) => link.close().await,
                    Err(link) => held.push(link),
                }
            }
            links = held;
            if links.is_empty() {
                return;
            }
            tokio::time::sleep(CLOSING_WAIT).await;
        }
        for link in links {
            let _ = link.handle.disconnect(Disconnect::ByApplication, "", "").await;
        }
    }
}

/// Whether another attempt would end the same way.
fn is_settled(error: &SessionError) -> bool {
    match error {
        SessionError::Bastion { source, .. } => is_settled(source),
        SessionError::Input(_)
        | SessionError::AuthFailed { .. }
        | SessionError::HostKeyUnknown { .. }
        | SessionError::HostKeyChanged { .. }
        | SessionError::HostKeyRevoked { .. } => true,
        _ => false,
    }
}

fn refusal(route: &Route, hop: &Route, what: &str, said: Option<String>) -> SessionError {
    let said = said.filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default();
    route.unreachable(Unreachable::ByBastion(format!("bastion {} {what}{said}", hop.given)))
}

/// What came of asking for a channel.
enum Opened {
    Channel(Channel<Msg>),
    Refused(ChannelOpenFailure, Option<String>),
    Lost,
    Late,
}

async fn open(link: &Arc<Link>, route: &Route, deadline: Instant) -> Opened {
    let (asking, address, port) = (Arc::clone(link), route.address.clone(), u32::from(route.port));
    // Asked for apart: a channel that comes when nobody waits any more must be closed, not forgotten.
    let (answer, waiting) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let opened = asking.handle.channel_open_direct_tcpip(address, port, "127.0.0.1", 0).await;
        if let Err(Ok(channel)) = answer.send(opened) {
            let _ = channel.close().await;
        }
    });
    let opened = match tokio::time::timeout_at(deadline, waiting).await {
        Err(_) => return Opened::Late,
        Ok(Err(_)) => return Opened::Lost,
        Ok(Ok(opened)) => opened,
    };
    match opened {
        Ok(channel) => Opened::Channel(channel),
        Err(russh::Error::ChannelOpenFailure(reason)) => {
            let until = Instant::now() + WORDS_WAIT;
            let mut said = link.door.refusal(reason.code());
            while said.is_none() && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
                said = link.door.refusal(reason.code());
            }
            Opened::Refused(reason, said)
        }
        Err(_) => Opened::Lost,
    }
}
