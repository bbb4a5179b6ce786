//! `mount`: an entry of fstab, and what is mounted now.
//!
//! Whether something is mounted is read from the kernel's table: to look at a mount point itself would hang where it
//! belongs to a server that is gone. See `mount(8)` and `fstab(5)`.

use super::answer::{failed_to, program};
use super::declare::{BACKUP, Spec, param, returned, texts};
use super::edit::content;
use super::mount_table::{self, Entry, Mounted};
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent, change};
use super::run_report::command;
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::paths::{base_name, join, parent};
use crate::host::{Host, Kind};
use luthier_protocol::Map;
use luthier_protocol::change::{Change, Resource, Reversal, State};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const FSTAB: &str = "/etc/fstab";
/// What they hold is gone once they are unmounted.
const VOLATILE: &[&str] = &["tmpfs", "ramfs", "overlay"];

const PARAMS: &[ParamSpec] = &[
    param("path", ParamKind::Path, "The mount point.").also(texts!["name"]).required().end(),
    param("src", ParamKind::Path, "What to mount: device, UUID=…, server:/path.").end(),
    param("fstype", ParamKind::Str, "Type of the file system.").end(),
    param("opts", ParamKind::Str, "Options, as in fstab.").end(),
    param("opts_no_log", ParamKind::Bool, "Accepted.").default("false").end(),
    param("dump", ParamKind::Str, "Fifth field of fstab.").default("'0'").end(),
    param("passno", ParamKind::Str, "Sixth field of fstab.").default("'0'").end(),
    param(
        "state",
        ParamKind::Str,
        "mounted: entry and mount; present, absent_from_fstab: the entry only; unmounted, ephemeral, remounted: \
         the mount only; absent: neither, and no directory.",
    )
    .required()
    .one_of(texts!["absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral"])
    .end(),
    param("fstab", ParamKind::Path, "File to use instead of /etc/fstab.").end(),
    param("boot", ParamKind::Bool, "Mount it at boot; otherwise `noauto` is added.").default("true").end(),
    BACKUP,
];

const RETURNS: &[ReturnSpec] = &[
    returned("name", "The mount point."),
    returned("src", "What is mounted."),
    returned("fstype", "Type of the file system."),
    returned("opts", "Options."),
    returned("fstab", "The table that was edited."),
    returned("backup_file", "Where the old table is kept; empty where it is not."),
];

static SPEC: ModuleSpec = Spec {
    name: "mount",
    aliases: texts!["ansible.posix.mount", "ansible.builtin.mount", "ansible.legacy.mount"],
    summary: "Mount a file system, now and at boot.",
    params: PARAMS,
    example: "- ansible.posix.mount:\n    path: /dev/hugepages1G\n    src: none\n    fstype: hugetlbfs\n    opts: pagesize=1G\n    state: present\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Mount;

/// A task about one mount point.
struct Job<'a> {
    host: &'a Host,
    request: &'a Request<'a>,
    path: String,
    source: Option<&'a str>,
    kind: Option<&'a str>,
    options: String,
    fstab: String,
    all: Vec<Mounted>,
    changes: Vec<Change>,
    backup: String,
}

impl Module for Mount {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let state = request.needed("state")?;
        let (source, kind) = (request.text("src"), request.text("fstype"));
        if matches!(state, "mounted" | "present" | "ephemeral") && (source.is_none() || kind.is_none()) {
            let missing: Vec<&str> =
                [("src", source), ("fstype", kind)].iter().filter(|row| row.1.is_none()).map(|row| row.0).collect();
            let message = format!("state is {state} but all of the following are missing: {}", missing.join(", "));
            return Err(ModuleError::new(message));
        }
        let mut options = request.text("opts").unwrap_or("defaults").to_owned();
        let mut warnings = Vec::new();
        if !request.unless_denied("boot") {
            options.push_str(",noauto");
        } else if options.split(',').any(|option| option == "noauto") {
            warnings.push("Ignore the 'boot' due to 'opts' contains 'noauto'.");
        }
        let mut job = Job {
            host,
            request,
            path: host.absolute(request.needed("path")?),
            source,
            kind,
            options,
            fstab: request.text("fstab").map_or_else(|| FSTAB.to_owned(), |path| host.absolute(path)),
            all: mount_table::mounts(&host.read_text("/proc/self/mountinfo").unwrap_or_default()),
            changes: Vec::new(),
            backup: String::new(),
        };
        match state {
            "present" => drop(job.enter()?),
            "absent_from_fstab" => drop(job.leave()?),
            "absent" => job.absent()?,
            "unmounted" => job.unmount()?,
            "mounted" => job.mounted()?,
            "ephemeral" => job.ephemeral()?,
            _ => job.remount()?,
        }
        let mut result = Map::new();
        for (key, value) in [("src", source), ("fstype", kind)] {
            value.map(|value| result.insert(key.to_owned(), value.into()));
        }
        for (key, value) in [
            ("name", job.path.as_str()),
            ("opts", &job.options),
            ("dump", request.text("dump").unwrap_or("0")),
            ("passno", request.text("passno").unwrap_or("0")),
            ("fstab", &job.fstab),
            ("boot", if request.unless_denied("boot") { "yes" } else { "no" }),
            ("backup_file", &job.backup),
        ] {
            result.insert(key.to_owned(), value.into());
        }
        result.insert("warnings".to_owned(), warnings.into());
        Ok(Wanted { changes: job.changes, result, ..Wanted::default() })
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        let Some(run) = runs.last().filter(|run| run.rc != 0) else { return Ok(wanted.result.clone()) };
        let verb = match request.text("state") {
            Some("unmounted" | "absent") => "unmounting",
            Some("remounted") => "remounting",
            _ => "mounting",
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = host.absolute(request.text("path").unwrap_or_default());
        Err(ModuleError::new(format!("Error {verb} {path}: {}{}", text(&run.stdout), text(&run.stderr))))
    }
}

