//! The operator's account on this machine, where the environment does not say who that is.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The home folder: `HOME`, or as the account has it, which is where `ssh` looks.
pub fn home() -> Option<PathBuf> {
    let named = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| account(home_of))
}

/// The account's name.
pub fn name() -> Option<String> {
    account(name_of)
}

/// What the first line for the user of this process yields.
fn account<T>(find: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read("/etc/passwd").ok()?;
    String::from_utf8_lossy(&accounts).lines().find_map(|line| find(line, &uid))
}

fn name_of(line: &str, uid: &str) -> Option<String> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    (fields.nth(1)? == uid).then(|| name.to_owned())
}

fn home_of(line: &str, uid: &str) -> Option<PathBuf> {
    name_of(line, uid)?;
    line.split(':').nth(5).map(PathBuf::from).filter(|home| home.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let line = "ops:x:1000:100:Operator,,,:/srv/ops:/bin/sh";
        assert_eq!(name_of(line, "1000").as_deref(), Some("ops"));
        assert_eq!(home_of(line, "1000"), Some("/srv/ops".into()));
        assert_eq!((name_of(line, "100"), home_of(line, "100")), (None, None));
        assert_eq!(home_of("short:x:1000", "1000"), None);
        assert_eq!(home_of("nohome:x:1000:100:::", "1000"), None);
    }
}
