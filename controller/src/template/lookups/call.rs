//! `lookup()` and `query()`: which lookup is meant, what happens when it fails, what its answer becomes.

use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::{Interpreter, unknown};
use crate::template::text;
use crate::template::val::{Args, Val};
use std::sync::Arc;

/// A lookup: its terms and options give a list.
pub(in crate::template) type Lookup = fn(&Interpreter<'_>, Call) -> Outcome<Vec<Val>>;

/// Terms and options.
pub(in crate::template) struct Call {
    pub(super) terms: Vec<Val>,
    pub(super) options: Args,
}

impl Call {
    /// The terms as text, lists among them spread.
    pub(super) fn texts(&self, interpreter: &Interpreter<'_>) -> Outcome<Vec<Arc<str>>> {
        let mut out = Vec::new();
        for term in &self.terms {
            if term.is_list() {
                for item in interpreter.items(term)? {
                    out.push(text::string(interpreter, &item)?);
                }
            } else {
                out.push(text::string(interpreter, term)?);
            }
        }
        Ok(out)
    }

    /// An option as truth value.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> Outcome<bool> {
        match self.options.take(name) {
            Some(Val::Str(text)) => Ok(matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "1")),
            Some(value) => value.truth(),
            None => Ok(default),
        }
    }

    /// An option as text.
    pub(super) fn text(&mut self, interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Arc<str>>> {
        match self.options.take(name) {
            None | Some(Val::Null) => Ok(None),
            Some(value) => text::string(interpreter, &value).map(Some),
        }
    }
}

fn find(name: &str) -> Option<Lookup> {
    super::GROUPS.iter().flat_map(|group| group.iter()).find(|(own, _)| *own == name).map(|(_, lookup)| *lookup)
}

/// All names.
pub(in crate::template) fn names() -> impl Iterator<Item = &'static str> {
    let all = super::GROUPS.iter().flat_map(|group| group.iter()).map(|(name, _)| *name);
    // Known only to say why it fails.
    all.filter(|name| *name != "url")
}

/// Calls a lookup; a query always gives a list.
pub(in crate::template) fn lookup(interpreter: &Interpreter<'_>, mut args: Args, query: bool) -> Outcome<Val> {
    if args.pos.is_empty() {
        return Err(Fault::new("lookup needs the name of a lookup"));
    }
    let name = args.pos.remove(0);
    let name = name.as_str().ok_or_else(|| Fault::new("name of a lookup must be text"))?.to_owned();
    let name = name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(&name);
    let as_list = args.take("wantlist").map(|value| value.truth()).transpose()?.unwrap_or(query);
    let errors = match args.take("errors") {
        Some(errors) => text::string(interpreter, &errors)?,
        None => "strict".into(),
    };
    let run = find(name).ok_or_else(|| Fault::new(unknown("lookup", name, names())))?;
    let terms = std::mem::take(&mut args.pos);
    // `first_found` is given names that may be undefined; all others fail.
    if name != "first_found" {
        interpreter.all_defined(&Args::positional(terms.clone()))?;
    }
    let found = match run(interpreter, Call { terms, options: args }) {
        Ok(found) => found,
        Err(fault) if &*errors == "strict" => {
            return Err(fault.prefixed(&format!("lookup '{name}' failed")));
        }
        // `warn` is not said aloud here: a template has nobody to talk to.
        Err(_) => return Ok(if as_list { Val::list(Vec::new()) } else { Val::Null }),
    };
    if as_list {
        return Ok(Val::list(found));
    }
    Ok(match found.as_slice() {
        [only] => only.clone(),
        // An empty list of texts is no text.
        [] => Val::list(found),
        many if many.iter().all(|value| matches!(value, Val::Str(_))) => {
            Val::from(many.iter().filter_map(Val::as_str).collect::<Vec<_>>().join(","))
        }
        _ => Val::list(found),
    })
}
