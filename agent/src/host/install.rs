//! Putting this program's own file into the cache of agents.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Agents kept in the cache beside the one that runs.
const KEEP: usize = 4;

/// Move the running program from its temporary name to its place, for good, and drop the oldest other agents.
pub fn install(place: &Path) -> io::Result<()> {
    let temporary = fs::read_link("/proc/self/exe")?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, place)?;
    let Some(folder) = place.parent() else { return Ok(()) };
    File::open(folder)?.sync_all()?;
    // A cache that cannot be tidied is no reason not to run.
    let _ = prune(folder);
    Ok(())
}

/// Remove the running program's file: it is not what it should be.
pub fn discard() -> io::Result<()> {
    fs::remove_file(fs::read_link("/proc/self/exe")?)
}

fn prune(folder: &Path) -> io::Result<()> {
    let mut agents = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            agents.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    super::order::sort(&mut agents);
    let surplus = agents.len().saturating_sub(KEEP);
    for (_, path) in agents.into_iter().take(surplus) {
        // Another session may have removed it first.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_newest_agents_stay() {
        let folder = tempfile::tempdir().unwrap();
        for age in 0..6_u64 {
            let file = File::create(folder.path().join(format!("{age:064x}"))).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * age)).unwrap();
        }
        fs::write(folder.path().join("notes"), "not ours").unwrap();
        prune(folder.path()).unwrap();
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                format!("{:064x}", 0),
                format!("{:064x}", 1),
                format!("{:064x}", 2),
                format!("{:064x}", 3),
                "notes".into()
            ]
        );
    }
}
