//! `os`: the release file, `os-release(5)`.

use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::Host;
use crate::host::order::map;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use std::collections::BTreeMap;

const PATHS: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// The source of `os`.
#[derive(Debug)]
pub struct Os;

impl FactSource for Os {
    fn key(&self) -> &'static str {
        "os"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let fields = release(host);
        let mut os = luthier_protocol::facts::Os {
            id: fields.get("ID").cloned(),
            id_like: fields
                .get("ID_LIKE")
                .map(|text| text.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            name: fields.get("PRETTY_NAME").or_else(|| fields.get("NAME")).cloned(),
            version_id: fields.get("VERSION_ID").cloned(),
            codename: fields.get("VERSION_CODENAME").cloned(),
            family: None,
        };
        os.family = os.id.iter().chain(&os.id_like).find_map(|id| family(id)).map(str::to_owned);
        let mut probe = Probe::new(host, errors);
        let missing = [
            ("os.id", os.id.is_none()),
            ("os.name", os.name.is_none()),
            ("os.version_id", os.version_id.is_none()),
            ("os.codename", os.codename.is_none()),
        ];
        for (key, _) in missing.iter().filter(|(_, missing)| *missing) {
            probe.note(key, PATHS[0], if fields.is_empty() { "no such file" } else { "the file does not say" });
        }
        os.value()
    }
}

/// The fields of the first release file there is; empty without one.
pub fn release(host: &Host) -> BTreeMap<String, String> {
    let text = PATHS.iter().find_map(|path| host.read_text(path).ok()).unwrap_or_default();
    assignments(&text)
}

/// Lines `NAME=value` as a shell would read them: quotes and backslashes removed, comments left out.
pub fn assignments(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    map(lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), unquote(value))))
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    plain
}

fn family(id: &str) -> Option<&'static str> {
    let family = match id {
        "debian" | "ubuntu" => "debian",
        "rhel" | "fedora" | "centos" | "rocky" | "almalinux" | "ol" | "amzn" => "rhel",
        "suse" | "sles" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" => "suse",
        "alpine" => "alpine",
        "arch" => "arch",
        "gentoo" => "gentoo",
        _ => return None,
    };
    Some(family)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_derived_distribution() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let text = "# c\nNAME=\"Pop!_OS\"\nID=pop\nID_LIKE=\"ubuntu debian\"\nVERSION_ID='22.04'\nPRETTY_NAME=\"Pop \\\"22\\\"\"\n";
        std::fs::write(root.path().join("etc/os-release"), text).unwrap();
        let mut errors = Vec::new();
        let os = Os.read(&Host::under(root.path()), &mut errors);
        assert_eq!(os["family"], "debian");
        assert_eq!(os["name"], "Pop \"22\"");
        assert_eq!(os["version_id"], "22.04");
        assert_eq!(errors[0].key, "os.codename");
    }
}
