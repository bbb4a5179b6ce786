//! `user`: an account of `/etc/passwd`, through useradd, usermod and userdel, or busybox's adduser and deluser.
//!
//! Each attribute that differs is a change of its own with the old value as its opposite. A new account is removed again
//! on undo, its home only where nothing was added to it; a removed one does not come back.

use super::asked::{choice, flag, list, name, number, text, word};
use super::declare::{Param, Spec, param, returned, texts};
use super::group::failure;
use super::tool::{Step, Undo, need, quoted, shell_probe, words};
use super::user_change::{HOMES, Person, expiry, home_step, key_step, password_step, secret};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::paths::join;
use crate::host::{Account, Host};
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};

/// An optional switch.
const fn switch(name: &'static str, doc: &'static str) -> Param {
    param(name, ParamKind::Bool, doc).default("false")
}

/// Accepted for other systems' sake.
const fn unused(name: &'static str, kind: ParamKind) -> ParamSpec {
    param(name, kind, "Accepted; without effect on Linux.").end()
}

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The login name.").also(texts!["user"]).required().end(),
    param("state", ParamKind::Str, "Whether the account shall exist.")
        .default("present")
        .one_of(texts!["absent", "present"])
        .end(),
    param("uid", ParamKind::Int, "Its id.").end(),
    switch("non_unique", "The id may be another account's too.").end(),
    param("group", ParamKind::Str, "Primary group, by name or id.").end(),
    param("groups", ParamKind::List, "Supplementary groups; an empty list is none.").end(),
    switch("append", "Keep the groups it has besides `groups`.").end(),
    param("comment", ParamKind::Str, "Full name field.").end(),
    param("home", ParamKind::Path, "Home directory.").end(),
    switch("move_home", "Move the present home to `home`.").end(),
    param("create_home", ParamKind::Bool, "Make the home where it is missing.")
        .also(texts!["createhome"])
        .default("true")
        .end(),
    param("skeleton", ParamKind::Str, "What a new home is a copy of.").end(),
    param("shell", ParamKind::Path, "Login shell.").end(),
    param("password", ParamKind::Str, "Hashed password (`password_hash('sha512')`); `!` or `*` for none.").end(),
    param("update_password", ParamKind::Str, "When the password is set.")
        .default("always")
        .one_of(texts!["always", "on_create"])
        .end(),
    param("password_lock", ParamKind::Bool, "Whether the password is locked.").end(),
    param("password_expire_max", ParamKind::Int, "Days after which the password must change.").end(),
    param("password_expire_min", ParamKind::Int, "Days before which it must not.").end(),
    param("password_expire_warn", ParamKind::Int, "Days of warning before.").end(),
    param("password_expire_account_disable", ParamKind::Int, "Days after which an expired account is disabled.").end(),
    param("expires", ParamKind::Float, "When the account expires, seconds since 1970; negative: never.").end(),
    switch("system", "A new account gets an id of the system's range.").end(),
    switch("force", "Remove it although it is in use; overwrite an SSH key.").end(),
    switch("remove", "Remove its home with it.").end(),
    param("generate_ssh_key", ParamKind::Bool, "Make an SSH key where it has none.").end(),
    param("ssh_key_bits", ParamKind::Int, "Size of the key; 0: ssh-keygen's own choice.").default("0").end(),
    param("ssh_key_type", ParamKind::Str, "Kind of the key.").default("rsa").end(),
    param("ssh_key_file", ParamKind::Path, "Where the key lies, from the home on.").end(),
    param("ssh_key_comment", ParamKind::Str, "Comment of the key; not given: `ansible-generated on HOST`.").end(),
    param("ssh_key_passphrase", ParamKind::Str, "Passphrase of the key.").end(),
    param("seuser", ParamKind::Str, "SELinux user of a new account.").end(),
    param("umask", ParamKind::Str, "Permission bits that a new home does not get.").end(),
    param("uid_min", ParamKind::Int, "Least id of a new account.").end(),
    param("uid_max", ParamKind::Int, "Greatest id of a new account.").end(),
    param("local", ParamKind::Bool, "Accepted; only the local files are ever changed.").end(),
    unused("login_class", ParamKind::Str),
    unused("hidden", ParamKind::Bool),
    unused("profile", ParamKind::Str),
    unused("authorization", ParamKind::Str),
    unused("role", ParamKind::Str),
];

