//! `blockinfile`: some lines in a text file, between two marker lines by which they are found again.

use super::answer::{exists, failed_to, is_directory};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::edit::{Edit, content, finish, read_lines};
use super::pattern::{Flags, Over, Pattern, bytes, latin1};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The file.").also(texts!["dest", "destfile", "name"]).required().end(),
    param("state", ParamKind::Str, "Whether the block shall be there.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("block", ParamKind::Str, "The lines; none removes the block.").also(texts!["content"]).default("''").end(),
    param("marker", ParamKind::Str, "Marker line; `{mark}` stands for its begin and end word.")
        .default("'# {mark} ANSIBLE MANAGED BLOCK'")
        .end(),
    param("marker_begin", ParamKind::Str, "Word of the first marker.").default("BEGIN").end(),
    param("marker_end", ParamKind::Str, "Word of the last marker.").default("END").end(),
    param("insertafter", ParamKind::Str, "Pattern of the line after which a new block goes, or `EOF`.").end(),
    param("insertbefore", ParamKind::Str, "Pattern of the line before which a new block goes, or `BOF`.").end(),
    param("create", ParamKind::Bool, "Make the file where there is none.").default("false").end(),
    param("append_newline", ParamKind::Bool, "A blank line after the block.").default("false").end(),
    param("prepend_newline", ParamKind::Bool, "A blank line before the block.").default("false").end(),
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
    returned("msg", "`Block inserted`, `Block removed`, `File created`, or nothing."),
    returned("backup_file", "Where the old file is kept."),
];

static SPEC: ModuleSpec = Spec {
    name: "blockinfile",
    aliases: texts!["ansible.builtin.blockinfile", "ansible.legacy.blockinfile"],
    summary: "Put a marked block of lines into a text file, change it or remove it.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["insertbefore", "insertafter"])],
    example: "- blockinfile:\n    path: /etc/security/limits.conf\n    block: |\n      qemu soft memlock unlimited\n      qemu hard memlock unlimited\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct BlockInFile;

impl Module for BlockInFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let path = host.absolute(request.needed("path")?);
        if is_directory(host, &path) {
            return Err(ModuleError::new(format!("Path {path} is a directory !")).with("rc", 256));
        }
        let present = request.text("state") != Some("absent");
        if !exists(host, &path)? {
            if !request.flag("create") {
                return Err(ModuleError::new(format!("Path {path} does not exist !")).with("rc", 257));
            }
            if !present {
                let mut wanted = Wanted::default();
                wanted.result.insert("msg".to_owned(), format!("File {path} not present").into());
                return Ok(wanted);
            }
        }
        let path = host.resolve(&path).map_err(failed_to("resolve", &path))?;
        let old = content(host, &path)?;
        let block = block(request, present);
        let new = bytes(&with_block(request, read_lines(host, &path)?, &block)?);
        let message = match &old {
            Some(old) if *old == new => "",
            None => "File created",
            Some(_) if block.is_empty() => "Block removed",
            Some(_) => "Block inserted",
        };
        let attributes = request.attributes(host)?;
        let edit = Edit {
            path: &path,
            content: new,
            attributes: &attributes,
            backup: request.flag("backup"),
            validate: request.text("validate"),
            message: message.to_owned(),
        };
        let (mut wanted, backup) = finish(host, edit)?;
        if let Some(backup) = backup {
            wanted.result.insert("backup_file".to_owned(), backup.into());
        }
        Ok(wanted)
    }
}

/// The first and the last marker line.
fn markers(request: &Request<'_>) -> (String, String) {
    let marker = request.text("marker").unwrap_or("# {mark} ANSIBLE MANAGED BLOCK");
    let line = |word: Option<&str>, usual: &str| {
        let text = marker.replace("{mark}", word.unwrap_or(usual));
        format!("{}\n", latin1(text.as_bytes()))
    };
    (line(request.text("marker_begin"), "BEGIN"), line(request.text("marker_end"), "END"))
}

/// The block's lines with its markers; nothing when it shall not be there.
fn block(request: &Request<'_>, present: bool) -> Vec<String> {
    let text = latin1(request.text("block").unwrap_or_default().as_bytes());
    if !present || text.is_empty() {
        return Vec::new();
    }
    let (first, last) = markers(request);
    let whole = if text.ends_with('\n') { text } else { format!("{text}\n") };
    [first].into_iter().chain(whole.split_inclusive('\n').map(str::to_owned)).chain([last]).collect()
}

/// The file's text with the block in its place.
fn with_block(request: &Request<'_>, mut lines: Vec<String>, block: &[String]) -> Result<String, ModuleError> {
    let (first, last) = markers(request);
    let begin = lines.iter().rposition(|line| *line == first);
    let end = lines.iter().rposition(|line| *line == last);
    let mut at = match (begin, end) {
        (Some(begin), Some(end)) => {
            let (from, to) = (begin.min(end), begin.max(end));
            lines.drain(from..=to);
            from
        }
        _ => place(request, &lines)?,
    };
    if let Some(above) = at.checked_sub(1).and_then(|above| lines.get_mut(above))
        && !above.ends_with('\n')
    {
        above.push('\n');
    }
    let blank = || "\n".to_owned();
    let present = request.text("state") != Some("absent");
    let above = at.checked_sub(1).and_then(|above| lines.get(above));
    if request.flag("prepend_newline") && present && above.is_some_and(|line| line != "\n") {
        lines.insert(at, blank());
        at += 1;
    }
    let after = at + block.len();
    lines.splice(at..at, block.iter().cloned());
    if request.flag("append_newline") && present && lines.get(after).is_some_and(|line| line != "\n") {
        lines.insert(after, blank());
    }
    Ok(lines.concat())
}

/// Where a new block goes. A pattern with `(?m)` is matched against the whole text, any other against each line.
fn place(request: &Request<'_>, lines: &[String]) -> Result<usize, ModuleError> {
    let (source, after) = match (request.text("insertafter"), request.text("insertbefore")) {
        (Some("EOF"), _) | (None, None) => return Ok(lines.len()),
        (Some(source), _) => (source, true),
        (None, Some("BOF")) => return Ok(0),
        (None, Some(source)) => (source, false),
    };
    let pattern = Pattern::new(source, Over::Bytes, Flags::default())?;
    let flags = source.strip_prefix("(?").and_then(|rest| rest.split_once(')')).map_or("", |(flags, _)| flags);
    let whole = flags.contains('m') && flags.chars().all(|flag| flag.is_ascii_alphabetic());
    let mut found = None;
    if whole {
        let text = lines.concat();
        if let Some(range) = pattern.captures(&text)?.and_then(|captures| captures.get(0).map(|found| found.range())) {
            let end = if after { range.end } else { range.start };
            found = Some(text.get(..end).unwrap_or_default().matches('\n').count());
        }
    } else {
        for (index, line) in lines.iter().enumerate() {
            if pattern.is_match(line)? {
                found = Some(index);
            }
        }
    }
    Ok(found.map_or(lines.len(), |index| (index + usize::from(after)).min(lines.len())))
}
