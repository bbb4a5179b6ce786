//! A machine as text: a tree of at most 100 columns that reads without colour.

use super::devices::{Branch, EmptySlot, Root};
use super::machine::{CacheBox, Machine, NodeBox, Package, Pool};
use super::tree::{Line, write};
use super::words;

/// Widest line.
const WIDTH: usize = 100;

/// Draws a machine below a heading (its host's name, say).
pub fn text(heading: &str, machine: &Machine) -> String {
    let mut out = String::new();
    out.push_str(&words::cut(&format!("{heading} · {}", machine.title), WIDTH));
    out.push('\n');
    for line in fill(&machine.summary, " · ", WIDTH - 2) {
        out.push_str("  ");
        out.push_str(&line);
        out.push('\n');
    }
    write(&lines(machine), WIDTH, &mut out);
    for note in notes(machine) {
        out.push_str(&words::cut(&note, WIDTH));
        out.push('\n');
    }
    out
}

fn lines(machine: &Machine) -> Vec<Line> {
    let mut lines: Vec<Line> = machine.packages.iter().map(package).collect();
    lines.extend(machine.loose_nodes.iter().map(node));
    for socket in &machine.empty_sockets {
        let dead = machine.loose_slots.iter().filter(|slot| slot.dead);
        let below: Vec<Line> =
            dead.map(|slot| Line::new(format!("dead slot {}: its processor is missing", slot.name))).collect();
        lines.push(Line { text: format!("Processor socket {socket}: EMPTY"), below });
    }
    if !machine.loose_roots.is_empty() {
        let below = machine.loose_roots.iter().map(root).collect();
        lines.push(Line { text: "PCI whose node is not known".to_owned(), below });
    }
    let slots: Vec<&EmptySlot> = machine.loose_slots.iter().filter(|slot| !slot.dead).collect();
    if !slots.is_empty() {
        lines.push(empty(&slots));
    }
    lines
}

fn package(package: &Package) -> Line {
    let number = package.id.map(|id| format!(" {id}")).unwrap_or_default();
    let model = package.model.as_ref().map(|model| format!(" · {model}")).unwrap_or_default();
    let mut below: Vec<Line> = Vec::new();
    for one in &package.nodes {
        match one.id {
            Some(_) => below.push(node(one)),
            // A kernel without nodes: the cores hang off the package itself.
            None => below.extend(inside(one)),
        }
    }
    if !package.slots.is_empty() {
        below.push(empty(&package.slots.iter().collect::<Vec<_>>()));
    }
    Line { text: format!("Package{number}{model}"), below }
}

fn empty(slots: &[&EmptySlot]) -> Line {
    let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
    Line::new(format!("empty slots: {}", names.join(", ")))
}

fn node(node: &NodeBox) -> Line {
    let number = node.id.map(|id| format!(" {id}")).unwrap_or_default();
    let mut text = format!("Node{number}");
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
    if node.caches.is_empty() {
        text.push_str(" · no CPUs");
    }
    Line { text, below: inside(node) }
}

fn inside(node: &NodeBox) -> Vec<Line> {
    let mut below = Vec::new();
    if !node.pools.is_empty() {
        let pools: Vec<String> = node.pools.iter().map(pool).collect();
        below.push(Line::new(format!("huge pages: {}", pools.join(", "))));
    }
    below.extend(node.caches.iter().map(cache));
    below.extend(node.roots.iter().map(root));
    below
}

fn pool(pool: &Pool) -> String {
    let free = pool.free.map(|free| format!(" ({free} free)")).unwrap_or_default();
    format!("{} × {}{free}", pool.total, words::size(pool.size_kib))
}

/// A cache with its cores: `L3 32 MiB · 8 cores · 0+64 1+65 …`; a star marks isolated cores.
fn cache(cache: &CacheBox) -> Line {
    let name = cache.name.as_ref().map(|name| format!("{name} · ")).unwrap_or_default();
    let cores: Vec<String> = cache
        .cores
        .iter()
        .map(|core| {
            let cpus: Vec<String> = core.cpus.iter().map(u32::to_string).collect();
            format!("{}{}", cpus.join("+"), if core.isolated { "*" } else { "" })
        })
        .collect();
    let count = words::count(cache.cores.len(), "core");
    Line::new(format!("{name}{count} · CPUs {}", cores.join(" ")))
}

fn root(root: &Root) -> Line {
    let source = match root.source.as_deref() {
        None => String::new(),
        Some("only_node") => " (the only node)".to_owned(),
        Some("none") => String::new(),
        Some(source) => format!(" (node known from {})", source.replace('_', " ")),
    };
    Line { text: format!("PCI {}{source}", root.bus), below: root.branches.iter().map(branch).collect() }
}

fn branch(branch: &Branch) -> Line {
    let mut text = branch.slot.as_ref().map(|slot| format!("[{slot}] ")).unwrap_or_default();
    text.push_str(&format!("{} {}", branch.address, branch.kind));
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
        add(&format!("{} virtual functions", branch.vfs));
    }
    match (&branch.link, &branch.degraded) {
        (Some(link), Some(best)) => add(&format!("!! {link}, could be {best}")),
        (Some(link), None) => add(link),
        _ => {}
    }
    Line { text, below: branch.branches.iter().map(self::branch).collect() }
}

fn notes(machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    if !machine.offline.is_empty() {
        notes.push(format!("offline CPUs: {}", words::ranges(&machine.offline)));
    }
    let cores = machine.packages.iter().flat_map(|package| &package.nodes).flat_map(|node| &node.caches);
    if cores.flat_map(|cache| &cache.cores).any(|core| core.isolated) {
        notes.push("* isolated from other work".to_owned());
    }
    if !machine.distances.is_empty() {
        notes.push("distances between nodes:".to_owned());
        let head: Vec<String> = machine.distances.iter().map(|(id, _)| format!("{id:>4}")).collect();
        notes.push(format!("      {}", head.join("")));
        for (id, row) in &machine.distances {
            let row: Vec<String> = row.iter().map(|distance| format!("{distance:>4}")).collect();
            notes.push(format!("  {id:>4}{}", row.join("")));
        }
    }
    notes
}

/// Parts joined to lines of at most `width` characters.
fn fill(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.len() + part.chars().count() <= width => {
                line.push_str(between);
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}
