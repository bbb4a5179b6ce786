//! `connection: openssh`: the bootstrap and the frames over the `ssh` program as a child process, for what only it can
//! do (Kerberos, security keys, proxies of its own making). Its configuration files, its agents and its known_hosts
//! files hold; the inventory's variables go to it as options. It must not ask anybody anything.

use super::line::{Line, LineReader, LineWriter};
use super::open::{Listener, Notice};
use super::route::Route;
use super::ssh_names::{check_host, check_user};
use super::startups::Turn;
use super::{HostKeyPolicy, SessionError, Settings, Target};
use std::process::Stdio;
use tokio::process::Command;

/// Seconds without a word from the host before ssh asks for one, and how often it asks before it gives up.
const ALIVE: (u32, u32) = (15, 4);

/// What `ssh` says when a server turns it away before the two know each other.
const BUSY: &[&str] = &["kex_exchange_identification", "Connection reset", "Connection closed", "banner exchange"];

/// Look at what goes to `ssh`, and say what should be known of it.
pub(super) fn check(settings: &Settings, target: &Target, listener: &Listener) -> Result<(), SessionError> {
    let wrong = |error: SessionError| SessionError::Input(format!("{}: {error}", target.host));
    check_host(&target.address).map_err(wrong)?;
    target.user.as_deref().map_or(Ok(()), check_user).map_err(wrong)?;
    for warning in warnings(settings, target) {
        listener(Notice::Warning(warning));
    }
    Ok(())
}

/// The server that a login burdens first, as far as it can be told: `ssh` has a configuration of its own.
pub(super) fn server(settings: &Settings, target: &Target) -> String {
    match Route::find(settings, target) {
        Ok(route) => route.outermost().server(),
        Err(_) => format!("{}:{}", target.address.to_ascii_lowercase(), target.port.unwrap_or(22)),
    }
}

/// Whether a server turned `ssh` away that may take it a moment later.
pub(super) fn is_busy(error: &SessionError) -> bool {
    matches!(error, SessionError::OpenSsh(said) if BUSY.iter().any(|words| said.contains(words)))
}

/// Run a command line on the host by the `ssh` program.
pub(super) fn start(
    settings: &Settings,
    target: &Target,
    command: &str,
    turn: Option<Turn>,
) -> Result<Line, SessionError> {
    let program = target.ssh_program.as_deref().unwrap_or("ssh");
    let wrong = |problem: String| SessionError::OpenSsh(format!("cannot run {program}: {problem}"));
    let mut child = Command::new(program)
        .args(arguments(settings, target))
        .args(["--", &target.address, command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: an interrupt typed at the controller must not cut the line in the middle of a change.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                wrong("it is not installed (Debian: openssh-client), or not in PATH".to_owned())
            }
            _ => wrong(error.to_string()),
        })?;
    let (Some(input), Some(out), Some(err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(wrong("its pipes are missing".to_owned()));
    };
    Ok(Line {
        reader: LineReader::Pipes {
            out: Some(Box::new(out)),
            err: Some(Box::new(err)),
            child: Some(Box::new(child)),
            is_ssh: true,
        },
        writer: LineWriter::Pipe(Box::new(input)),
        keeper: None,
        turn,
    })
}

/// What holds of host keys for the whole run, or else what the host's variables say.
fn policy(settings: &Settings, target: &Target) -> Option<HostKeyPolicy> {
    settings.host_keys.or(target.host_key_policy())
}

fn warnings(settings: &Settings, target: &Target) -> Vec<String> {
    let mut all = Vec::new();
    if target.password.is_some() {
        all.push(
            "the password is not given to the ssh program, which may not ask for one: use `connection: ssh`".into(),
        );
    }
    if policy(settings, target) == Some(HostKeyPolicy::Any) {
        all.push(format!("{}: host keys are not checked", target.address));
    }
    all
}

