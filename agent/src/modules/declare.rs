//! Short words to write a module's spec with. Everything here is evaluated while the agent is compiled.

use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec, Text};
use std::borrow::Cow;

/// A list of literal texts, as a spec holds it.
macro_rules! texts {
    ($($text:literal),* $(,)?) => {
        &[$(std::borrow::Cow::Borrowed($text)),*]
    };
}
pub(super) use texts;

/// Whether texts for people are kept: the agent that travels to hosts leaves them out.
const TOLD: bool = cfg!(feature = "texts");

/// A text for people.
const fn told(text: &'static str) -> Text {
    Cow::Borrowed(if TOLD { text } else { "" })
}

/// A parameter under construction.
#[derive(Clone, Copy)]
pub(super) struct Param {
    name: &'static str,
    aliases: &'static [Text],
    kind: ParamKind,
    required: bool,
    default: Option<&'static str>,
    choices: &'static [Text],
    doc: &'static str,
}

/// An optional parameter without a default.
pub(super) const fn param(name: &'static str, kind: ParamKind, doc: &'static str) -> Param {
    Param { name, aliases: &[], kind, required: false, default: None, choices: &[], doc }
}

impl Param {
    /// Further names for it.
    pub(super) const fn also(mut self, aliases: &'static [Text]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Must be given.
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Value when not given, as YAML.
    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The only values allowed.
    pub(super) const fn one_of(mut self, choices: &'static [Text]) -> Self {
        self.choices = choices;
        self
    }

    /// The finished parameter.
    pub(super) const fn end(self) -> ParamSpec {
        ParamSpec {
            name: Cow::Borrowed(self.name),
            aliases: Cow::Borrowed(self.aliases),
            kind: self.kind,
            required: self.required,
            default: match self.default {
                Some(default) => Some(Cow::Borrowed(default)),
                None => None,
            },
            choices: Cow::Borrowed(self.choices),
            doc: told(self.doc),
        }
    }
}

/// A return value.
pub(super) const fn returned(name: &'static str, doc: &'static str) -> ReturnSpec {
    ReturnSpec { name: Cow::Borrowed(name), doc: told(doc) }
}

/// A spec under construction.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    /// Canonical short name.
    pub name: &'static str,
    /// Other full names.
    pub aliases: &'static [Text],
    /// One sentence.
    pub summary: &'static str,
    /// Parameters.
    pub params: &'static [ParamSpec],
    /// Rows of which at most one may be given.
    pub exclusive: &'static [Cow<'static, [Text]>],
    /// Rows of which at least one must be given.
    pub one_of: &'static [Cow<'static, [Text]>],
    /// Parameter that takes free text.
    pub free_form: Option<&'static str>,
    /// A task in YAML.
    pub example: &'static str,
    /// Return values.
    pub returns: &'static [ReturnSpec],
    /// Whether its changes can be undone from the journal.
    pub revertible: bool,
}

impl Spec {
    /// Start of a spec whose module takes no rows of exclusive parameters.
    pub(super) const NONE: Self = Self {
        name: "",
        aliases: &[],
        summary: "",
        params: &[],
        exclusive: &[],
        one_of: &[],
        free_form: None,
        example: "",
        returns: &[],
        revertible: true,
    };

    /// The finished spec.
    pub(super) const fn end(self) -> ModuleSpec {
        ModuleSpec {
            name: Cow::Borrowed(self.name),
            aliases: Cow::Borrowed(self.aliases),
            summary: told(self.summary),
            params: Cow::Borrowed(self.params),
            free_form: match self.free_form {
                Some(name) => Some(Cow::Borrowed(name)),
                None => None,
            },
            mutually_exclusive: Cow::Borrowed(self.exclusive),
            required_one_of: Cow::Borrowed(self.one_of),
            revertible: self.revertible,
            example: told(self.example),
            returns: Cow::Borrowed(if TOLD { self.returns } else { &[] }),
        }
    }
}

/// `mode`, as every module that writes files takes it.
pub(super) const MODE: ParamSpec = param(
    "mode",
    ParamKind::Raw,
    "Permission bits: octal (`'0644'`; an unquoted 0644 is octal in YAML too) or symbolic (`u=rw,g=r,o=`, `a+X`).",
)
.end();
/// `owner`.
pub(super) const OWNER: ParamSpec = param("owner", ParamKind::Str, "User name or id that shall own it.").end();
/// `group`.
pub(super) const GROUP: ParamSpec = param("group", ParamKind::Str, "Group name or id that shall own it.").end();
/// `attributes`.
pub(super) const ATTRIBUTES: ParamSpec = param(
    "attributes",
    ParamKind::Str,
    "Inode flags as for chattr; refused when given, since they cannot be undone safely.",
)
.also(texts!["attr"])
.end();
/// `seuser`.
pub(super) const SEUSER: ParamSpec = selinux("seuser", "SELinux user; without effect where SELinux is off.");
/// `serole`.
pub(super) const SEROLE: ParamSpec = selinux("serole", "SELinux role; without effect where SELinux is off.");
/// `setype`.
pub(super) const SETYPE: ParamSpec = selinux("setype", "SELinux type; without effect where SELinux is off.");
/// `selevel`.
pub(super) const SELEVEL: ParamSpec = selinux("selevel", "SELinux level; without effect where SELinux is off.");
/// `unsafe_writes`.
pub(super) const UNSAFE_WRITES: ParamSpec =
    param("unsafe_writes", ParamKind::Bool, "Accepted; files are always replaced atomically.").default("false").end();
/// `backup`.
pub(super) const BACKUP: ParamSpec =
    param("backup", ParamKind::Bool, "Keep the old file beside the new one under a name with the date.")
        .default("false")
        .end();
/// `validate`.
pub(super) const VALIDATE: ParamSpec = param(
    "validate",
    ParamKind::Str,
    "Command that checks the new content before it is put in place; `%s` is its path.",
)
.end();

const fn selinux(name: &'static str, doc: &'static str) -> ParamSpec {
    param(name, ParamKind::Str, doc).end()
}
