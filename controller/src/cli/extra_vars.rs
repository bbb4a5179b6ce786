//! `-e`: variables that win over all others.

use super::CliError;
use crate::yaml::{Diagnostic, Key, Node, Value, ValueMap, parse_arguments, parse_document, parse_file};
use std::path::Path;
use std::sync::Arc;

/// All `-e` options in their order; a later one wins, mappings are not merged.
///
/// `@FILE` is a YAML or JSON file, text that begins with `{` is YAML or JSON, anything else is `key=value` words whose
/// values are texts. Text may hold templates.
pub fn extra_vars(options: &[String]) -> Result<ValueMap, CliError> {
    let mut all = ValueMap::new();
    let mut wrong = Vec::new();
    for option in options {
        match one(option) {
            Ok(map) => all.extend(map),
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong.into()) }
}

fn one(option: &str) -> Result<ValueMap, Diagnostic> {
    let text = option.trim();
    if let Some(file) = text.strip_prefix('@') {
        return mapping(&parse_file(Path::new(file))?);
    }
    if text.starts_with(['{', '[']) {
        let file: Arc<Path> = Path::new("<extra-vars>").into();
        return mapping(&parse_document(text, &file)?);
    }
    let arguments = parse_arguments(text, false, None)?;
    if let Some(raw) = arguments.raw.filter(|raw| !raw.trim().is_empty()) {
        return Err(Diagnostic::error(None, format!("\"{raw}\" in --extra-vars is no variable"))
            .help("write key=value, {\"key\": value} or @FILE"));
    }
    Ok(arguments.pairs.into_iter().map(|(key, value)| (Key::from(key), Value::written(&value, None))).collect())
}

fn mapping(node: &Node) -> Result<ValueMap, Diagnostic> {
    match node.to_value() {
        Value::Map(map) => Ok(map.as_ref().clone()),
        Value::Null => Ok(ValueMap::new()),
        _ => Err(node.error(format!("extra variables must be a mapping, this is a {}", node.type_name()))),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn get(options: &[&str]) -> serde_json::Value {
        Value::map(extra_vars(&options.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()).to_json()
    }

    #[test]
    fn words_are_texts_and_documents_have_types() {
        assert_eq!(get(&["a=1 b='x y'", "c=yes"]), serde_json::json!({"a": "1", "b": "x y", "c": "yes"}));
        assert_eq!(get(&["{\"a\": 1, \"b\": [true]}"]), serde_json::json!({"a": 1, "b": [true]}));
        assert_eq!(get(&["{a: 1, b: yes}", "a=2"]), serde_json::json!({"a": "2", "b": true}));
    }

    #[test]
    fn files_are_read_and_everything_wrong_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("vars.yml");
        std::fs::write(&file, "size: 1G\nn: 3\n").unwrap();
        assert_eq!(get(&[&format!("@{}", file.display())]), serde_json::json!({"size": "1G", "n": 3}));
        let wrong = ["word".to_owned(), "@/nonexistent".to_owned(), "[1]".to_owned()];
        let Err(CliError::Input(diagnostics)) = extra_vars(&wrong) else { unreachable!("an error") };
        assert_eq!(diagnostics.len(), 3);
    }
}
