//! Ansible's own answers on real inventories, playbooks and templates: how many agree may only grow.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use luthier_tests::{luthier, missing, testdata};
use std::process::Command;

/// Cases of each set that must agree at least.
const FLOORS: [(&str, usize); 6] = [
    ("inventories", 92),
    ("inventories-bad", 29),
    ("templates", 170),
    ("yaml", 58),
    ("expressions", 9),
    ("playbooks", 41),
];

#[test]
fn as_many_cases_agree_as_before() {
    let Some(compat) = testdata("compat") else { return };
    if missing(&["python3"]) {
        return;
    }
    let mut fallen = Vec::new();
    for (set, floor) in FLOORS {
        let output = Command::new("python3")
            .arg(compat.join("compare.py"))
            .arg(luthier::built())
            .arg(&compat)
            .args(["--set", set])
            .env("TMPDIR", std::env::temp_dir())
            .output()
            .expect("python3 runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let agreed = agreed(&text, set)
            .unwrap_or_else(|| panic!("no row for {set}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr)));
        if agreed < floor {
            fallen.push(format!("{set}: {agreed} agree, {floor} did before\n{text}"));
        }
    }
    assert!(fallen.is_empty(), "{}", fallen.join("\n"));
}

/// The closing table has a row `SET AGREED OF …`.
fn agreed(text: &str, set: &str) -> Option<usize> {
    let row = text.lines().rev().find(|line| line.split_whitespace().next() == Some(set))?;
    row.split(|letter: char| !letter.is_ascii_digit()).find_map(|word| word.parse().ok())
}
