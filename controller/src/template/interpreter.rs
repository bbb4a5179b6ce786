//! One rendering: what all templates touched by it share, and how a template inside a template is rendered.

use super::engine::Engine;
use super::error::{Fault, Outcome};
use super::frames::Env;
use super::node::{Arg, Expr, Kind, Program, Stmt};
use super::run::Run;
use super::scope::{Place, Scope};
use super::val::{Args, Home, Val};
use crate::vault::is_vault;
use crate::yaml::{Origin, TemplateText};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Templates, expressions and values may nest this deep.
const DEEPEST: usize = 1000;
/// Statements, expressions and loop rounds one rendering may take: seconds of work, far beyond any real template.
const LONGEST: u64 = 50_000_000;

/// A result, and what keeps the addresses it is filed under alive.
type Kept = (Val, Arc<TemplateText>, Home);

/// One call of the engine.
pub(super) struct Interpreter<'e> {
    pub(super) engine: &'e Engine,
    pub(super) place: &'e Place,
    /// The scope in which the outermost template is rendered.
    pub(super) home: Home,
    /// Results of templates in variables, by text and scope (both addresses are kept alive here).
    memo: RefCell<HashMap<(usize, usize), Kept>>,
    /// Templates being rendered, to find circles.
    active: RefCell<Vec<(usize, usize)>>,
    depth: Cell<usize>,
    steps: Cell<u64>,
    /// Frames that macros hold on to; emptied at the end, since such a frame may hold the macro too.
    frames: RefCell<Vec<Env>>,
    /// Folder of the template file being rendered.
    pub(super) folder: RefCell<Option<std::path::PathBuf>>,
}

impl Drop for Interpreter<'_> {
    fn drop(&mut self) {
        for env in self.frames.borrow_mut().drain(..) {
            env.clear();
        }
    }
}

impl<'e> Interpreter<'e> {
    pub(super) fn new(engine: &'e Engine, scope: &Scope, place: &'e Place) -> Self {
        Self {
            engine,
            place,
            home: Rc::new(scope.clone()),
            memo: RefCell::default(),
            active: RefCell::default(),
            depth: Cell::new(0),
            steps: Cell::new(0),
            frames: RefCell::default(),
            folder: RefCell::default(),
        }
    }

    /// One with other variables, as deep and as far as this one is.
    pub(super) fn beneath(&self, scope: &Scope) -> Self {
        let inner = Self::new(self.engine, scope, self.place);
        inner.depth.set(self.depth.get());
        inner.steps.set(self.steps.get());
        inner
    }

