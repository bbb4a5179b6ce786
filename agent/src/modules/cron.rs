//! `cron`: one job or variable of a user's crontab or of a file in `/etc/cron.d`. See `crontab(5)`.
//!
//! A job is known again by the comment above it, `#Ansible: NAME`, so that what Ansible has written is found. A file is
//! changed like any other; a user's crontab through `crontab(1)`, which puts the whole of it back to undo the change.

use super::answer::{failed_to, set};
use super::cron_table::{Job, Table, step};
use super::declare::{BACKUP, Spec, param, returned, texts};
use super::edit::content;
use super::ownership::Attributes;
use super::placement::{self, NewContent, change};
use super::tool::{ask, need, words};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::paths::{base_name, join, parent};
use crate::host::{Host, sys};
use luthier_protocol::Map;
use luthier_protocol::change::{Bytes, Change, Meta, Reversal, State};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "What the job is known by, or the variable's name with `env`.").required().end(),
    param("job", ParamKind::Str, "The command, or the variable's value.").also(texts!["value"]).end(),
    param("state", ParamKind::Str, "Whether it shall be there.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("user", ParamKind::Str, "Whose crontab; with `cron_file`: who runs the job.").end(),
    param("cron_file", ParamKind::Path, "A file in `/etc/cron.d`, or an absolute path, instead of a crontab.").end(),
    BACKUP,
    param("minute", ParamKind::Str, "Minute: `0`-`59`, `*`, `*/2`.").default("*").end(),
    param("hour", ParamKind::Str, "Hour: `0`-`23`.").default("*").end(),
    param("day", ParamKind::Str, "Day of the month: `1`-`31`.").also(texts!["dom"]).default("*").end(),
    param("month", ParamKind::Str, "Month: `1`-`12`, `JAN`-`DEC`.").default("*").end(),
    param("weekday", ParamKind::Str, "Day of the week: `0`-`6` from Sunday, `SUN`-`SAT`.")
        .also(texts!["dow"])
        .default("*")
        .end(),
    param("special_time", ParamKind::Str, "A moment by name instead.")
        .one_of(texts!["annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly"])
        .end(),
    param("disabled", ParamKind::Bool, "The job is there, but as a comment.").default("false").end(),
    param("env", ParamKind::Bool, "It is a variable of the environment, not a job.").default("false").end(),
    param("insertafter", ParamKind::Str, "Put the variable after this one.").end(),
    param("insertbefore", ParamKind::Str, "Put the variable before this one.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("jobs", "Names of all jobs that carry one."),
    returned("envs", "Names of all variables."),
    returned("cron_file", "The file."),
    returned("state", "Of a removed file: `absent`."),
    returned("backup_file", "Where the old content is kept."),
];

static SPEC: ModuleSpec = Spec {
    name: "cron",
    aliases: texts!["ansible.builtin.cron", "ansible.legacy.cron"],
    summary: "Jobs and variables of crontabs and of files in `/etc/cron.d`.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["insertafter", "insertbefore"])],
    example: "- cron:\n    name: trim the images' disk\n    special_time: weekly\n    job: fstrim /var/lib/libvirt/images\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Cron;

impl Module for Cron {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let place = Place::of(host, request)?;
        check(request, place.file.is_some())?;
        let old = place.read(host)?;
        let mut table = Table::parse(&old, place.file.is_none());
        let changed = edit(request, &place, &mut table)?;
        let mut wanted = Wanted::default();
        if let Some(file) = request.text("cron_file") {
            set(&mut wanted.result, "cron_file", file.into());
        }
        let emptied = changed && table.is_empty() && request.text("state") == Some("absent") && !request.flag("env");
        if let Some(file) = place.file.as_ref().filter(|_| emptied) {
            set(&mut wanted.result, "state", "absent".into());
            let (before, revert) = placement::original(host, file)?;
            wanted.changes.push(change(file, before, State::Absent, revert, true));
            return Ok(wanted);
        }
        set(&mut wanted.result, "jobs", table.jobs().into());
        set(&mut wanted.result, "envs", table.variables().into());
        // A last line without its end would not be read by cron.
        let unended = !old.is_empty() && !old.ends_with(['\n', '\r']);
        if changed || unended {
            let new = table.text();
            if request.flag("backup") {
                let kept = backup(host, &old)?;
                set(&mut wanted.result, "backup_file", kept.resource.label().into());
                wanted.changes.push(kept);
            }
            wanted.changes.extend(place.write(host, request, &old, new)?);
        }
        Ok(wanted)
    }

    fn report(&self, _: &Host, _: &Request<'_>, wanted: &Wanted, runs: &[RunOutput]) -> Result<Map, ModuleError> {
        match runs.last().filter(|run| run.rc != 0) {
            Some(run) => {
                let said = String::from_utf8_lossy(&run.stderr).into_owned();
                let message = format!("crontab refused the new crontab: {}", said.trim());
                Err(ModuleError { message, result: wanted.result.clone() }.with("rc", run.rc).with("stderr", said))
            }
            None => Ok(wanted.result.clone()),
        }
    }
}

/// What Ansible refuses.
fn check(request: &Request<'_>, file: bool) -> Result<(), ModuleError> {
    let times = ["minute", "hour", "day", "month", "weekday"];
    let present = request.text("state") != Some("absent");
    let message = if request.text("special_time").is_some()
        && times.iter().any(|name| request.text(name).is_some_and(|time| time != "*"))
    {
        "You cannot combine special_time with any of the time or day/date parameters."
    } else if present && file && request.text("user").is_none() {
        "To use cron_file=... parameter you must specify user=... as well"
    } else if present && request.text("job").is_none() {
        "You must specify 'job' to install a new cron job or variable"
    } else if present
        && !request.flag("env")
        && ["insertafter", "insertbefore"].iter().any(|name| request.text(name).is_some())
    {
        "Insertafter and insertbefore parameters are valid only with env=yes"
    } else if request.flag("env") && request.text("name").is_some_and(|name| name.contains(' ')) {
        "Invalid name for environment variable"
    } else if ["name", "user"].iter().any(|name| request.text(name).is_some_and(|text| text.contains(['\n', '\r']))) {
        "name and user must not hold line breaks"
    } else {
        return Ok(());
    };
    Err(ModuleError::new(message))
}

/// The table as the task wants it; true where it changed.
fn edit(request: &Request<'_>, place: &Place, table: &mut Table) -> Result<bool, ModuleError> {
    let name = request.needed("name")?;
    let present = request.text("state") != Some("absent");
    let job = request.text("job").unwrap_or_default();
    if request.flag("env") {
        let declaration = present.then(|| format!("{name}=\"{job}\""));
        let (after, before) = (request.text("insertafter"), request.text("insertbefore"));
        return table
            .variable(name, declaration, after, before)
            .map_err(|other| ModuleError::new(format!("Variable named '{other}' not found.")));
    }
    if !present {
        return Ok(table.remove(name));
    }
    let time = |name: &str| request.text(name).unwrap_or("*");
    let when = match request.text("special_time") {
        Some(special) => format!("@{special}"),
        None => ["minute", "hour", "day", "month", "weekday"].map(time).join(" "),
    };
    let user = place.file.as_ref().and(request.text("user")).map_or_else(String::new, |user| format!("{user} "));
    let off = if request.flag("disabled") { "#" } else { "" };
    let line = format!("{off}{when} {user}{}", job.trim_matches(['\r', '\n']));
    Ok(table.job(&Job { name, line: &line }))
}

/// Where the table is.
struct Place {
    file: Option<String>,
    program: Vec<String>,
}

impl Place {
    fn of(host: &Host, request: &Request<'_>) -> Result<Self, ModuleError> {
        if let Some(file) = request.text("cron_file").filter(|file| !file.is_empty()) {
            let file = join("/etc/cron.d", file);
            if file == "/etc/crontab" {
                return Err(ModuleError::new("Will not manage /etc/crontab via cron_file, see documentation."));
            }
            if base_name(&file).is_empty() || parent(&file).is_empty() {
                return Err(ModuleError::new(format!("{file} is no file")));
            }
            let file = host.resolve(&file).map_err(failed_to("resolve", &file))?;
            return Ok(Self { file: Some(file), program: Vec::new() });
        }
        let mut program = vec![need(host, "crontab")?];
        let me = host.account_of(host.who().uid).map(|account| account.name);
        if let Some(user) = request.text("user").filter(|user| me.as_deref() != Some(*user)) {
            program.extend(words(&["-u", user]));
        }
        Ok(Self { file: None, program })
    }

    fn read(&self, host: &Host) -> Result<String, ModuleError> {
        if let Some(file) = &self.file {
            let bytes = content(host, file)?.unwrap_or_default();
            return String::from_utf8(bytes).map_err(|_| ModuleError::new(format!("{file} is not UTF-8")));
        }
        let mut argv = self.program.clone();
        argv.push("-l".to_owned());
        let answer = ask(host, &argv)?;
        match answer.rc {
            0 if answer.stdout.contains('\u{fffd}') => Err(ModuleError::new("the crontab is not UTF-8")),
            0 => Ok(answer.stdout),
            // So it says that there is none.
            1 if answer.stderr.contains("no crontab for") || answer.stderr.trim().is_empty() => Ok(String::new()),
            rc => Err(ModuleError::new(format!("Unable to read crontab: {}", answer.stderr.trim())).with("rc", rc)),
        }
    }

    fn write(&self, host: &Host, request: &Request<'_>, old: &str, new: String) -> Result<Vec<Change>, ModuleError> {
        let Some(path) = &self.file else { return Ok(vec![step(request, &self.program, old, &new)]) };
        let who = host.who();
        let content = NewContent {
            path,
            content: new.into_bytes(),
            fresh: Meta { mode: 0o644, uid: who.uid, gid: who.gid, times: None },
            present: None,
            attributes: &Attributes::default(),
            backup: false,
            converges: true,
        };
        Ok(placement::replace(host, content)?.0)
    }
}

/// A copy of the old table, where Ansible puts it.
fn backup(host: &Host, old: &str) -> Result<Change, ModuleError> {
    let word = sys::random_word().map_err(|error| ModuleError::new(format!("cannot make up a name: {error}")))?;
    let who = host.who();
    let meta = Meta { mode: 0o600, uid: who.uid, gid: who.gid, times: None };
    let after = State::File { content: Some(Bytes(old.as_bytes().to_vec())), meta };
    let path = format!("/tmp/crontab{}", word.get(..8).unwrap_or(&word));
    Ok(change(&path, State::Absent, after, Reversal::Yes, false))
}
