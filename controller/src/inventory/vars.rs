//! `group_vars/` and `host_vars/`: files and folders of variables beside an inventory or a playbook.

use crate::vault::{Secrets, decrypt, is_vault};
use crate::yaml::{Diagnostic, Origin, Value, ValueMap, decode, parse_document};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may stand behind a group's or host's name; what comes first hides what comes later.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];
/// Folders in folders of variables, at most.
const MAX_DEPTH: usize = 32;

/// Whose variables.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Group,
    Host,
}

/// The two folders of one place, and what was read from them.
#[derive(Debug, Clone, Default)]
pub(super) struct Adjacent {
    group_files: HashMap<String, (usize, PathBuf)>,
    host_files: HashMap<String, (usize, PathBuf)>,
    groups: HashMap<String, Arc<ValueMap>>,
    hosts: HashMap<String, Arc<ValueMap>>,
}

impl Adjacent {
    /// Looks at a place; nothing is read yet.
    pub(super) fn new(folder: &Path) -> Result<Self, Diagnostic> {
        Ok(Self {
            group_files: index(&folder.join("group_vars"))?,
            host_files: index(&folder.join("host_vars"))?,
            ..Self::default()
        })
    }

    /// Names for which there is something to read.
    pub(super) fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        match kind {
            Kind::Group => self.group_files.keys(),
            Kind::Host => self.host_files.keys(),
        }
        .map(String::as_str)
    }

    /// Reads what there is for a name, once.
    pub(super) fn read(&mut self, kind: Kind, name: &str, reader: &mut Reader<'_>) {
        let (files, known) = match kind {
            Kind::Group => (&self.group_files, &mut self.groups),
            Kind::Host => (&self.host_files, &mut self.hosts),
        };
        if let Some((_, path)) = files.get(name)
            && !known.contains_key(name)
        {
            let mut vars = ValueMap::new();
            reader.read(path, &mut vars, 0);
            known.insert(name.to_owned(), Arc::new(vars));
        }
    }

    /// The variables that were read for a name.
    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&ValueMap> {
        match kind {
            Kind::Group => self.groups.get(name),
            Kind::Host => self.hosts.get(name),
        }
        .map(|vars| &**vars)
    }
}

/// Which file or folder belongs to which name.
fn index(folder: &Path) -> Result<HashMap<String, (usize, PathBuf)>, Diagnostic> {
    let mut files = HashMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for name in listing(folder)? {
        for (rank, ending) in ENDINGS.iter().enumerate() {
            if let Some(stem) = name.strip_suffix(ending) {
                let path = folder.join(&name);
                let best = files.entry(stem.to_owned()).or_insert_with(|| (rank, path.clone()));
                if rank < best.0 {
                    *best = (rank, path);
                }
            }
        }
    }
    Ok(files)
}

/// The names in a folder, sorted.
fn listing(folder: &Path) -> Result<Vec<String>, Diagnostic> {
    let failed = |error| Diagnostic::error(None, format!("cannot read the folder {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Reads files of variables and notes what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) secrets: &'a Secrets,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        Self { secrets, errors: Vec::new(), warnings: Vec::new() }
    }

    fn read(&mut self, path: &Path, vars: &mut ValueMap, depth: usize) {
        if !path.is_dir() {
            match self.file(path) {
                Ok(more) => vars.extend(more),
                Err(error) => self.errors.push(error),
            }
            return;
        }
        if depth >= MAX_DEPTH {
            let said = format!("the folder {} lies too deep in folders of variables", path.display());
            self.errors.push(Diagnostic::error(None, said));
            return;
        }
        match listing(path) {
            Ok(names) => {
                for name in names {
                    let child = path.join(&name);
                    let ending = child.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
                    let folder = child.is_dir();
                    let wanted = match &ending {
                        None => true,
                        Some(ending) => !folder && ENDINGS.contains(&ending.as_str()),
                    };
                    if wanted && !name.starts_with('.') && !name.ends_with('~') {
                        self.read(&child, vars, depth + 1);
                    }
                }
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn file(&mut self, path: &Path) -> Result<ValueMap, Diagnostic> {
        let file: Arc<Path> = path.into();
        let text = read_text(path, &file, self.secrets)?;
        let node = parse_document(&text, &file)?;
        match node.to_value_warn(&mut self.warnings) {
            Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
            Value::Null => Ok(ValueMap::new()),
            _ => Err(node.error(format!("a file of variables is a mapping, this is a {}", node.type_name()))),
        }
    }
}

/// The text of a file, decrypted where all of it is vaulted.
pub(super) fn read_text(path: &Path, file: &Arc<Path>, secrets: &Secrets) -> Result<String, Diagnostic> {
    let bytes = std::fs::read(path)
        .map_err(|error| Diagnostic::error(None, format!("cannot read {}: {error}", path.display())))?;
    let text = decode(&bytes, file)?;
    if !text.starts_with("$ANSIBLE_VAULT;") || !is_vault(text) {
        return Ok(text.to_owned());
    }
    let origin = Origin { file: file.clone(), line: 1, column: 1 };
    let plain = decrypt(text, secrets).map_err(|error| Diagnostic::error(Some(origin), format!("cannot {error}")))?;
    Ok(decode(&plain, file)?.to_owned())
}
