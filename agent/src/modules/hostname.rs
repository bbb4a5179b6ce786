//! `hostname`: the machine's name, in the running kernel and in `/etc/hostname`.
//!
//! Both are plain values that can be read back and undone, so nothing is asked of `hostnamectl`: systemd-hostnamed looks
//! into the same two places. The pretty name of `/etc/machine-info` is left alone.

use super::declare::{Spec, param, returned, texts};
use super::edit::content;
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent};
use super::{Module, ModuleError, Request, Wanted, setting};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};

const FILE: &str = "/etc/hostname";
const LIVE: &str = "/proc/sys/kernel/hostname";
/// The kernel takes no more.
const LONGEST: usize = 64;

const PARAMS: &[ParamSpec] = &[
    param("name", ParamKind::Str, "The name.").required().end(),
    param("use", ParamKind::Str, "How Ansible would do it; here it is always the kernel and /etc/hostname.")
        .one_of(texts!["alpine", "debian", "generic", "redhat", "sles", "systemd"])
        .end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("name", "The name."),
    returned("ansible_facts", "`ansible_hostname`, `ansible_nodename`, `ansible_fqdn` and `ansible_domain`."),
];

static SPEC: ModuleSpec = Spec {
    name: "hostname",
    aliases: texts!["ansible.builtin.hostname", "ansible.legacy.hostname"],
    summary: "Set the machine's name.",
    params: PARAMS,
    example: "- hostname:\n    name: kvm07.example.org\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct Hostname;

impl Module for Hostname {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let name = request.needed("name")?.trim();
        let fits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if name.len() > LONGEST {
            let message = "name cannot be longer than 64 characters on systemd servers, try a shorter name";
            return Err(ModuleError::new(message));
        }
        if !name.split('.').all(fits) {
            return Err(ModuleError::new(format!("{name} is no host name: letters, digits, hyphens and dots only")));
        }
        let mut wanted = Wanted::default();
        wanted.changes.extend(setting::change(host, LIVE, name)?);
        let old = content(host, FILE)?.unwrap_or_default();
        if String::from_utf8_lossy(&old).trim() != name {
            let path =
                host.resolve(FILE).map_err(|error| ModuleError::new(format!("cannot resolve {FILE}: {error}")))?;
            let new = NewContent {
                path: &path,
                content: format!("{name}\n").into_bytes(),
                fresh: placement::new_file(host, &path, Birth::Moved),
                present: None,
                attributes: &Attributes::default(),
                backup: false,
                converges: true,
            };
            wanted.changes.extend(placement::replace(host, new)?.0);
        }
        let full = full_name(host, name);
        let (short, _) = name.split_once('.').unwrap_or((name, ""));
        let domain = full.split_once('.').map_or("", |(_, domain)| domain);
        let facts = [
            ("ansible_hostname", short),
            ("ansible_nodename", name),
            ("ansible_fqdn", &full),
            ("ansible_domain", domain),
        ]
        .map(|(key, value)| (key.to_owned(), value.into()));
        wanted.result.insert("name".to_owned(), name.into());
        wanted.result.insert("ansible_facts".to_owned(), Map::from_iter(facts).into());
        Ok(wanted)
    }
}

/// The name with its domain, as `/etc/hosts` has it; the name itself where nothing there fits.
fn full_name(host: &Host, name: &str) -> String {
    let hosts = host.read_text("/etc/hosts").unwrap_or_default();
    let rows = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    let names = rows.map(Iterator::collect::<Vec<&str>>).find(|names| names.contains(&name)).unwrap_or_default();
    let full = names.iter().find(|name| name.contains('.'));
    full.map_or_else(|| name.to_owned(), |full| (*full).to_owned())
}
