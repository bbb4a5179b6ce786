//! Ansible's own answers: real templates and expressions, rendered through the public interface.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

use super::{Engine, EngineOptions, FileOptions, Place, Scope};
use crate::yaml::{Key, Value, ValueMap};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Cases that differ, and why. A case that agrees must not stand here.
const KNOWN: &[(&str, &str)] = &[
    ("real-02#32", COLLECTION),
    ("real-05#34", COLLECTION),
    ("real-06#23", SET_ORDER),
    ("real-08#39", COLLECTION),
    ("real-13#5", SET_ORDER),
    ("real-13#16", COLLECTION),
    ("real-14#0", SET_ORDER),
    ("k3s-ansible-roles-k3s-server-vip-yaml", COLLECTION),
    (
        "debops-ansible-roles-nginx-etc-nginx-sites-available-default-conf",
        "minijinja's parser allows no block in a macro",
    ),
];

const COLLECTION: &str = "needs a filter or test of ansible.utils or community.general";
const SET_ORDER: &str = "Ansible's order is that of a Python set; here it is that of first appearance";

fn data() -> Option<PathBuf> {
    let base = std::env::var_os("LUTHIER_TESTDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let found = base.join("compat");
    if !found.is_dir() && std::env::var_os("LUTHIER_REQUIRE_SHARED").is_some() {
        panic!("{} is required but absent", found.display());
    }
    if !found.is_dir() {
        eprintln!("skipped: {} is absent", found.display());
        return None;
    }
    Some(found)
}

fn read(path: PathBuf) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// JSON as an operator's variables: text with template marks is a template.
fn written(value: &Json) -> Value {
    match value {
        Json::String(text) => Value::written(text, None),
        Json::Array(items) => Value::list(items.iter().map(written).collect()),
        Json::Object(map) => Value::map(layer(map)),
        other => Value::from_json(other),
    }
}

fn layer(map: &serde_json::Map<String, Json>) -> ValueMap {
    map.iter().map(|(key, value)| (Key::from(key.as_str()), written(value))).collect()
}

fn scope(vars: &Json) -> Scope {
    let mut scope = Scope::new();
    scope.push(Arc::new(layer(vars.as_object().unwrap())));
    scope
}

/// The oracle's marks for what JSON lacks; `None` where nothing can be compared.
fn plain(value: &Json) -> Option<Json> {
    Some(match value {
        Json::Object(map) => {
            if let (1, Some((key, inner))) = (map.len(), map.iter().next()) {
                match key.as_str() {
                    "__unsafe__" | "__ansible_unsafe" | "__date__" | "__datetime__" | "__set__" => return plain(inner),
                    "__pairs__" | "__float__" | "__bytes_hex__" | "__vault__" | "__ansible_vault" => return None,
                    _ => {}
                }
            }
            map.iter().map(|(key, value)| Some((key.clone(), plain(value)?))).collect::<Option<_>>()?
        }
        Json::Array(items) => items.iter().map(plain).collect::<Option<_>>()?,
        other => other.clone(),
    })
}

fn folders(set: &str) -> Vec<PathBuf> {
    let Some(base) = data() else { return Vec::new() };
    let mut out: Vec<PathBuf> =
        std::fs::read_dir(base.join(set)).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    out.sort();
    out
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Compares what failed with what is known to; a known difference that is gone must be struck out.
fn judge(failed: &[(String, String)], ran: &[String]) {
    let known = |id: &str| KNOWN.iter().any(|(known, _)| *known == id);
    let news: Vec<String> =
        failed.iter().filter(|(id, _)| !known(id)).map(|(id, what)| format!("{id}: {what}")).collect();
    let gone: Vec<&str> = KNOWN
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| ran.iter().any(|ran| ran == id) && !failed.iter().any(|(failed, _)| failed == id))
        .collect();
    assert!(gone.is_empty(), "these agree now: {gone:?}");
    assert!(news.is_empty(), "{} differ:\n{}", news.len(), news.join("\n"));
}

/// Equal, but for the last digit of numbers: the test's own JSON reader is not exact there.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) if x.is_f64() && y.is_f64() => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            (x - y).abs() <= x.abs() * 1e-15
        }
        (a, b) => a == b,
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(400).collect()
}

