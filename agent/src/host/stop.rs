//! A request to stop, which wakes whoever waits in `poll(2)`.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Why work in hand is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The controller asked for it.
    Cancelled,
    /// The line to the controller is gone.
    LineGone,
}

/// Raised by the thread that reads, seen by the one that works.
#[derive(Debug)]
pub struct Stop {
    raised: AtomicU8,
    event: OwnedFd,
}

const CANCELLED: u8 = 1;
const LINE_GONE: u8 = 2;

impl Stop {
    /// Not raised.
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { raised: AtomicU8::new(0), event })
    }

    /// Ask to stop. A lost line is for good; a cancel is taken back by [`Stop::lower`].
    pub fn raise(&self, reason: StopReason) {
        let bit = match reason {
            StopReason::Cancelled => CANCELLED,
            StopReason::LineGone => LINE_GONE,
        };
        self.raised.fetch_or(bit, Ordering::SeqCst);
        // A full counter means that it is readable already, which is all that is wanted.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Forget a cancel: the task it was meant for has ended.
    pub fn lower(&self) {
        if self.raised.fetch_and(!CANCELLED, Ordering::SeqCst) & LINE_GONE == 0 {
            let _ = rustix::io::read(&self.event, &mut [0_u8; 8]);
        }
    }

    /// Whether, and why, to stop.
    pub fn raised(&self) -> Option<StopReason> {
        match self.raised.load(Ordering::SeqCst) {
            0 => None,
            bits if bits & LINE_GONE != 0 => Some(StopReason::LineGone),
            _ => Some(StopReason::Cancelled),
        }
    }

    /// Let time pass; false when raised before it has.
    pub fn pass(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while self.raised().is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let left =
                Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
            // A signal in between only makes it look again.
            let _ = poll(&mut [PollFd::new(&self.event, PollFlags::IN)], Some(&left));
        }
        false
    }

    /// Readable while raised.
    pub(super) fn event(&self) -> &OwnedFd {
        &self.event
    }
}
