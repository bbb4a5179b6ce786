//! Statements: running one template.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::macros::{LoopObject, MacroObject, Module};
use super::node::{Expr, For, Program, Stmt, Target};
use super::text;
use super::val::{Args, Home, Val};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

type Frame = Rc<RefCell<Vec<(Arc<str>, Val)>>>;

/// The template's own names: frame over frame.
#[derive(Clone)]
pub(super) struct Env(Vec<Frame>);

impl Env {
    pub(super) fn new() -> Self {
        Self(vec![Frame::default()])
    }

    pub(super) fn get(&self, name: &str) -> Option<Val> {
        self.0.iter().rev().find_map(|frame| {
            frame.borrow().iter().find(|(own, _)| **own == *name).map(|(_, value)| value.clone())
        })
    }

    pub(super) fn set(&self, name: &Arc<str>, value: Val) {
        if let Some(frame) = self.0.last() {
            let mut frame = frame.borrow_mut();
            match frame.iter_mut().find(|(own, _)| own == name) {
                Some((_, old)) => *old = value,
                None => frame.push((Arc::clone(name), value)),
            }
        }
    }

    /// The same with a fresh frame on top.
    pub(super) fn deeper(&self) -> Self {
        let mut frames = self.0.clone();
        frames.push(Frame::default());
        Self(frames)
    }

    /// The names of the outermost frame: what a template exports.
    pub(super) fn exports(&self) -> Vec<(Arc<str>, Val)> {
        self.0.first().map(|frame| frame.borrow().clone()).unwrap_or_default()
    }

    pub(super) fn clear(&self) {
        for frame in &self.0 {
            // Taken out first: dropping a value may want to look at the frame.
            let taken = std::mem::take(&mut *frame.borrow_mut());
            drop(taken);
        }
    }
}

/// What has been written: one value keeps its type, several become text. `None` writes nothing.
#[derive(Default)]
pub(super) struct Output {
    first: Option<Val>,
    text: String,
    many: bool,
}

impl Output {
    fn push(&mut self, interpreter: &Interpreter<'_>, value: Val) -> Outcome<()> {
        let is_nothing = matches!(&value, Val::Undefined(message) if **message == *text::NO_ELSE);
        // Alone it is undefined, beside other text it is nothing.
        let value = if is_nothing { value } else { value.defined()? };
        if matches!(value, Val::Null) {
            return Ok(());
        }
        if !self.many {
            match self.first.take() {
                None => {
                    self.first = Some(value);
                    return Ok(());
                }
                Some(first) => {
                    self.many = true;
                    text::append(interpreter, &first, &mut self.text)?;
                }
            }
        }
        text::append(interpreter, &value, &mut self.text)?;
        if self.text.len() > 256 << 20 { Err(Fault::new("template writes too much text")) } else { Ok(()) }
    }

    fn finish(self) -> Val {
        if self.many { Val::from(self.text) } else { self.first.unwrap_or(Val::Null) }
    }
}

/// How a list of statements ended.
#[derive(PartialEq, Clone, Copy)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

type Blocks = Vec<(Arc<str>, Vec<Arc<Vec<Stmt>>>)>;

/// One template being run.
pub(super) struct Run<'i, 'e> {
    pub(super) interpreter: &'i Interpreter<'e>,
    pub(super) home: Home,
    pub(super) env: Env,
    out: Output,
    loops: usize,
    blocks: Blocks,
    /// The block being written and how many overrides up.
    block: Option<(Arc<str>, usize)>,
    parent: Option<Arc<Program>>,
}

impl<'i, 'e> Run<'i, 'e> {
    pub(super) fn new(interpreter: &'i Interpreter<'e>, home: Home) -> Self {
        Self {
            interpreter,
            home,
            env: Env::new(),
            out: Output::default(),
            loops: 0,
            blocks: Vec::new(),
            block: None,
            parent: None,
        }
    }

    /// Runs a whole template.
    pub(super) fn program(mut self, program: &Program) -> Outcome<Val> {
        self.whole(program)?;
        Ok(with_newlines(self.out.finish(), program.trailing_newlines))
    }

