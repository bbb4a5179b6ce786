//! The conversation, with an agent played by the test.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::super::handle::Session;
use super::super::{Agents, Deadlines};
use super::*;
use crate::session::line::Keeper;
use luthier_protocol::message::{ControllerHello, Question, StartChild, Stream};
use luthier_protocol::task::{Identity, Status, TaskRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The agent's end of the line.
struct Peer {
    stream: DuplexStream,
    decoder: Decoder,
}

impl Peer {
    async fn say(&mut self, message: &FromAgent) {
        self.stream.write_all(&encode(message).unwrap()).await.unwrap();
    }

    async fn hear(&mut self) -> ToAgent {
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return message;
            }
            let mut bytes = vec![0; 65536];
            let count = self.stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "the controller is gone");
            self.decoder.push(&bytes[..count]);
        }
    }
}

fn pair() -> (Line, Peer) {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(ours);
    let line = Line {
        reader: LineReader::Pipes { out: Some(Box::new(reader)), err: None, child: None, is_ssh: false },
        writer: LineWriter::Pipe(Box::new(writer)),
        keeper: None,
        turn: None,
    };
    (line, Peer { stream: theirs, decoder: Decoder::new() })
}

fn agent_hello(protocol: u32) -> AgentHello {
    AgentHello {
        protocol,
        version: "9.9".into(),
        hash: String::new(),
        arch: "x86_64".into(),
        uid: 0,
        user: "root".into(),
        pid: 1,
        node: "n".into(),
    }
}

fn settings(silence: Duration) -> Settings {
    let mut settings = Settings::new(Agents::default());
    settings.deadlines = Deadlines { silence, ..Deadlines::default() };
    settings
}

fn begin(silence: Duration) -> (Session, Peer, Arc<Mutex<Vec<Notice>>>) {
    let (line, peer) = pair();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notices);
    let listener: Listener = Arc::new(move |notice| kept.lock().unwrap().push(notice));
    let session = Session::begin(&settings(silence), line, Decoder::new(), agent_hello(1), HELLO.to_vec(), listener);
    (session, peer, notices)
}

/// Stands for our hello where a test is not about it.
const HELLO: &[u8] = &[];

const LONG: Duration = Duration::from_secs(600);

fn task(seq: Seq) -> TaskRequest {
    TaskRequest {
        seq,
        name: "t".into(),
        module: "ping".into(),
        params: Map::new(),
        content: None,
        check: false,
        diff: false,
        identity: None,
        environment: Default::default(),
        deadline_ms: None,
        stop_on_failure: false,
        live: false,
        revert: Default::default(),
        job: None,
    }
}

fn result(seq: Seq) -> FromAgent {
    let result = TaskResult { seq, status: Status::Ok, result: Map::new(), diff: Vec::new(), duration_us: 1 };
    FromAgent::Result(Box::new(result))
}

/// A connection to a host that may be another one, or not.
struct Kept(bool);

impl Keeper for Kept {
    fn close(self: Box<Self>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }

    fn reason(&self) -> Option<String> {
        None
    }

    fn is_suspect(&self) -> bool {
        self.0
    }
}

fn child(password: Option<&str>) -> StartChild {
    StartChild {
        identity: Identity { user: "kvm".into(), method: "sudo".into() },
        password: password.map(str::to_owned),
        flags: Vec::new(),
        program: String::new(),
        agent_path: None,
    }
}

#[tokio::test]
async fn a_become_password_goes_to_no_host_whose_key_changed() {
    for is_suspect in [true, false] {
        let (mut line, mut peer) = pair();
        line.keeper = Some(Box::new(Kept(is_suspect)));
        let silent: Listener = Arc::new(|_| {});
        let session = Session::begin(&settings(LONG), line, Decoder::new(), agent_hello(1), HELLO.to_vec(), silent);
        let told = session.start_child(child(Some("secret"))).await;
        let error = told.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(error.contains("not sent, as the host key changed"), is_suspect, "{told:?}");
        assert!(is_suspect || peer.hear().await == ToAgent::StartChild(child(Some("secret"))));
        session.start_child(child(None)).await.unwrap();
        assert_eq!(peer.hear().await, ToAgent::StartChild(child(None)));
    }
}

#[tokio::test]
async fn how_to_become_somebody_is_said_again_where_it_changed() {
    let (session, mut peer, _) = begin(LONG);
    for password in [Some("wrong"), Some("wrong"), Some("right"), Some("right"), None] {
        session.start_child(child(password)).await.unwrap();
    }
    for password in [Some("wrong"), Some("right"), None] {
        assert_eq!(peer.hear().await, ToAgent::StartChild(child(password)));
    }
}

