//! Expressions.

use super::error::{Fault, Outcome};
use super::globals;
use super::node::{Arg, Bin, Cmp, Expr, Kind};
use super::ops;
use super::run::Run;
use super::val::{Args, Entries, Val};
use super::{methods, text};
use crate::yaml::Key;
use std::sync::Arc;

impl Run<'_, '_> {
    /// The value of an expression. It may be undefined; whoever uses it says so.
    pub(super) fn eval(&mut self, expr: &Expr) -> Outcome<Val> {
        let result = match &expr.kind {
            // The cheap kinds do not count as nesting.
            Kind::Const(value) => return Ok(Val::data(value, &self.home)),
            Kind::Var(name) => self.name(name),
            _ => {
                let interpreter = self.interpreter;
                interpreter.step().and_then(|()| interpreter.enter(|| self.compound(expr)))
            }
        };
        result.map_err(|fault| fault.at(expr.at))
    }

    fn defined(&mut self, expr: &Expr) -> Outcome<Val> {
        self.eval(expr)?.defined().map_err(|fault| fault.at(expr.at))
    }

    /// A name: the template's own, a variable, or one that is always there.
    fn name(&self, name: &Arc<str>) -> Outcome<Val> {
        if let Some(value) = self.env.get(name) {
            return self.interpreter.force(value);
        }
        if let Some(value) = self.interpreter.variable(name, &self.home)? {
            return Ok(value);
        }
        if let Some(value) = globals::find(name, &self.home) {
            return Ok(value);
        }
        Ok(Val::undefined(format!("'{name}' is undefined")))
    }

    fn compound(&mut self, expr: &Expr) -> Outcome<Val> {
        Ok(match &expr.kind {
            Kind::Const(value) => Val::data(value, &self.home),
            Kind::Var(name) => self.name(name)?,
            Kind::Not(operand) => Val::Bool(!self.eval(operand)?.truth()?),
            Kind::Neg(operand) => ops::negative(&self.defined(operand)?)?,
            Kind::Bin(op, left, right) => self.binary(*op, left, right)?,
            Kind::And(left, right) => {
                let left = self.eval(left)?;
                if left.truth()? { self.eval(right)? } else { left }
            }
            Kind::Or(left, right) => {
                let left = self.eval(left)?;
                if left.truth()? { left } else { self.eval(right)? }
            }
            Kind::Compare(first, rest) => self.compare(first, rest)?,
            Kind::If { test, then, or } => {
                if self.eval(test)?.truth()? {
                    self.eval(then)?
                } else if let Some(or) = or {
                    self.eval(or)?
                } else {
                    // Nothing in text, undefined when it is used.
                    Val::undefined(super::text::NO_ELSE)
                }
            }
            Kind::Filter { name, subject, args } => {
                let subject = match subject {
                    Some(subject) => self.eval(subject)?,
                    None => Val::Null,
                };
                let args = self.args(args)?;
                self.interpreter.filter(name, subject, args)?
            }
            Kind::Test { name, subject, args } => {
                let subject = self.eval(subject)?;
                let args = self.args(args)?;
                Val::Bool(self.interpreter.test(name, subject, args)?)
            }
            Kind::Attr(of, name) => {
                let of = self.eval(of)?;
                self.interpreter.attr(&of, name)?
            }
            Kind::Item(of, key) => {
                let of = self.eval(of)?;
                let key = self.eval(key)?;
                self.interpreter.item(&of, &key)?
            }
            Kind::Slice(of, parts) => {
                let of = self.eval(of)?;
                let mut bounds = [None, None, None];
                for (slot, part) in bounds.iter_mut().zip(parts) {
                    *slot = part.as_ref().map(|part| self.eval(part)).transpose()?;
                }
                self.interpreter.slice(&of, bounds)?
            }
            Kind::Call(of, args) => self.call(of, args)?,
            Kind::List(items) => Val::list(self.all(items)?),
            Kind::Tuple(items) => Val::tuple(self.all(items)?),
            Kind::Map(pairs) => {
                let mut map = Entries::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key = self.defined(key)?.to_key().map_err(|fault| fault.at(key.at))?;
                    map.insert(key, self.eval(value)?);
                }
                Val::map(map)
            }
        })
    }

    fn all(&mut self, items: &[Expr]) -> Outcome<Vec<Val>> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    fn binary(&mut self, op: Bin, left: &Expr, right: &Expr) -> Outcome<Val> {
        let left = self.defined(left)?;
        let right = self.defined(right)?;
        if op == Bin::Concat {
            let mut out = text::string(self.interpreter, &left)?.to_string();
            text::append(self.interpreter, &right, &mut out)?;
            return Ok(Val::from(out));
        }
        ops::binary(self.interpreter, op, &left, &right)
    }

    fn compare(&mut self, first: &Expr, rest: &[(Cmp, Expr)]) -> Outcome<Val> {
        let mut left = self.defined(first)?;
        for (op, right) in rest {
            let right = self.defined(right)?;
            if !ops::compare(self.interpreter, *op, &left, &right)? {
                return Ok(Val::Bool(false));
            }
            left = right;
        }
        Ok(Val::Bool(true))
    }

    /// Arguments as given.
    pub(super) fn args(&mut self, args: &[Arg]) -> Outcome<Args> {
        let mut out = Args::default();
        for arg in args {
            match arg {
                Arg::Pos(expr) => out.pos.push(self.eval(expr)?),
                Arg::Named(name, expr) => out.named.push((Arc::clone(name), self.eval(expr)?)),
                Arg::Spread(expr) => {
                    let list = self.eval(expr)?;
                    out.pos.extend(self.interpreter.items(&list)?);
                }
                Arg::SpreadNamed(expr) => {
                    let map = self.eval(expr)?;
                    for (key, value) in self.interpreter.entries(&map)? {
                        match key {
                            Key::Str(name) => out.named.push((name, value)),
                            _ => return Err(Fault::new("keywords must be strings")),
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    fn call(&mut self, of: &Expr, args: &[Arg]) -> Outcome<Val> {
        match &of.kind {
            Kind::Attr(object, name) => {
                let object = self.eval(object)?;
                if methods::has(&object, name) {
                    let args = self.args(args)?;
                    self.interpreter.all_defined(&args)?;
                    return methods::call(self.interpreter, &object, name, args);
                }
                let function = self.interpreter.attr(&object, name)?.defined().map_err(|fault| fault.at(of.at))?;
                let args = self.args(args)?;
                self.interpreter.call(&function, args)
            }
            Kind::Var(name) if &**name == "super" && self.env.get("super").is_none() => self.parent_block(),
            _ => {
                let function = self.defined(of)?;
                let args = self.args(args)?;
                self.interpreter.call(&function, args)
            }
        }
    }
}
