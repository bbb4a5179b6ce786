//! `unarchive`: what is in a tar or zip archive, in a folder of the host.
//!
//! The host's tar or unzip unpacks into a private folder first. What differs from the destination becomes changes like
//! any other, file by file: so a check tells the truth, everything goes back, and nothing lands outside the destination,
//! whatever the archive says. Modification times alone make no difference.

use super::answer::{failed_to, is_directory, set, with_path_info};
use super::declare::{
    ATTRIBUTES, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned, texts,
};
use super::tool::{look, need, said, words};
use super::unarchive_place::{Placing, place};
use super::web::{self, Call};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::{Finished, Folder, Host};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use luthier_protocol::{Map, Value};
use std::borrow::Cow;

/// Most bytes of a list of members.
const LIST: usize = 32 * 1024 * 1024;

const PARAMS: &[ParamSpec] = &[
    param("src", ParamKind::Path, "The archive: of the controller; with `remote_src` of the host, or a URL.")
        .required()
        .end(),
    param("dest", ParamKind::Path, "Directory to unpack in; it must exist.").required().end(),
    param("remote_src", ParamKind::Bool, "`src` is on the host, or a URL.").default("false").end(),
    param("copy", ParamKind::Bool, "Old name of the opposite of `remote_src`.").end(),
    param("creates", ParamKind::Path, "Passed over when this path exists.").end(),
    param("exclude", ParamKind::List, "Members to leave out.").default("[]").end(),
    param("include", ParamKind::List, "The only members to unpack.").default("[]").end(),
    param("keep_newer", ParamKind::Bool, "Leave files alone that are newer than the archive's.").default("false").end(),
    param("list_files", ParamKind::Bool, "Return the names of the members.").default("false").end(),
    param("extra_opts", ParamKind::List, "Further options of tar or unzip (`--strip-components=1`).")
        .default("[]")
        .end(),
    param("decrypt", ParamKind::Bool, "Decrypt a vaulted source on the controller.").default("true").end(),
    param("io_buffer_size", ParamKind::Int, "Accepted, without effect.").default("65536").end(),
    web::CERTS,
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
    returned("dest", "The directory."),
    returned("src", "The archive."),
    returned("handler", "Kind of archive: `TgzArchive`, `ZipArchive` and the like."),
    returned("files", "Names of the members, with `list_files`."),
    returned("extract_results", "The command that unpacked it: `cmd`, `rc`, `out`, `err`."),
    returned("mode", "Mode of the directory, octal."),
    returned("owner", "Its owner."),
    returned("group", "Its group."),
    returned("uid", "Owner's id."),
    returned("gid", "Group's id."),
    returned("size", "Its length in bytes."),
    returned("state", "What it is."),
];

