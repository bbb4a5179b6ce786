//! `block` and `net`.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// Block devices.
    pub struct Block {
        /// One row for each device but loop and RAM disks without a medium.
        ["", "see `block.devices[]`"]
        devices: Option<Vec<BlockDevice>>,
    }

    /// One block device.
    pub struct BlockDevice {
        /// Kernel name (`nvme0n1`).
        ["", "`/sys/block`"]
        name: String,
        /// Size.
        ["bytes", "`size` × 512"]
        size_bytes: Option<u64>,
        /// Whether it says that it rotates. Virtio disks say yes without cause.
        ["", "`queue/rotational`"]
        rotational: Option<bool>,
        /// Whether it is removable.
        ["", "`removable`"]
        removable: Option<bool>,
        /// Whether it can only be read.
        ["", "`ro`"]
        read_only: Option<bool>,
        /// Model; `null` for devices without one.
        ["", "`device/model`"]
        model: Option<String>,
        /// I/O scheduler in use.
        ["", "`queue/scheduler`"]
        scheduler: Option<String>,
        /// I/O schedulers that could be used.
        ["list of names", "`queue/scheduler`"]
        schedulers: Option<Vec<String>>,
        /// Requests the queue holds.
        ["", "`queue/nr_requests`"]
        nr_requests: Option<u64>,
        /// Read-ahead.
        ["KiB", "`queue/read_ahead_kb`"]
        read_ahead_kib: Option<u64>,
        /// Logical block.
        ["bytes", "`queue/logical_block_size`"]
        logical_block: Option<u64>,
        /// Physical block.
        ["bytes", "`queue/physical_block_size`"]
        physical_block: Option<u64>,
        /// `write back` or `write through`.
        ["", "`queue/write_cache`"]
        write_cache: Option<String>,
        /// Devices it is made of.
        ["list of names", "`slaves`"]
        parts_of: Vec<String>,
        /// PCI device it hangs off; `null` for others.
        ["address", "its path below `/sys/devices`"]
        pci: Option<String>,
        /// NUMA node; `null` when unknown.
        ["", "`numa_node` of the nearest device above that has one, else that of all its parts or ways"]
        numa_node: Option<u32>,
        /// Name of a device-mapper device (`mpatha`); `null` for others.
        ["", "`dm/name`"]
        mapper: Option<String>,
        /// What a device-mapper device is: `multipath`, `lvm`, `crypt`, …; `null` for others.
        ["", "`dm/uuid`: the word before the first `-`"]
        mapper_kind: Option<String>,
        /// State of a SCSI or NVMe device (`running`, `live`).
        ["", "`device/state`"]
        state: Option<String>,
        /// Queues of its driver.
        ["", "`mq/*`"]
        queues: Option<u32>,
        /// The ways to it, of a multipath map or of an NVMe namespace with several controllers; else empty.
        ["", "see `block.devices[].paths[]`"]
        paths: Vec<DiskPath>,
        /// How an NVMe subsystem spreads requests over its ways: `numa`, `round-robin`, `queue-depth`; `null` for others.
        ["", "`/sys/class/nvme-subsystem/S/iopolicy`"]
        io_policy: Option<String>,
    }

    /// Network interfaces.
    pub struct Net {
        /// One row for each interface.
        ["", "see `net.interfaces[]`"]
        interfaces: Option<Vec<Interface>>,
    }

    /// One network interface.
    pub struct Interface {
        /// Name.
        ["", "`/sys/class/net`"]
        name: String,
        /// Number.
        ["", "`ifindex`"]
        index: Option<u32>,
        /// Hardware address.
        ["", "`address`"]
        address: Option<String>,
        /// Largest packet.
        ["bytes", "`mtu`"]
        mtu: Option<u64>,
        /// `up`, `down`, `unknown`, `lowerlayerdown`, …
        ["", "`operstate`"]
        operstate: Option<String>,
        /// Speed; `null` when the link is down or has none.
        ["Mbit/s", "`speed`"]
        speed_mbps: Option<u64>,
        /// `full` or `half`; `null` when the link is down or has none.
        ["", "`duplex`"]
        duplex: Option<String>,
        /// `ethernet`, `loopback`, `bridge`, `bond`, `vlan`, `tap`, `virtual` or `other`.
        ["", "`type`, `bridge/`, `bonding/`, `tun_flags`, `device`, `/proc/net/vlan`"]
        kind: Option<String>,
        /// Bridge or bond it belongs to.
        ["", "link `master`"]
        master: Option<String>,
        /// Driver; `null` for interfaces without a device.
        ["", "link `device/driver`"]
        driver: Option<String>,
        /// NUMA node of its device; `null` when unknown.
        ["", "`device/numa_node`, else that of its PCI device"]
        numa_node: Option<u32>,
        /// PCI device it belongs to; `null` for others.
        ["address", "its path below `/sys/devices`"]
        pci: Option<String>,
        /// IPv4 addresses with the length of their network (`192.0.2.7/24`).
        ["list of texts", "`/proc/net/fib_trie`, `/proc/net/route`"]
        ipv4: Vec<String>,
        /// IPv6 addresses with the length of their network (`2001:db8::7/64`).
        ["list of texts", "`/proc/net/if_inet6`"]
        ipv6: Vec<String>,
        /// Answers of ARP only through the interface an address is reached by: 0 or 1, the stricter of the interface's own
        /// and the common setting.
        ["", "`/proc/sys/net/ipv4/conf/{all,NAME}/arp_filter`"]
        arp_filter: Option<u32>,
        /// Length of its transmit queue.
        ["packets", "`tx_queue_len`"]
        tx_queue_length: Option<u64>,
        /// Receive queues.
        ["", "`queues/rx-*`"]
        rx_queues: Option<u32>,
        /// Transmit queues.
        ["", "`queues/tx-*`"]
        tx_queues: Option<u32>,
        /// Channels, each a queue with an interrupt of its own; `null` where the driver does not tell.
        ["", "see `net.interfaces[].channels`"]
        channels: Option<Channels>,
        /// Rings of packets between driver and card; `null` where the driver does not tell.
        ["", "see `net.interfaces[].rings`"]
        rings: Option<Rings>,
        /// What the card or the stack below the protocols does by itself, whether it is switched on: `gro`, `gso`, `lro`,
        /// `rx_checksum`, `scatter_gather`, `tso`, `tx_checksum`; `null` where the driver does not tell.
        ["yes or no by name", "`SIOCETHTOOL`; a captured machine: `/.luthier/ethtool/NAME/*`"]
        offloads: Option<BTreeMap<String, bool>>,
    }

    /// Channels of a network interface.
    pub struct Channels {
        /// Channels that receive and send.
        ["", "`SIOCETHTOOL`, `ETHTOOL_GCHANNELS`; a captured machine: `/.luthier/ethtool/NAME/3c`"]
        combined: u32,
        /// Most of them.
        ["", "the same"]
        combined_max: u32,
        /// Channels that only receive.
        ["", "the same"]
        rx: u32,
        /// Most of them.
        ["", "the same"]
        rx_max: u32,
        /// Channels that only send.
        ["", "the same"]
        tx: u32,
        /// Most of them.
        ["", "the same"]
        tx_max: u32,
    }

    /// Rings of a network interface.
    pub struct Rings {
        /// Packets that may wait to be received.
        ["packets", "`SIOCETHTOOL`, `ETHTOOL_GRINGPARAM`; a captured machine: `/.luthier/ethtool/NAME/10`"]
        rx: u32,
        /// Most of them.
        ["packets", "the same"]
        rx_max: u32,
        /// Packets that may wait to be sent.
        ["packets", "the same"]
        tx: u32,
        /// Most of them.
        ["packets", "the same"]
        tx_max: u32,
    }

    /// One way to a disk that is reached on several.
    pub struct DiskPath {
        /// Kernel name of the disk on this way (`sda`), or of the NVMe controller (`nvme0`).
        ["", "`slaves`; `/sys/class/nvme-subsystem/S/nvmeN`"]
        name: String,
        /// State by the kernel's word (`running`, `offline`; `live`, `connecting`).
        ["", "`/sys/block/NAME/device/state`; `/sys/class/nvme/NAME/state`"]
        state: Option<String>,
        /// Address: host, channel, target and unit of a SCSI disk; transport address of an NVMe controller.
        ["", "link `/sys/block/NAME/device`; `/sys/class/nvme/NAME/address`"]
        address: Option<String>,
        /// NUMA node; `null` when unknown.
        ["", "as for a device; `/sys/class/nvme/NAME/numa_node`"]
        numa_node: Option<u32>,
    }
}
