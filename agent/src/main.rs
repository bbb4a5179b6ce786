//! `luthier-agent`: the small static program Luthier runs on a host.

mod change;
mod facts;
mod host;
mod journal;
mod modules;
mod task;

fn main() {}
