//! OpenSSH client configuration files: `Host` and `Match` blocks, `Include`, the first value wins. Parsed once per run.

use super::SessionError;
use super::pattern;
use super::settings::expand_home;
use super::ssh_options::{Setting, SshOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How deep files may include each other.
const MAX_DEPTH: usize = 16;

/// The configurations of a run, each read once; by the file named, `None` for the usual two.
#[derive(Default)]
pub(super) struct ConfigFiles {
    read: Mutex<HashMap<Option<String>, Loaded>>,
}

/// A configuration, or why there is none, for all hosts that use it.
type Loaded = Result<Arc<SshConfig>, SessionError>;

/// Everything that configuration files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshConfig {
    rows: Vec<Row>,
    warnings: Vec<String>,
}

/// A setting and the conditions that must hold for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    conditions: Vec<Condition>,
    setting: Setting,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Host(Vec<String>),
    Match(Vec<Criterion>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Criterion {
    negated: bool,
    kind: CriterionKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CriterionKind {
    All,
    Host(String),
    OriginalHost(String),
    User(String),
    LocalUser(String),
    /// Not understood here: never holds, whether negated or not.
    Never,
}

/// The host that options are looked up for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name given.
    pub host: &'a str,
    /// User given by the inventory, if any.
    pub user: Option<&'a str>,
    /// The operator's own user name.
    pub local_user: &'a str,
}

impl ConfigFiles {
    /// The configuration a host uses: the file named, or the operator's and the machine's.
    pub(super) fn load(&self, named: Option<&str>, home: &Path, system: &Path) -> Result<Arc<SshConfig>, SessionError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let key = named.map(str::to_owned);
        if let Some(known) = read.get(&key) {
            return known.clone();
        }
        let found = match named {
            Some("none") => Ok(SshConfig::default()),
            Some(text) => SshConfig::load(&[(expand_home(home, text), true)], home, system),
            None => {
                let files = [(home.join(".ssh/config"), false), (system.join("ssh_config"), false)];
                SshConfig::load(&files, home, system)
            }
        }
        .map(Arc::new);
        read.insert(key, found.clone());
        found
    }
}

impl SshConfig {
    /// Read files in order. One that must exist (`true`) and does not is an error.
    pub fn load(files: &[(PathBuf, bool)], home: &Path, system: &Path) -> Result<Self, SessionError> {
        let mut config = Self::default();
        for (path, required) in files {
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    let base = if path.starts_with(system) { system.to_path_buf() } else { home.join(".ssh") };
                    let mut reader = Reader { config: &mut config, home, base: &base };
                    reader.file(path, &text, &[], 0)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {}
                Err(error) => return Err(wrong(path, 0, format!("cannot read: {error}"))),
            }
        }
        Ok(config)
    }

    /// Parse one text, without the right to include others' relative files from anywhere but `home/.ssh`.
    pub fn parse(path: &Path, text: &str, home: &Path) -> Result<Self, SessionError> {
        let mut config = Self::default();
        let base = home.join(".ssh");
        Reader { config: &mut config, home, base: &base }.file(path, text, &[], 0)?;
        Ok(config)
    }

    /// What is written but not understood.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Add what the files say about a host to options that may hold values of higher rank already.
    pub fn fill(&self, subject: Subject<'_>, options: &mut SshOptions) -> Result<(), SessionError> {
        for row in &self.rows {
            if row.conditions.iter().all(|condition| condition.holds(subject, options)) {
                options
                    .apply(&row.setting)
                    .map_err(|problem| SessionError::Input(format!("{}: {problem}", row.setting.place)))?;
            }
        }
        Ok(())
    }
}

impl Condition {
    fn holds(&self, subject: Subject<'_>, options: &SshOptions) -> bool {
        match self {
            Self::Host(patterns) => pattern::list_matches(patterns.iter().map(String::as_str), subject.host),
            Self::Match(criteria) => criteria.iter().all(|criterion| {
                let holds = match &criterion.kind {
                    CriterionKind::All => true,
                    CriterionKind::Never => return false,
                    CriterionKind::Host(list) => {
                        let name = options.host_name.as_deref().unwrap_or(subject.host).replace("%h", subject.host);
                        pattern::list_matches(list.split(','), &name)
                    }
                    CriterionKind::OriginalHost(list) => pattern::list_matches(list.split(','), subject.host),
                    CriterionKind::User(list) => {
                        let user = subject.user.or(options.user.as_deref()).unwrap_or(subject.local_user);
                        pattern::list_matches(list.split(','), user)
                    }
                    CriterionKind::LocalUser(list) => pattern::list_matches(list.split(','), subject.local_user),
                };
                holds != criterion.negated
            }),
        }
    }
}

