//! Single changes of an account: each with the opposite that brings the old value back.

use super::asked::{choice, flag, number, text, word};
use super::tool::{Step, Undo, line, need, quoted, shell_probe, words};
use super::user::{password_line, password_probe};
use super::{ModuleError, Request};
use crate::host::paths::{join, parent};
use crate::host::{Civil, Host};
use luthier_protocol::Value;
use luthier_protocol::change::Change;

/// Where homes lie by default.
pub(super) const HOMES: &str = "/home";

/// Variable that hands a secret to a command, so that no list of processes shows it.
pub(super) fn secret() -> &'static str {
    "LUTHIER_SECRET"
}

/// The account that is changed.
#[derive(Debug)]
pub(super) struct Person<'a> {
    pub host: &'a Host,
    pub request: &'a Request<'a>,
    pub name: &'a str,
}

impl Person<'_> {
    fn usermod(&self) -> Result<String, ModuleError> {
        need(self.host, "usermod")
    }

    /// A field of `/etc/passwd` that an option of usermod sets.
    pub(super) fn field(
        &self,
        option: &str,
        more: &[&str],
        field: u8,
        old: &str,
        new: &str,
    ) -> Result<Change, ModuleError> {
        let program = self.usermod()?;
        let argv = |value: &str| {
            let mut argv = words(&[&program, option, value]);
            argv.extend(words(more));
            argv.push(self.name.to_owned());
            argv
        };
        let probe = shell_probe(format!("getent passwd {} | cut -d: -f{field}", quoted(self.name)), old, new);
        Ok(Step::new(argv(new), Undo::By(argv(old), probe)).change(self.request))
    }

    /// A field of `/etc/shadow` that an option of chage sets; empty is none.
    pub(super) fn chage(&self, option: &str, field: usize, old: &str, new: &str) -> Result<Change, ModuleError> {
        let program = need(self.host, "chage")?;
        let argv = |days: &str| words(&[&program, option, if days.is_empty() { "-1" } else { days }, self.name]);
        let probe = shell_probe(format!("getent shadow {} | cut -d: -f{field}", quoted(self.name)), old, new);
        // A new account's own values are only known once it is there, and it goes as a whole.
        let undo = if self.host.account(self.name).is_some() {
            Undo::By(argv(old), probe)
        } else {
            Undo::Never("the account is new: removing it undoes this too")
        };
        Ok(Step::new(argv(new), undo).change(self.request))
    }

    /// Supplementary groups.
    pub(super) fn memberships(
        &self,
        wanted: Vec<String>,
        old_gid: u32,
        gid: u32,
    ) -> Result<Option<Change>, ModuleError> {
        let rows = self.host.all_groups();
        let member = |name: &str| rows.iter().any(|row| row.name == name && row.members.iter().any(|m| m == self.name));
        let mut present: Vec<String> = rows.iter().map(|row| row.name.clone()).filter(|name| member(name)).collect();
        present.sort();
        present.dedup();
        let append = flag(self.request, "append");
        let mut all = wanted.clone();
        if append {
            all.extend(present.iter().cloned());
            all.sort();
            all.dedup();
        }
        // Being in one's primary group by name too makes no difference.
        let primary = |gid: u32| rows.iter().find(|row| row.gid == gid).map(|row| row.name.clone()).unwrap_or_default();
        let differs = |name: &&String| **name != primary(gid);
        if all.iter().filter(differs).eq(present.iter().filter(differs)) {
            return Ok(None);
        }
        let seen = |groups: &[String], gid: u32| {
            let mut names: Vec<String> = groups.iter().cloned().chain([primary(gid)]).collect();
            names.sort();
            names.dedup();
            names.join("\n")
        };
        let script = format!("id -Gn {} | tr ' ' '\\n' | LC_ALL=C sort -u", quoted(self.name));
        let probe = shell_probe(script, &seen(&present, old_gid), &seen(&all, gid));
        if self.host.program("usermod").is_none() {
            return Ok(Some(self.busybox_memberships(&present, &all, probe)));
        }
        let program = self.usermod()?;
        let argv = |groups: &[String]| words(&[&program, "-G", &groups.join(","), self.name]);
        let forward = if append {
            let new: Vec<String> = wanted.into_iter().filter(|name| !present.contains(name)).collect();
            words(&[&program, "-a", "-G", &new.join(","), self.name])
        } else {
            argv(&all)
        };
        Ok(Some(Step::new(forward, Undo::By(argv(&present), probe)).change(self.request)))
    }

    fn busybox_memberships(
        &self,
        present: &[String],
        all: &[String],
        probe: luthier_protocol::change::Probe,
    ) -> Change {
        let script = |from: &[String], to: &[String]| {
            let add = to.iter().filter(|name| !from.contains(name)).map(|name| ("addgroup", name));
            let del = from.iter().filter(|name| !to.contains(name)).map(|name| ("delgroup", name));
            let orders: Vec<String> =
                add.chain(del).map(|(verb, group)| line(&words(&[verb, self.name, group]))).collect();
            words(&["/bin/sh", "-c", &orders.join(" && ")])
        };
        Step::new(script(present, all), Undo::By(script(all, present), probe)).change(self.request)
    }

    /// A new account; `later` are groups that its tool cannot give it at once.
    pub(super) fn create(&self, argv: Vec<String>, later: &[String]) -> Change {
        let home = word(self.request, "home").unwrap_or_else(|| join(HOMES, self.name));
        let makes_home = flag(self.request, "create_home") && !matches!(self.host.stat(&home), Ok(Some(_)));
        let label = line(&argv);
        let mut script = String::new();
        if makes_home {
            script.push_str(&format!("mkdir -p {} && ", quoted(parent(&home))));
        }
        script.push_str(&label);
        for group in later {
            script.push_str(&format!(" && addgroup {} {}", quoted(self.name), quoted(group)));
        }
        let password = word(self.request, "password").map(|password| {
            script.push_str(&format!(" && {}", password_line(self.name)));
            let lock = choice(self.request, "password_lock") == Some(true) && !password.starts_with('!');
            (secret().to_owned(), if lock { format!("!{password}") } else { password })
        });
        let remover = if self.host.program("userdel").is_some() { "userdel" } else { "deluser" };
        let mut back = format!("{remover} {}", quoted(self.name));
        if makes_home {
            let skeleton = word(self.request, "skeleton").unwrap_or_else(|| "/etc/skel".to_owned());
            let (home, skeleton) = (quoted(&home), quoted(&skeleton));
            // What has been put there since is somebody's.
            back.push_str(&format!(" && {{ if diff -rq {skeleton} {home} >/dev/null 2>&1; then rm -rf {home}; fi; }}"));
        }
        let probe = shell_probe(format!("getent passwd {} | cut -d: -f1", quoted(self.name)), "", self.name);
        let undo = Undo::By(words(&["/bin/sh", "-c", &back]), probe);
        let environment = password.into_iter().collect();
        Step { label: Some(label), environment, ..Step::new(words(&["/bin/sh", "-c", &script]), undo) }
            .change(self.request)
    }
}

