//! Becoming another user: command lines of `sudo`, `su` and `doas`, and what their messages mean.

use luthier_protocol::message::{ChildFailure, StartChild};

/// How a password is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Not at all.
    Never,
    /// With this text on standard error.
    Text(String),
    /// In the program's own words, on either stream, as the end of what it says.
    Own,
}

/// A command line that runs a shell script as another user.
#[derive(Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How it asks for a password.
    pub prompt: Prompt,
    /// `sudo`, `su` or `doas`.
    pub method: String,
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
    // More than one word: a program that starts the become program (`sudo su -`).
    let mut argv: Vec<String> = program.split_whitespace().map(str::to_owned).collect();
    // How passwords are asked for is decided here, whatever the flags say.
    let flags: Vec<String> = start.flags.iter().filter_map(|flag| kept(flag, method)).collect();
    let prompt = match (method, &start.password) {
        ("sudo", None) => {
            argv.extend(["-H", "-n"].map(str::to_owned));
            Prompt::Never
        }
        ("sudo", Some(_)) => {
            argv.extend(["-H", "-S", "-p", marker].map(str::to_owned));
            Prompt::Text(marker.to_owned())
        }
        // It takes a password from a terminal only; where none is needed, one that was given does no harm.
        ("doas", _) => {
            argv.push("-n".to_owned());
            Prompt::Never
        }
        ("su", _) => {
            // The script is for this shell; and accounts of services have none.
            if !flags.iter().any(|flag| flag.starts_with("-s") || flag.starts_with("--shell")) {
                argv.extend(["-s", "/bin/sh"].map(str::to_owned));
            }
            Prompt::Own
        }
        (other, _) => return Err(format!("unknown become method {other}: known are sudo, su and doas")),
    };
    let through_shell = method == "sudo" && argv.iter().chain(&flags).any(|flag| asks_for_shell(flag));
    argv.extend(flags);
    if method == "su" {
        argv.extend([user, "-c".to_owned(), format!("exec /bin/sh -c '{script}'")]);
    } else {
        argv.extend(["-u".to_owned(), user, "--".to_owned()]);
        let script = if through_shell { without_dollars(script)? } else { script.to_owned() };
        argv.extend(["/bin/sh".to_owned(), "-c".to_owned(), script]);
    }
    Ok(Escalation { argv, prompt, method: method.to_owned() })
}

/// Whether `sudo` hands the command to a shell of the user's (`-i`, `-s`). A word that only looks so does no harm.
fn asks_for_shell(flag: &str) -> bool {
    let letters = flag.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
    letters.is_some_and(|letters| letters.contains(['i', 's'])) || matches!(flag, "--login" | "--shell")
}

/// A script for the shell in between: `sudo` escapes every sign for it except `$`, so that there must be none. It travels
/// with other signs for those that a shell expands inside double quotes, and the shell it is meant for puts them back.
fn without_dollars(script: &str) -> Result<String, String> {
    let unused: Vec<char> = "%^~@,?+QXZJVWYKB".chars().filter(|sign| !script.contains(*sign)).collect();
    let &[dollar, back, tick, quote, ..] = unused.as_slice() else {
        return Err("sudo -i and -s cannot start an agent in a folder of that name".to_owned());
    };
    let signs = [("$", dollar), ("\\", back), ("`", tick), ("\"", quote)];
    let sent = signs.iter().fold(script.to_owned(), |sent, (sign, other)| sent.replace(sign, &other.to_string()));
    Ok(format!("eval \"`printf %s '{sent}' | tr '{dollar}{back}{tick}{quote}' '\\044\\134\\140\\042'`\""))
}

/// A flag without the letters that are decided here (`-HSnE` leaves `-E`).
fn kept(flag: &str, method: &str) -> Option<String> {
    let letters = flag.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let (Some(letters), "sudo" | "doas") = (letters, method) else { return Some(flag.to_owned()) };
    let left: String = letters.chars().filter(|letter| !"nSH".contains(*letter)).collect();
    (!left.is_empty() || letters.is_empty()).then(|| format!("-{left}"))
}