/// Options, those of highest rank first: ssh takes the first value it is told.
fn arguments(settings: &Settings, target: &Target) -> Vec<String> {
    // No terminal and no questions.
    let mut all: Vec<String> = ["-T", "-o", "BatchMode=yes"].map(str::to_owned).to_vec();
    if let Some(policy) = settings.host_keys {
        all.extend(["-o".to_owned(), checking(policy).to_owned()]);
    }
    let words = target.ssh_args.words.split_at_checked(target.ssh_args.leading_words);
    let (leading, rest) = words.unwrap_or_default();
    all.extend(leading.iter().cloned());
    let mut option = |text: String| all.extend(["-o".to_owned(), text]);
    if let Some(port) = target.port {
        option(format!("Port={port}"));
    }
    if let Some(user) = &target.user {
        option(format!("User={}", quoted(user)));
    }
    for key in &target.private_keys {
        option(format!("IdentityFile={}", quoted(&key.display().to_string())));
    }
    if let Some(policy) = target.host_key_policy() {
        option(checking(policy).to_owned());
    }
    if let Some(limit) = target.connect_timeout {
        option(format!("ConnectTimeout={}", limit.as_secs().max(1)));
    }
    all.extend(rest.iter().cloned());
    let mut option = |text: String| all.extend(["-o".to_owned(), text]);
    option(format!("ConnectTimeout={}", settings.deadlines.connect.as_secs().max(1)));
    option(format!("ServerAliveInterval={}", ALIVE.0));
    option(format!("ServerAliveCountMax={}", ALIVE.1));
    // With a command of its own in its configuration, ssh refuses to run ours.
    option("RemoteCommand=none".to_owned());
    all
}

fn checking(policy: HostKeyPolicy) -> &'static str {
    match policy {
        HostKeyPolicy::Strict => "StrictHostKeyChecking=yes",
        HostKeyPolicy::AcceptNew => "StrictHostKeyChecking=accept-new",
        HostKeyPolicy::Any => "StrictHostKeyChecking=no",
    }
}

/// A value for `-o`, which ssh splits at blanks like a line of its configuration.
fn quoted(text: &str) -> String {
    if text.contains([' ', '\t', '#', '\'']) && !text.contains('"') { format!("\"{text}\"") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::session::{Agents, Defaults};
    use serde_json::json;

    fn line(vars: &serde_json::Value) -> String {
        let target = Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default()).unwrap();
        arguments(&Settings::new(Agents::default()), &target).join(" ")
    }

    #[test]
    fn variables_become_options_before_those_of_the_arguments() {
        let found = line(&json!({
            "ansible_port": 22022, "ansible_user": "ops", "ansible_ssh_private_key_file": "/k/a b",
            "ansible_host_key_checking": false, "ansible_ssh_timeout": 7,
            "ansible_ssh_common_args": "-C -o ProxyCommand='nc %h %p' -p 9",
        }));
        assert_eq!(
            found,
            "-T -o BatchMode=yes -o Port=22022 -o User=ops -o IdentityFile=\"/k/a b\" \
             -o StrictHostKeyChecking=no -o ConnectTimeout=7 -C -o ProxyCommand=nc %h %p -p 9 -o ConnectTimeout=10 \
             -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o RemoteCommand=none"
        );
    }

    #[test]
    fn arguments_of_ssh_itself_rank_before_variables() {
        let found = line(&json!({
            "ansible_port": 22022, "ansible_ssh_args": "-o Port=4 -C", "ansible_ssh_common_args": "-o Port=5",
        }));
        assert!(found.starts_with("-T -o BatchMode=yes -o Port=4 -C -o Port=22022 -o Port=5 -o "), "{found}");
    }

    #[test]
    fn what_the_inventory_does_not_say_is_left_to_the_configuration_of_ssh() {
        let found = line(&json!({}));
        for name in ["Port", "User", "IdentityFile", "StrictHostKeyChecking", "ControlMaster", "ProxyCommand"] {
            assert!(!found.contains(name), "{name}: {found}");
        }
    }

    #[test]
    fn names_that_a_shell_would_act_on_do_not_reach_ssh() {
        for vars in [json!({"ansible_host": "y$(id)"}), json!({"ansible_user": "y`id`"})] {
            let target =
                Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default()).unwrap();
            let listener: Listener = std::sync::Arc::new(|_| ());
            let refused = check(&Settings::new(Agents::default()), &target, &listener).unwrap_err();
            assert!(matches!(refused, SessionError::Input(_)), "{refused}");
        }
    }
}
