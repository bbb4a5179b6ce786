//! `vars_files:` of a play, and the files `include_vars` reads.

use super::run::{Run, text};
use crate::playbook::Play;
use crate::template::{Place, Scope};
use crate::yaml::{self, Diagnostic, Value, ValueMap};
use std::path::Path;

/// The variables of a play's `vars_files` for one host. A list means the first file that exists. `warns`: say where none does.
pub fn read(run: &Run, play: &Play, scope: &Scope, warns: bool) -> Result<ValueMap, Diagnostic> {
    let mut all = ValueMap::new();
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let mut scope = scope.clone();
    for layer in &play.keywords.vars {
        scope.push(std::sync::Arc::clone(layer));
    }
    for written in &play.vars_files {
        let names = match &written.value {
            Value::List(items) => items.to_vec(),
            value => vec![value.clone()],
        };
        let mut found = None;
        for name in &names {
            // A name that needs facts which are not there yet stands for a file that is not there.
            let Ok(name) = run.engine.render(name, &scope, &place) else { continue };
            let path = play.file.parent().unwrap_or(Path::new("")).join(text(&name));
            if path.is_file() {
                found = Some(path);
                break;
            }
        }
        match found {
            Some(path) => all.extend(mapping(run, &path)?),
            None if !warns => {}
            None => run.warn(None, format!("{}: none of the vars_files here exists", written.origin)),
        }
    }
    Ok(all)
}

/// The mapping in a variables file; a vaulted file is decrypted.
pub fn mapping(run: &Run, path: &Path) -> Result<ValueMap, Diagnostic> {
    let inventory = run.inventory.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let node = inventory.read_vars(path)?;
    drop(inventory);
    match node {
        Value::Null => Ok(ValueMap::new()),
        Value::Map(map) => Ok((*map).clone()),
        other => {
            let origin = yaml::Origin { file: path.into(), line: 1, column: 1 };
            Err(Diagnostic::error(Some(origin), format!("variables must be a mapping, found {}", other.type_name())))
        }
    }
}
