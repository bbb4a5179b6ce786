//! `luthier.toml`, in the project's folder or one above it. The one door to the TOML parser.

use super::settings::{KNOWN, Raw, Settings, World, open_to_all};
use crate::yaml::{Diagnostic, Origin, nearest};
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

const NAME: &str = "luthier.toml";

/// Fills the settings from the nearest file.
pub(super) fn read(
    folder: &Path,
    settings: &mut Settings,
    world: &World<'_>,
    errors: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) {
    let Some(base) = folder.ancestors().find(|base| base.join(NAME).is_file()) else { return };
    let path = base.join(NAME);
    if open_to_all(base) {
        let said = format!("{} is passed over: anybody may write into its folder", path.display());
        warnings.push(Diagnostic::warning(None, said));
        return;
    }
    let file: Arc<Path> = path.as_path().into();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            errors.push(Diagnostic::error(None, format!("cannot read {}: {error}", path.display())));
            return;
        }
    };
    let table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or_default();
            errors.push(Diagnostic::error(Some(place(&text, span.start, &file)), error.message().trim().to_owned()));
            return;
        }
    };
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        if !KNOWN.iter().any(|known| known.name == name) {
            let said = format!("`{name}` cannot be configured");
            let error =
                Diagnostic::error(Some(place(&text, key.span().start, &file)), said).length(name.chars().count());
            errors.push(match nearest(name, KNOWN.iter().map(|known| known.name)) {
                Some(right) => error.help(format!("did you mean `{right}`?")),
                None => error.help(format!("what can: {}", KNOWN.map(|known| known.name).join(", "))),
            });
            continue;
        }
        if let Err(why) = settings.set(name, &raw(value.get_ref()), base, world) {
            let origin = place(&text, value.span().start, &file);
            let length = text.get(value.span()).map_or(0, |text| text.chars().count());
            errors.push(Diagnostic::error(Some(origin), format!("{name}: {why}")).length(length));
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::String(text.clone().into_owned()),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Int(number),
            Err(_) => Raw::Other("a number too large"),
        },
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(Raw::Other("a list of other things than text"), Raw::List)
        }
        DeValue::Float(_) => Raw::Other("a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize, file: &Arc<Path>) -> Origin {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    Origin { file: file.clone(), line: before.matches('\n').count() + 1, column }
}
