//! The engine: compiles once, renders often.

use super::error::{Fault, Outcome, TemplateError};
use super::file::{FileOptions, split_header};
use super::interpreter::{Interpreter, place_in, place_of};
use super::node::{Expr, Program};
use super::parse::{self, Syntax};
use super::run::Run;
use super::scope::{Place, Scope};
use super::text;
use super::val::{Args, Val};
use crate::yaml::{TemplateText, Value, ValueMap};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

/// What an engine is told once.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Whether lookups may run commands of this machine (`pipe`) and read its files; off for text that is not trusted.
    pub no_local: bool,
    /// Passwords for encrypted values (`!vault`).
    pub secrets: crate::vault::Secrets,
    /// What the lookup `config` finds, under Ansible's names.
    pub configured: ValueMap,
}

/// Renders templates. One for the process: it keeps what it has compiled.
#[derive(Debug)]
pub struct Engine {
    pub(super) options: EngineOptions,
    values: Kept<String, Program>,
    expressions: Kept<String, Expr>,
    files: Kept<(String, Syntax), Program>,
    plain: Kept<String, String>,
}

/// Compiled things by their text.
#[derive(Debug)]
struct Kept<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

/// Texts kept before all are forgotten: more than any playbook has, so that only generated ones reach it.
const MOST: usize = 50_000;

impl<K: std::hash::Hash + Eq, V> Kept<K, V> {
    fn get<Q>(&self, key: &Q, make: impl FnOnce() -> Outcome<V>) -> Outcome<Arc<V>>
    where
        K: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(found) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(make()?);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key.to_owned(), Arc::clone(&made));
        Ok(made)
    }
}

