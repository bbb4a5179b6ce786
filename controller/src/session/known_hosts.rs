//! known_hosts files: parsed once per run, indexed by name, judged the way OpenSSH judges them, with one difference:
//! any recorded key that matches is enough, whatever its line.

use super::error::{KeyPrint, Recorded};
use super::pattern;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files of a run, each read once.
#[derive(Default)]
pub(super) struct KnownFiles {
    files: Mutex<HashMap<PathBuf, Arc<KnownFile>>>,
    revoked: Mutex<HashMap<PathBuf, Result<Arc<KnownFile>, String>>>,
}

/// One known_hosts file.
#[derive(Debug, Default)]
pub struct KnownFile {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Entries by plain name; those with patterns or hashes are searched one by one.
    by_name: HashMap<String, Vec<usize>>,
    search: Vec<usize>,
    warnings: Vec<String>,
    /// Entries found for a name: where names are hashed, each search reckons one hash a line.
    found: Mutex<HashMap<String, Arc<[usize]>>>,
    /// Recorded during this run.
    added: Mutex<Vec<(String, Entry)>>,
}

#[derive(Debug, Clone)]
struct Entry {
    line: usize,
    names: Names,
    marker: Marker,
    algorithm: String,
    blob: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Names {
    Plain,
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Key,
    Authority,
    Revoked,
}

/// What the files say about a host and the key it offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The key is recorded.
    Trusted,
    /// The key is marked as revoked.
    Revoked {
        /// File that says so.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// Other keys are recorded.
    Changed {
        /// All of them.
        recorded: Vec<Recorded>,
    },
    /// Nothing is recorded.
    Unknown,
}

impl KnownFiles {
    /// A file, read and parsed at the first call. A file that does not exist is empty; one that cannot be read is too,
    /// with a warning.
    pub(super) fn load(&self, path: &Path) -> Arc<KnownFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Arc::clone(file);
        }
        let file = match std::fs::read(path) {
            Ok(bytes) => KnownFile::parse(path, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => KnownFile::parse(path, b""),
            Err(error) => {
                let mut file = KnownFile::parse(path, b"");
                file.warnings.push(format!("cannot read {}: {error}", path.display()));
                file
            }
        };
        let file = Arc::new(file);
        files.insert(path.to_path_buf(), Arc::clone(&file));
        file
    }
}

/// Begins a list of revoked keys in OpenSSH's binary form.
const KRL: &[u8] = b"SSHKRL\n\0";

impl KnownFiles {
    /// A file of `RevokedHostKeys`, or why it cannot be used: whoever names one relies on it.
    pub(super) fn load_revoked(&self, path: &Path) -> Result<Arc<KnownFile>, String> {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let bytes = std::fs::read(path).map_err(|error| format!("cannot read it: {error}"))?;
            KnownFile::parse_revoked(path, &bytes).map(Arc::new)
        };
        revoked.entry(path.to_path_buf()).or_insert_with(read).clone()
    }
}

