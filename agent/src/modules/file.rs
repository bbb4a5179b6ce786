//! `file`: what a path is (directory, link, absent …) and who owns it; content is `copy`'s business.
//!
//! Every directory that has to be made, every entry of a removed tree and every entry whose attributes differ is a change
//! of its own, so that each can be shown and undone.

use super::answer::{exists, failed_to, with_path_info};
use super::declare::{
    ATTRIBUTES, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned, texts,
};
use super::file_times::{Moment, Stamps};
use super::ownership::Attributes;
use super::placement::{self, Birth, change};
use super::{Module, ModuleError, Request, RunOutput, Wanted, file_links, file_tree};
use crate::host::paths::{base_name, join, parent};
use crate::host::{Host, Kind};
use luthier_protocol::change::{Bytes, Reversal, State};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The path.").also(texts!["dest", "name"]).required().end(),
    param("state", ParamKind::Str, "What the path shall be; left out: what it is, or a file.")
        .one_of(texts!["absent", "directory", "file", "hard", "link", "touch"])
        .end(),
    param("src", ParamKind::Path, "What a link leads to.").end(),
    param("recurse", ParamKind::Bool, "Give the attributes to everything in the directory.").default("false").end(),
    param("force", ParamKind::Bool, "Make links to what does not exist, and in place of files.").default("false").end(),
    param("follow", ParamKind::Bool, "Act on what a link leads to.").default("true").end(),
    param("modification_time", ParamKind::Str, "`now`, `preserve`, or a time in `modification_time_format`.").end(),
    param("modification_time_format", ParamKind::Str, "As for strftime.").default("'%Y%m%d%H%M.%S'").end(),
    param("access_time", ParamKind::Str, "`now`, `preserve`, or a time in `access_time_format`.").end(),
    param("access_time_format", ParamKind::Str, "As for strftime.").default("'%Y%m%d%H%M.%S'").end(),
    MODE,
    OWNER,
    GROUP,
    ATTRIBUTES,
    SEUSER,
    SEROLE,
    SETYPE,
    SELEVEL,
    UNSAFE_WRITES,
    param("_original_basename", ParamKind::Str, "Internal: the source's name, set by the controller.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("path", "The path, for directory, file and absent."),
    returned("dest", "The path, for links and touch."),
    returned("src", "What a link leads to."),
    returned("mode", "Mode afterwards, octal."),
    returned("owner", "Owner afterwards."),
    returned("group", "Group afterwards."),
    returned("uid", "Owner's id."),
    returned("gid", "Group's id."),
    returned("size", "Length in bytes."),
    returned("state", "What the path is afterwards."),
];

static SPEC: ModuleSpec = Spec {
    name: "file",
    aliases: texts!["ansible.builtin.file", "ansible.legacy.file"],
    summary: "Make directories, links and empty files, remove paths, set mode and owner.",
    params: PARAMS,
    example: "- file:\n    path: /var/lib/libvirt/images/fast\n    state: directory\n    mode: '0711'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct File;

/// What a path is or shall be, in Ansible's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing there.
    Absent,
    /// A directory.
    Directory,
    /// A file with one name.
    File,
    /// A file with several names.
    Hard,
    /// A symbolic link.
    Link,
    /// Only wanted, never found: a file with new times.
    Touch,
}

impl Form {
    /// What is there now.
    pub(super) fn found(host: &Host, path: &str) -> Result<Self, ModuleError> {
        let stat = host.lstat(path).map_err(failed_to("look at", path))?;
        Ok(match stat {
            None => Self::Absent,
            Some(stat) => match stat.kind {
                Kind::Link => Self::Link,
                Kind::Directory => Self::Directory,
                _ if stat.links > 1 => Self::Hard,
                _ => Self::File,
            },
        })
    }

    /// What a task asks for.
    fn asked(word: &str) -> Result<Self, ModuleError> {
        let all = [Self::Absent, Self::Directory, Self::File, Self::Hard, Self::Link, Self::Touch];
        let form = all.into_iter().find(|form| form.name() == word);
        form.ok_or_else(|| ModuleError::new(["cannot understand the parameters: unknown state `", word, "`"].concat()))
    }

    /// As messages and results say it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Directory => "directory",
            Self::File => "file",
            Self::Hard => "hard",
            Self::Link => "link",
            Self::Touch => "touch",
        }
    }
}

/// One task, understood.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) host: &'a Host,
    pub(super) path: String,
    pub(super) src: Option<String>,
    pub(super) force: bool,
    pub(super) follow: bool,
    pub(super) recurse: bool,
    pub(super) attributes: Attributes,
    pub(super) stamps: Stamps,
}

impl Module for File {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let (job, form) = understand(host, request)?;
        let mut wanted = match form {
            Form::File => regular(job),
            Form::Directory => directory(job),
            Form::Touch => touch(&job),
            Form::Link => file_links::symbolic(&job),
            Form::Hard => file_links::hard(&job),
            Form::Absent => absent(&job),
        }?;
        for key in ["path", "dest"] {
            wanted.result = with_path_info(host, wanted.result, key);
        }
        Ok(wanted)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        let result = with_path_info(host, wanted.result.clone(), "path");
        Ok(with_path_info(host, result, "dest"))
    }
}

