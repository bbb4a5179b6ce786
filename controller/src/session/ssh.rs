//! SSH: connect, agree on keys, log in, run the bootstrap on the one channel the session keeps.

use super::auth::log_in;
use super::host_key::{self, Door, Gatekeeper, HandlerError};
use super::line::{Keeper, Line, LineReader, LineWriter};
use super::open::{Listener, Notice};
use super::route::Route;
use super::{SessionError, Settings, Target, Unreachable, escaped};
use russh::client::{self, Handle};
use russh::{Disconnect, Preferred, SshId, cipher, compression};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes a host may send before it must wait for us.
const WINDOW: u32 = 4 * 1024 * 1024;

/// Attempts where a server cuts connections before they are agreed (`MaxStartups` does when many come at once).
const ATTEMPTS: u32 = 4;

/// Ciphers in the order they are asked for: AES in hardware is everywhere that KVM is.
const CIPHERS: &[cipher::Name] =
    &[cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR];

/// Connect to a host, log in and run a command.
pub(super) async fn start(
    settings: &Settings,
    target: &Target,
    command: &str,
    listener: &Listener,
) -> Result<Line, SessionError> {
    let route = Arc::new(Route::find(settings, target)?);
    for warning in route.warnings.iter().filter(|warning| settings.first_time(warning)) {
        listener(Notice::Warning(warning.clone()));
    }
    if let Some(reason) = &route.blocked {
        return Err(unreachable(&route, Unreachable::Unsupported(reason.clone())));
    }
    let door = Arc::new(Door::default());
    let mut handle = connect(&route, listener, &door).await?;
    listener(Notice::State("authenticating"));
    if let Err(error) = log_in(&mut handle, settings, &route, target.password.as_ref(), &door).await {
        let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        return Err(error);
    }
    let limit = settings.deadlines.start;
    let begin = async {
        let channel = handle.channel_open_session().await?;
        // The answer comes with the rest: waiting for it here would be a round trip.
        channel.exec(true, command).await?;
        Ok(channel.split())
    };
    let opened: Result<_, russh::Error> = tokio::time::timeout(limit, begin)
        .await
        .map_err(|_| SessionError::Deadline { phase: "opening a channel", seconds: limit.as_secs() })?;
    let (reader, writer) =
        opened.map_err(|error| SessionError::NoExec(door.reason().unwrap_or_else(|| escaped(&error.to_string()))))?;
    Ok(Line {
        reader: LineReader::Ssh(reader),
        writer: LineWriter::Ssh(writer),
        keeper: Some(Box::new(Connection { handle, door })),
    })
}

fn unreachable(route: &Route, cause: Unreachable) -> SessionError {
    SessionError::Unreachable { address: route.address.clone(), port: route.port, cause }
}

/// Keeps the connection and ends it.
struct Connection {
    handle: Handle<Gatekeeper>,
    door: Arc<Door>,
}

impl Keeper for Connection {
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            // Until the message is out.
            let _ = self.handle.await;
        })
    }

    fn reason(&self) -> Option<String> {
        self.door.reason()
    }
}

/// Connect and agree on keys, again where the server cut it short, within one deadline.
async fn connect(
    route: &Arc<Route>,
    listener: &Listener,
    door: &Arc<Door>,
) -> Result<Handle<Gatekeeper>, SessionError> {
    let limit = route.connect_timeout;
    let deadline = Instant::now() + limit;
    let late = || unreachable(route, Unreachable::Timeout(limit.as_secs()));
    let mut attempt = 1;
    loop {
        let result = tokio::time::timeout_at(deadline, connect_once(route, listener, door))
            .await
            .unwrap_or_else(|_| Err(late()));
        let cut = matches!(&result, Err(SessionError::Unreachable { cause: Unreachable::Reset(_), .. }));
        // Spread, so that those who were cut together do not come back together.
        let pause = Duration::from_millis(rand::random_range(100..400) * u64::from(attempt));
        if !cut || attempt >= ATTEMPTS || Instant::now() + pause >= deadline {
            return result;
        }
        attempt += 1;
        tokio::time::sleep(pause).await;
    }
}

async fn connect_once(
    route: &Arc<Route>,
    listener: &Listener,
    door: &Arc<Door>,
) -> Result<Handle<Gatekeeper>, SessionError> {
    let stream = dial(route).await?;
    let gatekeeper = Gatekeeper { route: Arc::clone(route), listener: Arc::clone(listener), door: Arc::clone(door) };
    client::connect_stream(Arc::new(config(route)), stream, gatekeeper).await.map_err(|error| match error {
        HandlerError::Session(error) => error,
        HandlerError::Ssh(error) => handshake_error(route, &error, door),
    })
}

fn handshake_error(route: &Route, error: &russh::Error, door: &Door) -> SessionError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let cut = match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::RecvError => true,
        russh::Error::IO(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        }
        _ => false,
    };
    if cut {
        let text = door.reason().unwrap_or_else(|| error.to_string());
        return unreachable(route, Unreachable::Reset(escaped(&text)));
    }
    let reason = match error {
        russh::Error::Version => "it is no SSH 2 server".to_owned(),
        other => escaped(&other.to_string()),
    };
    SessionError::Handshake { address: route.address.clone(), port: route.port, reason }
}

/// A TCP connection to the first address that answers.
async fn dial(route: &Route) -> Result<TcpStream, SessionError> {
    let addresses: Vec<SocketAddr> = match route.address.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, route.port)],
        Err(_) => tokio::net::lookup_host((route.address.as_str(), route.port))
            .await
            .map_err(|error| unreachable(route, Unreachable::Dns(error.to_string())))?
            .collect(),
    };
    let mut last = Unreachable::Dns("it has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Small frames must not wait for each other's acknowledgement.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => last = Unreachable::Refused,
            Err(error) => last = Unreachable::Network(error.to_string()),
        }
    }
    Err(unreachable(route, last))
}

/// Every choice is made here: the library's defaults are not all fit for this.
fn config(route: &Route) -> client::Config {
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-Luthier_", env!("CARGO_PKG_VERSION")))),
        window_size: WINDOW,
        maximum_packet_size: 32 * 1024,
        preferred: Preferred {
            key: Cow::Owned(host_key::preferred(route)),
            host_key_certificates: host_key::preferred_certificates(route),
            cipher: Cow::Borrowed(CIPHERS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        inactivity_timeout: None,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 4,
        nodelay: true,
        ..client::Config::default()
    }
}
