//! `authorized_key`: a user's public keys in the file that `sshd` reads. See `sshd(8)`.

use super::answer::failed_to;
use super::declare::{Spec, param, returned, texts};
use super::edit::content;
use super::ownership::{Asked, Attributes};
use super::placement::{self, Birth, NewContent};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use crate::host::order::sort_by;
use crate::host::paths::{join, parent};
use luthier_protocol::Value;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const PARAMS: &[ParamSpec] = &[
    param("user", ParamKind::Str, "Whose keys.").required().end(),
    param("key", ParamKind::Str, "Public keys, one a line.").required().end(),
    param("path", ParamKind::Path, "The file; ~/.ssh/authorized_keys of the user when not given.").end(),
    param("manage_dir", ParamKind::Bool, "Make the directory, and give it to the user.").default("true").end(),
    param("state", ParamKind::Str, "Whether the keys shall be there.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("key_options", ParamKind::Str, "Options before the key.").end(),
    param("exclusive", ParamKind::Bool, "Other keys go.").default("false").end(),
    param("comment", ParamKind::Str, "Comment behind the key.").end(),
    param("follow", ParamKind::Bool, "Write to what a link leads to.").default("false").end(),
    param("validate_certs", ParamKind::Bool, "Accepted; keys are not fetched.").default("true").end(),
];

const RETURNS: &[ReturnSpec] = &[returned("keyfile", "The file."), returned("user", "The user.")];

static SPEC: ModuleSpec = Spec {
    name: "authorized_key",
    aliases: texts!["ansible.posix.authorized_key", "ansible.builtin.authorized_key", "ansible.legacy.authorized_key"],
    summary: "Let a public key log in as a user, or no longer.",
    params: PARAMS,
    example: "- ansible.posix.authorized_key:\n    user: root\n    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPb2 op@desk\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct AuthorizedKey;

impl Module for AuthorizedKey {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let user = request.needed("user")?;
        let account = host.account(user);
        let account = account.ok_or_else(|| ModuleError::new(format!("Failed to lookup user {user}: no such user")))?;
        let home = join(&join(&account.home, ".ssh"), "authorized_keys");
        let file = request.text("path").map_or(home, |path| host.absolute(path));
        let path = if request.flag("follow") {
            host.resolve(&file).map_err(failed_to("resolve", &file))?
        } else {
            file.clone()
        };
        let old = String::from_utf8_lossy(&content(host, &path)?.unwrap_or_default()).into_owned();
        let mut wanted = Wanted { result: request.params.clone(), ..Wanted::default() };
        wanted.result.insert("keyfile".to_owned(), file.as_str().into());
        let Some(new) = edited(&old, request)? else { return Ok(wanted) };
        let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
        let owned = |mode: u32| {
            let mode = Value::from(mode);
            Attributes::of(host, Asked { mode: Some(&mode), owner: Some(&uid), group: Some(&gid), ..Asked::default() })
        };
        let folder = parent(&file);
        if host.stat(folder).map_err(failed_to("look at", folder))?.is_none() {
            if host.stat(parent(folder)).map_err(failed_to("look at", folder))?.is_none() {
                return Err(ModuleError::new(format!(
                    "Failed to create directory {folder} : there is nothing above it"
                )));
            }
            wanted.changes = placement::missing_directories(host, folder, &owned(0o700)?)?;
        } else if request.unless_denied("manage_dir") {
            wanted.changes.extend(placement::attributes_change(host, folder, &owned(0o700)?, None)?);
        }
        let new = NewContent {
            path: &path,
            content: new.into_bytes(),
            fresh: placement::new_file(host, &path, Birth::Moved),
            present: None,
            attributes: &owned(0o600)?,
            backup: false,
            converges: false,
        };
        wanted.changes.extend(placement::replace(host, new)?.0);
        Ok(wanted)
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    /// What it is told by: the key itself, or the whole line where it is none.
    id: String,
    /// Type, options and comment; nothing where the line is no key.
    rest: Option<(String, Vec<String>, String)>,
    rank: usize,
}

impl Key {
    fn line(&self) -> String {
        let Some((kind, options, comment)) = &self.rest else { return format!("{}\n", self.id.trim_end_matches('\n')) };
        let options = if options.is_empty() { String::new() } else { format!("{} ", options.join(",")) };
        format!("{options}{kind} {} {comment}\n", self.id)
    }

    /// The same key, type, options (in any order) and comment.
    fn same(&self, other: &Self) -> bool {
        let sorted = |key: &Self| {
            key.rest.clone().map(|(kind, mut options, comment)| {
                options.sort();
                (kind, options, comment)
            })
        };
        self.id == other.id && sorted(self) == sorted(other)
    }
}

fn is_type(word: &str) -> bool {
    let bare = word.strip_suffix("-cert-v01@openssh.com").or_else(|| word.strip_suffix("@openssh.com")).unwrap_or(word);
    let bare = bare.strip_prefix("webauthn-").unwrap_or(bare);
    let bare = bare.strip_prefix("sk-").unwrap_or(bare);
    const KINDS: &[&str] = &[
        "ssh-ed25519",
        "ssh-rsa",
        "ssh-dss",
        "ssh-xmss",
        "rsa-sha2-256",
        "rsa-sha2-512",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
    ];
    KINDS.contains(&bare)
}

/// Options, split at commas that are not within quotes.
fn options(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (None, ',') => {
                parts.push(String::new());
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn parsed(line: &str, rank: usize) -> Option<Key> {
    let line = line.replace("\\#", "#");
    let words: Vec<&str> = line.split_whitespace().collect();
    if line.starts_with('#') {
        return None;
    }
    let at = words.iter().position(|word| is_type(word))?;
    let id = (*words.get(at + 1)?).to_owned();
    let before = words.get(..at).unwrap_or_default().join(" ");
    let comment = words.get(at + 2..).unwrap_or_default().join(" ");
    Some(Key { id, rest: Some(((*words.get(at)?).to_owned(), options(&before), comment)), rank })
}

/// The file with the keys there or gone; nothing where it is so already.
fn edited(text: &str, request: &Request<'_>) -> Result<Option<String>, ModuleError> {
    let given = request.needed("key")?;
    if given.starts_with("http") {
        return Err(ModuleError::new(format!("cannot fetch keys from {given}: give the keys themselves")));
    }
    let mut keys: Vec<Key> = Vec::new();
    for (rank, line) in text.split_inclusive('\n').enumerate() {
        let key = parsed(line, rank).unwrap_or_else(|| Key { id: line.to_owned(), rest: None, rank });
        keys.retain(|other| other.id != key.id);
        keys.push(key);
    }
    let present = request.text("state") != Some("absent");
    let (first, mut changed) = (keys.len(), false);
    let mut wanted_ids = Vec::new();
    for (rank, line) in given.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).enumerate() {
        let invalid = || ModuleError::new(format!("invalid key specified: {line}"));
        let mut key = parsed(line, first + rank).ok_or_else(invalid)?;
        if let Some((_, own, comment)) = &mut key.rest {
            if let Some(text) = request.text("key_options") {
                *own = options(text);
            }
            if let Some(text) = request.text("comment") {
                text.clone_into(comment);
            }
        }
        wanted_ids.push(key.id.clone());
        let there = keys.iter().position(|other| other.id == key.id);
        match there {
            Some(index) if !present => {
                keys.remove(index);
                changed = true;
            }
            Some(index) if keys.get(index).is_some_and(|other| other.same(&key)) => {}
            None if !present => {}
            there => {
                there.map(|index| keys.remove(index));
                keys.push(key);
                changed = true;
            }
        }
    }
    if present && request.flag("exclusive") {
        let before = keys.len();
        keys.retain(|key| wanted_ids.contains(&key.id));
        changed |= keys.len() != before;
    }
    sort_by(&mut keys, |left, right| left.rank > right.rank);
    Ok(changed.then(|| keys.iter().map(Key::line).collect()))
}
