//! The benchmark runs from end to end and writes its table. What it measures is nobody's business here.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::luthier::Luthier;
use luthier_tests::missing;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOPICS: &[&str] = &["play", "delay", "facts", "agent", "wire", "start"];

fn entry() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/run")
}

#[test]
fn a_short_run_writes_its_table_and_leaves_nothing() {
    if missing(&["bash", "python3", "sshd", "ssh", "ssh-keygen"]) {
        return;
    }
    let folder = tempfile::TempDir::with_prefix("luthier-bench-test-").expect("a temporary folder");
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder for its files");
    // The targets' user has to get through.
    for path in [folder.path(), &temporary] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("chmod");
    }
    let results = folder.path().join("results.md");
    let built = Luthier::new(&folder.path().join("home")).command(["--version"]).get_program().to_owned();
    let output = Command::new(entry())
        .args(["--hosts", "2", "--rounds", "1", "--skip-rivals", "--no-profile", "--only", &TOPICS.join(",")])
        .arg("--output")
        .arg(&results)
        .env("LUTHIER_BIN", built)
        .env("TMPDIR", &temporary)
        .env_remove("LUTHIER_TESTDATA")
        .output()
        .expect("bench/run starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let text = std::fs::read_to_string(&results).expect("the results");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .collect();
    assert!(rows.iter().all(|row| row.len() == 5), "{text}");
    for topic in TOPICS {
        let of_topic: Vec<_> = rows.iter().filter(|row| row.first() == Some(topic)).collect();
        assert!(!of_topic.is_empty(), "no rows of {topic}:\n{text}");
        let whole = of_topic.iter().all(|row| !row.contains(&"the whole topic"));
        assert!(whole, "{topic} was not measured:\n{said}");
    }
    let verdicts = rows.iter().skip(2).filter_map(|row| row.last());
    assert!(verdicts.clone().all(|verdict| ["met", "**missed**", "–"].contains(verdict)), "{text}");
    for heading in ["## Machine", "## Versions", "## Rows (2 hosts, 1 rounds, medians)", "## Samples"] {
        assert!(text.contains(heading), "no {heading}:\n{text}");
    }
    let left = std::fs::read_dir(&temporary).expect("its folder").count();
    assert_eq!(left, 0, "something stayed in {}", temporary.display());
}

#[test]
fn what_cannot_be_measured_is_refused() {
    if missing(&["bash", "python3"]) {
        return;
    }
    for wrong in [&["--only", "play,speed"][..], &["--hosts", "0"], &["--fast"]] {
        let output = Command::new(entry()).args(wrong).output().expect("bench/run starts");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
