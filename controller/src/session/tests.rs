//! Sessions over a real OpenSSH server on this machine, with agents that are shell scripts.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use super::*;
use luthier_protocol::frame::encode;
use luthier_protocol::message::{AgentHello, ControllerHello, FromAgent, ToAgent};
use luthier_protocol::{PROTOCOL_VERSION, Value};
use serde_json::json;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ARCH: &str = std::env::consts::ARCH;

/// An OpenSSH server with keys and configuration of its own.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    let done = command.arg("-q").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(done.unwrap().success(), "ssh-keygen {arguments:?}");
}

impl Server {
    /// `None` where there is no sshd.
    fn start(extra: &str) -> Option<Self> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "sshd is required and missing");
            eprintln!("skipped: there is no sshd on this machine");
            return None;
        };
        // Where root starts it, it wants this folder; others cannot make it and do not need it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir_all(folder.path().join("home/.ssh")).unwrap();
        keygen(&["-t", "ed25519", "-N", "", "-f", &path("host")]);
        keygen(&["-t", "ed25519", "-N", "", "-f", &path("user")]);
        keygen(&["-t", "rsa", "-b", "2048", "-N", "", "-f", &path("rsa")]);
        keygen(&["-t", "ed25519", "-a", "2", "-N", "open sesame", "-f", &path("locked")]);
        keygen(&["-t", "ed25519", "-N", "", "-f", &path("stranger")]);
        let keys = ["user", "rsa", "locked"].map(|name| std::fs::read_to_string(path(&format!("{name}.pub"))).unwrap());
        std::fs::write(path("authorized"), keys.concat()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n{}\n",
            path("host"),
            path("authorized"),
            extra.replace("%FOLDER%", &folder.path().display().to_string())
        );
        std::fs::write(path("config"), config).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let child =
            Command::new(program).args(["-D", "-e", "-f", &path("config")]).stderr(log).stdin(Stdio::null()).spawn();
        let server = Self { port, child: child.unwrap(), folder };
        server.wait_until_it_listens();
        Some(server)
    }

    fn wait_until_it_listens(&self) {
        for _ in 0..1000 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("sshd does not listen: {}", std::fs::read_to_string(self.path("log")).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    fn know(&self, text: &str) {
        std::fs::write(self.path("home/.ssh/known_hosts"), text).unwrap();
    }

    fn settings(&self, agent: &str) -> Settings {
        let mut settings = Settings::new(Agents::from_programs(vec![(ARCH.to_owned(), agent.as_bytes().to_vec())]));
        settings.home = self.path("home");
        settings.system = self.path("system");
        settings.auth_socket = None;
        self.know(&format!("{} {}", self.name(), self.public("host")));
        settings
    }

    fn target(&self, key: &str, more: Value) -> Target {
        let mut vars = json!({
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_ssh_private_key_file": self.path(key).to_str(),
            "luthier_agent_path": self.path("place").to_str(),
        });
        vars.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default()).unwrap()
    }

    async fn open(&self, settings: Settings, target: &Target) -> Result<Session, SessionError> {
        open(&Arc::new(settings), target, hello(), Arc::new(|_| {})).await
    }
}

fn hello() -> ControllerHello {
    ControllerHello { protocol: PROTOCOL_VERSION, version: "t".into(), run: None, host: "web1".into(), first_seq: 1 }
}

fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

fn agent_hello() -> FromAgent {
    FromAgent::Hello(AgentHello {
        protocol: PROTOCOL_VERSION,
        version: "t".into(),
        hash: String::new(),
        arch: ARCH.into(),
        uid: 0,
        user: "root".into(),
        pid: 42,
        node: "n".into(),
    })
}

/// An agent that says hello and then these bytes, and stays until its input ends.
fn agent_that_says(bytes: &[u8]) -> String {
    let mut all = encode(&agent_hello()).unwrap();
    all.extend_from_slice(bytes);
    format!(
        "#!/bin/sh\n[ -n \"$7\" ] && mv \"$0\" \"$7\"\nprintf '\\nLUTHIER %s READY\\n' \"$3\"\nprintf '{}'\ncat >/dev/null\n",
        octal(&all)
    )
}

/// An agent that says hello, waits for our hello and goodbye, and says goodbye.
fn polite_agent() -> String {
    let heard = encode(&ToAgent::Hello(hello())).unwrap().len() + encode(&ToAgent::Bye).unwrap().len();
    format!(
        "#!/bin/sh\n[ -n \"$7\" ] && mv \"$0\" \"$7\"\nprintf '\\nLUTHIER %s READY\\n' \"$3\"\nprintf '{}'\nhead -c {heard} >/dev/null\nprintf '{}'\n",
        octal(&encode(&agent_hello()).unwrap()),
        octal(&encode(&FromAgent::Bye).unwrap()),
    )
}

