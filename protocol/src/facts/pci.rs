//! `pci` and `slots`.

use super::shape::shape;

shape! {
    /// PCI devices and the buses they hang off.
    pub struct Pci {
        /// One row for each function, by address; `null` where the bus cannot be read, empty on a machine without PCI.
        ["", "see `pci.devices[]`"]
        devices: Option<Vec<PciDevice>>,
        /// One row for each root bus.
        ["", "see `pci.roots[]`"]
        roots: Vec<PciRoot>,
    }

    /// One PCI function. Relative paths start at `/sys/bus/pci/devices/ADDRESS`.
    pub struct PciDevice {
        /// Domain, bus, device and function (`0000:41:00.0`; domains may have more than four digits).
        ["", "`/sys/bus/pci/devices`"]
        address: String,
        /// Class, subclass and interface (`0x010802`).
        ["24 bits, hexadecimal", "`class`, else `config`"]
        class: Option<String>,
        /// Maker of the chip.
        ["16 bits, hexadecimal", "`vendor`, else `config`"]
        vendor: Option<String>,
        /// The chip.
        ["16 bits, hexadecimal", "`device`, else `config`"]
        device: Option<String>,
        /// Maker of the card; `null` when it says none.
        ["16 bits, hexadecimal", "`subsystem_vendor`"]
        subsystem_vendor: Option<String>,
        /// The card; `null` when it says none.
        ["16 bits, hexadecimal", "`subsystem_device`"]
        subsystem_device: Option<String>,
        /// Maker and chip for people; `null` when the host has no list of names or the list does not know it.
        ["", "`/usr/share/misc/pci.ids`, `/usr/share/hwdata/pci.ids`"]
        name: Option<String>,
        /// Driver bound to it; `null` for none.
        ["", "link `driver`"]
        driver: Option<String>,
        /// NUMA node.
        ["", "see `pci.devices[].numa`"]
        numa: Locality,
        /// CPUs near it; `null` where the kernel knows none nearer than the others.
        ["list of CPUs", "`local_cpulist`, else `local_cpus`"]
        local_cpus: Option<Vec<u32>>,
        /// PCI Express link; `null` for what has none.
        ["", "see `pci.devices[].link`"]
        link: Option<Link>,
        /// Slot it is in, as `slots[].designation` says, else as the kernel calls it.
        ["", "SMBIOS type 9, `/sys/bus/pci/slots`"]
        slot: Option<String>,
        /// Name the firmware gives to a device on the board; `null` for none.
        ["", "`label`, else SMBIOS type 41"]
        label: Option<String>,
        /// Number the firmware gives to a device on the board, from which names of network interfaces are made; `null` for
        /// none.
        ["", "`acpi_index`"]
        acpi_index: Option<u32>,
        /// Revision of the chip.
        ["8 bits, hexadecimal", "`revision`"]
        revision: Option<String>,
        /// `D0` (working) to `D3cold` (without power), or `unknown`; `null` on kernels that do not tell.
        ["", "`power_state`"]
        power_state: Option<String>,
        /// Whether its link may sleep in the state L1; `null` where the link or the firmware leaves no choice.
        ["", "`link/l1_aspm`"]
        l1_aspm: Option<bool>,
        /// Errors of its link since the machine started; `null` where it or the firmware does not report them.
        ["", "see `pci.devices[].aer`"]
        aer: Option<AerTotals>,
        /// Bridges from the root port down to its own port.
        ["list of addresses", "the device's path below `/sys/devices`"]
        path: Vec<String>,
        /// Group of devices that can only be given away together; `null` without an IOMMU.
        ["", "link `iommu_group`"]
        iommu_group: Option<u32>,
        /// Virtual functions it can have; `null` where it can have none.
        ["", "`sriov_totalvfs`"]
        vfs_total: Option<u32>,
        /// Virtual functions it has; `null` where it can have none.
        ["", "`sriov_numvfs`"]
        vfs: Option<u32>,
        /// Whether the host's drivers take new virtual functions; `null` where it can have none.
        ["", "`sriov_drivers_autoprobe`"]
        sriov_drivers_autoprobe: Option<bool>,
        /// Physical function of a virtual one; `null` for others.
        ["address", "link `physfn`"]
        physical_function: Option<String>,
    }

    /// Totals of Advanced Error Reporting.
    pub struct AerTotals {
        /// Errors that the hardware made good.
        ["", "`aer_dev_correctable`: `TOTAL_ERR_COR`"]
        correctable: Option<u64>,
        /// Errors that cost a transfer.
        ["", "`aer_dev_nonfatal`: `TOTAL_ERR_NONFATAL`"]
        nonfatal: Option<u64>,
        /// Errors that cost the link.
        ["", "`aer_dev_fatal`: `TOTAL_ERR_FATAL`"]
        fatal: Option<u64>,
    }

    /// Where something is, how that is known, and how far to trust it.
    pub struct Locality {
        /// Number of the node; `null` when nothing tells.
        ["", "what `source` names"]
        node: Option<u32>,
        /// What tells: `numa_node`, `bridge` (its node), `local_cpus`, `root_bus` (CPUs of its root bus), `siblings` (the other
        /// devices of its root bus), `only_node`, or `none`.
        ["", ""]
        source: String,
        /// `high` when the kernel says it of the device itself, `medium` when it follows from another device's or bus's,
        /// `low` for a guess, `none` when unknown.
        ["", ""]
        confidence: String,
    }

    /// A PCI Express link as it trained and as it could.
    pub struct Link {
        /// Rate now; it says little while `width` is 0. `null` where the kernel does not know it.
        ["GT/s", "`current_link_speed`, else `config`: Link Status"]
        speed_gts: Option<f64>,
        /// Lanes now; 0 where no link trained.
        ["", "`current_link_width`, else `config`: Link Status"]
        width: Option<u32>,
        /// Highest rate of this end.
        ["GT/s", "`max_link_speed`, else `config`: Link Capabilities"]
        max_speed_gts: Option<f64>,
        /// Most lanes of this end.
        ["", "`max_link_width`, else `config`: Link Capabilities"]
        max_width: Option<u32>,
        /// Whether it runs below what both its ends can do; `null` when the other end is not known.
        ["", "this link and the port above"]
        degraded: Option<bool>,
    }

    /// A root bus: where a processor's or chipset's PCI begins.
    pub struct PciRoot {
        /// Domain and bus (`0000:40`).
        ["", "`/sys/devices/pciDOMAIN:BUS`"]
        bus: String,
        /// NUMA node.
        ["", "devices of the bus, `/sys/class/pci_bus`"]
        numa: Locality,
        /// CPUs near it; `null` where the kernel knows none nearer than the others.
        ["list of CPUs", "`/sys/class/pci_bus/DOMAIN:BUS/cpulistaffinity`"]
        cpus: Option<Vec<u32>>,
        /// Name by which ACPI knows the host bridge (`\\_SB_.PC00`); `null` without ACPI.
        ["", "`/sys/devices/pciDOMAIN:BUS/firmware_node/path`"]
        acpi_path: Option<String>,
        /// Number by which ACPI tells the host bridge from others of its kind; `null` without one.
        ["", "`/sys/devices/pciDOMAIN:BUS/firmware_node/uid`"]
        acpi_uid: Option<String>,
    }

    /// A slot for a card.
    pub struct Slot {
        /// Name as printed on the board.
        ["", "SMBIOS type 9, else `/sys/bus/pci/slots`"]
        designation: Option<String>,
        /// Riser card it is on, where its name tells.
        ["", "the designation"]
        riser: Option<String>,
        /// Kind (`PCI Express 4 x16`).
        ["", "SMBIOS type 9"]
        r#type: Option<String>,
        /// Lanes wired to it; `null` for slots that are not PCI Express.
        ["", "SMBIOS type 9: data bus width, else the type"]
        width: Option<u32>,
        /// Lanes that fit into it; `null` where the table does not say.
        ["", "SMBIOS type 9 from version 3.4 on"]
        physical_width: Option<u32>,
        /// Whether the firmware says that a card is in it; `null` when it says neither.
        ["", "SMBIOS type 9: current usage"]
        in_use: Option<bool>,
        /// Address as the table states it, plausible or not; `null` where it states none.
        ["", "SMBIOS type 9"]
        stated_address: Option<String>,
        /// The same when it is believed, else what the kernel's slot of that name says; `null` when nothing trustworthy tells.
        ["", "`stated_address` checked against the devices that are there; `/sys/bus/pci/slots`"]
        address: Option<String>,
        /// Why the stated address is not believed: `duplicate`, `host bridge`, `no such device`, or `unchecked` where PCI
        /// cannot be read; `null` when it is, or when none is stated.
        ["", "the devices that are there"]
        doubt: Option<String>,
        /// The bridge above the slot: a root port, or a port of a switch; `null` when unknown.
        ["address", "the devices that are there"]
        port: Option<String>,
        /// Generation of PCI Express of its port; `null` when unknown.
        ["", "`max_link_speed` of `port`"]
        generation: Option<u32>,
        /// Processor that feeds it, counted from 0; `null` when nothing tells.
        ["", "see `slots[].socket`"]
        socket: Option<Socket>,
        /// Devices in it.
        ["list of addresses", "devices below `address`"]
        devices: Vec<String>,
    }

    /// The processor that feeds a slot.
    pub struct Socket {
        /// Number, counted from 0 in the order of `firmware.processors[]`.
        ["", "what `source` names"]
        value: u32,
        /// What tells: `device` (the node of what is in it or of its port) or `designation` (its name).
        ["", ""]
        source: String,
        /// `high` for a node the kernel states, `medium` for one that follows from other devices and for names.
        ["", ""]
        confidence: String,
    }
}
