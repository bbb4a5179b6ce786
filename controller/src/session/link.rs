//! A connection that is logged in to one machine, over whatever carries it. Every machine on the way to a host has one.

use super::auth::log_in;
use super::bastion::Bastions;
use super::carrier::{Carrier, Leash};
use super::host_key::{Door, Gatekeeper, HandlerError};
use super::open::{Listener, Notice};
use super::proxy_command::Program;
use super::route::{Route, Via};
use super::tunnel::Tunnel;
use super::{Secret, SessionError, Settings, Unreachable, escaped, ssh};
use russh::Disconnect;
use russh::client::{self, Handle};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Attempts where a server cuts connections before they are agreed (`MaxStartups` does when many come at once).
const ATTEMPTS: u32 = 6;

/// The pause before one of the attempts that `ConnectionAttempts` asks for.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that is logged in.
pub(super) struct Link {
    /// The library's end of it.
    pub(super) handle: Handle<Gatekeeper>,
    /// What was found out about it.
    pub(super) door: Arc<Door>,
    under: Under,
    leash: Leash,
}

/// What carries a connection.
enum Under {
    /// The network.
    Network,
    /// A channel of a bastion's connection.
    Bastion { name: String, link: Arc<Link> },
    /// A program's pipes.
    Program(Program),
}

/// A future in a box, as links lead through links.
type Reaching<'a> = Pin<Box<dyn Future<Output = Result<Link, SessionError>> + Send + 'a>>;

impl Link {
    /// Connect and log in: again where the server cut it short, in turn where many want to.
    pub(super) fn reach<'a>(
        settings: &'a Settings,
        route: &'a Arc<Route>,
        password: Option<&'a Secret>,
        listener: &'a Listener,
    ) -> Reaching<'a> {
        Box::pin(async move {
            let mut left = route.connect_timeout;
            let mut attempt = 1;
            let mut kept = None;
            loop {
                // The bastion has deadlines of its own; they do not count here.
                let bastion = match &route.via {
                    Via::Jump(hop) => Some(settings.bastions.link(settings, hop, listener).await?),
                    _ => None,
                };
                let turn = match kept.take() {
                    Some(turn) => turn,
                    None => settings.startups.enter(route.server()).await,
                };
                let begun = Instant::now();
                let result = connect(settings, route, bastion, listener, left).await;
                left = left.saturating_sub(begun.elapsed());
                let error = match result {
                    Ok(link) => return link.log_in(settings, route, password, listener).await,
                    Err(Failed { error, again }) => {
                        if again == Again::Soon {
                            // Whoever was turned away keeps the turn: those behind would be turned away as well.
                            kept = Some(turn);
                        } else {
                            drop(turn);
                        }
                        match again.pause(attempt, route.attempts) {
                            Some(pause) if pause < left => {
                                left = left.saturating_sub(pause);
                                tokio::time::sleep(pause).await;
                                attempt += 1;
                                continue;
                            }
                            _ => error,
                        }
                    }
                };
                return Err(error);
            }
        })
    }

    async fn log_in(
        mut self,
        settings: &Settings,
        route: &Route,
        password: Option<&Secret>,
        listener: &Listener,
    ) -> Result<Self, SessionError> {
        if !route.is_hop {
            listener(Notice::State("authenticating"));
        }
        let is_suspect = self.is_suspect();
        match log_in(&mut self.handle, settings, route, password, (&self.door, is_suspect)).await {
            Ok(()) => Ok(self),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Why the connection ended, as far as anybody said: the innermost thing that broke.
    pub(super) fn reason(&self) -> Option<String> {
        let own = self.door.reason();
        match &self.under {
            Under::Network => own,
            Under::Bastion { name, link } if link.handle.is_closed() => {
                let why = link.reason().unwrap_or_else(|| "the connection to it was closed".to_owned());
                Some(format!("bastion {name}: {why}"))
            }
            Under::Bastion { .. } => own,
            Under::Program(program) => match (own, program.words()) {
                (own, words) if words.is_empty() => own,
                (own, words) => Some(format!("{}; ProxyCommand{words}", own.unwrap_or_default())),
            },
        }
    }

    /// Whether another host than the one that is meant may be at its end. A bastion that may be another one can answer for
    /// every host behind it whose key proves nothing.
    pub(super) fn is_suspect(&self) -> bool {
        let through = matches!(&self.under, Under::Bastion { link, .. } if link.is_suspect());
        self.door.suspect.load(Ordering::SeqCst) || through && !self.door.proven.load(Ordering::SeqCst)
    }

    /// Close it properly.
    pub(super) async fn close(self) {
        let Self { handle, under, leash, .. } = self;
        let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        // Until the message is out.
        let _ = tokio::time::timeout(PAUSE, handle).await;
        drop(leash);
        if let Under::Program(program) = under {
            program.end().await;
        }
    }
}

/// Why an attempt failed, and whether there is another one.
struct Failed {
    error: SessionError,
    again: Again,
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It would end the same way.
    No,
    /// As often as the options ask for.
    AsAsked,
    /// The server was busy.
    Soon,
}

impl Again {
    /// How long to wait before the next attempt, if there is one.
    pub(super) fn pause(self, attempt: u32, asked: u32) -> Option<Duration> {
        match self {
            // Spread, so that those who were cut together do not come back together.
            Self::Soon if attempt < ATTEMPTS.max(asked) => {
                Some(Duration::from_millis(rand::random_range(100..400) * u64::from(attempt.min(ATTEMPTS))))
            }
            Self::AsAsked if attempt < asked => Some(PAUSE),
            _ => None,
        }
    }

    fn after(error: &SessionError) -> Self {
        match error {
            SessionError::Unreachable { cause: Unreachable::Reset(_), .. } => Self::Soon,
            SessionError::Unreachable {
                cause: Unreachable::Refused | Unreachable::Network(_) | Unreachable::Dns(_),
                ..
            } => Self::AsAsked,
            _ => Self::No,
        }
    }
}

/// One attempt to connect and to agree on keys.
async fn connect(
    settings: &Settings,
    route: &Arc<Route>,
    bastion: Option<Arc<Link>>,
    listener: &Listener,
    limit: Duration,
) -> Result<Link, Failed> {
    let deadline = Instant::now() + limit;
    // The whole time that was allowed is told, not what was left of it.
    let late = || route.unreachable(Unreachable::Timeout(route.connect_timeout.as_secs()));
    let plain = |error: SessionError| Failed { again: Again::after(&error), error };
    match &route.via {
        Via::Direct => {
            let work = async {
                let stream = ssh::dial(route).await?;
                agree(route, Box::new(stream), Under::Network, listener).await
            };
            tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late())).map_err(plain)
        }
        Via::Jump(hop) => {
            let work = async {
                let (channel, link) = Bastions::channel(settings, hop, bastion, route, listener, deadline).await?;
                let under = Under::Bastion { name: hop.given.clone(), link: Arc::clone(&link) };
                agree(route, Box::new(Tunnel::new(channel, link)), under, listener).await
            };
            // With a margin: where time runs out, the bastion's part in it is told by the inner deadline.
            let outer = deadline + Duration::from_millis(100);
            tokio::time::timeout_at(outer, work).await.unwrap_or_else(|_| Err(late())).map_err(plain)
        }
        Via::Command { line, .. } => by_program(route, line, listener, deadline).await,
    }
}

