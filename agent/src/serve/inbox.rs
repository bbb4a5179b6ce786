//! What has arrived and waits for the session: messages in order, and the few that overtake them.

use crate::host::{Stop, StopReason};
use luthier_protocol::message::ToAgent;
use luthier_protocol::name::Seq;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Reading pauses while this many bytes wait.
const SOFT_LIMIT: usize = 64 * 1024 * 1024;

/// A controller that lets this many bytes pile up while content is awaited has lost its way.
const HARD_LIMIT: usize = 256 * 1024 * 1024;

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// A message.
    Message(ToAgent),
    /// The line is gone.
    Gone,
    /// What came is no message; the reason.
    Garbage(String),
}

/// A child's part in what the session waits for.
#[derive(Debug)]
pub enum ChildNews {
    /// It has answered the request; true when that was a failed task.
    Answered {
        /// A task that failed.
        failed: bool,
    },
    /// It is gone; what it said last.
    Gone(String),
    /// Content for its task.
    Content(Vec<u8>, bool),
    /// Its task is to be cancelled.
    Cancelled,
    /// The line to the controller is gone.
    LineGone,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<(ToAgent, usize)>,
    bytes: usize,
    /// The request in hand.
    current: Option<Seq>,
    cancelled: BTreeSet<Seq>,
    /// Content for the request in hand.
    content: VecDeque<(Vec<u8>, bool)>,
    hungry: bool,
    /// A cancel for the request in hand that was not looked at yet.
    cancel: bool,
    answered: Option<(u64, bool)>,
    gone_children: Vec<(u64, String)>,
    bye: bool,
    lost: bool,
    garbage: Option<String>,
}

/// Shared by all threads of a session.
#[derive(Debug)]
pub struct Inbox {
    inner: Mutex<Inner>,
    news: Condvar,
    stop: Stop,
}

impl Inbox {
    /// Empty.
    pub fn new() -> io::Result<Self> {
        Ok(Self { inner: Mutex::default(), news: Condvar::new(), stop: Stop::new()? })
    }

    /// Raised when the request in hand is to stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        self.news.wait(inner).unwrap_or_else(PoisonError::into_inner)
    }

    /// A message came that took this many bytes. Returns once there is room for more.
    pub fn put(&self, message: ToAgent, bytes: usize) {
        let mut inner = self.inner();
        match message {
            ToAgent::Cancel { seq } => self.cancel(&mut inner, seq),
            ToAgent::Content { seq, data, last } => {
                // Content nobody waits for any more belongs to a task that was cancelled.
                if inner.current == Some(seq) {
                    inner.content.push_back((data, last));
                }
            }
            message => {
                inner.bye |= message == ToAgent::Bye;
                inner.bytes += bytes;
                inner.queue.push_back((message, bytes));
            }
        }
        self.news.notify_all();
        while inner.bytes > SOFT_LIMIT && !inner.hungry && !inner.lost {
            inner = self.wait(inner);
        }
        if inner.bytes > HARD_LIMIT {
            inner.garbage = Some(format!("more than {} MiB of requests wait", HARD_LIMIT / 1024 / 1024));
            self.news.notify_all();
        }
    }

    fn cancel(&self, inner: &mut Inner, seq: Seq) {
        if inner.current == Some(seq) {
            inner.cancel = true;
            self.stop.raise(StopReason::Cancelled);
        } else if inner.queue.iter().any(|(message, _)| matches!(message, ToAgent::Task(task) if task.seq == seq)) {
            inner.cancelled.insert(seq);
        }
    }

    /// Nothing more will come, and nothing can be said any more.
    pub fn lost(&self) {
        let mut inner = self.inner();
        inner.lost = true;
        self.stop.raise(StopReason::LineGone);
        self.news.notify_all();
    }

    /// The input has ended. After a farewell that is as it should be.
    pub fn ended(&self) {
        if !self.inner().bye {
            self.lost();
        }
    }

    /// What came is no message.
    pub fn garbage(&self, reason: String) {
        let mut inner = self.inner();
        inner.garbage = Some(reason);
        self.stop.raise(StopReason::LineGone);
        self.news.notify_all();
    }

    /// The next message. Whatever waits is dropped when the line is gone.
    pub fn next(&self) -> Next {
        let mut inner = self.inner();
        loop {
            if let Some(reason) = inner.garbage.take() {
                return Next::Garbage(reason);
            }
            if inner.lost {
                return Next::Gone;
            }
            if let Some((message, bytes)) = inner.queue.pop_front() {
                inner.bytes -= bytes;
                // From here on a cancel or content is for the request in hand.
                if let ToAgent::Task(task) = &message {
                    inner.current = Some(task.seq);
                }
                self.news.notify_all();
                return Next::Message(message);
            }
            inner = self.wait(inner);
        }
    }

    /// A request is taken up. True: it was cancelled before that.
    pub fn begin(&self, seq: Seq) -> bool {
        let mut inner = self.inner();
        inner.current = Some(seq);
        inner.cancelled.remove(&seq)
    }

    /// The request in hand has ended.
    pub fn end(&self) {
        let mut inner = self.inner();
        inner.current = None;
        inner.content.clear();
        inner.cancel = false;
        inner.answered = None;
        inner.hungry = false;
        self.stop.lower();
    }

    /// The next piece of content for the request in hand, and whether it is the last.
    pub fn piece(&self) -> Result<(Vec<u8>, bool), StopReason> {
        let mut inner = self.inner();
        inner.hungry = true;
        self.news.notify_all();
        loop {
            if let Some(piece) = inner.content.pop_front() {
                inner.hungry = !piece.1;
                return Ok(piece);
            }
            if let Some(reason) = self.stop.raised() {
                inner.hungry = false;
                return Err(reason);
            }
            inner = self.wait(inner);
        }
    }

    /// A child has answered the request in hand.
    pub fn answered(&self, child: u64, failed: bool) {
        self.inner().answered = Some((child, failed));
        self.news.notify_all();
    }

    /// A child is gone.
    pub fn child_gone(&self, child: u64, said: String) {
        self.inner().gone_children.push((child, said));
        self.news.notify_all();
    }

    /// Whether a child is known to be gone, and what it said last.
    pub fn is_child_gone(&self, child: u64) -> Option<String> {
        self.inner().gone_children.iter().find(|(gone, _)| *gone == child).map(|(_, said)| said.clone())
    }

    /// What happens next to a request that a child carries out.
    pub fn child_news(&self, child: u64) -> ChildNews {
        let mut inner = self.inner();
        inner.hungry = true;
        self.news.notify_all();
        loop {
            if let Some((who, failed)) = inner.answered.take()
                && who == child
            {
                return ChildNews::Answered { failed };
            }
            if let Some((_, said)) = inner.gone_children.iter().find(|(gone, _)| *gone == child) {
                return ChildNews::Gone(said.clone());
            }
            if self.stop.raised() == Some(StopReason::LineGone) {
                return ChildNews::LineGone;
            }
            if std::mem::take(&mut inner.cancel) {
                return ChildNews::Cancelled;
            }
            if let Some((data, last)) = inner.content.pop_front() {
                return ChildNews::Content(data, last);
            }
            inner = self.wait(inner);
        }
    }
}
