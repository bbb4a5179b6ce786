//! `set_fact` and `include_vars`: variables of the host for the rest of the run.

use crate::plan::PlannedTask;
use crate::rollout::host::HostRun;
use crate::rollout::memory::HostMemory;
use crate::rollout::outcome::{Outcome, SECRET};
use crate::rollout::vars_files;
use crate::template::{Place, Scope};
use crate::yaml::{Key, Value, ValueMap};
use luthier_protocol::{Map, Value as Json};
use std::path::{Path, PathBuf};

/// Any name, for the host of this memory.
pub fn set(memory: &HostMemory, mut params: Map) -> Outcome {
    let is_fact = params.shift_remove("cacheable").and_then(|value| value.as_bool()).unwrap_or(false);
    if params.is_empty() {
        return Outcome::failed("set_fact needs at least one name and value");
    }
    for (name, value) in &params {
        if !is_name(name) {
            return Outcome::failed(format!("`{name}` cannot name a variable: letters, digits and _ only"));
        }
        memory.set(name, Value::from_json(value));
    }
    if is_fact && let Value::Map(facts) = Value::from_json(&Json::Object(params.clone())) {
        memory.add_facts(&facts);
    }
    Outcome::ok(Map::new()).with("ansible_facts", Json::Object(params))
}

/// Whether a text can name a variable.
pub fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// A file, or the files of a folder.
pub fn include(walker: &HostRun, task: &PlannedTask, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let text = |name: &str| params.get(name).and_then(Json::as_str);
    let only_dir = ["files_matching", "ignore_files"].into_iter().find(|name| params.contains_key(*name));
    let files = match (text("file"), text("dir")) {
        (Some(_), Some(_)) => Err("include_vars takes a file or a dir, not both".to_owned()),
        (Some(_), None) if only_dir.is_some() => {
            Err(format!("`{}` of include_vars is about a dir, not a file", only_dir.unwrap_or_default()))
        }
        (Some(file), None) => find(file, task, place).map(|path| vec![path]),
        (None, Some(dir)) => find(dir, task, place).and_then(|path| folder(&path, task, params)),
        (None, None) => Err("include_vars needs a file or a dir".to_owned()),
    };
    let files = match files {
        Ok(files) => files,
        Err(message) => return Outcome::failed(message.clone()).with("message", message),
    };
    let mut all = ValueMap::new();
    let mut secret = false;
    for file in &files {
        secret |= std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"$ANSIBLE_VAULT;"));
        match vars_files::mapping(&walker.run, file) {
            Ok(map) => all.extend(map),
            Err(error) => return Outcome::failed(error.to_string()).with("message", error.to_string()),
        }
    }
    if let Some(name) = text("name") {
        let mut outer = ValueMap::new();
        outer.insert(Key::from(name), Value::map(all));
        all = outer;
    }
    if text("hash_behaviour") == Some("merge") {
        for (name, value) in &mut all {
            if let Some(known) = scope.get(&name.to_string()) {
                *value = merged(&known, value);
            }
        }
    }
    walker.memory.include(&all);
    let included: Vec<Json> = files.iter().map(|file| file.display().to_string().into()).collect();
    let outcome = Outcome::ok(Map::new())
        .with("ansible_facts", Value::map(all).to_json())
        .with("ansible_included_var_files", included);
    // What somebody took the trouble to encrypt is not shown.
    if secret { outcome.with(SECRET, true) } else { outcome }
}

/// Mappings are laid over each other key by key; anything else replaces.
fn merged(under: &Value, over: &Value) -> Value {
    let (Value::Map(under), Value::Map(over)) = (under, over) else { return over.clone() };
    let mut out = (**under).clone();
    for (key, value) in over.iter() {
        let value = out.get(key).map_or_else(|| value.clone(), |known| merged(known, value));
        out.insert(key.clone(), value);
    }
    Value::map(out)
}

fn find(name: &str, task: &PlannedTask, place: &Place) -> Result<PathBuf, String> {
    let given = Path::new(name);
    if given.is_absolute() {
        return if given.exists() { Ok(given.to_path_buf()) } else { Err(format!("{name} was not found")) };
    }
    let beside = task.task.file.parent().map(Path::to_path_buf);
    for folder in beside.iter().chain(&place.search) {
        for candidate in [folder.join("vars").join(given), folder.join(given)] {
            if candidate.exists() {
                return Ok(candidate);
            }
        }
    }
    Err(format!("the file `{name}` was not found"))
}

/// The variables files of a folder: folder by folder, in order of their names.
fn folder(path: &Path, task: &PlannedTask, params: &Map) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Err(format!("{} is not a directory", path.display()));
    }
    let list = |name: &str| -> Vec<String> {
        let items = params.get(name).and_then(Json::as_array);
        items
            .map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
            .unwrap_or_default()
    };
    let pattern = |text: &str| {
        fancy_regex::Regex::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
    };
    let extensions = list("extensions");
    let ignored: Vec<_> =
        list("ignore_files").iter().map(|text| pattern(&format!("{text}$"))).collect::<Result<_, _>>()?;
    let wanted = params.get("files_matching").and_then(Json::as_str).map(pattern).transpose()?;
    let passes_over = params.get("ignore_unknown_extensions").and_then(Json::as_bool).unwrap_or(false);
    let depth = params.get("depth").and_then(Json::as_u64).filter(|depth| *depth > 0).unwrap_or(u64::MAX);
    // A role's own `vars/main.yml` holds already.
    let own = task.task.role.as_ref().map(|role| role.path.join("vars/main.yml"));
    let mut found = Vec::new();
    collect(path, depth, &mut found)?;
    found.sort_by_key(|file| (file.parent().map(Path::to_path_buf), file.clone()));
    let mut files = Vec::new();
    for file in found {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let matches = |regex: &fancy_regex::Regex| regex.is_match(&name).unwrap_or(false);
        if own.as_ref() == Some(&file) || wanted.as_ref().is_some_and(|wanted| !matches(wanted)) {
            continue;
        }
        if ignored.iter().any(matches) {
            continue;
        }
        let ending = file.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
        if extensions.contains(&ending) {
            files.push(file);
        } else if !passes_over {
            let message = format!("{} does not have a valid extension: {}", file.display(), extensions.join(", "));
            return Err(message);
        }
    }
    Ok(files)
}

fn collect(path: &Path, depth: u64, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("failed to list {}: {error}", path.display());
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(wrong)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() && depth > 1 {
            collect(&entry, depth - 1, files)?;
        } else if entry.is_file() {
            files.push(entry);
        }
    }
    Ok(())
}
