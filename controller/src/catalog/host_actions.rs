//! Modules the controller carries out together with the host: they open and close its connection, wait, or bring back a
//! file.

use super::controller_modules::{alias, default, module, param, required};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec, Text};
use std::borrow::Cow;

/// All of them.
pub(super) fn all() -> [ModuleSpec; 5] {
    [fetch(), wait_for_connection(), reboot(), async_status(), set_stats()]
}

fn returning(spec: ModuleSpec, rows: &[(&'static str, &'static str)]) -> ModuleSpec {
    let returns = rows.iter().map(|(name, doc)| ReturnSpec { name: (*name).into(), doc: (*doc).into() }).collect();
    ModuleSpec { returns: Cow::Owned(returns), ..spec }
}

fn fetch() -> ModuleSpec {
    let spec = module(
        "fetch",
        "Copy a file of the host to the controller, whatever its size.",
        vec![
            required(param("src", ParamKind::Str, "The file on the host; folders cannot be fetched.")),
            required(param("dest", ParamKind::Str, "Folder on the controller; the copy is `DEST/HOST/SRC`.")),
            default(param("flat", ParamKind::Bool, "Copy to `dest` itself (a folder when it ends in `/`)."), "false"),
            default(param("fail_on_missing", ParamKind::Bool, "A file that cannot be read is a failure."), "true"),
            default(param("validate_checksum", ParamKind::Bool, "Compare the copy's SHA-1 with the host's."), "true"),
        ],
        "- fetch:\n    src: /proc/cmdline\n    dest: collected\n",
    );
    returning(
        spec,
        &[
            ("dest", "Where the copy lies."),
            ("checksum", "SHA-1 of the copy."),
            ("remote_checksum", "SHA-1 the host told beforehand."),
            ("md5sum", "MD5 of the copy."),
            ("file", "The file on the host, where nothing was copied."),
        ],
    )
}

fn wait_for_connection() -> ModuleSpec {
    let spec = module(
        "wait_for_connection",
        "Wait until the host can be reached and its agent answers, over a new connection.",
        vec![
            default(param("delay", ParamKind::Int, "Seconds before the first attempt."), "0"),
            default(param("timeout", ParamKind::Int, "Seconds until it is given up."), "600"),
            default(param("sleep", ParamKind::Int, "Seconds between two attempts."), "1"),
            default(param("connect_timeout", ParamKind::Int, "Seconds an attempt to connect may take."), "5"),
        ],
        "- wait_for_connection:\n    timeout: 300\n",
    );
    returning(spec, &[("elapsed", "Seconds it took.")])
}

fn reboot() -> ModuleSpec {
    let seconds = |name: &'static str, old: &'static str, doc| alias(param(name, ParamKind::Int, doc), old);
    let spec = module(
        "reboot",
        "Restart the host and wait until the new boot answers. Refused for local connections.",
        vec![
            default(
                seconds("reboot_timeout", "reboot_timeout_sec", "Seconds for the new boot, and again for the test."),
                "600",
            ),
            seconds("connect_timeout", "connect_timeout_sec", "Seconds an attempt to connect may take."),
            default(
                seconds("pre_reboot_delay", "pre_reboot_delay_sec", "Seconds before the host restarts, in minutes."),
                "0",
            ),
            default(
                seconds("post_reboot_delay", "post_reboot_delay_sec", "Seconds before the host is first asked again."),
                "0",
            ),
            param("msg", ParamKind::Str, "What users of the host are told."),
            param("test_command", ParamKind::Str, "Must succeed on the new boot; by default the agent must answer."),
            param(
                "boot_time_command",
                ParamKind::Str,
                "Prints what differs from boot to boot; by default the boot id.",
            ),
            param("reboot_command", ParamKind::Str, "Restarts the host; by default `shutdown -r`, or `reboot`."),
            default(
                param("search_paths", ParamKind::List, "Folders in which the command is looked for."),
                "[/sbin, /bin, /usr/sbin, /usr/bin, /usr/local/sbin]",
            ),
        ],
        "- reboot:\n    reboot_timeout: 900\n  when: reboot_needed\n",
    );
    let spec = ModuleSpec { revertible: false, ..spec };
    returning(
        spec,
        &[
            ("rebooted", "The host runs a new boot; in check mode: it would."),
            ("elapsed", "Seconds it took."),
            ("reason", "Of a failure: `no_answer`, `same_boot` or `test_command`."),
        ],
    )
}

fn async_status() -> ModuleSpec {
    let mode = ParamSpec {
        choices: Cow::Owned(["status", "cleanup"].map(Text::Borrowed).to_vec()),
        ..default(param("mode", ParamKind::Str, "`cleanup` forgets the job's result."), "status")
    };
    let spec = module(
        "async_status",
        "See how far a task with `async` and `poll: 0` is, or forget it.",
        vec![required(param("jid", ParamKind::Str, "The task's `ansible_job_id`.")), mode],
        "- async_status:\n    jid: \"{{ job.ansible_job_id }}\"\n  register: state\n  until: state is finished\n",
    );
    returning(
        spec,
        &[
            ("ansible_job_id", "The job."),
            ("started", "It was begun."),
            ("finished", "It has ended; then its module's values are here too."),
            ("results_file", "Where the host keeps its result."),
            ("erased", "The file that `cleanup` removed."),
        ],
    )
}

fn set_stats() -> ModuleSpec {
    let spec = module(
        "set_stats",
        "Put values of the playbook's own into the result, where the run's record keeps them.",
        vec![
            param("data", ParamKind::Dict, "Names and values."),
            default(param("per_host", ParamKind::Bool, "They are this host's and not the run's."), "false"),
            default(param("aggregate", ParamKind::Bool, "Whoever sums up shall add to earlier values."), "true"),
        ],
        "- set_stats:\n    data:\n      tuned: 1\n",
    );
    returning(spec, &[("ansible_stats", "`data`, `per_host` and `aggregate`.")])
}
