//! `find`: paths below directories that match in name, age, size, kind, mode and content.

use super::answer::failed_to;
use super::declare::{Spec, param, returned, texts};
use super::mode::Mode;
use super::pattern::{Pattern, latin1, text_pattern};
use super::{Module, ModuleError, Request, Wanted, stat};
use crate::host::hashes::Algorithm;
use crate::host::paths::join;
use crate::host::{Host, Kind, Stat, glob};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;
use std::io;

const SECOND: i64 = 1_000_000_000;

const PARAMS: &[ParamSpec] = &[
    param("paths", ParamKind::List, "Directories to look in.").also(texts!["name", "path"]).required().end(),
    param("patterns", ParamKind::List, "Shell patterns of names, or regular expressions; any of them.")
        .also(texts!["pattern"])
        .default("[]")
        .end(),
    param("excludes", ParamKind::List, "Patterns of names to pass over.").also(texts!["exclude"]).end(),
    param("contains", ParamKind::Str, "Regular expression that a line of the file must match from its start.").end(),
    param("read_whole_file", ParamKind::Bool, "Search `contains` anywhere in the whole file.").default("false").end(),
    param("file_type", ParamKind::Str, "What to find.")
        .default("file")
        .one_of(texts!["any", "directory", "file", "link"])
        .end(),
    param("age", ParamKind::Str, "At least this old (negative: at most), in seconds or with s, m, h, d, w.").end(),
    param("age_stamp", ParamKind::Str, "Which time `age` is about.")
        .default("mtime")
        .one_of(texts!["atime", "ctime", "mtime"])
        .end(),
    param("size", ParamKind::Str, "At least this large (negative: at most), in bytes or with b, k, m, g, t.").end(),
    param("recurse", ParamKind::Bool, "Look in directories below too.").default("false").end(),
    param("hidden", ParamKind::Bool, "Find names that begin with a dot.").default("false").end(),
    param("follow", ParamKind::Bool, "Go through links to directories.").default("false").end(),
    param("get_checksum", ParamKind::Bool, "Compute the checksum of each file.").default("false").end(),
    param("checksum_algorithm", ParamKind::Str, "Which checksum.")
        .also(texts!["checksum", "checksum_algo"])
        .default("sha1")
        .one_of(texts!["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
        .end(),
    param("use_regex", ParamKind::Bool, "Patterns are regular expressions.").default("false").end(),
    param("depth", ParamKind::Int, "How many levels to go down with `recurse`.").end(),
    param("mode", ParamKind::Raw, "Permission bits, octal or symbolic.").end(),
    param("exact_mode", ParamKind::Bool, "All bits of `mode`, or any of them.").default("true").end(),
    param("encoding", ParamKind::Str, "Encoding of the files that `contains` reads: UTF-8 or ISO 8859-1.").end(),
    param("limit", ParamKind::Int, "Stop after so many.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("files", "What was found: path and what `stat` tells of it."),
    returned("matched", "How many were found."),
    returned("examined", "How many paths were looked at."),
    returned("skipped_paths", "Paths that could not be looked into, with the reason."),
];

static SPEC: ModuleSpec = Spec {
    name: "find",
    aliases: texts!["ansible.builtin.find", "ansible.legacy.find"],
    summary: "Find paths by name, age, size, kind, mode or content.",
    params: PARAMS,
    example: "- find:\n    paths: /sys/devices/virtual/net\n    file_type: any\n  register: nics\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Find;

impl Module for Find {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let limit = request.int("limit");
        if let Some(limit @ ..=0) = limit {
            return Err(ModuleError::new(format!("limit cannot be {limit} (use None for unlimited)")));
        }
        let wish = Wish::of(request)?;
        let mut search = Search {
            host,
            now: host.now_ns(),
            limit: limit.and_then(|limit| usize::try_from(limit).ok()),
            recurse: request.flag("recurse"),
            follow: request.flag("follow"),
            hidden: request.flag("hidden"),
            depth: request.int("depth").filter(|depth| *depth != 0),
            wish,
            names: BTreeMap::new(),
            files: Vec::new(),
            examined: 0,
            skipped: Map::new(),
            warnings: Vec::new(),
        };
        for path in request.list("paths") {
            search.one(&path)?;
        }
        Ok(search.told())
    }
}

/// What is looked for.
struct Wish {
    names: Names,
    excludes: Option<Names>,
    contains: Option<Pattern>,
    whole: bool,
    latin1: bool,
    kind: Option<Kind>,
    age: Option<i64>,
    stamp: fn(&Stat) -> i64,
    size: Option<i64>,
    mode: Option<u32>,
    exact: bool,
    checksum: Option<Algorithm>,
}

enum Names {
    Shell(Vec<String>),
    Regex(Vec<Pattern>),
}

impl Names {
    fn of(list: Vec<String>, regex: bool) -> Result<Self, ModuleError> {
        if !regex {
            return Ok(Self::Shell(list));
        }
        let compiled: Result<Vec<Pattern>, ModuleError> = list.iter().map(|source| text_pattern(source)).collect();
        compiled.map(Self::Regex)
    }

    fn matches(&self, name: &str) -> Result<bool, ModuleError> {
        match self {
            Self::Shell(list) => Ok(list.iter().any(|pattern| glob::matches_any(pattern, name))),
            Self::Regex(list) => any(list.iter().map(|pattern| pattern.is_match_at_start(name))),
        }
    }
}

fn any(results: impl Iterator<Item = Result<bool, ModuleError>>) -> Result<bool, ModuleError> {
    for result in results {
        if result? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Wish {
    fn of(request: &Request<'_>) -> Result<Self, ModuleError> {
        let regex = request.flag("use_regex");
        let mut patterns = request.list("patterns");
        if patterns.is_empty() {
            patterns.push(if regex { ".*" } else { "*" }.to_owned());
        }
        let excludes = request.list("excludes");
        let mode = request.value("mode").filter(|mode| mode.as_str() != Some(""));
        let mode = mode.map(Mode::parse).transpose().map_err(ModuleError::new)?;
        let encoding = request.text("encoding").unwrap_or("utf-8").to_ascii_lowercase().replace(['-', '_'], "");
        let latin1 = match encoding.as_str() {
            "utf8" | "utf8sig" | "ascii" | "usascii" => false,
            "latin1" | "iso88591" | "l1" | "cp1252" | "windows1252" => true,
            _ => return Err(ModuleError::new(format!("unknown encoding: {encoding}"))),
        };
        let algorithm = match request.text("checksum_algorithm") {
            Some(name) => Algorithm::named(name),
            None => Some(Algorithm::Sha1),
        };
        Ok(Self {
            names: Names::of(patterns, regex)?,
            excludes: if excludes.is_empty() { None } else { Some(Names::of(excludes, regex)?) },
            contains: request.text("contains").map(text_pattern).transpose()?,
            whole: request.flag("read_whole_file"),
            latin1,
            kind: match request.text("file_type") {
                Some("any") => None,
                Some("directory") => Some(Kind::Directory),
                Some("link") => Some(Kind::Link),
                _ => Some(Kind::File),
            },
            age: amount(request, "age", "smhdw", &[1, 60, 3600, 86_400, 604_800])?,
            stamp: match request.text("age_stamp") {
                Some("atime") => |stat| stat.atime_ns,
                Some("ctime") => |stat| stat.ctime_ns,
                _ => |stat| stat.mtime_ns,
            },
            size: amount(request, "size", "bkmgt", &[1, 1 << 10, 1 << 20, 1 << 30, 1 << 40])?,
            mode: mode.map(|mode| mode.over(0, false, 0)),
            exact: request.unless_denied("exact_mode"),
            checksum: if request.flag("get_checksum") { algorithm } else { None },
        })
    }

    /// Whether a path is looked for.
    fn fits(&self, host: &Host, now: i64, path: &str, name: &str, stat: &Stat) -> Result<bool, ModuleError> {
        if self.kind.is_some_and(|kind| kind != stat.kind) || !self.names.matches(name)? {
            return Ok(false);
        }
        if let Some(excludes) = &self.excludes
            && excludes.matches(name)?
        {
            return Ok(false);
        }
        let beyond = |value: i64, bound: i64| if bound >= 0 { value >= bound } else { value <= -bound };
        let age = now.saturating_sub((self.stamp)(stat));
        if self.age.is_some_and(|bound| !beyond(age, bound.saturating_mul(SECOND))) {
            return Ok(false);
        }
        let size = i64::try_from(stat.size).unwrap_or(i64::MAX);
        if stat.kind == Kind::File && self.size.is_some_and(|bound| !beyond(size, bound)) {
            return Ok(false);
        }
        let bits = |mode: u32| if self.exact { stat.mode == mode } else { stat.mode & mode != 0 };
        if !self.mode.is_none_or(bits) {
            return Ok(false);
        }
        match &self.contains {
            Some(pattern) if self.kind == Some(Kind::File) => self.contained(host, path, pattern),
            _ => Ok(true),
        }
    }

    fn contained(&self, host: &Host, path: &str, pattern: &Pattern) -> Result<bool, ModuleError> {
        // A file that cannot be read holds nothing to be found.
        let Ok(bytes) = host.read(path) else { return Ok(false) };
        let text = if self.latin1 { latin1(&bytes) } else { String::from_utf8_lossy(&bytes).into_owned() };
        if self.whole {
            return pattern.is_match(&text);
        }
        any(text.split_inclusive('\n').map(|line| pattern.is_match_at_start(line)))
    }
}

/// A number with a unit, such as `-2d` or `10m`.
fn amount(request: &Request<'_>, name: &str, letters: &str, factors: &[i64]) -> Result<Option<i64>, ModuleError> {
    let Some(value) = request.value(name) else { return Ok(None) };
    let text = super::given::plain(value).to_ascii_lowercase();
    let (digits, factor) = match text.char_indices().last() {
        Some((at, letter)) if !letter.is_ascii_digit() => {
            let factor = letters.find(letter).and_then(|index| factors.get(index)).copied();
            (text.get(..at).unwrap_or_default(), factor)
        }
        _ => (text.as_str(), Some(1)),
    };
    let number = if digits.starts_with('+') { None } else { digits.parse::<i64>().ok() };
    match (number, factor) {
        (Some(number), Some(factor)) => Ok(Some(number.saturating_mul(factor))),
        _ => Err(ModuleError::new(format!("failed to process {name}")).with(name, value.clone())),
    }
}

/// A search under way.
struct Search<'a> {
    host: &'a Host,
    now: i64,
    limit: Option<usize>,
    recurse: bool,
    follow: bool,
    hidden: bool,
    depth: Option<i64>,
    wish: Wish,
    /// Names of users and groups that were looked up.
    names: BTreeMap<(bool, u32), String>,
    files: Vec<Value>,
    examined: u64,
    skipped: Map,
    warnings: Vec<String>,
}

impl Search<'_> {
    fn one(&mut self, given: &str) -> Result<(), ModuleError> {
        let path = self.host.absolute(given);
        let top = self.host.stat(&path).map_err(failed_to("look at", &path));
        let reason = match top {
            Ok(Some(stat)) if stat.kind == Kind::Directory => return self.folder(&path, 1, &mut vec![stat.inode]),
            Ok(_) => format!("'{path}' is not a directory"),
            Err(error) => error.message,
        };
        self.warnings.push(format!("Skipped '{path}' path due to this access issue: {reason}\n"));
        self.skipped.insert(path, reason.into());
        Ok(())
    }

    fn full(&self) -> bool {
        self.limit.is_some_and(|limit| self.files.len() >= limit)
    }

    /// One directory: files first, then directories, then what is in them.
    fn folder(&mut self, folder: &str, level: i64, above: &mut Vec<u64>) -> Result<(), ModuleError> {
        let names = match self.host.list(folder) {
            Ok(names) => names,
            Err(error) => {
                self.skipped.insert(folder.to_owned(), reason(&error, folder).into());
                return Ok(());
            }
        };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for name in names {
            let path = join(folder, &name);
            let leads = self.host.stat(&path).ok().flatten().filter(|stat| stat.kind == Kind::Directory);
            match leads {
                Some(stat) => folders.push((name, path, Some(stat.inode))),
                None => files.push((name, path, None)),
            }
        }
        self.examined += (files.len() + folders.len()) as u64;
        if self.depth.is_some_and(|depth| level > depth) {
            return Ok(());
        }
        for (name, path, _) in files.iter().chain(&folders) {
            if self.full() {
                return Ok(());
            }
            if !name.starts_with('.') || self.hidden {
                self.look(name, path)?;
            }
        }
        if !self.recurse {
            return Ok(());
        }
        for (_, path, inode) in &folders {
            let Some(inode) = *inode else { continue };
            let link = matches!(self.host.lstat(path), Ok(Some(stat)) if stat.kind == Kind::Link);
            // A link back to a directory on the way here would lead round for ever.
            if self.full() || (link && (!self.follow || above.contains(&inode))) {
                continue;
            }
            above.push(inode);
            self.folder(path, level + 1, above)?;
            above.pop();
        }
        Ok(())
    }

    fn look(&mut self, name: &str, path: &str) -> Result<(), ModuleError> {
        let stat = match self.host.lstat(path) {
            Ok(Some(stat)) => stat,
            Ok(None) => return Ok(()),
            Err(error) => {
                let reason = reason(&error, path);
                self.warnings.push(format!("Skipped entry '{path}' due to this access issue: {reason}\n"));
                self.skipped.insert(path.to_owned(), reason.into());
                return Ok(());
            }
        };
        if !self.wish.fits(self.host, self.now, path, name, &stat)? {
            return Ok(());
        }
        let mut told = Map::from_iter([("path".to_owned(), Value::from(path))]);
        stat::basics(&stat, &mut told);
        let group = self.name(true, stat.gid);
        told.insert("gr_name".to_owned(), group.into());
        let owner = self.name(false, stat.uid);
        told.insert("pw_name".to_owned(), owner.into());
        if let Some(algorithm) = self.wish.checksum.filter(|_| stat.kind == Kind::File) {
            let digest = self.host.digest(path, algorithm).ok();
            told.insert("checksum".to_owned(), digest.into());
        }
        self.files.push(Value::Object(told));
        Ok(())
    }

    fn name(&mut self, group: bool, id: u32) -> String {
        let host = self.host;
        let look = || if group { host.group_name(id) } else { host.account_of(id).map(|account| account.name) };
        self.names.entry((group, id)).or_insert_with(|| look().unwrap_or_default()).clone()
    }

    fn told(self) -> Wanted {
        let message = if !self.warnings.is_empty() {
            "Not all paths examined, check warnings for details"
        } else if self.full() {
            "Limit of matches reached"
        } else {
            "All paths examined"
        };
        let mut result = Map::new();
        result.insert("matched".to_owned(), self.files.len().into());
        result.insert("files".to_owned(), self.files.into());
        result.insert("msg".to_owned(), message.into());
        result.insert("examined".to_owned(), self.examined.into());
        result.insert("skipped_paths".to_owned(), self.skipped.into());
        if !self.warnings.is_empty() {
            result.insert("warnings".to_owned(), self.warnings.into());
        }
        Wanted { result, ..Wanted::default() }
    }
}

/// An error as Python words it.
fn reason(error: &io::Error, path: &str) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let words = error.to_string();
            let words = words.split(" (os error").next().unwrap_or_default();
            format!("[Errno {code}] {words}: '{path}'")
        }
        None => error.to_string(),
    }
}
