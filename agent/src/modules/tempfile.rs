//! `tempfile`: a file or directory of a name that nobody has, for this user only.

use super::answer::is_directory;
use super::declare::{Spec, param, returned, texts};
use super::placement::change;
use super::{Module, ModuleError, Request, Wanted};
use crate::host::paths::join;
use crate::host::{Host, sys};
use luthier_protocol::Map;
use luthier_protocol::change::{Bytes, Meta, Reversal, State};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

/// Random letters of a name.
const LETTERS: usize = 8;

const PARAMS: &[ParamSpec] = &[
    param("state", ParamKind::Str, "What to make.").default("file").one_of(texts!["file", "directory"]).end(),
    param("path", ParamKind::Path, "Directory to make it in; `TMPDIR` or /tmp when not given.").end(),
    param("prefix", ParamKind::Str, "Start of its name.").default("ansible.").end(),
    param("suffix", ParamKind::Str, "End of its name.").default("").end(),
];

const RETURNS: &[ReturnSpec] = &[returned("path", "Its path.")];

static SPEC: ModuleSpec = Spec {
    name: "tempfile",
    aliases: texts!["ansible.builtin.tempfile", "ansible.legacy.tempfile"],
    summary: "Make a temporary file or directory.",
    params: PARAMS,
    example: "- tempfile:\n    state: directory\n    suffix: build\n  register: scratch\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct TempFile;

impl Module for TempFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let variable = || request.environment.get("TMPDIR").cloned().or_else(|| sys::variable("TMPDIR"));
        let usual = || variable().filter(|path| is_directory(host, path)).unwrap_or_else(|| "/tmp".to_owned());
        let folder = request.text("path").map_or_else(usual, str::to_owned);
        let word = sys::random_word().map_err(|error| ModuleError::new(format!("cannot make up a name: {error}")))?;
        let word = word.get(..LETTERS).unwrap_or(&word);
        let (prefix, suffix) = (request.text("prefix").unwrap_or("ansible."), request.text("suffix"));
        let name = format!("{prefix}{word}{}", suffix.unwrap_or_default());
        let path = join(&host.absolute(&folder), name.trim_start_matches('/'));
        if !is_directory(host, &host.absolute(&folder)) {
            return Err(ModuleError::new(format!("[Errno 2] No such file or directory: '{path}'")));
        }
        let who = host.who();
        let meta = |mode| Meta { mode, uid: who.uid, gid: who.gid, times: None };
        let after = match request.text("state") {
            Some("directory") => State::Directory { meta: meta(0o700) },
            _ => State::File { content: Some(Bytes(Vec::new())), meta: meta(0o600) },
        };
        let result = Map::from_iter([("path".to_owned(), path.as_str().into())]);
        // Asked again it would be another name: it does not converge.
        let changes = vec![change(&path, State::Absent, after, Reversal::Yes, false)];
        Ok(Wanted { changes, result, ..Wanted::default() })
    }
}
