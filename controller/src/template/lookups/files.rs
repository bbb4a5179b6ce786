//! Lookups of files on the controller: `file`, `template`, `fileglob`, `first_found`, `unvault`, `lines`, `pipe`.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::file::{FileOptions, about_file, split_header};
use crate::template::filters::glob;
use crate::template::interpreter::{Interpreter, place_in};
use crate::template::text;
use crate::template::val::Val;
use crate::yaml::Key;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[
    ("file", file),
    ("unvault", unvault),
    ("template", template),
    ("fileglob", fileglob),
    ("first_found", first_found),
    ("lines", lines),
    ("pipe", pipe),
];

fn here(interpreter: &Interpreter<'_>) -> Outcome<()> {
    if interpreter.engine.options.no_local {
        return Err(Fault::new("files and commands of the controller are not open to this template"));
    }
    Ok(())
}

/// Reads a file that a lookup names.
pub(super) fn read(interpreter: &Interpreter<'_>, kind: &str, name: &str) -> Outcome<(PathBuf, String)> {
    here(interpreter)?;
    let path = interpreter
        .find_file(kind, name)
        .ok_or_else(|| Fault::new(format!("could not find or access '{name}' on the controller")))?;
    let bytes = std::fs::read(&path).map_err(|error| Fault::new(format!("cannot read {}: {error}", path.display())))?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::new(format!("{} is not UTF-8 text", path.display())))?;
    if !text.starts_with("$ANSIBLE_VAULT;") {
        return Ok((path, text));
    }
    let plain = interpreter.engine.decrypted(&text);
    let plain = plain.map_err(|fault| fault.prefixed(&path.display().to_string()))?;
    Ok((path, plain.to_string()))
}

fn file(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let (left, right) = (call.flag("lstrip", false)?, call.flag("rstrip", true)?);
    let mut out = Vec::new();
    for name in call.texts(interpreter)? {
        let (_, text) = read(interpreter, "files", &name)?;
        let text = if left { text.trim_start() } else { &text };
        out.push(Val::from(if right { text.trim_end() } else { text }));
    }
    Ok(out)
}

/// A file as it is, decrypted.
fn unvault(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let names = call.texts(interpreter)?;
    names.iter().map(|name| read(interpreter, "files", name).map(|(_, text)| Val::from(text))).collect()
}

fn template(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let mut options = FileOptions::default();
    for (name, slot) in [
        ("variable_start_string", &mut options.variable_start_string),
        ("variable_end_string", &mut options.variable_end_string),
        ("comment_start_string", &mut options.comment_start_string),
        ("comment_end_string", &mut options.comment_end_string),
    ] {
        if let Some(given) = call.text(interpreter, name)? {
            *slot = given.to_string();
        }
    }
    options.trim_blocks = call.flag("trim_blocks", true)?;
    options.lstrip_blocks = call.flag("lstrip_blocks", false)?;
    let variables = call.options.take("template_vars");
    let mut out = Vec::new();
    for name in call.texts(interpreter)? {
        let (path, text) = read(interpreter, "templates", &name)?;
        let (options, body, skipped) = split_header(&text, &options)?;
        let mut scope = about_file(&interpreter.home, &path, &name, None);
        if let Some(more) = &variables {
            let mut layer = crate::yaml::ValueMap::new();
            for (key, value) in interpreter.entries(more)? {
                layer.insert(key, interpreter.finish(&value)?);
            }
            scope.push(Arc::new(layer));
        }
        let rendered = interpreter.enter(|| {
            let inner = interpreter.beneath(&scope);
            interpreter.engine.file_body(&inner, body, &options, &path)
        });
        out.push(Val::from(rendered.map_err(|fault| fault.resolve(|at| Some(place_in(&path, skipped, at))))?));
    }
    Ok(out)
}

