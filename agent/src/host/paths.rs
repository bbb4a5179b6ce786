//! Turning paths as people write them into absolute paths without links.

use super::Host;
use std::io;

/// As the kernel: a chain of more links than this is taken for a loop.
const MOST_LINKS: usize = 40;

impl Host {
    /// The path with `~`, `~user` and `$VARIABLE` expanded, made absolute from the working directory, without `.` parts and
    /// doubled slashes. A final slash stays: it tells a directory from a file.
    pub fn absolute(&self, text: &str) -> String {
        let expanded = self.home(&variables(text));
        let whole = if expanded.starts_with('/') {
            expanded
        } else {
            let here = std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
            format!("{here}/{expanded}")
        };
        let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let mut path = format!("/{}", parts.join("/"));
        if whole.ends_with('/') && path != "/" {
            path.push('/');
        }
        path
    }

    /// The path with every symbolic link resolved, as far as it exists; the rest is appended as it is.
    pub fn resolve(&self, path: &str) -> io::Result<String> {
        let mut done = String::new();
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.truncate(done.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{done}/{part}");
            let Some(stat) = self.lstat(&next)? else {
                done = next;
                continue;
            };
            if stat.kind != super::Kind::Link {
                done = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::other(format!("too many symbolic links in {path}")));
            }
            let target = self.read_link(&next)?;
            if target.starts_with('/') {
                done.clear();
            }
            rest.extend(target.split('/').rev().map(str::to_owned));
        }
        Ok(if done.is_empty() { "/".to_owned() } else { done })
    }

    fn home(&self, text: &str) -> String {
        let Some(tail) = text.strip_prefix('~') else { return text.to_owned() };
        let (user, rest) = tail.find('/').map_or((tail, ""), |slash| tail.split_at(slash));
        let home = if user.is_empty() {
            std::env::var("HOME").ok().or_else(|| self.account_of(self.who().uid).map(|account| account.home))
        } else {
            self.account(user).map(|account| account.home)
        };
        home.map_or_else(|| text.to_owned(), |home| format!("{}{rest}", home.trim_end_matches('/')))
    }
}

/// The part before the last slash (`/` for a path directly under the root).
pub fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// The part after the last slash.
pub fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Folder and name joined by exactly one slash; an absolute name stands alone.
pub fn join(folder: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// `$NAME` and `${NAME}` replaced where the variable is set.
fn variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, after) = rest.split_at(dollar);
        out.push_str(before);
        let tail = after.get(1..).unwrap_or_default();
        let (name, end) = match tail.strip_prefix('{').and_then(|inner| inner.find('}').map(|close| (inner, close))) {
            Some((inner, close)) => (inner.get(..close).unwrap_or_default(), close + 3),
            None => {
                let length = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
                (tail.get(..length).unwrap_or_default(), length + 1)
            }
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ => out.push_str(after.get(..end).unwrap_or_default()),
        }
        rest = after.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn links_are_resolved_under_the_root_even_when_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::under(folder.path());
        std::fs::create_dir_all(folder.path().join("real/deep")).unwrap();
        std::os::unix::fs::symlink("/real", folder.path().join("abs")).unwrap();
        std::os::unix::fs::symlink("../abs/deep/../new", folder.path().join("real/rel")).unwrap();
        std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
        assert_eq!(host.resolve("/abs/deep/x").unwrap(), "/real/deep/x");
        assert_eq!(host.resolve("/real/rel").unwrap(), "/real/new");
        assert!(host.resolve("/loop").is_err());
    }

    #[test]
    fn paths_are_made_absolute_and_cut_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/passwd"), "kvm:x:7:7::/srv/kvm/:/bin/sh\n").unwrap();
        let host = Host::under(folder.path());
        assert_eq!(host.absolute("~kvm/a"), "/srv/kvm/a");
        assert_eq!(host.absolute("//etc/./x/"), "/etc/x/");
        assert_eq!(host.absolute("/$NO_SUCH_NAME_1/${x"), "/$NO_SUCH_NAME_1/${x");
        assert_eq!((parent("/a/b/"), base_name("/a/b/"), parent("/a")), ("/a", "b", "/"));
        assert_eq!(join("/a/", "b"), "/a/b");
    }
}
