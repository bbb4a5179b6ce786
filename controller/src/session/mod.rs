//! Sessions: from an inventory host to a running agent, and the conversation with it.
//!
//! [`open`] connects (SSH or a local child), logs in, starts the agent (sending it where it is not cached) and says
//! hello. A [`Session`] then carries requests and answers. What is read from files — OpenSSH configuration, known_hosts,
//! keys — is read once per run and shared in [`Settings`]. Nothing here knows of plays, tasks' meaning or output.

mod auth;
mod auth_agent;
mod bastion;
mod bootstrap;
mod captured;
mod carrier;
mod certificates;
mod content;
mod embedded;
mod error;
mod handle;
mod host_key;
mod jump;
mod key_files;
pub mod known_hosts;
mod line;
mod link;
mod local;
mod open;
mod openssh;
mod pattern;
mod proxy_command;
mod replay;
mod route;
mod settings;
mod ssh;
mod ssh_args;
pub mod ssh_config;
mod ssh_config_match;
mod ssh_config_words;
mod ssh_names;
mod ssh_options;
mod ssh_tokens;
mod startups;
mod target;
mod tunnel;
mod unsettled;
mod wire;

pub use captured::CaptureReader;
pub use content::ContentSource;
pub use embedded::{Agent, Agents, agents};
pub use error::{KeyPrint, Recorded, SessionError, Unreachable, escaped};
pub use handle::{Pending, Session};
pub use jump::Hop;
pub use open::{Listener, Notice, open};
pub use replay::{pack, write_capture};
pub use settings::{Deadlines, HostKeyPolicy, Prompt, Secret, Settings};
pub use ssh_args::Arguments;
pub use ssh_options::{AddressFamily, Logins, Proxy, Setting, SshOptions};
pub use target::{ConnectionKind, Defaults, Lookup, Target};

#[cfg(test)]
mod tests;
