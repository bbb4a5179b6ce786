//! Parameters as a module's own type. The struct is read field by field in its own order instead of name by name as they
//! come: every module brings such a struct along, and the code for it is a third of the usual size.

use luthier_protocol::{Map, Value};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;

/// The parameters, to be read as a struct. Names that the struct does not have are refused.
pub(super) struct Params<'a>(pub(super) &'a Map);

impl<'de> Deserializer<'de> for Params<'de> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        refuse_unknown(self.0, fields)?;
        let mut row = Row { params: self.0, fields, absent: None };
        visitor.visit_seq(&mut row).map_err(|error| row.reason(error))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(wrong("parameters are read as a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn wrong(message: &str) -> Error {
    serde::de::Error::custom(message)
}

fn refuse_unknown(params: &Map, fields: &[&str]) -> Result<(), Error> {
    match params.keys().find(|key| !fields.contains(&key.as_str())) {
        Some(key) => Err(wrong(&["unknown field `", key, "`"].concat())),
        None => Ok(()),
    }
}

/// The parameters in the order of the struct's fields.
struct Row<'de> {
    params: &'de Map,
    fields: &'static [&'static str],
    /// The field in hand, when it was not given.
    absent: Option<&'static str>,
}

impl<'de> Row<'de> {
    /// The next field's name and value.
    fn step(&mut self) -> Option<Option<&'de Value>> {
        let (name, rest) = self.fields.split_first()?;
        self.fields = rest;
        let value = self.params.get(*name);
        self.absent = if value.is_none() { Some(name) } else { None };
        Some(value)
    }

    /// Why a field could not be read: one without a value and without a default is missing.
    fn reason(&self, error: Error) -> Error {
        match self.absent {
            Some(name) => wrong(&["missing field `", name, "`"].concat()),
            None => error,
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Row<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        match self.step() {
            Some(Some(value)) => seed.deserialize(value).map(Some),
            // An option is none; for anything else the struct's own default counts, or it is missing.
            Some(None) => Ok(seed.deserialize(Absent).ok()),
            None => Ok(None),
        }
    }
}

/// No value.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = serde::de::value::Error;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom(""))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        path: String,
        #[serde(rename = "_name")]
        name: Option<String>,
        #[serde(default)]
        force: bool,
        #[serde(default = "two")]
        depth: u64,
        state: Option<Word>,
        words: Option<Vec<String>>,
        #[serde(default)]
        raw: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Present,
    }

    fn two() -> u64 {
        2
    }

    /// What came out, here and by way of the library's own reading; they must agree.
    fn read(params: Value) -> Result<Wanted, String> {
        let usual = serde_json::from_value::<Wanted>(params.clone());
        let read = Wanted::deserialize(Params(params.as_object().unwrap()));
        assert_eq!(read.as_ref().ok(), usual.as_ref().ok());
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn a_struct_is_read_as_usual() {
        let sparse = read(json!({ "path": "/x" })).unwrap();
        assert_eq!((sparse.depth, sparse.force, sparse.name, sparse.raw), (2, false, None, Value::Null));
        let full = json!({ "raw": { "a": [1] }, "words": ["w"], "state": "present", "depth": 3, "force": true,
            "_name": "n", "path": "/x" });
        assert_eq!(read(full).unwrap().state, Some(Word::Present));
        assert_eq!(read(json!({ "path": "/x", "words": null, "_name": null })).unwrap().words, None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let expect = [
            (json!({ "force": true }), "missing field `path`"),
            (json!({ "path": "/x", "name": "n" }), "unknown field `name`"),
            (json!({ "path": "/x", "depth": -1 }), "invalid value: integer `-1`, expected u64"),
            (json!({ "path": "/x", "force": null }), "invalid type: null, expected a boolean"),
            (json!({ "path": "/x", "state": "gone" }), "unknown variant `gone`, expected `present`"),
        ];
        for (params, message) in expect {
            assert_eq!(read(params).unwrap_err(), message);
        }
    }
}
