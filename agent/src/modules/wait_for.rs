//! `wait_for`: a port that opens, closes or drains, a path that appears or goes, a text in either.
//!
//! Nothing waits here: the module looks once and says when it wants to be asked again.

use super::answer::exists;
use super::declare::{Spec, param, returned, texts};
use super::pattern::{Flags, Over, Pattern, latin1};
use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::{Map, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A file is searched in pieces that overlap.
const PIECE: u64 = 16 << 20;
const OVERLAP: u64 = 1 << 20;
/// Of what a port says, more is not searched.
const MOST_SAID: usize = 1 << 20;

/// TCP states by the kernel's numbers, from 1 on.
const STATES: &[&str] = &["ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"];

const PARAMS: &[ParamSpec] = &[
    param("host", ParamKind::Str, "Address or name to connect to.").default("127.0.0.1").end(),
    param("port", ParamKind::Int, "TCP port.").end(),
    param("path", ParamKind::Path, "Path to look for instead of a port.").end(),
    param("state", ParamKind::Str, "Port: started, stopped, drained of connections. Path: present, absent.")
        .default("started")
        .one_of(texts!["absent", "drained", "present", "started", "stopped"])
        .end(),
    param("search_regex", ParamKind::Str, "Text that the file must hold, or the port must send.").end(),
    param("timeout", ParamKind::Int, "Give up after so many seconds.").default("300").end(),
    param("delay", ParamKind::Int, "Seconds before the first look.").default("0").end(),
    param("sleep", ParamKind::Int, "Seconds between two looks.").default("1").end(),
    param("connect_timeout", ParamKind::Int, "Seconds for one connection.").default("5").end(),
    param("exclude_hosts", ParamKind::List, "Peers whose connections do not count, with drained.").end(),
    param("active_connection_states", ParamKind::List, "TCP states that count as connected, with drained.")
        .default("[ESTABLISHED,FIN_WAIT1,FIN_WAIT2,SYN_RECV,SYN_SENT,TIME_WAIT]")
        .end(),
    param("msg", ParamKind::Str, "Message of the failure.").end(),
];

const RETURNS: &[ReturnSpec] = &[
    returned("elapsed", "Seconds it took."),
    returned("match_groups", "Groups of `search_regex`."),
    returned("match_groupdict", "Its named groups."),
    returned("port", "The port."),
    returned("path", "The path."),
    returned("state", "The state waited for."),
];

static SPEC: ModuleSpec = Spec {
    name: "wait_for",
    aliases: texts!["ansible.builtin.wait_for", "ansible.legacy.wait_for"],
    summary: "Wait for a port, a path or a text.",
    params: PARAMS,
    example: "- wait_for:\n    path: /proc/self/status\n    search_regex: 'Name:\\s+(\\w+)'\n    timeout: 10\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct WaitFor;

/// What is waited for.
struct Wait<'a> {
    host: &'a Host,
    request: &'a Request<'a>,
    name: &'a str,
    port: Option<u16>,
    path: Option<String>,
    state: &'a str,
    regex: Option<Pattern>,
    timeout: Duration,
}

impl Module for WaitFor {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let seconds = |name: &str, usual: i64| {
            Duration::from_secs(request.int(name).unwrap_or(usual).try_into().unwrap_or_default())
        };
        let (delay, timeout) = (seconds("delay", 0), seconds("timeout", 300));
        let wait = Wait::of(host, request, timeout)?;
        if request.elapsed < delay {
            return Ok(again(delay - request.elapsed));
        }
        if wait.port.is_none() && wait.path.is_none() && wait.state != "drained" {
            let left = (delay + timeout).saturating_sub(request.elapsed);
            return Ok(if left.is_zero() { wait.told(Map::new()) } else { again(left) });
        }
        if request.elapsed >= timeout {
            return Err(wait.given_up());
        }
        match wait.look()? {
            Some(groups) => Ok(wait.told(groups)),
            None => Ok(again(seconds("sleep", 1).max(Duration::from_millis(10)))),
        }
    }
}

fn again(pause: Duration) -> Wanted {
    Wanted { ask_again: Some(pause), ..Wanted::default() }
}

