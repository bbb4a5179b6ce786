//! The tables of mounts: `/etc/fstab` as it shall be, and what the kernel has mounted. Pure: texts in, texts out.

/// An entry of fstab, its fields as the file shall hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Source, mount point, type, options, dump, pass: escaped.
    pub fields: [String; 6],
}

impl Entry {
    /// From plain fields.
    pub(super) fn new(fields: [&str; 6]) -> Self {
        Self { fields: fields.map(escaped) }
    }

    fn line(&self) -> String {
        format!("{}\n", self.fields.join(" "))
    }
}

/// Blanks, backslashes and ampersands as fstab writes them.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('&', "\\046")
}

/// The same back.
fn plain(text: &str) -> String {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code =
            if *first == b'\\' { tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()) } else { None };
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A line's fields, where it is an entry: two of the six may be left out.
fn fields(line: &str) -> Option<Vec<&str>> {
    let line = line.trim();
    let fields: Vec<&str> = line.split_whitespace().collect();
    (!line.starts_with('#') && (4..=6).contains(&fields.len())).then_some(fields)
}

/// Whether an entry is the one for a mount point; entries of swap have none and are told by their source.
fn is_for(fields: &[&str], path: &str, source: Option<&str>) -> bool {
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let other_swap = field(1) == "none" && field(2) == "swap" && source.is_some_and(|source| field(0) != source);
    field(1) == escaped(path) && !other_swap
}

/// The table with the entry; nothing where it is there already.
pub(super) fn with(text: &str, wanted: &Entry, path: &str, source: Option<&str>) -> Option<String> {
    let (mut found, mut changed) = (false, false);
    let mut out = String::new();
    for line in text.lines() {
        let ours = fields(line).filter(|fields| is_for(fields, path, source));
        found |= ours.is_some();
        let differs = ours.as_ref().is_some_and(|fields| *fields != wanted.fields);
        changed |= differs;
        match ours {
            Some(_) if differs => out.push_str(&wanted.line()),
            _ => out.extend([line, "\n"]),
        }
    }
    if !found {
        out.push_str(&wanted.line());
    }
    (changed || !found).then_some(out)
}

/// The table without the entries for a mount point; nothing where there are none.
pub(super) fn without(text: &str, path: &str, source: Option<&str>) -> Option<String> {
    let goes = |line: &str| fields(line).is_some_and(|fields| is_for(&fields, path, source));
    text.lines().any(goes).then(|| text.split_inclusive('\n').filter(|line| !goes(line)).collect())
}

/// Something mounted, as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    device: String,
    root: String,
    /// Where.
    pub path: String,
    /// Options of this mount.
    pub options: String,
    /// Type of the file system.
    pub kind: String,
    /// Its source.
    pub source: String,
    /// Options of the file system.
    pub inner: String,
}

/// What `/proc/self/mountinfo` says, in its order.
pub(super) fn mounts(text: &str) -> Vec<Mounted> {
    text.lines().filter_map(mounted).collect()
}

fn mounted(line: &str) -> Option<Mounted> {
    let (own, rest) = line.split_once(" - ")?;
    let mut own = own.split(' ').skip(2);
    let mut rest = rest.split(' ');
    Some(Mounted {
        device: own.next()?.to_owned(),
        root: plain(own.next()?),
        path: plain(own.next()?),
        options: own.next()?.to_owned(),
        kind: rest.next()?.to_owned(),
        source: plain(rest.next()?),
        inner: rest.next().unwrap_or_default().to_owned(),
    })
}

impl Mounted {
    /// The directory that is mounted here a second time, where it is such a mount.
    pub(super) fn bound(&self, all: &[Self]) -> Option<String> {
        let whole = all.iter().filter(|other| other.device == self.device && other.path != self.path);
        let mut below = whole.filter_map(|other| {
            let rest = self.root.strip_prefix(other.root.trim_end_matches('/'))?;
            let fits = rest.is_empty() || rest.starts_with('/');
            fits.then(|| format!("{}{rest}", other.path.trim_end_matches('/')))
        });
        if self.root == "/" && self.kind != "tmpfs" {
            return None;
        }
        below.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSTAB: &str = "# static\nUUID=1 / ext4 defaults 0 1\n\n  /dev/sdb /srv/a\\040b xfs noatime 0 0\nn:/x /n nfs rw\n/swap none swap sw 0 0";

    #[test]
    fn an_entry_is_added_changed_and_removed_and_the_rest_stays() {
        let entry = |fields: [&str; 6]| Entry::new(fields);
        let same = entry(["/dev/sdb", "/srv/a b", "xfs", "noatime", "0", "0"]);
        assert_eq!(with(FSTAB, &same, "/srv/a b", Some("/dev/sdb")), None);
        let other = entry(["/dev/sdb", "/srv/a b", "xfs", "ro", "0", "0"]);
        let changed = FSTAB.replace("  /dev/sdb /srv/a\\040b xfs noatime", "/dev/sdb /srv/a\\040b xfs ro") + "\n";
        assert_eq!(with(FSTAB, &other, "/srv/a b", None), Some(changed));
        let new = entry(["t", "/t", "tmpfs", "size=1m", "0", "0"]);
        assert_eq!(with(FSTAB, &new, "/t", None), Some(format!("{FSTAB}\nt /t tmpfs size=1m 0 0\n")));
        assert_eq!(without(FSTAB, "/n", None), Some(FSTAB.replace("n:/x /n nfs rw\n", "")));
        assert_eq!(without(FSTAB, "none", Some("/other")), None);
        assert_eq!(without("", "/n", None), None);
    }

    #[test]
    fn the_kernel_s_table_tells_what_is_bound_where() {
        let text = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            40 22 8:1 /srv/x /mnt/y\\040z ro,relatime - ext4 /dev/sda1 rw\n\
            41 22 0:50 / /n rw - nfs4 h:/e rw,addr=10.0.0.1\n";
        let all = mounts(text);
        let bound: Vec<Option<String>> = all.iter().map(|one| one.bound(&all)).collect();
        assert_eq!(bound, [None, Some("/srv/x".to_owned()), None]);
        let paths: Vec<&str> = all.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/", "/mnt/y z", "/n"]);
    }
}