fn fileglob(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    here(interpreter)?;
    let mut out = Vec::new();
    for pattern in call.texts(interpreter)? {
        let found = interpreter
            .candidates("files", &pattern)
            .iter()
            .map(|candidate| glob(&candidate.to_string_lossy()))
            .map(|found| found.into_iter().filter(|path| path.is_file()).collect::<Vec<_>>())
            .find(|found| !found.is_empty());
        out.extend(found.unwrap_or_default().into_iter().map(|path| Val::from(path.to_string_lossy().into_owned())));
    }
    Ok(out)
}

/// Files and folders of a term: text, a list, or a mapping with `files` and `paths`.
fn wanted(
    interpreter: &Interpreter<'_>,
    term: &Val,
    files: &mut Vec<String>,
    paths: &mut Vec<String>,
) -> Outcome<bool> {
    let split = |value: &Val| -> Outcome<Vec<String>> {
        if value.is_list() {
            return interpreter
                .items(value)?
                .iter()
                .map(|item| Ok(text::string(interpreter, item)?.to_string()))
                .collect();
        }
        let text = text::string(interpreter, value)?;
        Ok(text.split([',', ';']).map(|part| part.trim().to_owned()).collect())
    };
    let mut skip = false;
    if term.is_list() {
        for item in interpreter.items(term)? {
            skip |= wanted(interpreter, &item, files, paths)?;
        }
    } else if term.is_map() {
        let get = |name: &str| interpreter.map_get(term, &Key::from(name));
        if let Some(found) = get("files")? {
            files.extend(split(&found)?);
        }
        if let Some(found) = get("paths")? {
            paths.extend(split(&found)?);
        }
        if let Some(found) = get("skip")? {
            skip = found.truth()?;
        }
    } else if !term.is_undefined() {
        files.push(text::string(interpreter, term)?.to_string());
    }
    Ok(skip)
}

fn first_found(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    here(interpreter)?;
    let (mut files, mut paths) = (Vec::new(), Vec::new());
    let mut skip = call.flag("skip", false)?;
    for name in ["files", "paths"] {
        if let Some(given) = call.options.take(name) {
            let map = Val::map([(Key::from(name), given)].into_iter().collect());
            wanted(interpreter, &map, &mut files, &mut paths)?;
        }
    }
    for term in &call.terms {
        skip |= wanted(interpreter, term, &mut files, &mut paths)?;
    }
    let names: Vec<String> = if paths.is_empty() {
        files.clone()
    } else {
        let join = |path: &String, file: &String| Path::new(path).join(file).to_string_lossy().into_owned();
        paths.iter().flat_map(|path| files.iter().map(move |file| join(path, file))).collect()
    };
    for name in &names {
        for kind in ["files", "templates", "vars", "tasks"] {
            if let Some(found) = interpreter.find_file(kind, name) {
                return Ok(vec![Val::from(found.to_string_lossy().into_owned())]);
            }
        }
    }
    if skip {
        return Ok(Vec::new());
    }
    Err(Fault::new(format!("no file was found when using first_found among {}", names.join(", "))))
}

fn shell(interpreter: &Interpreter<'_>, command: &str) -> Outcome<String> {
    here(interpreter)?;
    let mut run = Command::new("/bin/sh");
    run.arg("-c").arg(command).stdin(Stdio::null());
    if let Some(base) = interpreter.place.base.as_deref().filter(|base| base.is_dir()) {
        run.current_dir(base);
    }
    let done = run.output().map_err(|error| Fault::new(format!("cannot run '{command}': {error}")))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(Fault::new(format!("command '{command}' ended with {}: {}", done.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn pipe(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    call.texts(interpreter)?.iter().map(|command| Ok(Val::from(shell(interpreter, command)?.trim_end()))).collect()
}

fn lines(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let mut out = Vec::new();
    for command in call.texts(interpreter)? {
        out.extend(shell(interpreter, &command)?.lines().map(Val::from));
    }
    Ok(out)
}
