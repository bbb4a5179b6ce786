//! `irqs`: interrupts and their CPUs. The kernel's account: `Documentation/core-api/irq/irq-affinity.rst`.

use super::cpuset::CpuSet;
use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::Irq;
use std::collections::BTreeMap;

const INTERRUPTS: &str = "/proc/interrupts";
const DEVICES: &str = "/sys/bus/pci/devices";

/// The source of `irqs`.
#[derive(Debug)]
pub struct Irqs;

impl FactSource for Irqs {
    fn key(&self) -> &'static str {
        "irqs"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        // A column for each CPU and a line for each interrupt: on large machines that is tens of MiB.
        let mut rows = Vec::new();
        let mut cpus = None;
        let there = probe.lines("irqs.lines", INTERRUPTS, &mut |line| match cpus {
            None => cpus = Some(columns(line)),
            Some(cpus) => rows.extend(row(line, cpus)),
        });
        let lines = there.then_some(rows).map(|mut rows: Vec<Irq>| {
            let devices = devices(&mut probe);
            for row in &mut rows {
                let folder = format!("/proc/irq/{}", row.irq);
                row.device = devices.get(&row.irq).cloned();
                row.affinity = probe.text("irqs.lines[].affinity", &format!("{folder}/smp_affinity_list"));
                row.effective = probe
                    .quiet(&format!("{folder}/effective_affinity_list"))
                    .filter(|list| !list.is_empty())
                    .map(str::to_owned);
                let node: Option<i64> = probe.quiet_number(&format!("{folder}/node"));
                row.node = node.and_then(|node| u32::try_from(node).ok());
            }
            rows
        });
        let mut mask = |key: &str, path: &str| {
            let text = probe.text(key, path)?;
            Some(CpuSet::from_mask(&text)?.to_text())
        };
        let irqs = luthier_protocol::facts::Irqs {
            default_affinity: mask("irqs.default_affinity", "/proc/irq/default_smp_affinity"),
            workqueue_cpus: mask("irqs.workqueue_cpus", "/sys/devices/virtual/workqueue/cpumask"),
            lines,
        };
        irqs.value()
    }
}

/// The CPUs that the head names.
fn columns(head: &str) -> usize {
    head.split_whitespace().filter(|word| word.starts_with("CPU")).count()
}

/// A numbered row: a count for each CPU of the head, the controller, the trigger, and who asked for it.
fn row(line: &str, cpus: usize) -> Option<Irq> {
    let (number, rest) = line.trim_start().split_once(':')?;
    let irq = number.parse().ok()?;
    let mut words = rest.split_whitespace();
    let counts = words.by_ref().take(cpus);
    let count = counts.filter_map(|word| word.parse::<u64>().ok()).fold(0, u64::saturating_add);
    Some(Irq { irq, count, actions: actions(words), ..Irq::default() })
}

/// Names stand last, with commas between; before them the controller (`PCI-MSI 524288-edge`, `IO-APIC 1-edge`).
fn actions<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let words: Vec<&str> = words.collect();
    let trigger =
        words.iter().rposition(|word| word.contains("edge") || word.contains("fasteoi") || word.contains("level"));
    let trigger = trigger.or_else(|| words.iter().position(|word| matches!(*word, "Edge" | "Level")));
    let names = words.get(trigger.map_or(1, |at| at + 1)..).unwrap_or_default().join(" ");
    names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Interrupts by the PCI device they belong to.
fn devices(probe: &mut Probe<'_>) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for address in probe.host.list(DEVICES).unwrap_or_default() {
        for name in probe.host.list(&format!("{DEVICES}/{address}/msi_irqs")).unwrap_or_default() {
            if let Ok(irq) = name.parse() {
                found.insert(irq, address.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn rows_of_the_kernel() {
        let text = "           CPU0       CPU1       \n  1:          9          0   IO-APIC   1-edge      i8042\n 24:          1          2  PCI-MSI-0000:00:02.0   0-edge      virtio0-config\n 41:  5 6  PCI-MSIX-0000:01:00.0    0-edge      nvme0q0, nvme0 extra\nNMI:          0          0   Non-maskable interrupts\nERR:          0\n";
        let mut lines = text.lines();
        let cpus = columns(lines.next().unwrap_or_default());
        let rows: Vec<Irq> = lines.filter_map(|line| row(line, cpus)).collect();
        assert_eq!(rows.iter().map(|row| (row.irq, row.count)).collect::<Vec<_>>(), [(1, 9), (24, 3), (41, 11)]);
        assert_eq!(rows[0].actions, ["i8042"]);
        assert_eq!(rows[1].actions, ["virtio0-config"]);
        assert_eq!(rows[2].actions, ["nvme0q0", "nvme0 extra"]);
    }

    #[test]
    fn the_list_of_a_large_machine_is_read_to_its_end() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        let head: String = (0..1024).map(|cpu| format!("{:>11}", format!("CPU{cpu}"))).collect();
        let counts = format!("{:>11}", 1).repeat(1024);
        let mut text = head + "\n";
        for irq in 0..1600 {
            text.push_str(&format!("{irq}:{counts}  PCI-MSI 0-edge      eth0-{irq}\n"));
        }
        assert!(text.len() > 16 << 20);
        std::fs::write(root.path().join("proc/interrupts"), text).unwrap();
        let facts = Irqs.read(&Host::under(root.path()), &mut Vec::new());
        let last = &facts["lines"][1599];
        assert_eq!(
            (&last["irq"], &last["count"], &last["actions"][0]),
            (&1599.into(), &1024.into(), &"eth0-1599".into())
        );
    }
}
