//! The classic `ansible_*` facts: what Ansible's `setup` would tell on the same host, read without running any program but the
//! operator's own below `facts.d`.
//!
//! Left out, because only a program or an interpreter could tell them: `python*`, `lvm`, `facter`, `ohai`.

mod clock;
mod collect;
mod devices;
mod hardware;
mod local;
mod mounts;
mod network;
mod platform;
mod security;
mod user;
mod virtualization;

#[cfg(test)]
mod tests;

pub use collect::{BadSubset, Wanted, collect, read_all};
pub use network::{default_routes, ipv4_by_interface, ipv6_by_interface};