/// One attempt over a program's pipes.
async fn by_program(route: &Arc<Route>, command: &str, listener: &Listener, deadline: Instant) -> Result<Link, Failed> {
    let told = |how: String| route.unreachable(Unreachable::ByProgram { command: escaped(command), how });
    let (program, stream) = Program::start(command).map_err(|how| Failed { error: told(how), again: Again::No })?;
    let work = agree(route, stream, Under::Network, listener);
    match tokio::time::timeout_at(deadline, work).await {
        Ok(Ok(link)) => Ok(Link { under: Under::Program(program), ..link }),
        Ok(Err(error)) => {
            let again = Again::after(&error);
            // The program knows why; what was heard of it was only the end.
            let error = if again == Again::Soon { told(program.fate().await) } else { error };
            let again = if program.is_missing() { Again::No } else { again };
            program.end().await;
            Err(Failed { error, again })
        }
        Err(_) => {
            let how = format!("connected to no host within {} s{}", route.connect_timeout.as_secs(), program.words());
            Err(Failed { error: told(how), again: Again::No })
        }
    }
}

/// Agree on keys.
async fn agree(
    route: &Arc<Route>,
    stream: Box<dyn super::carrier::Stream>,
    under: Under,
    listener: &Listener,
) -> Result<Link, SessionError> {
    let door = Arc::new(Door::default());
    let gatekeeper = Gatekeeper { route: Arc::clone(route), listener: Arc::clone(listener), door: Arc::clone(&door) };
    let (carrier, leash) = Carrier::new(stream);
    let connected = client::connect_stream(Arc::new(ssh::config(route)), carrier, gatekeeper).await;
    match connected {
        Ok(handle) => Ok(Link { handle, door, under, leash }),
        Err(HandlerError::Session(error)) => Err(error),
        Err(HandlerError::Ssh(error)) => {
            let broken = match &under {
                Under::Bastion { link, name } if link.handle.is_closed() => {
                    let why = link.reason().unwrap_or_else(|| "the connection to it was closed".to_owned());
                    Some(format!("bastion {name}: {why}"))
                }
                _ => door.reason(),
            };
            Err(handshake_error(route, &error, broken))
        }
    }
}

fn handshake_error(route: &Route, error: &russh::Error, said: Option<String>) -> SessionError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let cut = match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::RecvError => true,
        russh::Error::IO(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        }
        _ => false,
    };
    if cut {
        let text = said.unwrap_or_else(|| error.to_string());
        return route.unreachable(Unreachable::Reset(escaped(&text)));
    }
    let reason = match error {
        russh::Error::Version => "it is no SSH 2 server".to_owned(),
        other => escaped(&other.to_string()),
    };
    SessionError::Handshake { address: route.address.clone(), port: route.port, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_and_their_pauses_grow_apart() {
        assert!(Again::No.pause(1, 9).is_none());
        assert!(Again::AsAsked.pause(1, 1).is_none());
        assert_eq!(Again::AsAsked.pause(2, 3), Some(PAUSE));
        assert!(Again::Soon.pause(ATTEMPTS, 1).is_none());
        let late: Vec<Duration> = (0..50).filter_map(|_| Again::Soon.pause(3, 1)).collect();
        assert!(late.iter().all(|pause| (300..1200).contains(&pause.as_millis())), "{late:?}");
        assert!(late.iter().any(|pause| Some(pause) != late.first()));
    }
}
