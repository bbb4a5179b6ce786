//! `luthier modules`: the built-in reference.

use super::data_format::print_json;
use super::{CliError, DataFormat, ExitCode, Globals};
use crate::output::table;
use crate::yaml::nearest;
use clap::Args;
use luthier_protocol::spec::{ModuleSpec, ParamSpec};
use std::fmt::Write;

/// Options of `modules`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier modules                 all modules
  luthier modules copy            parameters, return values and an example
  luthier modules copy -o json    for programs")]
pub struct ModulesArgs {
    /// Explain this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// The reference of these modules.
pub(super) fn modules(args: &ModulesArgs, specs: &[ModuleSpec], globals: &Globals) -> Result<ExitCode, CliError> {
    let format = DataFormat::of(globals)?;
    let Some(name) = &args.name else {
        match format {
            DataFormat::Json => print_json(globals, &specs)?,
            DataFormat::Human => {
                let rows: Vec<[String; 2]> =
                    specs.iter().map(|spec| [spec.name.to_string(), spec.summary.to_string()]).collect();
                globals.screen.data(&table(["MODULE", "WHAT IT DOES"], &rows));
            }
        }
        return Ok(ExitCode::Fine);
    };
    let names =
        |spec: &ModuleSpec| spec.name == name.as_str() || spec.aliases.iter().any(|alias| alias == name.as_str());
    let Some(spec) = specs.iter().find(|spec| names(spec)) else {
        let known = specs
            .iter()
            .flat_map(|spec| std::iter::once(spec.name.as_ref()).chain(spec.aliases.iter().map(AsRef::as_ref)));
        let error = CliError::usage(format!("there is no module \"{name}\""));
        return Err(match nearest(name, known) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error.hint("`luthier modules` lists all of them"),
        });
    };
    match format {
        DataFormat::Json => print_json(globals, spec)?,
        DataFormat::Human => globals.screen.data(&page(spec)),
    }
    Ok(ExitCode::Fine)
}

/// One module for people. Writing to a `String` cannot fail.
fn page(spec: &ModuleSpec) -> String {
    let mut out = format!("{}\n  {}\n", spec.name, spec.summary);
    if !spec.aliases.is_empty() {
        let _ = writeln!(out, "  Also called: {}", spec.aliases.join(", "));
    }
    let undo = if spec.revertible { "can be undone from the journal" } else { "cannot be undone by itself" };
    let _ = writeln!(out, "  Its changes: {undo}");
    out.push_str("\nParameters:\n");
    for param in spec.params.iter() {
        let _ = writeln!(out, "  {}\n      {}", param_line(param), param.doc);
    }
    if let Some(free) = &spec.free_form {
        let _ = writeln!(out, "  Text after the module's name is `{free}`.");
    }
    for (rows, rule) in [(&spec.mutually_exclusive, "at most one of"), (&spec.required_one_of, "at least one of")] {
        for row in rows.iter() {
            let _ = writeln!(out, "  Give {rule}: {}", row.join(", "));
        }
    }
    if !spec.returns.is_empty() {
        out.push_str("\nReturns:\n");
        for value in spec.returns.iter() {
            let _ = writeln!(out, "  {}\n      {}", value.name, value.doc);
        }
    }
    out.push_str("\nExample:\n");
    for line in spec.example.trim_end().lines() {
        let _ = writeln!(out, "  {line}");
    }
    out
}

fn param_line(param: &ParamSpec) -> String {
    let kind = serde_json::to_value(param.kind).ok();
    let mut notes = vec![kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("raw").to_owned()];
    if param.required {
        notes.push("required".to_owned());
    }
    if let Some(default) = &param.default {
        notes.push(format!("default {default}"));
    }
    if !param.choices.is_empty() {
        notes.push(param.choices.join(" | "));
    }
    if !param.aliases.is_empty() {
        notes.push(format!("also called {}", param.aliases.join(", ")));
    }
    format!("{} ({})", param.name, notes.join("; "))
}
