//! Users and groups from `/etc/passwd` and `/etc/group`.
//!
//! Read as files: the C library's look-ups need shared libraries that a static program does not have. Accounts that only
//! a directory service knows are therefore unknown by name here; ids always work.

use super::Host;

/// One line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Full name field.
    pub gecos: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// One line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    /// Names of the users it is a supplementary group of.
    pub members: Vec<String>,
}

fn group(line: &str) -> Option<Group> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let gid = fields.nth(1)?.parse().ok()?;
    let members = fields.next().unwrap_or_default().split(',').map(str::trim).filter(|member| !member.is_empty());
    Some(Group { name, gid, members: members.map(str::to_owned).collect() })
}

impl Host {
    /// The account of a name or of a number written as text.
    pub fn account(&self, name: &str) -> Option<Account> {
        self.accounts().into_iter().find(|account| account.name == name)
    }

    /// The account of a user id.
    pub fn account_of(&self, uid: u32) -> Option<Account> {
        self.accounts().into_iter().find(|account| account.uid == uid)
    }

    /// All accounts of `/etc/passwd`.
    pub fn accounts(&self) -> Vec<Account> {
        let text = self.read_text("/etc/passwd").unwrap_or_default();
        text.lines().filter_map(account).collect()
    }

    /// The id of a group's name.
    pub fn group_id(&self, name: &str) -> Option<u32> {
        self.groups().into_iter().find(|(group, _)| group == name).map(|(_, gid)| gid)
    }

    /// The name of a group id.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        self.groups().into_iter().find(|(_, id)| *id == gid).map(|(name, _)| name)
    }

    fn groups(&self) -> Vec<(String, u32)> {
        self.all_groups().into_iter().map(|group| (group.name, group.gid)).collect()
    }

    /// All groups of `/etc/group`.
    pub fn all_groups(&self) -> Vec<Group> {
        let text = self.read_text("/etc/group").unwrap_or_default();
        text.lines().filter_map(group).collect()
    }

    /// A user's fields of `/etc/shadow` in order: name, password, last change, least, most and warning days, idle days,
    /// expiry, reserved. Empty where there is no such line, or no right to read it.
    pub fn shadow(&self, name: &str) -> Vec<String> {
        let text = self.read_text("/etc/shadow").unwrap_or_default();
        let line = text.lines().find(|line| line.split(':').next() == Some(name));
        line.map(|line| line.split(':').map(str::to_owned).collect()).unwrap_or_default()
    }
}

fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    match fields.as_slice() {
        [name, _, uid, gid, gecos, home, shell, ..] => Some(Account {
            name: (*name).to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            gecos: (*gecos).to_owned(),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
        }),
        _ => None,
    }
}
