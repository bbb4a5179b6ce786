//! Which groups of facts are wanted, and their names.

use super::{clock, devices, hardware, local, mounts, network, platform, security, user, virtualization};
use crate::facts::gather;
use crate::host::Host;
use crate::host::patience::{PATIENCE, answers};
use luthier_protocol::{Map, Value};
use std::collections::BTreeSet;

/// The subsets that belong to the minimum, which is told unless `!min` is said.
const MINIMUM: &str = "min";

/// One collector: its own name, the larger subset it belongs to, and what it adds.
struct Collector {
    name: &'static str,
    group: &'static str,
    add: fn(&Host, &Wanted<'_>, &mut Map),
}

/// Every collector, in the order in which the facts are told.
const COLLECTORS: &[Collector] = &[
    Collector { name: "platform", group: MINIMUM, add: |host, _, facts| platform::names(host, facts) },
    Collector { name: "distribution", group: MINIMUM, add: |host, _, facts| platform::distribution(host, facts) },
    Collector { name: "lsb", group: MINIMUM, add: |host, _, facts| platform::lsb(host, facts) },
    Collector { name: "pkg_mgr", group: MINIMUM, add: |host, _, facts| platform::package_manager(host, facts) },
    Collector { name: "service_mgr", group: MINIMUM, add: |host, _, facts| platform::service_manager(host, facts) },
    Collector { name: "cmdline", group: MINIMUM, add: |host, _, facts| platform::boot_parameters(host, facts) },
    Collector { name: "date_time", group: MINIMUM, add: |host, _, facts| clock::now(host, facts) },
    Collector { name: "dns", group: MINIMUM, add: |host, _, facts| network::resolver(host, facts) },
    Collector { name: "env", group: MINIMUM, add: |_, wanted, facts| user::environment(wanted, facts) },
    Collector { name: "user", group: MINIMUM, add: |host, _, facts| user::account(host, facts) },
    Collector { name: "caps", group: MINIMUM, add: |host, _, facts| user::capabilities(host, facts) },
    Collector {
        name: "local",
        group: MINIMUM,
        add: |host, wanted, facts| local::facts_d(host, wanted.fact_path, facts),
    },
    Collector { name: "apparmor", group: MINIMUM, add: |host, _, facts| security::apparmor(host, facts) },
    Collector { name: "selinux", group: MINIMUM, add: |host, _, facts| security::selinux(host, facts) },
    Collector { name: "fips", group: MINIMUM, add: |host, _, facts| security::fips(host, facts) },
    Collector { name: "ssh_pub_keys", group: MINIMUM, add: |host, _, facts| security::ssh_keys(host, facts) },
    Collector { name: "chroot", group: "all", add: |host, _, facts| security::chroot(host, facts) },
    Collector { name: "processor", group: "hardware", add: |host, _, facts| hardware::processors(host, facts) },
    Collector { name: "memory", group: "hardware", add: |host, _, facts| hardware::memory(host, facts) },
    Collector { name: "dmi", group: "hardware", add: |host, _, facts| hardware::dmi(host, facts) },
    Collector { name: "uptime", group: "hardware", add: |host, _, facts| hardware::uptime(host, facts) },
    Collector { name: "devices", group: "hardware", add: |host, _, facts| devices::devices(host, facts) },
    Collector { name: "mounts", group: "hardware", add: |host, _, facts| mounts::mounts(host, facts) },
    Collector { name: "loadavg", group: "all", add: |host, _, facts| hardware::load(host, facts) },
    Collector { name: "interfaces", group: "network", add: |host, _, facts| network::interfaces(host, facts) },
    Collector { name: "storage_names", group: "network", add: |host, _, facts| network::storage_names(host, facts) },
    Collector { name: "virtualization", group: "virtual", add: |host, _, facts| virtualization::facts(host, facts) },
    Collector { name: "luthier", group: "all", add: |host, _, facts| own(host, facts) },
];

/// Collectors of many parts, each of which has a deadline of its own.
const PATIENT: [&str; 3] = ["local", "luthier", "mounts"];

/// Subsets that are accepted and tell nothing: their programs are not run.
const FOREIGN: [&str; 3] = ["facter", "ohai", "python"];

/// What to tell.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `gather_subset`: `all`, `min`, `hardware`, `network`, `virtual`, a collector's name, each also with `!`.
    pub subset: &'a [String],
    /// Folder of local facts.
    pub fact_path: &'a str,
    /// Environment that the task adds.
    pub environment: &'a std::collections::BTreeMap<String, String>,
}

/// A subset that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("gather the subset {name:?}: known subsets are {known}")]
pub struct BadSubset {
    /// What was asked for.
    pub name: String,
    /// Every subset there is, for people.
    pub known: String,
}

/// The facts under their classic names, with the prefix `ansible_`.
pub fn collect(host: &Host, wanted: &Wanted<'_>) -> Result<Map, BadSubset> {
    let names = selected(wanted.subset)?;
    let plain = within_patience(host, wanted, |collector| names.contains(collector.name));
    let mut facts: Map =
        plain.into_iter().map(|(name, value)| (format!("ansible_{}", name.replace('-', "_")), value)).collect();
    facts.insert("gather_subset".to_owned(), Value::from(wanted.subset.to_vec()));
    facts.insert("module_setup".to_owned(), Value::from(true));
    Ok(facts)
}

