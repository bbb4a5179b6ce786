//! Lookups of the controller's surroundings: `env`, `config`, and `url`, which is refused.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::Val;
use crate::yaml::Key;
use std::sync::Arc;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[("env", env), ("config", config), ("url", url)];

fn env(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let default = call.options.take("default");
    let mut out = Vec::new();
    for name in call.texts(interpreter)? {
        let name = name.split_whitespace().next().unwrap_or_default();
        out.push(match (std::env::var(name), &default) {
            (Ok(value), _) => Val::from(value),
            (Err(_), Some(Val::Undefined(_))) => {
                return Err(Fault::undefined(format!("environment variable '{name}' is not set")));
            }
            (Err(_), Some(default)) => default.clone(),
            (Err(_), None) => Val::from(""),
        });
    }
    Ok(out)
}

/// Ansible's names for what is configured here, too.
fn config(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let is_strict = call.text(interpreter, "on_missing")?.is_none_or(|word| &*word == "error");
    let of_plugin = call.text(interpreter, "plugin_name")?.is_some();
    let mut out = Vec::new();
    for name in call.texts(interpreter)? {
        match interpreter.engine.options.configured.get(&Key::Str(Arc::clone(&name))).filter(|_| !of_plugin) {
            Some(value) => out.push(interpreter.value(value, &interpreter.home)?),
            None if is_strict => return Err(Fault::new(format!("nothing here is configured as '{name}'"))),
            None => {}
        }
    }
    Ok(out)
}

fn url(_: &Interpreter<'_>, _: Call) -> Outcome<Vec<Val>> {
    Err(Fault::new("the controller fetches no URLs: use the get_url or uri module on a host"))
}
