//! OpenSSH client configuration files: `Host` and `Match` blocks, `Include`, the first value wins. Parsed once per run.

use super::SessionError;
use super::pattern;
use super::settings::expand_home;
use super::ssh_args::{Heed, heed};
use super::ssh_config_match::{self, Commands, Condition, Pass, dialled};
use super::ssh_config_words::{Word, glob, split_line};
use super::ssh_options::{Setting, SshOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How deep files may include each other.
const MAX_DEPTH: usize = 16;

/// Settings that would change where we connect to, and that are not understood.
const NOT_UNDERSTOOD: &[&str] = &["canonicalizehostname", "knownhostscommand"];

/// The configurations of a run, each read once; by the file named, `None` for the usual two.
#[derive(Default)]
pub(super) struct ConfigFiles {
    read: Mutex<HashMap<Option<String>, Loaded>>,
}

/// A configuration, or why there is none, for all hosts that use it.
type Loaded = Result<Arc<SshConfig>, SessionError>;

/// Everything that configuration files say.
#[derive(Debug, Default)]
pub struct SshConfig {
    steps: Vec<Step>,
    blocks: usize,
    wants_final: bool,
    home: PathBuf,
    commands: Commands,
    warnings: Vec<String>,
    /// Patterns of names that `IgnoreUnknown` lists, as far as the files are read.
    ignored: Vec<String>,
}

/// What is met on the way through the files.
#[derive(Debug)]
enum Step {
    /// A block begins: it holds if the one around it does (that of an `Include`) and its own condition. It is judged
    /// here and not again: what is set inside does not end it.
    Block { number: usize, outer: Option<usize>, condition: Condition },
    /// A setting, in a block or before any.
    Set { block: Option<usize>, setting: Setting },
    /// What `ssh` would heed and is not heeded here; what to tell of it where the block holds.
    Missed { block: Option<usize>, warning: String },
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
        let mut config = Self { home: home.to_path_buf(), ..Self::default() };
        for (path, required) in files {
            match read(path) {
                Ok(text) => {
                    let is_system = *path == system.join("ssh_config");
                    let base = if is_system { system.to_path_buf() } else { home.join(".ssh") };
                    let mut reader = Reader { config: &mut config, base: &base, is_system };
                    reader.file(path, &text, None, 0)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {}
                Err(error) => return Err(wrong(path, 0, (0, format!("cannot read: {error}")))),
            }
        }
        Ok(config)
    }

    /// Parse one text, without the right to include others' relative files from anywhere but `home/.ssh`.
    pub fn parse(path: &Path, text: &str, home: &Path) -> Result<Self, SessionError> {
        let mut config = Self { home: home.to_path_buf(), ..Self::default() };
        let base = home.join(".ssh");
        Reader { config: &mut config, base: &base, is_system: false }.file(path, text, None, 0)?;
        Ok(config)
    }

    /// What is written but not understood.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Add what the files say about a host to options that may hold values of higher rank already.
    pub fn fill(&self, subject: Subject<'_>, options: &mut SshOptions) -> Result<(), SessionError> {
        let (home, commands) = (self.home.as_path(), &self.commands);
        self.pass(&Pass { subject, host: subject.host, is_final: false, home, commands }, options)?;
        if self.wants_final {
            let host = dialled(options, subject.host);
            options.host_name = Some(host.replace('%', "%%"));
            self.pass(&Pass { subject, host: &host, is_final: true, home, commands }, options)?;
        }
        Ok(())
    }

    fn pass(&self, pass: &Pass<'_>, options: &mut SshOptions) -> Result<(), SessionError> {
        let mut holds = vec![false; self.blocks];
        for step in &self.steps {
            let within = |block: Option<usize>| block.is_none_or(|number| holds.get(number).copied().unwrap_or(false));
            match step {
                Step::Block { number, outer, condition } => {
                    let found = within(*outer) && pass.holds(condition, options)?;
                    if let Some(slot) = holds.get_mut(*number) {
                        *slot = found;
                    }
                }
                Step::Set { block, setting } if within(*block) => {
                    options
                        .apply(setting)
                        .map_err(|problem| SessionError::Input(format!("{}: {problem}", setting.place)))?;
                }
                Step::Missed { block, warning } if within(*block) => {
                    if !options.warnings.contains(warning) {
                        options.warnings.push(warning.clone());
                    }
                }
                Step::Set { .. } | Step::Missed { .. } => {}
            }
        }
        Ok(())
    }
}

/// A file's text. A comment may be in another encoding.
fn read(path: &Path) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// An error at a line and a column of a file.
fn wrong(path: &Path, line: usize, (column, message): (usize, String)) -> SessionError {
    SessionError::SshConfig { file: path.to_path_buf(), line, column, message }
}

struct Reader<'a> {
    config: &'a mut SshConfig,
    /// Folder of relative includes.
    base: &'a Path,
    /// It is the machine's configuration: distributions set there for everybody what is not heeded here.
    is_system: bool,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, text: &str, outer: Option<usize>, depth: usize) -> Result<(), SessionError> {
        let mut block = outer;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let at = |problem| wrong(path, number, problem);
            let Some((key, column, words)) = split_line(line).map_err(at)? else { continue };
            match key.as_str() {
                "host" => {
                    let patterns = words.into_iter().map(|(_, word)| word).collect();
                    block = Some(self.block(outer, Condition::Host(patterns)));
                }
                "match" => {
                    let parsed = ssh_config_match::parse(column, &words).map_err(at)?;
                    self.config.wants_final |= parsed.wants_final;
                    if let Some(name) = parsed.unknown {
                        self.warn(path, number, &format!("`Match {name}` is not understood; the block is passed over"));
                    }
                    block = Some(self.block(outer, parsed.condition));
                }
                "include" => self.include(path, number, &words, block, depth)?,
                _ => self.setting(path, (number, column), key, words, block)?,
            }
        }
        Ok(())
    }

    fn block(&mut self, outer: Option<usize>, condition: Condition) -> usize {
        let number = self.config.blocks;
        self.config.blocks += 1;
        self.config.steps.push(Step::Block { number, outer, condition });
        number
    }

    fn setting(
        &mut self,
        path: &Path,
        (line, column): (usize, usize),
        key: String,
        words: Vec<Word>,
        block: Option<usize>,
    ) -> Result<(), SessionError> {
        let value = words.first().map_or(column, |(at, _)| *at);
        let words: Vec<String> = words.into_iter().map(|(_, word)| word).collect();
        match heed(&key) {
            Heed::Full => {}
            Heed::Needless if key == "ignoreunknown" => {
                let names = words.iter().flat_map(|list| list.split(',')).map(|name| name.trim().to_ascii_lowercase());
                self.config.ignored.extend(names);
                return Ok(());
            }
            Heed::Needless => return Ok(()),
            Heed::Missed => {
                self.missed(path, line, &key, &words, block);
                return Ok(());
            }
            Heed::Unknown(_) if pattern::list_matches(self.config.ignored.iter().map(String::as_str), &key) => {
                return Ok(());
            }
            Heed::Unknown(near) => {
                let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
                return Err(wrong(path, line, (column, format!("ssh has no option `{key}`{near}"))));
            }
        }
        let setting = Setting { key, words, place: format!("{}:{line}:{column}", path.display()) };
        SshOptions::default().apply(&setting).map_err(|problem| wrong(path, line, (value, problem)))?;
        self.config.steps.push(Step::Set { block, setting });
        Ok(())
    }

    fn missed(&mut self, path: &Path, line: usize, key: &str, words: &[String], block: Option<usize>) {
        if matches!(words.first().map(String::as_str), Some("no" | "none")) {
            return;
        }
        if NOT_UNDERSTOOD.contains(&key) {
            self.warn(path, line, &format!("`{key}` is not understood and is passed over"));
        } else if !self.is_system {
            let warning = format!("{}:{line}: ssh option `{key}` is not heeded here", path.display());
            self.config.steps.push(Step::Missed { block, warning });
        }
    }

    fn warn(&mut self, path: &Path, line: usize, message: &str) {
        self.config.warnings.push(format!("{}:{line}: {message}", path.display()));
    }

    fn include(
        &mut self,
        path: &Path,
        line: usize,
        words: &[Word],
        block: Option<usize>,
        depth: usize,
    ) -> Result<(), SessionError> {
        for (column, word) in words {
            if depth + 1 > MAX_DEPTH {
                let message = format!("more than {MAX_DEPTH} files include each other");
                return Err(wrong(path, line, (*column, message)));
            }
            let wanted = expand_home(&self.config.home, word);
            let wanted = if wanted.is_absolute() { wanted } else { self.base.join(wanted) };
            for file in glob(&wanted) {
                match read(&file) {
                    Ok(text) => self.file(&file, &text, block, depth + 1)?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        let message = format!("cannot read {}: {error}", file.display());
                        return Err(wrong(path, line, (*column, message)));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ssh_config_tests.rs"]
mod tests;
