//! `file` for symbolic and hard links.

use super::answer::{exists, failed_to};
use super::file::{Form, Job};
use super::placement::{change, original};
use super::{ModuleError, Wanted};
use crate::host::paths::{join, parent};
use luthier_protocol::Map;
use luthier_protocol::change::{Change, Reversal, State};

/// A symbolic link.
pub(super) fn symbolic(job: &Job<'_>) -> Result<Wanted, ModuleError> {
    let (host, path) = (job.host, job.path.as_str());
    let found = Form::found(host, path)?;
    let mut src = job.src.clone();
    if src.is_none() && job.follow && found == Form::Link {
        src = Some(host.read_link(path).map_err(failed_to("read link", path))?);
    }
    let beside = if found == Form::Directory { path } else { parent(path) };
    let target = src.as_deref().map(|src| join(beside, src));
    let leads_somewhere = target.as_deref().map_or(Ok(true), |target| exists(host, target))?;
    if !job.force && !leads_somewhere {
        let target = target.unwrap_or_default();
        let message =
            format!("src file does not exist, use 'force=yes' if you really want to create the link: {target}");
        return Err(ModuleError::new(message).with("src", src.unwrap_or_default()).about(host, "path", path));
    }
    refuse_to_replace(job, found)?;
    let mut wanted = Wanted { result: answer(path, src.as_deref()), ..Wanted::default() };
    match (&src, found) {
        (None, Form::Link) => {}
        (None, _) => return Err(ModuleError::new("src is required for creating new symlinks")),
        (Some(src), _) => wanted.changes.extend(replacement(job, found, src)?),
    }
    finish(job, target.as_deref().filter(|_| leads_somewhere), found, &mut wanted)?;
    Ok(wanted)
}

fn refuse_to_replace(job: &Job<'_>, found: Form) -> Result<(), ModuleError> {
    let path = job.path.as_str();
    let message = match found {
        Form::Directory | Form::File | Form::Hard if !job.force => {
            format!("refusing to convert from {} to symlink for {path}", found.name())
        }
        Form::Directory if !job.host.list(path).map_err(failed_to("list", path))?.is_empty() => {
            format!("the directory {path} is not empty, refusing to convert it")
        }
        _ => return Ok(()),
    };
    Err(ModuleError::new(message).about(job.host, "path", path))
}

fn replacement(job: &Job<'_>, found: Form, src: &str) -> Result<Vec<Change>, ModuleError> {
    let path = job.path.as_str();
    let (before, revert) = original(job.host, path)?;
    if matches!(&before, State::Link { target, .. } if target == src) {
        return Ok(Vec::new());
    }
    let who = job.host.who();
    // With links followed, owner and group are meant for what the link leads to.
    let (uid, gid) = if job.follow { (None, None) } else { (job.attributes.uid, job.attributes.gid) };
    let after = State::Link { target: src.to_owned(), uid: uid.unwrap_or(who.uid), gid: gid.unwrap_or(who.gid) };
    let mut changes = Vec::new();
    if found == Form::Directory {
        changes.push(change(path, before, State::Absent, Reversal::Yes, true));
        changes.push(change(path, State::Absent, after, Reversal::Yes, true));
    } else {
        changes.push(change(path, before, after, revert, true));
    }
    Ok(changes)
}

/// Mode, owner and times: of the link itself, or of what it leads to.
fn finish(job: &Job<'_>, target: Option<&str>, found: Form, wanted: &mut Wanted) -> Result<(), ModuleError> {
    if !job.follow {
        if found == Form::Link && wanted.changes.is_empty() {
            wanted.changes.extend(job.attributes_of(&job.path)?);
        }
        return Ok(());
    }
    match target {
        Some(target) => {
            let target = job.host.resolve(target).map_err(failed_to("resolve", target))?;
            wanted.changes.extend(job.attributes_of(&target)?);
        }
        None if job.src.is_some() => {
            let warning = "the link leads nowhere, so mode and owner were not set; follow: false avoids this warning";
            wanted.result.insert("warnings".to_owned(), vec![warning].into());
        }
        None => {}
    }
    Ok(())
}

/// A hard link.
pub(super) fn hard(job: &Job<'_>) -> Result<Wanted, ModuleError> {
    let (host, path) = (job.host, job.path.as_str());
    let found = Form::found(host, path)?;
    let Some(src) = job.src.as_deref() else {
        if found != Form::Hard {
            return Err(ModuleError::new("src is required for creating new hardlinks"));
        }
        let changes = job.attributes_of(path)?.into_iter().collect();
        return Ok(Wanted { changes, result: answer(path, None), ..Wanted::default() });
    };
    let src = host.absolute(src);
    let Some(source) = host.stat(&src).map_err(failed_to("look at", &src))? else {
        return Err(ModuleError::new("src does not exist").with("src", src).about(host, "dest", path));
    };
    let present = host.lstat(path).map_err(failed_to("look at", path))?;
    let result = answer(path, Some(&src));
    if present.as_ref().is_some_and(|stat| (stat.inode, stat.device) == (source.inode, source.device)) {
        let changes = job.attributes_of(path)?.into_iter().collect();
        return Ok(Wanted { changes, result, ..Wanted::default() });
    }
    let refusal = match found {
        Form::Directory => Some(format!("{path} is a directory, refusing to convert it")),
        Form::Hard if !job.force => Some("Cannot link, different hard link exists at destination".to_owned()),
        Form::File if !job.force => Some(format!("Cannot link, {} exists at destination", found.name())),
        _ => None,
    };
    if let Some(message) = refusal {
        return Err(ModuleError::new(message).with("src", src).about(host, "dest", path));
    }
    let target = if job.follow { host.resolve(&src).map_err(failed_to("resolve", &src))? } else { src };
    let mut changes: Vec<Change> = job.attributes_of(&target)?.into_iter().collect();
    let (before, revert) = original(host, path)?;
    changes.push(change(path, before, State::HardLink { target }, revert, true));
    Ok(Wanted { changes, result, ..Wanted::default() })
}

fn answer(path: &str, src: Option<&str>) -> Map {
    let mut result = Job::result("dest", path);
    result.insert("src".to_owned(), src.into());
    result
}
