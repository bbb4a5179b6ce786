//! `template`: a file whose content the controller has rendered.
//!
//! Nothing is rendered here: the text arrives with the task. The parameters about rendering are the controller's, and are
//! declared here because this is where the catalogue comes from.

use super::answer::{typed, with_path_info};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::ownership::{Asked, Attributes};
use super::put::{Put, put};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use crate::host::paths::base_name;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use serde::Deserialize;

const PARAMS: &[ParamSpec] = &[
    param("src", ParamKind::Path, "The template, on the controller.").required().end(),
    param("dest", ParamKind::Path, "Where to put it; a directory keeps the template's name.").required().end(),
    BACKUP,
    param("force", ParamKind::Bool, "Replace a file with other content.").default("true").end(),
    param("follow", ParamKind::Bool, "Write to what a link at the destination leads to.").default("false").end(),
    param("newline_sequence", ParamKind::Str, "How lines end in the rendered file.")
        .default("\\n")
        .one_of(texts!["\\n", "\\r", "\\r\\n", "\n", "\r", "\r\n"])
        .end(),
    param("block_start_string", ParamKind::Str, "Begins a statement.").end(),
    param("block_end_string", ParamKind::Str, "Ends a statement.").end(),
    param("variable_start_string", ParamKind::Str, "Begins an expression.").end(),
    param("variable_end_string", ParamKind::Str, "Ends an expression.").end(),
    param("comment_start_string", ParamKind::Str, "Begins a comment.").end(),
    param("comment_end_string", ParamKind::Str, "Ends a comment.").end(),
    param("trim_blocks", ParamKind::Bool, "Drop the line break after a statement.").default("true").end(),
    param("lstrip_blocks", ParamKind::Bool, "Drop blanks before a statement.").default("false").end(),
    param("output_encoding", ParamKind::Str, "Encoding of the rendered file.").default("utf-8").end(),
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
    param("_original_basename", ParamKind::Str, "Internal: the template's name, set by the controller.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("dest", "The file's path."),
    returned("checksum", "SHA-1 of the text."),
    returned("md5sum", "MD5 of the text."),
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
    name: "template",
    aliases: texts!["ansible.builtin.template", "ansible.legacy.template"],
    summary: "Render a template on the controller and put the text in place.",
    params: PARAMS,
    example: "- template:\n    src: hugepages.conf.j2\n    dest: /etc/sysctl.d/60-hugepages.conf\n    mode: '0644'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Template;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parameters about rendering are the controller's, but are known here")]
struct Params {
    src: Option<String>,
    dest: String,
    #[serde(default)]
    backup: bool,
    force: Option<bool>,
    #[serde(default)]
    follow: bool,
    newline_sequence: Option<Value>,
    block_start_string: Option<Value>,
    block_end_string: Option<Value>,
    variable_start_string: Option<Value>,
    variable_end_string: Option<Value>,
    comment_start_string: Option<Value>,
    comment_end_string: Option<Value>,
    trim_blocks: Option<Value>,
    lstrip_blocks: Option<Value>,
    output_encoding: Option<Value>,
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

impl Module for Template {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let params: Params = typed(request)?;
        let content =
            request.content.ok_or_else(|| ModuleError::new("the rendered text did not come with the task"))?;
        let selinux = [&params.seuser, &params.serole, &params.setype, &params.selevel];
        let asked = Asked {
            mode: params.mode.as_ref(),
            owner: params.owner.as_deref(),
            group: params.group.as_deref(),
            attributes: params.attributes.as_deref(),
            selinux: selinux.iter().any(|part| part.is_some()),
        };
        let attributes = Attributes::of(host, asked)?;
        let source_name = params.src.as_deref().map(base_name);
        put(
            host,
            &Put {
                dest: host.absolute(&params.dest),
                name: params.original_basename.as_deref().or(source_name),
                content,
                attributes: &attributes,
                directories: &attributes.without_mode(),
                present: None,
                force: params.force.unwrap_or(true),
                backup: params.backup,
                follow: params.follow,
                validate: params.validate.as_deref(),
                checksum: None,
            },
        )
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}