impl<'a> Wait<'a> {
    fn of(host: &'a Host, request: &'a Request<'a>, timeout: Duration) -> Result<Self, ModuleError> {
        let refused = |message: String| ModuleError::new(message).with("elapsed", 0);
        let port = match request.int("port").filter(|port| *port != 0) {
            Some(port) => Some(u16::try_from(port).map_err(|_| refused(format!("{port} is no port")))?),
            None => None,
        };
        let path = request.text("path").map(|path| host.absolute(path));
        let state = request.text("state").unwrap_or("started");
        let only_ports =
            |state: &str| format!("state={state} should only be used for checking a port in the wait_for module");
        let message = if port.is_some() && path.is_some() {
            "port and path parameter can not both be passed to wait_for".to_owned()
        } else if path.is_some() && matches!(state, "stopped" | "drained") {
            only_ports(state)
        } else if request.value("exclude_hosts").is_some() && state != "drained" {
            "exclude_hosts should only be with state=drained".to_owned()
        } else if state == "drained" && port.is_none() {
            "state=drained needs a port".to_owned()
        } else if let Some(other) =
            request.list("active_connection_states").iter().find(|state| !STATES.contains(&state.as_str()))
        {
            format!("unknown active_connection_state ({other}) defined")
        } else {
            String::new()
        };
        if !message.is_empty() {
            return Err(refused(message));
        }
        let flags = Flags { multiline: true, dot_all: false };
        let regex = request.text("search_regex").map(|source| Pattern::new(source, Over::Bytes, flags)).transpose()?;
        let name = request.text("host").unwrap_or("127.0.0.1");
        Ok(Self { host, request, name, port, path, state, regex, timeout })
    }

    /// Look once: the groups of the text where it is so, nothing where it is not.
    fn look(&self) -> Result<Option<Map>, ModuleError> {
        let absent = matches!(self.state, "absent" | "stopped");
        if let Some(path) = &self.path {
            let there = exists(self.host, path)?;
            return match &self.regex {
                _ if absent => Ok((!there).then(Map::new)),
                Some(regex) if there => self.search(path, regex),
                _ => Ok(there.then(Map::new)),
            };
        }
        let port = self.port.unwrap_or_default();
        if self.state == "drained" {
            return Ok((self.connections(port) == 0).then(Map::new));
        }
        let left = self.timeout.saturating_sub(self.request.elapsed);
        let limit = self.request.int("connect_timeout").unwrap_or(5).try_into().unwrap_or(1);
        let limit = Duration::from_secs(limit).min(left.max(Duration::from_secs(1)));
        let connection = self.host.connect(&self.host.addresses(self.name), port, limit, self.request.stop);
        match (connection, &self.regex) {
            (connection, _) if absent => Ok(connection.is_err().then(Map::new)),
            (Ok(connection), Some(regex)) => {
                let until = Instant::now() + left;
                let mut said = String::new();
                while said.len() < MOST_SAID {
                    let piece = connection.receive(until, self.request.stop).unwrap_or_default();
                    if piece.is_empty() {
                        break;
                    }
                    said.push_str(&latin1(&piece));
                    if let Some(groups) = groups(regex, &said)? {
                        return Ok(Some(groups));
                    }
                }
                Ok(None)
            }
            (connection, _) => Ok(connection.is_ok().then(Map::new)),
        }
    }

    fn search(&self, path: &str, regex: &Pattern) -> Result<Option<Map>, ModuleError> {
        let mut offset = 0;
        loop {
            // It may vanish or be forbidden meanwhile: it is looked for again.
            let Ok(piece) = self.host.read_part(path, offset, PIECE) else { return Ok(None) };
            if let Some(groups) = groups(regex, &latin1(&piece))? {
                return Ok(Some(groups));
            }
            if (piece.len() as u64) < PIECE {
                return Ok(None);
            }
            offset += PIECE - OVERLAP;
        }
    }

