//! Lookups of variables: `vars`, `varnames`, `inventory_hostnames`.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::filters::matches;
use crate::template::interpreter::Interpreter;
use crate::template::regex::{self, Flags};
use crate::template::text;
use crate::template::val::Val;
use crate::yaml::Key;

pub(super) const LOOKUPS: &[(&str, Lookup)] =
    &[("vars", vars), ("varnames", varnames), ("inventory_hostnames", inventory_hostnames)];

fn vars(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let default = call.options.take("default");
    let mut out = Vec::new();
    for name in call.texts(interpreter)? {
        match interpreter.variable(&name, &interpreter.home)? {
            Some(value) if !value.is_undefined() => out.push(value),
            _ => match &default {
                Some(default) => out.push(default.clone()),
                None => return Err(Fault::undefined(format!("no variable named '{name}' was found"))),
            },
        }
    }
    Ok(out)
}

fn varnames(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let names = interpreter.home.names();
    let mut out = Vec::new();
    for pattern in call.texts(interpreter)? {
        let regex = regex::compile(&pattern, Flags::default())?;
        for name in &names {
            if regex.is_match(&**name).map_err(|error| Fault::new(error.to_string()))? {
                out.push(Val::Str(std::sync::Arc::clone(name)));
            }
        }
    }
    Ok(out)
}

/// Hosts by a pattern of names: `web*:db:!db3:&prod`.
fn inventory_hostnames(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let groups =
        interpreter.variable("groups", &interpreter.home)?.ok_or_else(|| Fault::undefined("'groups' is undefined"))?;
    let mut members: Vec<(String, Vec<String>)> = Vec::new();
    for (key, hosts) in interpreter.entries(&groups)? {
        let hosts: Outcome<Vec<String>> =
            interpreter.items(&hosts)?.iter().map(|host| Ok(text::string(interpreter, host)?.to_string())).collect();
        let name = match &key {
            Key::Str(name) => name.to_string(),
            other => other.to_string(),
        };
        members.push((name, hosts?));
    }
    let hosts_of = |pattern: &str| -> Vec<String> {
        let letters: Vec<char> = pattern.chars().collect();
        let fits = |name: &str| matches(&letters, &name.chars().collect::<Vec<_>>());
        let mut found: Vec<String> = Vec::new();
        for (group, hosts) in &members {
            for host in hosts {
                if (fits(group) || fits(host)) && !found.contains(host) {
                    found.push(host.clone());
                }
            }
        }
        found
    };
    let mut out: Vec<String> = Vec::new();
    let terms = call.texts(interpreter)?;
    let parts: Vec<&str> =
        terms.iter().flat_map(|term| term.split([',', ':'])).filter(|part| !part.is_empty()).collect();
    for part in parts.iter().filter(|part| !part.starts_with(['!', '&'])) {
        for host in hosts_of(part) {
            if !out.contains(&host) {
                out.push(host);
            }
        }
    }
    for part in parts.iter().filter_map(|part| part.strip_prefix('&')) {
        let both = hosts_of(part);
        out.retain(|host| both.contains(host));
    }
    for part in parts.iter().filter_map(|part| part.strip_prefix('!')) {
        let without = hosts_of(part);
        out.retain(|host| !without.contains(host));
    }
    Ok(out.into_iter().map(Val::from).collect())
}
