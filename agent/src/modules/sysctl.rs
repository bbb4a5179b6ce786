//! `sysctl`: a key in `/etc/sysctl.conf` or another file of that form, and its value in the running kernel.
//!
//! Ansible runs `sysctl -p` after each change, which sets *every* key of the file again. Here `reload` sets the task's own
//! key only, as a change of its own that is read back and can be undone; other keys of the file are left alone.
//! Documented in the kernel's `Documentation/admin-guide/sysctl/`.

use super::answer::{exists, failed_to};
use super::declare::{
    ATTRIBUTES, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned, texts,
};
use super::edit::content;
use super::placement::{self, Birth, NewContent};
use super::{Module, ModuleError, Request, Wanted, setting};
use crate::host::Host;
use crate::host::paths::{join, parent};
use luthier_protocol::Value;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const USUAL_FILE: &str = "/etc/sysctl.conf";
/// Folders that `systemd-sysctl` reads at boot; it reads `/etc/sysctl.conf` only through a link in one of them.
const FOLDERS: &[&str] =
    &["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
const SYSTEMD_SYSCTL: &[&str] = &["/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl"];

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The key, with dots or slashes.").also(texts!["key"]).required().end(),
    param("value", ParamKind::Str, "Its value.").also(texts!["val"]).end(),
    param("state", ParamKind::Str, "Whether the file shall set the key.")
        .default("present")
        .one_of(texts!["present", "absent"])
        .end(),
    param("ignoreerrors", ParamKind::Bool, "Pass over a key that the running kernel does not have.")
        .default("false")
        .end(),
    param("reload", ParamKind::Bool, "Also set the key in the running kernel (only this key).").default("true").end(),
    param("sysctl_file", ParamKind::Path, "The file.").default("/etc/sysctl.conf").end(),
    param("sysctl_set", ParamKind::Bool, "Set the key in the running kernel even without `reload`.")
        .default("false")
        .end(),
    MODE,
    OWNER,
    GROUP,
    ATTRIBUTES,
    SEUSER,
    SEROLE,
    SETYPE,
    SELEVEL,
    UNSAFE_WRITES,
];

const RETURNS: &[ReturnSpec] =
    &[returned("warnings", "Says so where the system does not read `/etc/sysctl.conf` at boot.")];

static SPEC: ModuleSpec = Spec {
    name: "sysctl",
    aliases: texts!["ansible.posix.sysctl", "ansible.builtin.sysctl", "ansible.legacy.sysctl"],
    summary: "Set a kernel parameter in a sysctl file and in the running kernel.",
    params: PARAMS,
    example: "- ansible.posix.sysctl:\n    name: vm.swappiness\n    value: '1'\n    sysctl_file: /etc/sysctl.d/60-kvm.conf\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Sysctl;

impl Module for Sysctl {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = request.needed("name")?.trim();
        if name.is_empty() {
            return Err(ModuleError::new("name cannot be blank"));
        }
        let present = request.text("state") != Some("absent");
        let value = request.value("value").map(plain);
        let value = match value {
            Some(value) if present && !value.is_empty() => Some(value),
            _ if present => return Err(ModuleError::new("value cannot be blank")),
            _ => None,
        };
        let file = host.absolute(request.text("sysctl_file").unwrap_or(USUAL_FILE));
        let mut wanted =
            Wanted { changes: in_file(host, request, &file, name, value.as_deref())?, ..Wanted::default() };
        if let Some(value) = &value
            && (request.flag("sysctl_set") || request.unless_denied("reload"))
        {
            wanted.changes.extend(live(host, request, name, value)?);
        }
        if file == USUAL_FILE && !read_at_boot(host)? {
            let warning =
                "this system does not read /etc/sysctl.conf at boot: set sysctl_file to a file in /etc/sysctl.d";
            wanted.result.insert("warnings".to_owned(), vec![warning].into());
        }
        Ok(wanted)
    }
}

/// A value as the file shall hold it: truth values become numbers, as Ansible makes them.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Bool(truth) => return if *truth { "1" } else { "0" }.to_owned(),
        other => other.to_string(),
    };
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => "1".to_owned(),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => "0".to_owned(),
        _ => text,
    }
}

/// The changes of the file: its content, or only its mode and owner.
fn in_file(
    host: &Host,
    request: &Request<'_>,
    file: &str,
    name: &str,
    value: Option<&str>,
) -> Result<Vec<luthier_protocol::change::Change>, ModuleError> {
    let attributes = request.attributes(host)?;
    let old = content(host, file)?;
    let text = String::from_utf8_lossy(old.as_deref().unwrap_or_default()).into_owned();
    if set_by(&text, name).as_deref() == value {
        return Ok(placement::attributes_change(host, file, &attributes, None)?.into_iter().collect());
    }
    if !exists(host, parent(file))? {
        return Err(ModuleError::new(format!("the directory {} does not exist", parent(file))));
    }
    let file = host.resolve(file).map_err(failed_to("resolve", file))?;
    let new = NewContent {
        path: &file,
        content: rewritten(&text, name, value).into_bytes(),
        fresh: placement::new_file(host, &file, Birth::Moved),
        present: None,
        attributes: &attributes,
        backup: false,
        converges: true,
    };
    Ok(placement::replace(host, new)?.0)
}

/// Key and value of a line; `None` for comments, blank lines and lines without an equals sign.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
}

