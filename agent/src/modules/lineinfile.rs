//! `lineinfile`: one line in a text file, found by its text or by a pattern.

use super::answer::{exists, failed_to, is_directory};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, VALIDATE, param,
    returned, texts,
};
use super::edit::{Edit, finish, read_lines};
use super::lines::{Found, Insert, Line, place_line, remove_lines};
use super::pattern::{Flags, Over, Pattern, bytes};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The file.").also(texts!["dest", "destfile", "name"]).required().end(),
    param("state", ParamKind::Str, "Whether the line shall be there.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("regexp", ParamKind::Str, "The last line that matches is replaced; with `absent` every match is removed.")
        .also(texts!["regex"])
        .end(),
    param("search_string", ParamKind::Str, "As `regexp`, but a plain text anywhere in the line.").end(),
    param("line", ParamKind::Str, "The line, without its line break.").also(texts!["value"]).end(),
    param("backrefs", ParamKind::Bool, "`line` takes groups of `regexp`; without a match nothing is changed.")
        .default("false")
        .end(),
    param("insertafter", ParamKind::Str, "Pattern of the line after which a new line goes, or `EOF`.").end(),
    param("insertbefore", ParamKind::Str, "Pattern of the line before which a new line goes, or `BOF`.").end(),
    param("firstmatch", ParamKind::Bool, "Take the first match instead of the last.").default("false").end(),
    param("create", ParamKind::Bool, "Make the file where there is none.").default("false").end(),
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
    returned("msg", "`line added`, `line replaced`, `N line(s) removed`, or nothing."),
    returned("found", "How many lines were found, with `absent`."),
    returned("backup", "Where the old file is kept; empty where it is not."),
];

static SPEC: ModuleSpec = Spec {
    name: "lineinfile",
    aliases: texts!["ansible.builtin.lineinfile", "ansible.legacy.lineinfile"],
    summary: "Put one line into a text file, change it or remove it.",
    params: PARAMS,
    exclusive: &[
        Cow::Borrowed(texts!["insertbefore", "insertafter"]),
        Cow::Borrowed(texts!["regexp", "search_string"]),
        Cow::Borrowed(texts!["backrefs", "search_string"]),
    ],
    example: "- lineinfile:\n    path: /etc/libvirt/qemu.conf\n    regexp: '^#?hugetlbfs_mount ='\n    line: 'hugetlbfs_mount = \"/dev/hugepages\"'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct LineInFile;

/// What the line is found by, and where it goes.
#[derive(Debug)]
struct Params<'a> {
    regexp: Option<&'a str>,
    search_string: Option<&'a str>,
    line: Option<&'a str>,
    backrefs: bool,
    insertafter: Option<&'a str>,
    insertbefore: Option<&'a str>,
}

impl Module for LineInFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let params = Params {
            regexp: request.text("regexp"),
            search_string: request.text("search_string"),
            line: request.text("line"),
            backrefs: request.flag("backrefs"),
            insertafter: request.text("insertafter"),
            insertbefore: request.text("insertbefore"),
        };
        let path = host.absolute(request.needed("path")?);
        if is_directory(host, &path) {
            return Err(ModuleError::new(format!("Path {path} is a directory !")).with("rc", 256));
        }
        let present = request.text("state") != Some("absent");
        let there = exists(host, &path)?;
        check(&params, present)?;
        if !there && !present {
            let mut wanted = Wanted::default();
            wanted.result.insert("msg".to_owned(), "file not present".into());
            return Ok(wanted);
        }
        if !there && !request.flag("create") {
            return Err(ModuleError::new(format!("Destination {path} does not exist !")).with("rc", 257));
        }
        let attributes = request.attributes(host)?;
        let path = host.resolve(&path).map_err(failed_to("resolve", &path))?;
        let mut lines = read_lines(host, &path)?;
        let found = found(&params)?;
        let mut removed = None;
        let message = if present {
            let line = params.line.unwrap_or_default();
            let insert = insert(&params)?;
            let line = Line { text: line, found: found.as_ref(), insert, backrefs: params.backrefs };
            place_line(&mut lines, &line, request.flag("firstmatch"))?.to_owned()
        } else {
            let count = remove_lines(&mut lines, found.as_ref(), params.line)?;
            removed = Some(count);
            if count > 0 { format!("{count} line(s) removed") } else { String::new() }
        };
        let edit = Edit {
            path: &path,
            content: bytes(&lines.concat()),
            attributes: &attributes,
            backup: request.flag("backup"),
            validate: request.text("validate"),
            message,
        };
        let (mut wanted, backup) = finish(host, edit)?;
        if let Some(count) = removed {
            wanted.result.insert("found".to_owned(), count.into());
        }
        wanted.result.insert("backup".to_owned(), backup.unwrap_or_default().into());
        warn_of_empty(&params, &mut wanted);
        Ok(wanted)
    }
}

fn check(params: &Params<'_>, present: bool) -> Result<(), ModuleError> {
    let finds = params.regexp.is_some() || params.search_string.is_some();
    let message = if present && params.backrefs && params.regexp.is_none() {
        "regexp is required with backrefs=true"
    } else if present && params.line.is_none() {
        "line is required with state=present"
    } else if !present && !finds && params.line.is_none() {
        "one of line, search_string, or regexp is required with state=absent"
    } else {
        return Ok(());
    };
    Err(ModuleError::new(message))
}

fn compile(source: &str) -> Result<Pattern, ModuleError> {
    Pattern::new(source, Over::Bytes, Flags::default())
}

fn found(params: &Params<'_>) -> Result<Option<Found>, ModuleError> {
    Ok(match (params.regexp, params.search_string) {
        (Some(regexp), _) => Some(Found::Pattern(compile(regexp)?)),
        (None, Some(text)) => Some(Found::Text(text.to_owned())),
        (None, None) => None,
    })
}

fn insert(params: &Params<'_>) -> Result<Insert, ModuleError> {
    Ok(match (params.insertafter, params.insertbefore) {
        (Some("BOF"), _) | (None, Some("BOF")) => Insert::Begin,
        (Some("EOF"), _) | (None, None) => Insert::End,
        (Some(after), _) => Insert::After(compile(after)?),
        (None, Some(before)) => Insert::Before(compile(before)?),
    })
}

fn warn_of_empty(params: &Params<'_>, wanted: &mut Wanted) {
    for (name, value) in [("regexp", params.regexp), ("search_string", params.search_string)] {
        if value == Some("") {
            let warning = format!("{name} is empty and matches every line: the last line may be replaced");
            wanted.result.insert("warnings".to_owned(), vec![warning].into());
        }
    }
}
