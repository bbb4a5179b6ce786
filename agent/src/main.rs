//! `luthier-agent`: the small static program Luthier runs on a host.

mod capture;
mod catalog;
mod change;
mod facts;
mod host;
mod journal;
mod line;
mod modules;
mod serve;
mod task;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    ExitCode::from(line::carry_out(&words))
}
