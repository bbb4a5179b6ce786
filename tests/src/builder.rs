//! How a site of SSH servers shall be.

use crate::user::Sudo;

/// How a site shall be.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) hosts: usize,
    pub(crate) prefix: String,
    pub(crate) ordinary: Option<Sudo>,
    pub(crate) max_sessions: Option<u32>,
    pub(crate) password: bool,
    pub(crate) force_command: Option<String>,
    pub(crate) programs: Vec<(String, String)>,
    pub(crate) extra: String,
    pub(crate) shell: Option<String>,
    pub(crate) inside: Option<String>,
}

impl Builder {
    /// Number of hosts.
    #[must_use]
    pub fn hosts(mut self, count: usize) -> Self {
        self.hosts = count;
        self
    }

    /// What their names begin with (`h` gives h1, h2, …; the group is `fleet_h`).
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Log in as an ordinary user made for this site instead of as the user who runs the tests.
    #[must_use]
    pub fn ordinary(mut self, sudo: Sudo) -> Self {
        self.ordinary = Some(sudo);
        self
    }

    /// `MaxSessions` of the servers.
    #[must_use]
    pub fn max_sessions(mut self, count: u32) -> Self {
        self.max_sessions = Some(count);
        self
    }

    /// Accept passwords and no keys.
    #[must_use]
    pub fn password_only(mut self) -> Self {
        self.password = true;
        self
    }

    /// Run this shell script in place of whatever is asked for (`$SSH_ORIGINAL_COMMAND`).
    #[must_use]
    pub fn force_command(mut self, script: &str) -> Self {
        self.force_command = Some(script.to_owned());
        self
    }

    /// Put a shell script of this name first in the hosts' PATH.
    #[must_use]
    pub fn program(mut self, name: &str, script: &str) -> Self {
        self.programs.push((name.to_owned(), script.to_owned()));
        self
    }

    /// Give the ordinary user this login shell.
    #[must_use]
    pub fn shell(mut self, program: &str) -> Self {
        self.shell = Some(program.to_owned());
        self
    }

    /// Run the servers in a mount namespace of their own, after this shell script (`$SITE` is the site's folder, `$USER_ID`
    /// the login user's number). What it mounts is seen by nobody else.
    #[must_use]
    pub fn inside(mut self, script: &str) -> Self {
        self.inside = Some(script.to_owned());
        self
    }

    /// Further lines of `sshd_config`, before all others: the first value counts. `%SITE%` is the site's folder.
    #[must_use]
    pub fn config(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// Three hosts h1…h3, logged in to as the user who runs the tests.
    pub(crate) fn three() -> Self {
        Self {
            hosts: 3,
            prefix: "h".to_owned(),
            ordinary: None,
            max_sessions: None,
            password: false,
            force_command: None,
            programs: Vec::new(),
            extra: String::new(),
            shell: None,
            inside: None,
        }
    }
}
