//! Decoding the firmware's SMBIOS tables (DMTF DSP0134): bytes in, rows of facts out. It reads no files and must not know of
//! a host; whatever the bytes are, it neither panics nor reads outside them. `fuzz/fuzz_targets/smbios.rs` holds it to that.

mod board;
mod entry;
mod hide;
mod memory;
mod names;
#[cfg(test)]
mod oracle;
mod processor;
#[cfg(test)]
mod rough;
mod slot;
mod sockets;
mod table;

pub use board::{bios, board, boards, chassis, ipmi, onboard, system};
pub use entry::{Entry, entry};
pub use hide::without_serials;
pub use memory::{arrays, devices, population};
pub use names::chassis as chassis_name;
pub use processor::{caches, processors};
pub use slot::{TableSlot, slots};
pub use sockets::named;
pub use table::{Structure, crowded, of_kind, structures};
