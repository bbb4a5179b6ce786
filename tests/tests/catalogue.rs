//! The catalogue the controller checks playbooks against is the one its embedded agent has.

#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::luthier::Luthier;
use std::process::Command;

#[test]
fn the_committed_catalogue_is_that_of_the_embedded_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent");
    let luthier = Luthier::new(folder.path());
    luthier.call(["agent", "-d", &file.display().to_string()]).exits(0);
    let answer = Command::new(&file).arg("catalogue").output().expect("the agent's answer");
    assert!(answer.status.success());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../controller/src/catalog/agent.json");
    if std::env::var_os("LUTHIER_BLESS").is_some() {
        std::fs::write(path, &answer.stdout).expect("the catalogue");
    }
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
    let committed = std::fs::read(path).expect("the catalogue");
    assert!(
        read(&committed) == read(&answer.stdout),
        "agent.json is out of date: run LUTHIER_BLESS=1 cargo test -p luthier-tests --test catalogue, then build again"
    );
}
