//! `luthier inventory`: the inventory as it is understood.

use super::data_format::print_json;
use super::load::{load_inventory, select};
use super::{CliError, DataFormat, ExitCode, Globals, extra_vars};
use crate::inventory::Inventory;
use crate::yaml::{Value, ValueMap, nearest};
use clap::Args;
use serde_json::Value as Json;

/// Options of `inventory`.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("what").required(true).args(["list", "graph", "host", "hosts"])),
    after_long_help = "Examples:
  luthier inventory -i hosts.ini --list            all groups and variables, as ansible-inventory prints them
  luthier inventory -i hosts.ini --graph           the groups as a tree
  luthier inventory -i hosts.ini --host kvm7       the variables of a host
  luthier inventory -i hosts.ini --hosts 'kvm:!a'  the hosts a pattern selects, one a line"
)]
pub struct InventoryArgs {
    /// Print all groups, and the variables of all hosts, as JSON
    #[arg(long)]
    list: bool,
    /// Print the groups as a tree
    #[arg(long)]
    graph: bool,
    /// With --graph: variables, too
    #[arg(long, requires = "graph")]
    vars: bool,
    /// Print the variables of this host as JSON
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Print the hosts that this pattern selects, one a line, in order
    #[arg(long, value_name = "PATTERN")]
    hosts: Option<String>,
}

pub(super) fn inventory(args: InventoryArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let format = DataFormat::of(globals)?;
    let extra = extra_vars(&globals.options.extra_vars)?;
    let inventory = load_inventory(globals)?;
    if let Some(pattern) = &args.hosts {
        let hosts = select(globals, &inventory, pattern)?;
        match format {
            DataFormat::Json => print_json(globals, &hosts)?,
            DataFormat::Human => globals.screen.data(&hosts.iter().map(|host| format!("{host}\n")).collect::<String>()),
        }
    } else if let Some(name) = &args.host {
        let mut vars = inventory.host_json(name).ok_or_else(|| unknown(&inventory, name))?;
        lay(&mut vars, &extra);
        print_json(globals, &vars)?;
    } else if args.graph {
        globals.screen.data(&inventory.graph(args.vars));
    } else {
        let mut list = inventory.list_json();
        if !extra.is_empty() {
            for host in inventory.hosts() {
                if let Some(vars) = list.pointer_mut("/_meta/hostvars").and_then(Json::as_object_mut) {
                    lay(vars.entry(host.as_str()).or_insert_with(|| Json::Object(serde_json::Map::new())), &extra);
                }
            }
        }
        if globals.options.limit.is_some() {
            keep(&mut list, &select(globals, &inventory, "all")?);
        }
        print_json(globals, &list)?;
    }
    Ok(ExitCode::Fine)
}

fn unknown(inventory: &Inventory, name: &str) -> CliError {
    let error = CliError::usage(format!("there is no host \"{name}\" in the inventory"));
    match nearest(name, inventory.hosts().iter().map(|host| host.as_str())) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error,
    }
}

/// Variables of the command line win over those of a host.
fn lay(vars: &mut Json, extra: &ValueMap) {
    if let (Some(vars), Json::Object(extra)) = (vars.as_object_mut(), Value::map(extra.clone()).to_json()) {
        vars.extend(extra);
    }
}

/// Only these hosts, in the groups and among the variables.
fn keep(list: &mut Json, hosts: &[String]) {
    let kept = |name: &str| hosts.iter().any(|host| host == name);
    let Some(groups) = list.as_object_mut() else { return };
    for (name, group) in groups.iter_mut() {
        if name == "_meta" {
            if let Some(vars) = group.get_mut("hostvars").and_then(Json::as_object_mut) {
                vars.retain(|host, _| kept(host));
            }
        } else if let Some(names) = group.get_mut("hosts").and_then(Json::as_array_mut) {
            names.retain(|host| host.as_str().is_some_and(kept));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::cli::{Command, CommandLine};
    use crate::output::{Captured, Screen};
    use clap::Parser;

    fn run(folder: &std::path::Path, line: &[&str]) -> (Result<ExitCode, CliError>, Captured) {
        let hosts = folder.join("hosts");
        std::fs::write(&hosts, "[kvm]\na\nb x=1\n[old]\nc\n").unwrap();
        let path = hosts.to_string_lossy().into_owned();
        let words = ["luthier", "inventory", "-i", &path].into_iter().chain(line.iter().copied());
        let line = CommandLine::try_parse_from(words).unwrap();
        let (screen, captured) = Screen::captured();
        let Command::Inventory(args) = line.command else { unreachable!("inventory") };
        (inventory(args, &Globals { options: line.globals, screen }), captured)
    }

    #[test]
    fn hosts_come_one_a_line_and_limits_count() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(dir.path(), &["--hosts", "kvm"]).1.data(), "a\nb\n");
        assert_eq!(run(dir.path(), &["--hosts", "all", "-l", "b,c"]).1.data(), "b\nc\n");
        let (result, captured) = run(dir.path(), &["--hosts", "nobody"]);
        assert!(result.is_ok());
        assert!(captured.talk().contains("`nobody` matches no host"), "{}", captured.talk());
    }

    #[test]
    fn lists_follow_limit_and_extra_variables() {
        let dir = tempfile::tempdir().unwrap();
        let list = |line: &[&str]| serde_json::from_str::<Json>(&run(dir.path(), line).1.data()).unwrap();
        let limited = list(&["--list", "-l", "b", "-e", "y=2"]);
        assert_eq!(limited.pointer("/kvm/hosts"), Some(&serde_json::json!(["b"])));
        assert_eq!(limited.pointer("/_meta/hostvars/b/y"), Some(&serde_json::json!("2")));
        assert_eq!(limited.pointer("/_meta/hostvars/a"), None);
        assert_eq!(list(&["--host", "b"]).pointer("/x"), Some(&serde_json::json!(1)));
        let (result, _) = run(dir.path(), &["--host", "bb"]);
        assert_eq!(result.unwrap_err().exit_code(), ExitCode::BadInput);
    }
}