    fn whole(&mut self, program: &Program) -> Outcome<()> {
        self.register(&program.body);
        self.body(&program.body)?;
        let mut depth = 0;
        while let Some(parent) = self.parent.take() {
            depth += 1;
            if depth > 50 {
                return Err(Fault::new("templates extend each other in a circle"));
            }
            self.out = Output::default();
            self.register(&parent.body);
            self.body(&parent.body)?;
        }
        Ok(())
    }

    fn register(&mut self, body: &[Stmt]) {
        for stmt in body {
            if let Stmt::Block { name, body } = stmt {
                match self.blocks.iter_mut().find(|(own, _)| own == name) {
                    Some((_, levels)) => levels.push(Arc::clone(body)),
                    None => self.blocks.push((Arc::clone(name), vec![Arc::clone(body)])),
                }
                self.register(body);
            }
        }
    }

    pub(super) fn body(&mut self, stmts: &[Stmt]) -> Outcome<Flow> {
        for stmt in stmts {
            self.interpreter.step()?;
            let flow = self.stmt(stmt)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Outcome<Flow> {
        match stmt {
            Stmt::Text(text) => self.out.push(self.interpreter, Val::Str(Arc::clone(text)))?,
            Stmt::Emit(expr) => {
                let value = self.eval(expr)?;
                self.out.push(self.interpreter, value).map_err(|fault| fault.at(expr.at))?;
            }
            Stmt::For(node) => {
                let items = self.eval(&node.iter)?;
                self.each(node, &items)?;
            }
            Stmt::If { test, then, or } => {
                let truth = self.eval(test)?.truth().map_err(|fault| fault.at(test.at))?;
                return self.body(if truth { then } else { or });
            }
            Stmt::With { bind, body } => {
                let inner = self.env.deeper();
                for (target, value) in bind {
                    let value = self.eval(value)?;
                    let outer = std::mem::replace(&mut self.env, inner.clone());
                    let assigned = self.assign(target, value);
                    self.env = outer;
                    assigned?;
                }
                return self.within(inner, |run| run.body(body));
            }
            Stmt::Set { target, value } => {
                let value = self.eval(value)?;
                let value = self.interpreter.own(value);
                self.assign(target, value)?;
            }
            Stmt::SetBlock { target, filter, body } => {
                let captured = self.capture(body)?;
                let value = match filter {
                    Some(filter) => self.filtered(filter, captured)?,
                    None => captured,
                };
                self.assign(target, value)?;
            }
            Stmt::FilterBlock { filter, body } => {
                let captured = self.capture(body)?;
                let value = self.filtered(filter, captured)?;
                self.out.push(self.interpreter, value)?;
            }
            Stmt::Scoped(body) => {
                let inner = self.env.deeper();
                return self.within(inner, |run| run.body(body));
            }
            Stmt::Block { name, .. } => self.block(name, 0)?,
            Stmt::Macro(node) => {
                let object = MacroObject { node: Arc::clone(node), env: self.env.clone(), home: Rc::clone(&self.home), caller: None };
                self.interpreter.keep(&self.env);
                self.env.set(&node.name, Val::Func(Rc::new(object)));
            }
            Stmt::CallBlock { call, caller } => {
                let object = MacroObject { node: Arc::clone(caller), env: self.env.clone(), home: Rc::clone(&self.home), caller: None };
                let value = self.call_with(call, Some(Val::Func(Rc::new(object))))?;
                self.out.push(self.interpreter, value)?;
            }
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Do(expr) => {
                self.eval(expr)?;
            }
            Stmt::Extends(_) | Stmt::Include { .. } | Stmt::Import { .. } | Stmt::FromImport { .. } => self.files(stmt)?,
        }
        Ok(Flow::Next)
    }

    /// Statements that read other templates.
    fn files(&mut self, stmt: &Stmt) -> Outcome<()> {
        match stmt {
            Stmt::Extends(name) => self.parent = Some(self.load(name)?.0),
            Stmt::Include { name, ignore_missing } => {
                let (program, folder) = match self.load(name) {
                    Ok(found) => found,
                    Err(fault) if *ignore_missing && !fault.is_undefined() => return Ok(()),
                    Err(fault) => return Err(fault),
                };
                let value = self.in_folder(folder, |run| {
                    let mut included = Run::new(run.interpreter, Rc::clone(&run.home));
                    included.env = run.env.deeper();
                    included.whole(&program)?;
                    Ok(included.out.finish())
                })?;
                self.out.push(self.interpreter, value)?;
            }
            Stmt::Import { name, target } => {
                let module = self.module(name)?;
                self.assign(target, module)?;
            }
            Stmt::FromImport { name, names } => {
                let module = self.module(name)?;
                for (own, alias) in names {
                    let value = self.interpreter.attr(&module, own)?;
                    self.env.set(alias, value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn load(&mut self, name: &Expr) -> Outcome<(Arc<Program>, std::path::PathBuf)> {
        let names = match self.eval(name)? {
            Val::Str(text) => vec![text],
            list if list.is_list() => {
                self.interpreter.items(&list)?.iter().filter_map(|item| item.as_str().map(Arc::from)).collect()
            }
            other => {
                other.defined()?;
                return Err(Fault::new("name of a template must be text").at(name.at));
            }
        };
        for name in &names {
            if let Some(found) = self.interpreter.template_file(name)? {
                return Ok(found);
            }
        }
        Err(Fault::new(format!("template '{}' was not found", names.join("', '"))).at(name.at))
    }

    fn in_folder<T>(&mut self, folder: std::path::PathBuf, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let interpreter = self.interpreter;
        let outer = interpreter.folder.replace(Some(folder));
        let result = interpreter.enter(|| work(self));
        interpreter.folder.replace(outer);
        result
    }

    fn module(&mut self, name: &Expr) -> Outcome<Val> {
        let (program, folder) = self.load(name)?;
        let env = Env::new();
        let exported = env.clone();
        self.in_folder(folder, |run| {
            let mut imported = Run::new(run.interpreter, Rc::clone(&run.home));
            imported.env = env;
            imported.whole(&program)
        })?;
        Ok(Val::Func(Rc::new(Module { names: exported.exports() })))
    }

    fn block(&mut self, name: &Arc<str>, level: usize) -> Outcome<()> {
        let body = self.blocks.iter().find(|(own, _)| own == name).and_then(|(_, levels)| levels.get(level)).cloned();
        let Some(body) = body else {
            return Err(Fault::new("there is no parent block"));
        };
        let outer = self.block.replace((Arc::clone(name), level));
        let inner = self.env.deeper();
        let interpreter = self.interpreter;
        let result = interpreter.enter(|| self.within(inner, |run| run.body(&body)));
        self.block = outer;
        result.map(|_| ())
    }

    /// `super()`.
    pub(super) fn parent_block(&mut self) -> Outcome<Val> {
        let Some((name, level)) = self.block.clone() else {
            return Err(Fault::new("'super' is undefined outside of a block"));
        };
        let outer = std::mem::take(&mut self.out);
        let result = self.block(&name, level + 1);
        let inner = std::mem::replace(&mut self.out, outer);
        result?;
        Ok(inner.finish())
    }

    pub(super) fn within<T>(&mut self, env: Env, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let outer = std::mem::replace(&mut self.env, env);
        let result = work(self);
        self.env = outer;
        result
    }

    /// What statements write, as a value.
    pub(super) fn capture(&mut self, body: &[Stmt]) -> Outcome<Val> {
        let outer = std::mem::take(&mut self.out);
        let env = self.env.deeper();
        let interpreter = self.interpreter;
        let result = interpreter.enter(|| self.within(env, |run| run.body(body)));
        let inner = std::mem::replace(&mut self.out, outer);
        result?;
        Ok(match inner.finish() {
            Val::Null => Val::from(""),
            value => value,
        })
    }

    pub(super) fn assign(&mut self, target: &Target, value: Val) -> Outcome<()> {
        match target {
            Target::Name(name) => self.env.set(name, value),
            Target::Attr(of, name) => match self.eval(of)? {
                Val::Func(func) if func.set_attr(name, value.clone()) => {}
                other => {
                    other.defined()?;
                    return Err(Fault::new("cannot assign attribute on non-namespace object").at(of.at));
                }
            },
            Target::Unpack(targets) => {
                let items = match value {
                    value @ (Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_)) => {
                        return Err(Fault::new(format!("cannot unpack non-iterable {} object", value.type_name())));
                    }
                    value => self.interpreter.items(&value)?,
                };
                if items.len() != targets.len() {
                    let words = if items.len() < targets.len() { "not enough" } else { "too many" };
                    return Err(Fault::new(format!(
                        "{words} values to unpack (expected {}, got {})",
                        targets.len(),
                        items.len()
                    )));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a loop over something.
    fn each(&mut self, node: &Arc<For>, over: &Val) -> Outcome<()> {
        let mut items = self.interpreter.items(over).map_err(|fault| fault.at(node.iter.at))?;
        if let Some(filter) = &node.filter {
            let mut kept = Vec::new();
            for item in items {
                let inner = self.env.deeper();
                let keep = self.within(inner, |run| {
                    run.assign(&node.target, item.clone())?;
                    run.eval(filter)?.truth()
                });
                if keep.map_err(|fault| fault.at(filter.at))? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            let inner = self.env.deeper();
            self.within(inner, |run| run.body(&node.or))?;
            return Ok(());
        }
        self.loops += 1;
        let items = Rc::new(items);
        let object = Rc::new(LoopObject::new(Rc::clone(&items), self.loops, node, &self.env, &self.home));
        let name: Arc<str> = "loop".into();
        let mut result = Ok(());
        for (index, item) in items.iter().enumerate() {
            object.at(index);
            let inner = self.env.deeper();
            inner.set(&name, Val::Func(Rc::clone(&object) as Rc<dyn super::val::Callable>));
            let flow = self.within(inner, |run| {
                run.interpreter.step()?;
                run.assign(&node.target, item.clone()).map_err(|fault| fault.at(node.iter.at))?;
                run.body(&node.body)
            });
            match flow {
                Ok(Flow::Break) => break,
                Ok(_) => {}
                Err(fault) => {
                    result = Err(fault);
                    break;
                }
            }
        }
        self.loops -= 1;
        result
    }

    /// A recursive loop's own call, written into a value.
    pub(super) fn recurse(mut self, node: &Arc<For>, over: &Val, depth: usize) -> Outcome<Val> {
        self.loops = depth;
        let interpreter = self.interpreter;
        interpreter.enter(|| self.each(node, over))?;
        Ok(match self.out.finish() {
            Val::Null => Val::from(""),
            value => value,
        })
    }

    /// A macro's body with its arguments set.
    pub(super) fn macro_body(mut self, body: &[Stmt]) -> Outcome<Val> {
        let interpreter = self.interpreter;
        interpreter.enter(|| self.body(body))?;
        Ok(self.out.finish())
    }

    fn filtered(&mut self, filter: &Expr, subject: Val) -> Outcome<Val> {
        let super::node::Kind::Filter { name, subject: inner, args } = &filter.kind else {
            return Err(Fault::syntax("expected a filter"));
        };
        let subject = match inner {
            Some(inner) => self.filtered(inner, subject)?,
            None => subject,
        };
        let args = self.args(args)?;
        self.interpreter.filter(name, subject, args).map_err(|fault| fault.at(filter.at))
    }

    fn call_with(&mut self, call: &Expr, caller: Option<Val>) -> Outcome<Val> {
        let super::node::Kind::Call(of, args) = &call.kind else {
            return Err(Fault::syntax("expected a call"));
        };
        let of = self.eval(of)?;
        let mut args: Args = self.args(args)?;
        if let Some(caller) = caller {
            args.named.push(("caller".into(), caller));
        }
        self.interpreter.call(&of, args).map_err(|fault| fault.at(call.at))
    }
}

/// Jinja drops the last newline of a template; a text result gets back those it lacks.
pub(super) fn with_newlines(value: Val, wanted: usize) -> Val {
    match value {
        Val::Str(text) if wanted > 0 => {
            let present = text.len() - text.trim_end_matches('\n').len();
            if present >= wanted { Val::Str(text) } else { Val::from(format!("{text}{}", "\n".repeat(wanted - present))) }
        }
        other => other,
    }
}
