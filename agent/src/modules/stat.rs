//! `stat`: everything there is to know about a path.

use super::answer::failed_to;
use super::declare::{Spec, param, returned, texts};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::hashes::Algorithm;
use crate::host::{Host, Kind, Stat as Attributes, Wish};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};

/// Where `file(1)` is looked for.
const FILE_PROGRAMS: &[&str] = &["/usr/bin/file", "/bin/file", "/usr/local/bin/file"];

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The path.").also(texts!["dest", "name"]).required().end(),
    param("follow", ParamKind::Bool, "Tell of what a link leads to.").default("false").end(),
    param("get_checksum", ParamKind::Bool, "Compute the checksum of a regular file.").default("true").end(),
    param("get_mime", ParamKind::Bool, "Ask `file` for type and character set, where it is installed.")
        .also(texts!["mime", "mime_type", "mime-type"])
        .default("true")
        .end(),
    param("get_attributes", ParamKind::Bool, "Read the inode flags.")
        .also(texts!["attr", "attributes"])
        .default("true")
        .end(),
    param("checksum_algorithm", ParamKind::Str, "Which checksum.")
        .also(texts!["checksum", "checksum_algo"])
        .default("sha1")
        .one_of(texts!["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
        .end(),
];

const RETURNS: &[ReturnSpec] = &[returned(
    "stat",
    "`exists`, and where it does: path, mode, isdir, isreg, islnk and kin, uid, gid, pw_name, gr_name, size, inode, dev, nlink, \
     times, permission bits, readable, writeable, executable, checksum, mimetype, charset, attributes, lnk_source, lnk_target.",
)];

static SPEC: ModuleSpec = Spec {
    name: "stat",
    aliases: texts!["ansible.builtin.stat", "ansible.legacy.stat"],
    summary: "Tell what a path is.",
    params: PARAMS,
    example: "- stat:\n    path: /sys/module/kvm_intel/parameters/nested\n  register: nested\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Stat;

impl Module for Stat {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let path = host.absolute(request.needed("path")?);
        let stat = if request.flag("follow") { host.stat(&path) } else { host.lstat(&path) };
        let told = match stat.map_err(failed_to("look at", &path))? {
            None => Map::from_iter([("exists".to_owned(), Value::Bool(false))]),
            Some(stat) => tell(host, request, &path, &stat)?,
        };
        let result = Map::from_iter([("stat".to_owned(), Value::Object(told))]);
        Ok(Wanted { result, ..Wanted::default() })
    }
}

fn tell(host: &Host, request: &Request<'_>, path: &str, stat: &Attributes) -> Result<Map, ModuleError> {
    let mut told = Map::new();
    let mut say = |key: &str, value: Value| drop(told.insert(key.to_owned(), value));
    say("exists", true.into());
    say("path", path.into());
    basics(stat, &mut told);
    let mut say = |key: &str, value: Value| drop(told.insert(key.to_owned(), value));
    say("blocks", stat.blocks.into());
    say("block_size", stat.block_size.into());
    say("device_type", stat.rdev.into());
    say("readable", host.may(path, Wish::Read).into());
    say("writeable", host.may(path, Wish::Write).into());
    say("executable", host.may(path, Wish::Execute).into());
    if stat.kind == Kind::Link {
        say("lnk_source", host.resolve(path).map_err(failed_to("resolve", path))?.into());
        say("lnk_target", host.read_link(path).map_err(failed_to("read link", path))?.into());
    }
    if let Some(account) = host.account_of(stat.uid) {
        say("pw_name", account.name.into());
    }
    if let Some(group) = host.group_name(stat.gid) {
        say("gr_name", group.into());
    }
    read_into(host, request, path, stat, &mut told)?;
    Ok(told)
}

/// What the attributes alone say, in the order Ansible says it.
pub(super) fn basics(stat: &Attributes, told: &mut Map) {
    let mut say = |key: &str, value: Value| drop(told.insert(key.to_owned(), value));
    say("mode", format!("{:04o}", stat.mode).into());
    for (key, kind) in [
        ("isdir", Kind::Directory),
        ("ischr", Kind::CharDevice),
        ("isblk", Kind::BlockDevice),
        ("isreg", Kind::File),
        ("isfifo", Kind::Fifo),
        ("islnk", Kind::Link),
        ("issock", Kind::Socket),
    ] {
        say(key, (stat.kind == kind).into());
    }
    for (key, number) in [
        ("uid", u64::from(stat.uid)),
        ("gid", u64::from(stat.gid)),
        ("size", stat.size),
        ("inode", stat.inode),
        ("dev", stat.device),
        ("nlink", stat.links),
    ] {
        say(key, number.into());
    }
    for (key, time) in [("atime", stat.atime_ns), ("mtime", stat.mtime_ns), ("ctime", stat.ctime_ns)] {
        say(key, seconds(time).into());
    }
    for (key, bit) in [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ] {
        say(key, (stat.mode & bit != 0).into());
    }
}

/// What has to be read from the file itself: its checksum, type and flags.
fn read_into(
    host: &Host,
    request: &Request<'_>,
    path: &str,
    stat: &Attributes,
    told: &mut Map,
) -> Result<(), ModuleError> {
    let mut say = |key: &str, value: Value| drop(told.insert(key.to_owned(), value));
    if stat.kind == Kind::File && host.may(path, Wish::Read) && request.unless_denied("get_checksum") {
        let algorithm = request.text("checksum_algorithm").and_then(Algorithm::named).unwrap_or(Algorithm::Sha1);
        say("checksum", host.digest(path, algorithm).map_err(failed_to("read", path))?.into());
    }
    if request.unless_denied("get_mime") {
        let (kind, charset) = mime(host, path).unwrap_or_else(|| ("unknown".to_owned(), "unknown".to_owned()));
        say("mimetype", kind.into());
        say("charset", charset.into());
    }
    if request.unless_denied("get_attributes") {
        let flags = if matches!(stat.kind, Kind::File | Kind::Directory) { host.flags(path) } else { Ok(Vec::new()) };
        let flags = flags.unwrap_or_default();
        say("version", Value::Null);
        say("attributes", flags.iter().map(|(_, name)| *name).collect::<Vec<_>>().into());
        say("attr_flags", flags.iter().map(|(letter, _)| *letter).collect::<String>().into());
    }
    Ok(())
}

/// Seconds with a fraction, rounded as Python rounds them.
#[expect(clippy::cast_precision_loss, reason = "a float of seconds is what Ansible returns")]
fn seconds(nanoseconds: i64) -> f64 {
    let whole = nanoseconds.div_euclid(1_000_000_000) as f64;
    whole + 1e-9 * nanoseconds.rem_euclid(1_000_000_000) as f64
}

/// Type and character set as `file(1)` tells them.
fn mime(host: &Host, path: &str) -> Option<(String, String)> {
    if !host.is_live() {
        return None;
    }
    let program = FILE_PROGRAMS.iter().find(|program| host.may(program, Wish::Execute))?;
    let argv = [program, "--mime-type", "--mime-encoding", path].map(str::to_owned);
    let answer = host.query(&argv).ok().filter(|answer| answer.rc == 0)?;
    let (_, told) = answer.stdout.rsplit_once(':')?;
    let (kind, charset) = told.split_once(';')?;
    let (_, charset) = charset.split_once('=')?;
    Some((kind.trim().to_owned(), charset.trim().to_owned()))
}
