//! `luthier-libvirt`: Luthier's one door to libvirt, a child process of the controller.
//!
//! It is a process of its own because calls into libvirt can hang without a way to cancel them: the controller kills
//! it when a deadline passes. It answers on standard output with one JSON object and complains on standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the answers and complaints of this program")]

mod arguments;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    let answer = arguments::parse(std::env::args().skip(1))
        .map_err(|error| (5, error.to_string()))
        .and_then(|arguments::Command::Version { uri }| version::ask(&uri).map_err(|error| (4, error.to_string())));
    match answer {
        Ok(version) => {
            println!("{}", serde_json::json!(version));
            ExitCode::SUCCESS
        }
        Err((code, message)) => {
            eprintln!("luthier-libvirt: {message}");
            ExitCode::from(code)
        }
    }
}
