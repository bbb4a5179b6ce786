//! `copy`: a file with given content at a given place.
//!
//! The content comes with the task (a file of the controller, or the `content` parameter), or from the host itself with
//! `remote_src`. Large content is only offered by its hash and fetched when it differs from what is there.

use super::answer::{failed_to, typed, with_path_info};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::ownership::{Asked, Attributes};
use super::put::{Put, put};
use super::{Module, ModuleError, Request, RunOutput, Wanted, copy_tree};
use crate::host::paths::base_name;
use crate::host::{Host, Kind, Wish};
use luthier_protocol::change::Meta;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use luthier_protocol::{Map, Value};
use serde::Deserialize;
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("src", ParamKind::Path, "File or directory to copy: on the controller, or on the host with `remote_src`.")
        .end(),
    param("content", ParamKind::Raw, "The content itself; mappings and lists are written as JSON.").end(),
    param("dest", ParamKind::Path, "Where to put it; a directory keeps the source's name.").required().end(),
    BACKUP,
    param("force", ParamKind::Bool, "Replace a file with other content.").default("true").end(),
    param("remote_src", ParamKind::Bool, "The source is on the host.").default("false").end(),
    param("follow", ParamKind::Bool, "Write to what a link at the destination leads to.").default("false").end(),
    param("local_follow", ParamKind::Bool, "Copy what links in the source lead to, not the links.")
        .default("true")
        .end(),
    param("directory_mode", ParamKind::Raw, "Mode of directories that are made on the way.").end(),
    param("checksum", ParamKind::Str, "SHA-1 that the content must have.").end(),
    param("decrypt", ParamKind::Bool, "Decrypt a vaulted source on the controller.").default("true").end(),
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
    param("_original_basename", ParamKind::Str, "Internal: the source's name, set by the controller.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("dest", "The file's path."),
    returned("src", "The source, with `remote_src`."),
    returned("checksum", "SHA-1 of the content."),
    returned("md5sum", "MD5 of the content."),
    returned("backup_file", "Where the old file is kept."),
    returned("mode", "Mode afterwards, octal."),
    returned("owner", "Owner afterwards."),
    returned("group", "Group afterwards."),
    returned("uid", "Owner's id."),
    returned("gid", "Group's id."),
    returned("size", "Length in bytes."),
    returned("state", "What the path is."),
];

static SPEC: ModuleSpec = Spec {
    name: "copy",
    aliases: texts!["ansible.builtin.copy", "ansible.legacy.copy"],
    summary: "Put a file with given content in place.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["src", "content"])],
    one_of: &[Cow::Borrowed(texts!["src", "content"])],
    example: "- copy:\n    content: \"options kvm_intel nested=1\\n\"\n    dest: /etc/modprobe.d/kvm.conf\n    mode: '0644'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Copy;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some parameters are the controller's business, but are known here")]
pub(super) struct Params {
    pub(super) src: Option<String>,
    content: Option<Value>,
    pub(super) dest: String,
    #[serde(default)]
    pub(super) backup: bool,
    #[serde(default = "yes")]
    force: bool,
    #[serde(default)]
    remote_src: bool,
    #[serde(default)]
    follow: bool,
    #[serde(default = "yes")]
    pub(super) local_follow: bool,
    directory_mode: Option<Value>,
    checksum: Option<String>,
    decrypt: Option<bool>,
    mode: Option<Value>,
    owner: Option<String>,
    group: Option<String>,
    attributes: Option<String>,
    seuser: Option<String>,
    serole: Option<String>,
    setype: Option<String>,
    selevel: Option<String>,
    unsafe_writes: Option<bool>,
    validate: Option<String>,
    #[serde(rename = "_original_basename")]
    original_basename: Option<String>,
}

fn yes() -> bool {
    true
}

impl Module for Copy {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let params: Params = typed(request)?;
        if params.remote_src {
            return from_host(host, &params);
        }
        let own = params.content.as_ref().map(|content| Content::Inline(text(content).into_bytes()));
        let content = request.content.or(own.as_ref());
        let content = content.ok_or_else(|| ModuleError::new("src (or content) is required"))?;
        let source_name = params.src.as_deref().map(base_name);
        let name = params.original_basename.as_deref().or(source_name);
        one_file(host, &params, content, name, None, None)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}

fn from_host(host: &Host, params: &Params) -> Result<Wanted, ModuleError> {
    let src = params.src.as_deref().ok_or_else(|| ModuleError::new("src is required with remote_src"))?;
    let src = host.absolute(src);
    let stat = host.stat(&src).map_err(failed_to("look at", &src))?;
    let stat = stat.ok_or_else(|| ModuleError::new(format!("Source {src} not found")))?;
    if !host.may(&src, Wish::Read) {
        return Err(ModuleError::new(format!("Source {src} not readable")));
    }
    let mut wanted = match stat.kind {
        Kind::Directory => copy_tree::changes(host, params, &src, &attributes(host, params, None)?)?,
        Kind::File => {
            let content = Content::Inline(host.read(&src).map_err(failed_to("read", &src))?);
            // A present file takes over the source's mode and becomes ours, as when it is moved there.
            let who = host.who();
            let present = Meta { mode: stat.mode, uid: who.uid, gid: who.gid, times: None };
            one_file(host, params, &content, Some(base_name(&src)), Some(stat.mode), Some(present))?
        }
        _ => return Err(ModuleError::new(format!("Cannot copy invalid source '{src}': not a file"))),
    };
    wanted.result.insert("src".to_owned(), src.into());
    Ok(wanted)
}

fn one_file(
    host: &Host,
    params: &Params,
    content: &Content,
    name: Option<&str>,
    source_mode: Option<u32>,
    present: Option<Meta>,
) -> Result<Wanted, ModuleError> {
    let attributes = attributes(host, params, source_mode)?;
    let directory_mode = Asked { mode: params.directory_mode.as_ref(), ..Asked::default() };
    let directories = attributes.with_mode_of(&Attributes::of(host, directory_mode)?);
    put(
        host,
        &Put {
            dest: host.absolute(&params.dest),
            name,
            content,
            attributes: &attributes,
            directories: &directories,
            present,
            force: params.force,
            backup: params.backup,
            follow: params.follow,
            validate: params.validate.as_deref(),
            checksum: params.checksum.as_deref(),
        },
    )
}

fn attributes(host: &Host, params: &Params, source_mode: Option<u32>) -> Result<Attributes, ModuleError> {
    let preserved = source_mode.map(Value::from);
    let preserve = params.mode.as_ref().and_then(Value::as_str) == Some("preserve");
    let mode = if preserve { preserved.as_ref() } else { params.mode.as_ref() };
    let selinux = [&params.seuser, &params.serole, &params.setype, &params.selevel];
    let asked = Asked {
        mode,
        owner: params.owner.as_deref(),
        group: params.group.as_deref(),
        attributes: params.attributes.as_deref(),
        selinux: selinux.iter().any(|part| part.is_some()),
    };
    Attributes::of(host, asked)
}

/// A `content` parameter as text, for requests that carry no content of their own.
fn text(content: &Value) -> String {
    content.as_str().map_or_else(|| content.to_string(), str::to_owned)
}
