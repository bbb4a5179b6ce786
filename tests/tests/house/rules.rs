//! The rules of the house as data.

/// Packages whose sources the general rules hold for.
pub const PACKAGES: &[&str] =
    &["controller/src", "agent/src", "protocol/src", "libvirt/src", "tests/src", "tests/tests"];

type Rooms = &'static [(&'static str, &'static [&'static str])];

/// The controller's rooms from left to right, each with the rooms it may import: always rooms to its right.
pub const CONTROLLER: Rooms = &[
    (
        "cli",
        &[
            "rollout",
            "audit",
            "history",
            "compare",
            "draw",
            "placement",
            "output",
            "plan",
            "vm",
            "session",
            "template",
            "catalog",
            "playbook",
            "inventory",
            "vault",
            "config",
            "yaml",
            "event",
        ],
    ),
    (
        "rollout",
        &[
            "audit",
            "placement",
            "plan",
            "vm",
            "session",
            "template",
            "catalog",
            "playbook",
            "inventory",
            "vault",
            "config",
            "yaml",
            "event",
        ],
    ),
    ("audit", &["vm", "session", "template", "catalog", "playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("history", &["output", "config", "yaml", "event"]),
    ("compare", &["draw", "config", "yaml", "event"]),
    ("draw", &["placement", "config", "yaml", "event"]),
    ("placement", &["vm", "session", "catalog", "inventory", "config", "yaml", "event"]),
    ("output", &["catalog", "inventory", "config", "yaml", "event"]),
    ("plan", &["template", "catalog", "playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("vm", &["session", "playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("session", &["playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("template", &["playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("catalog", &["playbook", "inventory", "vault", "config", "yaml", "event"]),
    ("playbook", &["config", "yaml", "event"]),
    ("inventory", &["vault", "config", "yaml", "event"]),
    ("vault", &["config", "yaml", "event"]),
    ("config", &["yaml", "event"]),
    ("yaml", &[]),
    ("event", &[]),
];

/// The agent's rooms, likewise.
pub const AGENT: Rooms = &[
    (
        "main",
        &["line", "catalog", "capture", "relay", "serve", "task", "modules", "facts", "change", "journal", "host"],
    ),
    ("line", &["catalog", "capture", "relay", "serve", "task", "modules", "facts", "change", "journal", "host"]),
    ("catalog", &["task", "modules", "facts", "change", "journal", "host"]),
    ("relay", &["task", "modules", "facts", "change", "journal", "host"]),
    ("serve", &["capture", "task", "modules", "facts", "change", "journal", "host"]),
    ("capture", &["facts", "host"]),
    ("task", &["modules", "facts", "change", "journal", "host"]),
    // Only `setup`, whose answer is the facts.
    ("modules", &["facts", "host"]),
    ("facts", &["host"]),
    ("change", &["journal", "host"]),
    ("journal", &["host"]),
    ("host", &[]),
];

/// Libraries and the only places that may name them.
pub const DOORS: &[(&str, &[&str])] = &[
    ("russh::", &["controller/src/session/"]),
    ("minijinja::", &["controller/src/template/"]),
    ("jmespath::", &["controller/src/template/"]),
    ("clap::", &["controller/src/cli/"]),
    ("clap_complete::", &["controller/src/cli/"]),
    ("clap_mangen::", &["controller/src/cli/"]),
    ("indicatif::", &["controller/src/output/"]),
    ("saphyr_parser::", &["controller/src/yaml/"]),
    ("annotate_snippets::", &["controller/src/output/"]),
    ("rusqlite::", &["controller/src/history/"]),
    ("tar::", &["controller/src/session/"]),
    ("virt::", &["libvirt/src/"]),
];

/// What only the agent's room `host` may call. Error numbers (`rustix::io::Errno`) are words, not calls.
pub const AGENT_EFFECTS: &[&str] = &[
    "std::fs",
    "fs::read",
    "fs::write",
    "std::process::Command",
    "Command::new",
    "File::open",
    "File::create",
    "std::os::unix::net",
    "rustix::fs",
    "rustix::process",
    "rustix::pipe",
    "rustix::system",
];

/// Files that may have unsafe code: the door to libvirt, and one system call of the agent that no safe library offers.
pub const UNSAFE: &[&str] = &["libvirt/src/ffi.rs", "agent/src/host/foreign.rs"];

/// Rooms that compute and do nothing else.
pub const PURE: &[&str] = &[
    "controller/src/plan",
    "controller/src/playbook",
    "controller/src/placement",
    "controller/src/compare",
    "controller/src/draw",
    "controller/src/audit/rules",
    "agent/src/modules",
    "agent/src/facts",
];

/// What pure rooms must not say.
pub const IMPURE: &[&str] = &[
    "println!",
    "eprintln!",
    "thread::sleep",
    "thread::spawn",
    "tokio::spawn",
    "tokio::time",
    "TcpStream",
    "russh",
    "Command::new",
];

/// What the agent's pure rooms must not know on top: the engine alone asks for check mode.
pub const UNKNOWN_TO_MODULES: &str = "check_mode";

/// File and folder names that say nothing.
pub const EMPTY_FILE_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "manager", "imp"];

/// Type names that say nothing.
pub const EMPTY_TYPE_NAMES: &[&str] = &["Manager", "Context", "Service", "Utils", "Helper", "Common", "Misc"];

/// Indexes that also hold their room's types, because every file of the room speaks of them.
pub const INDEX_WITH_TYPES: &[&str] = &[
    // Who the machine is and where it lies: three one-line methods.
    "agent/src/host/mod.rs",
    // The enum of commands and the match over it.
    "controller/src/cli/mod.rs",
    // Which action runs for which module: a registry in the form of a match.
    "controller/src/rollout/actions/mod.rs",
    // The trait, its request and its error.
    "agent/src/modules/mod.rs",
    "agent/src/facts/mod.rs",
    // The enum is the room.
    "controller/src/event/mod.rs",
];

/// Longest function, with its signature and closing brace. HOUSE asks for about 80.
pub const FUNCTION_LIMIT: usize = 100;

/// Files that may be longer than 500 lines: limit and reason.
pub const LONG_FILES: &[(&str, usize, &str)] = &[];

/// What must not stand anywhere, in code or comment, with the reason.
pub const NEVER: &[(&str, &str)] = &[
    ("#[allow(", "say `#[expect(lint, reason = …)]`: it complains when it is no longer needed"),
    ("#![allow(", "say `#![expect(lint, reason = …)]`: it complains when it is no longer needed"),
    ("todo!(", "finish it or refuse it with a clear error"),
    ("unimplemented!(", "finish it or refuse it with a clear error"),
    ("#[ignore", "a test that does not run protects nothing"),
    ("serde(flatten)", "formats are promises: flattened keys cannot be versioned"),
    ("serde(untagged)", "formats are promises: an untagged value changes its meaning with its neighbours"),
    ("/home/", "a path of somebody's machine"),
];
