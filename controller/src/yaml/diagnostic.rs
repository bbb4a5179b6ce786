//! An input error: where it is, what is wrong, what was expected. Data only; `output` draws it.

use super::value::Origin;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is contacted.
    Error,
    /// Said, and gone on.
    Warning,
}

/// One thing wrong with something people wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None` for the command line.
    pub origin: Option<Origin>,
    /// Length of the marked text in characters; 0 marks one place.
    pub length: usize,
    /// What is wrong, a fragment in lower case.
    pub message: String,
    /// What was expected, or the nearest right name.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(origin: Option<Origin>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, origin, length: 0, message: message.into(), help: None }
    }

    /// A warning at a place.
    pub fn warning(origin: Option<Origin>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(origin, message) }
    }

    /// With help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the length of the marked text.
    #[must_use]
    pub fn length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The name among `known` that is nearest to `name`, if it is near enough to be a typing error.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
