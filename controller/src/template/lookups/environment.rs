//! Lookups of the controller's surroundings: `env`, and those that are refused.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::Val;

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

fn config(_: &Interpreter<'_>, _: Call) -> Outcome<Vec<Val>> {
    Err(Fault::new("Ansible's configuration does not exist here"))
}

fn url(_: &Interpreter<'_>, _: Call) -> Outcome<Vec<Val>> {
    Err(Fault::new("the controller fetches no URLs: use the get_url or uri module on a host"))
}
