//! Becoming another user: command lines of `sudo`, `su` and `doas`, and what their messages mean.

use luthier_protocol::message::{ChildFailure, StartChild};

/// How a password is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Not at all.
    Never,
    /// With this text on standard error.
    Text(String),
    /// In the program's own words, on either stream.
    Own,
}

/// A command line that runs a shell script as another user.
#[derive(Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How it asks for a password.
    pub prompt: Prompt,
}

/// The command line for a script without single quotes and line breaks; `marker` is what nothing else prints.
pub fn escalation(start: &StartChild, script: &str, marker: &str) -> Result<Escalation, String> {
    let user = start.identity.user.clone();
    // A user name is never an option.
    if user.is_empty() || user.starts_with('-') {
        return Err(format!("`{user}` is no user name"));
    }
    let method = start.identity.method.as_str();
    let program = if start.program.is_empty() { method } else { start.program.as_str() };
    let mut argv = vec![program.to_owned()];
    let shell = ["/bin/sh", "-c", script].map(str::to_owned);
    // How passwords are asked for is decided here, whatever the flags say.
    let flags = start.flags.iter().filter(|flag| !matches!(flag.as_str(), "-n" | "-S" | "-H")).cloned();
    let prompt = match (method, &start.password) {
        ("sudo", None) => {
            argv.extend(["-H", "-n"].map(str::to_owned));
            Prompt::Never
        }
        ("sudo", Some(_)) => {
            argv.extend(["-H", "-S", "-p", marker].map(str::to_owned));
            Prompt::Text(marker.to_owned())
        }
        ("doas", None) => {
            argv.push("-n".to_owned());
            Prompt::Never
        }
        ("doas", Some(_)) => return Err("doas reads passwords from a terminal only: allow it with `nopass`".to_owned()),
        ("su", None) => Prompt::Never,
        ("su", Some(_)) => Prompt::Own,
        (other, _) => return Err(format!("unknown become method {other}: known are sudo, su and doas")),
    };
    argv.extend(flags);
    if method == "su" {
        argv.extend([user, "-c".to_owned(), format!("exec /bin/sh -c '{script}'")]);
    } else {
        argv.extend(["-u".to_owned(), user, "--".to_owned()]);
        argv.extend(shell);
    }
    Ok(Escalation { argv, prompt })
}

/// What a become program meant by what it said before it ended.
pub fn failure(said: &str, prompts: usize) -> ChildFailure {
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if prompts > 1 || says(&["sorry, try again", "incorrect password", "authentication failure"]) {
        return ChildFailure::WrongPassword;
    }
    if says(&["a password is required", "authentication required", "must be run from a terminal"]) {
        return ChildFailure::PasswordNeeded;
    }
    if says(&[
        "not in the sudoers",
        "not allowed to",
        "may not run",
        "must have a tty",
        "operation not permitted",
        "permission denied",
    ]) {
        return ChildFailure::Refused;
    }
    ChildFailure::NotStarted
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use luthier_protocol::task::Identity;

    fn start(method: &str, password: Option<&str>) -> StartChild {
        StartChild {
            identity: Identity { user: "root".into(), method: method.into() },
            password: password.map(str::to_owned),
            flags: vec!["-n".into(), "-E".into()],
            program: String::new(),
            agent_path: None,
        }
    }

    #[test]
    fn command_lines() {
        let line = |method, password| escalation(&start(method, password), "echo hi", "MARK").unwrap().argv.join(" ");
        assert_eq!(line("sudo", None), "sudo -H -n -E -u root -- /bin/sh -c echo hi");
        assert_eq!(line("sudo", Some("x")), "sudo -H -S -p MARK -E -u root -- /bin/sh -c echo hi");
        assert_eq!(line("doas", None), "doas -n -E -u root -- /bin/sh -c echo hi");
        assert_eq!(line("su", None), "su -E root -c exec /bin/sh -c 'echo hi'");
    }

    #[test]
    fn a_user_name_that_looks_like_an_option_is_refused() {
        let mut start = start("sudo", None);
        start.identity.user = "-s".into();
        assert!(escalation(&start, "true", "MARK").is_err());
    }

    #[test]
    fn messages_are_understood() {
        let expect = [
            ("sudo: a password is required", 0, ChildFailure::PasswordNeeded),
            ("Sorry, try again.", 1, ChildFailure::WrongPassword),
            ("", 2, ChildFailure::WrongPassword),
            ("luser is not in the sudoers file.", 1, ChildFailure::Refused),
            ("sudo: unknown user nobody2", 0, ChildFailure::NotStarted),
        ];
        for (said, prompts, reason) in expect {
            assert_eq!(failure(said, prompts), reason, "{said}");
        }
    }
}
