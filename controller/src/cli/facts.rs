//! `luthier facts`: inspect hosts over SSH, or captured machines in folders; compare them with each other.

use super::args::{FactsArgs, FactsFormat};
use super::facts_table::FactsTable;
use super::inspect::{Subject, Wish, escaped, inspect};
use super::{CliError, ExitCode, Globals};
use crate::compare::Gathering;
use crate::output;
use crate::yaml::{Value, nearest};
use luthier_protocol::facts::KEYS;

pub(super) fn facts(args: FactsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    for key in &args.only {
        if !KEYS.contains(&key.as_str()) {
            let error = CliError::usage(format!("there is no fact `{key}`"));
            return Err(error.hint(&match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", KEYS.join(", ")),
            }));
        }
    }
    if args.outliers {
        return outliers(&args, globals);
    }
    if args.format == Some(FactsFormat::Text) {
        return Err(CliError::usage("text is a form of --outliers").hint("--format table tells a line a host"));
    }
    let format = args.format.unwrap_or(FactsFormat::Json);
    let mut table = FactsTable::default();
    // A line has no room for more than this.
    let only = if format == FactsFormat::Table && args.only.is_empty() { FactsTable::wanted() } else { args.only };
    let subject = Subject { pattern: args.pattern.as_deref(), roots: &args.root, wish: Wish::Facts(&only) };
    let code = inspect(subject, globals, &mut |host, facts| {
        let object = || serde_json::json!({"host": host, "facts": facts});
        match format {
            FactsFormat::Json => globals.screen.data(&format!("{}\n", object())),
            FactsFormat::Yaml => {
                globals.screen.data(&format!("---\n{}", crate::template::yaml_text(&Value::from_json(&object()))));
            }
            FactsFormat::Table | FactsFormat::Text => table.add(&output::escape(host), &escaped(facts)),
        }
    })?;
    if format == FactsFormat::Table {
        globals.screen.data(&table.text());
    }
    Ok(code)
}

/// What differs between hosts of one model.
fn outliers(args: &FactsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let mut gathering = Gathering::new(&args.only);
    let wanted = gathering.wanted();
    let subject = Subject { pattern: args.pattern.as_deref(), roots: &args.root, wish: Wish::Facts(&wanted) };
    let code = inspect(subject, globals, &mut |host, facts| gathering.add(&output::escape(host), &escaped(facts)))?;
    let comparison = gathering.finish();
    let asked = if globals.format() == output::Format::Json { FactsFormat::Json } else { FactsFormat::Text };
    globals.screen.data(&match args.format.unwrap_or(asked) {
        FactsFormat::Json => format!("{}\n", comparison.report()),
        FactsFormat::Yaml => crate::template::yaml_text(&Value::from_json(&comparison.report())),
        FactsFormat::Table => output::table(["HOST", "TRAIT", "HAS", "NORM", "MODEL"], &comparison.rows()),
        FactsFormat::Text => comparison.text(globals.options.verbose > 0),
    });
    Ok(code)
}
