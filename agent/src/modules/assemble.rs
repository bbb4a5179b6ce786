//! `assemble`: a file made of the files of a directory, in the order of their names.

use super::answer::{failed_to, is_directory, with_path_info};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::pattern::text_pattern;
use super::put::{Put, put};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::paths::join;
use crate::host::{Host, Kind};
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("src", ParamKind::Path, "Directory of the fragments, on the host.").required().end(),
    param("dest", ParamKind::Path, "The file.").required().end(),
    param("delimiter", ParamKind::Str, "Line between two fragments; `\\n` and kin are understood.").end(),
    param("regexp", ParamKind::Str, "Only fragments whose names match.").end(),
    param("ignore_hidden", ParamKind::Bool, "Pass over names that begin with a dot.").default("false").end(),
    param("remote_src", ParamKind::Bool, "The fragments are on the host; those of the controller are refused.")
        .default("true")
        .end(),
    param("decrypt", ParamKind::Bool, "Accepted.").default("true").end(),
    BACKUP,
    MODE,
    OWNER,
    GROUP,
    ATTRIBUTES,
    SEUSER,
    SEROLE,
    SETYPE,
    SELEVEL,
    UNSAFE_WRITES,
    VALIDATE,
];

const RETURNS: &[ReturnSpec] = &[
    returned("src", "The directory."),
    returned("dest", "The file."),
    returned("checksum", "SHA-1 of the content."),
    returned("md5sum", "MD5 of the content."),
    returned("backup_file", "Where the old file is kept."),
];

static SPEC: ModuleSpec = Spec {
    name: "assemble",
    aliases: texts!["ansible.builtin.assemble", "ansible.legacy.assemble"],
    summary: "Make a file of the files of a directory.",
    params: PARAMS,
    example: "- assemble:\n    src: /etc/tuned/parts\n    dest: /etc/tuned/all.conf\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Assemble;

impl Module for Assemble {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let src = host.absolute(request.needed("src")?);
        if !request.unless_denied("remote_src") {
            return Err(ModuleError::new(format!("cannot assemble {src} of the controller: remote_src must be true")));
        }
        if host.stat(&src).map_err(failed_to("look at", &src))?.is_none() {
            return Err(ModuleError::new(format!("Source ({src}) does not exist")));
        }
        if !is_directory(host, &src) {
            return Err(ModuleError::new(format!("Source ({src}) is not a directory")));
        }
        let content = Content::Inline(assembled(host, request, &src)?);
        let attributes = request.attributes(host)?;
        let mut wanted = put(
            host,
            Put {
                dest: host.absolute(request.needed("dest")?),
                name: None,
                content: Cow::Owned(content),
                attributes: &attributes,
                directories: &attributes.without_mode(),
                present: None,
                force: true,
                backup: request.flag("backup"),
                follow: false,
                validate: request.text("validate"),
                checksum: None,
                converges: true,
            },
        )?;
        wanted.result.insert("src".to_owned(), src.into());
        wanted.result.insert("msg".to_owned(), "OK".into());
        Ok(wanted)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}

fn assembled(host: &Host, request: &Request<'_>, src: &str) -> Result<Vec<u8>, ModuleError> {
    let pattern = request.text("regexp").map(text_pattern).transpose()?;
    let delimiter = request.text("delimiter").filter(|text| !text.is_empty()).map(unescaped);
    let mut whole: Vec<u8> = Vec::new();
    let mut first = true;
    for name in host.list(src).map_err(failed_to("list", src))? {
        let hidden = name.starts_with('.') && request.flag("ignore_hidden");
        let path = join(src, &name);
        let file = matches!(host.stat(&path), Ok(Some(stat)) if stat.kind == Kind::File);
        if hidden || !file || !pattern.as_ref().map_or(Ok(true), |pattern| pattern.is_match(&name))? {
            continue;
        }
        if !first {
            end_line(&mut whole);
            if let Some(delimiter) = &delimiter {
                whole.extend_from_slice(delimiter.as_bytes());
                end_line(&mut whole);
            }
        }
        first = false;
        whole.extend(host.read(&path).map_err(failed_to("read", &path))?);
    }
    Ok(whole)
}

fn end_line(text: &mut Vec<u8>) {
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
}

fn unescaped(text: &str) -> String {
    [("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("\\\\", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
