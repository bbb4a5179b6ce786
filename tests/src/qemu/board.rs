//! What a machine's board holds, as data: host bridges with ports and cards, and what its firmware says of sockets, slots
//! and memory. [`super::words`] makes devices of it, [`super::smbios`] tables.

/// A PCI host bridge of its own bus number, bound to a node (`pxb-pcie`). With bridges of several nodes the machine has
/// PCI locality, as servers do whose sockets each drive slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBridge {
    /// Its bus. The bus behind its first port is the next one, and so on.
    pub bus: u8,
    /// Its node; `None` for one whose firmware says nothing.
    pub node: Option<u32>,
    /// Its root ports, at device numbers from 0 on.
    pub ports: Vec<Port>,
}

/// A root port (`pcie-root-port`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// GT/s it is capable of: 2_5, 5, 8, 16 as QEMU writes them.
    pub speed: &'static str,
    /// Lanes.
    pub width: u8,
    /// What is plugged in.
    pub card: Option<Card>,
    /// What the firmware's table of slots says of it; `None` where it is silent.
    pub slot: Option<Slot>,
}

/// What can be plugged into a port. QEMU's cards are all ×1 at 2.5 GT/s, and their links run at that: none of them can be
/// made to run below what it is capable of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Card {
    /// A disk of 1 GiB that holds zeros.
    Nvme,
    /// A network card with the kernel's driver, without a cable.
    VirtioNet,
    /// A network card that the cloud kernel has no driver for.
    E1000e,
    /// A switch with these behind it.
    Switch(Vec<Card>),
}

/// A row of the firmware's table of slots (type 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: &'static str,
    /// Which address the firmware writes there.
    pub states: States,
}

/// The address a slot's row states. Makers do it in all of these ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// That of the port above it.
    Port,
    /// That of the first device behind the port.
    Card,
    /// None: all ones.
    Nothing,
    /// An address at which there is nothing.
    Stale {
        /// Its bus.
        bus: u8,
    },
}

/// What the firmware says of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// Maker and name of the machine.
    pub maker: &'static str,
    /// Its product name.
    pub product: &'static str,
    /// Names of the processor sockets; those of [`super::Machine::empty_sockets`] are the last ones.
    pub processors: Vec<&'static str>,
    /// Memory sockets.
    pub memory: Vec<Dimm>,
    /// Slots without a port, because the processor that would drive them is missing.
    pub dead_slots: Vec<Slot>,
    /// Whether the tables have the 64-bit entry point of version 3.
    pub long_entry: bool,
}

/// A memory socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimm {
    /// Its name.
    pub locator: &'static str,
    /// The index of its processor in [`Board::processors`].
    pub socket: u16,
    /// MiB; 0 for an empty one.
    pub size_mib: u16,
}

impl Port {
    /// A port of these lanes at 16 GT/s, nothing in it and nothing said of it.
    pub fn empty(width: u8) -> Self {
        Self { speed: "16", width, card: None, slot: None }
    }

    /// With a card.
    #[must_use]
    pub fn with(mut self, card: Card) -> Self {
        self.card = Some(card);
        self
    }

    /// With a row in the table of slots.
    #[must_use]
    pub fn called(mut self, name: &'static str, states: States) -> Self {
        self.slot = Some(Slot { name, states });
        self
    }
}

impl HostBridge {
    /// Address of its port of this number.
    pub fn port(&self, number: u8) -> String {
        format!("0000:{:02x}:{number:02x}.0", self.bus)
    }

    /// How many buses lie behind each of its ports, for the numbers that the firmware gives them: one for the port, and for
    /// a switch one for its upper side and one for each of its cards.
    fn buses(port: &Port) -> u8 {
        match &port.card {
            Some(Card::Switch(cards)) => 2 + u8::try_from(cards.len()).expect("few cards"),
            _ => 1,
        }
    }

    /// The bus behind a port.
    pub fn behind(&self, number: usize) -> u8 {
        self.bus + 1 + self.ports.iter().take(number).map(Self::buses).sum::<u8>()
    }
}
