//! Mode, owner and group as a task asks for them, and what they make of a file's present ones.

use super::ModuleError;
use super::mode::Mode;
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::change::Meta;

/// Where the kernel shows SELinux while it is on.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// The parameters that nearly every module about files takes; absent means: leave it as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    /// `mode`.
    pub mode: Option<&'a Value>,
    /// `owner`.
    pub owner: Option<&'a str>,
    /// `group`.
    pub group: Option<&'a str>,
    /// `attributes`.
    pub attributes: Option<&'a str>,
    /// One of the SELinux parameters is given.
    pub selinux: bool,
}

/// Wanted mode and owner, names resolved.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    /// Wanted mode.
    pub mode: Option<Mode>,
    /// Wanted user id.
    pub uid: Option<u32>,
    /// Wanted group id.
    pub gid: Option<u32>,
    umask: u32,
}

impl Attributes {
    /// Resolve names and read the mode.
    pub(super) fn of(host: &Host, asked: Asked<'_>) -> Result<Self, ModuleError> {
        if asked.attributes.is_some_and(|flags| !flags.is_empty()) {
            return Err(ModuleError::new("attributes (chattr flags) cannot be set by this module"));
        }
        if asked.selinux && matches!(host.stat(SELINUX), Ok(Some(_))) {
            return Err(ModuleError::new("SELinux contexts cannot be set by this module, and SELinux is on here"));
        }
        let mode =
            asked.mode.filter(|value| !value.is_null()).map(Mode::parse).transpose().map_err(ModuleError::new)?;
        let uid = asked.owner.map(|name| user(host, name)).transpose()?;
        let gid = asked.group.map(|name| group(host, name)).transpose()?;
        Ok(Self { mode, uid, gid, umask: host.who().umask })
    }

    /// The same without a mode.
    pub(super) fn without_mode(&self) -> Self {
        Self { mode: None, ..self.clone() }
    }

    /// The same with another mode.
    pub(super) fn with_mode_of(&self, other: &Self) -> Self {
        Self { mode: other.mode.clone(), ..self.clone() }
    }

    /// What they make of present ones.
    pub(super) fn over(&self, present: &Meta, directory: bool) -> Meta {
        Meta {
            mode: self.mode.as_ref().map_or(present.mode, |mode| mode.over(present.mode, directory, self.umask)),
            uid: self.uid.unwrap_or(present.uid),
            gid: self.gid.unwrap_or(present.gid),
            times: present.times,
        }
    }
}

/// The id of a user given by id or name.
fn user(host: &Host, text: &str) -> Result<u32, ModuleError> {
    if let Ok(id) = text.trim().parse() {
        return Ok(id);
    }
    let account = host.account(text);
    account.map(|account| account.uid).ok_or_else(|| unknown("chown", "user", text))
}

/// The id of a group given by id or name.
fn group(host: &Host, text: &str) -> Result<u32, ModuleError> {
    if let Ok(id) = text.trim().parse() {
        return Ok(id);
    }
    host.group_id(text).ok_or_else(|| unknown("chgrp", "group", text))
}

fn unknown(what: &str, kind: &str, name: &str) -> ModuleError {
    ModuleError::new(format!("{what} failed: failed to look up {kind} {name}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_ids_are_resolved_on_the_host() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/passwd"), "qemu:x:107:107::/:/sbin/nologin\n").unwrap();
        std::fs::write(folder.path().join("etc/group"), "kvm:x:36:qemu\n").unwrap();
        let host = Host::under(folder.path());
        let mode = json!("g+w");
        let asked = Asked { mode: Some(&mode), owner: Some("qemu"), group: Some("kvm"), ..Asked::default() };
        let present = Meta { mode: 0o644, uid: 0, gid: 0, times: None };
        let meta = Attributes::of(&host, asked).unwrap().over(&present, false);
        assert_eq!((meta.mode, meta.uid, meta.gid), (0o664, 107, 36));
        let unknown = Attributes::of(&host, Asked { owner: Some("nobody-here"), ..Asked::default() }).unwrap_err();
        assert_eq!(unknown.message, "chown failed: failed to look up user nobody-here");
    }
}