    /// Goes one level deeper.
    pub(super) fn enter<T>(&self, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return Err(Fault::new("template nests too deep"));
        }
        self.depth.set(depth + 1);
        let result = stacker::maybe_grow(128 * 1024, 1024 * 1024, work);
        self.depth.set(depth);
        result
    }

    /// Counts work; endless templates end here.
    pub(super) fn step(&self) -> Outcome<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > LONGEST { Err(Fault::new("template takes too many steps")) } else { Ok(()) }
    }

    /// Remembers frames that a macro captured.
    pub(super) fn keep(&self, env: &Env) {
        self.frames.borrow_mut().push(env.clone());
    }

    /// The value of a template that stands in a variable.
    pub(super) fn nested(&self, template: &Arc<TemplateText>, home: &Home) -> Outcome<Val> {
        let key = (Arc::as_ptr(template) as usize, Rc::as_ptr(home) as usize);
        if let Some((value, ..)) = self.memo.borrow().get(&key) {
            return Ok(value.clone());
        }
        if self.active.borrow().contains(&key) {
            return Err(Fault::new(format!(
                "recursive loop detected in template string: {}",
                template.source.trim_end()
            )));
        }
        if is_vault(&template.source) {
            return self.engine.decrypted(&template.source).map(Val::Str);
        }
        self.active.borrow_mut().push(key);
        let value = Val::or_missing(self.text(template, home));
        self.active.borrow_mut().pop();
        let value = value?;
        self.memo.borrow_mut().insert(key, (value.clone(), Arc::clone(template), Rc::clone(home)));
        Ok(value)
    }

    /// Renders a template of the operator's, keeping the type of a single expression.
    pub(super) fn text(&self, template: &TemplateText, home: &Home) -> Outcome<Val> {
        let work = || {
            let program = self.engine.program(&template.source)?;
            if let Some(expr) = single(&program) {
                // `{{ x }}` may be undefined: whoever uses it says so.
                return Ok(match Run::new(self, Rc::clone(home)).eval(expr)? {
                    Val::Undefined(missing) if missing.origin.is_none() => {
                        let origin = place_of(template, Some(expr.at));
                        Val::undefined(super::error::Missing { origin, ..(*missing).clone() })
                    }
                    value => value,
                });
            }
            Run::new(self, Rc::clone(home)).program(&program)
        };
        self.enter(work).map_err(|fault| fault.resolve(|at| place_of(template, at)))
    }

    /// Renders a program and gives what it wrote.
    pub(super) fn program(&self, program: &Program, env: Option<Env>) -> Outcome<Val> {
        let mut run = Run::new(self, Rc::clone(&self.home));
        if let Some(env) = env {
            run.env = env;
        }
        run.program(program)
    }

    /// Calls a filter by name.
    pub(super) fn filter(&self, name: &str, subject: Val, args: Args) -> Outcome<Val> {
        let Some(filter) = super::filters::find(name) else {
            return Err(Fault::syntax(unknown("filter", name, super::filters::names())));
        };
        let subject = self.force(subject)?;
        // What is undefined goes through: a default further on may replace it.
        if !filter.takes_undefined
            && let Some(missing) = missing(&subject, &args)
        {
            return Ok(missing);
        }
        Val::or_missing((filter.run)(self, subject, args))
            .map_err(|fault| fault.prefixed(&format!("filter '{name}' failed")))
    }

    /// Calls a test by name.
    pub(super) fn test(&self, name: &str, subject: Val, args: Args) -> Outcome<bool> {
        let Some(test) = super::tests::find(name) else {
            return Err(Fault::syntax(unknown("test", name, super::tests::names())));
        };
        let subject = self.force(subject)?;
        if !test.takes_undefined {
            if let Val::Undefined(message) = &subject {
                return Err(Fault::undefined(&**message));
            }
            self.all_defined(&args)?;
        }
        (test.run)(self, subject, args).map_err(|fault| fault.prefixed(&format!("test '{name}' failed")))
    }

    /// An undefined argument is an error.
    pub(super) fn all_defined(&self, args: &Args) -> Outcome<()> {
        match args.pos.iter().chain(args.named.iter().map(|(_, value)| value)).find(|value| value.is_undefined()) {
            Some(Val::Undefined(message)) => Err(Fault::undefined(&**message)),
            _ => Ok(()),
        }
    }

    /// Calls anything callable.
    pub(super) fn call(&self, of: &Val, args: Args) -> Outcome<Val> {
        match of {
            Val::Func(func) => match missing(&Val::Null, &args) {
                Some(missing) if !func.takes_undefined() => Ok(missing),
                _ => Val::or_missing(func.call(self, args)),
            },
            Val::Undefined(_) => Ok(of.clone()),
            other => Err(Fault::new(format!("'{}' object is not callable", other.type_name()))),
        }
    }
}

/// The first undefined value among a subject and arguments.
pub(super) fn missing(subject: &Val, args: &Args) -> Option<Val> {
    let mut all = std::iter::once(subject).chain(&args.pos).chain(args.named.iter().map(|(_, value)| value));
    all.find(|value| value.is_undefined()).cloned()
}

/// What to say of an unknown plugin.
pub(super) fn unknown<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    match crate::yaml::nearest(name, known) {
        Some(near) => format!("no {what} named '{name}', did you mean '{near}'?"),
        None => format!("no {what} named '{name}'"),
    }
}

/// The expression of a program that is nothing else.
fn single(program: &Program) -> Option<&Expr> {
    match program.body.as_slice() {
        [Stmt::Emit(expr)] if program.trailing_newlines == 0 => Some(expr),
        _ => None,
    }
}

/// Where in a file a place inside a template is. Positions in folded text are those of its first line.
pub(super) fn place_of(template: &TemplateText, at: Option<(usize, usize)>) -> Option<Origin> {
    let origin = template.origin.as_ref()?;
    Some(match at {
        Some((1, column)) => Origin { column: origin.column + column - 1, ..origin.clone() },
        Some((line, column)) => Origin { line: origin.line + line - 1, column, file: Arc::clone(&origin.file) },
        None => origin.clone(),
    })
}

/// A place in a template file.
pub(super) fn place_in(file: &Path, skipped: usize, at: Option<(usize, usize)>) -> Origin {
    let (line, column) = at.unwrap_or((1, 1));
    Origin { file: file.into(), line: line + skipped, column }
}

/// A text constant.
pub(super) fn constant_text(arg: &Arg) -> Option<&str> {
    match arg {
        Arg::Pos(Expr { kind: Kind::Const(crate::yaml::Value::Str(text)), .. }) => Some(text),
        _ => None,
    }
}
