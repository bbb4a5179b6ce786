//! The reference page `docs/facts.md`, made from the shapes.

use super::{
    AerTotals, Bios, Block, BlockDevice, Board, BoardPart, Cache, Channels, Chassis, Cpu, CpuKind, Daemon,
    DefaultRoute, DiskPath, EntryPoint, FcHost, Firmware, FirmwareCache, HugePageMount, HugePageSize, HugePages, Idle,
    IdleState, Interface, Ipmi, Irq, Irqs, IscsiSession, Kernel, Kvm, Link, Locality, Memory, MemoryArray,
    MemoryBlocks, MemoryController, MemoryDevice, Net, Node, NodeAccess, NodeHugePages, Numa, NvmeController, Onboard,
    Os, Pci, PciDevice, PciRoot, Policy, Population, Power, Pressure, PressureLine, PressureLines, Processor, PtpClock,
    Rings, Row, Slot, Smt, Socket, Swap, SwapDevice, System, Thp, ThpSize, Thread, Time, TimeSource, Uncore, Virt, Vm,
    VmNode, VmThread,
};
use std::fmt::Write;

/// Every shape with the place where it appears, in the order of the page.
const SECTIONS: &[(&str, &[Row])] = &[
    ("os", Os::ROWS),
    ("kernel", Kernel::ROWS),
    ("cpu", Cpu::ROWS),
    ("cpu.smt", Smt::ROWS),
    ("cpu.topology[]", Thread::ROWS),
    ("cpu.caches[]", Cache::ROWS),
    ("cpu.kinds[]", CpuKind::ROWS),
    ("numa", Numa::ROWS),
    ("numa.nodes[]", Node::ROWS),
    ("numa.nodes[].hugepages[]", NodeHugePages::ROWS),
    ("numa.nodes[].access", NodeAccess::ROWS),
    ("memory", Memory::ROWS),
    ("memory.edac[]", MemoryController::ROWS),
    ("memory.blocks", MemoryBlocks::ROWS),
    ("hugepages", HugePages::ROWS),
    ("hugepages.sizes[]", HugePageSize::ROWS),
    ("hugepages.mounts[]", HugePageMount::ROWS),
    ("thp", Thp::ROWS),
    ("thp.sizes[]", ThpSize::ROWS),
    ("ksm", KSM),
    ("swap", Swap::ROWS),
    ("swap.devices[]", SwapDevice::ROWS),
    ("psi", Pressure::ROWS),
    ("psi.*", PressureLines::ROWS),
    ("psi.*.*", PressureLine::ROWS),
    ("pci", Pci::ROWS),
    ("pci.devices[]", PciDevice::ROWS),
    ("pci.devices[].numa", Locality::ROWS),
    ("pci.devices[].link", Link::ROWS),
    ("pci.devices[].aer", AerTotals::ROWS),
    ("pci.roots[]", PciRoot::ROWS),
    ("slots[]", Slot::ROWS),
    ("slots[].socket", Socket::ROWS),
    ("firmware", Firmware::ROWS),
    ("firmware.bios", Bios::ROWS),
    ("firmware.system", System::ROWS),
    ("firmware.board", Board::ROWS),
    ("firmware.chassis", Chassis::ROWS),
    ("firmware.boards[]", BoardPart::ROWS),
    ("firmware.processors[]", Processor::ROWS),
    ("firmware.caches[]", FirmwareCache::ROWS),
    ("firmware.memory_arrays[]", MemoryArray::ROWS),
    ("firmware.memory_devices[]", MemoryDevice::ROWS),
    ("firmware.population[]", Population::ROWS),
    ("firmware.onboard[]", Onboard::ROWS),
    ("firmware.ipmi[]", Ipmi::ROWS),
    ("firmware.entry_point", EntryPoint::ROWS),
    ("block", Block::ROWS),
    ("block.devices[]", BlockDevice::ROWS),
    ("block.devices[].paths[]", DiskPath::ROWS),
    ("block.nvme[]", NvmeController::ROWS),
    ("block.fc_hosts[]", FcHost::ROWS),
    ("block.iscsi_sessions[]", IscsiSession::ROWS),
    ("net", Net::ROWS),
    ("net.default_routes[]", DefaultRoute::ROWS),
    ("net.interfaces[]", Interface::ROWS),
    ("net.interfaces[].channels", Channels::ROWS),
    ("net.interfaces[].rings", Rings::ROWS),
    ("virt", Virt::ROWS),
    ("virt.kvm[]", Kvm::ROWS),
    ("time", Time::ROWS),
    ("time.sources[]", TimeSource::ROWS),
    ("time.ptp[]", PtpClock::ROWS),
    ("power", Power::ROWS),
    ("power.policies[]", Policy::ROWS),
    ("power.idle", Idle::ROWS),
    ("power.idle.states[]", IdleState::ROWS),
    ("power.uncore[]", Uncore::ROWS),
    ("irqs", Irqs::ROWS),
    ("irqs.lines[]", Irq::ROWS),
    ("services.NAME", Daemon::ROWS),
    ("vms[]", Vm::ROWS),
    ("vms[].vcpus[]", VmThread::ROWS),
    ("vms[].nodes[]", VmNode::ROWS),
];

/// `ksm` has no shape of its own: it holds whatever files the kernel has.
const KSM: &[Row] = &[Row {
    field: "NAME",
    meaning: "Every setting and counter of kernel samepage merging by file name: a number, or text where the kernel \
              writes text. `ksm` is `null` on a kernel without it.",
    unit: "as the kernel counts",
    source: "`/sys/kernel/mm/ksm/*`",
}];

const HEAD: &str = "# Facts, version 1

Generated from the shapes in `protocol/src/facts`; `LUTHIER_UPDATE_DOCS=1 cargo test -p luthier-protocol facts` writes it anew.

`luthier facts --format json` prints these keys for each host under `facts`, beside `version` and `errors`. A value that could
not be read is `null`, and `errors` has a row `{key, path, reason}` for it; `null` never means zero. A row for a missing file
that many items share (a field of every CPU, say) is given once. Fields whose meaning says when they are `null` have no row.

Paths written without a leading `/` are relative to the item's own folder in `/sys`.
";

/// The page as Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for (place, rows) in SECTIONS {
        let _ = write!(page, "\n## `{place}`\n\n| key | meaning | unit | source |\n|---|---|---|---|\n");
        for row in *rows {
            let field = row.field.strip_prefix("r#").unwrap_or(row.field);
            let _ = writeln!(page, "| `{field}` | {} | {} | {} |", row.meaning.trim(), row.unit, row.source);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_committed_page_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/facts.md");
        if std::env::var_os("LUTHIER_UPDATE_DOCS").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), reference(), "run it with LUTHIER_UPDATE_DOCS=1");
    }

    #[test]
    fn every_section_announced_exists() {
        for (place, rows) in SECTIONS {
            for row in *rows {
                if let Some(named) = row.source.strip_prefix("see `").and_then(|rest| rest.strip_suffix('`')) {
                    assert!(SECTIONS.iter().any(|(other, _)| *other == named), "{place}.{}: {named}", row.field);
                }
            }
        }
    }
}
