//! Objects of the template language: macros, `loop`, imported templates, `namespace`, `cycler`, `joiner`.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::node::{For, Macro};
use super::ops;
use super::run::{Env, Run};
use super::val::{Args, Callable, Entries, Home, Val};
use crate::yaml::Key;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// A macro with the names it sees.
pub(super) struct MacroObject {
    pub(super) node: Arc<Macro>,
    pub(super) env: Env,
    pub(super) home: Home,
    pub(super) caller: Option<Val>,
}

impl Callable for MacroObject {
    fn call(&self, interpreter: &Interpreter<'_>, mut args: Args) -> Outcome<Val> {
        let mut run = Run::new(interpreter, Rc::clone(&self.home));
        run.env = self.env.deeper();
        let caller = args.take("caller").or_else(|| self.caller.clone());
        let mut given = std::mem::take(&mut args.pos).into_iter();
        for (name, default) in &self.node.params {
            let value = match (given.next(), args.take(name), default) {
                (Some(_), Some(_), _) => {
                    return Err(Fault::new(format!("macro '{}' got two values for '{name}'", self.node.name)));
                }
                (Some(value), ..) | (None, Some(value), _) => value,
                (None, None, Some(default)) => run.eval(default)?,
                (None, None, None) => Val::undefined(format!("parameter '{name}' was not provided")),
            };
            let value = interpreter.own(value);
            run.env.set(name, value);
        }
        run.env.set(&"varargs".into(), Val::list(given.collect()));
        let named: Entries = args.named.into_iter().map(|(name, value)| (Key::Str(name), value)).collect();
        run.env.set(&"kwargs".into(), Val::map(named));
        if let Some(caller) = caller {
            run.env.set(&"caller".into(), caller);
        }
        Ok(match run.macro_body(&self.node.body)? {
            Val::Null => Val::from(""),
            value => value,
        })
    }

    fn attr(&self, _interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Val>> {
        Ok(match name {
            "name" => Some(Val::Str(Arc::clone(&self.node.name))),
            "arguments" => {
                Some(Val::tuple(self.node.params.iter().map(|(name, _)| Val::Str(Arc::clone(name))).collect()))
            }
            _ => None,
        })
    }

    fn type_name(&self) -> &'static str {
        "Macro"
    }
}

/// `loop`.
pub(super) struct LoopObject {
    items: Rc<Vec<Val>>,
    index: Cell<usize>,
    depth: usize,
    seen: Rc<RefCell<Option<Vec<Val>>>>,
    node: Arc<For>,
    env: Env,
    home: Home,
}

impl LoopObject {
    pub(super) fn new(items: Rc<Vec<Val>>, depth: usize, node: &Arc<For>, env: &Env, home: &Home) -> Self {
        Self {
            items,
            index: Cell::new(0),
            depth,
            seen: Rc::default(),
            node: Arc::clone(node),
            env: env.clone(),
            home: Rc::clone(home),
        }
    }

    pub(super) fn at(&self, index: usize) {
        self.index.set(index);
    }
}

impl Callable for LoopObject {
    fn call(&self, interpreter: &Interpreter<'_>, args: Args) -> Outcome<Val> {
        if !self.node.recursive {
            return Err(Fault::new("the loop must have the 'recursive' marker to be called recursively"));
        }
        let [over] = args.bind(["iterable"])?;
        let mut run = Run::new(interpreter, Rc::clone(&self.home));
        run.env = self.env.clone();
        run.recurse(&self.node, &over.unwrap_or(Val::Null), self.depth)
    }

    fn attr(&self, _interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Val>> {
        let (index, len) = (self.index.get(), self.items.len());
        Ok(Some(match name {
            "index" => Val::int(index + 1),
            "index0" => Val::int(index),
            "revindex" => Val::int(len - index),
            "revindex0" => Val::int(len - index - 1),
            "first" => Val::Bool(index == 0),
            "last" => Val::Bool(index + 1 == len),
            "length" => Val::int(len),
            "depth" => Val::int(self.depth),
            "depth0" => Val::int(self.depth - 1),
            "previtem" => match index.checked_sub(1).and_then(|index| self.items.get(index)) {
                Some(item) => item.clone(),
                None => Val::undefined("there is no previous item"),
            },
            "nextitem" => match self.items.get(index + 1) {
                Some(item) => item.clone(),
                None => Val::undefined("there is no next item"),
            },
            "cycle" => {
                return Ok(Some(function("method", move |_, args: Args| {
                    let len = args.pos.len().max(1);
                    args.pos.get(index % len).cloned().ok_or_else(|| Fault::new("no items for cycling given"))
                })));
            }
            "changed" => {
                let seen = Rc::clone(&self.seen);
                return Ok(Some(function("method", move |interpreter, args: Args| {
                    changed(interpreter, &seen, args.pos)
                })));
            }
            _ => return Ok(None),
        }))
    }

    fn type_name(&self) -> &'static str {
        "LoopContext"
    }
}

