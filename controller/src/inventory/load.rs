//! From the sources of the command line to an inventory: which reader takes which source, and what stands beside it.

use super::draft::{Draft, Entry};
use super::facade::Inventory;
use super::ranges::parse_address;
use super::tree::Tree;
use super::vars::{Adjacent, read_text};
use super::{ini, script, yaml};
use crate::vault::Secrets;
use crate::yaml::{Diagnostic, Origin, Value, parse_document};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How sources are read.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Passwords for vaulted files.
    pub secrets: Secrets,
    /// How long a script may take, with all its calls.
    pub script_deadline: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { secrets: Secrets::default(), script_deadline: Duration::from_secs(120) }
    }
}

/// An inventory, and what is worth saying about it.
#[derive(Debug)]
pub struct Loaded {
    /// The inventory.
    pub inventory: Inventory,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Names in an inventory folder that are no sources.
const IGNORED_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];
const IGNORED_ENDINGS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
/// Inventory folders in inventory folders, at most.
const MAX_DEPTH: usize = 32;

impl Inventory {
    /// Reads sources: files, folders, scripts, and host lists with a comma in them.
    ///
    /// # Errors
    /// Everything in them that cannot be read or understood.
    pub fn load(sources: &[String], options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
        let mut loader =
            Loader { options, tree: Tree::default(), warnings: Vec::new(), errors: Vec::new(), folders: Vec::new() };
        for source in sources {
            loader.source(source);
        }
        let Loader { mut tree, mut warnings, mut errors, folders, .. } = loader;
        tree.settle();
        warnings.extend(tree.remarks());
        let mut adjacent = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            // What is named twice counts where it is named last.
            if folders.iter().skip(index + 1).any(|later| later == folder) {
                continue;
            }
            match Adjacent::new(folder) {
                Ok(found) => adjacent.push(found),
                Err(error) => errors.push(error),
            }
        }
        let mut inventory = Inventory::new(tree, adjacent, options.secrets.clone());
        match inventory.read_all() {
            Ok(more) => warnings.extend(more),
            Err(more) => errors.extend(more),
        }
        if errors.is_empty() { Ok(Loaded { inventory, warnings }) } else { Err(errors) }
    }
}

struct Loader<'a> {
    options: &'a LoadOptions,
    tree: Tree,
    warnings: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
    folders: Vec<PathBuf>,
}

