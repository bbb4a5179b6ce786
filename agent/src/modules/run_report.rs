//! What `command` and `shell` share: their conditions, their one change, and their return values.
//!
//! They are the declared exceptions to the rule that a module knows what it changes: one command that is not revertible
//! unless the task's `revert:` says how.

use super::{ModuleError, Request, RunOutput, Wanted};
use crate::host::{Civil, Host};
use luthier_protocol::change::{Bytes, Change, Resource, Reversal, Run, Scope, State};
use luthier_protocol::spec::{ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Revert;
use luthier_protocol::{Map, Value};
use std::borrow::Cow;

const fn param(name: &'static str, kind: ParamKind, default: Option<&'static str>, doc: &'static str) -> ParamSpec {
    let default = match default {
        Some(text) => Some(Cow::Borrowed(text)),
        None => None,
    };
    ParamSpec {
        name: Cow::Borrowed(name),
        aliases: Cow::Borrowed(&[]),
        kind,
        required: false,
        default,
        choices: Cow::Borrowed(&[]),
        doc: Cow::Borrowed(doc),
    }
}

/// The command as one line.
pub const CMD: ParamSpec = param("cmd", ParamKind::Str, None, "The command as one line.");
/// The free-form text.
pub const RAW: ParamSpec = param("_raw_params", ParamKind::Str, None, "The command as the task's free-form text.");
/// The command as words.
pub const ARGV: ParamSpec =
    param("argv", ParamKind::List, None, "The command as a list of words, which nothing splits or expands.");
/// Working directory.
pub const CHDIR: ParamSpec = param("chdir", ParamKind::Path, None, "Directory to run in.");
/// Condition.
pub const CREATES: ParamSpec = param("creates", ParamKind::Path, None, "Not run when this path or glob exists.");
/// Condition.
pub const REMOVES: ParamSpec = param("removes", ParamKind::Path, None, "Not run unless this path or glob exists.");
/// Standard input.
pub const STDIN: ParamSpec = param("stdin", ParamKind::Str, None, "Text for its standard input.");
/// Newline after standard input.
pub const STDIN_NEWLINE: ParamSpec =
    param("stdin_add_newline", ParamKind::Bool, Some("true"), "Put a newline after `stdin`.");
/// Strip output.
pub const STRIP: ParamSpec =
    param("strip_empty_ends", ParamKind::Bool, Some("true"), "Strip newlines from the end of stdout and stderr.");

const fn value(name: &'static str, doc: &'static str) -> ReturnSpec {
    ReturnSpec { name: Cow::Borrowed(name), doc: Cow::Borrowed(doc) }
}

/// Return values of both.
pub static RETURNS: [ReturnSpec; 9] = [
    value("cmd", "The command that ran."),
    value("rc", "Exit status; 128 + n for signal n."),
    value("stdout", "Standard output."),
    value("stdout_lines", "Standard output as a list of lines."),
    value("stderr", "Standard error."),
    value("stderr_lines", "Standard error as a list of lines."),
    value("start", "When it started, in the host's local time."),
    value("end", "When it ended."),
    value("delta", "How long it took."),
];

/// A text parameter.
pub fn text<'a>(request: &'a Request<'_>, name: &str) -> Option<&'a str> {
    request.params.get(name).and_then(Value::as_str)
}

fn flag(request: &Request<'_>, name: &str) -> bool {
    request.params.get(name).and_then(Value::as_bool).unwrap_or(true)
}

/// One change that runs `argv`, unless `creates` or `removes` say that it need not; `cmd` is how results show it.
pub fn wanted(host: &Host, request: &Request<'_>, argv: Vec<String>, cmd: Value) -> Result<Wanted, ModuleError> {
    wanted_with(host, request, argv, cmd, None)
}

/// The same for a command that is given a program as a file.
pub fn wanted_with(
    host: &Host,
    request: &Request<'_>,
    argv: Vec<String>,
    cmd: Value,
    script: Option<Bytes>,
) -> Result<Wanted, ModuleError> {
    let chdir = text(request, "chdir").map(str::to_owned);
    if let Some(folder) = &chdir {
        let is_folder = host.stat(folder).ok().flatten().is_some_and(|stat| stat.kind == crate::host::Kind::Directory);
        if !is_folder {
            let message = format!("Unable to change directory before execution: {folder} is no directory");
            return Err(ModuleError::new(message).with("cmd", cmd));
        }
    }
    let mut result = blank(&cmd);
    if let Some(reason) = needless(host, request, chdir.as_deref()) {
        result.insert("msg".to_owned(), format!("Did not run command since {reason}").into());
        result.insert("stdout".to_owned(), format!("skipped, since {reason}").into());
        result.insert("stdout_lines".to_owned(), vec![format!("skipped, since {reason}")].into());
        return Ok(Wanted { result, ..Wanted::default() });
    }
    result.insert("msg".to_owned(), "Command would have run if not in check mode".into());
    let stdin = text(request, "stdin").map(|text| {
        let newline = if flag(request, "stdin_add_newline") { "\n" } else { "" };
        Bytes(format!("{text}{newline}").into_bytes())
    });
    let (undo, revert) = match request.revert {
        Revert::Command(line) => (Some(line.clone()), Reversal::Yes),
        Revert::Never => (None, Reversal::No("the task says `revert: none`".to_owned())),
        Revert::Unsaid => {
            (None, Reversal::No("a command cannot be undone unless the task's `revert:` says how".to_owned()))
        }
    };
    let label = cmd.as_str().map_or_else(|| argv.join(" "), str::to_owned);
    let change = Change {
        resource: Resource::Command(label),
        before: State::NotRun,
        after: State::Run(Run { argv, chdir, stdin, undo, script, ..Run::default() }),
        scope: Scope::Live,
        converges: false,
        revert,
    };
    Ok(Wanted { changes: vec![change], result, ..Wanted::default() })
}

/// A command that a module knows how to undo: the words of the command that does so, or nothing.
pub fn command(argv: Vec<String>, back: Option<&[String]>) -> Result<Change, ModuleError> {
    let line = |words: &[String]| {
        shlex::try_join(words.iter().map(String::as_str)).map_err(|_| ModuleError::new("a NUL byte in a command"))
    };
    let undo = back.map(line).transpose()?;
    let revert =
        if undo.is_some() { Reversal::Yes } else { Reversal::No("nothing is known that undoes it".to_owned()) };
    Ok(Change {
        resource: Resource::Command(line(&argv)?),
        before: State::NotRun,
        after: State::Run(Run { argv, undo, ..Run::default() }),
        scope: Scope::Live,
        converges: false,
        revert,
    })
}

/// Why the command need not run.
pub fn needless(host: &Host, request: &Request<'_>, chdir: Option<&str>) -> Option<String> {
    let exists = |pattern: &str| {
        let folder = chdir.unwrap_or("/");
        let full = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{folder}/{pattern}") };
        host.glob_exists(&full)
    };
    if let Some(pattern) = text(request, "creates")
        && exists(pattern)
    {
        return Some(format!("'{pattern}' exists"));
    }
    match text(request, "removes") {
        Some(pattern) if !exists(pattern) => Some(format!("'{pattern}' does not exist")),
        _ => None,
    }
}

/// Return values of a command that has not run.
fn blank(cmd: &Value) -> Map {
    Map::from_iter([
        ("cmd".to_owned(), cmd.clone()),
        ("rc".to_owned(), 0.into()),
        ("stdout".to_owned(), "".into()),
        ("stderr".to_owned(), "".into()),
        ("stdout_lines".to_owned(), Value::Array(Vec::new())),
        ("stderr_lines".to_owned(), Value::Array(Vec::new())),
        ("start".to_owned(), Value::Null),
        ("end".to_owned(), Value::Null),
        ("delta".to_owned(), Value::Null),
    ])
}

/// Return values of a command that ran; a return code other than zero is a failure.
pub fn report(host: &Host, request: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
    let Some(run) = runs.first() else { return Ok(wanted.result.clone()) };
    let strip = flag(request, "strip_empty_ends");
    let output = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.into_owned() }
    };
    let (stdout, stderr) = (output(&run.stdout), output(&run.stderr));
    let result = Map::from_iter([
        ("cmd".to_owned(), wanted.result.get("cmd").cloned().unwrap_or_default()),
        ("rc".to_owned(), run.rc.into()),
        ("stdout_lines".to_owned(), lines(&stdout)),
        ("stderr_lines".to_owned(), lines(&stderr)),
        ("stdout".to_owned(), stdout.into()),
        ("stderr".to_owned(), stderr.into()),
        ("start".to_owned(), moment(host, run.start).into()),
        ("end".to_owned(), moment(host, run.end).into()),
        ("delta".to_owned(), delta(run.start, run.end).into()),
        ("msg".to_owned(), "".into()),
    ]);
    if run.rc == 0 { Ok(result) } else { Err(ModuleError { message: "non-zero return code".to_owned(), result }) }
}