/// What a become program meant by what it said before it ended.
pub fn failure(said: &str, prompts: usize) -> ChildFailure {
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if prompts > 1 || says(&["sorry, try again", "incorrect password", "authentication failure"]) {
        return ChildFailure::WrongPassword;
    }
    let needed = ["a password is required", "authentication required", "authorization required"];
    if says(&needed) || says(&["must be run from a terminal", "a terminal is required"]) {
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

/// What kept the become program from its work, in words for people, with what to do about it.
pub fn explained(reason: ChildFailure, method: &str, said: &str) -> String {
    let lower = said.to_ascii_lowercase();
    let wants_terminal = lower.contains("must have a tty") || lower.contains("terminal") || lower.contains("a tty is");
    let (before, after) = match (reason, method) {
        (ChildFailure::WrongPassword, _) => ("the become password is wrong", ""),
        (ChildFailure::PasswordNeeded, "doas") => {
            ("a password is needed", "doas reads one from a terminal only, so permit it with `nopass` in doas.conf")
        }
        (ChildFailure::PasswordNeeded, "su") if wants_terminal => {
            ("a password is needed", "this su reads one from a terminal only: use sudo")
        }
        (ChildFailure::PasswordNeeded, _) => ("a password is needed", "give it by ansible_become_password or -K"),
        (ChildFailure::Refused, "sudo") if wants_terminal => {
            ("it is refused", "no terminal is used here: `Defaults !requiretty` in sudoers allows that")
        }
        (ChildFailure::Refused, _) => ("it is refused", ""),
        _ => ("", ""),
    };
    let parts = [before, said, after].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
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
        assert_eq!(line("doas", Some("x")), "doas -n -E -u root -- /bin/sh -c echo hi");
        assert_eq!(line("su", None), "su -s /bin/sh -n -E root -c exec /bin/sh -c 'echo hi'");
        let mut other = start("su", None);
        (other.program, other.flags) = ("sudo -n su".into(), vec!["-s".into(), "/bin/dash".into()]);
        let line = escalation(&other, "true", "MARK").unwrap().argv.join(" ");
        assert_eq!(line, "sudo -n su -s /bin/dash root -c exec /bin/sh -c 'true'");
    }

    #[test]
    fn flags_decided_here_are_taken_out() {
        for (flag, left) in [("-H", None), ("-HSn", None), ("-HE", Some("-E")), ("--login", Some("--login"))] {
            assert_eq!(kept(flag, "sudo").as_deref(), left, "{flag}");
        }
        assert_eq!(kept("-n", "su").as_deref(), Some("-n"));
        assert_eq!(kept("-", "su").as_deref(), Some("-"));
    }

    #[test]
    fn a_shell_in_between_finds_nothing_to_expand() {
        let script = "a=\"$HOME\"; printf \"\\044\\n%s\" \"`id`\"; echo ~";
        for (program, flags) in [("", "-i"), ("", "-Es"), ("", "--login"), ("sudo -i", "-E")] {
            let mut start = start("sudo", None);
            (start.program, start.flags) = (program.to_owned(), vec![flags.to_owned()]);
            let argv = escalation(&start, script, "MARK").unwrap().argv;
            let sent = argv.last().unwrap();
            assert!(!sent.contains('$'), "{sent}");
            let run = |script: &str| {
                let mut command = std::process::Command::new("/bin/sh");
                String::from_utf8(command.args(["-c", script]).output().unwrap().stdout).unwrap()
            };
            assert_eq!(run(sent), run(script));
        }
        assert!(without_dollars("%^~@,?+QXZJVWYKB").is_err());
        assert!(!asks_for_shell("-n") && !asks_for_shell("--set-home") && !asks_for_shell("sudo"));
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
            ("sudo: sorry, you must have a tty to run sudo", 0, ChildFailure::Refused),
            ("doas: Authentication required", 0, ChildFailure::PasswordNeeded),
            ("doas: Operation not permitted", 0, ChildFailure::Refused),
            ("su: must be run from a terminal", 0, ChildFailure::PasswordNeeded),
            ("su: Authentication failure", 1, ChildFailure::WrongPassword),
        ];
        for (said, prompts, reason) in expect {
            assert_eq!(failure(said, prompts), reason, "{said}");
        }
    }
}
