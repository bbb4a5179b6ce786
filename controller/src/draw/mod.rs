//! Machines as pictures: facts in, text or SVG out. It must not know of hosts, sessions or files.
//!
//! `machine` arranges the facts of one host as packages, nodes, cores and PCI trees; `vms` what runs on it, `missing` what is not
//! known; `text` and `svg` draw that; `fold` puts machines that look alike together.

mod block;
mod devices;
mod fold;
mod machine;
mod missing;
mod svg;
mod text;
mod tree;
mod vms;
pub mod words;

#[cfg(test)]
mod tests;

pub use fold::{Group, fold};
pub use machine::Machine;
pub use svg::svg;
pub use text::text;