impl Engine {
    /// An engine.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            options,
            values: Kept::default(),
            expressions: Kept::default(),
            files: Kept::default(),
            plain: Kept::default(),
        }
    }

    /// The program of a playbook value.
    pub(super) fn program(&self, source: &str) -> Outcome<Arc<Program>> {
        self.values.get(source, || {
            let (options, body, skipped) = split_header(source, &FileOptions::value())?;
            let program = parse::template(body, &options.syntax(false));
            program.map_err(|fault| if skipped > 0 { fault.at((1, 1)) } else { fault })
        })
    }

    /// The program of a template file's body.
    pub(super) fn file_program(&self, body: &str, syntax: Syntax) -> Outcome<Arc<Program>> {
        let key = (body.to_owned(), syntax);
        self.files.get(&key, || parse::template(body, &key.1))
    }

    /// The plain text of an encrypted value; decrypting costs milliseconds, so it is done once.
    pub(super) fn decrypted(&self, text: &str) -> Outcome<Arc<str>> {
        let plain = self.plain.get(text, || {
            let bytes = crate::vault::decrypt(text, &self.options.secrets)
                .map_err(|error| Fault::new(format!("cannot {error}")))?;
            String::from_utf8(bytes).map_err(|_| Fault::new("an encrypted value is not UTF-8"))
        })?;
        Ok(Arc::from(plain.as_str()))
    }

    fn compiled(&self, source: &str) -> Outcome<Arc<Expr>> {
        self.expressions.get(source, || parse::expression(source))
    }

    /// Renders every template in a value, however deep; types are kept. Entries of mappings and lists that come out as
    /// [`OMIT`](super::OMIT) are left out; at the top it is returned.
    ///
    /// # Errors
    /// The first template that fails.
    pub fn render(&self, value: &Value, scope: &Scope, place: &Place) -> Result<Value, TemplateError> {
        if !value.has_template() {
            return Ok(value.clone());
        }
        let interpreter = Interpreter::new(self, scope, place);
        self.deep(&interpreter, value).map_err(TemplateError::from)
    }

    fn deep(&self, interpreter: &Interpreter<'_>, value: &Value) -> Outcome<Value> {
        Ok(match value {
            Value::Template(template) => {
                let result = interpreter.nested(template, &interpreter.home);
                let done = result.and_then(|value| interpreter.finish(&value));
                done.map_err(|fault| fault.resolve(|at| place_of(template, at)))?
            }
            Value::Vault(text) => Value::Str(self.decrypted(text)?),
            Value::List(items) if value.has_template() => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    let item = self.deep(interpreter, item)?;
                    if !super::is_omit(&item) {
                        out.push(item);
                    }
                }
                Value::list(out)
            }
            Value::Map(map) if value.has_template() => {
                let mut out = ValueMap::with_capacity(map.len());
                for (key, item) in map.iter() {
                    let item = self.deep(interpreter, item)?;
                    if !super::is_omit(&item) {
                        out.insert(key.clone(), item);
                    }
                }
                Value::map(out)
            }
            other => other.clone(),
        })
    }

    /// A condition (`when`, `failed_when`, `until`, `that`): an expression without braces, or a list of which all must hold.
    /// The result must be a truth value; `null` holds.
    ///
    /// # Errors
    /// A condition that fails or is no truth value.
    pub fn condition(&self, value: &Value, scope: &Scope, place: &Place) -> Result<bool, TemplateError> {
        let interpreter = Interpreter::new(self, scope, place);
        self.holds(&interpreter, value).map_err(TemplateError::from)
    }

    fn holds(&self, interpreter: &Interpreter<'_>, value: &Value) -> Outcome<bool> {
        match value {
            Value::Null => Ok(true),
            Value::Bool(value) => Ok(*value),
            Value::List(items) => {
                for item in items.iter() {
                    if !self.holds(interpreter, item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Value::Str(text) => self.holds_text(interpreter, text, None),
            Value::Template(template) => {
                let rendered = interpreter.text(template, &interpreter.home)?;
                match rendered {
                    // Written with braces around a name whose text is the condition.
                    Val::Str(text) => self.holds_text(interpreter, &text, Some(template)),
                    other => truth(&other).map_err(|fault| fault.resolve(|at| place_of(template, at))),
                }
            }
            other => Err(not_bool(other.type_name())),
        }
    }

    fn holds_text(
        &self,
        interpreter: &Interpreter<'_>,
        text: &str,
        template: Option<&Arc<TemplateText>>,
    ) -> Outcome<bool> {
        if text.trim().is_empty() {
            return Err(Fault::new("empty condition"));
        }
        if let Some(template) = template.filter(|_| looks_up(text)) {
            // The text may be a host's: it must not read or run anything here.
            let fault = Fault::new("a condition that comes out of a variable cannot look anything up");
            return Err(fault.resolve(|_| place_of(template, None)));
        }
        let work = || {
            let expr = self.compiled(text.trim())?;
            truth(&Run::new(interpreter, Rc::clone(&interpreter.home)).eval(&expr)?)
        };
        let result = work();
        result.map_err(|fault| match template {
            Some(template) => fault.resolve(|_| place_of(template, None)),
            None => fault,
        })
    }

    /// The value of an expression; `{{ … }}` around it is accepted. It must be one that the operator wrote.
    ///
    /// # Errors
    /// An expression that fails or cannot be parsed.
    pub fn expression(&self, text: &str, scope: &Scope, place: &Place) -> Result<Value, TemplateError> {
        if text.contains("{{") || text.contains("{%") {
            return self.render(&Value::written(text, None), scope, place);
        }
        let interpreter = Interpreter::new(self, scope, place);
        let work = || {
            let expr = self.compiled(text.trim())?;
            let value = Run::new(&interpreter, Rc::clone(&interpreter.home)).eval(&expr)?;
            interpreter.finish(&value)
        };
        work().map_err(TemplateError::from)
    }

    /// Calls a lookup with terms that are values, as `with_NAME` does; gives its list.
    ///
    /// # Errors
    /// An unknown lookup, or one that fails.
    pub fn lookup(&self, name: &str, terms: &[Value], scope: &Scope, place: &Place) -> Result<Value, TemplateError> {
        let interpreter = Interpreter::new(self, scope, place);
        let work = || {
            let terms = terms.iter().map(|term| interpreter.value(term, &interpreter.home));
            let terms = std::iter::once(Ok(Val::from(name))).chain(terms).collect::<Outcome<Vec<Val>>>()?;
            let found = super::lookups::lookup(&interpreter, Args::positional(terms), true)?;
            interpreter.finish(&found)
        };
        work().map_err(TemplateError::from)
    }

    /// The text of a template file, with the options of the `template` module.
    ///
    /// # Errors
    /// A template that fails; the place is in `file`.
    pub fn file(
        &self,
        text: &str,
        file: &Path,
        options: &FileOptions,
        scope: &Scope,
        place: &Place,
    ) -> Result<String, TemplateError> {
        let interpreter = Interpreter::new(self, scope, place);
        let work = || -> Outcome<String> {
            let (options, body, skipped) =
                split_header(text, options).map_err(|fault| fault.resolve(|at| Some(place_in(file, 0, at))))?;
            let rendered = self.file_body(&interpreter, body, &options, file);
            rendered.map_err(|fault| fault.resolve(|at| Some(place_in(file, skipped, at))))
        };
        work().map_err(TemplateError::from)
    }

    pub(super) fn file_body(
        &self,
        interpreter: &Interpreter<'_>,
        body: &str,
        options: &FileOptions,
        file: &Path,
    ) -> Outcome<String> {
        let unix = body.contains('\r').then(|| body.replace("\r\n", "\n").replace('\r', "\n"));
        let program = self.file_program(unix.as_deref().unwrap_or(body), options.syntax(true))?;
        let outer = interpreter.folder.replace(file.parent().map(PathBuf::from));
        let value = interpreter.enter(|| interpreter.program(&program, None));
        interpreter.folder.replace(outer);
        let value = value?;
        let text = match value {
            Val::Null => String::new(),
            value => text::string(interpreter, &value)?.to_string(),
        };
        Ok(if options.newline_sequence == "\n" { text } else { text.replace('\n', &options.newline_sequence) })
    }
}

fn not_bool(name: &str) -> Fault {
    Fault::new(format!(
        "conditional result was derived from value of type '{name}', conditionals must have a boolean result"
    ))
}

fn truth(value: &Val) -> Outcome<bool> {
    match value {
        Val::Bool(value) => Ok(*value),
        Val::Undefined(message) => Err(Fault::undefined(&**message)),
        other => Err(not_bool(other.type_name())),
    }
}

/// Whether an expression may call a lookup.
fn looks_up(text: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(|letter| !is_name(letter)).any(|word| matches!(word, "lookup" | "query" | "q"))
}
