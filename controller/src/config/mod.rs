//! Defaults of a project and of its operator: `luthier.toml`, the keys of `ansible.cfg` that say where things are, and
//! environment variables.

pub mod account;
mod ansible_cfg;
mod reference;
mod settings;
mod toml_file;

pub use reference::reference;
pub use settings::Settings;