impl KnownFile {
    /// Parse a list of public keys, one a line, as keys that are revoked for every host.
    fn parse_revoked(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(KRL) {
            let text =
                "it is a binary list (KRL), which is not understood here: name a file with the public keys, one a line";
            return Err(text.to_owned());
        }
        let mut file = Self { path: path.to_path_buf(), ..Self::default() };
        for (index, raw) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = index + 1;
            let text = String::from_utf8_lossy(raw);
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let parsed = parse_line(&format!("@revoked * {text}"));
            let (names, entry) = parsed.map_err(|problem| format!("line {line}: {problem}"))?;
            file.insert(names, Entry { line, ..entry });
        }
        Ok(file)
    }

    /// Parse a file's bytes. Lines that make no sense are passed over with a warning.
    pub fn parse(path: &Path, bytes: &[u8]) -> Self {
        let mut file = Self { path: path.to_path_buf(), ..Self::default() };
        for (index, raw) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = index + 1;
            let Ok(text) = std::str::from_utf8(raw) else {
                file.warn(line, "not text");
                continue;
            };
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match parse_line(text) {
                Ok((names, entry)) => file.insert(names, Entry { line, ..entry }),
                Err(problem) => file.warn(line, problem),
            }
        }
        file
    }

    fn warn(&mut self, line: usize, problem: &str) {
        self.warnings.push(format!("{}:{line}: line passed over: {problem}", self.path.display()));
    }

    fn insert(&mut self, names: Vec<String>, entry: Entry) {
        let index = self.entries.len();
        if matches!(entry.names, Names::Plain) {
            for name in names {
                self.by_name.entry(name).or_default().push(index);
            }
        } else {
            self.search.push(index);
        }
        self.entries.push(entry);
    }

    /// What was strange about the file.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Which entries are for a name, by their place: searched for once.
    fn places_of(&self, name: &str) -> Arc<[usize]> {
        let known = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(name) {
            return Arc::clone(found);
        }
        let plain = self.by_name.get(name).into_iter().flatten();
        let searched = self.search.iter().filter(|&&index| {
            self.entries.get(index).is_some_and(|entry| match &entry.names {
                Names::Plain => false,
                Names::Patterns(list) => pattern::list_matches(list.iter().map(String::as_str), name),
                Names::Hashed { salt, hash } => name_hash(salt, name) == *hash,
            })
        });
        let mut found: Vec<usize> = plain.chain(searched).copied().collect();
        found.sort_unstable();
        let found: Arc<[usize]> = found.into();
        known().insert(name.to_owned(), Arc::clone(&found));
        found
    }

    fn entries_for(&self, name: &str) -> Vec<Entry> {
        let found = self.places_of(name);
        let mut entries: Vec<Entry> = found.iter().filter_map(|&index| self.entries.get(index).cloned()).collect();
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        entries.extend(added.iter().filter(|(known, _)| known == name).map(|(_, entry)| entry.clone()));
        entries
    }

    /// Record a key at the end of the file. Only one host at a time writes to it.
    pub(super) fn record(&self, name: &str, algorithm: &str, blob: &[u8], hashed: bool) -> std::io::Result<()> {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        if added.iter().any(|(known, entry)| known == name && entry.blob == blob) {
            return Ok(());
        }
        let shown = if hashed { hashed_name(name) } else { name.to_owned() };
        append_line(&self.path, &format!("{shown} {algorithm} {}\n", STANDARD.encode(blob)))?;
        let entry = Entry {
            line: self.entries.last().map_or(0, |entry| entry.line) + added.len() + 1,
            names: Names::Plain,
            marker: Marker::Key,
            algorithm: algorithm.to_owned(),
            blob: blob.to_vec(),
        };
        added.push((name.to_owned(), entry));
        Ok(())
    }
}

/// Several files as one.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    files: Vec<Arc<KnownFile>>,
    /// How many of them, from the front, are the operator's own.
    own: usize,
    /// Files with keys that no host may offer.
    revoked: Vec<Arc<KnownFile>>,
}

impl KnownHosts {
    /// The operator's files in the order they are asked.
    pub fn new(files: Vec<Arc<KnownFile>>) -> Self {
        Self { own: files.len(), files, revoked: Vec::new() }
    }

    /// Files that are asked after those, and in which nothing is recorded.
    pub fn also(mut self, files: impl IntoIterator<Item = Arc<KnownFile>>) -> Self {
        self.files.extend(files);
        self
    }

    /// Files with keys that no host may offer.
    pub fn without(mut self, revoked: Vec<Arc<KnownFile>>) -> Self {
        self.revoked = revoked;
        self
    }

    /// The files' paths, for people.
    pub fn paths(&self) -> String {
        let paths: Vec<String> = self.files.iter().map(|file| file.path.display().to_string()).collect();
        if paths.is_empty() { "no file".to_owned() } else { paths.join(", ") }
    }

