//! Which tasks `--tags` and `--skip-tags` select.

use std::collections::BTreeSet;

/// The operator's choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--tags`; empty means `all`.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl Selection {
    /// Whether a task with these tags runs.
    pub fn takes(&self, tags: &BTreeSet<String>) -> bool {
        let tagged = !tags.is_empty();
        let has = |tag: &str| tags.contains(tag);
        let asked = |tag: &str| self.tags.iter().any(|wanted| wanted == tag);
        let named = self.tags.iter().any(|wanted| has(wanted));
        let skipped_by_name = self.skip.iter().any(|skip| has(skip));
        let chosen = if self.tags.is_empty() || asked("all") {
            !has("never") || named
        } else {
            named || (has("always")) || (asked("tagged") && tagged && !has("never")) || (asked("untagged") && !tagged)
        };
        let skipped = skipped_by_name
            || (self.skip.iter().any(|skip| skip == "all") && !has("always"))
            || (self.skip.iter().any(|skip| skip == "tagged") && tagged)
            || (self.skip.iter().any(|skip| skip == "untagged") && !tagged);
        chosen && !skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[&str]) -> BTreeSet<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    fn select(tags: &[&str], skip: &[&str]) -> Selection {
        Selection { tags: set(tags).into_iter().collect(), skip: set(skip).into_iter().collect() }
    }

    #[test]
    fn never_and_always_are_special() {
        assert!(!select(&[], &[]).takes(&set(&["never", "debug"])));
        assert!(select(&["debug"], &[]).takes(&set(&["never", "debug"])));
        assert!(select(&["other"], &[]).takes(&set(&["always"])));
        assert!(!select(&["other"], &["always"]).takes(&set(&["always"])));
    }

    #[test]
    fn tagged_and_untagged() {
        assert!(select(&["tagged"], &[]).takes(&set(&["x"])));
        assert!(!select(&["tagged"], &[]).takes(&set(&[])));
        assert!(select(&["untagged"], &[]).takes(&set(&[])));
        assert!(!select(&[], &["x"]).takes(&set(&["x", "y"])));
    }
}
