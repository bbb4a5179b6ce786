//! A machine as text: a tree of at most 100 columns that reads without colour.

use super::devices::{Branch, EmptySlot, Root};
use super::machine::{CacheBox, Core, Machine, NodeBox, Package, Pool};
use super::missing;
use super::tree::{Line, write};
use super::vms::{self, Home, VmBox};
use super::words;

/// Widest line.
const WIDTH: usize = 100;

/// Room for cores in columns, within the deepest branch.
const COLUMNS: usize = 84;

/// Longest name of a VM in front of its columns.
const LABEL: usize = 16;

/// Draws a machine below a heading (its host's name, say).
pub fn text(heading: &str, machine: &Machine) -> String {
    let mut out = String::new();
    out.push_str(&words::cut(&format!("{heading} · {}", machine.title), WIDTH));
    out.push('\n');
    for line in words::fill(&machine.summary, " · ", WIDTH - 2) {
        out.push_str("  ");
        out.push_str(&line);
        out.push('\n');
    }
    write(&lines(machine), WIDTH, &mut out);
    for note in notes(machine) {
        hang(&note, &mut out);
    }
    for row in matrix(machine) {
        out.push_str(&row);
        out.push('\n');
    }
    if let Some(sentence) = missing::sentence(&machine.missing) {
        hang(&sentence, &mut out);
    }
    for warning in vms::warnings(machine.vms()) {
        hang(&format!("!! {warning}"), &mut out);
    }
    out
}

/// A sentence; what does not fit goes on below, set in.
fn hang(text: &str, out: &mut String) {
    for (index, line) in words::pieces(text, WIDTH - 3).into_iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "   " });
        out.push_str(&line);
        out.push('\n');
    }
}

fn lines(machine: &Machine) -> Vec<Line> {
    let vms = machine.vms();
    let mut lines: Vec<Line> = machine.packages.iter().map(|one| package(one, vms)).collect();
    lines.extend(machine.loose_nodes.iter().map(|one| node(one, vms)));
    for socket in &machine.empty_sockets {
        let dead = machine.loose_slots.iter().filter(|slot| slot.dead);
        let below: Vec<Line> =
            dead.map(|slot| Line::new(format!("dead slot {}: its processor is missing", slot.name))).collect();
        lines.push(Line { text: format!("Processor socket {socket}: EMPTY"), below, ..Line::default() });
    }
    if !machine.loose_roots.is_empty() {
        let below = machine.loose_roots.iter().map(root).collect();
        let title = if machine.has_nodes() { "PCI whose node is not known" } else { "PCI" };
        lines.push(Line { text: title.to_owned(), below, ..Line::default() });
    }
    let slots: Vec<&EmptySlot> = machine.loose_slots.iter().filter(|slot| !slot.dead).collect();
    if !slots.is_empty() {
        lines.push(empty(&slots));
    }
    lines.extend(vms.iter().filter(|vm| vm.home() == Home::Machine).map(vm));
    if machine.vms.as_ref().is_some_and(Vec::is_empty) {
        lines.push(Line::new("no VM runs"));
    }
    lines
}

fn vm(vm: &VmBox) -> Line {
    Line::new(format!("VM {} {} · {}", vm.tag, vm.short(), vm.words().join(" · ")))
}

fn package(package: &Package, vms: &[VmBox]) -> Line {
    let number = package.id.map(|id| format!(" {id}")).unwrap_or_default();
    let model = package.model.as_ref().map(|model| format!(" · {model}")).unwrap_or_default();
    let mut below: Vec<Line> = Vec::new();
    for one in &package.nodes {
        match one.id {
            Some(_) => below.push(node(one, vms)),
            // A kernel without nodes: the cores hang off the package itself.
            None => below.extend(inside(one, vms)),
        }
    }
    if !package.slots.is_empty() {
        below.push(empty(&package.slots.iter().collect::<Vec<_>>()));
    }
    below.extend(vms.iter().filter(|vm| vm.home() == Home::Package(package.id)).map(vm));
    Line { text: format!("Package{number}{model}"), below, ..Line::default() }
}

