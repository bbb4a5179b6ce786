//! `setup`: facts about the host. Tells what Ansible's module of this name tells, as far as it can be read without
//! running programs, and Luthier's own facts (`docs/facts.md`) beside it as `ansible_luthier`, that is
//! `ansible_facts.luthier`.
//!
//! Not told, because an interpreter or a program would have to say it: `ansible_python*`, `ansible_lvm`, `facter`, `ohai`.
//! Executable files of the local facts' folder are run, as by Ansible; no other program is.

use super::{Module, ModuleError, Request, Wanted};
use crate::facts::ansible::{self, BadSubset};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec, Text};
use luthier_protocol::{Map, Value};
use std::borrow::Cow;

const FACT_PATH: &str = "/etc/ansible/facts.d";

/// The module.
#[derive(Debug)]
pub struct Setup;

const fn param(name: &'static str, kind: ParamKind, default: Option<&'static str>, doc: &'static str) -> ParamSpec {
    ParamSpec {
        name: Cow::Borrowed(name),
        aliases: Cow::Borrowed(&[]),
        kind,
        required: false,
        default: match default {
            Some(text) => Some(Cow::Borrowed(text)),
            None => None,
        },
        choices: Cow::Borrowed(&[]),
        doc: Cow::Borrowed(doc),
    }
}

static ALIASES: [Text; 5] = [
    Cow::Borrowed("ansible.builtin.setup"),
    Cow::Borrowed("ansible.legacy.setup"),
    Cow::Borrowed("gather_facts"),
    Cow::Borrowed("ansible.builtin.gather_facts"),
    Cow::Borrowed("ansible.legacy.gather_facts"),
];

static PARAMS: [ParamSpec; 5] = [
    param(
        "gather_subset",
        ParamKind::List,
        Some("[all]"),
        "Which facts: `all`, `min`, `hardware`, `network`, `virtual`, `luthier` or a smaller group such as `distribution` or \
         `mounts`; `!NAME` leaves one out. The minimum is told unless `!min` is given.",
    ),
    param(
        "filter",
        ParamKind::List,
        Some("[]"),
        "Only facts whose name, with or without `ansible_`, matches one of these shell patterns.",
    ),
    param(
        "gather_timeout",
        ParamKind::Int,
        Some("10"),
        "Taken for compatibility: every group of facts has 5 seconds, a program of local facts two minutes.",
    ),
    param(
        "fact_path",
        ParamKind::Path,
        Some(FACT_PATH),
        "Folder of local facts: `*.fact` files in JSON or INI; executable ones are run and print either.",
    ),
    param("parallel", ParamKind::Bool, None, "Taken for compatibility with `gather_facts`."),
];

static RETURNS: [ReturnSpec; 1] = [ReturnSpec {
    name: Cow::Borrowed("ansible_facts"),
    doc: Cow::Borrowed(
        "The facts by name, each with the prefix `ansible_`; `ansible_luthier` has the form of docs/facts.md.",
    ),
}];

static SPEC: ModuleSpec = ModuleSpec {
    name: Cow::Borrowed("setup"),
    aliases: Cow::Borrowed(&ALIASES),
    summary: Cow::Borrowed("Gather facts about the host."),
    params: Cow::Borrowed(&PARAMS),
    free_form: None,
    mutually_exclusive: Cow::Borrowed(&[]),
    required_one_of: Cow::Borrowed(&[]),
    revertible: true,
    example: Cow::Borrowed(
        "- name: Know the processors and memory\n  ansible.builtin.setup:\n    gather_subset:\n      - '!all'\n      - hardware\n",
    ),
    returns: Cow::Borrowed(&RETURNS),
};

impl Module for Setup {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let subset = texts(request.params, "gather_subset").unwrap_or_else(|| vec!["all".to_owned()]);
        let filters = texts(request.params, "filter").unwrap_or_default();
        let fact_path = request.params.get("fact_path").and_then(Value::as_str).unwrap_or(FACT_PATH);
        let wanted = ansible::Wanted { subset: &subset, fact_path, environment: request.environment };
        let mut facts =
            ansible::collect(host, &wanted).map_err(|error: BadSubset| ModuleError::new(error.to_string()))?;
        if filters.iter().any(|filter| !filter.is_empty() && filter != "*") {
            facts.retain(|name, _| {
                let short = name.strip_prefix("ansible_").unwrap_or(name);
                filters.iter().any(|filter| matches(filter, name) || matches(filter, short))
            });
        }
        let mut result = Map::new();
        result.insert("ansible_facts".to_owned(), Value::Object(facts));
        Ok(Wanted { result, ..Wanted::default() })
    }
}

