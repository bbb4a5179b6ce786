//! `ping`: the host answers. Nothing is changed; it proves that the agent runs as the wanted user.

use super::{Module, ModuleError, Request, Wanted};
use crate::host::Host;
use luthier_protocol::Map;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use std::borrow::Cow;

/// The module.
pub struct Ping;

static SPEC: ModuleSpec = ModuleSpec {
    name: Cow::Borrowed("ping"),
    aliases: Cow::Borrowed(&[Cow::Borrowed("ansible.builtin.ping"), Cow::Borrowed("ansible.legacy.ping")]),
    summary: Cow::Borrowed("See whether the agent answers on the host."),
    params: Cow::Borrowed(&[ParamSpec {
        name: Cow::Borrowed("data"),
        aliases: Cow::Borrowed(&[]),
        kind: ParamKind::Str,
        required: false,
        default: Some(Cow::Borrowed("pong")),
        choices: Cow::Borrowed(&[]),
        doc: Cow::Borrowed("Returned as `ping`; `crash` makes the task fail."),
    }]),
    free_form: None,
    mutually_exclusive: Cow::Borrowed(&[]),
    required_one_of: Cow::Borrowed(&[]),
    revertible: true,
    example: Cow::Borrowed("- name: The host answers\n  ping:\n"),
    returns: Cow::Borrowed(&[ReturnSpec { name: Cow::Borrowed("ping"), doc: Cow::Borrowed("The value of `data`.") }]),
};

impl Module for Ping {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, _host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let data = request.params.get("data").cloned().unwrap_or_else(|| "pong".into());
        if data == "crash" {
            return Err(ModuleError::new("boom"));
        }
        Ok(Wanted { result: Map::from_iter([("ping".to_owned(), data)]), ..Wanted::default() })
    }
}
