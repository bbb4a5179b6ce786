//! The command line. It is written by the bootstrap script and by the controller, seldom by a person.

use crate::capture::capture;
use crate::catalog::catalogue;
use crate::facts;
use crate::host::Host;
use crate::serve::{Options, carry_job, serve};
use std::io::{self, Write};
use std::path::PathBuf;

const USAGE: &str = "usage: luthier-agent serve --nonce N --hash H [--install PATH] [--root DIR] [--state DIR]
       luthier-agent job --state DIR [--root DIR]
       luthier-agent facts [--root DIR] [--only KEY,KEY]
       luthier-agent capture [--root DIR] [--keep-identity yes]
       luthier-agent catalogue
       luthier-agent version
";

/// Exit code for a command line that makes no sense.
const USAGE_ERROR: u8 = 5;

/// Do what the words say; the exit code.
pub fn carry_out(words: &[String]) -> u8 {
    let mut words = words.iter().map(String::as_str);
    let command = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let allowed: &[&str] = match command {
        "serve" => &["--nonce", "--hash", "--install", "--root", "--state"],
        "facts" => &["--root", "--only"],
        "capture" => &["--root", "--keep-identity"],
        "job" => &["--root", "--state"],
        _ => &[],
    };
    let Some(flags) = flags(&rest, allowed) else { return usage() };
    let flag = |name: &str| flags.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let path = |name: &str| flag(name).map(PathBuf::from);
    match command {
        "serve" => match (flag("--nonce"), flag("--hash")) {
            (Some(nonce), Some(hash)) => serve(&Options {
                nonce: nonce.to_owned(),
                hash: hash.to_owned(),
                install: path("--install"),
                root: path("--root"),
                state: path("--state"),
            }),
            _ => usage(),
        },
        "facts" => {
            let host = path("--root").map_or_else(Host::live, |root| Host::under(&root));
            let only = flag("--only").unwrap_or_default().split(',').map(str::trim).filter(|key| !key.is_empty());
            match facts::gather(&host, &only.map(str::to_owned).collect::<Vec<_>>()) {
                Ok(facts) => json(&facts),
                Err(error) => {
                    say(&mut io::stderr(), format!("luthier-agent: failed to {error}\n").as_bytes());
                    USAGE_ERROR
                }
            }
        }
        "capture" => {
            let host = path("--root").map_or_else(Host::live, |root| Host::under(&root));
            json(&capture(&host, flag("--keep-identity") == Some("yes")))
        }
        "job" => match path("--state") {
            Some(state) => carry_job(&state, path("--root").as_deref()),
            None => usage(),
        },
        "catalogue" => json(&catalogue()),
        "version" => say(&mut io::stdout(), concat!(env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        _ => usage(),
    }
}

/// `--name value` pairs; `None` where a word is neither.
fn flags<'a>(words: &[&'a str], allowed: &[&str]) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = Vec::new();
    for pair in words.chunks(2) {
        match pair {
            [name, value] if allowed.contains(name) => found.push((*name, *value)),
            _ => return None,
        }
    }
    Some(found)
}

fn usage() -> u8 {
    say(&mut io::stderr(), USAGE.as_bytes());
    USAGE_ERROR
}

fn json(value: &impl serde::Serialize) -> u8 {
    match serde_json::to_vec_pretty(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            say(&mut io::stdout(), &bytes)
        }
        Err(error) => {
            say(&mut io::stderr(), format!("luthier-agent: failed to write JSON: {error}\n").as_bytes());
            1
        }
    }
}

/// Write and flush; 1 where nobody reads.
fn say(stream: &mut impl Write, bytes: &[u8]) -> u8 {
    u8::from(stream.write_all(bytes).and_then(|()| stream.flush()).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_flags_with_values_are_taken() {
        assert_eq!(flags(&["--root", "/x"], &["--root"]), Some(vec![("--root", "/x")]));
        assert_eq!(flags(&["--root"], &["--root"]), None);
        assert_eq!(flags(&["--boot", "/x"], &["--root"]), None);
        assert_eq!(carry_out(&["serve".to_owned()]), USAGE_ERROR);
    }
}