#[tokio::test]
async fn a_session_opens_by_key_and_closes_and_the_agent_is_sent_once() {
    let Some(server) = Server::start("") else { return };
    let settings = Arc::new(server.settings(&polite_agent()));
    for (key, wanted) in [
        ("user", vec!["connecting", "authenticating", "pushing", "ready"]),
        ("rsa", vec!["connecting", "authenticating", "ready"]),
    ] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        let listener: Listener = Arc::new(move |notice| {
            if let Notice::State(word) = notice {
                kept.lock().unwrap().push(word);
            }
        });
        let session = open(&settings, &server.target(key, json!({})), hello(), listener).await.unwrap();
        assert_eq!(session.agent().pid, 42);
        session.close().await.unwrap();
        assert_eq!(*told.lock().unwrap(), wanted);
    }
}

#[tokio::test]
async fn an_encrypted_key_is_asked_for_once_for_many_hosts() {
    let Some(server) = Server::start("") else { return };
    let asked = Arc::new(AtomicUsize::new(0));
    let mut settings = server.settings(&polite_agent());
    let count = Arc::clone(&asked);
    settings.prompt = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Some("open sesame".to_owned())
    }));
    let settings = Arc::new(settings);
    let target = server.target("locked", json!({}));
    let opened = tokio::join!(
        open(&settings, &target, hello(), Arc::new(|_| {})),
        open(&settings, &target, hello(), Arc::new(|_| {})),
        open(&settings, &target, hello(), Arc::new(|_| {})),
    );
    for session in [opened.0, opened.1, opened.2] {
        session.unwrap().close().await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let error = server.open(server.settings(""), &target).await.unwrap_err();
    assert!(error.to_string().contains("no terminal to ask for its passphrase"), "{error}");
}