const RETURNS: &[ReturnSpec] = &[
    returned("name", "The login name."),
    returned("state", "`present` or `absent`."),
    returned("uid", "Its id."),
    returned("group", "Id of its primary group."),
    returned("groups", "The groups of the task."),
    returned("comment", "Full name field."),
    returned("home", "Home directory."),
    returned("shell", "Login shell."),
    returned("ssh_key_file", "Where its SSH key lies."),
    returned("ssh_fingerprint", "The key's fingerprint."),
    returned("ssh_public_key", "The public key."),
];

static SPEC: ModuleSpec = Spec {
    name: "user",
    aliases: texts!["ansible.builtin.user", "ansible.legacy.user"],
    summary: "Add, change and remove accounts.",
    params: PARAMS,
    example: "- user:\n    name: ops\n    groups: [kvm, libvirt]\n    append: true\n    shell: /bin/bash\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct User;

impl Module for User {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = name(request)?;
        if name.contains([':', '/', '\n']) || name.starts_with('-') {
            return Err(ModuleError::new(format!("{name} is no name of an account")));
        }
        let state = word(request, "state").unwrap_or_else(|| "present".to_owned());
        let mut result =
            Map::from_iter([("name".to_owned(), name.clone().into()), ("state".to_owned(), state.clone().into())]);
        let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
        let account = host.account(&name);
        let mut changes = Vec::new();
        match (&account, state.as_str()) {
            (None, "absent") => {}
            (Some(_), "absent") => {
                put("force", flag(request, "force").into());
                put("remove", flag(request, "remove").into());
                changes.push(remove(host, request, &name)?);
            }
            (found, _) => {
                if let Some(password) = word(request, "password") {
                    put("password", "NOT_LOGGING_PASSWORD".into());
                    if !is_hashed(&password) {
                        let warning = "The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly.";
                        put("warnings", vec![warning].into());
                    }
                }
                if let Some(account) = found {
                    put("append", flag(request, "append").into());
                    put("move_home", flag(request, "move_home").into());
                    changes = modify(host, request, account)?;
                } else {
                    put("system", flag(request, "system").into());
                    put("create_home", flag(request, "create_home").into());
                    changes.push(add(host, request, &name)?);
                    changes.extend(ageing(host, request, &name, &[])?);
                }
                let home = word(request, "home")
                    .or_else(|| found.as_ref().map(|account| account.home.clone()))
                    .unwrap_or_else(|| join(HOMES, &name));
                if flag(request, "generate_ssh_key") {
                    changes.extend(key_step(host, request, &name, &home)?);
                }
            }
        }
        Ok(Wanted { changes, result, ..Wanted::default() })
    }

    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        if let Some(error) = failure(request, wanted, runs) {
            // The task's own mistake is told rather than what the program made of it.
            return Err(missing_group(host, request).unwrap_or(error));
        }
        let mut result = wanted.result.clone();
        let name = name(request)?;
        let Some(account) = host.account(&name).filter(|_| word(request, "state").as_deref() != Some("absent")) else {
            return Ok(result);
        };
        let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
        put("uid", account.uid.into());
        put("group", account.gid.into());
        put("comment", account.gecos.clone().into());
        put("home", account.home.clone().into());
        put("shell", account.shell.clone().into());
        if let Some(groups) = list(request, "groups") {
            put("groups", groups.join(",").into());
        }
        if flag(request, "generate_ssh_key") {
            let file = super::user_change::key_file(request, &account.home);
            let shown = host.query(&words(&["ssh-keygen", "-l", "-f", &file]));
            let fingerprint = shown.map(|shown| if shown.rc == 0 { shown.stdout } else { shown.stderr });
            put("ssh_fingerprint", fingerprint.unwrap_or_default().trim().into());
            let public = host.read_text(&format!("{file}.pub")).ok();
            put("ssh_public_key", public.map_or(Value::Null, |text| text.trim().into()));
            put("ssh_key_file", file.into());
        }
        Ok(result)
    }
}

/// Whether a password is the outcome of crypt(3), or locks the account.
fn is_hashed(password: &str) -> bool {
    matches!(password, "*" | "!" | "*************")
        || (password.matches('$').count() >= 2 && !password.contains([':', '*', '!']))
}

/// A group's id from its name or number.
fn gid_of(host: &Host, group: &str) -> Result<u32, ModuleError> {
    let rows = host.all_groups();
    let number = group.parse::<u32>().ok();
    let found = rows.iter().find(|row| number == Some(row.gid)).or_else(|| rows.iter().find(|row| row.name == group));
    found.map(|row| row.gid).ok_or_else(|| ModuleError::new(format!("Group {group} does not exist")))
}

