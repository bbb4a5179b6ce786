//! A small TCP proxy that misbehaves: adds delay, cuts the line, goes silent, changes a byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How the proxy treats each of its connections. The default passes everything on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Waits this long before it passes on a piece, each way.
    pub delay: Duration,
    /// Cuts the connection after so many bytes towards the host.
    pub cut_to_host: Option<u64>,
    /// Cuts the connection after so many bytes from the host.
    pub cut_from_host: Option<u64>,
    /// Stays silent for ever after so many bytes from the host, without closing.
    pub stall_from_host: Option<u64>,
    /// Changes the byte at this position on its way to the host.
    pub corrupt_to_host: Option<u64>,
}

/// A running proxy; ends on drop.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    target: String,
    ended: AtomicBool,
    silent: AtomicBool,
    to_host: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listen on a free loopback port and pass connections on to `address:port`.
    pub fn start(address: &str, port: u16, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared { faults, target: format!("{address}:{port}"), ..Shared::default() });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if acceptor.ended.load(Ordering::SeqCst) {
                    return;
                }
                acceptor.connect(near);
            }
        });
        Self { port: own, shared }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes passed towards the host so far.
    pub fn to_host(&self) -> u64 {
        self.shared.to_host.load(Ordering::SeqCst)
    }

    /// Cut every connection now.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Pass nothing on any more, without closing anything.
    pub fn silence(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the acceptor so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn cut(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(self: &Arc<Self>, near: TcpStream) {
        let Ok(far) = TcpStream::connect(&self.target) else { return };
        for stream in [&near, &far] {
            let _ = stream.set_nodelay(true);
        }
        let copies = [near.try_clone(), far.try_clone(), near.try_clone(), far.try_clone()];
        let [Ok(near_kept), Ok(far_kept), Ok(near_back), Ok(far_back)] = copies else { return };
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend([near_kept, far_kept]);
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || up.pump(near, far, true));
        thread::spawn(move || down.pump(far_back, near_back, false));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, towards_host: bool) {
        let cut = if towards_host { self.faults.cut_to_host } else { self.faults.cut_from_host };
        let mut passed = 0_u64;
        let mut buffer = vec![0_u8; 16 * 1024];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => {
                    // A half-closed line: the other half goes on.
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => count,
                Err(_) => break,
            };
            let Some(piece) = buffer.get_mut(..count) else { break };
            let mut piece = &mut piece[..];
            if let Some(limit) = cut {
                let room = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
                let keep = piece.len().min(room);
                piece = piece.split_at_mut(keep).0;
            }
            let wrong = self.faults.corrupt_to_host.filter(|_| towards_host).and_then(|at| at.checked_sub(passed));
            if let Some(byte) = wrong.and_then(|at| usize::try_from(at).ok()).and_then(|at| piece.get_mut(at)) {
                *byte ^= 0x55;
            }
            thread::sleep(self.faults.delay);
            let stalled = !towards_host && self.faults.stall_from_host.is_some_and(|limit| passed >= limit);
            passed += piece.len() as u64;
            if stalled || self.silent.load(Ordering::SeqCst) {
                continue;
            }
            if to.write_all(piece).is_err() {
                break;
            }
            if towards_host {
                self.to_host.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
            if cut.is_some_and(|limit| passed >= limit) {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut back = stream.try_clone().unwrap();
                thread::spawn(move || std::io::copy(&mut stream, &mut back));
            }
        });
        port
    }

    fn through(faults: Faults, sent: &[u8]) -> Vec<u8> {
        let proxy = Proxy::start("127.0.0.1", echo(), faults);
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        stream.write_all(sent).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        got
    }

    #[test]
    fn cuts_and_corrupts_where_it_is_told_to() {
        assert_eq!(through(Faults { cut_from_host: Some(3), ..Faults::default() }, b"abcdef"), b"abc");
        let got = through(Faults { corrupt_to_host: Some(1), cut_from_host: Some(3), ..Faults::default() }, b"abc");
        assert_eq!(got, [b'a', b'b' ^ 0x55, b'c']);
    }
}
