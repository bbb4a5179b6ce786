//! temporary
#![allow(missing_docs, unused)]
mod scope;
pub use scope::*;
use crate::yaml::*;
pub const OMIT: &str = "x";
#[derive(Debug, Clone, Default)]
pub struct EngineOptions { pub no_local: bool }
#[derive(Debug)]
pub struct Engine;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind { Undefined, Syntax, Other }
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError { pub kind: TemplateErrorKind, pub message: String, pub origin: Option<Origin> }
pub enum References { Names(std::collections::BTreeSet<std::sync::Arc<str>>), Unknown }
pub struct FileOptions;
impl Engine {
 pub fn new(o: EngineOptions) -> Self { Engine }
 pub fn render(&self, value: &Value, scope: &Scope, place: &Place) -> Result<Value, TemplateError> { loop {} }
 pub fn condition(&self, value: &Value, scope: &Scope, place: &Place) -> Result<bool, TemplateError> { loop {} }
 pub fn expression(&self, value: &str, scope: &Scope, place: &Place) -> Result<Value, TemplateError> { loop {} }
 pub fn file(&self, text: &str, file: &std::path::Path, options: &FileOptions, scope: &Scope, place: &Place) -> Result<String, TemplateError> { loop {} }
 pub fn lookup(&self, name: &str, terms: &[Value], scope: &Scope, place: &Place) -> Result<Value, TemplateError> { loop {} }
 pub fn check(&self, value: &Value) -> Vec<Diagnostic> { vec![] }
 pub fn check_expression(&self, value: &str, origin: Option<&Origin>) -> Vec<Diagnostic> { vec![] }
 pub fn references_in(&self, value: &Value, scope: &Scope) -> References { References::Unknown }
}
