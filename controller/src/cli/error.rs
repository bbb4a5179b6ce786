//! What a command can end with instead of an exit code.

use super::ExitCode;
use crate::history::HistoryError;
use crate::yaml::{Diagnostic, Severity};
use std::error::Error;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Something people wrote is wrong: all that is, at once. Nothing was contacted.
    #[error("{} errors in the input", .0.len())]
    Input(Vec<Diagnostic>),
    /// Anything else, with the exit code it leads to.
    #[error("{message}")]
    Failed {
        /// The exit code.
        exit: ExitCode,
        /// What was tried, and what went wrong.
        message: String,
        /// What would help.
        hint: Option<String>,
        /// Why.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl CliError {
    /// The command line asks for something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Failed { exit: ExitCode::BadInput, message: message.into(), hint: None, source: None }
    }

    /// Something failed that leads to this exit code.
    pub fn failed(exit: ExitCode, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Failed { exit, message: "failed".to_owned(), hint: None, source: Some(Box::new(error)) }
            .message_of_source()
    }

    /// Text without an error value behind it.
    pub fn message(exit: ExitCode, message: impl Into<String>) -> Self {
        Self::Failed { exit, message: message.into(), hint: None, source: None }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Failed { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::BadInput,
            Self::Failed { exit, .. } => *exit,
        }
    }

    /// Errors are fragments that follow "failed to".
    fn message_of_source(self) -> Self {
        match self {
            Self::Failed { exit, hint, source: Some(source), .. } => {
                let mut message = format!("failed to {source}");
                let mut cause = source.source();
                while let Some(inner) = cause {
                    message.push_str(": ");
                    message.push_str(&inner.to_string());
                    cause = inner.source();
                }
                Self::Failed { exit, message, hint, source: None }
            }
            other => other,
        }
    }
}

impl From<Diagnostic> for CliError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Input(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for CliError {
    /// Warnings alone are no error, but whoever hands them over as one is believed.
    fn from(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity == Severity::Warning);
        Self::Input(diagnostics)
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        let asked =
            matches!(error, HistoryError::UnknownRun(_) | HistoryError::NoRuns(_) | HistoryError::Ambiguous { .. });
        if asked {
            Self::failed(ExitCode::BadInput, error).hint("`luthier runs` lists the runs there are")
        } else {
            Self::failed(ExitCode::Internal, error)
        }
    }
}
