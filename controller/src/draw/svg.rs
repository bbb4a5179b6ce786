//! A machine as SVG: boxes in boxes, as wide as what is in them; one file without scripts or fonts of its own.

use super::block::{Block, Flow, Size, escape};
use super::devices::{Branch, EmptySlot, Root};
use super::machine::{CacheBox, Core, Machine, NodeBox, Package};
use super::missing;
use super::vms::{self, Home, VmBox};
use super::words;

/// Wider rows of packages go on below.
const WIDTH: u32 = 1600;

/// Longest line of text in characters.
const LINE: usize = 64;

/// Fills of VMs, light enough for black letters; each VM has its letter, too, for those who print in black and white.
const FILLS: [&str; 10] =
    ["#cfe3ff", "#ffe0b8", "#cdeccd", "#f6cfe4", "#e0d3f7", "#fff3b0", "#c9eef0", "#f3d6c6", "#dfe6c2", "#d9d9e8"];

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
.cache { fill: #f4f1e4; stroke: #a8955a } .core, .card { fill: #ffffff; stroke: #8a8a8a }
.isolated { fill: #ffe2a8; stroke: #b87f10 } .offline { fill: #eeeeee; stroke: #999999; stroke-dasharray: 3 3 }
.pci { fill: #f1eaf6; stroke: #7d5a9c } .pci-text { font-weight: bold } .device { fill: #faf7fc; stroke: #cbb9da }
.degraded { fill: #ffd9d4; stroke: #b03030 } .degraded-text { fill: #8f1d1d; font-weight: bold }
.vm { stroke: #1b2733 } .vm-text { font-weight: bold } .clash { fill: #ffd9d4; stroke: #b03030; stroke-width: 2 }
.warning { fill: #fff3f1; stroke: #b03030 } .warning-text { fill: #8f1d1d; font-weight: bold }
.note-text { font-weight: bold } .summary { fill: none; stroke: none }
.slot { fill: #fbfbfb; stroke: #7d5a9c; stroke-dasharray: 4 3 } .note { fill: none; stroke: none }
</style>
";

/// What all boxes of a picture share.
struct View<'a> {
    vms: &'a [VmBox],
    /// Letters in a core's box: with one width for all, packages line up.
    cell: usize,
    /// Whether the kernel knows nodes.
    nodes: bool,
}

impl<'a> View<'a> {
    fn of(machine: &'a Machine) -> Self {
        let vms = machine.vms();
        let nodes = machine.packages.iter().flat_map(|package| &package.nodes).chain(&machine.loose_nodes);
        let cores = nodes.flat_map(|node| &node.caches).flat_map(|cache| &cache.cores);
        let lines = cores.flat_map(|core| core_lines(core, vms));
        let cell = lines.map(|line| line.chars().count()).max().unwrap_or_default();
        Self { vms, cell, nodes: machine.has_nodes() }
    }
}

fn machine_block(heading: &str, machine: &Machine) -> Block {
    let vms = machine.vms();
    let view = View::of(machine);
    let mut row: Vec<Block> = machine.packages.iter().map(|one| package(one, &view)).collect();
    for socket in &machine.empty_sockets {
        let dead = machine.loose_slots.iter().filter(|slot| slot.dead);
        let slots = dead.map(|slot| Block::leaf("slot", format!("dead: {}", slot.name))).collect();
        row.push(Block::new("missing", vec![format!("Processor socket {socket}: empty")], slots, Flow::Down));
    }
    let summary = words::fill(&machine.summary, " · ", 2 * LINE);
    let mut children = vec![Block::new("summary", summary, row, Flow::Across(WIDTH))];
    // In a row of their own: beside packages they would be drawn as high as those, and be empty.
    let loose: Vec<Block> = machine.loose_nodes.iter().map(|one| node(one, &view)).collect();
    if !loose.is_empty() {
        children.push(Block::new("summary", Vec::new(), loose, Flow::Across(WIDTH)));
    }
    if !machine.loose_roots.is_empty() {
        let roots = machine.loose_roots.iter().map(root).collect();
        let (class, title) = if view.nodes { ("missing", "PCI whose node is not known") } else { ("note", "PCI") };
        children.push(Block::new(class, vec![title.to_owned()], roots, Flow::Across(WIDTH)));
    }
    let slots: Vec<&EmptySlot> = machine.loose_slots.iter().filter(|slot| !slot.dead).collect();
    if !slots.is_empty() {
        children.push(empty(&slots));
    }
    let wandering: Vec<Block> = at(vms, Home::Machine).collect();
    if !wandering.is_empty() {
        let title = vec!["VMs not kept to one package".to_owned()];
        children.push(Block::new("note", title, wandering, Flow::Across(WIDTH)));
    }
    if machine.vms.as_ref().is_some_and(Vec::is_empty) {
        children.push(Block::leaf("summary", "no VM runs".to_owned()));
    }
    let warnings = vms::warnings(vms);
    if !warnings.is_empty() {
        let told = warnings.iter().flat_map(|warning| words::pieces(warning, 2 * LINE));
        let lines = std::iter::once("to be looked at".to_owned()).chain(told).collect();
        children.push(Block::new("warning", lines, Vec::new(), Flow::Down));
    }
    if let Some(sentence) = missing::sentence(&machine.missing) {
        children.push(Block::new("missing", words::pieces(&sentence, 2 * LINE), Vec::new(), Flow::Down));
    }
    let drawn = Block::new("machine", vec![format!("{heading} · {}", machine.title)], children, Flow::Down);
    let mut foot = vec![legend(&drawn, machine)];
    if !machine.distances.is_empty() {
        foot.push(distances(machine));
    }
    drawn.with(Block::new("summary", Vec::new(), foot, Flow::Across(WIDTH)))
}

/// What the boxes mean, as far as they are in the picture.
fn legend(drawn: &Block, machine: &Machine) -> Block {
    const KEYS: [(&str, &str); 10] = [
        ("cache", "cores that share a cache"),
        ("core", "core: the numbers of its CPUs"),
        ("isolated", "isolated core"),
        ("pci", "PCI root bus"),
        ("device", "bridge or port, with what hangs off it"),
        ("card", "PCI device"),
        ("degraded", "link runs below what both its ends can do"),
        ("slot", "empty slot"),
        ("missing", "empty socket, no memory, place unknown, or not read"),
        ("clash", "CPU with more than one vCPU"),
    ];
    let mut keys: Vec<Block> = KEYS
        .iter()
        .filter(|(class, _)| drawn.shows(class))
        .map(|(class, meaning)| Block::leaf(class, (*meaning).to_owned()))
        .collect();
    if drawn.shows("vm") {
        let meaning = "VM: A2+3 is its vCPUs 2 and 3 on the threads of a core, A12× twelve, A~ one that may run there";
        keys.push(Block::leaf("vm", meaning.to_owned()).filled(Some("#ffffff")));
    }
    if machine.strides() {
        keys.push(Block::leaf("note", "0-6:2 in a list of CPUs is 0, 2, 4 and 6".to_owned()));
    }
    if !machine.offline.is_empty() {
        let lines = words::pieces(&format!("offline CPUs: {}", words::cpus(&machine.offline)), LINE);
        keys.push(Block::new("offline", lines, Vec::new(), Flow::Down));
    }
    Block::new("note", vec!["legend".to_owned()], keys, Flow::Across(760))
}

fn distances(machine: &Machine) -> Block {
    let mut lines = vec!["distances between nodes".to_owned()];
    let head: String = machine.distances.iter().map(|(id, _)| format!("{id:>4}")).collect();
    lines.push(format!("    {head}"));
    for (id, row) in &machine.distances {
        let row: String = row.iter().map(|one| format!("{:>4}", super::machine::distance(*one))).collect();
        lines.push(format!("{id:>4}{row}"));
    }
    Block::new("note", lines, Vec::new(), Flow::Down)
}

fn package(package: &Package, view: &View<'_>) -> Block {
    let number = package.id.map(|id| format!(" {id}")).unwrap_or_default();
    let mut lines = vec![format!("Package{number}")];
    lines.extend(package.model.clone());
    let mut children: Vec<Block> = package.nodes.iter().map(|one| node(one, view)).collect();
    if !package.slots.is_empty() {
        children.push(empty(&package.slots.iter().collect::<Vec<_>>()));
    }
    children.extend(at(view.vms, Home::Package(package.id)));
    Block::new("package", lines, children, Flow::Down)
}

fn empty(slots: &[&EmptySlot]) -> Block {
    let slots = slots.iter().map(|slot| Block::leaf("slot", slot.name.clone())).collect();
    Block::new("note", vec!["empty slots".to_owned()], slots, Flow::Across(560))
}

fn node(node: &NodeBox, view: &View<'_>) -> Block {
    let mut title = match (node.id, node.shares.as_slice()) {
        (Some(id), _) => format!("Node {id}"),
        (None, []) if !view.nodes => "no nodes known".to_owned(),
        (None, []) => "in no node".to_owned(),
        (None, shared) => format!("in node {}, with other packages", words::ranges(shared)),
    };
    match (node.memory_kib, node.free_kib) {
        (Some(0), _) => title.push_str(" · no memory"),
        (Some(total), Some(free)) => {
            title.push_str(&format!(" · {} ({} free)", words::size(total), words::size(free)));
        }
        (Some(total), None) => title.push_str(&format!(" · {}", words::size(total))),
        (None, _) => {}
    }
    title.push_str(&node.elsewhere());
    let mut lines = words::pieces(&title, 2 * LINE);
    for pool in &node.pools {
        let free = pool.free.map(|free| format!(" ({free} free)")).unwrap_or_default();
        lines.push(format!("huge pages: {} × {}{free}", pool.total, words::size(pool.size_kib)));
    }
    let mut children: Vec<Block> = node.caches.iter().map(|one| cache(one, view)).collect();
    children.extend(node.id.into_iter().flat_map(|id| at(view.vms, Home::Node(id))));
    children.extend(node.roots.iter().map(root));
    let class = if node.memory_kib == Some(0) { "missing" } else { "node" };
    Block::new(class, lines, children, Flow::Down)
}

fn cache(cache: &CacheBox, view: &View<'_>) -> Block {
    let count = cache.count();
    let name = cache.name.as_ref().map_or(count.clone(), |name| format!("{name} · {count}"));
    let mut texts: Vec<Vec<String>> = cache.cores.iter().map(|core| core_lines(core, view.vms)).collect();
    // Cores of one size stand in columns.
    let high = texts.iter().map(Vec::len).max().unwrap_or_default();
    let wide = view.cell;
    for lines in &mut texts {
        lines.resize(high, String::new());
        lines.iter_mut().for_each(|line| *line = format!("{line:^wide$}"));
    }
    let cores = cache.cores.iter().zip(texts).map(|(core, lines)| core_block(core, lines, view.vms)).collect();
    Block::new("cache", vec![name], cores, Flow::Across(560))
}

/// The core's CPUs, and a line for each VM that has something on it.
fn core_lines(core: &Core, vms: &[VmBox]) -> Vec<String> {
    let cpus: Vec<String> = core.cpus.iter().map(u32::to_string).collect();
    let here = vms.iter().filter(|vm| vm.touches(&core.cpus));
    let marks = here.map(|vm| format!("{}{}", vm.tag, vm.mark(&core.cpus)));
    std::iter::once(cpus.join(" ")).chain(marks).collect()
}

fn core_block(core: &Core, lines: Vec<String>, vms: &[VmBox]) -> Block {
    let pinned =
        |cpu: &u32| vms.iter().flat_map(|vm| &vm.vcpus).filter(|vcpu| vcpu.place == vms::Place::One(*cpu)).count();
    let class = match (core.cpus.iter().any(|cpu| pinned(cpu) > 1), core.isolated) {
        (true, _) => "clash",
        (false, true) => "isolated",
        (false, false) => "core",
    };
    let first = vms.iter().position(|vm| vm.touches(&core.cpus)).filter(|_| class != "clash");
    Block::new(class, lines, Vec::new(), Flow::Down).filled(first.and_then(fill))
}

/// VMs that are told of in one place, each in its colour.
fn at(vms: &[VmBox], home: Home) -> impl Iterator<Item = Block> {
    let here = vms.iter().enumerate().filter(move |(_, vm)| vm.home() == home);
    here.map(|(index, vm)| {
        let mut lines = vec![format!("VM {} {}", vm.tag, vm.short())];
        lines.extend(words::fill(&vm.words(), " · ", LINE));
        Block::new("vm", lines, Vec::new(), Flow::Down).filled(fill(index))
    })
}

fn fill(index: usize) -> Option<&'static str> {
    FILLS.get(index % FILLS.len()).copied()
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
    lines.extend(branch.slot.as_ref().map(|slot| format!("[{}]", words::cut(slot, LINE))));
    let count = if branch.functions > 1 { format!("{} × ", branch.functions) } else { String::new() };
    let mut parts = vec![format!("{} {count}{}", branch.address, branch.kind)];
    parts.extend(branch.used_as.iter().cloned());
    parts.extend(branch.driver.clone().filter(|_| branch.kind != "port"));
    match (&branch.link, &branch.degraded) {
        (Some(link), Some(_)) => parts.push(format!("!! {link}")),
        (link, _) => parts.extend(link.clone()),
    }
    lines.extend(words::fill(&parts, " · ", LINE));
    lines.extend(branch.name.as_ref().map(|name| words::cut(name, LINE)));
    if branch.vfs > 0 {
        let each = if branch.functions > 1 { " each" } else { "" };
        lines.push(format!("{}{each}", words::count(branch.vfs, "virtual function")));
    }
    if let Some(best) = &branch.degraded {
        lines.push(format!("runs below what it could: {best}"));
    }
    let class = match (&branch.degraded, branch.branches.is_empty()) {
        (Some(_), _) => "degraded",
        (None, true) => "card",
        (None, false) => "device",
    };
    Block::new(class, lines, branch.branches.iter().map(self::branch).collect(), Flow::Down)
}
