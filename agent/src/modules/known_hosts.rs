//! `known_hosts`: one host's key in a file of known host keys, plain or hashed. See `sshd(8)`.

use super::answer::failed_to;
use super::declare::{Spec, param, returned, texts};
use super::edit::content;
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::hashes::hmac_sha1;
use crate::host::paths::parent;
use crate::host::{Host, glob, sys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The host, as it is connected to; `[host]:port` for other ports.")
        .also(texts!["host"])
        .required()
        .end(),
    param("key", ParamKind::Str, "The whole line: host, type of key, key.").end(),
    param("path", ParamKind::Path, "The file.").default("~/.ssh/known_hosts").end(),
    param("hash_host", ParamKind::Bool, "Write the host's name hashed.").default("false").end(),
    param("state", ParamKind::Str, "Whether the key shall be there; absent without a key removes all of the host.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
];

const RETURNS: &[ReturnSpec] = &[returned("name", "The host."), returned("path", "The file.")];

static SPEC: ModuleSpec = Spec {
    name: "known_hosts",
    aliases: texts!["ansible.builtin.known_hosts", "ansible.legacy.known_hosts"],
    summary: "Add a host's key to a known_hosts file, or remove it.",
    params: PARAMS,
    example: "- known_hosts:\n    name: kvm7\n    path: /etc/ssh/ssh_known_hosts\n    state: absent\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct KnownHosts;

impl Module for KnownHosts {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = request.needed("name")?.to_ascii_lowercase();
        let present = request.text("state") != Some("absent");
        let key = request.text("key").map(str::trim).filter(|key| !key.is_empty());
        if present && key.is_none() {
            return Err(ModuleError::new("No key specified when adding a host"));
        }
        let key = key.map(|key| checked(key, &name, request.flag("hash_host"))).transpose()?;
        let given = host.absolute(request.text("path").unwrap_or("~/.ssh/known_hosts"));
        let path = host.resolve(&given).map_err(failed_to("resolve", &given))?;
        let old = String::from_utf8_lossy(&content(host, &path)?.unwrap_or_default()).into_owned();
        let mut wanted = Wanted { result: request.params.clone(), ..Wanted::default() };
        wanted.result.insert("path".to_owned(), given.into());
        let Some(new) = edited(&old, &name, key.as_deref(), present) else { return Ok(wanted) };
        if host.stat(parent(&path)).map_err(failed_to("look at", &path))?.is_none() {
            return Err(ModuleError::new(format!("Failed to write to file {path}: there is no such directory")));
        }
        let new = NewContent {
            path: &path,
            content: new.into_bytes(),
            fresh: placement::new_file(host, &path, Birth::Moved),
            present: None,
            attributes: &Attributes::default(),
            backup: false,
            converges: true,
        };
        wanted.changes = placement::replace(host, new)?.0;
        Ok(wanted)
    }
}

/// A line's marker, names, type and key.
fn parts(line: &str) -> Option<(&str, &str, &str, &str)> {
    let mut words = line.split_whitespace();
    let first = words.next().filter(|word| !word.starts_with('#'))?;
    let (marker, names) = if first.starts_with('@') { (first, words.next()?) } else { ("", first) };
    Some((marker, names, words.next()?, words.next()?))
}

/// The key as a line of the file, if it is one for the host.
fn checked(key: &str, name: &str, hashed: bool) -> Result<String, ModuleError> {
    if name.contains(',') {
        return Err(ModuleError::new("Comma separated list of names is not supported: pass a single name"));
    }
    let wrong = || ModuleError::new("Host parameter does not match hashed host field in supplied key");
    let (marker, names, kind, blob) = parts(key).ok_or_else(wrong)?;
    if !is_for(names, name) && !hashed {
        return Err(wrong());
    }
    if !hashed {
        return Ok(format!("{key}\n"));
    }
    let word = sys::random_word().map_err(|error| ModuleError::new(format!("cannot make up a salt: {error}")))?;
    let salt = hmac_sha1(word.as_bytes(), name.as_bytes());
    let digest = STANDARD.encode(hmac_sha1(&salt, name.as_bytes()));
    let line = format!("{marker} |1|{}|{digest} {kind} {blob}\n", STANDARD.encode(salt));
    Ok(line.trim_start().to_owned())
}

/// Whether a line's names are about a host.
fn is_for(names: &str, name: &str) -> bool {
    if let Some((salt, digest)) = names.strip_prefix("|1|").and_then(|rest| rest.split_once('|')) {
        let salt = STANDARD.decode(salt).unwrap_or_default();
        return STANDARD.encode(hmac_sha1(&salt, name.as_bytes())) == digest;
    }
    let fits = |pattern: &str| glob::matches_any(&pattern.to_ascii_lowercase(), name);
    let denied = names.split(',').any(|pattern| pattern.strip_prefix('!').is_some_and(fits));
    // In known_hosts a bracket belongs to a port, and is no pattern.
    !denied
        && names
            .split(',')
            .any(|pattern| pattern.eq_ignore_ascii_case(name) || (!pattern.contains('[') && fits(pattern)))
}

/// The file with the key there or gone; nothing where it is so already.
fn edited(text: &str, name: &str, key: Option<&str>, present: bool) -> Option<String> {
    let ours = |line: &str| parts(line).is_some_and(|(_, names, _, _)| is_for(names, name));
    let Some(key) = key else {
        let goes = |line: &str| ours(line) && !line.starts_with('@');
        return text.lines().any(goes).then(|| text.split_inclusive('\n').filter(|line| !goes(line)).collect());
    };
    let (marker, names, kind, blob) = parts(key)?;
    let mut replaced = None;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| ours(line)) {
        let Some((other_marker, other, other_kind, other_blob)) = parts(line) else { continue };
        let same_names = other == names || (other.starts_with("|1|") && names.starts_with("|1|"));
        if (other_marker, other_kind, other_blob) == (marker, kind, blob) && same_names {
            if present {
                return None;
            }
            replaced = Some(index);
            break;
        }
        if other_marker.is_empty() && other_kind == kind {
            replaced = Some(index);
            break;
        }
    }
    if !present && replaced.is_none() {
        return None;
    }
    let kept = text.split_inclusive('\n').enumerate().filter(|(index, _)| Some(*index) != replaced);
    let mut new: String = kept.map(|(_, line)| line).collect();
    if present {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new.push_str(key);
    }
    Some(new)
}
