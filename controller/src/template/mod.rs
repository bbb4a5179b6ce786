//! Templates: Jinja2 as Ansible 2.19 renders it.
//!
//! [`Engine`] renders playbook values, conditions and template files over a [`Scope`] of variables. minijinja reads the
//! language (`parse`), the interpreter here gives it Ansible's meaning: results keep their type, undefined names may be
//! chained and defaulted but not used, variables that are templates are rendered when they are read, data never is.
//! The room knows nothing of playbooks, hosts or sessions.

mod access;
#[cfg(test)]
mod cases;
mod check;
mod dates;
mod engine;
mod error;
mod eval;
mod file;
mod filters;
mod format;
mod frames;
mod globals;
mod interpreter;
mod literal;
mod lookups;
mod macros;
mod methods;
mod node;
mod ops;
mod parse;
mod references;
mod regex;
mod run;
mod scope;
mod serial;
#[cfg(test)]
mod suite;
mod tests;
mod text;
mod val;

pub use check::global_names;
pub use engine::{Engine, EngineOptions};
pub use error::{TemplateError, TemplateErrorKind};
pub use file::{FileOptions, about_file};
pub use references::References;
pub use scope::{Entry, Lazy, Place, Scope};

use crate::yaml::Value;

/// Names of filters, tests and lookups, each list sorted.
pub fn names() -> [(&'static str, Vec<&'static str>); 3] {
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    [
        ("Filters", sorted(filters::names().collect())),
        ("Tests", sorted(tests::names().collect())),
        ("Lookups", sorted(lookups::names().collect())),
    ]
}

/// A value as a YAML document, in block style.
pub fn yaml_text(value: &Value) -> String {
    let style = serial::YamlStyle { flow: Some(false), ..serial::YamlStyle::default() };
    serial::to_yaml(value, &style).unwrap_or_else(|_| value.to_json().to_string())
}

/// What `omit` is: a text nobody writes. A parameter that renders to it is to be left out; [`Engine::render`] leaves it out of
/// the mappings and lists it returns, and callers test single values with [`is_omit`].
pub const OMIT: &str = "\u{2}luthier-omit-2f6c1d\u{3}";

/// Whether a rendered value stands for "leave this out".
pub fn is_omit(value: &Value) -> bool {
    matches!(value, Value::Str(text) if &**text == OMIT)
}
