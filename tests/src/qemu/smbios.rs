//! SMBIOS structures (DMTF DSP0134) for a board: QEMU takes each as a binary file. Its own options make neither empty
//! processor sockets, nor slots of a name and address of our choice, nor memory by socket.

use super::Machine;
use super::board::{Board, Dimm, HostBridge, Port, Slot, States};

/// Handles of the first memory array. QEMU's own table of mapped addresses (type 19) refers to it.
const ARRAYS: u16 = 0x1000;

/// One structure under construction; offsets are those of the standard, counted from the structure's start.
#[derive(Debug, Clone)]
pub struct Structure {
    area: Vec<u8>,
    texts: Vec<String>,
}

impl Structure {
    /// A structure whose formatted area has this length, all zero.
    pub fn new(kind: u8, handle: u16, length: u8) -> Self {
        let [low, high] = handle.to_le_bytes();
        let mut area = vec![0; usize::from(length)];
        area.splice(..4, [kind, length, low, high]);
        Self { area, texts: Vec::new() }
    }

    /// Write bytes.
    #[must_use]
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.area.splice(at..at + bytes.len(), bytes.iter().copied());
        self
    }

    /// Write a number of 16 bits.
    #[must_use]
    pub fn word(self, at: usize, value: u16) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Write a text's number and append the text.
    #[must_use]
    pub fn text(mut self, at: usize, text: &str) -> Self {
        self.texts.push(text.to_owned());
        let number = u8::try_from(self.texts.len()).expect("few texts");
        self.put(at, &[number])
    }

    /// As the firmware's table holds it: the area, the texts each ended by a zero, and one more zero (two without texts).
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.area.clone();
        for text in &self.texts {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        if self.texts.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }
}

/// What a machine's board says in types 4, 9, 16 and 17.
pub fn structures(machine: &Machine, board: &Board) -> Vec<Structure> {
    let filled = machine.sockets as usize;
    let mut found: Vec<Structure> = Vec::new();
    for (index, name) in (0_u16..).zip(&board.processors) {
        found.push(processor(0x400 + index, name, (usize::from(index) < filled).then_some(machine)));
    }
    let mut rows: Vec<(&Slot, Option<(&HostBridge, usize)>)> = Vec::new();
    for bridge in &machine.bridges {
        let slots = bridge.ports.iter().enumerate();
        rows.extend(slots.filter_map(|(number, port)| Some((port.slot.as_ref()?, Some((bridge, number))))));
    }
    rows.extend(board.dead_slots.iter().map(|slot| (slot, None)));
    for (index, (row, place)) in (0_u16..).zip(rows) {
        found.push(slot(0x900 + index, index + 1, row, place));
    }
    for socket in (0_u16..).take(board.processors.len()) {
        let own: Vec<&Dimm> = board.memory.iter().filter(|dimm| dimm.socket == socket).collect();
        if !own.is_empty() {
            found.push(array(ARRAYS + socket, u16::try_from(own.len()).expect("few sockets")));
        }
    }
    found.extend((0_u16..).zip(&board.memory).map(|(index, dimm)| memory(0x1100 + index, dimm)));
    found
}

/// Type 4. `machine`: what is in it; `None` for an empty socket.
fn processor(handle: u16, name: &str, machine: Option<&Machine>) -> Structure {
    let none = [0xFF; 6];
    let socket = Structure::new(4, handle, 0x30).text(0x04, name).put(0x05, &[3]).put(0x1A, &none);
    let Some(machine) = machine else { return socket.put(0x06, &[2]) };
    let cores = u8::try_from(machine.cores).expect("few cores");
    let threads = u8::try_from(machine.cores * machine.threads).expect("few threads");
    socket
        .put(0x06, &[0xB3])
        .text(0x07, "Intel(R) Corporation")
        .text(0x10, "Lab Processor 4711")
        .word(0x14, 3500)
        .word(0x16, 2100)
        .put(0x18, &[0x41])
        .put(0x23, &[cores, cores, threads])
        .word(0x26, 0x00FC)
        .word(0x28, 0xB3)
}

/// Type 9. `place`: its port; `None` for a slot that nothing drives.
fn slot(handle: u16, number: u16, slot: &Slot, place: Option<(&HostBridge, usize)>) -> Structure {
    let port: Option<&Port> = place.and_then(|(bridge, index)| bridge.ports.get(index));
    // Codes of PCI Express 4 ×8 and ×16, and of their lanes.
    let (kind, lanes) = if port.is_some_and(|port| port.width == 8) { (0xBC, 0x0B) } else { (0xBD, 0x0D) };
    let usage = if port.is_some_and(|port| port.card.is_some()) { 4 } else { 3 };
    let address = match (slot.states, place) {
        (States::Port, Some((bridge, index))) => [0, 0, bridge.bus, u8::try_from(index).expect("few ports") << 3],
        (States::Card, Some((bridge, index))) => [0, 0, bridge.behind(index), 0],
        (States::Stale { bus }, _) => [0, 0, bus, 0],
        _ => [0xFF; 4],
    };
    Structure::new(9, handle, 0x11)
        .text(0x04, slot.name)
        .put(0x05, &[kind, lanes, usage, 4])
        .word(0x09, number)
        .put(0x0B, &[0x04, 0x01])
        .put(0x0D, &address)
}

/// Type 16: the memory sockets of one processor.
fn array(handle: u16, sockets: u16) -> Structure {
    let kib = 64 * 1024 * 1024_u32;
    Structure::new(16, handle, 0x17)
        .put(0x04, &[3, 3, 6])
        .put(0x07, &kib.to_le_bytes())
        .word(0x0B, 0xFFFE)
        .word(0x0D, sockets)
}

/// Type 17: one memory socket.
fn memory(handle: u16, dimm: &Dimm) -> Structure {
    let socket = Structure::new(17, handle, 0x28)
        .word(0x04, ARRAYS + dimm.socket)
        .word(0x06, 0xFFFE)
        .word(0x0C, dimm.size_mib)
        .put(0x0E, &[9])
        .text(0x10, dimm.locator)
        .text(0x11, &format!("Bank {}", dimm.socket + 1));
    if dimm.size_mib == 0 {
        return socket.put(0x12, &[2]);
    }
    socket
        .word(0x08, 72)
        .word(0x0A, 64)
        .put(0x12, &[0x1A])
        .word(0x13, 0x2080)
        .word(0x15, 3200)
        .text(0x17, "Lab Memory Works")
        .text(0x18, "0815")
        .text(0x1A, "LMW-256-3200")
        .put(0x1B, &[2])
        .word(0x20, 2933)
        .word(0x26, 1200)
}
