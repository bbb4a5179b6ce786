//! All facts, or the ones asked for, as one object.

use super::{ALL, FactError, FactSource};
use crate::host::Host;
use crate::host::patience::{PATIENCE, answers};
use luthier_protocol::facts::FACTS_VERSION;
use luthier_protocol::{Map, Value};
use std::time::Duration;

/// For how long one that is told on request only may take.
const ON_REQUEST: Duration = Duration::from_secs(20);

/// A fact was asked for that no source tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find the fact {name:?}: known facts are {known}")]
pub struct UnknownFact {
    /// What was asked for.
    pub name: String,
    /// Every key there is, for people.
    pub known: String,
}

/// Reads the facts named in `only`, or all but the ones on request when it is empty: `version`, the keys, `errors`. A
/// source that does not answer in time is `null` and has a row in the errors; it keeps no other from answering.
pub fn gather(host: &Host, only: &[String]) -> Result<Map, UnknownFact> {
    if let Some(name) = only.iter().find(|name| !ALL.iter().any(|source| source.key() == name.as_str())) {
        let known: Vec<&str> = ALL.iter().map(|source| source.key()).collect();
        return Err(UnknownFact { name: name.clone(), known: known.join(", ") });
    }
    let asked = |source: &&'static dyn FactSource| {
        only.is_empty() && !source.on_request() || only.iter().any(|name| name == source.key())
    };
    let (asked, ordinary) = ALL.iter().copied().filter(asked).partition(|source| source.on_request());
    let mut facts = read(host, ordinary, PATIENCE);
    // They have deadlines of their own for their parts, which must come first.
    let mut more = read(host, asked, ON_REQUEST);
    if let (Some(Value::Array(rows)), Some(Value::Array(new))) = (facts.remove("errors"), more.remove("errors")) {
        facts.extend(more);
        facts.insert("errors".to_owned(), Value::Array(rows.into_iter().chain(new).collect()));
    }
    Ok(facts)
}

fn read(host: &Host, sources: Vec<&'static dyn FactSource>, patience: Duration) -> Map {
    let mut facts = Map::new();
    facts.insert("version".to_owned(), Value::from(FACTS_VERSION));
    let (host, asked) = (host.clone(), sources.clone());
    let answers = answers(sources.len(), patience, move |index| {
        let mut errors: Vec<FactError> = Vec::new();
        let value = asked.get(index).map_or(Value::Null, |source| source.read(&host, &mut errors));
        (value, errors)
    });
    let mut rows = Vec::new();
    for (source, answer) in sources.into_iter().zip(answers) {
        let key = source.key();
        let (value, errors) = answer.unwrap_or_else(|| (Value::Null, vec![silent(key, patience)]));
        facts.insert(key.to_owned(), value);
        rows.extend(errors.into_iter().map(row));
    }
    facts.insert("errors".to_owned(), Value::Array(rows));
    facts
}

/// A source that did not answer. Which of its files hangs, nobody can tell.
fn silent(key: &str, patience: Duration) -> FactError {
    let reason = format!("no answer within {} s", patience.as_secs());
    FactError { key: key.to_owned(), path: String::new(), reason }
}

fn row(error: FactError) -> Value {
    let fields = [("key", error.key), ("path", error.path), ("reason", error.reason)];
    Value::Object(fields.map(|(name, text)| (name.to_owned(), Value::from(text))).into_iter().collect())
}