    /// Connections to the port that count.
    fn connections(&self, port: u16) -> usize {
        let local = self.host.addresses(self.name);
        let excluded: Vec<IpAddr> =
            self.request.list("exclude_hosts").iter().flat_map(|name| self.host.addresses(name)).collect();
        let states = self.request.list("active_connection_states");
        let counted = |state: u8| {
            let name = STATES.get(usize::from(state).wrapping_sub(1));
            name.is_some_and(|name| states.is_empty() || states.iter().any(|wanted| wanted == name))
        };
        let ours = |address: IpAddr| {
            let every: IpAddr =
                if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            local.contains(&address) || local.contains(&every)
        };
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| self.host.read_text(path).unwrap_or_default());
        let rows = tables.iter().flat_map(|table| table.lines().filter_map(row));
        rows.filter(|row| row.port == port && counted(row.state) && ours(row.local) && !excluded.contains(&row.remote))
            .count()
    }

    fn told(&self, groups: Map) -> Wanted {
        let mut result = Map::new();
        result.insert("state".to_owned(), self.state.into());
        result.insert("port".to_owned(), self.port.into());
        result.insert("search_regex".to_owned(), self.request.text("search_regex").into());
        result.insert("match_groups".to_owned(), Value::Array(Vec::new()));
        result.insert("match_groupdict".to_owned(), Map::new().into());
        result.extend(groups);
        result.insert("path".to_owned(), self.path.clone().into());
        result.insert("elapsed".to_owned(), self.request.elapsed.as_secs().into());
        Wanted { result, ..Wanted::default() }
    }

    fn given_up(&self) -> ModuleError {
        let place = match (&self.path, self.port) {
            (Some(path), _) => path.clone(),
            (None, port) => format!("{}:{}", self.name, port.unwrap_or_default()),
        };
        let sought = self.request.text("search_regex");
        let message = match (self.state, sought) {
            ("drained", _) => format!("Timeout when waiting for {place} to drain"),
            ("absent" | "stopped", _) if self.path.is_some() => {
                format!("Timeout when waiting for {place} to be absent.")
            }
            ("absent" | "stopped", _) => format!("Timeout when waiting for {place} to stop."),
            (_, Some(text)) => format!("Timeout when waiting for search string {text} in {place}"),
            _ if self.path.is_some() => format!("Timeout when waiting for file {place}"),
            _ => format!("Timeout when waiting for {place}"),
        };
        let message = self.request.text("msg").map_or(message, str::to_owned);
        ModuleError::new(message).with("elapsed", self.request.elapsed.as_secs())
    }
}

/// The groups of the first match.
fn groups(regex: &Pattern, text: &str) -> Result<Option<Map>, ModuleError> {
    let Some(captures) = regex.captures(text)? else { return Ok(None) };
    let value = |group: Option<fancy_regex::Match<'_>>| -> Value {
        group.map(|group| String::from_utf8_lossy(&super::pattern::bytes(group.as_str())).into_owned()).into()
    };
    let numbered: Vec<Value> = (1..captures.len()).map(|index| value(captures.get(index))).collect();
    let names = regex.names();
    let named: Map = names.iter().map(|name| (name.clone(), value(captures.name(name)))).collect();
    Ok(Some(Map::from_iter([
        ("match_groups".to_owned(), numbered.into()),
        ("match_groupdict".to_owned(), named.into()),
    ])))
}

/// A row of the kernel's table of TCP connections.
struct Row {
    local: IpAddr,
    port: u16,
    remote: IpAddr,
    state: u8,
}

fn row(line: &str) -> Option<Row> {
    let mut words = line.split_whitespace().skip(1);
    let (local, port) = words.next()?.split_once(':')?;
    let (remote, _) = words.next()?.split_once(':')?;
    Some(Row {
        local: address(local)?,
        port: u16::from_str_radix(port, 16).ok()?,
        remote: address(remote)?,
        state: u8::from_str_radix(words.next()?, 16).ok()?,
    })
}

/// An address as the kernel writes it: words of four bytes, each in the machine's order.
fn address(text: &str) -> Option<IpAddr> {
    let word = |index: usize| u32::from_str_radix(text.get(index * 8..index * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    if text.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0_u8; 16];
    for (index, place) in bytes.chunks_exact_mut(4).enumerate() {
        place.copy_from_slice(&word(index)?);
    }
    Some(IpAddr::from(bytes).to_canonical())
}