/// `loop.changed(x)`: whether it differs from what was asked last.
fn changed(interpreter: &Interpreter<'_>, seen: &RefCell<Option<Vec<Val>>>, args: Vec<Val>) -> Outcome<Val> {
    let before = seen.replace(Some(args.clone()));
    let mut same = before.as_ref().is_some_and(|before| before.len() == args.len());
    for (a, b) in before.iter().flatten().zip(&args) {
        same = same && ops::equal(interpreter, a, b)?;
    }
    Ok(Val::Bool(!same))
}

/// An imported template.
pub(super) struct Module {
    pub(super) names: Vec<(Arc<str>, Val)>,
}

impl Callable for Module {
    fn call(&self, _interpreter: &Interpreter<'_>, _args: Args) -> Outcome<Val> {
        Err(Fault::new("an imported template cannot be called"))
    }

    fn attr(&self, _interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Val>> {
        Ok(self.names.iter().find(|(own, _)| **own == *name).map(|(_, value)| value.clone()))
    }

    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }

    fn callable(&self) -> bool {
        false
    }
}

/// `namespace()`.
#[derive(Default)]
pub(super) struct Namespace {
    pub(super) names: RefCell<Entries>,
}

impl Callable for Namespace {
    fn call(&self, _interpreter: &Interpreter<'_>, _args: Args) -> Outcome<Val> {
        Err(Fault::new("'Namespace' object is not callable"))
    }

    fn attr(&self, _interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Val>> {
        Ok(self.names.borrow().get(name).cloned())
    }

    fn set_attr(&self, name: &str, value: Val) -> bool {
        self.names.borrow_mut().insert(Key::from(name), value);
        true
    }

    fn type_name(&self) -> &'static str {
        "Namespace"
    }

    fn callable(&self) -> bool {
        false
    }
}

/// A closure as a callable value.
pub(super) struct Function<F> {
    name: &'static str,
    run: F,
}

impl<F: Fn(&Interpreter<'_>, Args) -> Outcome<Val>> Callable for Function<F> {
    fn call(&self, interpreter: &Interpreter<'_>, args: Args) -> Outcome<Val> {
        (self.run)(interpreter, args)
    }

    fn type_name(&self) -> &'static str {
        self.name
    }
}

/// Makes a callable of a closure.
pub(super) fn function<F>(name: &'static str, run: F) -> Val
where
    F: Fn(&Interpreter<'_>, Args) -> Outcome<Val> + 'static,
{
    Val::Func(Rc::new(Function { name, run }))
}

/// `cycler()`.
pub(super) struct Cycler {
    pub(super) items: Vec<Val>,
    pub(super) at: Rc<Cell<usize>>,
}

impl Callable for Cycler {
    fn call(&self, _interpreter: &Interpreter<'_>, _args: Args) -> Outcome<Val> {
        Err(Fault::new("'Cycler' object is not callable"))
    }

    fn attr(&self, _interpreter: &Interpreter<'_>, name: &str) -> Outcome<Option<Val>> {
        let (items, at) = (self.items.clone(), Rc::clone(&self.at));
        Ok(match name {
            "current" => items.get(at.get()).cloned(),
            "next" => Some(function("method", move |_, _| {
                let index = at.get();
                at.set((index + 1) % items.len().max(1));
                Ok(items.get(index).cloned().unwrap_or(Val::Null))
            })),
            "reset" => Some(function("method", move |_, _| {
                at.set(0);
                Ok(Val::Null)
            })),
            _ => None,
        })
    }

    fn type_name(&self) -> &'static str {
        "Cycler"
    }

    fn callable(&self) -> bool {
        false
    }
}