/// The first group of the task that does not exist.
fn missing_group(host: &Host, request: &Request<'_>) -> Option<ModuleError> {
    let groups = word(request, "group").into_iter().chain(list(request, "groups").unwrap_or_default());
    groups.filter_map(|group| gid_of(host, &group).err()).next()
}

/// Names of the task's supplementary groups.
fn wanted_groups(host: &Host, request: &Request<'_>) -> Result<Option<Vec<String>>, ModuleError> {
    let Some(groups) = list(request, "groups") else { return Ok(None) };
    let mut names = Vec::new();
    for group in groups {
        let gid = gid_of(host, &group)?;
        let named = host.all_groups().into_iter().find(|row| row.name == group || row.gid == gid);
        names.extend(named.map(|row| row.name));
    }
    names.sort();
    names.dedup();
    Ok(Some(names))
}

fn add(host: &Host, request: &Request<'_>, name: &str) -> Result<Change, ModuleError> {
    let busybox = host.program("useradd").is_none() && host.program("adduser").is_some();
    let mut argv = vec![need(host, if busybox { "adduser" } else { "useradd" })?];
    let mut with =
        |option: &str, value: Option<String>| argv.extend(value.into_iter().flat_map(|v| [option.to_owned(), v]));
    with("-u", number(request, "uid").map(|uid| uid.to_string()));
    with(if busybox { "-h" } else { "-d" }, word(request, "home"));
    with("-s", word(request, "shell"));
    with(if busybox { "-g" } else { "-c" }, text(request, "comment"));
    with("-k", word(request, "skeleton").filter(|_| flag(request, "create_home")));
    // Groups need not exist yet: where this is only told, an earlier task would have made them.
    if let Some(group) = word(request, "group") {
        with(if busybox { "-G" } else { "-g" }, Some(group));
    }
    let groups = list(request, "groups").unwrap_or_default();
    if !busybox {
        with("-G", (!groups.is_empty()).then(|| groups.join(",")));
        with("-Z", word(request, "seuser"));
        with("-e", expiry(request).map(|(_, date)| date));
        with("-f", number(request, "password_expire_account_disable").map(|days| days.to_string()));
        for (key, limit) in [("uid_min", "UID_MIN"), ("uid_max", "UID_MAX"), ("umask", "UMASK")] {
            with("-K", word(request, key).map(|value| format!("{limit}={value}")));
        }
    }
    let home = if flag(request, "create_home") { "-m" } else { "-M" };
    let switches: &[(&str, bool)] = if busybox {
        &[("-D", true), ("-H", home == "-M"), ("-S", flag(request, "system"))]
    } else {
        let same_group = word(request, "group").is_none() && host.group_id(name).is_some();
        let (unique, system) = (!flag(request, "non_unique"), flag(request, "system"));
        &[(home, true), ("-r", system), ("-o", !unique), ("-N", same_group)]
    };
    argv.extend(switches.iter().filter(|(_, on)| *on).map(|(switch, _)| (*switch).to_owned()));
    argv.push(name.to_owned());
    let person = Person { host, request, name };
    Ok(person.create(argv, if busybox { &groups } else { &[] }))
}

fn remove(host: &Host, request: &Request<'_>, name: &str) -> Result<Change, ModuleError> {
    let argv = match host.program("userdel") {
        Some(program) => {
            let mut argv = vec![program];
            for (key, switch) in [("force", "-f"), ("remove", "-r")] {
                if flag(request, key) {
                    argv.push(switch.to_owned());
                }
            }
            argv.push(name.to_owned());
            argv
        }
        None => {
            let mut argv = vec![need(host, "deluser")?];
            if flag(request, "remove") {
                argv.push("--remove-home".to_owned());
            }
            argv.push(name.to_owned());
            argv
        }
    };
    let never = "a removed account does not come back: its password, memberships and files are gone";
    Ok(Step::new(argv, Undo::Never(never)).change(request))
}

