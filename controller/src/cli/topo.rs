//! `luthier topo`: draw machines, those of one build once.

use super::args::{TopoArgs, TopoFormat};
use super::inspect::{Subject, Wish, escaped, inspect};
use super::{CliError, ExitCode, Globals};
use crate::draw::{self, Group, Machine};
use crate::output;
use std::path::Path;

/// Longest heading; the hosts of a large group are not all named.
const HEADING: usize = 70;

pub(super) fn topo(args: TopoArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let mut only: Vec<String> = Machine::FACTS.map(str::to_owned).into();
    only.extend(args.vms.then(|| Machine::VMS.to_owned()));
    let subject = Subject { pattern: args.pattern.as_deref(), roots: &args.root, wish: Wish::Facts(&only) };
    let mut machines = Vec::new();
    let code = inspect(subject, globals, &mut |host, facts| {
        machines.push((output::escape(host).into_owned(), Machine::new(&escaped(facts))));
    })?;
    machines.sort_by(|one: &(String, Machine), other| one.0.cmp(&other.0));
    let groups = if args.each {
        machines.into_iter().map(|(host, machine)| Group { hosts: vec![host], machine }).collect()
    } else {
        draw::fold(machines)
    };
    match (&args.directory, args.format) {
        (Some(folder), format) => write_files(folder, format, &groups, globals)?,
        (None, TopoFormat::Svg) if groups.len() > 1 => {
            let message = format!("{} drawings do not fit into one SVG file", groups.len());
            return Err(CliError::usage(message).hint("give a folder to write them into with -d, or name fewer hosts"));
        }
        (None, format) => {
            let drawn: Vec<String> = groups.iter().map(|group| drawing(group, format)).collect();
            globals.screen.data(&drawn.join("\n"));
        }
    }
    Ok(code)
}

fn drawing(group: &Group, format: TopoFormat) -> String {
    let heading = group.heading(HEADING);
    match format {
        TopoFormat::Text => draw::text(&heading, &group.machine),
        TopoFormat::Svg => draw::svg(&heading, &group.machine),
    }
}

/// One file a group, named by its first host.
fn write_files(folder: &Path, format: TopoFormat, groups: &[Group], globals: &Globals) -> Result<(), CliError> {
    let failed = |path: &Path, error: std::io::Error| {
        CliError::message(ExitCode::Failed, format!("failed to write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let extension = match format {
        TopoFormat::Text => "txt",
        TopoFormat::Svg => "svg",
    };
    for group in groups {
        let Some(host) = group.hosts.first() else { continue };
        // A host's name comes from the inventory and may hold anything.
        let safe: String = host.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }).collect();
        let path = folder.join(format!("{}.{extension}", safe.trim_start_matches('.')));
        std::fs::write(&path, drawing(group, format)).map_err(|error| failed(&path, error))?;
        globals.screen.talk(&format!("{}: {}\n", path.display(), group.heading(HEADING)));
    }
    Ok(())
}
