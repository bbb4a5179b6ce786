//! Draws input errors: where, the source line, what is wrong, what was expected. All at once, in the order of the files.

use super::{Paint, escape, escape_lines};
use crate::yaml::{Diagnostic, Origin as Place, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// A longer line (a minified file, a vaulted value) is not shown.
const LONGEST_LINE: usize = 2000;

/// All diagnostics as text for stderr, with the lines of the files they are about.
pub fn render_diagnostics(diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut sources: HashMap<&Path, Option<String>> = HashMap::new();
    let mut out = String::new();
    let mut told: Vec<&Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        // The same file read for many hosts says the same thing many times.
        if told.contains(&diagnostic) {
            continue;
        }
        told.push(diagnostic);
        let source = diagnostic.origin.as_ref().and_then(|origin| {
            sources
                .entry(&origin.file)
                .or_insert_with(|| std::fs::read(&*origin.file).ok().map(|b| String::from_utf8_lossy(&b).into_owned()))
                .as_deref()
        });
        let _ = writeln!(out, "{}\n", one(diagnostic, source, &renderer));
    }
    let errors = told.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if errors > 1 {
        let _ = writeln!(out, "{}: {errors} input errors; nothing was contacted", Paint(colour).error("error"));
    }
    out
}

/// One error that is about no place in a file: message, causes, hint.
pub fn render_error(error: &(dyn std::error::Error + 'static), hint: Option<&str>, colour: bool) -> String {
    let paint = Paint(colour);
    let mut message = escape_lines(&error.to_string()).into_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // Some libraries repeat their cause in their own text.
        if !message.ends_with(text.as_str()) {
            let _ = write!(message, ": {}", escape_lines(&text));
        }
        cause = inner.source();
    }
    let mut out = format!("{}: {message}\n", paint.error("error"));
    if let Some(hint) = hint {
        let _ = writeln!(out, "{}: {}", paint.heading("help"), escape_lines(hint));
    }
    out
}

fn one(diagnostic: &Diagnostic, source: Option<&str>, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = escape_lines(&diagnostic.message).into_owned();
    let mut group: Group<'_> = match &diagnostic.origin {
        None => Group::with_title(level.primary_title(message)),
        Some(place) => {
            let path = escape(&place.file.to_string_lossy()).into_owned();
            let group = level.primary_title(message);
            match source.and_then(|source| excerpt(source, place, diagnostic.length)) {
                Some((line, span)) => group.element(
                    Snippet::source(line)
                        .line_start(place.line)
                        .path(path)
                        .annotation(AnnotationKind::Primary.span(span)),
                ),
                None => group.element(Origin::path(path).line(place.line).char_column(place.column)),
            }
        }
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(escape_lines(help).into_owned()));
    }
    renderer.render(&[group])
}

/// The line of a place, and the marked bytes within it.
fn excerpt(source: &str, place: &Place, length: usize) -> Option<(String, std::ops::Range<usize>)> {
    let line = source.lines().nth(place.line.checked_sub(1)?)?;
    if line.len() > LONGEST_LINE {
        return None;
    }
    let start = place.column.checked_sub(1)?;
    let offset = |letters: usize| line.char_indices().nth(letters).map_or(line.len(), |(at, _)| at);
    if start > line.chars().count() {
        return None;
    }
    Some((line.to_owned(), offset(start)..offset(start + length.max(1))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn place(file: &Path, line: usize, column: usize) -> Option<Place> {
        Some(Place { file: file.into(), line, column })
    }

    #[test]
    fn says_where_what_and_what_was_expected() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("site.yml");
        std::fs::write(&file, "- hosts: all\n  tasks:\n    - größe: {pth: /x}\n").unwrap();
        let first =
            Diagnostic::error(place(&file, 3, 7), "unknown module \"größe\"").length(5).help("did you mean \"copy\"?");
        let text = render_diagnostics(&[first.clone(), first], false).replace(&*dir.path().to_string_lossy(), "DIR");
        assert_eq!(
            text,
            "error: unknown module \"größe\"\n --> DIR/site.yml:3:7\n  |\n3 |     - größe: {pth: /x}\n  |       ^^^^^\n  |\n  = help: did you mean \"copy\"?\n\n"
        );
    }

    #[test]
    fn all_at_once_also_without_a_source() {
        let gone = Path::new("/nonexistent/x.yml");
        let text = render_diagnostics(
            &[Diagnostic::error(place(gone, 7, 3), "bad\x1b[2J"), Diagnostic::error(None, "no hosts matched")],
            false,
        );
        assert!(text.contains("error: bad\\x1b[2J\n--> /nonexistent/x.yml:7:3\n"), "{text}");
        assert!(text.contains("error: no hosts matched\n"), "{text}");
        assert!(text.ends_with("error: 2 input errors; nothing was contacted\n"), "{text}");
    }

    #[test]
    fn a_place_beyond_the_file_is_still_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts");
        std::fs::write(&file, "web\n").unwrap();
        let text = render_diagnostics(&[Diagnostic::error(place(&file, 9, 1), "unexpected end")], false);
        assert!(text.contains("hosts:9:1"), "{text}");
    }

    #[test]
    fn causes_follow_the_message() {
        let error = std::io::Error::other(std::io::Error::new(std::io::ErrorKind::NotFound, "inner"));
        assert_eq!(render_error(&error, Some("look"), false), "error: inner\nhelp: look\n");
    }
}