fn empty(slots: &[&EmptySlot]) -> Line {
    let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
    Line::new(format!("empty slots: {}", names.join(", ")))
}

fn node(node: &NodeBox, vms: &[VmBox]) -> Line {
    let mut text = node.id.map_or_else(|| "CPUs in no node".to_owned(), |id| format!("Node {id}"));
    match (node.memory_kib, node.free_kib) {
        (Some(0), _) => text.push_str(" · NO MEMORY"),
        (Some(total), free) => {
            text.push_str(&format!(" · {}", words::size(total)));
            if let Some(free) = free {
                text.push_str(&format!(" ({} free)", words::size(free)));
            }
        }
        (None, _) => {}
    }
    text.push_str(&node.elsewhere());
    Line { text, below: inside(node, vms), ..Line::default() }
}

fn inside(node: &NodeBox, vms: &[VmBox]) -> Vec<Line> {
    let mut below = Vec::new();
    if !node.pools.is_empty() {
        let pools: Vec<String> = node.pools.iter().map(pool).collect();
        below.push(Line::new(format!("huge pages: {}", pools.join(", "))));
    }
    below.extend(node.caches.iter().map(|one| cache(one, vms)));
    below.extend(vms.iter().filter(|vm| node.id.is_some_and(|id| vm.home() == Home::Node(id))).map(vm));
    below.extend(node.roots.iter().map(root));
    below
}

fn pool(pool: &Pool) -> String {
    let free = pool.free.map(|free| format!(" ({free} free)")).unwrap_or_default();
    format!("{} × {}{free}", pool.total, words::size(pool.size_kib))
}

/// A cache with its cores: `L3 32 MiB · 8 cores · CPUs 0+64 1+65 …`; a star marks isolated cores. Many cores, and those with VMs
/// on them, stand in columns.
fn cache(cache: &CacheBox, vms: &[VmBox]) -> Line {
    let name = cache.name.as_ref().map(|name| format!("{name} · ")).unwrap_or_default();
    let title = format!("{name}{}", cache.count());
    let cpus: Vec<u32> = cache.cores.iter().flat_map(|core| core.cpus.iter().copied()).collect();
    let here: Vec<&VmBox> = vms.iter().filter(|vm| vm.touches(&cpus)).collect();
    let cores: Vec<String> = cache.cores.iter().map(core).collect();
    let line = format!("{title} · CPUs {}", cores.join(" "));
    if here.is_empty() && line.chars().count() <= COLUMNS {
        return Line::new(line);
    }
    let mut rows = vec![("CPUs".to_owned(), cores)];
    for vm in here {
        let marks = cache.cores.iter().map(|core| vm.mark(&core.cpus));
        rows.push((words::cut(&format!("{} {}", vm.tag, vm.name), LABEL), marks.collect()));
    }
    Line { text: title, columns: columns(&rows), below: Vec::new() }
}

fn core(core: &Core) -> String {
    let cpus: Vec<String> = core.cpus.iter().map(u32::to_string).collect();
    format!("{}{}", cpus.join("+"), if core.isolated { "*" } else { "" })
}

/// Rows of cells below each other, in as many bands as the width asks for, all of one length. A row with nothing in a band is
/// left out of it.
fn columns(rows: &[(String, Vec<String>)]) -> Vec<String> {
    let label = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    let cell = rows.iter().flat_map(|(_, cells)| cells).map(|cell| cell.chars().count()).max().unwrap_or_default();
    let most = (COLUMNS.saturating_sub(label) / (cell + 1)).max(1);
    let number = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or_default();
    let each = number.div_ceil(number.div_ceil(most).max(1)).max(1);
    let mut lines = Vec::new();
    for start in (0..number).step_by(each) {
        for (name, cells) in rows {
            let some = || cells.iter().skip(start).take(each);
            if some().any(|text| text != "·") {
                let text: String = some().map(|text| format!(" {text:>cell$}")).collect();
                lines.push(format!("{name:<label$}{text}"));
            }
        }
    }
    lines
}