/// The day on which the account shall expire: as `/etc/shadow` has it, and as a date; both empty for never.
pub(super) fn expiry(request: &Request<'_>) -> Option<(String, String)> {
    let seconds = match request.params.get("expires")? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if seconds < 0.0 {
        return Some((String::new(), String::new()));
    }
    let days = (seconds / 86_400.0) as i64;
    let Civil { year, month, day, .. } = Civil::of_seconds(days * 86_400);
    Some((days.to_string(), format!("{year:04}-{month:02}-{day:02}")))
}

/// Another password. The old hash stays in the journal, which only root can read.
pub(super) fn password_step(person: &Person<'_>, old: &str, new: &str) -> Change {
    let name = person.name;
    let former = "LUTHIER_FORMER";
    let script = password_line(name);
    let back = script.replace(secret(), former);
    let undo = Undo::By(words(&["/bin/sh", "-c", &back]), password_probe(name, old, new));
    Step {
        label: Some(format!("chpasswd -e ({name})")),
        environment: vec![(secret().to_owned(), new.to_owned()), (former.to_owned(), old.to_owned())],
        ..Step::new(words(&["/bin/sh", "-c", &script]), undo)
    }
    .change(person.request)
}

/// The missing home of an account: a copy of the skeleton.
pub(super) fn home_step(request: &Request<'_>, name: &str, home: &str, login_defs: &str) -> Change {
    let skeleton = word(request, "skeleton").unwrap_or_else(|| "/etc/skel".to_owned());
    let setting = |key: &str| {
        let value = |row: &str| {
            row.strip_prefix(key).filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim).map(str::to_owned)
        };
        login_defs.lines().find_map(value).and_then(|octal| u32::from_str_radix(&octal, 8).ok())
    };
    let mode = setting("HOME_MODE").unwrap_or_else(|| setting("UMASK").map_or(0o755, |umask| 0o777 & !umask));
    let (at, from) = (quoted(home), quoted(&skeleton));
    let script = format!(
        "mkdir -p {at} && {{ if test -d {from}; then cp -a {from}/. {at}; fi; }} && chown -R {}: {at} && chmod {mode:o} {at}",
        quoted(name)
    );
    let back = format!("if diff -rq {from} {at} >/dev/null 2>&1; then rm -rf {at}; fi");
    let probe = shell_probe(format!("test -d {at} && echo present || echo absent"), "absent", "present");
    let undo = Undo::By(words(&["/bin/sh", "-c", &back]), probe);
    Step { label: Some(format!("make home {home}")), ..Step::new(words(&["/bin/sh", "-c", &script]), undo) }
        .change(request)
}

