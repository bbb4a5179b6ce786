//! What no safe library offers: `adjtimex(2)`, which tells how well the kernel's clock is kept by whichever daemon keeps it,
//! and a walk over the stack that finds nothing. The one file of the agent that may be unsafe.

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

/// Stands in for the unwinder's walk over the stack: the agent aborts on panic and is built without the tables to walk by,
/// so that there is nothing to find. Said here, where the compiler sees it, it saves the reading of debugging information
/// that the standard library brings along for messages of a panic, a twentieth of the program. Builds in which the linker
/// takes the rest of the unwinder out as well set the name.
#[cfg(luthier_traceless)]
#[expect(
    unsafe_code,
    reason = "the name is the unwinder's; a walk that visits no frame keeps every promise about frames"
)]
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_visit: usize, _argument: usize) -> u32 {
    const END_OF_STACK: u32 = 5;
    END_OF_STACK
}
