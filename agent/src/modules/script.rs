//! `script`: a program of the controller, run on the host and removed again.
//!
//! Its bytes come with the task. They lie in a private folder as long as they run, and never in the journal.

use super::declare::{Spec, param, texts};
use super::raw::{RETURNS, plain};
use super::run_report::{self, text};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::change::Bytes;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};
use luthier_protocol::task::Content;
use std::borrow::Cow;

/// The module.
pub struct Script;

const PARAMS: &[ParamSpec] = &[
    run_report::RAW,
    param("cmd", ParamKind::Str, "The script's file on the controller, and its arguments.").end(),
    param("creates", ParamKind::Path, "Not run when this path or glob exists.").end(),
    param("removes", ParamKind::Path, "Not run unless this path or glob exists.").end(),
    param("chdir", ParamKind::Path, "Directory to run in, absolute.").end(),
    param("executable", ParamKind::Str, "Program to run the script with, and its first arguments.").end(),
    param("decrypt", ParamKind::Bool, "Decrypt a vaulted script before it is sent.").default("true").end(),
];

static SPEC: ModuleSpec = Spec {
    free_form: Some("_raw_params"),
    revertible: false,
    name: "script",
    aliases: texts!["ansible.builtin.script", "ansible.legacy.script"],
    summary: "Send a script of the controller to the host, run it and remove it.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["_raw_params", "cmd"])],
    one_of: &[Cow::Borrowed(texts!["_raw_params", "cmd"])],
    example: "- script: probe.sh --numa\n  args:\n    creates: /var/lib/probe.done\n",
    returns: RETURNS,
}
.end();

impl Module for Script {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let skip = |reason: String| Ok(Wanted { skipped: Some(reason), ..Wanted::default() });
        let condition = |name: &str| text(request, name).filter(|path| !path.is_empty());
        let exists = |path: &str| host.glob_exists(&host.absolute(path));
        if let Some(path) = condition("creates").filter(|path| exists(path)) {
            return skip(format!("{path} exists, matching creates option"));
        }
        if let Some(path) = condition("removes").filter(|path| !exists(path)) {
            return skip(format!("{path} does not exist, matching removes option"));
        }
        if let Some(folder) = text(request, "chdir").filter(|folder| !folder.starts_with('/')) {
            let message = format!("chdir {folder} must be an absolute path for a Unix-aware remote node");
            return Err(ModuleError::new(message));
        }
        let bytes = match request.content {
            Some(Content::Inline(bytes)) => Some(Bytes(bytes.clone())),
            Some(Content::Offered { .. }) => return Ok(Wanted { needs_content: true, ..Wanted::default() }),
            None => return Err(ModuleError::new("the script's content did not come along")),
        };
        let line = text(request, "cmd").or_else(|| text(request, "_raw_params")).unwrap_or_default().trim();
        let arguments = without_first_word(line);
        let program = text(request, "executable").map_or_else(String::new, |program| format!("{program} "));
        let command = format!("{program}\"$0\"{arguments}");
        let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), command];
        let mut wanted = run_report::wanted_with(host, request, argv, line.into(), bytes)?;
        wanted.result.clear();
        Ok(wanted)
    }

    fn report(
        &self,
        _host: &Host,
        _request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        plain(wanted, runs)
    }
}

/// The line behind its first word, with the blank before it; quotes and backslashes bind as in a shell.
fn without_first_word(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' && quote != Some('\'') {
            escaped = true;
        } else if quote == Some(letter) {
            quote = None;
        } else if quote.is_none() && matches!(letter, '\'' | '"') {
            quote = Some(letter);
        } else if quote.is_none() && letter.is_ascii_whitespace() {
            return line.get(at..).unwrap_or_default();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_may_be_quoted() {
        assert_eq!(without_first_word("a.sh -x 'y z'"), " -x 'y z'");
        assert_eq!(without_first_word("'my script.sh' --flag"), " --flag");
        assert_eq!(without_first_word("my\\ script.sh  1"), "  1");
        assert_eq!(without_first_word("a.sh"), "");
    }
}
