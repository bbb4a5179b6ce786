//! YAML 1.1 with positions: the one door to the parser, and the values and input errors every other room speaks of.

mod args;
mod diagnostic;
mod json;
mod node;
mod parse;
mod relax;
mod resolve;
mod value;

#[cfg(test)]
mod tests;

pub use args::{Arguments, RAW_OPTIONS, parse_arguments, split_arguments};
pub use diagnostic::{Diagnostic, Severity, nearest};
pub use node::{Node, NodeData, Tag};
pub use parse::{decode, parse_document, parse_file, parse_str};
pub use value::{Key, Origin, TemplateText, Value, ValueMap, shown};