/// Where the account's SSH key lies.
pub(super) fn key_file(request: &Request<'_>, home: &str) -> String {
    let kind = word(request, "ssh_key_type").unwrap_or_else(|| "rsa".to_owned());
    let file = word(request, "ssh_key_file").unwrap_or_else(|| format!(".ssh/id_{kind}"));
    if file.starts_with('/') { file } else { join(home, &file) }
}

/// A new SSH key, where there is none or it is to be overwritten.
pub(super) fn key_step(
    host: &Host,
    request: &Request<'_>,
    name: &str,
    home: &str,
) -> Result<Option<Change>, ModuleError> {
    let file = key_file(request, home);
    let public = format!("{file}.pub");
    let there = [&file, &public].iter().any(|path| matches!(host.lstat(path), Ok(Some(_))));
    // After this task's own change the key is there: it is overwritten once, not until the end of days.
    if there && (!flag(request, "force") || request.prepared) {
        return Ok(None);
    }
    let mut argv = words(&[&need(host, "ssh-keygen")?, "-q", "-t"]);
    argv.push(word(request, "ssh_key_type").unwrap_or_else(|| "rsa".to_owned()));
    if let Some(bits) = number(request, "ssh_key_bits").filter(|bits| *bits > 0) {
        argv.extend(["-b".to_owned(), bits.to_string()]);
    }
    let node = host.uname().map(|uname| uname.node).unwrap_or_default();
    let comment = text(request, "ssh_key_comment").unwrap_or_else(|| format!("ansible-generated on {node}"));
    argv.extend(["-C".to_owned(), comment, "-f".to_owned(), file.clone(), "-N".to_owned()]);
    let (folder, key, public, owner) = (quoted(parent(&file)), quoted(&file), quoted(&public), quoted(name));
    let script = format!(
        "if ! test -d {folder}; then mkdir -m 700 {folder} && chown {owner}: {folder} || exit 1; fi; rm -f {key} {public}; {} \"${}\" </dev/null && chown {owner}: {key} {public}",
        line(&argv),
        secret()
    );
    let undo = if there {
        Undo::Never("the overwritten SSH key is gone")
    } else {
        let probe = shell_probe(format!("test -e {key} && echo present || echo absent"), "absent", "present");
        Undo::By(words(&["/bin/sh", "-c", &format!("rm -f {key} {public}")]), probe)
    };
    let passphrase = word(request, "ssh_key_passphrase").unwrap_or_default();
    let step = Step {
        label: Some(format!("ssh-keygen -f {file}")),
        environment: vec![(secret().to_owned(), passphrase)],
        converges: !there,
        ..Step::new(words(&["/bin/sh", "-c", &script]), undo)
    };
    Ok(Some(step.change(request)))
}
