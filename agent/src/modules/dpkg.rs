//! What dpkg knows of packages: its status file, read directly.

use super::ModuleError;
use super::answer::failed_to;
use crate::host::{Host, glob};
use std::collections::BTreeSet;

const STATUS: &str = "/var/lib/dpkg/status";
const EXTENDED: &str = "/var/lib/apt/extended_states";

/// One paragraph of the status file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Name.
    pub name: String,
    /// Architecture.
    pub architecture: String,
    /// Version.
    pub version: String,
    /// Section (`net`).
    pub section: String,
    /// Where the source package differs: its name.
    pub source: String,
    /// Virtual packages it stands for.
    pub provides: Vec<String>,
    /// What shall be (`install`, `hold`, `deinstall`, `purge`).
    pub selection: String,
    /// What is (`installed`, `config-files`, …).
    pub status: String,
}

impl Package {
    /// Whether it is installed and configured.
    pub(super) fn is_installed(&self) -> bool {
        self.status == "installed"
    }

    /// Whether a name, with or without an architecture, means it.
    pub(super) fn is_called(&self, name: &str) -> bool {
        match name.split_once(':') {
            Some((name, "any")) => self.name == name,
            Some((name, architecture)) => self.name == name && self.architecture == architecture,
            None => self.name == name,
        }
    }
}

/// All packages dpkg knows.
pub(super) fn packages(host: &Host) -> Result<Vec<Package>, ModuleError> {
    let bytes = host.read(STATUS).map_err(failed_to("read", STATUS))?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(text: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut package = Package::default();
        for line in paragraph.lines() {
            let Some((key, value)) = line.split_once(": ") else { continue };
            let value = value.trim();
            match key {
                "Package" => value.clone_into(&mut package.name),
                "Architecture" => value.clone_into(&mut package.architecture),
                "Version" => value.clone_into(&mut package.version),
                "Section" => value.clone_into(&mut package.section),
                "Source" => package.source = value.split(' ').next().unwrap_or_default().to_owned(),
                "Provides" => {
                    let names = value.split(',').filter_map(|entry| entry.split_whitespace().next());
                    package.provides = names.map(str::to_owned).collect();
                }
                "Status" => {
                    let mut words = value.split(' ');
                    package.selection = words.next().unwrap_or_default().to_owned();
                    package.status = words.next_back().unwrap_or_default().to_owned();
                }
                _ => {}
            }
        }
        if !package.name.is_empty() {
            packages.push(package);
        }
    }
    packages
}

/// Names of packages that came only because others needed them.
pub(super) fn automatic(host: &Host) -> BTreeSet<String> {
    let text = host.read_text(EXTENDED).unwrap_or_default();
    let field = |paragraph: &str, key: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
    };
    let automatic = |paragraph: &&str| field(paragraph, "Auto-Installed:").as_deref() == Some("1");
    let mut names = BTreeSet::new();
    // One by one: collected, they would be sorted first, by much program.
    for paragraph in text.split("\n\n").filter(automatic) {
        names.extend(field(paragraph, "Package:"));
    }
    names
}

/// A package as a task names it: `name`, `name=1.2*`, `name>=1.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// As the task has it.
    pub spec: String,
    /// Name, perhaps with an architecture.
    pub name: String,
    /// `=` or `>=` and the version.
    pub version: Option<(&'static str, String)>,
}

impl Wish {
    /// Read one.
    pub(super) fn new(spec: &str) -> Result<Self, ModuleError> {
        let spec = spec.trim();
        if spec.matches('=').count() > 1 {
            return Err(ModuleError::new(format!("invalid package spec: {spec}")));
        }
        let (name, version) = match (spec.split_once(">="), spec.split_once('=')) {
            (Some((name, version)), _) => (name, Some((">=", version.to_owned()))),
            (None, Some((name, version))) => (name, Some(("=", version.to_owned()))),
            (None, None) => (spec, None),
        };
        Ok(Self { spec: spec.to_owned(), name: name.to_owned(), version })
    }

    /// Whether a version is one the task accepts.
    pub(super) fn accepts(&self, version: &str) -> bool {
        match &self.version {
            None => true,
            Some((">=", least)) => compare(version, least) != std::cmp::Ordering::Less,
            Some((_, pattern)) => glob::matches(pattern, version),
        }
    }
}

