//! The command line: the one door to clap. One file a command; each takes what it needs and returns an exit code.

mod agent_cmd;
pub mod args;
mod capture;
mod captures;
mod completions;
mod data_format;
mod error;
mod eval;
mod exec;
mod exit_code;
mod extra_vars;
mod facts;
mod facts_table;
mod fleet;
mod globals;
mod includes;
mod inspect;
mod inventory_cmd;
mod language;
mod load;
mod main_impl;
mod man;
mod modules_cmd;
mod needed_files;
mod record;
mod reference;
mod resume;
mod rollback;
mod run;
mod runs;
pub mod secrets;
mod show;
mod status;
mod template_cmd;
mod topo;
mod variables;
mod vault_cmd;

pub use data_format::DataFormat;
pub use error::CliError;
pub use exit_code::ExitCode;
pub use extra_vars::extra_vars;
pub use globals::{ConnectionChoice, GlobalArgs, Globals};
pub use language::language;
pub use main_impl::main_impl;
pub use reference::reference;

use crate::catalog::Catalog;
use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "luthier",
    version,
    about = "Tunes fleets of KVM hosts over SSH",
    long_about = "Tunes fleets of KVM hosts over SSH.\n\nLuthier runs Ansible playbooks against Ansible inventories: it pushes a small agent to each host, inspects the hardware, carries out the tasks and streams the results back. Every change is journalled on its host and can be undone.",
    after_long_help = HELP_END,
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 120
)]
pub struct CommandLine {
    /// Options of all commands.
    #[command(flatten)]
    pub globals: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `luthier --help` ends with.
const HELP_END: &str = "Examples:
  luthier run -i hosts.ini site.yml             run a playbook
  luthier run -i hosts.ini site.yml --check -D  tell what it would change, with diffs
  luthier facts -i hosts.ini kvm                inspect the hosts of a group
  luthier runs                                  what was run
  luthier rollback last                         undo the last run

Each option that is not a command's own can also be given as the environment variable shown with it, and the common ones in luthier.toml.

Exit codes: 0 fine, 1 internal error, 2 some host failed, 3 would change (--check --detailed-exitcode), 4 some host unreachable, 5 bad input (nothing was contacted), 6 rolled back, 7 a rollback failed, 8 paused, 9 pending reboot only, 130 interrupted.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run playbooks.
    Run(args::RunArgs),
    /// Run one task on the hosts of a pattern.
    Exec(args::ExecArgs),
    /// Inspect hosts.
    Facts(args::FactsArgs),
    /// Draw machines: packages, nodes, caches, cores, PCI by slot.
    Topo(args::TopoArgs),
    /// Copy what facts read of hosts, to inspect it elsewhere.
    Capture(args::CaptureArgs),
    /// Show the inventory as it is understood.
    Inventory(inventory_cmd::InventoryArgs),
    /// Print the value of an expression, or of a YAML file.
    Eval(eval::EvalArgs),
    /// Render a template file.
    Template(template_cmd::TemplateArgs),
    /// List the modules, or explain one.
    Modules(modules_cmd::ModulesArgs),
    /// Encrypt and decrypt files as Ansible Vault does.
    Vault(vault_cmd::VaultArgs),
    /// List recorded runs, newest first.
    Runs(runs::RunsArgs),
    /// Show a recorded run again.
    Show(show::ShowArgs),
    /// Undo the changes of a run.
    Rollback(args::RollbackArgs),
    /// Show transactions that are open or were interrupted on hosts.
    Status(args::StatusArgs),
    /// Write the embedded agent to a file.
    Agent(agent_cmd::AgentArgs),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Print or write manual pages.
    Man(man::ManArgs),
}

fn dispatch(command: Command, globals: &Globals) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(args) => run::run(args, globals),
        Command::Exec(args) => exec::exec(args, globals),
        Command::Facts(args) => facts::facts(args, globals),
        Command::Topo(args) => topo::topo(args, globals),
        Command::Capture(args) => capture::capture(args, globals),
        Command::Inventory(args) => inventory_cmd::inventory(args, globals),
        Command::Eval(args) => eval::eval(args, globals),
        Command::Template(args) => template_cmd::template(args, globals),
        Command::Modules(args) => {
            let specs: Vec<_> = Catalog::builtin().entries().iter().map(|entry| entry.spec.clone()).collect();
            modules_cmd::modules(&args, &specs, globals)
        }
        Command::Vault(args) => vault_cmd::vault(args, globals),
        Command::Runs(args) => runs::runs(args, globals),
        Command::Show(args) => show::show(args, globals),
        Command::Rollback(args) => rollback::rollback(args, globals),
        Command::Status(args) => status::status(args, globals),
        Command::Agent(args) => agent_cmd::agent(args, globals),
        Command::Completions(args) => completions::completions(args, globals),
        Command::Man(args) => man::man(args, globals),
    }
}

#[cfg(test)]
mod tests;