impl Loader<'_> {
    fn source(&mut self, source: &str) {
        let path = Path::new(source);
        if source.contains(',') && !path.exists() {
            self.host_list(source);
            return;
        }
        if !path.exists() {
            let said = format!("the inventory {source} does not exist");
            self.errors.push(Diagnostic::error(None, said).help("a list of hosts has a comma in it: `-i host,`"));
            return;
        }
        let folder = if path.is_dir() { Some(path) } else { path.parent() };
        self.folders.push(match folder {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        });
        self.path(path, 0);
    }

    fn host_list(&mut self, source: &str) {
        let mut draft = Draft::default();
        for name in source.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // A range is not expanded here: it is the name.
            let (name, port) = match parse_address(name) {
                Some((host, port)) if !host.contains('[') => (host, port),
                _ => (name, None),
            };
            let (names, group) = (vec![name.to_owned()], Some("ungrouped".to_owned()));
            draft.entries.push(Entry::Hosts { names, group, port, vars: Vec::new() });
        }
        let place = Arc::new((Value::str(source), Value::Null));
        self.take(draft, &place);
    }

    fn take(&mut self, mut draft: Draft, place: &Arc<(Value, Value)>) {
        self.warnings.append(&mut draft.warnings);
        if let Err(errors) = self.tree.apply(draft, Some(place)) {
            self.errors.extend(errors);
        }
    }

    fn path(&mut self, path: &Path, depth: usize) {
        if path.is_dir() {
            self.folder(path, depth);
            return;
        }
        match self.file(path) {
            Ok(draft) => {
                let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let text = |path: &Path| Value::str(path.to_string_lossy().into_owned());
                let place = Arc::new((text(&file), file.parent().map_or(Value::Null, text)));
                self.take(draft, &place);
            }
            Err(errors) => self.errors.extend(errors),
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        let failed = |error| Diagnostic::error(None, format!("cannot read the folder {}: {error}", path.display()));
        if depth >= MAX_DEPTH {
            self.errors.push(failed(std::io::Error::other("too many folders in folders")));
            return;
        }
        let mut names = Vec::new();
        match std::fs::read_dir(path) {
            Ok(entries) => names.extend(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())),
            Err(error) => self.errors.push(failed(error)),
        }
        names.sort();
        let ignored = |name: &String| {
            name.starts_with('.')
                || IGNORED_NAMES.contains(&name.as_str())
                || IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending))
        };
        for name in names.iter().filter(|name| !ignored(name)) {
            self.path(&path.join(name), depth + 1);
        }
    }

    fn file(&self, path: &Path) -> Result<Draft, Vec<Diagnostic>> {
        let head = head(path).map_err(|error| vec![error])?;
        if script::is_program(path, &head) {
            return script::load(path, self.options.script_deadline).map_err(|error| vec![error]);
        }
        let file: Arc<Path> = path.into();
        let read = || read_text(path, &file, &self.options.secrets).map_err(|error| vec![error]);
        let known = |name: &str| self.tree.groups.contains_key(name);
        match path.extension().map(|ending| ending.to_string_lossy().into_owned()).as_deref() {
            Some("yml" | "yaml" | "json") => {
                let root = parse_document(&read()?, &file).map_err(|error| vec![error])?;
                yaml::parse(&root).map_err(|error| vec![error])
            }
            Some("toml") => {
                let origin = Origin { file: file.clone(), line: 1, column: 1 };
                Err(vec![Diagnostic::error(Some(origin), "inventories in TOML are not supported")])
            }
            Some(_) => ini::parse(&read_lines(path, &file, &self.options.secrets)?, &file, known),
            None => either(&read_lines(path, &file, &self.options.secrets)?, &file, known),
        }
    }
}

fn head(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    use std::io::Read;
    let failed = |error| Diagnostic::error(None, format!("cannot read {}: {error}", path.display()));
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(4).read_to_end(&mut head).map_err(failed)?;
    Ok(head)
}

/// A text of which comments need not be UTF-8.
fn read_lines(path: &Path, file: &Arc<Path>, secrets: &Secrets) -> Result<String, Vec<Diagnostic>> {
    match read_text(path, file, secrets) {
        Ok(text) => Ok(text),
        Err(error) => {
            let bytes = std::fs::read(path).unwrap_or_default();
            let comment = |line: &[u8]| matches!(line.trim_ascii_start().first(), Some(b'#' | b';'));
            let odd = bytes.split(|b| *b == b'\n').any(|line| !comment(line) && std::str::from_utf8(line).is_err());
            if odd || bytes.starts_with(b"$ANSIBLE_VAULT") || bytes.is_empty() {
                return Err(vec![error]);
            }
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// A file without an ending is YAML if it is a mapping, INI otherwise.
fn either(text: &str, file: &Arc<Path>, known: impl Fn(&str) -> bool) -> Result<Draft, Vec<Diagnostic>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let first = lines.next().unwrap_or_default();
    if first.is_empty() || first.starts_with('[') {
        return ini::parse(text, file, known);
    }
    let looks_yaml = first.starts_with("---") || first.starts_with(['{', '%']) || first.ends_with(':');
    match parse_document(text, file) {
        Ok(root) if root.as_map().is_some() => yaml::parse(&root).map_err(|error| vec![error]),
        Ok(_) => ini::parse(text, file, known),
        Err(error) => ini::parse(text, file, known).map_err(|errors| if looks_yaml { vec![error] } else { errors }),
    }
}
