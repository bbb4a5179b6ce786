//! SSH: a connection that is logged in, and the bootstrap run on the one channel the session keeps.

use super::host_key;
use super::line::{Keeper, Line, LineReader, LineWriter};
use super::link::Link;
use super::open::{Listener, Notice};
use super::route::Route;
use super::ssh_options::AddressFamily;
use super::{SessionError, Settings, Target, Unreachable, escaped};
use russh::{Preferred, SshId, cipher, client, compression};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};

/// Bytes a host may send before it must wait for us.
const WINDOW: u32 = 4 * 1024 * 1024;

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
    let link = Link::reach(settings, &route, target.password.as_ref(), listener).await?;
    let limit = settings.deadlines.start;
    let begin = async {
        let channel = link.handle.channel_open_session().await?;
        // The answer comes with the rest: waiting for it here would be a round trip.
        channel.exec(true, command).await?;
        Ok(channel.split())
    };
    let opened: Result<_, russh::Error> = tokio::time::timeout(limit, begin)
        .await
        .map_err(|_| SessionError::Deadline { phase: "opening a channel", seconds: limit.as_secs() })?;
    let (reader, writer) =
        opened.map_err(|error| SessionError::NoExec(link.reason().unwrap_or_else(|| escaped(&error.to_string()))))?;
    Ok(Line {
        reader: LineReader::Ssh(reader),
        writer: LineWriter::Ssh(writer),
        keeper: Some(Box::new(Connection { link })),
        turn: None,
    })
}

/// Keeps the connection and ends it.
struct Connection {
    link: Link,
}

impl Keeper for Connection {
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.link.close())
    }

    fn reason(&self) -> Option<String> {
        self.link.reason()
    }

    fn is_suspect(&self) -> bool {
        self.link.is_suspect()
    }
}

/// A TCP connection to the first address that answers.
pub(super) async fn dial(route: &Route) -> Result<TcpStream, SessionError> {
    let addresses: Vec<SocketAddr> = match route.address.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, route.port)],
        Err(_) => tokio::net::lookup_host((route.address.as_str(), route.port))
            .await
            .map_err(|error| route.unreachable(Unreachable::Dns(error.to_string())))?
            .collect(),
    };
    let wanted = |address: &SocketAddr| match route.family {
        AddressFamily::Any => true,
        AddressFamily::V4 => address.is_ipv4(),
        AddressFamily::V6 => address.is_ipv6(),
    };
    let mut last = Unreachable::Dns(match route.family {
        AddressFamily::Any => "it has no address".to_owned(),
        AddressFamily::V4 => "it has no address of version 4 (-4, AddressFamily inet)".to_owned(),
        AddressFamily::V6 => "it has no address of version 6 (-6, AddressFamily inet6)".to_owned(),
    });
    for address in addresses.into_iter().filter(wanted) {
        match connect(route, address).await {
            Ok(stream) => {
                // Small frames must not wait for each other's acknowledgement.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => last = Unreachable::Refused,
            Err(error) => last = Unreachable::Network(error.to_string()),
        }
    }
    Err(route.unreachable(last))
}

/// One address, from the address that `BindAddress` names if it does.
async fn connect(route: &Route, address: SocketAddr) -> std::io::Result<TcpStream> {
    let Some(from) = &route.bind_address else { return TcpStream::connect(address).await };
    let told = |error: std::io::Error| std::io::Error::new(error.kind(), format!("from {from} (BindAddress): {error}"));
    let invalid = |_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no address");
    let from_address: IpAddr = from.parse().map_err(invalid).map_err(told)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from_address, 0)).map_err(told)?;
    socket.connect(address).await
}

/// Every choice is made here: the library's defaults are not all fit for this.
pub(super) fn config(route: &Route) -> client::Config {
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
        keepalive_interval: route.alive.0,
        // None at all would mean no end to the library, and to OpenSSH the end at the first question.
        keepalive_max: usize::try_from(route.alive.1).unwrap_or(usize::MAX).max(1),
        nodelay: true,
        ..client::Config::default()
    }
}
