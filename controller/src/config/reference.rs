//! The page `docs/configuration.md`, made from the table of settings.

use super::settings::KNOWN;
use std::fmt::Write;

/// The text of `docs/configuration.md`. Writing to a `String` cannot fail.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\nMade from the program itself; a test keeps it so.\n\n\
         What counts, the first that says something: the command line, the environment, `luthier.toml`, `ansible.cfg`, and \
         for connections last of all what `~/.ssh/config` says ([ssh.md](ssh.md)). Variables of a host \
         (`ansible_user`, `ansible_port` and so on) count before all of these, but for `-e`.\n\n\
         `luthier.toml` is looked for in the working folder and the folders above it, `ansible.cfg` where Ansible looks for \
         it (`ANSIBLE_CONFIG`, the working folder, the home folder, `/etc/ansible`). Paths in them are relative to the file. \
         An unknown key in `luthier.toml` is an error; what Luthier has no use for in `ansible.cfg` is passed over.\n\n\
         ```toml\n# luthier.toml\ninventory = [\"hosts.ini\", \"more/\"]\nforks = 100\nbecome = true\n\
         ssh_common_args = \"-J bastion.example.net\"\n```\n\n\
         | key | environment variables | in `ansible.cfg` | meaning |\n|---|---|---|---|\n",
    );
    for known in &KNOWN {
        let variables: Vec<String> = known.variables.iter().map(|name| format!("`{name}`")).collect();
        let place = if known.section.is_empty() { "–".to_owned() } else { format!("`[{}]`", known.section) };
        let _ = writeln!(out, "| `{}` | {} | {place} | {} |", known.name, variables.join(", "), known.what);
    }
    out.push_str(
        "\nOptions of the command line have variables of their own; [cli.md](cli.md) names each beside its option. \
         `LUTHIER_LOG` (such as `luthier=debug`) writes what the program does to stderr. `XDG_STATE_HOME` says where the \
         history of runs lies (`~/.local/state/luthier`).\n",
    );
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    #[test]
    fn the_page_of_settings_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let now = super::reference();
        if std::env::var_os("LUTHIER_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == now, "docs/configuration.md is out of date: LUTHIER_BLESS=1 rewrites it");
    }
}