fn understand<'a>(host: &'a Host, request: &Request<'_>) -> Result<(Job<'a>, Form), ModuleError> {
    let mut path = trimmed(&host.absolute(request.needed("path")?));
    let asked_form = request.text("state").map(Form::asked).transpose()?;
    let src = request.text("src");
    let recurse = request.flag("recurse");
    let is_directory = super::answer::is_directory(host, &path);
    if is_directory && !matches!(asked_form, Some(Form::Link | Form::Absent)) {
        let name = request.text("_original_basename").or(src.map(base_name));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            path = join(&path, name);
        }
    }
    let form = match asked_form {
        Some(form) => form,
        None => match Form::found(host, &path)? {
            Form::Absent if recurse => Form::Directory,
            Form::Absent => Form::File,
            found => found,
        },
    };
    if recurse && form != Form::Directory {
        let message = "recurse option requires state to be 'directory'";
        return Err(ModuleError::new(message).about(host, "path", &path));
    }
    if src.is_some() && !matches!(form, Form::Link | Form::Hard) {
        let message = "src option requires state to be 'link' or 'hard'";
        return Err(ModuleError::new(message).about(host, "path", &path));
    }
    let unsaid = if form == Form::Touch { Moment::Now } else { Moment::Preserve };
    let moment = |text: &str, format: &str| {
        request.text(text).map_or(Ok(unsaid), |text| Moment::parse(host, text, request.text(format)))
    };
    let job = Job {
        host,
        path,
        src: src.map(str::to_owned),
        force: request.flag("force"),
        follow: request.unless_denied("follow"),
        recurse,
        attributes: request.attributes(host)?,
        stamps: Stamps {
            access: moment("access_time", "access_time_format")?,
            modification: moment("modification_time", "modification_time_format")?,
        },
    };
    Ok((job, form))
}

fn trimmed(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

impl Job<'_> {
    /// The path itself, or what it leads to when links are followed.
    fn followed(&self) -> Result<String, ModuleError> {
        if self.follow && Form::found(self.host, &self.path)? == Form::Link {
            return self.host.resolve(&self.path).map_err(failed_to("resolve", &self.path));
        }
        Ok(self.path.clone())
    }

    /// The change of mode, owner and times of a path, if any.
    pub(super) fn attributes_of(&self, path: &str) -> Result<Option<luthier_protocol::change::Change>, ModuleError> {
        let stat = self.host.stat(path).map_err(failed_to("look at", path))?;
        let times = stat.and_then(|stat| self.stamps.over(self.host, &stat));
        placement::attributes_change(self.host, path, &self.attributes, times)
    }

    /// A result that names the path under `key`.
    pub(super) fn result(key: &str, path: &str) -> Map {
        Map::from_iter([(key.to_owned(), Value::from(path))])
    }
}

fn regular(job: Job<'_>) -> Result<Wanted, ModuleError> {
    let path = job.followed()?;
    let found = Form::found(job.host, &path)?;
    if !matches!(found, Form::File | Form::Hard) {
        let message = format!("file ({path}) is {}, cannot continue", found.name());
        return Err(ModuleError::new(message).with("state", found.name()).about(job.host, "path", &path));
    }
    let changes = job.attributes_of(&path)?.into_iter().collect();
    Ok(Wanted { changes, result: Job::result("path", &path), ..Wanted::default() })
}

fn directory(job: Job<'_>) -> Result<Wanted, ModuleError> {
    let path = job.followed()?;
    let result = Job::result("path", &path);
    let changes = match Form::found(job.host, &path)? {
        Form::Absent => placement::missing_directories(job.host, &path, &job.attributes)?,
        Form::Directory => file_tree::attributes(&job, &path)?,
        found => {
            let message = format!("{path} already exists as a {}", found.name());
            return Err(ModuleError::new(message).about(job.host, "path", &path));
        }
    };
    Ok(Wanted { changes, result, ..Wanted::default() })
}

fn touch(job: &Job<'_>) -> Result<Wanted, ModuleError> {
    let result = Job::result("dest", &job.path);
    let path = job.followed()?;
    if Form::found(job.host, &path)? != Form::Absent {
        let changes = job.attributes_of(&path)?.into_iter().collect();
        return Ok(Wanted { changes, result, ..Wanted::default() });
    }
    if !exists(job.host, parent(&path))? {
        let message = format!("Error, could not touch target: directory {} does not exist", parent(&path));
        return Err(ModuleError::new(message).with("path", path));
    }
    let mut meta = job.attributes.over(&placement::new_file(job.host, &path, Birth::InPlace), false);
    meta.times = job.stamps.of_new(job.host);
    let after = State::File { content: Some(Bytes(Vec::new())), meta };
    let changes = vec![change(&path, State::Absent, after, Reversal::Yes, false)];
    Ok(Wanted { changes, result, ..Wanted::default() })
}

fn absent(job: &Job<'_>) -> Result<Wanted, ModuleError> {
    let mut result = Job::result("path", &job.path);
    let changes = file_tree::removal(job.host, &job.path)?;
    result.insert("state".to_owned(), "absent".into());
    Ok(Wanted { changes, result, ..Wanted::default() })
}