fn root(root: &Root) -> Line {
    let source = match root.source.as_deref() {
        None => String::new(),
        Some("only_node") => " (the only node)".to_owned(),
        Some("none") => String::new(),
        Some(source) => format!(" (node known from {})", source.replace('_', " ")),
    };
    Line {
        text: format!("PCI {}{source}", root.bus),
        below: root.branches.iter().map(branch).collect(),
        ..Line::default()
    }
}

fn branch(branch: &Branch) -> Line {
    let mut text = branch.slot.as_ref().map(|slot| format!("[{slot}] ")).unwrap_or_default();
    let count = if branch.functions > 1 { format!("{} × ", branch.functions) } else { String::new() };
    text.push_str(&format!("{} {count}{}", branch.address, branch.kind));
    if let Some(name) = &branch.name {
        text.push_str(&format!(" · {}", words::cut(name, 48)));
    }
    let mut add = |part: &str| text.push_str(&format!(" · {part}"));
    if !branch.used_as.is_empty() {
        add(&branch.used_as.join(" "));
    }
    match (&branch.driver, branch.kind.as_str()) {
        (Some(driver), kind) if kind != "port" => add(driver),
        _ => {}
    }
    if branch.vfs > 0 {
        add(&format!(
            "{}{}",
            words::count(branch.vfs, "virtual function"),
            if branch.functions > 1 { " each" } else { "" }
        ));
    }
    match (&branch.link, &branch.degraded) {
        (Some(link), Some(best)) => add(&format!("!! {link}, could be {best}")),
        (Some(link), None) => add(link),
        _ => {}
    }
    Line { text, below: branch.branches.iter().map(self::branch).collect(), ..Line::default() }
}

fn notes(machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    if !machine.offline.is_empty() {
        notes.push(format!("offline CPUs: {}", words::cpus(&machine.offline)));
    }
    let cores = machine.packages.iter().flat_map(|package| &package.nodes).flat_map(|node| &node.caches);
    if cores.flat_map(|cache| &cache.cores).any(|core| core.isolated) {
        notes.push("* isolated from other work".to_owned());
    }
    if machine.vms().iter().any(|vm| vm.vcpus.iter().any(|vcpu| vcpu.place.is_narrow())) {
        notes.push(
            "below CPUs: numbers of the vCPUs pinned there (12× is twelve), ~ some may run there, · none".to_owned(),
        );
    }
    if machine.strides() {
        notes.push("0-6:2 in a list of CPUs is 0, 2, 4 and 6".to_owned());
    }
    notes
}

/// The distances between nodes, in as many bands as the width asks for.
fn matrix(machine: &Machine) -> Vec<String> {
    const FIRST: usize = 6;
    if machine.distances.is_empty() {
        return Vec::new();
    }
    let ids: Vec<u32> = machine.distances.iter().map(|(id, _)| *id).collect();
    let cell = if ids.iter().any(|id| *id > 999) { 5 } else { 4 };
    let each = (WIDTH - FIRST) / cell;
    let mut rows = vec!["distances between nodes:".to_owned()];
    for (band, head) in ids.chunks(each).enumerate() {
        let head: String = head.iter().map(|id| format!("{id:>cell$}")).collect();
        rows.push(format!("{:FIRST$}{head}", ""));
        for (id, row) in &machine.distances {
            let cells = row.iter().skip(band * each).take(each).map(|one| super::machine::distance(*one));
            let cells: String = cells.map(|text| format!("{text:>cell$}")).collect();
            rows.push(format!("{id:>FIRST$}{cells}"));
        }
    }
    rows
}
