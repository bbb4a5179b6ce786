//! `getent`: entries of a name database (`passwd`, `hosts`, …) as facts, by the host's own `getent`.

use super::declare::{Spec, param, returned, texts};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// Databases whose fields are separated by colons.
const COLONS: &[&str] = &["passwd", "shadow", "group", "gshadow"];
/// More than this is not kept of a program's answer: it may be cut off.
const MOST: usize = 1024 * 1024;

const PARAMS: &[ParamSpec] = &[
    param("database", ParamKind::Str, "The database: passwd, group, hosts, services, …").required().end(),
    param("key", ParamKind::Str, "The entry; all of them when not given.").end(),
    param("service", ParamKind::Str, "Where to look instead of what nsswitch.conf says.").end(),
    param("split", ParamKind::Str, "What separates fields; `:` for passwd and group, blanks for others.").end(),
    param("fail_key", ParamKind::Bool, "Fail where the entry is missing; otherwise it is null.").default("true").end(),
];

const RETURNS: &[ReturnSpec] =
    &[returned("ansible_facts", "`getent_DATABASE`: a mapping of each entry's first field to the list of the others.")];

static SPEC: ModuleSpec = Spec {
    name: "getent",
    aliases: texts!["ansible.builtin.getent", "ansible.legacy.getent"],
    summary: "Read entries of a name database into facts.",
    params: PARAMS,
    example: "- getent:\n    database: group\n    key: kvm\n    fail_key: false\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Getent;

impl Module for Getent {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let database = request.needed("database")?;
        let key = request.text("key");
        let service = request.text("service").map(|service| ["-s", service]);
        let words = ["getent", database].into_iter().chain(key).chain(service.into_iter().flatten());
        let argv: Vec<String> = words.map(str::to_owned).collect();
        let answer = host.query(&argv).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ModuleError::new("Failed to find required executable \"getent\" in paths"),
            _ => ModuleError::new(format!("cannot run getent: {error}")),
        })?;
        if answer.stdout.len() >= MOST {
            return Err(ModuleError::new(format!("{database} has more than {MOST} bytes of entries: name a key")));
        }
        let mut result = Map::new();
        let (found, message) = match answer.rc {
            0 => {
                let colon = COLONS.contains(&database).then_some(":");
                (table(&answer.stdout, request.text("split").or(colon)), None)
            }
            2 => {
                let missing = Map::from_iter([(key.unwrap_or_default().to_owned(), Value::Null)]);
                (missing, Some("One or more supplied key could not be found in the database."))
            }
            1 => (Map::new(), Some("Missing arguments, or database unknown.")),
            3 => (Map::new(), Some("Enumeration not supported on this database.")),
            _ => (Map::new(), Some("Unexpected failure!")),
        };
        if let Some(message) = message {
            if answer.rc != 2 || request.unless_denied("fail_key") {
                return Err(ModuleError::new(message));
            }
            result.insert("msg".to_owned(), message.into());
        }
        let facts = Map::from_iter([(format!("getent_{database}"), Value::Object(found))]);
        result.insert("ansible_facts".to_owned(), facts.into());
        Ok(Wanted { result, ..Wanted::default() })
    }
}

/// Each line's fields below its first; a key with several lines has a list of them.
fn table(text: &str, separator: Option<&str>) -> Map {
    let mut table = Map::new();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = match separator {
            Some(separator) if !separator.is_empty() => line.split(separator).collect(),
            _ => line.split_whitespace().collect(),
        };
        let Some((key, rest)) = fields.split_first() else { continue };
        let rest: Value = rest.to_vec().into();
        let times = seen.entry(key).or_default();
        *times += 1;
        match (*times, table.get_mut(*key)) {
            (2, Some(first)) => *first = vec![first.take(), rest].into(),
            (3.., Some(Value::Array(rows))) => rows.push(rest),
            _ => drop(table.insert((*key).to_owned(), rest)),
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_become_lists_under_their_first_field() {
        let passwd = table("root:x:0:0:root:/root:/bin/sh\nkvm:x:7:7::/:\n", Some(":"));
        assert_eq!(passwd.get("root"), Some(&json!(["x", "0", "0", "root", "/root", "/bin/sh"])));
        let hosts = table("127.0.0.1  localhost\n\n::1 a\n::1  b c\n::1 d\n", None);
        assert_eq!(hosts.get("127.0.0.1"), Some(&json!(["localhost"])));
        assert_eq!(hosts.get("::1"), Some(&json!([["a"], ["b", "c"], ["d"]])));
    }
}
