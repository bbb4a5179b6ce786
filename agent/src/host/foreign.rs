//! What no safe library offers: `adjtimex(2)`, which tells how well the kernel's clock is kept by whichever daemon keeps it,
//! `SIOCETHTOOL`, which tells what a network driver does, and a walk over the stack that finds nothing. The one file of the
//! agent that may be unsafe.

use super::Host;
use rustix::net::{AddressFamily, SocketType, socket};
use std::os::fd::AsRawFd;

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

/// Words that the longest answer asked for has: the command, four limits, four values.
const WORDS: usize = 9;

/// What a request to a network driver looks like: `struct ifreq` of `<net/if.h>`.
#[repr(C)]
struct Request {
    name: [u8; 16],
    data: *mut [u32; WORDS],
    rest: [u8; 16],
}

impl Host {
    /// What a network driver answers to a command of `<linux/ethtool.h>` that only asks, after the command's own word;
    /// `None` where it has no answer. A captured machine holds the answers as text below `/.luthier/ethtool`, since there
    /// is no file that they would come from.
    pub fn ethtool(&self, interface: &str, command: u32) -> Option<Vec<u32>> {
        let path = format!("/.luthier/ethtool/{interface}/{command:x}");
        if !self.is_live() {
            let text = self.read_text(&path).ok()?;
            return text.split(' ').map(|word| word.parse().ok()).collect();
        }
        let words: Vec<u32> = ask(interface, command)?.into_iter().skip(1).collect();
        let text: Vec<String> = words.iter().map(u32::to_string).collect();
        self.saw_file(&path, Ok(text.join(" ").as_bytes()));
        Some(words)
    }
}

#[expect(
    unsafe_code,
    reason = "SIOCETHTOOL has no safe wrapper; the kernel writes into the words that the request names"
)]
fn ask(interface: &str, command: u32) -> Option<[u32; WORDS]> {
    let mut words = [command, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut request = Request { name: [0; 16], data: &raw mut words, rest: [0; 16] };
    // The name ends with a zero.
    request.name.get_mut(..15)?.get_mut(..interface.len())?.copy_from_slice(interface.as_bytes());
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    // SAFETY: the request has the size and form of `struct ifreq`; every command that is asked here answers with at most as
    // many words as there are, and both live until the call returns.
    let failed = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) } != 0;
    (!failed).then_some(words)
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