static SPEC: ModuleSpec = Spec {
    name: "unarchive",
    aliases: texts!["ansible.builtin.unarchive", "ansible.legacy.unarchive"],
    summary: "Unpack a tar or zip archive, with the host's tar or unzip.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["include", "exclude"]), Cow::Borrowed(texts!["copy", "remote_src"])],
    example: "- unarchive:\n    src: exporter.tar.gz\n    dest: /opt\n    extra_opts: [--strip-components=1]\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Unarchive;

impl Module for Unarchive {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        if let Some(path) = request.text("creates").filter(|path| !path.is_empty())
            && host.glob_exists(&host.absolute(path))
        {
            return Ok(Wanted { skipped: Some(format!("skipped, since {path} exists")), ..Wanted::default() });
        }
        let (src, dest) = (request.needed("src")?, request.needed("dest")?);
        let at = host.resolve(&host.absolute(dest)).map_err(failed_to("resolve", dest))?;
        if !is_directory(host, &at) {
            return Err(ModuleError::new(format!("dest '{dest}' must be an existing dir")));
        }
        let remote = request.flag("remote_src") || request.value("copy").and_then(Value::as_bool) == Some(false);
        if !remote && matches!(request.content, Some(Content::Offered { .. })) {
            return Ok(Wanted { needs_content: true, ..Wanted::default() });
        }
        let scratch = host.scratch().map_err(|error| ModuleError::new(format!("cannot make a folder: {error}")))?;
        let file = archive(host, request, src, remote, &scratch)?;
        let mut wanted = Wanted::default();
        let result = &mut wanted.result;
        set(result, "dest", at.as_str().into());
        set(result, "src", src.into());
        let packed = Packed { host, request, src, file, kind: Kind::Tar("TarArchive") }.looked_at()?;
        set(result, "handler", packed.kind.name().into());
        let members = packed.members()?;
        if request.flag("list_files") {
            set(result, "files", members.clone().into());
        }
        scratch.folder("tree").map_err(failed_to("make a folder in", &scratch.at("")))?;
        let results = packed.unpack(&scratch.at("tree"), dest)?;
        set(result, "extract_results", results.into());
        let names = members.iter().map(|name| name.trim_start_matches("./").trim_end_matches('/').to_owned()).collect();
        wanted.changes = place(&Placing {
            host,
            tree: scratch.at("tree"),
            dest: at,
            members: names,
            attributes: request.attributes(host)?,
            keep_newer: request.flag("keep_newer"),
        })?;
        wanted.result = with_path_info(host, wanted.result, "dest");
        Ok(wanted)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}

/// Where the archive lies on the host.
fn archive(
    host: &Host,
    request: &Request<'_>,
    src: &str,
    remote: bool,
    scratch: &Folder,
) -> Result<String, ModuleError> {
    let keep = |bytes: &[u8]| {
        scratch.write("archive", bytes).map_err(failed_to("write", src))?;
        Ok(scratch.at("archive"))
    };
    let url = src.contains("://");
    if remote && url {
        let answer = Call::get(request, src).look(host)?;
        if answer.status != 200 {
            return Err(answer.failed(request.text("dest").unwrap_or_default()));
        }
        return keep(&answer.body);
    }
    if remote {
        let path = host.absolute(src);
        return match host.stat(&path).map_err(failed_to("look at", &path))? {
            Some(_) => Ok(path),
            None => Err(ModuleError::new(format!("Source '{src}' does not exist"))),
        };
    }
    match request.content {
        Some(Content::Inline(bytes)) => keep(bytes),
        _ if url => Err(ModuleError::new(format!("a URL as src ({}) needs remote_src: true", web::masked(src)))),
        _ => Err(ModuleError::new("the archive's content did not come along")),
    }
}

/// Kind of an archive, under the name that Ansible gives it.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Zip,
    Tar(&'static str),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Zip => "ZipArchive",
            Self::Tar(name) => name,
        }
    }
}

/// First bytes of packed tar archives.
const TARS: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "TgzArchive"),
    (b"BZh", "TarBzipArchive"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "TarXzArchive"),
    (&[0x28, 0xb5, 0x2f, 0xfd], ZSTD),
];
const ZSTD: &str = "TarZstdArchive";

struct Packed<'a> {
    host: &'a Host,
    request: &'a Request<'a>,
    src: &'a str,
    file: String,
    kind: Kind,
}

