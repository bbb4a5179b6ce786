//! Reading values for a fact source: what fails is noted once with its key, path and reason.

use super::FactError;
use crate::host::order::sort;
use crate::host::{Attributes, Host};
use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

/// So much of a file that is read line by line a recording remembers.
const MOST_OF_LINES: usize = 64 << 20;

/// A host, a buffer and the list of what could not be read.
#[derive(Debug)]
pub struct Probe<'a> {
    /// The host.
    pub host: &'a Host,
    attributes: Attributes<'a>,
    errors: &'a mut Vec<FactError>,
}

impl<'a> Probe<'a> {
    /// A probe that notes failures in `errors`.
    pub fn new(host: &'a Host, errors: &'a mut Vec<FactError>) -> Self {
        Self { host, attributes: Attributes::new(host), errors }
    }

    /// Notes that a value could not be read; only the first time for a key.
    pub fn note(&mut self, key: &str, path: &str, reason: &str) {
        if !self.errors.iter().any(|error| error.key == key) {
            self.errors.push(FactError { key: key.to_owned(), path: path.to_owned(), reason: reason.to_owned() });
        }
    }

    /// A kernel attribute as text; a failure is noted.
    pub fn text(&mut self, key: &str, path: &str) -> Option<String> {
        match self.attributes.text(path) {
            Ok(text) => Some(text.to_owned()),
            Err(error) => {
                self.note(key, path, &reason(&error));
                None
            }
        }
    }

    /// A kernel attribute as a number; a failure is noted.
    pub fn number<T: FromStr>(&mut self, key: &str, path: &str) -> Option<T> {
        let failure = match self.attributes.text(path) {
            Ok(text) => match text.parse() {
                Ok(number) => return Some(number),
                Err(_) => format!("{:?} is not a number in range", text.chars().take(40).collect::<String>()),
            },
            Err(error) => reason(&error),
        };
        self.note(key, path, &failure);
        None
    }

    /// A whole file; a failure is noted.
    pub fn file(&mut self, key: &str, path: &str) -> Option<String> {
        match self.attributes.file(path).map(str::to_owned) {
            Ok(text) => {
                if self.attributes.is_cut() {
                    self.note(key, path, "cut at 16 MiB");
                }
                Some(text)
            }
            Err(error) => {
                self.note(key, path, &reason(&error));
                None
            }
        }
    }

    /// Every line of a file that may be too long to be kept; whether it could be opened.
    pub fn lines(&mut self, key: &str, path: &str, each: &mut dyn FnMut(&str)) -> bool {
        match self.host.pieces(path, MOST_OF_LINES) {
            Ok(pieces) => pieces.lines(each),
            Err(error) => {
                self.note(key, path, &reason(&error));
                return false;
            }
        }
        true
    }

    /// A kernel attribute whose absence says something by itself: nothing is noted.
    pub fn quiet(&mut self, path: &str) -> Option<&str> {
        self.attributes.text(path).ok()
    }

    /// A number whose absence says something by itself.
    pub fn quiet_number<T: FromStr>(&mut self, path: &str) -> Option<T> {
        self.quiet(path)?.parse().ok()
    }

    /// A whole file whose absence says something by itself.
    pub fn quiet_file(&mut self, path: &str) -> Option<&str> {
        self.attributes.file(path).ok()
    }

    /// The beginning of a file; a failure is noted.
    pub fn head(&mut self, key: &str, path: &str, length: usize) -> Option<String> {
        match self.attributes.head(path, length) {
            Ok(text) => Some(text.to_owned()),
            Err(error) => {
                self.note(key, path, &reason(&error));
                None
            }
        }
    }

    /// A whole file of any bytes, at most 16 MiB; else why it cannot be read.
    pub fn bytes(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.attributes.bytes(path).map(<[u8]>::to_vec).map_err(|error| reason(&error))
    }

    /// Names in a folder, sorted; a failure is noted.
    pub fn list(&mut self, key: &str, path: &str) -> Option<Vec<String>> {
        match self.host.list(path) {
            Ok(names) => Some(names),
            Err(error) => {
                self.note(key, path, &reason(&error));
                None
            }
        }
    }

    /// Whether a path exists.
    pub fn exists(&self, path: &str) -> bool {
        self.host.stat(path).is_ok_and(|stat| stat.is_some())
    }

    /// Every readable attribute of a folder as text, by file name.
    pub fn folder(&mut self, path: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for name in self.host.list(path).unwrap_or_default() {
            if let Some(text) = self.quiet(&format!("{path}/{name}")) {
                let text = text.to_owned();
                found.insert(name, text);
            }
        }
        found
    }
}

/// An I/O error in few words, without the number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The number behind a name's prefix: `node12` after `node` is 12.
pub fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The numbered entries of a folder, sorted by number.
pub fn numbers(names: &[String], prefix: &str) -> Vec<u32> {
    let mut found: Vec<u32> = names.iter().filter_map(|name| numbered(name, prefix)).collect();
    sort(&mut found);
    found
}

/// The size in KiB of `hugepages-2048kB`.
pub fn page_size(name: &str) -> Option<u64> {
    name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()
}

/// The chosen word of `always [madvise] never`; text without brackets is the choice itself.
pub fn chosen(text: &str) -> &str {
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some((word, _)) => word,
        None => text,
    }
}

/// The words of `always [madvise] never` without brackets.
pub fn choices(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_matches(['[', ']']).to_owned()).collect()
}

/// A field of `/proc/meminfo` (or a node's: with its `Node N ` left out) in KiB or, without a unit, as counted.
pub fn meminfo(text: &str, field: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let line = match line.strip_prefix("Node ") {
            Some(rest) => rest.split_once(' ').map_or("", |(_, field)| field),
            None => line,
        };
        let value = line.trim_start().strip_prefix(field)?.strip_prefix(':')?;
        value.split_whitespace().next()?.parse().ok()
    })
}

/// Sizes like `32K`, `1M` as KiB.
pub fn kib(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match text.get(digits.len()..)? {
        "" => Some(number / 1024),
        "K" | "k" | "KB" | "kB" => Some(number),
        "M" | "MB" => number.checked_mul(1024),
        "G" | "GB" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_forms() {
        assert_eq!(numbered("node12", "node"), Some(12));
        assert_eq!(numbered("nodes", "node"), None);
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(chosen("none"), "none");
        assert_eq!(choices("[none] mq-deadline"), ["none", "mq-deadline"]);
        assert_eq!(meminfo("Node 0 MemTotal:  12 kB\nNode 0 MemFree: 3 kB", "MemFree"), Some(3));
        assert_eq!(meminfo("MemTotal: 12 kB", "MemFree"), None);
        assert_eq!((kib("16384K"), kib("1M"), kib("x")), (Some(16384), Some(1024), None));
        assert_eq!(page_size("hugepages-1048576kB"), Some(1_048_576));
    }
}