/// Where two texts part.
fn part(want: &str, have: &str) -> String {
    let same = want.chars().zip(have.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(60);
    let cut = |text: &str| text.chars().skip(from).take(160).collect::<String>();
    format!("\n   want …{:?}\n   have …{:?}", cut(want), cut(have))
}

#[test]
fn templates_as_ansible_renders_them() {
    let engine = Engine::new(EngineOptions::default());
    let (mut failed, mut ran) = (Vec::new(), Vec::new());
    for case in folders("templates") {
        let about = read(case.join("case.json"));
        let template = about["template"].as_str().unwrap();
        let input = case.join("input");
        let place = Place { search: vec![input.join("templates"), input.clone()], base: Some(input.clone()) };
        let file = input.join(template);
        let text = std::fs::read_to_string(&file).unwrap();
        let want = std::fs::read_to_string(case.join("expected.txt")).unwrap();
        ran.push(name(&case));
        match engine.file(&text, &file, &FileOptions::default(), &scope(&read(case.join("vars.json"))), &place) {
            Ok(have) if have == want => {}
            Ok(have) => failed.push((name(&case), part(&want, &have))),
            Err(error) => failed.push((name(&case), shorten(&error.to_string()))),
        }
    }
    judge(&failed, &ran);
}

#[test]
fn expressions_as_ansible_evaluates_them() {
    let engine = Engine::new(EngineOptions::default());
    let (mut failed, mut ran) = (Vec::new(), Vec::new());
    for case in folders("expressions").into_iter().filter(|case| case.join("expressions.json").exists()) {
        let shared = case.join("vars.json").exists().then(|| scope(&read(case.join("vars.json"))));
        let place = Place { search: vec![case.clone()], base: Some(case.clone()) };
        for (index, entry) in read(case.join("expressions.json")).as_array().unwrap().iter().enumerate() {
            let text = entry["expr"].as_str().unwrap();
            let scope = entry.get("vars").map(scope).or_else(|| shared.clone()).unwrap();
            let id = format!("{}#{index}", name(&case));
            ran.push(id.clone());
            let have = if entry.get("kind").and_then(Json::as_str) == Some("cond") {
                engine.condition(&Value::str(text), &scope, &place).map(Value::Bool)
            } else {
                engine.expression(text, &scope, &place)
            };
            let is_error =
                entry.get("error").is_some() || entry.get("conditional_error").is_some_and(|e| e != &Json::Bool(false));
            match (is_error, have) {
                (true, Err(_)) => {}
                (true, Ok(have)) => failed.push((id, format!("{text}: expected an error, got {}", have.to_json()))),
                (false, Ok(have)) => {
                    let want = entry.get("conditional").or_else(|| entry.get("result"));
                    let Some(want) = want.and_then(plain) else { continue };
                    if !same(&have.to_json(), &want) {
                        failed.push((
                            id,
                            format!(
                                "{text}: want {} have {}",
                                shorten(&want.to_string()),
                                shorten(&have.to_json().to_string())
                            ),
                        ));
                    }
                }
                (false, Err(error)) => failed.push((id, format!("{text}: {}", shorten(&error.to_string())))),
            }
        }
    }
    judge(&failed, &ran);
}

#[test]
fn statements_as_ansible_runs_them() {
    let Some(base) = data() else { return };
    let case = base.join("expressions/statements");
    let engine = Engine::new(EngineOptions::default());
    let scope = scope(&read(case.join("vars.json")));
    let place = Place { search: vec![case.clone()], base: Some(case.clone()) };
    let (mut failed, mut ran) = (Vec::new(), Vec::new());
    for (index, entry) in read(case.join("templates.json")).as_array().unwrap().iter().enumerate() {
        let text = entry["template"].as_str().unwrap();
        let id = format!("statements#{index}");
        ran.push(id.clone());
        let file = engine.file(text, &case.join("x.j2"), &FileOptions::default(), &scope, &place);
        match (entry["as_template_file"].get("text").and_then(Json::as_str), file) {
            (Some(want), Ok(have)) if want == have => {}
            (None, Err(_)) => {}
            (want, have) => failed.push((id.clone(), format!("file {text:?}: want {want:?} have {have:?}"))),
        }
        let value = engine.render(&Value::written(text, None), &scope, &place);
        match (entry["as_value"].get("result"), value) {
            (Some(want), Ok(have)) if plain(want).is_none_or(|want| want == have.to_json()) => {}
            (None, Err(_)) => {}
            (want, have) => failed.push((id, format!("value {text:?}: want {want:?} have {have:?}"))),
        }
    }
    judge(&failed, &ran);
}
