//! The modules of the agent (its generated catalogue) and of the controller, by every name they answer to.

use super::controller_modules;
use crate::yaml::nearest;
use luthier_protocol::catalogue::Catalogue;
use luthier_protocol::spec::ModuleSpec;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What `luthier-agent catalogue` prints; regenerated and compared by a test.
const AGENT: &str = include_str!("agent.json");

/// Who carries a module out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The agent on the host.
    Agent,
    /// The controller (`debug`, `set_fact`, …).
    Controller,
}

/// One module of the catalogue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its names and parameters.
    pub spec: ModuleSpec,
    /// Who carries it out.
    pub side: Side,
    /// Takes parameters of any name (`set_fact`).
    pub open: bool,
}

impl Entry {
    /// The name results show: the fully qualified one where there is one.
    pub fn full_name(&self) -> &str {
        let dotted = self.spec.aliases.iter().find(|alias| alias.matches('.').count() >= 2);
        dotted.map_or(&*self.spec.name, |alias| alias)
    }
}

/// All modules.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
    // The file is part of the program and a test reads it, so it parses; an empty catalogue would refuse every task.
    let agent = serde_json::from_str::<Catalogue>(AGENT).map(|catalogue| catalogue.modules).unwrap_or_default();
    let agent = agent.into_iter().map(|spec| Entry { spec, side: Side::Agent, open: false });
    Catalog::new(agent.chain(controller_modules::all()).collect())
});

impl Catalog {
    /// The modules of this program.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        let mut by_name = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_name.insert(entry.spec.name.to_string(), index);
            for alias in entry.spec.aliases.iter() {
                by_name.insert(alias.to_string(), index);
            }
        }
        Self { entries, by_name }
    }

    /// The module of a name: short, fully qualified, or `ansible.legacy.NAME`.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let legacy = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        self.by_name.get(legacy).and_then(|index| self.entries.get(*index))
    }

    /// The nearest right name to a wrong one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.by_name.keys().map(String::as_str))
    }

    /// Every module, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_embedded_catalogue_is_readable() {
        assert!(!serde_json::from_str::<Catalogue>(AGENT).unwrap().modules.is_empty());
    }

    #[test]
    fn every_name_leads_to_its_module() {
        let catalog = Catalog::builtin();
        for name in ["copy", "ansible.builtin.copy", "ansible.legacy.copy"] {
            assert_eq!(catalog.find(name).unwrap().spec.name, "copy");
        }
        assert!(catalog.find("copyy").is_none());
        assert_eq!(catalog.nearest("copyy"), Some("copy"));
        assert_eq!(catalog.find("debug").unwrap().full_name(), "ansible.builtin.debug");
    }
}
