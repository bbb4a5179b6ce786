//! Ansible's own answers for inventories and patterns, and the rules that no such case covers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::*;
use serde_json::Value as Json;
use sha2::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folders of a set of shared cases; none (with a message) where it is absent.
fn cases(set: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("LUTHIER_TESTDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = root.join("compat").join(set);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "{} is missing", folder.display());
        println!("skipped: {} is missing", folder.display());
        return Vec::new();
    };
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("case.json").exists()).collect();
    cases.sort();
    cases
}

fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn load(case: &Path) -> Result<Loaded, Vec<crate::yaml::Diagnostic>> {
    let args = json(&case.join("case.json"))["inventory_args"].clone();
    let source = |arg: &str| {
        let path = case.join("input").join(arg);
        if arg.contains(',') && !path.exists() { arg.to_owned() } else { path.to_string_lossy().into_owned() }
    };
    let sources: Vec<String> = args.as_array().unwrap().iter().map(|arg| source(arg.as_str().unwrap())).collect();
    Inventory::load(&sources, &LoadOptions::default())
}

/// Groups with sorted members, hosts with their variables, the oracle's wrappings taken off; `None` for a value that
/// JSON cannot carry.
fn canonical(listing: &Json) -> BTreeMap<String, Json> {
    let mut out = BTreeMap::new();
    for (group, body) in listing.as_object().unwrap() {
        if group == "_meta" {
            for (host, vars) in body["hostvars"].as_object().unwrap() {
                for (name, value) in vars.as_object().unwrap() {
                    if let Some(value) = plain(value) {
                        out.insert(format!("{host} {name}"), value);
                    }
                }
            }
            continue;
        }
        for (kind, names) in body.as_object().unwrap() {
            let mut names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            names.sort_unstable();
            out.insert(format!("[{group}] {kind}"), names.join(" ").into());
        }
    }
    out
}

fn plain(value: &Json) -> Option<Json> {
    match value {
        Json::Object(map) => match (map.len(), map.iter().next()) {
            (1, Some((key, inner))) if key == "__ansible_unsafe" || key == "__date__" || key == "__datetime__" => {
                plain(inner)
            }
            (1, Some((key, _))) if key == "__ansible_vault" || key == "__float__" || key == "__pairs__" => None,
            _ => map.iter().map(|(k, v)| Some((k.clone(), plain(v)?))).collect::<Option<_>>().map(Json::Object),
        },
        Json::Array(items) => items.iter().map(plain).collect::<Option<_>>().map(Json::Array),
        other => Some(other.clone()),
    }
}

fn compare_patterns(case: &Path, inventory: &Inventory, wrong: &mut Vec<String>) {
    let name = case.file_name().unwrap().to_string_lossy();
    let Ok(text) = std::fs::read_to_string(case.join("patterns.json")) else { return };
    for entry in serde_json::from_str::<Vec<Json>>(&text).unwrap() {
        let pattern = entry["pattern"].as_str().unwrap();
        let got = inventory.select(pattern);
        let Ok(got) = got else {
            if entry.get("error").is_none() {
                wrong.push(format!("{name} {pattern}: {}", got.unwrap_err()));
            }
            continue;
        };
        let hosts: Vec<&str> = got.hosts.iter().map(|host| host.as_str()).collect();
        if let Some(wanted) = entry["hosts"].as_array() {
            if *wanted != hosts {
                wrong.push(format!("{name} {pattern}:\n  expected {wanted:?}\n  found    {hosts:?}"));
            }
        } else if let Some(count) = entry["count"].as_u64() {
            let digest: String = sha2::Sha256::digest(hosts.join("\n")).iter().map(|b| format!("{b:02x}")).collect();
            if count != hosts.len() as u64 || entry["sha256"] != digest.as_str() {
                wrong.push(format!(
                    "{name} {pattern}: expected {count} hosts, found {} (or another order)",
                    hosts.len()
                ));
            }
        } else {
            wrong.push(format!("{name} {pattern}: expected an error, found {hosts:?}"));
        }
    }
}

#[test]
fn lists_and_selects_as_ansible_does() {
    let mut wrong = Vec::new();
    for case in cases("inventories") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = match load(&case) {
            Ok(loaded) => loaded,
            Err(errors) => {
                wrong.push(format!("{name}: {}", errors[0]));
                continue;
            }
        };
        let wanted = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let wanted = wanted.replace("<INPUT>", &case.join("input").to_string_lossy());
        let wanted = canonical(&serde_json::from_str(&wanted).unwrap());
        let found = canonical(&loaded.inventory.list_json());
        for key in wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key))) {
            if wanted.get(key) != found.get(key) {
                wrong.push(format!("{name} {key}:\n  expected {:?}\n  found    {:?}", wanted.get(key), found.get(key)));
            }
        }
        compare_patterns(&case, &loaded.inventory, &mut wrong);
    }
    let shown: Vec<&String> = wrong.iter().take(30).collect();
    assert!(wrong.is_empty(), "{} differences\n{shown:#?}", wrong.len());
}

#[test]
fn refuses_what_ansible_cannot_read() {
    let mut wrong = Vec::new();
    for case in cases("inventories-bad") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let expected = json(&case.join("expected.json"));
        let answers = |answer: &Json| answer["list"].as_object().is_some_and(|list| list.len() > 2);
        if expected.as_object().unwrap().values().any(answers) {
            continue;
        }
        match load(&case) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(errors) => {
                let input = case.join("input").to_string_lossy().into_owned();
                if !errors.iter().any(|error| error.to_string().contains(&input)) {
                    wrong.push(format!("{name}: names no file: {}", errors[0]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