/// What the chosen collectors add, in their order. One that does not answer in time adds nothing.
fn within_patience(host: &Host, wanted: &Wanted<'_>, chosen: impl Fn(&Collector) -> bool) -> Map {
    let chosen: Vec<&'static Collector> = COLLECTORS.iter().filter(|collector| chosen(collector)).collect();
    let asked = chosen.clone();
    let owner = host.clone();
    let (subset, fact_path) = (wanted.subset.to_vec(), wanted.fact_path.to_owned());
    let environment = wanted.environment.clone();
    let answers = answers(chosen.len(), PATIENCE, move |index| {
        let mut facts = Map::new();
        let wanted = Wanted { subset: &subset, fact_path: &fact_path, environment: &environment };
        if let Some(collector) = asked.get(index).filter(|collector| !PATIENT.contains(&collector.name)) {
            (collector.add)(&owner, &wanted, &mut facts);
        }
        facts
    });
    let mut facts = Map::new();
    for (collector, mut answer) in chosen.into_iter().zip(answers) {
        if PATIENT.contains(&collector.name) {
            (collector.add)(host, wanted, answer.get_or_insert_default());
        }
        facts.extend(answer.unwrap_or_default());
    }
    facts
}

/// Reads what the classic facts read of the machine itself: nothing of its users, keys or environment.
pub fn read_all(host: &Host) {
    const OF_PEOPLE: [&str; 7] = ["env", "user", "caps", "local", "ssh_pub_keys", "dns", "luthier"];
    let environment = std::collections::BTreeMap::new();
    let wanted = Wanted { subset: &[], fact_path: "", environment: &environment };
    within_patience(host, &wanted, |collector| !OF_PEOPLE.contains(&collector.name));
}

/// The collectors that a list of subsets means. What is left out wins over what is asked for, save that a collector asked
/// for by its own name stays.
fn selected(subset: &[String]) -> Result<BTreeSet<&'static str>, BadSubset> {
    let mut chosen = BTreeSet::new();
    let mut removed = BTreeSet::new();
    let mut asked = false;
    for entry in subset.iter().map(|entry| entry.trim()) {
        let (remove, name) = entry.strip_prefix('!').map_or((false, entry), |name| (true, name));
        let members = members(name).ok_or_else(|| unknown(name))?;
        asked |= !remove;
        if remove { removed.extend(members) } else { chosen.extend(members) }
    }
    if !asked && !subset.iter().any(|entry| entry.trim() == "!all") {
        chosen.extend(members("all").unwrap_or_default());
    }
    let minimum = members(MINIMUM).unwrap_or_default();
    if !subset.iter().any(|entry| entry.trim() == "!min") {
        chosen.extend(&minimum);
        if subset.iter().any(|entry| entry.trim() == "!all") {
            // `!all` leaves the minimum: that takes `!min`.
            removed.retain(|name| !minimum.contains(name));
        }
    }
    let named = |name: &str| subset.iter().any(|entry| entry.trim() == name);
    chosen.retain(|name| !removed.contains(name) || named(name));
    Ok(chosen)
}

fn members(name: &str) -> Option<Vec<&'static str>> {
    if FOREIGN.contains(&name) {
        return Some(Vec::new());
    }
    let found: Vec<&'static str> = COLLECTORS
        .iter()
        .filter(|collector| name == "all" || collector.group == name || collector.name == name)
        .map(|collector| collector.name)
        .collect();
    (!found.is_empty()).then_some(found)
}

fn unknown(name: &str) -> BadSubset {
    let mut known: BTreeSet<&str> = COLLECTORS.iter().flat_map(|collector| [collector.name, collector.group]).collect();
    known.extend(FOREIGN);
    BadSubset { name: name.to_owned(), known: known.into_iter().collect::<Vec<_>>().join(", ") }
}

fn own(host: &Host, facts: &mut Map) {
    if let Ok(own) = gather(host, &[]) {
        facts.insert("luthier".to_owned(), Value::Object(own));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(subset: &[&str]) -> BTreeSet<&'static str> {
        selected(&subset.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn subsets() {
        assert_eq!(names(&["all"]).len(), COLLECTORS.len());
        assert_eq!(names(&[]).len(), COLLECTORS.len());
        assert!(names(&["min"]).contains("distribution") && !names(&["min"]).contains("mounts"));
        assert_eq!(names(&["!all"]), names(&["min"]));
        assert!(names(&["!all", "!min"]).is_empty());
        assert!(names(&["network"]).contains("interfaces") && names(&["network"]).contains("user"));
        assert!(!names(&["!hardware"]).contains("dmi") && names(&["!hardware"]).contains("interfaces"));
        assert_eq!(names(&["!all", "!min", "mounts"]).into_iter().collect::<Vec<_>>(), ["mounts"]);
        assert!(selected(&["nonsense".to_owned()]).unwrap_err().known.contains("hardware"));
    }
}
