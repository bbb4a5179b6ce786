//! Modules the controller carries out itself: they touch no host.

use super::entry::{Entry, Side};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec, Text};
use std::borrow::Cow;

/// Every module of the controller.
pub(super) fn all() -> impl Iterator<Item = Entry> {
    [
        debug(),
        assert(),
        fail(),
        set_fact(),
        meta(),
        include_vars(),
        add_host(),
        group_by(),
        pause(),
        validate_argument_spec(),
    ]
    .into_iter()
    .chain(super::host_actions::all())
    .chain(statements())
    .map(|spec| {
        let open = matches!(&*spec.name, "set_fact" | "add_host");
        Entry { spec, side: Side::Controller, open }
    })
}

pub(super) fn module(
    name: &'static str,
    summary: &'static str,
    params: Vec<ParamSpec>,
    example: &'static str,
) -> ModuleSpec {
    ModuleSpec {
        name: name.into(),
        aliases: Cow::Owned(vec![Text::Owned(format!("ansible.builtin.{name}"))]),
        summary: summary.into(),
        params: Cow::Owned(params),
        free_form: None,
        mutually_exclusive: Cow::Borrowed(&[]),
        required_one_of: Cow::Borrowed(&[]),
        revertible: true,
        example: example.into(),
        returns: Cow::Borrowed(&[]),
    }
}

pub(super) fn param(name: &'static str, kind: ParamKind, doc: &'static str) -> ParamSpec {
    ParamSpec {
        name: name.into(),
        aliases: Cow::Borrowed(&[]),
        kind,
        required: false,
        default: None,
        choices: Cow::Borrowed(&[]),
        doc: doc.into(),
    }
}

pub(super) fn required(param: ParamSpec) -> ParamSpec {
    ParamSpec { required: true, ..param }
}

pub(super) fn default(param: ParamSpec, value: &'static str) -> ParamSpec {
    ParamSpec { default: Some(value.into()), ..param }
}

pub(super) fn alias(param: ParamSpec, name: &'static str) -> ParamSpec {
    ParamSpec { aliases: Cow::Owned(vec![name.into()]), ..param }
}

fn debug() -> ModuleSpec {
    ModuleSpec {
        mutually_exclusive: Cow::Owned(vec![Cow::Owned(vec!["msg".into(), "var".into()])]),
        ..module(
            "debug",
            "Show a message or a variable.",
            vec![
                param("msg", ParamKind::Raw, "The message; `Hello world!` when neither it nor `var` is given."),
                param("var", ParamKind::Raw, "Name of the variable, or an expression without braces."),
                default(param("verbosity", ParamKind::Int, "Show only from this many `-v` on."), "0"),
            ],
            "- debug:\n    msg: \"{{ ansible_facts.processor_vcpus }} CPUs\"\n",
        )
    }
}

fn assert() -> ModuleSpec {
    module(
        "assert",
        "Fail unless every condition holds.",
        vec![
            required(param("that", ParamKind::Raw, "A condition or a list of them, without braces.")),
            alias(param("fail_msg", ParamKind::Raw, "Message when one does not hold."), "msg"),
            param("success_msg", ParamKind::Raw, "Message when all hold."),
            default(param("quiet", ParamKind::Bool, "Leave the conditions out of the result."), "false"),
        ],
        "- assert:\n    that:\n      - hugepages | int > 0\n    fail_msg: hugepages must be positive\n",
    )
}

fn fail() -> ModuleSpec {
    module(
        "fail",
        "Fail with a message.",
        vec![default(param("msg", ParamKind::Str, "The message."), "Failed as requested from task")],
        "- fail:\n    msg: this host has no huge pages\n  when: hugepages == 0\n",
    )
}

fn set_fact() -> ModuleSpec {
    module(
        "set_fact",
        "Set variables of the host for the rest of the run. Takes any name.",
        vec![default(param("cacheable", ParamKind::Bool, "Set them as facts too, under `ansible_facts`."), "false")],
        "- set_fact:\n    per_node: \"{{ pages | int // 2 }}\"\n",
    )
}

fn meta() -> ModuleSpec {
    ModuleSpec {
        free_form: Some("free_form".into()),
        ..module(
            "meta",
            "Steer the run itself.",
            vec![ParamSpec {
                choices: Cow::Owned(
                    [
                        "flush_handlers",
                        "noop",
                        "end_play",
                        "end_host",
                        "end_batch",
                        "clear_facts",
                        "clear_host_errors",
                        "refresh_inventory",
                        "reset_connection",
                        "end_role",
                    ]
                    .map(Text::Borrowed)
                    .to_vec(),
                ),
                ..required(param("free_form", ParamKind::Str, "What to do."))
            }],
            "- meta: flush_handlers\n",
        )
    }
}

