//! `command`: run a program without a shell.
//!
//! What it changes nobody can know: it counts as changed whenever it runs, and `creates`/`removes` say when it need not.

use super::run_report::{self, text};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};
use luthier_protocol::{Map, Value};
use std::borrow::Cow;

/// The module.
pub struct Command;

/// Expand variables of the environment in arguments.
const EXPAND: ParamSpec = ParamSpec {
    name: Cow::Borrowed("expand_argument_vars"),
    aliases: Cow::Borrowed(&[]),
    kind: ParamKind::Bool,
    required: false,
    default: Some(Cow::Borrowed("true")),
    choices: Cow::Borrowed(&[]),
    doc: Cow::Borrowed("Replace `$NAME`, `${NAME}` and a leading `~` in arguments."),
};

static SPEC: ModuleSpec = ModuleSpec {
    name: Cow::Borrowed("command"),
    aliases: Cow::Borrowed(&[Cow::Borrowed("ansible.builtin.command"), Cow::Borrowed("ansible.legacy.command")]),
    summary: Cow::Borrowed("Run a program, without a shell."),
    params: Cow::Borrowed(&[
        run_report::CMD,
        run_report::RAW,
        run_report::ARGV,
        run_report::CHDIR,
        run_report::CREATES,
        run_report::REMOVES,
        run_report::STDIN,
        run_report::STDIN_NEWLINE,
        run_report::STRIP,
        EXPAND,
    ]),
    free_form: Some(Cow::Borrowed("_raw_params")),
    mutually_exclusive: Cow::Borrowed(&[Cow::Borrowed(&[
        Cow::Borrowed("cmd"),
        Cow::Borrowed("argv"),
        Cow::Borrowed("_raw_params"),
    ])]),
    required_one_of: Cow::Borrowed(&[Cow::Borrowed(&[
        Cow::Borrowed("cmd"),
        Cow::Borrowed("argv"),
        Cow::Borrowed("_raw_params"),
    ])]),
    revertible: false,
    example: Cow::Borrowed("- name: See the running kernel\n  command: uname -r\n"),
    returns: Cow::Borrowed(&run_report::RETURNS),
};

impl Module for Command {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let mut argv = match (request.params.get("argv"), line(request)) {
            (Some(Value::Array(words)), _) => words.iter().map(word).collect(),
            (_, Some(line)) => words(line).map_err(ModuleError::new)?,
            _ => Vec::new(),
        };
        if argv.first().is_none_or(String::is_empty) {
            return Err(ModuleError::new("no command given").with("rc", 256));
        }
        let cmd: Value = argv.clone().into();
        if request.params.get("expand_argument_vars") != Some(&Value::Bool(false)) {
            for word in &mut argv {
                *word = expand(host, word, request);
            }
        }
        run_report::wanted(host, request, argv, cmd)
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        run_report::report(host, request, wanted, runs)
    }
}

fn line<'a>(request: &'a Request<'_>) -> Option<&'a str> {
    text(request, "cmd").or_else(|| text(request, "_raw_params"))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Split a line into words as Python's `shlex.split` does: single quotes, double quotes, backslashes.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some(letter) => word.push(letter),
                        None => return Err("No closing quotation".to_owned()),
                    }
                }
            }
            '"' => quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => match letters.next() {
                Some(letter) => word.get_or_insert_default().push(letter),
                None => return Err("No escaped character".to_owned()),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a double-quoted part: a backslash escapes only itself and the quote.
fn quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    loop {
        match letters.next() {
            Some('"') => return Ok(()),
            Some('\\') => match letters.next() {
                Some(letter @ ('"' | '\\')) => word.push(letter),
                Some(letter) => word.extend(['\\', letter]),
                None => return Err("No escaped character".to_owned()),
            },
            Some(letter) => word.push(letter),
            None => return Err("No closing quotation".to_owned()),
        }
    }
}

/// Variables and a leading `~` replaced; what is not set stays as it is.
fn expand(host: &Host, word: &str, request: &Request<'_>) -> String {
    let variable = |name: &str| request.environment.get(name).cloned().or_else(|| crate::host::sys::variable(name));
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    if let Some(after) = word.strip_prefix('~') {
        let (user, tail) = after.split_at(after.find('/').unwrap_or(after.len()));
        let home = if user.is_empty() {
            variable("HOME").or_else(|| host.account_of(crate::host::sys::uid()).map(|account| account.home))
        } else {
            host.account(user).map(|account| account.home)
        };
        if let Some(home) = home {
            out.push_str(&home);
            rest = tail;
        }
    }
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, tail) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, tail)) => (name, tail),
            None => {
                let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                after.split_at(end.unwrap_or(after.len()))
            }
        };
        match variable(name) {
            Some(value) if !name.is_empty() => {
                out.push_str(&value);
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use luthier_protocol::task::Revert;
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn a_line_splits_as_in_python() {
        let split = |line: &str| words(line);
        assert_eq!(
            split("a 'b c' \"d \\\" e\" f\\ g ''"),
            Ok(vec!["a".into(), "b c".into(), "d \" e".into(), "f g".into(), String::new()])
        );
        assert_eq!(split("x \"a\\n\""), Ok(vec!["x".into(), "a\\n".into()]));
        assert!(split("'open").is_err());
    }

    #[test]
    fn variables_are_replaced_where_they_are_set() {
        let environment = BTreeMap::from([("NAME".to_owned(), "value".to_owned())]);
        let params = Map::new();
        let request = Request {
            params: &params,
            content: None,
            environment: &environment,
            revert: &Revert::Unsaid,
            elapsed: Duration::ZERO,
            stop: None,
            prepared: false,
            said: &[],
            deadline: None,
        };
        let expanded = |word: &str| expand(&Host::live(), word, &request);
        assert_eq!(expanded("${NAME}/$NAME.x"), "value/value.x");
        assert_eq!(expanded("$NOT_SET_ANYWHERE ${} $5 end$"), "$NOT_SET_ANYWHERE ${} $5 end$");
    }
}
