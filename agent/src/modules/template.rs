//! `template`: a file whose content the controller has rendered.
//!
//! Nothing is rendered here: the text arrives with the task. The parameters about rendering are the controller's, and are
//! declared here because this is where the catalogue comes from.

use super::answer::with_path_info;
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::put::{Put, put};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::Host;
use crate::host::paths::base_name;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

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

impl Module for Template {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let content =
            request.content.ok_or_else(|| ModuleError::new("the rendered text did not come with the task"))?;
        let attributes = request.attributes(host)?;
        let source_name = request.text("src").map(base_name);
        put(
            host,
            Put {
                dest: host.absolute(request.needed("dest")?),
                name: request.text("_original_basename").or(source_name),
                content: Cow::Borrowed(content),
                attributes: &attributes,
                directories: &attributes.without_mode(),
                present: None,
                force: request.unless_denied("force"),
                backup: request.flag("backup"),
                follow: request.flag("follow"),
                validate: request.text("validate"),
                checksum: None,
                converges: true,
            },
        )
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}
