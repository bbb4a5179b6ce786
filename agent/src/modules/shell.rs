//! `shell`: run a line through `/bin/sh` (or another shell). As `command`, with pipes, redirections and globs.

use super::run_report::{self, text};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};
use std::borrow::Cow;

/// The module.
pub struct Shell;

const EXECUTABLE: ParamSpec = ParamSpec {
    name: Cow::Borrowed("executable"),
    aliases: Cow::Borrowed(&[]),
    kind: ParamKind::Path,
    required: false,
    default: None,
    choices: Cow::Borrowed(&[]),
    doc: Cow::Borrowed("Absolute path of the shell; `/bin/sh` when not given."),
};

static SPEC: ModuleSpec = ModuleSpec {
    name: Cow::Borrowed("shell"),
    aliases: Cow::Borrowed(&[Cow::Borrowed("ansible.builtin.shell"), Cow::Borrowed("ansible.legacy.shell")]),
    summary: Cow::Borrowed("Run a line through a shell."),
    params: Cow::Borrowed(&[
        run_report::CMD,
        run_report::RAW,
        run_report::CHDIR,
        run_report::CREATES,
        run_report::REMOVES,
        run_report::STDIN,
        run_report::STDIN_NEWLINE,
        EXECUTABLE,
    ]),
    free_form: Some(Cow::Borrowed("_raw_params")),
    mutually_exclusive: Cow::Borrowed(&[Cow::Borrowed(&[Cow::Borrowed("cmd"), Cow::Borrowed("_raw_params")])]),
    required_one_of: Cow::Borrowed(&[Cow::Borrowed(&[Cow::Borrowed("cmd"), Cow::Borrowed("_raw_params")])]),
    revertible: false,
    example: Cow::Borrowed("- name: Count the PCI devices\n  shell: ls /sys/bus/pci/devices | wc -l\n"),
    returns: Cow::Borrowed(&run_report::RETURNS),
};

impl Module for Shell {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let line = text(request, "cmd").or_else(|| text(request, "_raw_params")).unwrap_or_default();
        if line.trim().is_empty() {
            return Err(ModuleError::new("no command given").with("rc", 256));
        }
        let shell = text(request, "executable").unwrap_or("/bin/sh");
        let argv = vec![shell.to_owned(), "-c".to_owned(), line.to_owned()];
        run_report::wanted(host, request, argv, line.into())
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
