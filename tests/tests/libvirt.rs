//! The door to libvirt, before a real daemon.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::libvirtd::{Libvirtd, program};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_real_daemon_tells_its_versions() {
    let Some(daemon) = Libvirtd::start() else { return };
    let output = Command::new(program()).args(["version", "--socket"]).arg(daemon.socket()).output().expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(answer["driver"], "QEMU");
    for key in ["libvirt", "client", "hypervisor"] {
        let version = answer[key].as_str().unwrap_or_default();
        assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{key}: {answer}");
    }
    assert!(answer["uri"].as_str().is_some_and(|uri| uri.contains("libvirt-sock")), "{answer}");
}

#[test]
fn an_absent_daemon_is_an_error_that_names_the_socket() {
    let output = Command::new(program()).args(["version", "--socket", "/nonexistent/sock"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/sock"));
}

#[test]
fn a_wrong_command_line_is_bad_input() {
    for words in [vec![], vec!["destroy"], vec!["version", "--socket"], vec!["version", "--socket", "x&y"]] {
        let output = Command::new(program()).args(&words).output().expect("it runs");
        assert_eq!(output.status.code(), Some(5), "{words:?}");
    }
}
