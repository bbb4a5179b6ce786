//! Files a task brings along: `copy` and `template` read and render on the controller, the host gets bytes.

use super::host::HostRun;
use super::outcome::Outcome;
use super::remote::Draft;
use crate::event::EventStatus;
use crate::plan::PlannedTask;
use crate::session::ContentSource;
use crate::template::{FileOptions, Place, Scope, about_file};
use luthier_protocol::{Map, Value as Json};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// The requests of a task: one, or one a file where a folder is copied.
pub fn prepare(
    walker: &HostRun,
    task: &PlannedTask,
    params: Map,
    scope: &Scope,
    place: &Place,
) -> Result<Vec<Draft>, String> {
    let module = task.entry.spec.name.to_string();
    match module.as_str() {
        "template" => template(walker, module, params, scope, place).map(|draft| vec![draft]),
        "copy" => copy(walker, module, params, place),
        "script" => script(walker, module, params, place).map(|draft| vec![draft]),
        "uri" | "unarchive" => sent_file(walker, module, params, place).map(|draft| vec![draft]),
        _ => Ok(vec![Draft { module, params, content: None, extra: Map::new() }]),
    }
}

fn text<'a>(params: &'a Map, name: &str) -> Option<&'a str> {
    params.get(name).and_then(Json::as_str)
}

/// A file named by `src`: absolute, or in `files/` or `templates/` of the role or playbook, or beside them.
fn find(name: &str, part: &str, place: &Place) -> Result<PathBuf, String> {
    let given = expand_home(name);
    if given.is_absolute() {
        return if given.exists() {
            Ok(given)
        } else {
            Err(format!("the file {name} was not found on the controller"))
        };
    }
    let mut tried = Vec::new();
    for folder in &place.search {
        for candidate in [folder.join(part).join(&given), folder.join(&given)] {
            if candidate.exists() {
                return Ok(candidate);
            }
            tried.push(candidate.display().to_string());
        }
    }
    Err(format!("the file `{name}` was not found on the controller (looked at {})", tried.join(", ")))
}

fn expand_home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(name),
    }
}

