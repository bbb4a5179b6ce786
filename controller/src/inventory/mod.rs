//! Hosts, groups and their variables: Ansible's INI, YAML and script inventories, folders of them, host lists, patterns,
//! `group_vars` and `host_vars`. Nothing here knows of SSH or of plays; values stay unrendered and undecrypted.

mod draft;
mod facade;
pub mod ini;
mod literal;
mod load;
mod pattern;
mod ranges;
mod script;
mod show;
mod tree;
mod vars;
mod words;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use draft::{Draft, Entry};
pub use facade::Inventory;
pub use load::{LoadOptions, Loaded};
pub use pattern::Selection;
pub use ranges::{expand, parse_address};
