//! TCP connections that only look whether somebody answers, and the addresses of a name.
//!
//! A static program has no resolver of its own: numbers and `/etc/hosts` are read here, other names are asked of the
//! host's `getent`.

use super::{Host, Stop};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, recv, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// An open connection; closed with the value.
#[derive(Debug)]
pub struct Connection(OwnedFd);

impl Host {
    /// The addresses of a name or of an address written out; none where nobody knows it.
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return vec![address];
        }
        let hosts = self.read_text("/etc/hosts").unwrap_or_default();
        let mut found: Vec<IpAddr> = hosts
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().split_whitespace())
            .filter_map(|mut words| Some((words.next()?.parse().ok()?, words)))
            .filter_map(|(address, mut names)| names.any(|other| other.eq_ignore_ascii_case(name)).then_some(address))
            .collect();
        if found.is_empty() && name.eq_ignore_ascii_case("localhost") {
            found = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        }
        if found.is_empty() && self.is_live() {
            let argv = ["getent", "ahosts", name].map(str::to_owned);
            let answer = self.query(&argv).map(|answer| answer.stdout).unwrap_or_default();
            found = answer.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
            found.dedup();
        }
        found
    }

    /// Connect to the first address that answers in time. `stop` ends the attempt.
    pub fn connect(&self, to: &[IpAddr], port: u16, limit: Duration, stop: Option<&Stop>) -> io::Result<Connection> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in to {
            match dial(SocketAddr::new(*address, port), limit, stop) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Connection {
    /// What arrives next, at most until then; empty at the end, or when the time is over.
    pub fn receive(&self, until: Instant, stop: Option<&Stop>) -> io::Result<Vec<u8>> {
        let mut piece = vec![0_u8; 1024];
        if !ready(&self.0, PollFlags::IN, until.saturating_duration_since(Instant::now()), stop)? {
            return Ok(Vec::new());
        }
        let (length, _) = recv(&self.0, &mut piece[..], rustix::net::RecvFlags::empty())?;
        piece.truncate(length);
        Ok(piece)
    }
}

fn dial(to: SocketAddr, limit: Duration, stop: Option<&Stop>) -> io::Result<Connection> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    match connect(&socket, &to) {
        Ok(()) => return Ok(Connection(socket)),
        Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    if !ready(&socket, PollFlags::OUT, limit, stop)? {
        return Err(io::ErrorKind::TimedOut.into());
    }
    sockopt::socket_error(&socket)??;
    Ok(Connection(socket))
}

/// Whether it became ready in time, and nobody said stop.
fn ready(socket: &OwnedFd, flags: PollFlags, limit: Duration, stop: Option<&Stop>) -> io::Result<bool> {
    let limit =
        Timespec { tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: limit.subsec_nanos().into() };
    let mut watched = vec![PollFd::new(socket, flags)];
    watched.extend(stop.map(|stop| PollFd::new(stop.event(), PollFlags::IN)));
    match poll(&mut watched, Some(&limit)) {
        Ok(_) => Ok(watched.first().is_some_and(|socket| !socket.revents().is_empty())),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn names_are_looked_up_without_a_resolver() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/hosts"), "10.0.0.7 kvm7.example KVM7 # ten\n::7 kvm7\n").unwrap();
        let host = Host::under(folder.path());
        let found = |name: &str| host.addresses(name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("kvm7"), ["10.0.0.7", "::7"]);
        assert_eq!(found("[::1]"), ["::1"]);
        assert_eq!(found("localhost"), ["::1", "127.0.0.1"]);
        assert_eq!(found("ten"), Vec::<String>::new());
    }

    #[test]
    fn a_listener_answers_and_a_closed_port_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        let limit = Duration::from_secs(5);
        let connection = Host::live().connect(&to, port, limit, None).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut peer, b"hello").unwrap();
        drop((peer, listener));
        assert_eq!(connection.receive(Instant::now() + limit, None).unwrap(), b"hello");
        assert!(connection.receive(Instant::now() + limit, None).unwrap().is_empty());
        assert!(Host::live().connect(&to, port, limit, None).is_err());
    }
}
