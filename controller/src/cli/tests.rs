//! The command line as a whole.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use clap::CommandFactory;

#[test]
fn the_definitions_hold_together() {
    CommandLine::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_behind_the_command() {
    for line in [
        ["luthier", "-i", "a", "-i", "b", "-f", "7", "-b", "-vv", "run", "x.yml"],
        ["luthier", "run", "-i", "a", "-i", "b", "-f", "7", "-b", "-vv", "x.yml"],
        ["luthier", "run", "x.yml", "-i", "a", "-i", "b", "-f", "7", "-b", "-vv"],
    ] {
        let line = CommandLine::try_parse_from(line).unwrap();
        assert_eq!(line.globals.inventory, ["a", "b"]);
        assert_eq!((line.globals.forks, line.globals.r#become, line.globals.verbose), (Some(7), true, 2));
    }
}

#[test]
fn an_option_given_twice_counts_as_the_last_one() {
    let line = CommandLine::try_parse_from(["luthier", "run", "x.yml", "-f", "3", "-f", "4", "-l", "a", "-l", "b"]);
    let globals = line.unwrap().globals;
    assert_eq!((globals.forks, globals.limit.as_deref()), (Some(4), Some("b")));
}

#[test]
fn an_ad_hoc_task_can_be_said_in_two_ways() {
    let parse = |line: &[&str]| match CommandLine::try_parse_from(line).unwrap().command {
        Command::Exec(args) => args.module_and_arguments(),
        _ => unreachable!("exec"),
    };
    let copy = ("copy".to_owned(), "src=a dest=b".to_owned());
    assert_eq!(parse(&["luthier", "exec", "all", "copy", "src=a", "dest=b"]), copy);
    assert_eq!(parse(&["luthier", "exec", "all", "-m", "copy", "-a", "src=a dest=b"]), copy);
    assert_eq!(parse(&["luthier", "exec", "all", "-a", "uptime"]), ("command".to_owned(), "uptime".to_owned()));
    assert!(CommandLine::try_parse_from(["luthier", "exec", "all", "ping", "-m", "copy"]).is_err());
}

#[test]
fn every_command_has_examples() {
    let mut root = CommandLine::command();
    root.build();
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:\n"), "{}", command.get_name());
        for inner in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = inner.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n"), "{} {}", command.get_name(), inner.get_name());
        }
    }
}

#[test]
fn every_global_option_has_its_environment_variable() {
    let root = CommandLine::command();
    for arg in root.get_arguments().filter(|arg| arg.is_global_set()) {
        assert!(arg.get_env().is_some_and(|name| name.to_string_lossy().starts_with("LUTHIER_")), "{}", arg.get_id());
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    let wanted = reference();
    if std::env::var_os("LUTHIER_BLESS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), wanted, "LUTHIER_BLESS=1 rewrites docs/cli.md");
}
