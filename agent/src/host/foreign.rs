//! How well the kernel's clock is kept, by whichever daemon keeps it. The one file of the agent with an unsafe call: no safe
//! library offers `adjtimex(2)`.

use super::Host;

/// What `adjtimex(2)` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discipline {
    /// Whether somebody keeps the clock.
    pub synchronised: bool,
    /// What is left to correct, in microseconds.
    pub offset_us: i64,
    /// Greatest possible error, in microseconds.
    pub max_error_us: i64,
}

impl Host {
    /// The state of the running machine's clock; `None` for a captured one, or where the kernel refuses to tell.
    pub fn discipline(&self) -> Option<Discipline> {
        if !self.is_live() {
            return None;
        }
        read()
    }
}

#[expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper; it is given a zeroed structure of its own type")]
fn read() -> Option<Discipline> {
    // SAFETY: `timex` is plain numbers, for which all zeros is valid; mode 0 asks and changes nothing; the kernel writes no
    // more than the structure.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 {
        return None;
    }
    let nanoseconds = timex.status & libc::STA_NANO != 0;
    let offset = timex.offset;
    Some(Discipline {
        synchronised: timex.status & libc::STA_UNSYNC == 0,
        offset_us: if nanoseconds { offset / 1000 } else { offset },
        max_error_us: timex.maxerror,
    })
}