/// Lines as Python's `splitlines` sees them.
pub fn lines(text: &str) -> Value {
    let ends = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = text.replace("\r\n", "\n");
    let mut lines: Vec<&str> = text.split(ends).collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    lines.into()
}

/// `2026-11-22 17:45:01.003112`, the host's local time.
fn moment(host: &Host, (seconds, nanoseconds): (i64, u32)) -> String {
    let Civil { year, month, day, hour, minute, second } = host.local(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:06}", nanoseconds / 1000)
}

/// `0:00:00.003112`, with days before it where there are any.
fn delta(start: (i64, u32), end: (i64, u32)) -> String {
    let micros = |(seconds, nanoseconds): (i64, u32)| i128::from(seconds) * 1_000_000 + i128::from(nanoseconds / 1000);
    // The clock may have been set back in between.
    let total = (micros(end) - micros(start)).max(0);
    let (seconds, fraction) = (total / 1_000_000, total % 1_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{}:{:02}:{:02}.{fraction:06}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => time,
        1 => format!("1 day, {time}"),
        _ => format!("{days} days, {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_written_as_python_writes_it() {
        assert_eq!(delta((10, 0), (10, 3_112_000)), "0:00:00.003112");
        assert_eq!(delta((0, 0), (90_061, 0)), "1 day, 1:01:01.000000");
        assert_eq!(delta((10, 0), (9, 0)), "0:00:00.000000");
    }

    #[test]
    fn lines_end_as_in_python() {
        assert_eq!(lines("a\r\nb\n\nc\n"), serde_json::json!(["a", "b", "", "c"]));
        assert_eq!(lines(""), serde_json::json!([]));
    }
}
