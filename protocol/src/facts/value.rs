//! Facts as JSON values by tables and one loop: derived code would be some kilobytes for each shape, and the agent travels.

use crate::{Map, Value};
use std::collections::BTreeMap;

/// What a fact source tells.
pub trait Fact {
    /// It as JSON, just as its serialised form is.
    fn value(&self) -> Value;
}

/// A shape's fields under their names.
pub fn object(names: &[&str], fields: &[&dyn Fact]) -> Value {
    let mut map = Map::new();
    for (name, field) in names.iter().zip(fields) {
        map.insert(name.strip_prefix("r#").unwrap_or(name).to_owned(), field.value());
    }
    Value::Object(map)
}

fn list(facts: &mut dyn Iterator<Item = &dyn Fact>) -> Value {
    let mut values = Vec::new();
    for fact in facts {
        values.push(fact.value());
    }
    Value::Array(values)
}

fn named(facts: &mut dyn Iterator<Item = (&str, &dyn Fact)>) -> Value {
    let mut map = Map::new();
    for (name, fact) in facts {
        map.insert(name.to_owned(), fact.value());
    }
    Value::Object(map)
}

macro_rules! plain {
    ($($type:ty)+) => {
        $(impl Fact for $type {
            fn value(&self) -> Value {
                Value::from(*self)
            }
        })+
    };
}

plain!(bool u32 u64 i64 f64);

impl Fact for String {
    fn value(&self) -> Value {
        Value::String(self.clone())
    }
}

impl<T: Fact> Fact for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Fact::value)
    }
}

impl<T: Fact> Fact for Vec<T> {
    fn value(&self) -> Value {
        list(&mut self.iter().map(|fact| fact as &dyn Fact))
    }
}

impl<K: AsRef<str>, T: Fact> Fact for BTreeMap<K, T> {
    fn value(&self) -> Value {
        named(&mut self.iter().map(|(name, fact)| (name.as_ref(), fact as &dyn Fact)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::*;

    #[test]
    fn a_value_is_the_serialised_form() {
        let node = Node {
            id: 1,
            cpus: Some(vec![0, 3]),
            memory_kib: None,
            hugepages: Some(vec![NodeHugePages { size_kib: 2048, total: Some(1), free: None, surplus: Some(0) }]),
            kind: Some(NodeKind::MemoryOnly),
            ..Node::default()
        };
        let slot = Slot { r#type: Some("PCI".to_owned()), in_use: Some(false), ..Slot::default() };
        let time = Time { uptime_seconds: Some(1.5), offset_us: Some(-3), ..Time::default() };
        assert_eq!(node.value(), serde_json::to_value(&node).unwrap());
        assert_eq!(slot.value(), serde_json::to_value(&slot).unwrap());
        assert_eq!(time.value(), serde_json::to_value(&time).unwrap());
    }
}
