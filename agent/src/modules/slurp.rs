//! `slurp`: a file's content, in Base64.

use super::declare::{Spec, param, returned, texts};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::{Host, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::MAX_RESULT;
use std::io::ErrorKind;

const PARAMS: &[ParamSpec] = &[param("src", ParamKind::Path, "The file.").also(texts!["path"]).required().end()];

const RETURNS: &[ReturnSpec] = &[
    returned("content", "The content in Base64."),
    returned("source", "The file's path."),
    returned("encoding", "Always `base64`."),
];

static SPEC: ModuleSpec = Spec {
    name: "slurp",
    aliases: texts!["ansible.builtin.slurp", "ansible.legacy.slurp"],
    summary: "Fetch a file's content into the task's result.",
    params: PARAMS,
    example: "- slurp:\n    src: /proc/cmdline\n  register: cmdline\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// Base64 makes four bytes of three, and the result holds a little more than the content.
const LARGEST: u64 = (MAX_RESULT as u64 - 64 * 1024) / 4 * 3;

/// The module.
pub struct Slurp;

impl Module for Slurp {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let source = host.absolute(request.needed("src")?);
        let stat = host.stat(&source).map_err(|error| ModuleError::new(format!("cannot read {source}: {error}")))?;
        match stat {
            None => return Err(ModuleError::new(format!("File not found: {source}"))),
            Some(stat) if stat.kind == Kind::Directory => {
                return Err(ModuleError::new(format!("Source is a directory and must be a file: {source}")));
            }
            Some(stat) if stat.size > LARGEST => {
                let limit = LARGEST >> 20;
                let message = format!("{source} has {} bytes: at most {limit} MiB fit into a result", stat.size);
                return Err(ModuleError::new(message));
            }
            Some(_) => {}
        }
        let bytes = host.read(&source).map_err(|error| {
            ModuleError::new(match error.kind() {
                ErrorKind::PermissionDenied => format!("File is not readable: {source}"),
                _ => format!("Unable to slurp file: {source}: {error}"),
            })
        })?;
        let mut result = Map::new();
        result.insert("content".to_owned(), STANDARD.encode(bytes).into());
        result.insert("source".to_owned(), source.into());
        result.insert("encoding".to_owned(), "base64".into());
        Ok(Wanted { result, ..Wanted::default() })
    }
}