#[tokio::test]
async fn a_key_of_the_authentication_agent_is_used() {
    let Some(server) = Server::start("") else { return };
    let socket = server.path("agent.sock");
    let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
    let Ok(mut child) = child else { return };
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    for key in ["stranger", "rsa"] {
        let added = Command::new("ssh-add").arg("-q").arg(server.path(key)).env("SSH_AUTH_SOCK", &socket).status();
        assert!(added.unwrap().success());
    }
    let mut settings = server.settings(&polite_agent());
    settings.auth_socket = Some(socket);
    let opened = server.open(settings, &server.target("none", json!({}))).await;
    child.kill().unwrap();
    child.wait().unwrap();
    opened.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_told_with_what_was_tried() {
    let Some(server) = Server::start("") else { return };
    let target = server.target("stranger", json!({"ansible_password": "s3cret"}));
    let error = server.open(server.settings(""), &target).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SessionError::AuthFailed { .. }) && error.is_unreachable());
    assert!(text.contains("/stranger; the host accepts publickey") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn unknown_changed_and_revoked_host_keys_are_refused() {
    let Some(server) = Server::start("") else { return };
    let target = server.target("user", json!({}));
    let real = fingerprint_of(&server.path("host.pub"));
    let other = fingerprint_of(&server.path("stranger.pub"));

    let settings = server.settings("");
    server.know("");
    let text = server.open(settings, &target).await.unwrap_err().to_string();
    assert!(text.starts_with("host key unknown") && text.contains(&real), "{text}");

    let settings = server.settings("");
    server.know(&format!("# old\n{} {}", server.name(), server.public("stranger")));
    let text = server.open(settings, &target).await.unwrap_err().to_string();
    assert!(text.contains(&real) && text.contains(&other) && text.contains("/.ssh/known_hosts:2)"), "{text}");

    let settings = server.settings("");
    server.know(&format!("{0} {1}@revoked * {1}", server.name(), server.public("host")));
    let error = server.open(settings, &target).await.unwrap_err();
    assert!(matches!(error, SessionError::HostKeyRevoked { line: 2, .. }), "{error}");
}

fn fingerprint_of(path: &Path) -> String {
    let printed = Command::new("ssh-keygen").arg("-lf").arg(path).output().unwrap();
    String::from_utf8(printed.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn new_keys_are_recorded_on_request_and_taken_unseen_on_another() {
    let Some(server) = Server::start("") else { return };
    let settings = server.settings(&polite_agent());
    server.know("");
    let arguments = json!({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new -o HashKnownHosts=yes"});
    server.open(settings, &server.target("user", arguments)).await.unwrap().close().await.unwrap();
    let recorded = std::fs::read_to_string(server.path("home/.ssh/known_hosts")).unwrap();
    assert!(recorded.starts_with("|1|"), "{recorded}");
    // What was recorded is what OpenSSH itself finds.
    let file = server.path("home/.ssh/known_hosts").display().to_string();
    keygen(&["-F", &server.name(), "-f", &file]);

    let settings = server.settings(&polite_agent());
    server.know(&format!("{} {}", server.name(), server.public("stranger")));
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let listener: Listener = Arc::new(move |notice| kept.lock().unwrap().push(notice));
    let target = server.target("user", json!({"ansible_host_key_checking": false}));
    let session = open(&Arc::new(settings), &target, hello(), listener).await.unwrap();
    session.close().await.unwrap();
    let warned =
        told.lock().unwrap().iter().any(|notice| matches!(notice, Notice::Warning(text) if text.contains("changed")));
    assert!(warned);
}

#[tokio::test]
async fn a_host_certificate_is_trusted_through_its_authority() {
    let Some(server) = Server::start("HostCertificate %FOLDER%/host-cert.pub") else { return };
    let path = |name: &str| server.path(name).display().to_string();
    keygen(&["-t", "ed25519", "-N", "", "-f", &path("ca")]);
    keygen(&["-s", &path("ca"), "-h", "-I", "id", "-n", "127.0.0.1", &path("host.pub")]);
    // The server reads its certificate when it starts: start it again on the same files.
    let config = std::fs::read_to_string(server.path("config")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = config.replace(&format!("Port {}", server.port), &format!("Port {port}"));
    std::fs::write(server.path("config"), config).unwrap();
    let child = Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f", &path("config")]).stderr(Stdio::null()).spawn();
    let folder = tempfile::tempdir().unwrap();
    let second = Server { folder, port, child: child.unwrap() };
    second.wait_until_it_listens();
    let settings = server.settings(&polite_agent());
    server.know(&format!("@cert-authority * {}", server.public("ca")));
    let target = server.target("user", json!({"ansible_port": port}));
    server.open(settings, &target).await.unwrap().close().await.unwrap();

    let settings = server.settings(&polite_agent());
    server.know(&format!("@cert-authority *.lan {}", server.public("ca")));
    let error = server.open(settings, &target).await.unwrap_err();
    assert!(matches!(error, SessionError::HostKeyUnknown { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_port_and_a_server_that_is_none() {
    let Some(server) = Server::start("") else { return };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let target = server.target("user", json!({"ansible_port": port}));
    let impostor = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = free.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = server.open(server.settings(""), &target).await.unwrap_err();
    assert!(error.is_unreachable() && error.to_string().starts_with("unreachable: 127.0.0.1 port"), "{error}");
    impostor.join().unwrap();
    let error = server.open(server.settings(""), &target).await.unwrap_err();
    assert_eq!(error.to_string(), format!("unreachable: 127.0.0.1 port {port}: connection refused"));
}

#[tokio::test]
async fn garbage_and_huge_frames_end_their_session_and_no_other() {
    let Some(server) = Server::start("") else { return };
    let good = server.open(server.settings(&polite_agent()), &server.target("user", json!({}))).await.unwrap();
    for (bytes, wanted) in [
        (b"Segmentation fault".as_slice(), "the host broke the protocol: frame of 1399154541 bytes is over the limit"),
        (&[0x80, 0, 0, 0, 0, 1], "the host broke the protocol: frame of 2147483648 bytes is over the limit"),
    ] {
        let bad =
            server.open(server.settings(&agent_that_says(bytes)), &server.target("user", json!({}))).await.unwrap();
        let error = bad.facts(1, Vec::new(), None).await.unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
    good.close().await.unwrap();
}

#[tokio::test]
async fn a_host_that_runs_no_commands_is_named() {
    let Some(server) = Server::start("ForceCommand echo no shell for you") else { return };
    let error = server.open(server.settings(""), &server.target("user", json!({}))).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent did not start: exit status 0: no shell for you");
}

#[tokio::test]
async fn a_killed_connection_is_told_to_who_waits() {
    let Some(mut server) = Server::start("") else { return };
    let session = server.open(server.settings(&agent_that_says(b"")), &server.target("user", json!({}))).await.unwrap();
    let asked = session.clone();
    let waiting = tokio::spawn(async move { asked.facts(1, Vec::new(), None).await });
    // The connection is held by children of the server.
    let parent = server.child.id();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    for pid in children.split_whitespace() {
        assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    }
    server.child.kill().unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, SessionError::Lost(_)), "{error}");
}