#[tokio::test]
async fn tasks_are_sent_ahead_and_answered_in_any_order() {
    let (session, mut peer, notices) = begin(LONG);
    let first = session.submit(task(1), None).await.unwrap();
    let second = session.submit(task(2), None).await.unwrap();
    assert!(matches!(session.submit(task(2), None).await, Err(SessionError::DuplicateSeq(2))));
    for _ in 0..2 {
        assert!(matches!(peer.hear().await, ToAgent::Task(_)));
    }
    peer.say(&FromAgent::Started { seq: 2 }).await;
    peer.say(&FromAgent::Output { seq: 2, stream: Stream::Stderr, data: b"x".to_vec() }).await;
    peer.say(&result(2)).await;
    peer.say(&result(1)).await;
    assert_eq!(second.wait().await.unwrap().seq, 2);
    assert_eq!(first.wait().await.unwrap().seq, 1);
    let told = notices.lock().unwrap().clone();
    assert_eq!(
        told,
        [Notice::Started { seq: 2 }, Notice::Output { seq: 2, stream: Stream::Stderr, data: b"x".to_vec() }]
    );
}

#[tokio::test]
async fn offered_content_travels_in_pieces() {
    let (session, mut peer, _) = begin(LONG);
    let body: Arc<[u8]> = vec![7; 200_000].into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    std::fs::write(&path, &body).unwrap();
    for (seq, source) in [(1, ContentSource::Bytes(Arc::clone(&body))), (2, ContentSource::File(path))] {
        let pending = session.submit(task(seq), Some(source)).await.unwrap();
        assert!(matches!(peer.hear().await, ToAgent::Task(_)));
        peer.say(&FromAgent::NeedContent { seq }).await;
        let mut got = Vec::new();
        loop {
            let ToAgent::Content { data, last, .. } = peer.hear().await else { panic!("not content") };
            got.extend(data);
            if last {
                break;
            }
        }
        assert_eq!(got.len(), body.len());
        peer.say(&result(seq)).await;
        pending.wait().await.unwrap();
    }
}

#[tokio::test]
async fn content_that_cannot_be_read_fails_its_task_only() {
    let (session, mut peer, _) = begin(LONG);
    let pending = session.submit(task(1), Some(ContentSource::File("/no/such/file".into()))).await.unwrap();
    peer.hear().await;
    peer.say(&FromAgent::NeedContent { seq: 1 }).await;
    assert!(matches!(pending.wait().await, Err(SessionError::Content { .. })));
    assert_eq!(peer.hear().await, ToAgent::Cancel { seq: 1 });
    peer.say(&result(1)).await;
    let next = session.submit(task(2), None).await.unwrap();
    peer.hear().await;
    peer.say(&result(2)).await;
    next.wait().await.unwrap();
}

#[tokio::test]
async fn what_is_no_message_ends_the_session_for_all_who_wait() {
    for (bytes, wanted) in [
        (b"hello there, this is a shell".to_vec(), "is over the limit"),
        (vec![0x7f, 0xff, 0xff, 0xff, 0], "is over the limit"),
        (vec![0, 0, 0, 0], "empty frame"),
        (vec![0, 0, 0, 2, 0, 0xc1], "not a message"),
        (vec![0, 0, 0, 2, 9, 0xc0], "unknown frame kind 9"),
        (encode(&result(77)).unwrap(), "answered request 77, which nobody made"),
        (encode(&FromAgent::NeedContent { seq: 1 }).unwrap(), "which has none"),
        (encode(&FromAgent::Hello(agent_hello(1))).unwrap(), "a second hello"),
    ] {
        let (session, mut peer, _) = begin(LONG);
        let pending = session.submit(task(1), None).await.unwrap();
        peer.hear().await;
        peer.stream.write_all(&bytes).await.unwrap();
        let error = pending.wait().await.unwrap_err();
        assert!(matches!(error, SessionError::Protocol(_)) && error.is_unreachable(), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
        assert_eq!(session.submit(task(2), None).await.unwrap_err(), error);
    }
}

#[tokio::test]
async fn a_silent_host_is_lost() {
    let (session, mut peer, _) = begin(Duration::from_secs(1));
    let pending = session.submit(task(1), None).await.unwrap();
    peer.say(&FromAgent::Heartbeat).await;
    let error = pending.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "connection lost: the host was silent for 1 s");
}

#[tokio::test]
async fn a_cut_line_is_told_to_all_who_wait() {
    let (session, peer, _) = begin(LONG);
    let pending = session.submit(task(1), None).await.unwrap();
    drop(peer);
    assert!(matches!(pending.wait().await, Err(SessionError::Lost(_))));
    assert!(matches!(session.facts(2, Vec::new(), None).await, Err(SessionError::Lost(_))));
}

