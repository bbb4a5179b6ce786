//! What a module is called and which parameters it takes: the source of the catalogue, the offline checks and `docs/modules.md`.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that is a literal in the agent and owned in the controller.
pub type Text = Cow<'static, str>;

/// One module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleSpec {
    /// Canonical short name (`copy`, `luthier.sysfs`).
    pub name: Text,
    /// Every other full name it answers to (`ansible.builtin.copy`, `ansible.legacy.copy`).
    pub aliases: Cow<'static, [Text]>,
    /// One sentence.
    pub summary: Text,
    /// Parameters.
    pub params: Cow<'static, [ParamSpec]>,
    /// The parameter that takes a task's free-form text (`command: ls -l`).
    pub free_form: Option<Text>,
    /// Rows of parameter names of which at most one may be given.
    pub mutually_exclusive: Cow<'static, [Cow<'static, [Text]>]>,
    /// Rows of parameter names of which at least one must be given.
    pub required_one_of: Cow<'static, [Cow<'static, [Text]>]>,
    /// Whether its changes can be undone from the journal.
    pub revertible: bool,
    /// A task in YAML that runs as it stands.
    pub example: Text,
    /// Return values beyond `changed`, `failed`, `msg`, `diff`.
    pub returns: Cow<'static, [ReturnSpec]>,
}

/// One parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Name.
    pub name: Text,
    /// Other names for it.
    pub aliases: Cow<'static, [Text]>,
    /// Type that Ansible would convert to.
    pub kind: ParamKind,
    /// Must be given.
    pub required: bool,
    /// Value when not given, as YAML text; `None` means absent.
    pub default: Option<Text>,
    /// Allowed values; empty means any.
    pub choices: Cow<'static, [Text]>,
    /// Meaning and units.
    pub doc: Text,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// Text.
    Str,
    /// Text naming a path on the host.
    Path,
    /// Whole number.
    Int,
    /// Number.
    Float,
    /// Truth value: `yes`, `on`, `true`, `1` and their opposites.
    Bool,
    /// A list of texts; a text is split at commas.
    List,
    /// A mapping.
    Dict,
    /// Any value as it is.
    Raw,
}

/// One return value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReturnSpec {
    /// Key.
    pub name: Text,
    /// Meaning.
    pub doc: Text,
}
