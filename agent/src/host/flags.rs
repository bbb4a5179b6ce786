//! Inode flags as `lsattr` shows them.

use super::Host;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

/// Bit of `linux/fs.h`, letter of `lsattr` and in its order, the name Ansible gives it.
const NAMES: &[(u32, char, &str)] = &[
    (0x0000_0001, 's', "zero"),
    (0x0000_0002, 'u', "undelete"),
    (0x0000_0008, 'S', "synchronous"),
    (0x0001_0000, 'D', "dirsync"),
    (0x0000_0010, 'i', "immutable"),
    (0x0000_0020, 'a', "append"),
    (0x0000_0040, 'd', "nodump"),
    (0x0000_0080, 'A', "noatime"),
    (0x0000_0004, 'c', "compressed"),
    (0x0000_0800, 'E', "encrypted"),
    (0x0000_4000, 'j', "journalled"),
    (0x0000_1000, 'I', "indexed"),
    (0x0000_8000, 't', "notail"),
    (0x0002_0000, 'T', "blockroot"),
    (0x0008_0000, 'e', "extents"),
    (0x0080_0000, 'C', "nocow"),
    (0x1000_0000, 'N', "inline"),
];

impl Host {
    /// Letter and name of each flag of a file or directory that is set.
    pub fn flags(&self, path: &str) -> io::Result<Vec<(char, &'static str)>> {
        // Never blocks on a pipe's other end, and never opens what a link leads to.
        let blocking = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let custom = i32::try_from(blocking.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(custom).open(self.path(path))?;
        let set = rustix::fs::ioctl_getflags(&file)?.bits();
        Ok(NAMES.iter().filter(|(flag, _, _)| set & flag != 0).map(|(_, letter, name)| (*letter, *name)).collect())
    }
}
