//! The agent's module catalogue as data: what `luthier-agent catalogue` prints and the controller embeds.

use crate::spec::ModuleSpec;
use serde::{Deserialize, Serialize};

/// All modules of one agent build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Catalogue {
    /// Version of this document's form.
    pub version: u32,
    /// One row a module, sorted by name.
    pub modules: Vec<ModuleSpec>,
}
