//! Rigs: real OpenSSH servers, a TCP proxy that misbehaves, the built program, QEMU machines and a private libvirtd.
//!
//! A rig fails by panicking with what went wrong: it is test equipment. Where the machine lacks a program the rig says
//! so and the test is passed over, unless `LUTHIER_REQUIRE_SHARED=1` makes that a failure.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test equipment fails by panicking and says on stderr what it passed over"
)]

mod builder;
mod daemon;
mod keys;
pub mod lab;
pub mod libvirtd;
pub mod luthier;
mod processes;
pub mod proxy;
pub mod qemu;
mod skip;
pub mod sshd;
pub mod throwaway;
mod tree;
mod user;
pub mod web;

pub use processes::{alive, kill, wait_for};
pub use skip::{missing, skip, testdata};
pub use tree::Tree;