impl Job<'_> {
    /// What is mounted at the path; the last of several is on top.
    fn present(&self) -> Result<Option<Mounted>, ModuleError> {
        let path = if self.path == "/" { "/" } else { self.path.trim_end_matches('/') };
        let at = |path: &str| self.all.iter().rfind(|one| one.path == path).cloned();
        if let Some(found) = at(path) {
            return Ok(Some(found));
        }
        // Directories above may be links. The mount point itself is not looked at.
        let above = self.host.resolve(parent(path)).map_err(failed_to("resolve", path))?;
        Ok(at(&join(&above, base_name(path))))
    }

    /// The entry in the table; true where it is a change.
    fn enter(&mut self) -> Result<bool, ModuleError> {
        let entry = Entry::new([
            self.source.unwrap_or_default(),
            &self.path,
            self.kind.unwrap_or_default(),
            &self.options,
            self.request.text("dump").unwrap_or("0"),
            self.request.text("passno").unwrap_or("0"),
        ]);
        let (path, source) = (self.path.clone(), self.source.map(str::to_owned));
        self.edit(|text| mount_table::with(text, &entry, &path, source.as_deref()))
    }

    /// No entry in the table; true where it is a change.
    fn leave(&mut self) -> Result<bool, ModuleError> {
        let (path, source) = (self.path.clone(), self.source.map(str::to_owned));
        self.edit(|text| mount_table::without(text, &path, source.as_deref()))
    }

    fn edit(&mut self, edited: impl FnOnce(&str) -> Option<String>) -> Result<bool, ModuleError> {
        let path = self.host.resolve(&self.fstab).map_err(failed_to("resolve", &self.fstab))?;
        let old = content(self.host, &path)?.unwrap_or_default();
        let old =
            String::from_utf8(old).map_err(|_| ModuleError::new(format!("cannot read {path}: it is not UTF-8")))?;
        let Some(new) = edited(&old) else { return Ok(false) };
        let none = Attributes::default();
        self.changes.extend(placement::missing_directories(self.host, parent(&path), &none)?);
        let new = NewContent {
            path: &path,
            content: new.into_bytes(),
            fresh: placement::new_file(self.host, &path, Birth::Moved),
            present: None,
            attributes: &none,
            backup: self.request.flag("backup"),
            converges: true,
        };
        let (changes, backup) = placement::replace(self.host, new)?;
        self.changes.extend(changes);
        self.backup = backup.unwrap_or_default();
        Ok(true)
    }

    fn run(&mut self, words: Vec<String>, back: Option<Vec<String>>) -> Result<(), ModuleError> {
        self.changes.push(command(words, back.as_deref())?);
        Ok(())
    }

    /// `mount`, with what comes before the mount point.
    fn mount_words(&self, before: &[&str]) -> Result<Vec<String>, ModuleError> {
        let mut words = vec![program(self.host, "mount")?];
        words.extend(before.iter().map(|word| (*word).to_owned()));
        if self.request.text("state") == Some("ephemeral") {
            words.extend(["-t".to_owned(), self.kind.unwrap_or_default().to_owned()]);
            if self.options != "defaults" {
                words.extend(["-o".to_owned(), self.options.clone()]);
            }
            words.extend(self.source.map(str::to_owned));
        } else if self.fstab != FSTAB {
            words.extend(["-T".to_owned(), self.fstab.clone()]);
        }
        words.push(self.path.clone());
        Ok(words)
    }

    fn mount(&mut self) -> Result<(), ModuleError> {
        let back = vec![program(self.host, "umount")?, self.path.clone()];
        self.run(self.mount_words(&[])?, Some(back))
    }

    /// The directory, then what is mounted on it.
    fn directory_and_mount(&mut self) -> Result<(), ModuleError> {
        let path = self.path.clone();
        let missing = placement::missing_directories(self.host, &path, &Attributes::default())?;
        self.changes.splice(0..0, missing);
        self.mount()
    }

    fn mounted(&mut self) -> Result<(), ModuleError> {
        let present = self.present()?;
        let entered = self.enter()?;
        match present {
            None => self.directory_and_mount(),
            Some(_) if entered => self.remount(),
            Some(_) => Ok(()),
        }
    }

    fn ephemeral(&mut self) -> Result<(), ModuleError> {
        let Some(present) = self.present()? else { return self.directory_and_mount() };
        if Some(present.source.as_str()) != self.source && present.bound(&self.all).as_deref() != self.source {
            let message = "Ephemeral mount point is already mounted with a different source than the specified one. \
                 Unmount it first, or use a different destination path.";
            return Err(ModuleError::new(message));
        }
        self.remount()
    }

    fn remount(&mut self) -> Result<(), ModuleError> {
        let only = self.request.text("state") == Some("remounted");
        let wanted =
            if only && self.options != "defaults" { format!("remount,{}", self.options) } else { "remount".to_owned() };
        let words = self.mount_words(&["-o", &wanted])?;
        let back = self.present()?.map(|now| {
            // Options of a network's file system name addresses that cannot be given again.
            let inner = if now.kind == "tmpfs" { format!(",{}", now.inner) } else { String::new() };
            let options = format!("remount,{}{inner}", now.options);
            Ok(vec![program(self.host, "mount")?, "-o".to_owned(), options, now.path])
        });
        let back = back.transpose()?;
        if only && self.options != "defaults" {
            return self.run(words, back);
        }
        // Not every file system can be remounted: then it is unmounted and mounted again.
        let script = format!("{} || {{ umount \"$0\" && {}; }}", line(&words)?, line(&self.mount_words(&[])?)?);
        self.run(vec!["/bin/sh".to_owned(), "-c".to_owned(), script, self.path.clone()], back)
    }

    fn unmount(&mut self) -> Result<(), ModuleError> {
        let Some(present) = self.present()? else { return Ok(()) };
        let words = vec![program(self.host, "umount")?, self.path.clone()];
        let mount = program(self.host, "mount")?;
        let back = match present.bound(&self.all) {
            Some(bound) => vec![mount, "--bind".to_owned(), bound, present.path],
            None => {
                let options = format!("{},{}", present.options, present.inner);
                vec![
                    mount,
                    "-t".to_owned(),
                    present.kind.clone(),
                    "-o".to_owned(),
                    options,
                    present.source,
                    present.path,
                ]
            }
        };
        if VOLATILE.contains(&present.kind.as_str()) {
            let mut change = command(words, None)?;
            change.revert = Reversal::No(format!("what a {} held is gone with it", present.kind));
            self.changes.push(change);
            return Ok(());
        }
        self.run(words, Some(back))
    }

    fn absent(&mut self) -> Result<(), ModuleError> {
        if !self.leave()? {
            return Ok(());
        }
        let path = self.path.clone();
        if self.present()?.is_some() {
            self.unmount()?;
            // What lies under the mount is seen only once it is gone.
            let back = vec!["mkdir".to_owned(), "-p".to_owned(), path.clone()];
            return self.run(vec!["rmdir".to_owned(), path], Some(back));
        }
        let stat = self.host.lstat(&path).map_err(failed_to("look at", &path))?;
        match stat {
            Some(stat) if stat.kind == Kind::Directory => {
                if !self.host.list(&path).map_err(failed_to("list", &path))?.is_empty() {
                    return Err(ModuleError::new(format!(
                        "Error rmdir {path}: [Errno 39] Directory not empty: '{path}'"
                    )));
                }
                let before = State::Directory { meta: stat.meta() };
                self.changes.push(change(&path, before, State::Absent, Reversal::Yes, true));
                Ok(())
            }
            Some(_) => Err(ModuleError::new(format!("Error rmdir {path}: it is no directory"))),
            None => Ok(()),
        }
    }
}

/// Words as one line for a shell.
fn line(words: &[String]) -> Result<String, ModuleError> {
    let change = command(words.to_vec(), None)?;
    Ok(match change.resource {
        Resource::Command(line) | Resource::Path(line) | Resource::Setting(line) => line,
    })
}