fn include_vars() -> ModuleSpec {
    ModuleSpec {
        free_form: Some("file".into()),
        returns: Cow::Owned(vec![ReturnSpec {
            name: "ansible_included_var_files".into(),
            doc: "Files that were read.".into(),
        }]),
        ..module(
            "include_vars",
            "Read variables from files beside the playbook.",
            vec![
                param("file", ParamKind::Path, "The file."),
                param("dir", ParamKind::Path, "A folder whose files are all read."),
                param("name", ParamKind::Str, "Put them into this variable."),
                default(param("depth", ParamKind::Int, "How deep to go into `dir`; 0 means all the way."), "0"),
                param("files_matching", ParamKind::Str, "Regular expression for names in `dir`."),
                param(
                    "ignore_files",
                    ParamKind::List,
                    "Names in `dir` to leave out: regular expressions for their end.",
                ),
                default(param("extensions", ParamKind::List, "File name endings read in `dir`."), "[json, yaml, yml]"),
                default(
                    param("ignore_unknown_extensions", ParamKind::Bool, "Pass over other endings in `dir`."),
                    "false",
                ),
                ParamSpec {
                    choices: Cow::Owned(["replace", "merge"].map(Text::Borrowed).to_vec()),
                    ..default(
                        param("hash_behaviour", ParamKind::Str, "`merge` lays mappings over those there are."),
                        "replace",
                    )
                },
            ],
            "- include_vars: tuning.yml\n",
        )
    }
}

fn add_host() -> ModuleSpec {
    module(
        "add_host",
        "Add a host to the inventory of this run. Any other parameter is a variable of it.",
        vec![
            ParamSpec {
                aliases: Cow::Owned(vec!["host".into(), "hostname".into()]),
                ..required(param("name", ParamKind::Str, "The host."))
            },
            ParamSpec {
                aliases: Cow::Owned(vec!["group".into(), "groupname".into()]),
                ..param("groups", ParamKind::List, "Groups it belongs to.")
            },
        ],
        "- add_host:\n    name: kvm9\n    groups: [fresh]\n",
    )
}

fn group_by() -> ModuleSpec {
    module(
        "group_by",
        "Put the host into a group made from its variables.",
        vec![
            required(param("key", ParamKind::Str, "Name of the group.")),
            default(param("parents", ParamKind::List, "Groups the new one belongs to."), "all"),
        ],
        "- group_by:\n    key: \"vendor_{{ ansible_facts.system_vendor }}\"\n",
    )
}

fn validate_argument_spec() -> ModuleSpec {
    module(
        "validate_argument_spec",
        "Check variables against a role's `argument_specs`.",
        vec![
            required(param("argument_spec", ParamKind::Dict, "Options by name, as in `meta/argument_specs.yml`.")),
            param("provided_arguments", ParamKind::Dict, "Values that go before variables of the same name."),
            param("validate_args_context", ParamKind::Dict, "What is checked, for the result."),
        ],
        "- validate_argument_spec:\n    argument_spec:\n      pages: {type: int, required: true}\n",
    )
}

fn pause() -> ModuleSpec {
    let row = |name: &'static str, doc: &'static str| ReturnSpec { name: name.into(), doc: doc.into() };
    ModuleSpec {
        mutually_exclusive: Cow::Owned(vec![Cow::Owned(vec!["minutes".into(), "seconds".into()])]),
        returns: Cow::Owned(vec![
            row("user_input", "What was typed."),
            row("delta", "Seconds it took."),
            row("start", "When it began, in local time."),
            row("stop", "When it ended."),
            row("stdout", "How long it took, in words."),
            row("echo", "What was typed was shown."),
        ]),
        ..module(
            "pause",
            "Wait for a time or for Enter, once for all hosts. Without a terminal nobody is waited for.",
            vec![
                param("seconds", ParamKind::Float, "Seconds to wait."),
                param("minutes", ParamKind::Float, "Minutes to wait."),
                param("prompt", ParamKind::Str, "Text to show; without a time, what is typed is in `user_input`."),
                default(param("echo", ParamKind::Bool, "Show what is typed."), "true"),
            ],
            "- pause:\n    prompt: Move the VMs away, then press Enter\n",
        )
    }
}

/// Statements that are written like modules: they bring further tasks in.
fn statements() -> impl Iterator<Item = ModuleSpec> {
    let file = || {
        vec![
            param("file", ParamKind::Str, "The file with the tasks."),
            param("apply", ParamKind::Dict, "Keywords put on every task of it."),
        ]
    };
    let role = || {
        vec![
            alias(required(param("name", ParamKind::Str, "The role.")), "role"),
            default(param("tasks_from", ParamKind::Str, "File of its `tasks/`."), "main"),
            default(param("vars_from", ParamKind::Str, "File of its `vars/`."), "main"),
            default(param("defaults_from", ParamKind::Str, "File of its `defaults/`."), "main"),
            default(param("handlers_from", ParamKind::Str, "File of its `handlers/`."), "main"),
            default(param("allow_duplicates", ParamKind::Bool, "Run it again though it ran."), "true"),
            default(param("public", ParamKind::Bool, "Its variables stay for the rest of the play."), "false"),
            default(param("rolespec_validate", ParamKind::Bool, "Accepted and without effect."), "true"),
            param("apply", ParamKind::Dict, "Keywords put on every task of it."),
        ]
    };
    let free = |spec: ModuleSpec| ModuleSpec { free_form: Some("file".into()), ..spec };
    [
        free(module(
            "include_tasks",
            "Bring in tasks when the run comes to it.",
            file(),
            "- include_tasks: numa.yml\n",
        )),
        free(module("import_tasks", "Bring in tasks when the playbook is read.", file(), "- import_tasks: numa.yml\n")),
        module(
            "include_role",
            "Bring in a role when the run comes to it.",
            role(),
            "- include_role:\n    name: hugepages\n",
        ),
        module(
            "import_role",
            "Bring in a role when the playbook is read.",
            role(),
            "- import_role:\n    name: hugepages\n",
        ),
    ]
    .into_iter()
}
