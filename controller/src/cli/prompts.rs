//! `vars_prompt`: variables the operator is asked for before anything else happens.

use super::fleet::Fleet;
use super::secrets::ask as ask_hidden;
use super::{CliError, ExitCode, Globals};
use crate::playbook::{Play, Playbook, Prompt};
use crate::template::{Place, Scope};
use crate::yaml::{Key, Value, ValueMap};
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

/// Ask for what each play wants to know and `-e` does not say. Where nobody can answer, the default holds.
pub(super) fn ask(playbook: &mut Playbook, fleet: &Fleet, globals: &Globals) -> Result<(), CliError> {
    for play in &mut playbook.plays {
        let mut answers = ValueMap::new();
        for prompt in &play.prompts {
            let key = Key::from(prompt.name.as_str());
            if !fleet.extra.contains_key(&key) {
                answers.insert(key, answer(prompt, play, fleet, globals)?);
            }
        }
        if !answers.is_empty() {
            play.keywords.vars.push(Arc::new(answers));
        }
    }
    Ok(())
}

fn answer(prompt: &Prompt, play: &Play, fleet: &Fleet, globals: &Globals) -> Result<Value, CliError> {
    let value = if std::io::stdin().is_terminal() {
        typed(prompt, globals)?
    } else {
        globals.warn(&format!("{}: nobody can be asked for `{}`: its default holds", play.origin, prompt.name));
        None
    };
    let value = value.or_else(|| prompt.default.clone()).unwrap_or(Value::Null);
    match &prompt.encrypt {
        Some(scheme) => hashed(prompt, scheme, value, fleet),
        None => Ok(value),
    }
}

/// What was typed; `None` for an empty answer.
fn typed(prompt: &Prompt, globals: &Globals) -> Result<Option<Value>, CliError> {
    let question = prompt.question.clone().unwrap_or_else(|| prompt.name.clone());
    let shown = match prompt.default.as_ref().and_then(Value::as_str) {
        Some(default) if !prompt.private => format!("{question} [{default}]: "),
        _ => format!("{question}: "),
    };
    loop {
        let first = once(prompt, &shown, globals)?;
        if !prompt.confirm || once(prompt, &format!("confirm {shown}"), globals)? == first {
            return Ok((!first.is_empty()).then(|| Value::from(first.as_str())));
        }
        globals.warn("the two answers differ");
    }
}

fn once(prompt: &Prompt, question: &str, globals: &Globals) -> Result<String, CliError> {
    if prompt.private {
        return ask_hidden(globals, question);
    }
    globals.screen.talk(question);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| CliError::message(ExitCode::BadInput, format!("failed to read an answer: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// The hash of an answer, as `password_hash` makes it.
fn hashed(prompt: &Prompt, scheme: &str, value: Value, fleet: &Fleet) -> Result<Value, CliError> {
    let mut map = ValueMap::new();
    map.insert(Key::from("answer"), value);
    map.insert(Key::from("scheme"), Value::from(scheme.trim_end_matches("_crypt")));
    let salt = match &prompt.salt {
        Some(salt) => {
            map.insert(Key::from("salt"), Value::from(salt.as_str()));
            ", salt"
        }
        None => "",
    };
    let mut scope = Scope::new();
    scope.push(Arc::new(map));
    let place = Place { search: vec![fleet.base.clone()], base: Some(fleet.base.clone()) };
    let template = Value::written(&format!("{{{{ answer | string | password_hash(scheme{salt}) }}}}"), None);
    fleet.engine.render(&template, &scope, &place).map_err(|error| {
        CliError::message(ExitCode::BadInput, format!("the variable `{}` cannot be encrypted: {error}", prompt.name))
    })
}