/// Two versions in dpkg's order (`deb-version(7)`).
pub(super) fn compare(left: &str, right: &str) -> std::cmp::Ordering {
    let parts = |text: &str| {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        (epoch.parse::<u64>().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (left, right) = (parts(left), parts(right));
    left.0.cmp(&right.0).then_with(|| by_parts(&left.1, &right.1)).then_with(|| by_parts(&left.2, &right.2))
}

/// Stretches without digits in the order of letters before others and `~` before all, stretches of digits as numbers.
fn by_parts(left: &str, right: &str) -> std::cmp::Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() || !right.is_empty() {
        let (words, numbers) = (stretch(&mut left, false), stretch(&mut left, true));
        let (other_words, other_numbers) = (stretch(&mut right, false), stretch(&mut right, true));
        let weigh = |text: &str| {
            // The end sorts after `~` and before everything else.
            let mut weights: Vec<i32> = text
                .bytes()
                .map(|byte| match byte {
                    b'~' => -1,
                    byte if byte.is_ascii_alphabetic() => i32::from(byte),
                    byte => i32::from(byte) + 256,
                })
                .collect();
            weights.push(0);
            weights
        };
        let trimmed = |digits: &str| {
            let digits = digits.trim_start_matches('0');
            (digits.len(), digits.to_owned())
        };
        let order = weigh(words).cmp(&weigh(other_words)).then_with(|| trimmed(numbers).cmp(&trimmed(other_numbers)));
        if order != std::cmp::Ordering::Equal {
            return order;
        }
    }
    std::cmp::Ordering::Equal
}

/// Take the stretch of digits, or of anything else, off the front.
fn stretch<'a>(text: &mut &'a str, digits: bool) -> &'a str {
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    let (taken, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    *text = rest;
    taken
}

/// What `apt-cache policy` tells of a package.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// The package.
    pub name: String,
    /// apt's choice.
    candidate: Option<String>,
    /// What sources offer, newest first.
    versions: Vec<String>,
}

impl Policy {
    /// The version to install: apt's own choice where it is accepted, else the newest that is.
    pub(super) fn best(&self, wish: &Wish) -> Option<String> {
        let choice = self.candidate.iter().find(|version| wish.accepts(version));
        choice.or_else(|| self.versions.iter().find(|version| wish.accepts(version))).cloned()
    }
}

/// What `apt-cache policy` prints.
pub(super) fn policies(text: &str) -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    let mut version = None;
    for row in text.lines() {
        if !row.starts_with(' ') {
            let name = row.trim_end_matches(':').to_owned();
            policies.push(Policy { name, ..Policy::default() });
            continue;
        }
        let Some(policy) = policies.last_mut() else { continue };
        let trimmed = row.trim();
        if let Some(candidate) = trimmed.strip_prefix("Candidate: ") {
            policy.candidate = Some(candidate.to_owned()).filter(|text| text != "(none)");
        } else if row.starts_with("     ") && !row.starts_with("        ") || row.starts_with(" *** ") {
            version = trimmed.trim_start_matches("*** ").split(' ').next().map(str::to_owned);
        } else if row.starts_with("        ") && !trimmed.ends_with("/var/lib/dpkg/status") {
            // Offered by some source, not only installed.
            policy.versions.extend(version.take());
        }
    }
    policies
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        for (left, right, order) in [
            ("1.0", "1.0", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0-1", "1.0-1+b1", Less),
            ("1:0.1", "9.9", Greater),
            ("1.10", "1.9", Greater),
            ("1.0a", "1.0+", Less),
            ("1.0", "1.00", Equal),
            ("7.2+dfsg-7+deb12u1", "7.2+dfsg-7+deb12u12", Less),
            ("2.36-9", "2.36-10~bpo1", Less),
            ("1.0-1", "1.0", Greater),
            ("1.0~~", "1.0~", Less),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }

    #[test]
    fn paragraphs_become_packages() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1-2\nProvides: b (= 1), c\nDescription: x\n y\n\nPackage: d\nStatus: deinstall ok config-files\nVersion: 3\n";
        let packages = parse(text);
        assert_eq!(
            (packages[0].provides.as_slice(), packages[0].is_installed()),
            (["b".into(), "c".into()].as_slice(), true)
        );
        assert_eq!((packages[1].status.as_str(), packages[1].selection.as_str()), ("config-files", "deinstall"));
    }

    #[test]
    fn wishes_name_versions() {
        assert!(Wish::new("foo=1.2*").unwrap().accepts("1.2-3") && !Wish::new("foo=1.2*").unwrap().accepts("1.3"));
        assert!(Wish::new("foo>=1.10").unwrap().accepts("1.10") && !Wish::new("foo>=1.10").unwrap().accepts("1.9"));
        assert!(Wish::new("foo=1=2").is_err());
    }

    #[test]
    fn a_policy_names_what_can_be_installed() {
        let text = "hello:\n  Installed: 2.9-1\n  Candidate: 2.10-3\n  Version table:\n     2.10-3 500\n        500 http://x bookworm/main amd64 Packages\n *** 2.9-1 100\n        100 /var/lib/dpkg/status\n     2.8-1 500\n        500 http://x old/main amd64 Packages\nvirtual:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        let policies = policies(text);
        assert_eq!(policies[0].versions, ["2.10-3", "2.8-1"]);
        let best = |spec: &str| Wish::new(spec).ok().and_then(|wish| policies[0].best(&wish));
        assert_eq!(best("hello").as_deref(), Some("2.10-3"));
        assert_eq!(best("hello=2.8*").as_deref(), Some("2.8-1"));
        assert_eq!((best("hello=2.9*"), best("hello>=3")), (None, None));
        assert_eq!((policies[1].name.as_str(), &policies[1].candidate), ("virtual", &None));
    }
}
