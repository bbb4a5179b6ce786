//! YAML 1.1 with positions: the one door to the parser, and the values and input errors every other room speaks of.

mod diagnostic;
mod value;

pub use diagnostic::{Diagnostic, Severity, nearest};
pub use value::{Key, Origin, TemplateText, Value, ValueMap};
