//! `copy`: a file with given content at a given place.
//!
//! The content comes with the task (a file of the controller, or the `content` parameter), or from the host itself with
//! `remote_src`. Large content is only offered by its hash and fetched when it differs from what is there.

use super::answer::{failed_to, with_path_info};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::given::plain;
use super::ownership::{Asked, Attributes};
use super::put::{Put, put};
use super::{Module, ModuleError, Request, RunOutput, Wanted, copy_tree};
use crate::host::paths::base_name;
use crate::host::{Host, Kind, Wish};
use luthier_protocol::change::Meta;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use luthier_protocol::{Map, Value};
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

impl Module for Copy {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        if request.flag("remote_src") {
            return from_host(host, request);
        }
        // A `content` parameter, for requests that carry no content of their own.
        let own = request.value("content").map(|content| Content::Inline(plain(content).into_bytes()));
        let content = request.content.or(own.as_ref());
        let content = content.ok_or_else(|| ModuleError::new("src (or content) is required"))?;
        let name = request.text("_original_basename").or_else(|| request.text("src").map(base_name));
        one_file(host, request, content, name, None, None)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}

fn from_host(host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
    let src = request.text("src").ok_or_else(|| ModuleError::new("src is required with remote_src"))?;
    let src = host.absolute(src);
    let stat = host.stat(&src).map_err(failed_to("look at", &src))?;
    let stat = stat.ok_or_else(|| ModuleError::new(format!("Source {src} not found")))?;
    if !host.may(&src, Wish::Read) {
        return Err(ModuleError::new(format!("Source {src} not readable")));
    }
    let mut wanted = match stat.kind {
        Kind::Directory => copy_tree::changes(host, request, &src, &attributes(host, request, None)?)?,
        Kind::File => {
            let content = Content::Inline(host.read(&src).map_err(failed_to("read", &src))?);
            // A present file takes over the source's mode and becomes ours, as when it is moved there.
            let who = host.who();
            let present = Meta { mode: stat.mode, uid: who.uid, gid: who.gid, times: None };
            one_file(host, request, &content, Some(base_name(&src)), Some(stat.mode), Some(present))?
        }
        _ => return Err(ModuleError::new(format!("Cannot copy invalid source '{src}': not a file"))),
    };
    wanted.result.insert("src".to_owned(), src.into());
    Ok(wanted)
}

fn one_file(
    host: &Host,
    request: &Request<'_>,
    content: &Content,
    name: Option<&str>,
    source_mode: Option<u32>,
    present: Option<Meta>,
) -> Result<Wanted, ModuleError> {
    let attributes = attributes(host, request, source_mode)?;
    let directory_mode = Asked { mode: request.value("directory_mode"), ..Asked::default() };
    let directories = attributes.with_mode_of(&Attributes::of(host, directory_mode)?);
    put(
        host,
        Put {
            dest: host.absolute(request.needed("dest")?),
            name,
            content: Cow::Borrowed(content),
            attributes: &attributes,
            directories: &directories,
            present,
            force: request.unless_denied("force"),
            backup: request.flag("backup"),
            follow: request.flag("follow"),
            validate: request.text("validate"),
            checksum: request.text("checksum"),
            converges: true,
        },
    )
}

fn attributes(host: &Host, request: &Request<'_>, source_mode: Option<u32>) -> Result<Attributes, ModuleError> {
    let preserved = source_mode.map(Value::from);
    let given = request.value("mode");
    let preserve = given.and_then(Value::as_str) == Some("preserve");
    request.attributes_with(host, if preserve { preserved.as_ref() } else { given })
}
