//! `replace`: every match of a pattern in a text file.

use super::answer::{exists, failed_to, is_directory};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::edit::{Edit, content, finish};
use super::pattern::{Flags, Over, Pattern, Template};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::ops::Range;

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The file.").also(texts!["dest", "destfile", "name"]).required().end(),
    param("regexp", ParamKind::Str, "What to replace; `^` and `$` match at line breaks.").required().end(),
    param("replace", ParamKind::Str, "What to put there; it takes groups as `\\1` and `\\g<name>`.")
        .default("''")
        .end(),
    param("after", ParamKind::Str, "Pattern: only what follows it is looked at.").end(),
    param("before", ParamKind::Str, "Pattern: only what precedes it is looked at.").end(),
    param("encoding", ParamKind::Str, "Only UTF-8 is understood.").default("utf-8").end(),
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
    returned("msg", "How many replacements were made."),
    returned("rc", "Always 0."),
    returned("backup_file", "Where the old file is kept."),
];

static SPEC: ModuleSpec = Spec {
    name: "replace",
    aliases: texts!["ansible.builtin.replace", "ansible.legacy.replace"],
    summary: "Replace every match of a pattern in a text file.",
    params: PARAMS,
    example: "- replace:\n    path: /etc/default/grub\n    regexp: '\\bisolcpus=\\S+'\n    replace: 'isolcpus=2-15'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Replace;

impl Module for Replace {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let path = host.absolute(request.needed("path")?);
        let regexp = request.needed("regexp")?;
        if is_directory(host, &path) {
            return Err(ModuleError::new(format!("Path {path} is a directory !")).with("rc", 256));
        }
        if !exists(host, &path)? {
            return Err(ModuleError::new(format!("Path {path} does not exist !")).with("rc", 257));
        }
        let encoding = request.text("encoding").unwrap_or("utf-8").to_ascii_lowercase();
        if !matches!(encoding.as_str(), "utf-8" | "utf8" | "ascii" | "us-ascii") {
            return Err(ModuleError::new(format!(
                "cannot edit {path} in encoding {encoding}: only utf-8 is understood"
            )));
        }
        let path = host.resolve(&path).map_err(failed_to("resolve", &path))?;
        let old = content(host, &path)?.unwrap_or_default();
        let text = String::from_utf8(old).map_err(|_| ModuleError::new(format!("{path} is no UTF-8 text")))?;
        let Some(section) = section(request, &text)? else {
            let message = "Pattern for before/after params did not match the given file";
            let result = Map::from_iter([("rc".to_owned(), 0.into()), ("msg".to_owned(), message.into())]);
            return Ok(Wanted { result, ..Wanted::default() });
        };
        let pattern = Pattern::new(regexp, Over::Text, Flags { multiline: true, dot_all: false })?;
        let template = Template::new(request.text("replace").unwrap_or_default())?;
        let inside = text.get(section.clone()).unwrap_or_default();
        let (replaced, count) = pattern.replace_all(inside, &template)?;
        let message = if replaced == inside { String::new() } else { format!("{count} replacements made") };
        let head = text.get(..section.start).unwrap_or_default();
        let tail = text.get(section.end..).unwrap_or_default();
        let edit = Edit {
            path: &path,
            content: format!("{head}{replaced}{tail}").into_bytes(),
            attributes: &request.attributes(host)?,
            backup: request.flag("backup"),
            validate: request.text("validate"),
            message,
        };
        let (mut wanted, backup) = finish(host, edit)?;
        wanted.result.insert("rc".to_owned(), 0.into());
        if let Some(backup) = backup {
            wanted.result.insert("backup_file".to_owned(), backup.into());
        }
        Ok(wanted)
    }
}

/// The part that `after` and `before` leave to be looked at; `None` when they do not match.
fn section(request: &Request<'_>, text: &str) -> Result<Option<Range<usize>>, ModuleError> {
    let given = |name: &str| request.text(name).filter(|pattern| !pattern.is_empty());
    let source = match (given("after"), given("before")) {
        (None, None) => return Ok(Some(0..text.len())),
        (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
        (Some(after), None) => format!("{after}(?P<subsection>.*)"),
        (None, Some(before)) => format!("(?P<subsection>.*){before}"),
    };
    let pattern = Pattern::new(&source, Over::Text, Flags { multiline: false, dot_all: true })?;
    let captures = pattern.captures(text)?;
    Ok(captures.and_then(|captures| captures.name("subsection").map(|found| found.range())))
}
