//! `firmware`.

use super::shape::shape;

shape! {
    /// What the firmware says about the machine. As an ordinary user only the names are there.
    pub struct Firmware {
        /// The firmware itself.
        ["", "see `firmware.bios`"]
        bios: Bios,
        /// The machine.
        ["", "see `firmware.system`"]
        system: System,
        /// The main board.
        ["", "see `firmware.board`"]
        board: Board,
        /// The case.
        ["", "see `firmware.chassis`"]
        chassis: Chassis,
        /// Every board the firmware knows, risers and memory boards too.
        ["", "see `firmware.boards[]`"]
        boards: Option<Vec<BoardPart>>,
        /// One row for each processor socket, also empty ones.
        ["", "see `firmware.processors[]`"]
        processors: Option<Vec<Processor>>,
        /// Caches.
        ["", "see `firmware.caches[]`"]
        caches: Option<Vec<FirmwareCache>>,
        /// Groups of memory sockets.
        ["", "see `firmware.memory_arrays[]`"]
        memory_arrays: Option<Vec<MemoryArray>>,
        /// One row for each memory socket, also empty ones.
        ["", "see `firmware.memory_devices[]`"]
        memory_devices: Option<Vec<MemoryDevice>>,
        /// How memory is spread over sockets and channels.
        ["", "see `firmware.population[]`"]
        population: Option<Vec<Population>>,
        /// Devices on the board.
        ["", "see `firmware.onboard[]`"]
        onboard: Option<Vec<Onboard>>,
        /// Ways to the machine's management controller (BMC); empty where the firmware tells of none.
        ["", "see `firmware.ipmi[]`"]
        ipmi: Option<Vec<Ipmi>>,
        /// The table's entry point.
        ["", "see `firmware.entry_point`"]
        entry_point: EntryPoint,
    }

    /// The firmware's release.
    pub struct Bios {
        /// Maker.
        ["", "SMBIOS type 0, else `/sys/class/dmi/id/bios_vendor`"]
        vendor: Option<String>,
        /// Version.
        ["", "SMBIOS type 0, else `/sys/class/dmi/id/bios_version`"]
        version: Option<String>,
        /// Date as the firmware writes it (month/day/year).
        ["", "SMBIOS type 0, else `/sys/class/dmi/id/bios_date`"]
        date: Option<String>,
        /// Age when the facts were read.
        ["days", "from `date` and the clock"]
        age_days: Option<i64>,
        /// Release number, where the maker keeps one.
        ["", "SMBIOS type 0"]
        release: Option<String>,
        /// Release number of the embedded controller.
        ["", "SMBIOS type 0"]
        controller_release: Option<String>,
    }

    /// The machine.
    pub struct System {
        /// Maker.
        ["", "SMBIOS type 1, else `/sys/class/dmi/id/sys_vendor`"]
        vendor: Option<String>,
        /// Product.
        ["", "SMBIOS type 1, else `/sys/class/dmi/id/product_name`"]
        product: Option<String>,
        /// Version.
        ["", "SMBIOS type 1, else `/sys/class/dmi/id/product_version`"]
        version: Option<String>,
        /// Family.
        ["", "SMBIOS type 1, else `/sys/class/dmi/id/product_family`"]
        family: Option<String>,
        /// Stock number.
        ["", "SMBIOS type 1, else `/sys/class/dmi/id/product_sku`"]
        sku: Option<String>,
    }

    /// The main board.
    pub struct Board {
        /// Maker.
        ["", "SMBIOS type 2, else `/sys/class/dmi/id/board_vendor`"]
        vendor: Option<String>,
        /// Product.
        ["", "SMBIOS type 2, else `/sys/class/dmi/id/board_name`"]
        product: Option<String>,
        /// Version.
        ["", "SMBIOS type 2, else `/sys/class/dmi/id/board_version`"]
        version: Option<String>,
    }

    /// The case.
    pub struct Chassis {
        /// Maker.
        ["", "SMBIOS type 3, else `/sys/class/dmi/id/chassis_vendor`"]
        vendor: Option<String>,
        /// Kind (`Rack Mount Chassis`).
        ["", "SMBIOS type 3, else `/sys/class/dmi/id/chassis_type`"]
        r#type: Option<String>,
        /// Height; `null` where the table does not say.
        ["rack units", "SMBIOS type 3"]
        height_u: Option<u32>,
    }

    /// One board.
    pub struct BoardPart {
        /// Product.
        ["", "SMBIOS type 2"]
        product: Option<String>,
        /// Kind (`motherboard`, `daughter board`, `I/O module`, …).
        ["", "SMBIOS type 2"]
        r#type: Option<String>,
        /// Place in the case.
        ["", "SMBIOS type 2"]
        location: Option<String>,
    }

    /// One processor socket.
    pub struct Processor {
        /// Name of the socket.
        ["", "SMBIOS type 4"]
        designation: Option<String>,
        /// Whether a processor is in it.
        ["", "SMBIOS type 4: status, bit 6"]
        populated: bool,
        /// `enabled`, `disabled by user`, `disabled by firmware`, `idle`; `null` when unknown or empty.
        ["", "SMBIOS type 4: status, bits 0 to 2"]
        status: Option<String>,
        /// Maker.
        ["", "SMBIOS type 4"]
        vendor: Option<String>,
        /// Model.
        ["", "SMBIOS type 4: version"]
        model: Option<String>,
        /// Cores.
        ["", "SMBIOS type 4"]
        cores: Option<u32>,
        /// Cores that the firmware enabled.
        ["", "SMBIOS type 4"]
        cores_enabled: Option<u32>,
        /// Threads.
        ["", "SMBIOS type 4"]
        threads: Option<u32>,
        /// Highest speed the socket supports.
        ["MHz", "SMBIOS type 4"]
        max_mhz: Option<u32>,
        /// Speed at start.
        ["MHz", "SMBIOS type 4"]
        current_mhz: Option<u32>,
    }

    /// One cache.
    pub struct FirmwareCache {
        /// Name.
        ["", "SMBIOS type 7"]
        designation: Option<String>,
        /// Level, 1 to 8.
        ["", "SMBIOS type 7"]
        level: Option<u32>,
        /// Installed size.
        ["KiB", "SMBIOS type 7"]
        size_kib: Option<u64>,
        /// Whether it is enabled.
        ["", "SMBIOS type 7"]
        enabled: Option<bool>,
    }

    /// A group of memory sockets.
    pub struct MemoryArray {
        /// Where it is (`system board`, `add-on card`, …).
        ["", "SMBIOS type 16"]
        location: Option<String>,
        /// What it is for (`system memory`, `video memory`, `flash`, `cache`).
        ["", "SMBIOS type 16"]
        r#use: Option<String>,
        /// Error correction (`none`, `parity`, `single bit`, `multi bit`, `CRC`).
        ["", "SMBIOS type 16"]
        error_correction: Option<String>,
        /// Most memory it takes.
        ["KiB", "SMBIOS type 16"]
        max_kib: Option<u64>,
        /// Number of sockets.
        ["", "SMBIOS type 16"]
        devices: Option<u32>,
        /// Memory mapped to it.
        ["KiB", "SMBIOS type 19"]
        mapped_kib: Option<u64>,
    }

    /// One memory socket.
    pub struct MemoryDevice {
        /// Name of the socket.
        ["", "SMBIOS type 17"]
        locator: Option<String>,
        /// Name of its bank.
        ["", "SMBIOS type 17"]
        bank: Option<String>,
        /// Index of its group in `firmware.memory_arrays[]`.
        ["", "SMBIOS type 17: array handle"]
        array: Option<u32>,
        /// Processor it belongs to, counted from 0 in the order of `firmware.processors[]`; `null` when nothing tells.
        ["", "the locator, the bank, the group"]
        socket: Option<u32>,
        /// Memory channel, as the names write it; `null` when they do not.
        ["", "the locator, the bank"]
        channel: Option<String>,
        /// Size; 0 for an empty socket, `null` when the firmware does not know it.
        ["MiB", "SMBIOS type 17"]
        size_mib: Option<u64>,
        /// Memory mapped to it; `null` where the table tells no such thing of single devices.
        ["KiB", "SMBIOS type 20"]
        mapped_kib: Option<u64>,
        /// Technology (`DDR4`).
        ["", "SMBIOS type 17"]
        r#type: Option<String>,
        /// Form (`DIMM`, `SODIMM`).
        ["", "SMBIOS type 17"]
        form: Option<String>,
        /// Rated speed.
        ["MT/s", "SMBIOS type 17"]
        speed_mts: Option<u32>,
        /// Speed it runs at.
        ["MT/s", "SMBIOS type 17"]
        configured_mts: Option<u32>,
        /// Width with the bits for error correction.
        ["bits", "SMBIOS type 17"]
        total_width: Option<u32>,
        /// Width without them: less than `total_width` on modules that can correct errors.
        ["bits", "SMBIOS type 17"]
        data_width: Option<u32>,
        /// What keeps the data: `DRAM`, `NVDIMM-N`, `NVDIMM-F`, `NVDIMM-P`, `Intel Optane persistent memory`; `null` where the
        /// firmware does not tell.
        ["", "SMBIOS type 17 from version 3.2 on"]
        technology: Option<String>,
        /// Voltage it runs at.
        ["millivolts", "SMBIOS type 17: configured voltage"]
        voltage_mv: Option<u32>,
        /// Ranks.
        ["", "SMBIOS type 17"]
        ranks: Option<u32>,
        /// Maker.
        ["", "SMBIOS type 17"]
        vendor: Option<String>,
        /// Part number.
        ["", "SMBIOS type 17"]
        part: Option<String>,
    }

    /// Memory of one channel, or of one processor where channels are not named.
    pub struct Population {
        /// Processor, as in `firmware.memory_devices[]`.
        ["", "SMBIOS type 17"]
        socket: Option<u32>,
        /// Channel, as in `firmware.memory_devices[]`.
        ["", "SMBIOS type 17"]
        channel: Option<String>,
        /// Memory sockets.
        ["", "SMBIOS type 17"]
        slots: u32,
        /// Memory sockets in use.
        ["", "SMBIOS type 17"]
        populated: u32,
        /// Memory.
        ["MiB", "SMBIOS type 17"]
        size_mib: u64,
    }

    /// A device on the board.
    pub struct Onboard {
        /// Name.
        ["", "SMBIOS type 41"]
        designation: Option<String>,
        /// Kind (`Ethernet`, `Video`, …).
        ["", "SMBIOS type 41"]
        r#type: Option<String>,
        /// Whether the firmware enabled it.
        ["", "SMBIOS type 41"]
        enabled: bool,
        /// Address as the table states it; `null` where it states none.
        ["", "SMBIOS type 41"]
        address: Option<String>,
    }

    /// A way to the machine's management controller.
    pub struct Ipmi {
        /// `KCS`, `SMIC`, `BT` or `SSIF`.
        ["", "SMBIOS type 38"]
        interface: Option<String>,
        /// Version of IPMI it speaks (`2.0`).
        ["", "SMBIOS type 38"]
        version: Option<String>,
    }

    /// The table's entry point.
    pub struct EntryPoint {
        /// SMBIOS version (`3.2`); `null` without a readable table.
        ["", "`/sys/firmware/dmi/tables/smbios_entry_point`"]
        version: Option<String>,
    }
}
