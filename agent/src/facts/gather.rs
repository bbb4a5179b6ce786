//! All facts, or the ones asked for, as one object.

use super::{ALL, FactError};
use crate::host::Host;
use luthier_protocol::facts::FACTS_VERSION;
use luthier_protocol::{Map, Value};

/// A fact was asked for that no source tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find the fact {name:?}: known facts are {known}")]
pub struct UnknownFact {
    /// What was asked for.
    pub name: String,
    /// Every key there is, for people.
    pub known: String,
}

/// Reads the facts named in `only`, or all but the ones on request when it is empty: `version`, the keys, `errors`.
pub fn gather(host: &Host, only: &[String]) -> Result<Map, UnknownFact> {
    if let Some(name) = only.iter().find(|name| !ALL.iter().any(|source| source.key() == name.as_str())) {
        let known: Vec<&str> = ALL.iter().map(|source| source.key()).collect();
        return Err(UnknownFact { name: name.clone(), known: known.join(", ") });
    }
    let mut facts = Map::new();
    facts.insert("version".to_owned(), Value::from(FACTS_VERSION));
    let mut errors: Vec<FactError> = Vec::new();
    for source in ALL {
        if only.is_empty() && !source.on_request() || only.iter().any(|name| name == source.key()) {
            facts.insert(source.key().to_owned(), source.read(host, &mut errors));
        }
    }
    let row = |error: FactError| {
        let fields = [("key", error.key), ("path", error.path), ("reason", error.reason)];
        Value::Object(fields.map(|(name, text)| (name.to_owned(), Value::from(text))).into_iter().collect())
    };
    facts.insert("errors".to_owned(), errors.into_iter().map(row).collect());
    Ok(facts)
}
