//! A session with the controller over standard input and output.
//!
//! Four threads: one reads messages into the [`inbox`], one carries them out in order ([`session`]), one says every few
//! seconds that the agent lives, and one for each child agent relays what it says. All of them write through one [`wire`].

mod child;
mod converse;
mod escalate;
mod greeting;
mod inbox;
mod job;
mod question;
mod reader;
mod relay;
mod session;
mod start;
mod wire;

#[cfg(test)]
mod tests;

pub use start::{Options, carry_job, serve};
