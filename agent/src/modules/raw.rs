//! `raw`: one line through the login shell of whoever carries the task out, and what it printed, untouched.
//!
//! Elsewhere this is for hosts without an interpreter. The agent needs none, so nothing is special about it here: a host
//! on which the agent cannot run is unreachable for `raw` too.

use super::declare::{Spec, param, returned, texts};
use super::run_report::{self, text};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

/// The module.
pub struct Raw;

const PARAMS: &[ParamSpec] = &[
    run_report::RAW,
    param("executable", ParamKind::Path, "Absolute path of the shell; the user's login shell when not given.").end(),
];

/// Return values of commands that are run as they are.
pub(super) const RETURNS: &[ReturnSpec] = &[
    returned("rc", "Exit status; 128 + n for signal n."),
    returned("stdout", "Standard output."),
    returned("stdout_lines", "Standard output as a list of lines."),
    returned("stderr", "Standard error."),
    returned("stderr_lines", "Standard error as a list of lines."),
];

static SPEC: ModuleSpec = Spec {
    free_form: Some("_raw_params"),
    revertible: false,
    name: "raw",
    aliases: texts!["ansible.builtin.raw", "ansible.legacy.raw"],
    summary: "Run a line through the login shell.",
    params: PARAMS,
    one_of: &[Cow::Borrowed(texts!["_raw_params"])],
    example: "- raw: cat /proc/cmdline\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

impl Module for Raw {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let line = text(request, "_raw_params").unwrap_or_default();
        if line.trim().is_empty() {
            return Err(ModuleError::new("no command given").with("rc", 256));
        }
        let login = || host.account_of(crate::host::sys::uid()).map(|account| account.shell);
        let shell = text(request, "executable").map(str::to_owned).or_else(login).filter(|shell| !shell.is_empty());
        let argv = vec![shell.unwrap_or_else(|| "/bin/sh".to_owned()), "-c".to_owned(), line.to_owned()];
        let mut wanted = run_report::wanted(host, request, argv, line.into())?;
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

/// What a command printed, as it is.
pub(super) fn plain(wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
    let Some(run) = runs.first() else { return Ok(wanted.result.clone()) };
    let (stdout, stderr) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let result = Map::from_iter([
        ("rc".to_owned(), run.rc.into()),
        ("stdout_lines".to_owned(), run_report::lines(&stdout)),
        ("stderr_lines".to_owned(), run_report::lines(&stderr)),
        ("stdout".to_owned(), stdout.into()),
        ("stderr".to_owned(), stderr.into()),
    ]);
    if run.rc == 0 { Ok(result) } else { Err(ModuleError { message: "non-zero return code".to_owned(), result }) }
}