    /// What was strange about the files.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.files.iter().flat_map(|file| file.warnings())
    }

    fn rows(&self, name: &str) -> Vec<(Entry, PathBuf)> {
        let name = name.to_ascii_lowercase();
        self.files
            .iter()
            .chain(&self.revoked)
            .flat_map(|file| file.entries_for(&name).into_iter().map(|entry| (entry, file.path.clone())))
            .collect()
    }

    /// What the files say about this key of the host, by its name as [`host_name`] writes it.
    pub fn verdict(&self, name: &str, blob: &[u8]) -> Verdict {
        let rows = self.rows(name);
        if let Some((entry, file)) =
            rows.iter().find(|(entry, _)| entry.marker == Marker::Revoked && entry.blob == blob)
        {
            return Verdict::Revoked { file: file.clone(), line: entry.line };
        }
        let keys: Vec<&(Entry, PathBuf)> = rows.iter().filter(|(entry, _)| entry.marker == Marker::Key).collect();
        if keys.iter().any(|(entry, _)| entry.blob == blob) {
            return Verdict::Trusted;
        }
        if keys.is_empty() {
            return Verdict::Unknown;
        }
        let recorded = keys
            .iter()
            .map(|(entry, file)| Recorded {
                key: KeyPrint { algorithm: entry.algorithm.clone(), fingerprint: fingerprint(&entry.blob) },
                file: file.clone(),
                line: entry.line,
            })
            .collect();
        Verdict::Changed { recorded }
    }

    /// Whether this authority may sign keys of the host.
    pub fn trusts_authority(&self, name: &str, blob: &[u8]) -> bool {
        self.rows(name).iter().any(|(entry, _)| entry.marker == Marker::Authority && entry.blob == blob)
    }

    /// Whether any authority may sign keys of the host.
    pub fn has_authority(&self, name: &str) -> bool {
        self.rows(name).iter().any(|(entry, _)| entry.marker == Marker::Authority)
    }

    /// Types of the keys recorded for a host, in the files' order.
    pub fn algorithms(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (entry, _) in self.rows(name) {
            if entry.marker == Marker::Key && !found.contains(&entry.algorithm) {
                found.push(entry.algorithm);
            }
        }
        found
    }

    /// The file new keys are recorded in: the first of the operator's own.
    pub(super) fn first(&self) -> Option<&Arc<KnownFile>> {
        self.files.first().filter(|_| self.own > 0)
    }
}

/// A host as known_hosts files name it: `[host]:port` unless the port is 22.
pub fn host_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// A key's fingerprint as `ssh-keygen -l` prints it.
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

fn parse_line(text: &str) -> Result<(Vec<String>, Entry), &'static str> {
    let mut words = text.split_ascii_whitespace();
    let mut first = words.next().ok_or("empty")?;
    let mut marker = Marker::Key;
    if let Some(word) = first.strip_prefix('@') {
        marker = match word {
            "revoked" => Marker::Revoked,
            "cert-authority" => Marker::Authority,
            _ => return Err("unknown marker"),
        };
        first = words.next().ok_or("host names are missing")?;
    }
    let algorithm = words.next().ok_or("key type is missing")?;
    if algorithm.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("an SSH 1 key");
    }
    let blob = STANDARD.decode(words.next().ok_or("key is missing")?).or(Err("the key is not base64"))?;
    if key_type(&blob) != Some(algorithm.as_bytes()) {
        return Err("the key is not of the type named before it");
    }
    let (names, kind) = parse_names(first)?;
    Ok((names, Entry { line: 0, names: kind, marker, algorithm: algorithm.to_owned(), blob }))
}

fn parse_names(text: &str) -> Result<(Vec<String>, Names), &'static str> {
    if let Some(rest) = text.strip_prefix("|1|") {
        let (salt, hash) = rest.split_once('|').ok_or("hashed name without a hash")?;
        let salt = STANDARD.decode(salt).or(Err("the hashed name is not base64"))?;
        let hash = STANDARD.decode(hash).or(Err("the hashed name is not base64"))?;
        return Ok((Vec::new(), Names::Hashed { salt, hash }));
    }
    if text.starts_with('|') {
        return Err("unknown kind of hashed name");
    }
    let names: Vec<String> = text.split(',').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
    if names.is_empty() {
        return Err("host names are missing");
    }
    if names.iter().any(|name| name.contains(['*', '?', '!'])) {
        return Ok((Vec::new(), Names::Patterns(names)));
    }
    Ok((names, Names::Plain))
}

/// The type a key's own bytes name: a length and that many bytes.
fn key_type(blob: &[u8]) -> Option<&[u8]> {
    let (head, rest) = blob.split_first_chunk::<4>()?;
    rest.get(..u32::from_be_bytes(*head) as usize)
}

fn name_hash(salt: &[u8], name: &str) -> Vec<u8> {
    // HMAC takes a key of any length.
    Hmac::<Sha1>::new_from_slice(salt)
        .map(|mac| mac.chain_update(name.as_bytes()).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

fn hashed_name(name: &str) -> String {
    let salt: [u8; 20] = rand::random();
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(name_hash(&salt, name)))
}

fn append_line(path: &Path, line: &str) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut text = String::new();
    // An editor may have left the last line without its end.
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0_u8; 1];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    text.push_str(line);
    file.write_all(text.as_bytes())
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
