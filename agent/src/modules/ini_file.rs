//! `ini_file`: one option, or one section, of an INI file.

use super::answer::failed_to;
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned,
    texts,
};
use super::edit::content;
use super::given::plain;
use super::ini_lines::Ini;
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use crate::host::paths::parent;
use luthier_protocol::Value;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The file.").also(texts!["dest"]).required().end(),
    param("section", ParamKind::Str, "The section; the part before the first one when not given.").end(),
    param("section_has_values", ParamKind::Raw, "Options (`option`, `value` or `values`) the section must have.").end(),
    param("option", ParamKind::Str, "The option; the whole section when not given.").end(),
    param("value", ParamKind::Str, "Its value.").end(),
    param("values", ParamKind::List, "Its values, a line for each.").end(),
    param("state", ParamKind::Str, "Whether it shall be there.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("exclusive", ParamKind::Bool, "Other lines of the option go.").default("true").end(),
    param("no_extra_spaces", ParamKind::Bool, "No blanks around the equals sign.").default("false").end(),
    param("ignore_spaces", ParamKind::Bool, "A line that differs only in blanks stays.").default("false").end(),
    param("allow_no_value", ParamKind::Bool, "The option may stand without a value.").default("false").end(),
    param("modify_inactive_option", ParamKind::Bool, "Take a line that is commented out for the option.")
        .default("true")
        .end(),
    param("create", ParamKind::Bool, "Make the file where there is none.").default("true").end(),
    param("follow", ParamKind::Bool, "Edit what a link leads to instead of replacing the link.").default("false").end(),
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
];

const RETURNS: &[ReturnSpec] = &[
    returned("path", "The file."),
    returned("msg", "`OK`, `option changed`, `option added`, `section removed`, …"),
    returned("backup_file", "Where the old file is kept."),
];

static SPEC: ModuleSpec = Spec {
    name: "ini_file",
    aliases: texts!["community.general.ini_file", "ansible.builtin.ini_file", "ansible.legacy.ini_file"],
    summary: "Set or remove an option of an INI file.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["value", "values"])],
    example: "- community.general.ini_file:\n    path: /etc/tuned/tuned-main.conf\n    section:\n    option: dynamic_tuning\n    value: '0'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct IniFile;

impl Module for IniFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let ini = wish(request)?;
        let path = host.absolute(request.needed("path")?);
        let target = if request.flag("follow") {
            host.resolve(&path).map_err(failed_to("resolve", &path))?
        } else {
            path.clone()
        };
        let old = content(host, &target)?;
        if old.is_none() && !request.unless_denied("create") {
            return Err(ModuleError::new(format!("Destination {target} does not exist!")).with("rc", 257));
        }
        let text = String::from_utf8(old.unwrap_or_default())
            .map_err(|_| ModuleError::new(format!("cannot read {target}: it is not UTF-8")))?;
        let (new, message) = ini.applied(&text);
        let attributes = request.attributes(host)?;
        let mut wanted = Wanted::default();
        wanted.result.insert("path".to_owned(), path.into());
        wanted.result.insert("msg".to_owned(), message.into());
        let Some(new) = new else {
            wanted.changes.extend(placement::attributes_change(host, &target, &attributes, None)?);
            return Ok(wanted);
        };
        wanted.changes = placement::missing_directories(host, parent(&target), &Attributes::default())?;
        let new = NewContent {
            path: &target,
            content: new.into_bytes(),
            fresh: placement::new_file(host, &target, Birth::Moved),
            present: None,
            attributes: &attributes,
            backup: request.flag("backup"),
            converges: false,
        };
        let (changes, backup) = placement::replace(host, new)?;
        wanted.changes.extend(changes);
        if let Some(backup) = backup {
            wanted.result.insert("backup_file".to_owned(), backup.into());
        }
        Ok(wanted)
    }
}

fn wish<'a>(request: &'a Request<'_>) -> Result<Ini<'a>, ModuleError> {
    let mut values: Vec<String> = Vec::new();
    let given = request.value("value").map_or_else(|| request.list("values"), |value| vec![plain(value)]);
    for value in given {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let present = request.text("state") != Some("absent");
    let no_value = request.flag("allow_no_value");
    if present && !no_value && values.is_empty() {
        let message = "Parameter 'value(s)' must be defined if state=present and allow_no_value=False.";
        return Err(ModuleError::new(message));
    }
    let rows = match request.value("section_has_values") {
        Some(Value::Array(rows)) => rows.iter().map(condition).collect::<Option<Vec<_>>>(),
        Some(_) => None,
        None => Some(Vec::new()),
    };
    let refused = "section_has_values must be a list of mappings with option and value or values";
    Ok(Ini {
        section: request.text("section"),
        section_has: rows.ok_or_else(|| ModuleError::new(refused))?,
        option: request.text("option"),
        values,
        present,
        exclusive: request.unless_denied("exclusive"),
        tight: request.flag("no_extra_spaces"),
        ignore_spaces: request.flag("ignore_spaces"),
        no_value,
        inactive: request.unless_denied("modify_inactive_option"),
    })
}

fn condition(row: &Value) -> Option<(String, Vec<String>)> {
    let option = plain(row.get("option")?);
    let values = match (row.get("value"), row.get("values")) {
        (Some(value), _) if !value.is_null() => vec![plain(value)],
        (_, Some(Value::Array(values))) => values.iter().map(plain).collect(),
        _ => Vec::new(),
    };
    Some((option, values))
}
