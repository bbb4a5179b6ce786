//! The bootstrap with a real shell on this machine and agents that are shell scripts.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::{Agents, local};
use super::*;
use std::sync::{Arc, Mutex};

const ARCH: &str = std::env::consts::ARCH;

/// Starts an "agent" in a folder of its own; what came of it, and what was told.
async fn run(arch: &str, program: &str, place: &str) -> (Result<Vec<u8>, SessionError>, Vec<Notice>) {
    let settings = Settings::new(Agents::from_programs(vec![(arch.to_owned(), program.as_bytes().to_vec())]));
    let script = Bootstrap { hashes: settings.agents.hashes(), nonce: nonce(), place: Some(place.to_owned()) };
    let mut line = local::start(&script.script()).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let listener: Listener = Arc::new(move |notice| kept.lock().unwrap().push(notice));
    let result = start(&mut line, &settings, &script, &listener).await.map_err(|not_begun| not_begun.error);
    line.close().await;
    let told = told.lock().unwrap().clone();
    (result, told)
}

/// Installs itself, says ready, sends three bytes.
const GOOD: &str =
    "#!/bin/sh\n[ -n \"$7\" ] && mv \"$0\" \"$7\"\nprintf '\\nLUTHIER %s READY\\nabc' \"$3\"\ncat >/dev/null\n";

#[tokio::test]
async fn the_agent_is_sent_once_and_found_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let (first, told) = run(ARCH, GOOD, place).await;
    assert!(b"abc".starts_with(&first.unwrap()));
    assert_eq!(told.first(), Some(&Notice::State("pushing")));
    assert!(matches!(told.last(), Some(Notice::Pushed { sent, total }) if sent == total));
    let (second, told) = run(ARCH, GOOD, place).await;
    assert!(b"abc".starts_with(&second.unwrap()));
    assert_eq!(told, []);
}

#[tokio::test]
async fn failures_have_names() {
    for (program, wanted) in [
        ("#!/bin/sh\necho oops >&2\nexit 3\n", "the agent did not start: exit status: 3: oops"),
        (
            "#!/bin/sh\nprintf '\\nLUTHIER %s FAIL hash found a wanted b\\n' \"$3\"\nexit 1\n",
            "the agent was corrupted on its way: found a wanted b",
        ),
        ("#!/bin/sh\nprintf '\\nLUTHIER %s FAIL write disk full\\n' \"$3\"\n", "cannot write the agent: disk full"),
        (
            "#!/bin/sh\nprintf '\\nLUTHIER %s FAIL place none\\033[2J\\n' \"$3\"\n",
            "no place for the agent: none\\u{1b}[2J",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (result, _) = run(ARCH, program, folder.path().to_str().unwrap()).await;
        assert_eq!(result.unwrap_err().to_string(), wanted);
    }
}

#[tokio::test]
async fn an_architecture_without_an_agent_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = run("vax", GOOD, folder.path().to_str().unwrap()).await;
    let text = result.unwrap_err().to_string();
    assert!(text.starts_with(&format!("no agent for architecture {ARCH}; there is one for vax")), "{text}");
}

#[tokio::test]
async fn endless_noise_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = run(ARCH, "#!/bin/sh\nexec yes\n", folder.path().to_str().unwrap()).await;
    let text = result.unwrap_err().to_string();
    assert!(text.contains("printed more than 64 KiB"), "{text}");
}

#[tokio::test]
async fn a_large_agent_that_nobody_reads_is_no_deadlock() {
    let settings = Settings::new(Agents::from_programs(vec![(ARCH.to_owned(), rand_bytes(3_000_000))]));
    let script = Bootstrap { hashes: settings.agents.hashes(), nonce: "n0".into(), place: None };
    let text = format!("echo LUTHIER n0 NEED {ARCH} raw; echo LUTHIER n0 FAIL write no room; sleep 0.2");
    let mut line = local::start(&text).unwrap();
    let error = start(&mut line, &settings, &script, &(Arc::new(|_| {}) as Listener)).await.unwrap_err();
    assert_eq!(error.error, SessionError::WriteFailed("no room".into()));
    line.close().await;
}

fn rand_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}
