//! A small web server that also misbehaves: redirects without end, cuts answers short, sends huge headers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// When the files it serves were last changed.
const MODIFIED: &str = "Wed, 01 Jan 2020 00:00:00 GMT";

/// A running server; ends on drop.
///
/// `/file/NAME` is a file that was put there; `/echo` tells the request as JSON; `/status/N` answers N; `/to/N/PATH`
/// redirects with status N; `/loop`, `/cut`, `/huge`, `/silent`, `/gzip`, `/named`, `/secret` (user `ops`, password
/// `p"w\d`), `/cookies`, `/null` do what they say.
#[derive(Debug)]
pub struct Web {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    files: Mutex<Vec<(String, Vec<u8>)>>,
    ended: AtomicBool,
    requests: AtomicU64,
    bodies: AtomicU64,
}

struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Web {
    /// Listen on a free loopback port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared::default());
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if acceptor.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&acceptor);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { port, shared }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Serve these bytes as `/file/NAME`.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut files = self.shared.files();
        files.retain(|(other, _)| other != name);
        files.push((name.to_owned(), bytes.to_vec()));
    }

    /// How many requests came.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many files were sent whole.
    pub fn sent(&self) -> u64 {
        self.shared.bodies.load(Ordering::SeqCst)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn files(&self) -> std::sync::MutexGuard<'_, Vec<(String, Vec<u8>)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) {
        let Some(asked) = read(stream) else { return };
        self.requests.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer(&asked);
        // Who asked may be gone.
        let mut out = stream;
        let _ = out.write_all(&answer);
        let _ = stream.shutdown(Shutdown::Write);
        // Until the other side has closed: an early reset would lose what was sent.
        let _ = std::io::copy(&mut &*stream, &mut std::io::sink());
    }

    fn answer(&self, asked: &Asked) -> Vec<u8> {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let mut parts = path.splitn(4, '/').skip(1);
        let (first, second, third) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let fine = |headers: &str, body: &[u8]| whole(asked, "200 OK", headers, body);
        match first {
            "file" => self.file(asked, second),
            "echo" => fine("Content-Type: application/json; charset=utf-8\r\n", echo(asked, query).as_bytes()),
            "status" => whole(asked, &format!("{second} Told"), "Content-Type: text/plain\r\n", b"told\n"),
            "to" => whole(asked, &format!("{second} Elsewhere"), &format!("Location: /{third}\r\n"), b"not here\n"),
            "loop" => whole(asked, "302 Found", "Location: /loop\r\n", b""),
            "cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this much".to_vec(),
            "silent" => Vec::new(),
            "huge" => fine(&format!("X-Huge: {}\r\n", "x".repeat(4_000_000)), b"small\n"),
            "named" => fine("Content-Disposition: attachment; filename=\"../../given.txt\"\r\n", b"named\n"),
            "gzip" => fine("Content-Encoding: gzip\r\n", GZIP),
            "cookies" => fine("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=\"2\"\r\n", b"cookies\n"),
            "secret" if header(asked, "authorization") == Some("Basic b3BzOnAid1xk") => fine("", b"secret\n"),
            "secret" => whole(asked, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", b"no\n"),
            _ => whole(asked, "404 Not Found", "", b"not found\n"),
        }
    }

    fn file(&self, asked: &Asked, name: &str) -> Vec<u8> {
        let files = self.files();
        let Some((_, bytes)) = files.iter().find(|(other, _)| other == name) else {
            return whole(asked, "404 Not Found", "", b"not found\n");
        };
        // Whoever has a copy from this century has the newest.
        if header(asked, "if-modified-since").is_some_and(|since| since != MODIFIED && since.contains(" 20")) {
            return whole(asked, "304 Not Modified", "", b"");
        }
        self.bodies.fetch_add(1, Ordering::SeqCst);
        whole(asked, "200 OK", &format!("Last-Modified: {MODIFIED}\r\n"), bytes)
    }
}

/// `packed\n`, as gzip.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x2b, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0xe1, 0x02, 0x00,
    0x43, 0xe0, 0x41, 0x2f, 0x07, 0x00, 0x00, 0x00,
];

fn whole(asked: &Asked, status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len())
        .into_bytes();
    if asked.method != "HEAD" && !status.starts_with("304") {
        out.extend_from_slice(body);
    }
    out
}

fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn echo(asked: &Asked, query: &str) -> String {
    let headers: serde_json::Map<String, serde_json::Value> =
        asked.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    serde_json::json!({
        "method": asked.method, "query": query, "headers": headers, "body": String::from_utf8_lossy(&asked.body),
    })
    .to_string()
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, text)| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body })
}
