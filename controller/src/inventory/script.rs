//! Script inventories: executable files that print JSON for `--list` and, where that lacks `_meta`, for `--host NAME`.

use super::draft::{Draft, Entry};
use crate::yaml::{Diagnostic, Key, Node, Origin, Value, parse_document};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashSet;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether the file is a program: executable, and a script or a binary. A static file that merely has the mode is not.
pub(super) fn is_program(path: &Path, head: &[u8]) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let executable = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    executable && (head.starts_with(b"#!") || head.starts_with(b"\x7fELF"))
}

/// Runs a script and reads what it says.
///
/// # Errors
/// It cannot be run, fails, takes too long, or prints no inventory.
pub(super) fn load(path: &Path, deadline: Duration) -> Result<Draft, Diagnostic> {
    let end = Instant::now() + deadline;
    let file: Arc<Path> = path.into();
    let text = run(path, &["--list"], end)?;
    let root = json(&text, &file, "--list")?;
    let (mut draft, hosts, meta) = groups(&root)?;
    for host in hosts {
        let vars = match &meta {
            Some(meta) => meta.get(&host).map(Node::to_value),
            None => {
                let text = run(path, &["--host", &host], end)?;
                if text.trim().is_empty() { None } else { Some(json(&text, &file, "--host")?.to_value()) }
            }
        };
        let vars = match vars {
            Some(Value::Map(map)) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            None | Some(Value::Null) => continue,
            Some(other) => {
                let said = format!("the script says a {} where the variables of `{host}` belong", other.type_name());
                return Err(Diagnostic::error(Some(place(&file)), said));
            }
        };
        draft.entries.push(Entry::Hosts { names: vec![host], group: None, port: None, vars });
    }
    Ok(draft)
}

fn place(file: &Arc<Path>) -> Origin {
    Origin { file: file.clone(), line: 1, column: 1 }
}

/// JSON as the parser of YAML reads it; anything else is refused.
fn json(text: &str, file: &Arc<Path>, asked: &str) -> Result<Node, Diagnostic> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let said = format!("{} prints no JSON for {asked}: {error}", file.display());
        return Err(Diagnostic::error(Some(place(file)), said).help("lines and columns are those of its output"));
    }
    let node = parse_document(text, file)?;
    if node.as_map().is_none() {
        return Err(Diagnostic::error(
            Some(place(file)),
            format!("{} prints no JSON object for {asked}", file.display()),
        ));
    }
    Ok(node)
}

type Groups<'a> = (Draft, Vec<String>, Option<&'a Node>);

/// The groups of `--list`, the hosts in them, and their variables where `_meta` has them.
fn groups(root: &Node) -> Result<Groups<'_>, Diagnostic> {
    let mut draft = Draft::default();
    let mut seen = HashSet::new();
    let mut hosts = Vec::new();
    let meta = root.get("_meta").and_then(|meta| meta.get("hostvars"));
    for (name, data) in root.as_map().unwrap_or_default() {
        let group = name.as_str().unwrap_or_default().to_owned();
        if group == "_meta" {
            continue;
        }
        draft.entries.push(Entry::Group(group.clone()));
        let is_group = ["hosts", "vars", "children"].iter().any(|key| data.get(key).is_some());
        let mut add = |host: String, draft: &mut Draft| {
            if seen.insert(host.clone()) {
                hosts.push(host.clone());
            }
            draft.entries.push(Entry::Hosts {
                names: vec![host],
                group: Some(group.clone()),
                port: None,
                vars: Vec::new(),
            });
        };
        let mut vars = data.get("vars");
        if data.as_map().is_none() {
            names(data, &group)?.into_iter().for_each(|host| add(host, &mut draft));
        } else if !is_group {
            // The short form: a host that is called like its group, with variables.
            add(group.clone(), &mut draft);
            vars = Some(data);
        } else if let Some(list) = data.get("hosts") {
            names(list, &group)?.into_iter().for_each(|host| add(host, &mut draft));
        }
        if let Some(node) = vars {
            let Some(entries) = node.as_map() else {
                return Err(node.error(format!("`vars` of the group `{group}` is no object")));
            };
            for (key, value) in entries {
                let (group, key, value) = (group.clone(), Key::from(key.text().unwrap_or_default()), value.to_value());
                draft.entries.push(Entry::Variable { group, key, value, origin: None });
            }
        }
        for child in data.get("children").and_then(Node::as_list).unwrap_or_default() {
            let child = child.as_str().ok_or_else(|| child.error("a group's name is text"))?.to_owned();
            draft.entries.push(Entry::Group(child.clone()));
            draft.entries.push(Entry::Child { parent: group.clone(), child, origin: Some(name.origin.clone()) });
        }
    }
    Ok((draft, hosts, meta))
}

fn names(list: &Node, group: &str) -> Result<Vec<String>, Diagnostic> {
    let wrong = || list.error(format!("the hosts of the group `{group}` are no list of names"));
    let items = list.as_list().ok_or_else(wrong)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// The program's output; it is killed when its time is up.
fn run(path: &Path, args: &[&str], end: Instant) -> Result<String, Diagnostic> {
    let file: Arc<Path> = path.into();
    let name = format!("{} {}", path.display(), args.join(" "));
    let failed = |why: String| Diagnostic::error(Some(place(&file)), format!("cannot run {name}: {why}"));
    let program = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let streams = collect(&mut child, end);
    if matches!(streams, Ok(None) | Err(_)) {
        let _ = child.kill();
        let _ = child.wait();
    }
    let [stdout, stderr] =
        streams.map_err(|error| failed(error.to_string()))?.ok_or_else(|| failed("it takes too long".to_owned()))?;
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let last = String::from_utf8_lossy(&stderr).trim().lines().last().unwrap_or_default().to_owned();
        return Err(failed(if last.is_empty() { status.to_string() } else { format!("{status}: {last}") }));
    }
    String::from_utf8(stdout).map_err(|_| failed("its output is not UTF-8".to_owned()))
}

/// Reads both pipes of a child as bytes come (one that nobody reads would stop it) until both end; `None` when the
/// time is up before.
fn collect(child: &mut Child, end: Instant) -> std::io::Result<Option<[Vec<u8>; 2]>> {
    let mut pipes: Vec<(Box<dyn Pipe>, Vec<u8>, bool)> = Vec::new();
    pipes.extend(child.stdout.take().map(|pipe| (Box::new(pipe) as Box<dyn Pipe>, Vec::new(), true)));
    pipes.extend(child.stderr.take().map(|pipe| (Box::new(pipe) as Box<dyn Pipe>, Vec::new(), true)));
    let mut buffer = [0; 16384];
    while pipes.iter().any(|(_, _, open)| *open) {
        let left = end.saturating_duration_since(Instant::now());
        let wait = Timespec::try_from(left).unwrap_or_default();
        let mut polled: Vec<PollFd<'_>> = pipes
            .iter()
            .filter(|(_, _, open)| *open)
            .map(|(pipe, _, _)| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN))
            .collect();
        if left.is_zero() || poll(&mut polled, Some(&wait))? == 0 {
            return Ok(None);
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(polled);
        for ((pipe, bytes, open), _) in
            pipes.iter_mut().filter(|(_, _, open)| *open).zip(ready).filter(|(_, ready)| *ready)
        {
            let count = pipe.read(&mut buffer)?;
            *open = count > 0;
            bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
    }
    let mut bytes = pipes.into_iter().map(|(_, bytes, _)| bytes);
    Ok(Some([bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()]))
}

trait Pipe: Read + AsFd {}

impl<T: Read + AsFd> Pipe for T {}
