//! Ansible's own answers for YAML files, and the rules that no such file covers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

use super::*;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn file() -> Arc<Path> {
    Arc::from(Path::new("t.yml"))
}

fn value(text: &str) -> Value {
    parse_document(text, &file()).unwrap_or_else(|error| panic!("{error}\n{text}")).to_value()
}

fn error(text: &str) -> Diagnostic {
    parse_document(text, &file()).expect_err(text)
}

/// The folder of shared cases; `None` (with a message) where it is absent.
fn cases(set: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LUTHIER_TESTDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = root.join("compat").join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "{} is missing", folder.display());
    println!("skipped: {} is missing", folder.display());
    None
}

/// The oracle's encodings as plain values; `None` where JSON has no answer to compare.
fn plain(value: &Json) -> Option<Json> {
    match value {
        Json::Object(map) => {
            if let (1, Some((key, inner))) = (map.len(), map.iter().next()) {
                match key.as_str() {
                    "__unsafe__" | "__date__" | "__datetime__" | "__set__" => return plain(inner),
                    "__pairs__" | "__float__" | "__bytes_hex__" | "__vault__" => return None,
                    _ => {}
                }
            }
            map.iter()
                .map(|(k, v)| Some((k.clone(), plain(v)?)))
                .collect::<Option<serde_json::Map<_, _>>>()
                .map(Json::Object)
        }
        Json::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(Json::Array),
        other => Some(other.clone()),
    }
}

#[test]
fn reads_files_as_ansible_does() {
    let Some(folder) = cases("yaml") else { return };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(expected) = std::fs::read_to_string(path.join("expected.json")) else { continue };
        let expected: Json = serde_json::from_str(&expected).unwrap();
        seen += 1;
        let got = parse_file(&path.join("input.yml"));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match (expected["ok"].as_bool().unwrap(), got) {
            (true, Ok(node)) => {
                let ours = node.to_value().to_json();
                if let Some(theirs) = plain(&expected["value"])
                    && theirs != ours
                {
                    wrong.push(format!("{name}:\n  expected {theirs}\n  found    {ours}"));
                }
            }
            (false, Err(error)) if error.origin.is_some() => {}
            (false, Err(error)) => wrong.push(format!("{name}: an error without a place: {error}")),
            (true, Err(error)) => wrong.push(format!("{name}: {error}")),
            (false, Ok(node)) => wrong.push(format!("{name}: not refused but {:?}", node.to_value())),
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors_name_their_place() {
    let said = error("a: 1\nb: {{ x }}\n");
    assert_eq!(said.origin.unwrap().to_string(), "t.yml:2:5");
    assert_eq!(error("a:\n\tb: 1\n").origin.unwrap().line, 2);
    assert_eq!(error("a: 1\nb: 2024-13-01\n").origin.unwrap().to_string(), "t.yml:2:4");
    let node = parse_document("a: 1\nbc: [x, {{{{ y\n", &file());
    assert!(node.is_err());
}

#[test]
fn places_count_characters_from_one() {
    let node = parse_document("é: {k: \"{{ v }}\"}\n", &file()).unwrap();
    let inner = node.get("é").unwrap().get("k").unwrap();
    assert_eq!(inner.origin.to_string(), "t.yml:1:8");
    assert_eq!(inner.length, 9);
    let Value::Template(text) = inner.to_value() else { panic!("no template") };
    assert_eq!(text.origin.as_ref().unwrap(), &inner.origin);
}

#[test]
fn tags_of_ansible() {
    assert_eq!(value("!unsafe \"{{ x }}\""), Value::str("{{ x }}"));
    assert_eq!(
        value("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n").get("a").unwrap(),
        &Value::Vault("$ANSIBLE_VAULT;1.1;AES256\n6162\n".into())
    );
    assert_eq!(value("!unsafe [\"{{ x }}\", 2]"), Value::list(vec![Value::str("{{ x }}"), Value::Int(2)]));
}

#[test]
fn twice_written_keys_warn_and_the_last_counts() {
    let node = parse_document("a: 1\nb: 2\na: 3\n", &file()).unwrap();
    let mut warnings = Vec::new();
    assert_eq!(node.to_value_warn(&mut warnings).get("a"), Some(&Value::Int(3)));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].origin.as_ref().unwrap().line, 3);
    let mut same = Vec::new();
    node.duplicates(&mut same);
    assert_eq!(same, warnings);
    assert_eq!(node.get("a").unwrap().text(), Some("3"));
}

