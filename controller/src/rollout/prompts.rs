//! `vars_prompt`: what a person is asked before a play begins.

use super::run::{Run, text};
use crate::playbook::{Play, Prompt};
use crate::template::{Place, Scope};
use crate::yaml::{Diagnostic, Key, Value, ValueMap};
use std::sync::Arc;

/// Ask for the variables of a play that `-e` does not give. Without a terminal the defaults hold; what has none is left
/// undefined, with a warning.
pub async fn ask(run: &Arc<Run>, play: &Play) -> Result<(), Diagnostic> {
    let mut values = ValueMap::new();
    for prompt in &play.prompts {
        let key = Key::from(prompt.name.as_str());
        if run.options.extra.contains_key(&key) {
            continue;
        }
        match one(run, play, prompt).await? {
            Some(value) => {
                values.insert(key, value);
            }
            None => {
                let message = format!("{}: nobody can be asked for `{}`: it is undefined", prompt.origin, prompt.name);
                run.warn(None, message);
            }
        }
    }
    run.set_prompted(values);
    Ok(())
}

async fn one(run: &Arc<Run>, play: &Play, prompt: &Prompt) -> Result<Option<Value>, Diagnostic> {
    let wrong = |message: String| Diagnostic::error(Some(prompt.origin.clone()), message);
    let mut scope = Scope::new();
    for layer in play.keywords.vars.iter().chain([&run.options.extra]) {
        scope.push(Arc::clone(layer));
    }
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let render = |value: &Value| run.engine.render(value, &scope, &place).map_err(|error| wrong(error.to_string()));
    let default = prompt.default.as_ref().map(render).transpose()?;
    let asked = match &prompt.question {
        Some(question) => {
            let question = text(&render(&Value::written(question, Some(prompt.origin.clone())))?);
            match &default {
                Some(default) => format!("{question} [{}]: ", text(default)),
                None => format!("{question}: "),
            }
        }
        None => format!("input for {}: ", prompt.name),
    };
    let mut answer = None;
    if run.asker.is_some() {
        loop {
            answer = run.ask(asked.clone(), !prompt.private).await;
            if !prompt.confirm || run.is_stopping() {
                break;
            }
            if run.ask(format!("confirm {asked}"), !prompt.private).await == answer {
                break;
            }
            run.warn(None, "the two values differ: asking again");
        }
    } else {
        run.warn(None, format!("{}: not prompting: standard input is no terminal", prompt.origin));
    }
    let value = match answer.filter(|answer| !answer.is_empty()) {
        Some(answer) => Some(Value::from(answer)),
        None => default.or_else(|| run.asker.is_some().then(|| Value::from(""))),
    };
    match (value, &prompt.encrypt) {
        (Some(value), Some(scheme)) => encrypt(run, &value, scheme, prompt, &place).map(Some).map_err(wrong),
        (value, _) => Ok(value),
    }
}

/// The hash of what was typed, by the filter of that name.
fn encrypt(run: &Run, value: &Value, scheme: &str, prompt: &Prompt, place: &Place) -> Result<Value, String> {
    let mut map = ValueMap::new();
    map.insert(Key::from("typed"), value.clone());
    map.insert(Key::from("scheme"), Value::from(scheme));
    map.insert(Key::from("salt"), prompt.salt.as_deref().map_or(Value::Null, Value::from));
    map.insert(Key::from("salt_size"), prompt.salt_size.clone().unwrap_or(Value::Null));
    let mut scope = Scope::new();
    scope.push(Arc::new(map));
    let call = "typed | password_hash(scheme, salt, salt_size)";
    run.engine.expression(call, &scope, place).map_err(|error| format!("vars_prompt {}: {error}", prompt.name))
}