/// A list of texts; a single text counts as a list split at commas.
fn texts(params: &Map, name: &str) -> Option<Vec<String>> {
    let split = |text: &str| {
        text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect::<Vec<_>>()
    };
    let found = match params.get(name)? {
        Value::String(text) => split(text),
        Value::Array(values) => values.iter().filter_map(Value::as_str).flat_map(split).collect(),
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// Whether a name matches a shell pattern: `*`, `?`, `[a-z]`, `[!a-z]`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_at(&pattern, &name)
}

fn matches_at(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        '*' => (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|name| matches_at(rest, name))),
        '?' => name.split_first().is_some_and(|(_, name)| matches_at(rest, name)),
        '[' => match (rest.iter().skip(2).position(|letter| *letter == ']'), name.split_first()) {
            (Some(end), Some((letter, name))) => {
                let (set, rest) = rest.split_at((end + 2).min(rest.len()));
                in_set(set, *letter) && matches_at(rest.get(1..).unwrap_or_default(), name)
            }
            (None, Some((letter, name))) => match rest {
                [only, ']', rest @ ..] => only == letter && matches_at(rest, name),
                _ => *letter == '[' && matches_at(rest, name),
            },
            (_, None) => false,
        },
        letter => name.split_first().is_some_and(|(first, name)| first == letter && matches_at(rest, name)),
    }
}

fn in_set(set: &[char], letter: char) -> bool {
    let (negated, set) = match set {
        ['!' | '^', rest @ ..] => (true, rest),
        set => (false, set),
    };
    let mut rest = set;
    let mut found = false;
    while let Some((first, tail)) = rest.split_first() {
        if let ['-', last, after @ ..] = tail {
            found |= (*first..=*last).contains(&letter);
            rest = after;
        } else {
            found |= *first == letter;
            rest = tail;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use luthier_protocol::task::Revert;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn run(params: &Value) -> Result<Map, ModuleError> {
        let root = tempfile::tempdir().unwrap();
        let environment = BTreeMap::new();
        let request = Request {
            params: params.as_object().unwrap(),
            content: None,
            environment: &environment,
            revert: &Revert::Unsaid,
            prepared: false,
            said: &[],
            deadline: None,
            elapsed: std::time::Duration::ZERO,
            stop: None,
        };
        let wanted = Setup.changes(&Host::under(root.path()), &request)?;
        assert!(wanted.changes.is_empty());
        Ok(wanted.result["ansible_facts"].as_object().unwrap().clone())
    }

    #[test]
    fn filters_with_and_without_the_prefix() {
        for filter in ["ansible_distribution*", "distribution*"] {
            let facts = run(&json!({"filter": [filter]})).unwrap();
            assert!(facts.contains_key("ansible_distribution_version"), "{filter}");
            assert!(!facts.contains_key("ansible_kernel"), "{filter}");
        }
    }

    #[test]
    fn subsets_and_own_facts() {
        let facts = run(&json!({"gather_subset": ["all"]})).unwrap();
        assert_eq!(facts["ansible_luthier"]["version"], 1);
        let facts = run(&json!({"gather_subset": ["!all", "!min", "luthier"]})).unwrap();
        assert_eq!(facts.keys().collect::<Vec<_>>(), ["ansible_luthier", "gather_subset", "module_setup"]);
        assert!(run(&json!({"gather_subset": ["nonsense"]})).unwrap_err().message.contains("nonsense"));
    }

    #[test]
    fn patterns() {
        assert!(matches("ansible_*_mb", "ansible_memtotal_mb"));
        assert!(matches("e[tn][!a]?", "eth0") && matches("[a-e]th0", "eth0") && !matches("[!e]th0", "eth0"));
        assert!(!matches("eth", "eth0") && matches("[e]th0", "eth0") && matches("", ""));
    }
}