/// The value that the file gives a key: the last one counts.
fn set_by(text: &str, name: &str) -> Option<String> {
    let set = text.lines().filter_map(entry).rfind(|(key, _)| *key == name);
    set.map(|(_, value)| value.to_owned())
}

/// The file with the key set or gone. As Ansible does it, every entry is written `key=value` without blanks, and of a key's
/// several entries only the first is kept.
fn rewritten(text: &str, name: &str, value: Option<&str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some((key, present)) = entry(line) else {
            lines.push(line.trim().to_owned());
            continue;
        };
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let kept = if key == name { value } else { Some(present) };
        lines.extend(kept.map(|value| format!("{key}={value}")));
    }
    if !seen.contains(&name) {
        lines.extend(value.map(|value| format!("{name}={value}")));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// The change of the running kernel's value.
fn live(
    host: &Host,
    request: &Request<'_>,
    name: &str,
    value: &str,
) -> Result<Option<luthier_protocol::change::Change>, ModuleError> {
    let path = path_of(name)?;
    if request.flag("ignoreerrors") && !exists(host, &path)? {
        return Ok(None);
    }
    let present = setting::read(host, &path)?;
    // Several numbers are shown with tabs between them: written so, the value reads back as it was written.
    let value =
        if present.contains('\t') { value.split_whitespace().collect::<Vec<_>>().join("\t") } else { value.to_owned() };
    setting::change(host, &path, &value)
}

/// The file of a key. Whichever of dot and slash comes first separates its parts, the other is part of a name.
fn path_of(name: &str) -> Result<String, ModuleError> {
    let slashes = name.find(['.', '/']).is_some_and(|at| name.get(at..=at) == Some("/"));
    let swapped = |c: char| match c {
        '.' if !slashes => '/',
        '/' if !slashes => '.',
        other => other,
    };
    let below: String = name.chars().map(swapped).collect();
    if below.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(ModuleError::new(format!("{name} is no name of a kernel parameter")));
    }
    Ok(join("/proc/sys", &below))
}

/// Whether something sets the keys of `/etc/sysctl.conf` at boot.
fn read_at_boot(host: &Host) -> Result<bool, ModuleError> {
    let mut systemd = false;
    for program in SYSTEMD_SYSCTL {
        systemd |= exists(host, program)?;
    }
    if !systemd {
        return Ok(true);
    }
    for folder in FOLDERS {
        for name in host.list(folder).unwrap_or_default() {
            let path = join(folder, &name);
            if name.ends_with(".conf") && host.resolve(&path).is_ok_and(|file| file == USUAL_FILE) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::modules::tests::{ask, machine};
    use luthier_protocol::change::{Resource, State};
    use serde_json::json;

    #[test]
    fn keys_become_paths() {
        assert_eq!(path_of("net.ipv4.conf.eth0/1.rp_filter").unwrap(), "/proc/sys/net/ipv4/conf/eth0.1/rp_filter");
        assert_eq!(path_of("net/ipv4/conf/eth0.1/rp_filter").unwrap(), "/proc/sys/net/ipv4/conf/eth0.1/rp_filter");
        assert!(path_of("vm/../../etc/passwd").is_err());
    }

    #[test]
    fn the_file_keeps_its_comments_and_other_keys() {
        let text = "# a\nvm.x = 1\n; b\nvm.y=2\nvm.x=3\nnonsense\n";
        assert_eq!(rewritten(text, "vm.x", Some("5")), "# a\nvm.x=5\n; b\nvm.y=2\nnonsense\n");
        assert_eq!(rewritten(text, "vm.x", None), "# a\n; b\nvm.y=2\nnonsense\n");
        assert_eq!(rewritten("", "vm.z", Some("1 2")), "vm.z=1 2\n");
        assert_eq!(set_by(text, "vm.x").as_deref(), Some("3"));
    }

    #[test]
    fn file_and_kernel_are_changes_of_their_own() {
        let (folder, host) = machine(&[("etc/sysctl.conf", "vm.a=1\n"), ("proc/sys/vm/swappiness", "60\n")]);
        std::fs::create_dir_all(folder.path().join("usr/lib/systemd/systemd-sysctl")).unwrap();
        let wanted = ask(&Sysctl, &host, json!({"name": "vm.swappiness", "value": "1"})).unwrap();
        let [file, live] = wanted.changes.as_slice() else { unreachable!("{wanted:?}") };
        assert!(
            matches!(&file.after, State::File { content: Some(bytes), .. } if bytes.0 == b"vm.a=1\nvm.swappiness=1\n")
        );
        assert_eq!(live.resource, Resource::Setting("/proc/sys/vm/swappiness".to_owned()));
        assert_eq!((&live.before, &live.after), (&State::Value("60".to_owned()), &State::Value("1".to_owned())));
        assert!(wanted.result.contains_key("warnings"));
        let quiet = json!({"name": "vm.none", "value": "1", "ignoreerrors": true});
        assert_eq!(ask(&Sysctl, &host, quiet).unwrap().changes.len(), 1);
        assert!(ask(&Sysctl, &host, json!({"name": "vm.none", "value": "1"})).is_err());
        let gone = json!({"name": "vm.a", "state": "absent"});
        assert_eq!(ask(&Sysctl, &host, gone).unwrap().changes.len(), 1);
    }
}
