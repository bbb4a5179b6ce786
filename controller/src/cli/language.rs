//! The page `docs/language.md`: what may stand in a playbook and in a template, made from the tables that are read by.

use std::fmt::Write;

/// The text of `docs/language.md`. Writing to a `String` cannot fail.
pub fn language() -> String {
    let mut out = String::from(
        "# The language of playbooks\n\nMade from the program itself; a test keeps it so.\n\n\
         Playbooks, roles, inventories and templates are Ansible's (ansible-core 2.19). Names may be written in full \
         (`ansible.builtin.copy`); collections that are known are those of the modules in [modules.md](modules.md) and of the \
         names below. Anything else is refused before the first host is contacted, with its place and the nearest right \
         name.\n\n\
         ## Where Luthier differs on purpose\n\n\
         - A host that cannot be reached counts as failed when a batch is judged (`max_fail_percentage`, \
         `any_errors_fatal`); `unreachable_counts = false` is Ansible's way ([configuration.md](configuration.md)).\n\
         - Unknown parameters of modules, wrong types and missing ones are errors before anything runs, also where a \
         condition would have passed the task over.\n\
         - `revert:` of a task says how it is undone ([undo.md](undo.md)).\n\
         - `strategy: free` sends tasks ahead that do not depend on each other; `host_pinned` is the same as `free`.\n\
         - What earlier tasks of a check would have made is there for the later ones.\n\
         - Plugins in Python (filters, lookups, modules, inventory plugins, callbacks) are not run; `debugger` is passed \
         over.\n\n",
    );
    out.push_str("## Keys\n\n");
    for (place, keys) in crate::playbook::keys() {
        let _ = writeln!(out, "- {place}: {}", listed(keys));
    }
    out.push_str(
        "\nBesides `loop` there are `with_NAME` for every lookup below. `meta` takes `clear_facts`, `clear_host_errors`, \
         `end_batch`, `end_host`, `end_play`, `end_role`, `flush_handlers`, `noop`, `refresh_inventory`, \
         `reset_connection`.\n",
    );
    for (what, names) in crate::template::names() {
        let _ = write!(out, "\n## {what}\n\n{}\n", listed(&names));
    }
    out
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    #[test]
    fn the_page_of_the_language_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/language.md");
        let now = super::language();
        if std::env::var_os("LUTHIER_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == now, "docs/language.md is out of date: LUTHIER_BLESS=1 rewrites it");
    }
}
