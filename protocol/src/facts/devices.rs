//! `block` and `net`.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// Block devices.
    pub struct Block {
        /// One row for each device but loop and RAM disks without a medium.
        ["", "see `block.devices[]`"]
        devices: Option<Vec<BlockDevice>>,
        /// One row for each NVMe controller.
        ["", "see `block.nvme[]`"]
        nvme: Option<Vec<NvmeController>>,
        /// One row for each port of a Fibre Channel card.
        ["", "see `block.fc_hosts[]`"]
        fc_hosts: Option<Vec<FcHost>>,
        /// One row for each iSCSI session.
        ["", "see `block.iscsi_sessions[]`"]
        iscsi_sessions: Option<Vec<IscsiSession>>,
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
        /// CPU that completes a request: 0 any, 1 one that shares caches with the asker, 2 the asker itself.
        ["", "`queue/rq_affinity`"]
        rq_affinity: Option<u64>,
        /// Merging of requests: 0 as far as it can, 1 the simple ones, 2 none.
        ["", "`queue/nomerges`"]
        nomerges: Option<u64>,
        /// Largest request.
        ["KiB", "`queue/max_sectors_kb`"]
        max_sectors_kib: Option<u64>,
        /// Smallest request that pays.
        ["bytes", "`queue/minimum_io_size`"]
        minimum_io: Option<u64>,
        /// Request it likes best; 0 where it likes none better than others.
        ["bytes", "`queue/optimal_io_size`"]
        optimal_io: Option<u64>,
        /// Unit of discarding; 0 where it cannot discard.
        ["bytes", "`queue/discard_granularity`"]
        discard_granularity: Option<u64>,
        /// Most that is discarded at once; 0 where it cannot discard, or must not.
        ["bytes", "`queue/discard_max_bytes`"]
        discard_max_bytes: Option<u64>,
        /// Time a read may wait before writing back is held up; 0 for never, `null` where the queue has no such thing.
        ["microseconds", "`queue/wbt_lat_usec`"]
        wbt_lat_usec: Option<i64>,
        /// How far its beginning lies off the blocks below it; -1 where parts of it disagree.
        ["bytes", "`alignment_offset`"]
        alignment_offset: Option<i64>,
        /// Devices that are made of it.
        ["list of names", "`holders`"]
        holders: Option<Vec<String>>,
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

    /// An NVMe controller. Relative paths start at `/sys/class/nvme/NAME`.
    pub struct NvmeController {
        /// Kernel name (`nvme0`).
        ["", "`/sys/class/nvme`"]
        name: String,
        /// Model.
        ["", "`model`"]
        model: Option<String>,
        /// Release of its firmware.
        ["", "`firmware_rev`"]
        firmware_rev: Option<String>,
        /// How it is reached: `pcie`, `rdma`, `tcp`, `fc`, `loop`.
        ["", "`transport`"]
        transport: Option<String>,
        /// Where it is: PCI address, or address of a target.
        ["", "`address`"]
        address: Option<String>,
        /// State (`live`, `connecting`).
        ["", "`state`"]
        state: Option<String>,
        /// Queues, the one for administration included.
        ["", "`queue_count`"]
        queue_count: Option<u32>,
        /// Requests a queue holds.
        ["", "`sqsize`"]
        sqsize: Option<u32>,
        /// NUMA node; `null` when unknown.
        ["", "`numa_node`"]
        numa_node: Option<u32>,
    }

    /// A port of a Fibre Channel card. Relative paths start at `/sys/class/fc_host/NAME`.
    pub struct FcHost {
        /// Kernel name (`host5`).
        ["", "`/sys/class/fc_host`"]
        name: String,
        /// `Online`, `Linkdown`, `Offline`, …
        ["", "`port_state`"]
        port_state: Option<String>,
        /// Speed now (`16 Gbit`); `unknown` without a link.
        ["", "`speed`"]
        speed: Option<String>,
        /// Speeds it can have (`4 Gbit, 8 Gbit, 16 Gbit`).
        ["", "`supported_speeds`"]
        supported_speeds: Option<String>,
        /// Its name in the network.
        ["64 bits, hexadecimal", "`port_name`"]
        port_name: Option<String>,
        /// Name of the network it is in.
        ["64 bits, hexadecimal", "`fabric_name`"]
        fabric_name: Option<String>,
        /// PCI device it belongs to; `null` when unknown.
        ["address", "its path below `/sys/devices`"]
        pci: Option<String>,
    }

    /// An iSCSI session. Relative paths start at `/sys/class/iscsi_session/NAME`.
    pub struct IscsiSession {
        /// Kernel name (`session1`).
        ["", "`/sys/class/iscsi_session`"]
        name: String,
        /// `LOGGED_IN`, `FAILED`, `FREE`.
        ["", "`state`"]
        state: Option<String>,
        /// The target.
        ["", "`targetname`"]
        targetname: Option<String>,
        /// Where it is reached; `null` without a connection.
        ["address and port", "`/sys/class/iscsi_connection/connectionN:0/{persistent_address,persistent_port}`"]
        portal: Option<String>,
        /// Name of the settings it was opened with (`default`, or one bound to a network card).
        ["", "`ifacename`"]
        ifacename: Option<String>,
        /// Time after which requests of a lost session fail.
        ["seconds", "`recovery_tmo`"]
        recovery_tmo: Option<i64>,
    }

    /// Network interfaces.
    pub struct Net {
        /// One row for each interface.
        ["", "see `net.interfaces[]`"]
        interfaces: Option<Vec<Interface>>,
        /// Default routes of IPv4, the preferred one first.
        ["", "see `net.default_routes[]`"]
        default_routes: Option<Vec<DefaultRoute>>,
    }

    /// A way to where no other route leads.
    pub struct DefaultRoute {
        /// Interface.
        ["", "`/proc/net/route`"]
        interface: String,
        /// Next hop; `null` where the network itself is the way.
        ["IPv4 address", "`/proc/net/route`"]
        gateway: Option<String>,
        /// The lower, the more it is preferred.
        ["", "`/proc/net/route`"]
        metric: u32,
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
        /// Whether its link is there; `null` when it is switched off.
        ["", "`carrier`"]
        carrier: Option<bool>,
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
        /// Which questions of ARP it answers: 0 for every address of the host, 1 for its own, to 8 for none; the greater of its
        /// own and the common setting.
        ["", "`/proc/sys/net/ipv4/conf/{all,NAME}/arp_ignore`"]
        arp_ignore: Option<u32>,
        /// Which address it asks with: 0 any, 1 rather one of the asked one's network, 2 the best; the greater of its own and
        /// the common setting.
        ["", "`/proc/sys/net/ipv4/conf/{all,NAME}/arp_announce`"]
        arp_announce: Option<u32>,
        /// Whether packets from where no way back leads through it are dropped: 0 no, 1 yes (strict), 2 only where no way back
        /// is known at all (loose); the greater of its own and the common setting.
        ["", "`/proc/sys/net/ipv4/conf/{all,NAME}/rp_filter`"]
        rp_filter: Option<u32>,
        /// What a TAP or TUN device can do: `tun`, `tap`, `multi_queue`, `persist`, `no_pi`, `vnet_hdr`; `null` for others.
        ["list of names", "`tun_flags`"]
        tun_flags: Option<Vec<String>>,
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
