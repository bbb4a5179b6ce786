//! `group`: a group of `/etc/group`, through groupadd, groupmod and groupdel, or busybox's addgroup and delgroup.

use super::asked::{flag, name, number, word};
use super::declare::{Spec, param, returned, texts};
use super::tool::{Step, Undo, failed_run, line, need, put_output, quoted, said, shell_probe, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::{Group as Row, Host};
use luthier_protocol::Map;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The group.").required().end(),
    param("state", ParamKind::Str, "Whether it shall exist.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("gid", ParamKind::Int, "Its id.").end(),
    param("system", ParamKind::Bool, "A new group gets an id of the system's range.").default("false").end(),
    param("force", ParamKind::Bool, "Remove it even where it is somebody's primary group.").default("false").end(),
    param("local", ParamKind::Bool, "Accepted; only the local files are ever changed.").default("false").end(),
    param("non_unique", ParamKind::Bool, "The id may be another group's too.").default("false").end(),
    param("gid_min", ParamKind::Int, "Least id of a new group.").end(),
    param("gid_max", ParamKind::Int, "Greatest id of a new group.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("name", "The group."),
    returned("state", "`present` or `absent`."),
    returned("gid", "Its id."),
    returned("system", "As the task has it."),
];

static SPEC: ModuleSpec = Spec {
    name: "group",
    aliases: texts!["ansible.builtin.group", "ansible.legacy.group"],
    summary: "Add, change and remove groups.",
    params: PARAMS,
    example: "- group:\n    name: kvm\n    system: true\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Group;

impl Module for Group {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = name(request)?;
        if flag(request, "non_unique") && number(request, "gid").is_none() {
            return Err(ModuleError::new("non_unique is True but all of the following are missing: gid"));
        }
        if flag(request, "local") && ["gid_min", "gid_max"].iter().any(|key| number(request, key).is_some()) {
            return Err(ModuleError::new("gid_min and gid_max cannot be used with local"));
        }
        if flag(request, "local") && flag(request, "force") {
            return Err(ModuleError::new(
                "force is not a valid option for local, force=True and local=True are mutually exclusive",
            ));
        }
        let row = host.all_groups().into_iter().find(|row| row.name == name);
        let state = word(request, "state").unwrap_or_else(|| "present".to_owned());
        let change = match (&row, state.as_str()) {
            (Some(row), "absent") => Some(remove(host, request, row)?),
            (None, "absent") => None,
            (Some(row), _) => modify(host, request, row)?,
            (None, _) => Some(add(host, request, &name)?),
        };
        let result = Map::from_iter([("name".to_owned(), name.into()), ("state".to_owned(), state.into())]);
        Ok(Wanted { changes: change.into_iter().collect(), result, ..Wanted::default() })
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        if let Some(error) = failure(request, wanted, runs) {
            return Err(error);
        }
        let mut result = wanted.result.clone();
        let name = name(request)?;
        if let Some(row) = host.all_groups().into_iter().find(|row| row.name == name) {
            result.insert("system".to_owned(), flag(request, "system").into());
            result.insert("gid".to_owned(), row.gid.into());
        }
        Ok(result)
    }
}

/// The failure of an account tool: its own words.
pub(super) fn failure(request: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Option<ModuleError> {
    let (_, run) = failed_run(request, wanted, runs)?;
    let mut result = Map::from_iter([
        ("name".to_owned(), wanted.result.get("name").cloned().unwrap_or_default()),
        ("rc".to_owned(), run.rc.into()),
    ]);
    let (stdout, stderr) = (said(&run.stdout), said(&run.stderr));
    put_output(&mut result, &stdout, &stderr);
    let message = if stderr.trim().is_empty() { stdout } else { stderr };
    Some(ModuleError { message: message.trim().to_owned(), result })
}

fn add(host: &Host, request: &Request<'_>, name: &str) -> Result<Change, ModuleError> {
    let gid = number(request, "gid");
    let gid_text = gid.map(|gid| gid.to_string());
    let mut argv;
    let remove;
    if let Some(program) = host.program("groupadd") {
        argv = vec![program];
        for (key, limit) in [("gid_min", "GID_MIN"), ("gid_max", "GID_MAX")] {
            if let Some(value) = number(request, key) {
                argv.extend(["-K".to_owned(), format!("{limit}={value}")]);
            }
        }
        if flag(request, "system") {
            argv.push("-r".to_owned());
        }
        if flag(request, "non_unique") {
            argv.push("-o".to_owned());
        }
        remove = need(host, "groupdel")?;
    } else {
        argv = vec![need(host, "addgroup")?];
        if flag(request, "system") {
            argv.push("-S".to_owned());
        }
        remove = need(host, "delgroup")?;
    }
    if let Some(gid) = gid_text {
        argv.extend(["-g".to_owned(), gid]);
    }
    argv.push(name.to_owned());
    let probe = shell_probe(format!("getent group {} | cut -d: -f1", quoted(name)), "", name);
    Ok(Step::new(argv, Undo::By(words(&[&remove, name]), probe)).change(request))
}

fn modify(host: &Host, request: &Request<'_>, row: &Row) -> Result<Option<Change>, ModuleError> {
    let Some(gid) = number(request, "gid").filter(|gid| *gid != i64::from(row.gid)) else { return Ok(None) };
    let program = need(host, "groupmod")?;
    let argv = |gid: String, unique: bool| {
        let mut argv = words(&[&program, "-g", &gid]);
        if !unique {
            argv.push("-o".to_owned());
        }
        argv.push(row.name.clone());
        argv
    };
    let probe = shell_probe(
        format!("getent group {} | cut -d: -f3", quoted(&row.name)),
        &row.gid.to_string(),
        &gid.to_string(),
    );
    let undo = Undo::By(argv(row.gid.to_string(), false), probe);
    Ok(Some(Step::new(argv(gid.to_string(), !flag(request, "non_unique")), undo).change(request)))
}

fn remove(host: &Host, request: &Request<'_>, row: &Row) -> Result<Change, ModuleError> {
    let members = row.members.join(",");
    let gid = row.gid.to_string();
    let (argv, back) = if let Some(program) = host.program("groupdel") {
        let mut argv = vec![program];
        if flag(request, "force") {
            argv.push("-f".to_owned());
        }
        argv.push(row.name.clone());
        let add = line(&words(&[&need(host, "groupadd")?, "-g", &gid, "-o", &row.name]));
        let fill = line(&words(&["gpasswd", "-M", &members, &row.name]));
        (argv, if members.is_empty() { add } else { format!("{add} && {fill}") })
    } else {
        let add = line(&words(&[&need(host, "addgroup")?, "-g", &gid, &row.name]));
        let fill = row.members.iter().map(|member| format!(" && addgroup {} {}", quoted(member), quoted(&row.name)));
        (words(&[&need(host, "delgroup")?, &row.name]), add + &fill.collect::<String>())
    };
    let probe = shell_probe(format!("getent group {} | cut -d: -f1", quoted(&row.name)), &row.name, "");
    Ok(Step::new(argv, Undo::By(words(&["/bin/sh", "-c", &back]), probe)).change(request))
}
