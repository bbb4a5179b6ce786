//! A machine as SVG: boxes in boxes, as wide as what is in them; one file without scripts or fonts of its own.

use super::block::{Block, Flow, Size, escape};
use super::devices::{Branch, EmptySlot, Root};
use super::machine::{CacheBox, Core, Machine, NodeBox, Package};
use super::words;

/// Wider rows of packages go on below.
const WIDTH: u32 = 1600;

/// Draws a machine below a heading (its host's name, say).
pub fn svg(heading: &str, machine: &Machine) -> String {
    let picture = machine_block(heading, machine);
    let Size { width, height } = picture.size();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" xml:space=\"preserve\">\n<title>{}</title>\n{STYLE}",
        escape(heading),
        w = width + 20,
        h = height + 20
    );
    picture.draw(10, 10, &mut out);
    out.push_str("</svg>\n");
    out
}

const STYLE: &str = "<style>
text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1b2733; white-space: pre }
.machine { fill: #ffffff; stroke: #1b2733; stroke-width: 1.5 } .machine-text { font-size: 16px; font-weight: bold }
.package { fill: #e7eef7; stroke: #4a6d9c } .package-text { font-weight: bold }
.node { fill: #e9f5ea; stroke: #4d8a55 } .node-text { font-weight: bold }
.missing { fill: #f6f6f6; stroke: #b03030; stroke-dasharray: 6 4 } .missing-text { fill: #b03030; font-weight: bold }
.cache { fill: #f4f1e4; stroke: #a8955a } .core { fill: #ffffff; stroke: #8a8a8a }
.isolated { fill: #ffe2a8; stroke: #b87f10 } .offline { fill: #eeeeee; stroke: #999999; stroke-dasharray: 3 3 }
.pci { fill: #f1eaf6; stroke: #7d5a9c } .pci-text { font-weight: bold } .device { fill: none; stroke: none }
.degraded { fill: #ffd9d4; stroke: #b03030 } .degraded-text { fill: #8f1d1d; font-weight: bold }
.slot { fill: #fbfbfb; stroke: #7d5a9c; stroke-dasharray: 4 3 } .note { fill: none; stroke: none }
</style>
";

fn machine_block(heading: &str, machine: &Machine) -> Block {
    let mut row: Vec<Block> = machine.packages.iter().map(package).collect();
    row.extend(machine.loose_nodes.iter().map(node));
    for socket in &machine.empty_sockets {
        let dead = machine.loose_slots.iter().filter(|slot| slot.dead);
        let slots = dead.map(|slot| Block::leaf("slot", format!("dead: {}", slot.name))).collect();
        row.push(Block::new("missing", vec![format!("Processor socket {socket}: empty")], slots, Flow::Down));
    }
    let mut children = vec![Block::new("note", vec![machine.summary.join(" · ")], row, Flow::Across(WIDTH))];
    if !machine.loose_roots.is_empty() {
        let roots = machine.loose_roots.iter().map(root).collect();
        children.push(Block::new(
            "missing",
            vec!["PCI whose node is not known".to_owned()],
            roots,
            Flow::Across(WIDTH),
        ));
    }
    let slots: Vec<&EmptySlot> = machine.loose_slots.iter().filter(|slot| !slot.dead).collect();
    if !slots.is_empty() {
        children.push(empty(&slots));
    }
    if !machine.offline.is_empty() {
        children.push(Block::leaf("offline", format!("offline CPUs: {}", words::ranges(&machine.offline))));
    }
    let isolated = machine.packages.iter().flat_map(|package| &package.nodes).flat_map(|node| &node.caches);
    if isolated.flat_map(|cache| &cache.cores).any(|core| core.isolated) {
        children.push(Block::leaf("isolated", "isolated from other work".to_owned()));
    }
    if !machine.distances.is_empty() {
        children.push(distances(machine));
    }
    Block::new("machine", vec![format!("{heading} · {}", machine.title)], children, Flow::Down)
}

fn distances(machine: &Machine) -> Block {
    let mut lines = vec!["distances between nodes".to_owned()];
    let head: String = machine.distances.iter().map(|(id, _)| format!("{id:>4}")).collect();
    lines.push(format!("    {head}"));
    for (id, row) in &machine.distances {
        let row: String = row.iter().map(|distance| format!("{distance:>4}")).collect();
        lines.push(format!("{id:>4}{row}"));
    }
    Block::new("note", lines, Vec::new(), Flow::Down)
}

fn package(package: &Package) -> Block {
    let number = package.id.map(|id| format!(" {id}")).unwrap_or_default();
    let mut lines = vec![format!("Package{number}")];
    lines.extend(package.model.clone());
    let mut children: Vec<Block> = package.nodes.iter().map(node).collect();
    if !package.slots.is_empty() {
        children.push(empty(&package.slots.iter().collect::<Vec<_>>()));
    }
    Block::new("package", lines, children, Flow::Down)
}

fn empty(slots: &[&EmptySlot]) -> Block {
    let slots = slots.iter().map(|slot| Block::leaf("slot", slot.name.clone())).collect();
    Block::new("note", vec!["empty slots".to_owned()], slots, Flow::Across(520))
}

fn node(node: &NodeBox) -> Block {
    let mut title = node.id.map_or("no nodes".to_owned(), |id| format!("Node {id}"));
    match (node.memory_kib, node.free_kib) {
        (Some(0), _) => title.push_str(" · no memory"),
        (Some(total), Some(free)) => {
            title.push_str(&format!(" · {} ({} free)", words::size(total), words::size(free)));
        }
        (Some(total), None) => title.push_str(&format!(" · {}", words::size(total))),
        (None, _) => {}
    }
    if node.caches.is_empty() {
        title.push_str(" · no CPUs");
    }
    let mut lines = vec![title];
    for pool in &node.pools {
        let free = pool.free.map(|free| format!(" ({free} free)")).unwrap_or_default();
        lines.push(format!("huge pages: {} × {}{free}", pool.total, words::size(pool.size_kib)));
    }
    let mut children: Vec<Block> = node.caches.iter().map(cache).collect();
    children.extend(node.roots.iter().map(root));
    let class = if node.memory_kib == Some(0) { "missing" } else { "node" };
    Block::new(class, lines, children, Flow::Down)
}

fn cache(cache: &CacheBox) -> Block {
    let count = words::count(cache.cores.len(), "core");
    let name = cache.name.as_ref().map_or(count.clone(), |name| format!("{name} · {count}"));
    Block::new("cache", vec![name], cache.cores.iter().map(core).collect(), Flow::Across(520))
}

fn core(core: &Core) -> Block {
    let cpus: Vec<String> = core.cpus.iter().map(u32::to_string).collect();
    Block::leaf(if core.isolated { "isolated" } else { "core" }, cpus.join(" "))
}

fn root(root: &Root) -> Block {
    let source = match root.source.as_deref() {
        None | Some("none" | "only_node") => String::new(),
        Some(source) => format!(" (node known from {})", source.replace('_', " ")),
    };
    let children = root.branches.iter().map(branch).collect();
    Block::new("pci", vec![format!("PCI {}{source}", root.bus)], children, Flow::Down)
}

fn branch(branch: &Branch) -> Block {
    let mut lines = Vec::new();
    lines.extend(branch.slot.as_ref().map(|slot| format!("[{slot}]")));
    let used = if branch.used_as.is_empty() { String::new() } else { format!(" · {}", branch.used_as.join(" ")) };
    let driver = branch.driver.as_ref().filter(|_| branch.kind != "port").map(|driver| format!(" · {driver}"));
    let link = branch.link.as_ref().map(|link| format!(" · {link}")).unwrap_or_default();
    lines.push(format!("{} {}{used}{}{link}", branch.address, branch.kind, driver.unwrap_or_default()));
    lines.extend(branch.name.as_ref().map(|name| words::cut(name, 60)));
    if branch.vfs > 0 {
        lines.push(format!("{} virtual functions", branch.vfs));
    }
    if let Some(best) = &branch.degraded {
        lines.push(format!("runs below what it could: {best}"));
    }
    let class = match (&branch.degraded, branch.branches.is_empty()) {
        (Some(_), _) => "degraded",
        (None, true) => "core",
        (None, false) => "device",
    };
    Block::new(class, lines, branch.branches.iter().map(self::branch).collect(), Flow::Down)
}