#[tokio::test]
async fn a_session_is_closed_with_a_goodbye_both_ways() {
    let (session, mut peer, _) = begin(LONG);
    let _pending = session.submit(task(1), None).await.unwrap();
    let agent = async {
        assert!(matches!(peer.hear().await, ToAgent::Task(_)));
        assert_eq!(peer.hear().await, ToAgent::Bye);
        peer.say(&FromAgent::Bye).await;
    };
    let (closed, ()) = tokio::join!(session.close(), agent);
    closed.unwrap();
    let (session, mut peer, _) = begin(LONG);
    let _pending = session.submit(task(1), None).await.unwrap();
    peer.say(&FromAgent::Fatal { message: "disk\x1b[1m full".into() }).await;
    let error = session.close().await.unwrap_err();
    assert_eq!(error.to_string(), "connection lost: the agent gave up: disk\\u{1b}[1m full");
}

#[tokio::test]
async fn a_refused_request_does_not_end_the_session() {
    let (session, mut peer, _) = begin(LONG);
    let other = session.clone();
    let asked = tokio::spawn(async move { other.journal(5, None, None, None).await });
    assert!(matches!(peer.hear().await, ToAgent::Journal { seq: 5, .. }));
    peer.say(&FromAgent::Refused { seq: 5, message: "no journal".into() }).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error, SessionError::Refused("no journal".into()));
    assert!(!error.is_unreachable() && session.ended().is_none());
}

#[tokio::test]
async fn versions_that_differ_are_named() {
    let (mut line, mut peer) = pair();
    peer.say(&FromAgent::Hello(agent_hello(7))).await;
    let error = greet(&mut line, &settings(LONG), Vec::new()).await.err().unwrap();
    assert!(error.to_string().starts_with("the agent (version 9.9) speaks protocol 7, this controller"), "{error}");
}

#[tokio::test]
async fn where_nothing_is_open_nobody_waits_for_a_goodbye() {
    // The peer never says goodbye: neither of these may wait for it.
    let (session, mut peer, _) = begin(LONG);
    let asked = session.clone();
    let facts = tokio::spawn(async move { asked.facts(1, Vec::new(), None).await });
    assert!(matches!(peer.hear().await, ToAgent::Facts { seq: 1, .. }));
    peer.say(&FromAgent::Facts { seq: 1, facts: Map::new() }).await;
    facts.await.unwrap().unwrap();
    session.close().await.unwrap();
    assert_eq!(peer.hear().await, ToAgent::Bye);

    let (session, mut peer, _) = begin(LONG);
    let pending = session.submit(task(1), None).await.unwrap();
    session.settle(&|| 2).await.unwrap();
    assert!(matches!(peer.hear().await, ToAgent::Task(_)));
    assert_eq!(peer.hear().await, ToAgent::Ask { seq: 2, question: Question::Settle, identity: None });
    peer.say(&result(1)).await;
    peer.say(&FromAgent::Told { seq: 2, told: Told::Settled }).await;
    pending.wait().await.unwrap();
    session.close().await.unwrap();
    assert_eq!(peer.hear().await, ToAgent::Bye);
}

#[tokio::test]
async fn a_task_behind_the_settling_opens_another_transaction() {
    let (session, mut peer, _) = begin(LONG);
    let first = session.submit(task(1), None).await.unwrap();
    session.settle(&|| 2).await.unwrap();
    let second = session.submit(task(3), None).await.unwrap();
    peer.say(&result(1)).await;
    peer.say(&FromAgent::Told { seq: 2, told: Told::Settled }).await;
    peer.say(&result(3)).await;
    first.wait().await.unwrap();
    second.wait().await.unwrap();
    let agent = async {
        for _ in 0..3 {
            peer.hear().await;
        }
        assert_eq!(peer.hear().await, ToAgent::Bye);
        peer.say(&FromAgent::Fatal { message: "the journal is full".into() }).await;
    };
    let (closed, ()) = tokio::join!(session.close(), agent);
    assert_eq!(closed.unwrap_err().to_string(), "connection lost: the agent gave up: the journal is full");
}

#[tokio::test]
async fn our_hello_travels_with_the_first_request() {
    let (line, mut peer) = pair();
    let hello =
        ControllerHello { protocol: PROTOCOL_VERSION, version: "1".into(), run: None, host: "h".into(), first_seq: 1 };
    let bytes = encode(&ToAgent::Hello(hello.clone())).unwrap();
    let session = Session::begin(&settings(LONG), line, Decoder::new(), agent_hello(1), bytes, Arc::new(|_| {}));
    let _pending = session.submit(task(1), None).await.unwrap();
    assert_eq!(peer.hear().await, ToAgent::Hello(hello));
    assert!(matches!(peer.hear().await, ToAgent::Task(_)));
}
