//! Colour: whether, and which. Every line must be readable without it.

use crate::event::EventStatus;
use std::io::IsTerminal;

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    /// When the stream is a terminal and `NO_COLOR` is unset.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColourChoice {
    /// Whether to colour what goes to this stream.
    pub fn wanted(self, stream: &impl IsTerminal) -> bool {
        self.decide(
            stream.is_terminal(),
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
        )
    }

    fn decide(self, terminal: bool, no_color: bool, dumb: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && !no_color && !dumb,
        }
    }
}

/// Colours text, or leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(
    /// Whether colours are wanted.
    pub bool,
);

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.code("1", text)
    }

    /// Something of less weight.
    pub fn faint(self, text: &str) -> String {
        self.code("2", text)
    }

    /// An error.
    pub fn error(self, text: &str) -> String {
        self.code("1;31", text)
    }

    /// A warning.
    pub fn warning(self, text: &str) -> String {
        self.code("1;33", text)
    }

    /// A line of a diff, by its first letter.
    pub fn diff_line(self, line: &str) -> String {
        match line.as_bytes().first() {
            Some(b'+') => self.code("32", line),
            Some(b'-') => self.code("31", line),
            Some(b'@') => self.code("36", line),
            _ => line.to_owned(),
        }
    }

    /// Text in the colour of a status, the same as Ansible's.
    pub fn status(self, status: EventStatus, text: &str) -> String {
        self.code(
            match status {
                EventStatus::Ok => "32",
                EventStatus::Changed => "33",
                EventStatus::Failed | EventStatus::Unreachable => "31",
                EventStatus::Skipped => "36",
            },
            text,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_colour_needs_a_terminal_that_wants_it() {
        assert!(ColourChoice::Auto.decide(true, false, false));
        assert!(!ColourChoice::Auto.decide(false, false, false));
        assert!(!ColourChoice::Auto.decide(true, true, false));
        assert!(!ColourChoice::Auto.decide(true, false, true));
        assert!(ColourChoice::Always.decide(false, true, true));
        assert!(!ColourChoice::Never.decide(true, false, false));
    }

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Paint(false).error("x"), "x");
        assert_eq!(Paint(true).diff_line("+x"), "\x1b[32m+x\x1b[0m");
    }
}
