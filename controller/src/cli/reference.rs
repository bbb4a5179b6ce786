//! The reference of all commands and options as Markdown, made from what clap knows: `docs/cli.md`.

use super::CommandLine;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::fmt::Write;

/// The text of `docs/cli.md`. Writing to a `String` cannot fail.
pub fn reference() -> String {
    let mut root = CommandLine::command().disable_help_subcommand(true);
    root.build();
    let mut out = String::from(
        "# Commands\n\nMade from the program itself; a test keeps it so. `luthier COMMAND --help` says the same.\n\n",
    );
    let _ = writeln!(out, "```text\n{}\n```\n", usage(&root));
    for command in root.get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "- [`{}`](#luthier-{}): {about}", command.get_name(), command.get_name());
    }
    out.push_str("\n## Global options\n\n");
    options(&mut out, root.get_arguments().filter(|arg| arg.is_global_set()));
    for command in root.get_subcommands() {
        section(&mut out, command, 2);
    }
    let end = root.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let _ = write!(out, "\n## Examples and exit codes\n\n```text\n{}\n```\n", end.trim_end());
    out
}

fn section(out: &mut String, command: &Command, depth: usize) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "\n{} {name}\n\n{about}\n\n```text\n{}\n```", "#".repeat(depth), usage(command));
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set() && arg.get_id() != "help").collect();
    if !own.is_empty() {
        out.push('\n');
        options(out, own.into_iter());
    }
    if let Some(end) = command.get_after_long_help() {
        let _ = writeln!(out, "\n```text\n{}\n```", end.to_string().trim_end());
    }
    for inner in command.get_subcommands() {
        section(out, inner, depth + 1);
    }
}

fn usage(command: &Command) -> String {
    command.clone().render_usage().to_string().trim_start_matches("Usage: ").to_owned()
}

fn options<'a>(out: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    for arg in arguments.filter(|arg| !arg.is_hide_set() && arg.get_id() != "help") {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let mut notes = Vec::new();
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        if !values.is_empty() && takes_value(arg) {
            notes.push(format!("one of {}", values.join(", ")));
        }
        if let Some(default) = arg.get_default_values().first().filter(|_| takes_value(arg)) {
            notes.push(format!("default `{}`", default.to_string_lossy()));
        }
        if let Some(variable) = arg.get_env() {
            notes.push(format!("environment `{}`", variable.to_string_lossy()));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        let _ = writeln!(out, "- {}: {help}{notes}", names(arg));
    }
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// `` `-i`, `--inventory PATH` ``
fn names(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str()).unwrap_or_default();
    if arg.is_positional() {
        return format!("`{value}`");
    }
    let value = if takes_value(arg) && !value.is_empty() { format!(" {value}") } else { String::new() };
    match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("`-{short}`, `--{long}{value}`"),
        (Some(short), None) => format!("`-{short}{value}`"),
        (None, long) => format!("`--{}{value}`", long.unwrap_or_default()),
    }
}
