//! The catalogue of this agent's modules: what the controller checks playbooks against.

use crate::host::order::sort_by;
use crate::modules;
use luthier_protocol::catalogue::Catalogue;

/// Version of the catalogue's form.
const VERSION: u32 = 1;

/// Every module's specification, sorted by name.
pub fn catalogue() -> Catalogue {
    let mut modules: Vec<_> = modules::ALL.iter().map(|module| module.spec().clone()).collect();
    sort_by(&mut modules, |left, right| left.name > right.name);
    Catalogue { version: VERSION, modules }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let catalogue = catalogue();
        let mut names: Vec<&str> = catalogue
            .modules
            .iter()
            .flat_map(|module| module.aliases.iter().chain([&module.name]))
            .map(AsRef::as_ref)
            .collect();
        assert!(names.contains(&"command"));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