fn basename(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn template(walker: &HostRun, module: String, mut params: Map, scope: &Scope, place: &Place) -> Result<Draft, String> {
    let Some(name) = text(&params, "src") else { return Err("template needs `src`".into()) };
    let path = find(name, "templates", place)?;
    let source = match plain_file(walker, &params, path.clone())? {
        ContentSource::Bytes(plain) => plain.to_vec(),
        ContentSource::File(path) => {
            std::fs::read(&path).map_err(|error| format!("failed to read {}: {error}", path.display()))?
        }
    };
    let source = String::from_utf8(source).map_err(|_| format!("the template {} is not UTF-8", path.display()))?;
    let options = file_options(&params);
    let scope = about_file(scope, &path, name, text(&params, "dest"));
    let text = walker.run.engine.file(&source, &path, &options, &scope, place).map_err(|error| error.to_string())?;
    params.insert("_original_basename".into(), basename(&path).into());
    preserve(&mut params, &path)?;
    Ok(Draft { module, params, content: Some(ContentSource::Bytes(text.into_bytes().into())), extra: Map::new() })
}

/// The file that the first word names, decrypted where it is vaulted.
fn script(walker: &HostRun, module: String, params: Map, place: &Place) -> Result<Draft, String> {
    let line = text(&params, "cmd").or_else(|| text(&params, "_raw_params")).unwrap_or_default();
    let words = shlex::split(line).ok_or_else(|| format!("the quotes in `{line}` do not match"))?;
    let name = words.first().ok_or("script needs the name of a file")?;
    let path = find(name, "files", place)?;
    let content = plain_file(walker, &params, path)?;
    Ok(Draft { module, params, content: Some(content), extra: Map::new() })
}

/// A file of the controller, decrypted where it is vaulted and `decrypt` does not forbid it.
fn plain_file(walker: &HostRun, params: &Map, path: PathBuf) -> Result<ContentSource, String> {
    let decrypt = params.get("decrypt").and_then(Json::as_bool).unwrap_or(true);
    let inventory = walker.run.inventory.read().unwrap_or_else(PoisonError::into_inner);
    let plain = decrypt.then(|| inventory.read_vaulted(&path)).transpose().map_err(|error| error.to_string())?;
    Ok(plain.flatten().map_or(ContentSource::File(path), |plain| ContentSource::Bytes(plain.into())))
}

/// A task whose `src`, if it has any, is sent along unless it is the host's (`remote_src`) or a web server's.
fn sent_file(walker: &HostRun, module: String, params: Map, place: &Place) -> Result<Draft, String> {
    let flag = |name: &str| params.get(name).and_then(Json::as_bool);
    let remote = flag("remote_src") == Some(true) || flag("copy") == Some(false);
    let name = text(&params, "src").filter(|name| !remote && !name.contains("://"));
    let content = match name.map(|name| find(name, "files", place)).transpose()? {
        Some(path) if path.is_dir() => return Err(format!("{} is a folder: {module} needs a file", path.display())),
        Some(path) => Some(plain_file(walker, &params, path)?),
        None => None,
    };
    Ok(Draft { module, params, content, extra: Map::new() })
}

fn copy(walker: &HostRun, module: String, mut params: Map, place: &Place) -> Result<Vec<Draft>, String> {
    if params.get("remote_src").and_then(Json::as_bool) == Some(true) && params.contains_key("src") {
        return Ok(vec![Draft { module, params, content: None, extra: Map::new() }]);
    }
    if let Some(content) = params.shift_remove("content") {
        if params.contains_key("src") {
            return Err("copy takes only one of src, content".into());
        }
        // A mapping or list given as content is written as JSON, a truth value as Python shows it.
        let bytes = match content {
            Json::String(text) => text.into_bytes(),
            Json::Null => Vec::new(),
            Json::Bool(true) => b"True".to_vec(),
            Json::Bool(false) => b"False".to_vec(),
            other => crate::catalog::spaced(&other).unwrap_or_default().into_bytes(),
        };
        let content = Some(ContentSource::Bytes(bytes.into()));
        return Ok(vec![Draft { module, params, content, extra: Map::new() }]);
    }
    let Some(name) = text(&params, "src").map(str::to_owned) else {
        return Err("copy needs one of src, content".into());
    };
    let path = find(&name, "files", place)?;
    if path.is_dir() {
        return folder(walker, &module, &params, &path, name.ends_with('/'));
    }
    params.insert("_original_basename".into(), basename(&path).into());
    preserve(&mut params, &path)?;
    let content = plain_file(walker, &params, path)?;
    Ok(vec![Draft { module, params, content: Some(content), extra: Map::new() }])
}

/// The module's parameters that say how the file is rendered.
fn file_options(params: &Map) -> FileOptions {
    let mut options = FileOptions::default();
    let word = |name: &str, slot: &mut String| {
        if let Some(value) = text(params, name) {
            *slot = value.to_owned();
        }
    };
    word("block_start_string", &mut options.block_start_string);
    word("block_end_string", &mut options.block_end_string);
    word("variable_start_string", &mut options.variable_start_string);
    word("variable_end_string", &mut options.variable_end_string);
    word("comment_start_string", &mut options.comment_start_string);
    word("comment_end_string", &mut options.comment_end_string);
    // Written `\\n` in YAML without quotes, it arrives as two letters.
    if let Some(newline) = text(params, "newline_sequence") {
        options.newline_sequence = newline.replace("\\r", "\r").replace("\\n", "\n");
    }
    let flag = |name: &str, default: bool| params.get(name).and_then(Json::as_bool).unwrap_or(default);
    options.trim_blocks = flag("trim_blocks", options.trim_blocks);
    options.lstrip_blocks = flag("lstrip_blocks", options.lstrip_blocks);
    options
}

/// `mode: preserve` takes the file's own mode.
fn preserve(params: &mut Map, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    if text(params, "mode") == Some("preserve") {
        let metadata =
            std::fs::metadata(path).map_err(|error| format!("failed to read {}: {error}", path.display()))?;
        params.insert("mode".into(), format!("{:04o}", metadata.permissions().mode() & 0o7777).into());
    }
    Ok(())
}

/// A folder: its folders first, then its files. With a final `/` its content goes into `dest`, else the folder itself.
fn folder(walker: &HostRun, module: &str, params: &Map, path: &Path, content_only: bool) -> Result<Vec<Draft>, String> {
    let dest = text(params, "dest").unwrap_or_default().trim_end_matches('/').to_owned();
    let base = if content_only { dest } else { format!("{dest}/{}", basename(path)) };
    let mut drafts = vec![directory(params, &base)];
    walk(walker, path, &base, module, params, &mut drafts)?;
    Ok(drafts)
}

fn directory(params: &Map, path: &str) -> Draft {
    let mut of_directory = Map::new();
    of_directory.insert("path".into(), path.into());
    of_directory.insert("state".into(), "directory".into());
    for (from, to) in [("directory_mode", "mode"), ("owner", "owner"), ("group", "group")] {
        if let Some(value) = params.get(from) {
            of_directory.insert(to.into(), value.clone());
        }
    }
    Draft { module: "file".into(), params: of_directory, content: None, extra: Map::new() }
}

/// A link as it is, where `local_follow` says no.
fn link(params: &Map, path: &str, leads_to: &Path) -> Draft {
    let mut of_link = Map::new();
    of_link.insert("path".into(), path.into());
    of_link.insert("src".into(), leads_to.display().to_string().into());
    of_link.insert("state".into(), "link".into());
    of_link.insert("force".into(), true.into());
    of_link.insert("follow".into(), false.into());
    for name in ["owner", "group"] {
        if let Some(value) = params.get(name) {
            of_link.insert(name.into(), value.clone());
        }
    }
    Draft { module: "file".into(), params: of_link, content: None, extra: Map::new() }
}

fn walk(
    walker: &HostRun,
    path: &Path,
    dest: &str,
    module: &str,
    params: &Map,
    drafts: &mut Vec<Draft>,
) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("failed to read {}: {error}", path.display());
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(wrong)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    entries.sort();
    let follows = params.get("local_follow").and_then(Json::as_bool).unwrap_or(true);
    for entry in entries {
        let target = format!("{dest}/{}", basename(&entry));
        if !follows && let Ok(leads_to) = std::fs::read_link(&entry) {
            drafts.push(link(params, &target, &leads_to));
            continue;
        }
        if entry.is_dir() {
            drafts.push(directory(params, &target));
            walk(walker, &entry, &target, module, params, drafts)?;
            continue;
        }
        let mut of_file = params.clone();
        of_file.insert("dest".into(), target.into());
        of_file.shift_remove("directory_mode");
        preserve(&mut of_file, &entry)?;
        let content = plain_file(walker, params, entry)?;
        drafts.push(Draft { module: module.to_owned(), params: of_file, content: Some(content), extra: Map::new() });
    }
    Ok(())
}

/// One result of many requests.
pub fn merge(outcomes: Vec<Outcome>) -> Outcome {
    let worst = |status: EventStatus| outcomes.iter().find(|outcome| outcome.status == status).cloned();
    if let Some(bad) = worst(EventStatus::Unreachable).or_else(|| worst(EventStatus::Failed)) {
        return bad;
    }
    let changed = outcomes.iter().any(|outcome| outcome.status == EventStatus::Changed);
    let mut merged = outcomes.first().cloned().unwrap_or_else(|| Outcome::ok(Map::new()));
    merged.status = if changed { EventStatus::Changed } else { EventStatus::Ok };
    merged.duration_us = outcomes.iter().map(|outcome| outcome.duration_us).sum();
    merged.diff = outcomes.into_iter().flat_map(|outcome| outcome.diff).collect();
    merged
}
