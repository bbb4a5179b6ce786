//! Values as JSON and YAML text, written as Python writes them, and back.

mod json;
mod read;
mod yaml;

pub(super) use json::{JsonStyle, to_json};
pub(super) use read::{from_json, from_yaml};
pub(super) use yaml::{YamlStyle, to_yaml};
