//! The words that `%` letters stand for in OpenSSH's configuration files.

use sha1::{Digest, Sha1};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is known of one host when letters are replaced.
pub(super) struct Tokens<'a> {
    /// `%h`: the name to dial.
    pub(super) host: &'a str,
    /// `%n`: the name given.
    pub(super) given: &'a str,
    /// `%p`
    pub(super) port: u16,
    /// `%r`
    pub(super) user: &'a str,
    /// `%u`
    pub(super) local_user: &'a str,
    /// `%k`, unless it is the name given.
    pub(super) alias: Option<&'a str>,
    /// `%d`
    pub(super) home: &'a Path,
}

impl Tokens<'_> {
    /// Replace them; letters that stand for nothing stay.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match letters.next() {
                Some('%') | None => out.push('%'),
                Some('h') => out.push_str(self.host),
                Some('n') => out.push_str(self.given),
                Some('p') => out.push_str(&self.port.to_string()),
                Some('r') => out.push_str(self.user),
                Some('u') => out.push_str(self.local_user),
                Some('k') => out.push_str(self.alias.unwrap_or(self.given)),
                Some('d') => out.push_str(&self.home.to_string_lossy()),
                Some('C') => out.push_str(&self.connection()),
                Some(other) => match local(other) {
                    Some(word) => out.push_str(&word),
                    None => out.extend(['%', other]),
                },
            }
        }
        out
    }

    /// `%C`: a name for this connection that fits into a file name.
    fn connection(&self) -> String {
        let text = format!("{}{}{}{}", local('l').unwrap_or_default(), self.host, self.port, self.user);
        Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The letters that do not depend on the host: `%l` and `%L`, this machine's name, and `%i`, the operator's number.
pub(super) fn local(letter: char) -> Option<String> {
    let name = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    match letter {
        'l' => Some(name()),
        'L' => Some(name().split('.').next().unwrap_or_default().to_owned()),
        'i' => Some(std::fs::metadata("/proc/self").map_or(0, |meta| meta.uid()).to_string()),
        _ => None,
    }
}