/// The attributes that differ.
fn modify(host: &Host, request: &Request<'_>, account: &Account) -> Result<Vec<Change>, ModuleError> {
    let name = &account.name;
    let person = Person { host, request, name };
    let shadow = host.shadow(name);
    let mut changes = Vec::new();
    if let Some(uid) = number(request, "uid").filter(|uid| *uid != i64::from(account.uid)) {
        let more: &[&str] = if flag(request, "non_unique") { &["-o"] } else { &[] };
        changes.push(person.field("-u", more, 3, &account.uid.to_string(), &uid.to_string())?);
    }
    let mut gid = account.gid;
    if let Some(group) = word(request, "group") {
        let wanted = gid_of(host, &group)?;
        if wanted != gid {
            changes.push(person.field("-g", &[], 4, &gid.to_string(), &wanted.to_string())?);
            gid = wanted;
        }
    }
    if let Some(groups) = wanted_groups(host, request)? {
        changes.extend(person.memberships(groups, account.gid, gid)?);
    }
    for (option, field, old, new) in [
        ("-c", 5, &account.gecos, text(request, "comment")),
        ("-d", 6, &account.home, word(request, "home")),
        ("-s", 7, &account.shell, word(request, "shell")),
    ] {
        if let Some(new) = new.filter(|new| new != old) {
            let moved = option == "-d" && flag(request, "move_home");
            changes.push(person.field(option, if moved { &["-m"] } else { &[] }, field, old, &new)?);
        }
    }
    changes.extend(ageing(host, request, name, &shadow)?);
    changes.extend(passwords(&person, &shadow)?);
    let home = word(request, "home").unwrap_or_else(|| account.home.clone());
    if flag(request, "create_home") && !flag(request, "move_home") && !matches!(host.stat(&home), Ok(Some(_))) {
        changes.push(home_step(request, name, &home, &host.read_text("/etc/login.defs").unwrap_or_default()));
    }
    Ok(changes)
}

/// Expiry of the account and ageing of its password.
fn ageing(host: &Host, request: &Request<'_>, name: &str, shadow: &[String]) -> Result<Vec<Change>, ModuleError> {
    let person = Person { host, request, name };
    let at = |index: usize| shadow.get(index).cloned().unwrap_or_default();
    let mut changes = Vec::new();
    for (key, option, index) in
        [("password_expire_min", "-m", 3), ("password_expire_max", "-M", 4), ("password_expire_warn", "-W", 5)]
    {
        if let Some(days) = number(request, key).map(|days| days.to_string()).filter(|days| *days != at(index)) {
            changes.push(person.chage(option, index + 1, &at(index), &days)?);
        }
    }
    // A new account is given these by useradd.
    if shadow.is_empty() {
        return Ok(changes);
    }
    if let Some((days, _)) = expiry(request).filter(|(days, _)| *days != at(7)) {
        changes.push(person.chage("-E", 8, &at(7), &days)?);
    }
    if let Some(days) = number(request, "password_expire_account_disable").filter(|days| days.to_string() != at(6)) {
        let days = if days < 0 { String::new() } else { days.to_string() };
        if days != at(6) {
            changes.push(person.chage("-I", 7, &at(6), &days)?);
        }
    }
    Ok(changes)
}

/// Password and lock.
fn passwords(person: &Person<'_>, shadow: &[String]) -> Result<Option<Change>, ModuleError> {
    let present = shadow.get(1).cloned().unwrap_or_default();
    let lock = choice(person.request, "password_lock");
    let always = word(person.request, "update_password").as_deref() != Some("on_create");
    let wanted = word(person.request, "password").filter(|_| always);
    let hash = wanted.as_deref().unwrap_or(&present).trim_start_matches('!').to_owned();
    let is_locked = present.starts_with('!');
    let named_lock = wanted.as_deref().is_some_and(|wanted| wanted.starts_with('!'));
    let locked = lock.unwrap_or(if wanted.is_some() && hash != present.trim_start_matches('!') {
        named_lock
    } else {
        is_locked
    });
    if hash == present.trim_start_matches('!') && locked == is_locked {
        return Ok(None);
    }
    if hash.is_empty() && !locked {
        let message = format!("unlocking {} would leave it without a password", person.name);
        return Err(ModuleError::new(message));
    }
    let new = if locked { format!("!{hash}") } else { hash };
    Ok(Some(password_step(person, &present, &new)))
}

/// `quoted` and the secret's line are shared with the account's creation.
pub(super) fn password_line(name: &str) -> String {
    format!("printf '%s:%s\\n' {} \"${}\" | chpasswd -e", quoted(name), secret())
}

/// What tells a hash without showing it.
pub(super) fn password_probe(name: &str, before: &str, after: &str) -> luthier_protocol::change::Probe {
    let digest = |hash: &str| {
        let text = format!("{hash}\n");
        let all = crate::host::hashes::digest(text.as_bytes(), crate::host::hashes::Algorithm::Sha256);
        all.get(..16).unwrap_or(&all).to_owned()
    };
    let script = format!("getent shadow {} | cut -d: -f2 | sha256sum | cut -c1-16", quoted(name));
    shell_probe(script, &digest(before), &digest(after))
}