fn wrong(path: &Path, line: usize, message: impl Into<String>) -> SessionError {
    SessionError::SshConfig { file: path.to_path_buf(), line, message: message.into() }
}

struct Reader<'a> {
    config: &'a mut SshConfig,
    home: &'a Path,
    /// Folder of relative includes.
    base: &'a Path,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, text: &str, outer: &[Condition], depth: usize) -> Result<(), SessionError> {
        let mut block: Option<Condition> = None;
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let Some((key, words)) = split_line(line).map_err(|message| wrong(path, line_number, message))? else {
                continue;
            };
            match key.as_str() {
                "host" => block = Some(Condition::Host(words)),
                "match" => block = Some(self.match_block(path, line_number, &words)?),
                _ => {
                    let conditions: Vec<Condition> = outer.iter().cloned().chain(block.clone()).collect();
                    if key == "include" {
                        self.include(path, line_number, &words, &conditions, depth)?;
                    } else {
                        self.setting(path, line_number, key, words, conditions)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn setting(
        &mut self,
        path: &Path,
        line: usize,
        key: String,
        words: Vec<String>,
        conditions: Vec<Condition>,
    ) -> Result<(), SessionError> {
        let setting = Setting { key, words, place: format!("{}:{line}", path.display()) };
        SshOptions::default().apply(&setting).map_err(|problem| wrong(path, line, problem))?;
        self.config.rows.push(Row { conditions, setting });
        Ok(())
    }

    fn match_block(&mut self, path: &Path, line: usize, words: &[String]) -> Result<Condition, SessionError> {
        let mut criteria = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (negated, name) = word.strip_prefix('!').map_or((false, word.as_str()), |name| (true, name));
            let lower = name.to_ascii_lowercase();
            let mut value =
                || words.next().cloned().ok_or_else(|| wrong(path, line, format!("Match {name} needs a value")));
            let kind = match lower.as_str() {
                "all" => CriterionKind::All,
                "host" => CriterionKind::Host(value()?),
                "originalhost" => CriterionKind::OriginalHost(value()?),
                "user" => CriterionKind::User(value()?),
                "localuser" => CriterionKind::LocalUser(value()?),
                "canonical" | "final" => {
                    self.not_understood(path, line, name);
                    CriterionKind::Never
                }
                "exec" | "localnetwork" | "tagged" | "command" | "version" | "sessiontype" => {
                    value()?;
                    self.not_understood(path, line, name);
                    CriterionKind::Never
                }
                _ => return Err(wrong(path, line, format!("Match does not know `{name}`"))),
            };
            criteria.push(Criterion { negated, kind });
        }
        Ok(Condition::Match(criteria))
    }

    fn not_understood(&mut self, path: &Path, line: usize, name: &str) {
        self.config
            .warnings
            .push(format!("{}:{line}: `Match {name}` is not understood; the block is passed over", path.display()));
    }

    fn include(
        &mut self,
        path: &Path,
        line: usize,
        words: &[String],
        conditions: &[Condition],
        depth: usize,
    ) -> Result<(), SessionError> {
        if depth + 1 > MAX_DEPTH {
            return Err(wrong(path, line, format!("more than {MAX_DEPTH} files include each other")));
        }
        for word in words {
            let wanted = expand_home(self.home, word);
            let wanted = if wanted.is_absolute() { wanted } else { self.base.join(wanted) };
            for file in glob(&wanted) {
                match std::fs::read_to_string(&file) {
                    Ok(text) => self.file(&file, &text, conditions, depth + 1)?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(wrong(path, line, format!("cannot read {}: {error}", file.display())));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Files that a path with `*` and `?` in its parts names, sorted.
fn glob(wanted: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in wanted.components() {
        let text = part.as_os_str().to_string_lossy();
        if !text.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if pattern::matches(&text, &name) && (text.starts_with('.') || !name.starts_with('.')) {
                    next.push(folder.join(name));
                }
            }
        }
        next.sort();
        found = next;
    }
    found
}

/// A line's key in lower case and its words; `None` for blank lines and comments.
fn split_line(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    // A command line goes to a shell as it is: its quotes are the shell's.
    let words = if key.eq_ignore_ascii_case("proxycommand") && !rest.is_empty() {
        vec![rest.to_owned()]
    } else {
        split_words(rest)?
    };
    if words.is_empty() {
        return Err(format!("{key} has no value"));
    }
    Ok(Some((key.to_ascii_lowercase(), words)))
}

/// Words with quotes (`"a b"`), a backslash before a quote, and a comment at the end.
fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                word.get_or_insert_default().extend(letters.next());
            }
            mark if quote == Some(mark) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            blank if quote.is_none() && blank.is_whitespace() => words.extend(word.take()),
            '#' if quote.is_none() && word.is_none() => break,
            other => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
#[path = "ssh_config_tests.rs"]
mod tests;
