//! The catalogue the controller checks playbooks against is the one its embedded agent has.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Luthier;
use serde_json::{Value, json};
use std::process::Command;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../controller/src/catalog/agent.json");

/// What an agent prints, or fails to.
fn printed(command: &mut Command) -> Vec<u8> {
    let answer = command.output().expect("the agent's answer");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    answer.stdout
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

/// Without the texts for people, which the agent that travels to hosts does not carry.
fn without_texts(mut catalogue: Value) -> Value {
    for module in catalogue["modules"].as_array_mut().expect("modules") {
        module["summary"] = json!("");
        module["example"] = json!("");
        module["returns"] = json!([]);
        for param in module["params"].as_array_mut().expect("parameters") {
            param["doc"] = json!("");
        }
    }
    catalogue
}

#[test]
fn the_committed_catalogue_is_that_of_the_agents_source() {
    let built = ["run", "--quiet", "--package", "luthier-agent", "--", "catalogue"];
    let told = printed(Command::new(env!("CARGO")).args(built).current_dir(env!("CARGO_MANIFEST_DIR")));
    if std::env::var_os("LUTHIER_BLESS").is_some() {
        std::fs::write(COMMITTED, &told).expect("the catalogue");
    }
    assert!(
        read(&std::fs::read(COMMITTED).expect("the catalogue")) == read(&told),
        "agent.json is out of date: run LUTHIER_BLESS=1 cargo test -p luthier-tests --test catalogue, then build again"
    );
}

#[test]
fn the_embedded_agent_knows_the_same_modules_and_parameters() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent");
    let luthier = Luthier::new(folder.path());
    luthier.call(["agent", "-d", &file.display().to_string()]).exits(0);
    let embedded = read(&printed(Command::new(&file).arg("catalogue")));
    let committed = read(&std::fs::read(COMMITTED).expect("the catalogue"));
    assert!(without_texts(committed) == without_texts(embedded), "the embedded agent is not of this source");
}