#[test]
fn merge_keys_are_no_duplicates() {
    let node = parse_document("x: &x {a: 1, b: 2}\ny:\n  c: 3\n  <<: *x\n  a: 9\n", &file()).unwrap();
    let mut warnings = Vec::new();
    let merged = node.to_value_warn(&mut warnings).get("y").unwrap().to_json();
    assert_eq!(merged.to_string(), r#"{"a":9,"b":2,"c":3}"#);
    assert!(warnings.is_empty());
}

#[test]
fn aliases_cannot_explode_or_bite_their_tail() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let m = n - 1;
        text += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{m}"); 10].join(","));
    }
    assert!(error(&text).message.contains("aliases repeat"));
    assert!(error("a: &a [*a]").message.contains("contains it"));
    assert!(error(&"[".repeat(200)).message.contains("nested deeper"));
}

#[test]
fn what_hangs_too_far_left_is_read_as_pyyaml_does() {
    assert_eq!(value("- a: \"x\ny\"\n").to_json().to_string(), r#"[{"a":"x y"}]"#);
    assert_eq!(value("- a: 'it''s\n\ny'\n  b: 1\n").to_json().to_string(), r#"[{"a":"it's\ny","b":1}]"#);
    assert_eq!(value("a:\n  b: [\n  1,\n2\n]\n").to_json().to_string(), r#"{"a":{"b":[1,2]}}"#);
    assert_eq!(value("a:\n  b: {\n  x: 1\n}\nc: 2\n").to_json().to_string(), r#"{"a":{"b":{"x":1}},"c":2}"#);
}

#[test]
fn a_block_at_the_end_has_the_line_end_that_is_written() {
    for (text, wanted) in [
        ("a: |\n  x\n  y", "x\ny"),
        ("a: >\n  x\n  y", "x y"),
        ("a: |+\n  x", "x"),
        ("a: |\n  x\n  ", "x\n"),
        ("a: |\n  x\n# c", "x\n"),
        ("a: |\n  x\nb: y", "x\n"),
        ("a: |-\n  x", "x"),
    ] {
        assert_eq!(value(text).get("a").unwrap().as_str(), Some(wanted), "{text}");
    }
}

#[test]
fn json_files_follow_json() {
    assert_eq!(
        value("{\"a\": 1e3, \"b\": \"{{ x }}\", \"c\": 12345678901234567890}\n").get("a"),
        Some(&Value::Float(1000.0))
    );
    assert_eq!(value("{\n\t\"a\": [\n\t\t1,\n\t\t2\n\t]\n}\n").to_json().to_string(), r#"{"a":[1,2]}"#);
    assert_eq!(value(r#"{"a": "\ud83d\ude00\/", "b": 2}"#).to_json().to_string(), "{\"a\":\"\u{1f600}/\",\"b\":2}");
    assert_eq!(value(r#"{"a": {"__ansible_vault": "x"}}"#).get("a"), Some(&Value::Vault("x".into())));
    assert_eq!(value("a: 1e3").get("a"), Some(&Value::str("1e3")));
}

#[test]
fn bytes_that_are_no_text_are_located() {
    let said = decode(b"a: 1\nb: \xff\n", &file()).unwrap_err();
    assert_eq!(said.origin.unwrap().to_string(), "t.yml:2:4");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}&*!|>'\"%@`:,?#~<=\\-. \\t\\na-c0-9\u{e9}]{0,60}") {
        let _ = parse_str(&text, &file());
        let _ = split_arguments(&text, None);
    }
}

#[test]
fn what_is_missing_at_the_end_is_missed_on_the_last_line() {
    let file: std::sync::Arc<std::path::Path> = std::sync::Arc::from(std::path::Path::new("f"));
    for (text, place) in [("[", "f:1:2"), ("{{<<", "f:1:5"), ("a: 1\nb: [", "f:2:5")] {
        let error = parse_str(text, &file).unwrap_err();
        assert_eq!(error.origin.unwrap().to_string(), place, "{text:?}");
    }
}