impl Packed<'_> {
    /// With its kind.
    fn looked_at(mut self) -> Result<Self, ModuleError> {
        let head = self.host.read_part(&self.file, 0, 8).map_err(failed_to("read", self.src))?;
        if head.is_empty() {
            return Err(ModuleError::new(format!("Invalid archive '{}', the file is 0 bytes", self.src)));
        }
        if head.starts_with(b"PK") {
            self.kind = Kind::Zip;
        } else if let Some((_, name)) = TARS.iter().find(|(magic, _)| head.starts_with(magic)) {
            self.kind = Kind::Tar(name);
        }
        Ok(self)
    }

    fn tool(&self) -> Result<String, ModuleError> {
        let program = match self.kind {
            Kind::Zip => "unzip",
            Kind::Tar(_) => "tar",
        };
        need(self.host, program).map_err(|error| {
            let message = format!(
                "Failed to find handler for \"{}\". Make sure the required command to extract the file is installed.\n{}",
                self.src, error.message
            );
            ModuleError::new(message)
        })
    }

    /// The operator's own options, without those that lead out of the folder.
    fn options(&self) -> Result<Vec<String>, ModuleError> {
        let options = self.request.list("extra_opts");
        let out = |option: &&String| {
            let long = ["--absolute-names", "--directory", "--to-command"];
            let short = match self.kind {
                Kind::Zip => ["-d", "-:"],
                Kind::Tar(_) => ["-P", "-C"],
            };
            long.iter().chain(&short).any(|name| option.starts_with(name))
        };
        match options.iter().find(out) {
            Some(option) => Err(ModuleError::new(format!("extra_opts: {option} would lead out of the destination"))),
            None => Ok(options),
        }
    }

    fn argv(&self, tree: Option<&str>) -> Result<Vec<String>, ModuleError> {
        let mut argv = vec![self.tool()?];
        let (include, exclude) = (self.request.list("include"), self.request.list("exclude"));
        match (self.kind, tree) {
            (Kind::Zip, None) => argv.extend(words(&["-Z1", &self.file])),
            (Kind::Zip, Some(_)) => {
                argv.push("-o".to_owned());
                argv.extend(self.options()?);
                argv.push(self.file.clone());
            }
            (Kind::Tar(name), tree) => {
                argv.push(if tree.is_some() { "-x" } else { "-t" }.to_owned());
                if name == ZSTD {
                    argv.push("--use-compress-program=zstd".to_owned());
                }
                let options = self.options()?;
                if !options.is_empty() {
                    argv.push("--show-transformed-names".to_owned());
                    argv.extend(options);
                }
                argv.extend(exclude.iter().map(|name| format!("--exclude={name}")));
                if let Some(tree) = tree {
                    argv.extend(words(&["-C", tree]));
                }
                argv.extend(words(&["-f", &self.file]));
            }
        }
        argv.extend(include);
        if matches!(self.kind, Kind::Zip) {
            if !exclude.is_empty() {
                argv.push("-x".to_owned());
                argv.extend(exclude);
            }
            if let Some(tree) = tree {
                argv.extend(words(&["-d", tree]));
            }
        }
        Ok(argv)
    }

    fn run(&self, argv: &[String]) -> Result<Finished, ModuleError> {
        look(self.host, self.request, argv, None, LIST, &["unpack ", self.src].concat())
    }

    /// Names of the members, as they are unpacked.
    fn members(&self) -> Result<Vec<String>, ModuleError> {
        let argv = self.argv(None)?;
        let listed = self.run(&argv)?;
        if listed.rc != 0 {
            let message = format!("Failed to find handler for \"{}\": {}", self.src, said(&listed.stderr).trim());
            return Err(ModuleError::new(message));
        }
        Ok(said(&listed.stdout).lines().filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Unpack into a folder that nobody else sees.
    fn unpack(&self, tree: &str, dest: &str) -> Result<Map, ModuleError> {
        let argv = self.argv(Some(tree))?;
        let done = self.run(&argv)?;
        let results = Map::from_iter([
            ("cmd".to_owned(), Value::from(argv)),
            ("rc".to_owned(), done.rc.into()),
            ("out".to_owned(), said(&done.stdout).into()),
            ("err".to_owned(), said(&done.stderr).into()),
        ]);
        if done.rc == 0 {
            return Ok(results);
        }
        let why = said(&done.stderr);
        let why = why.lines().next().unwrap_or_default();
        let error = ModuleError::new(format!("failed to unpack {} to {dest}: {why}", self.src));
        Err(error.with("extract_results", results).with("handler", self.kind.name()))
    }
}
