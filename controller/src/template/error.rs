//! What can go wrong in a template, and where.

use crate::yaml::Origin;
use std::fmt;

/// The kind of a template error; callers treat undefined names apart (`ignore_errors`, `until`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// A name, attribute or item that does not exist was used.
    Undefined,
    /// The template cannot be parsed.
    Syntax,
    /// Everything else: wrong types, failing filters and lookups.
    Other,
}

/// An error of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// The kind.
    pub kind: TemplateErrorKind,
    /// What is wrong, a fragment such as `'foo' is undefined`.
    pub message: String,
    /// Where, as exactly as known.
    pub origin: Option<Origin>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.origin {
            Some(origin) => write!(f, " ({origin})"),
            None => Ok(()),
        }
    }
}

/// An error on its way out of the interpreter: boxed, because results are returned from every expression.
#[derive(Debug, Clone)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: TemplateErrorKind,
    message: String,
    /// Line and column inside the template text, counted from 1.
    at: Option<(usize, usize)>,
    /// The place in a file; once it is known, outer templates do not change it.
    origin: Option<Origin>,
}

/// Result inside the interpreter.
pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    fn of(kind: TemplateErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), at: None, origin: None }))
    }

    /// A plain error.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::of(TemplateErrorKind::Other, message)
    }

    /// Use of something undefined.
    pub(super) fn undefined(message: impl Into<String>) -> Self {
        Self::of(TemplateErrorKind::Undefined, message)
    }

    /// A template that cannot be parsed.
    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self::of(TemplateErrorKind::Syntax, message)
    }

    pub(super) fn is_undefined(&self) -> bool {
        self.0.kind == TemplateErrorKind::Undefined
    }

    pub(super) fn message(&self) -> &str {
        &self.0.message
    }

    /// Notes the place inside the template text, if none is known yet.
    #[must_use]
    pub(super) fn at(mut self, at: (usize, usize)) -> Self {
        if self.0.at.is_none() && self.0.origin.is_none() {
            self.0.at = Some(at);
        }
        self
    }

    /// Turns the place inside the text into a place in a file.
    #[must_use]
    pub(super) fn resolve(mut self, place: impl FnOnce(Option<(usize, usize)>) -> Option<Origin>) -> Self {
        if self.0.origin.is_none() {
            self.0.origin = place(self.0.at.take());
        }
        self
    }

    /// Says in front which plugin or variable failed.
    #[must_use]
    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        if !self.is_undefined() {
            self.0.message = format!("{prefix}: {}", self.0.message);
        }
        self
    }
}

impl From<Fault> for TemplateError {
    fn from(fault: Fault) -> Self {
        let Inner { kind, message, origin, .. } = *fault.0;
        Self { kind, message, origin }
    }
}
