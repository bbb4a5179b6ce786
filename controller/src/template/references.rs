//! Which variables a value reads, without rendering it.

use super::engine::Engine;
use super::interpreter::constant_text;
use super::node::{Arg, Expr, Kind, Stmt, Target};
use super::scope::{Entry, Scope};
use crate::yaml::Value;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Names of variables, or that they cannot be told beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// Exactly these, and nothing else.
    Names(BTreeSet<Arc<str>>),
    /// Names are computed (`vars[x]`, `lookup('vars', x)`, an included file), or the text cannot be parsed.
    Unknown,
}

impl Engine {
    /// The variables that templates in the value name themselves.
    pub fn references(&self, value: &Value) -> References {
        let mut walk = Walk::default();
        self.walk(value, &mut walk);
        walk.done()
    }

    /// The same for the text of a condition or expression without braces, or a list of them.
    pub fn condition_references(&self, value: &Value) -> References {
        let mut walk = Walk::default();
        self.walk_condition(value, &mut walk);
        walk.done()
    }

    /// The same, followed through variables of the scope that are templates themselves.
    pub fn references_in(&self, value: &Value, scope: &Scope) -> References {
        let mut walk = Walk::default();
        self.walk(value, &mut walk);
        self.follow(walk, scope)
    }

    /// [`Self::condition_references`], followed through the scope.
    pub fn condition_references_in(&self, value: &Value, scope: &Scope) -> References {
        let mut walk = Walk::default();
        self.walk_condition(value, &mut walk);
        self.follow(walk, scope)
    }

    fn follow(&self, mut walk: Walk, scope: &Scope) -> References {
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        loop {
            let next: Vec<Arc<str>> = walk.names.iter().filter(|name| !seen.contains(*name)).cloned().collect();
            if next.is_empty() || walk.unknown {
                return walk.done();
            }
            for name in next {
                if let Some(Entry::Value(value)) = scope.entry(&name) {
                    self.walk(&value, &mut walk);
                }
                seen.insert(name);
            }
        }
    }

    fn walk(&self, value: &Value, walk: &mut Walk) {
        match value {
            Value::Template(text) => match self.program(&text.source) {
                Ok(program) => walk.body(&program.body),
                Err(_) => walk.unknown = true,
            },
            Value::List(items) => items.iter().for_each(|item| self.walk(item, walk)),
            Value::Map(map) => map.values().for_each(|item| self.walk(item, walk)),
            _ => {}
        }
    }

    fn walk_condition(&self, value: &Value, walk: &mut Walk) {
        match value {
            Value::Str(text) => match super::parse::expression(text.trim()) {
                Ok(expr) => {
                    walk.expr(&expr);
                    // A bare name may hold the text of another condition only when it is written with braces.
                }
                Err(_) => walk.unknown = true,
            },
            Value::List(items) => items.iter().for_each(|item| self.walk_condition(item, walk)),
            other => self.walk(other, walk),
        }
    }
}

#[derive(Default)]
struct Walk {
    names: BTreeSet<Arc<str>>,
    /// Names the template defines itself, by scope.
    own: Vec<HashSet<Arc<str>>>,
    unknown: bool,
}

impl Walk {
    fn done(self) -> References {
        if self.unknown { References::Unknown } else { References::Names(self.names) }
    }

    fn defines(&mut self, name: &Arc<str>) {
        if self.own.is_empty() {
            self.own.push(HashSet::new());
        }
        if let Some(own) = self.own.last_mut() {
            own.insert(Arc::clone(name));
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.defines(name),
            Target::Attr(of, _) => self.expr(of),
            Target::Unpack(targets) => targets.iter().for_each(|target| self.target(target)),
        }
    }

    fn scoped(&mut self, work: impl FnOnce(&mut Self)) {
        self.own.push(HashSet::new());
        work(self);
        self.own.pop();
    }

    fn body(&mut self, body: &[Stmt]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Text(_) | Stmt::Continue | Stmt::Break => {}
            Stmt::Emit(expr) | Stmt::Do(expr) => self.expr(expr),
            Stmt::For(node) => {
                self.expr(&node.iter);
                self.scoped(|walk| {
                    walk.defines(&"loop".into());
                    walk.target(&node.target);
                    node.filter.iter().for_each(|filter| walk.expr(filter));
                    walk.body(&node.body);
                });
                self.scoped(|walk| walk.body(&node.or));
            }
            Stmt::If { test, then, or } => {
                self.expr(test);
                // What one branch sets may still be unset after the other.
                self.scoped(|walk| walk.body(then));
                self.scoped(|walk| walk.body(or));
            }
            Stmt::With { bind, body } => {
                bind.iter().for_each(|(_, value)| self.expr(value));
                self.scoped(|walk| {
                    bind.iter().for_each(|(target, _)| walk.target(target));
                    walk.body(body);
                });
            }
            Stmt::Set { target, value } => {
                self.expr(value);
                self.target(target);
            }
            Stmt::SetBlock { target, filter, body } => {
                filter.iter().for_each(|filter| self.expr(filter));
                self.scoped(|walk| walk.body(body));
                self.target(target);
            }
            Stmt::FilterBlock { filter, body } => {
                self.expr(filter);
                self.scoped(|walk| walk.body(body));
            }
            Stmt::Scoped(body) => self.scoped(|walk| walk.body(body)),
            Stmt::Block { body, .. } => self.scoped(|walk| walk.body(body)),
            Stmt::Macro(node) => {
                self.defines(&node.name);
                self.macro_body(node);
            }
            Stmt::CallBlock { call, caller } => {
                self.expr(call);
                self.macro_body(caller);
            }
            // Another file reads what it likes.
            Stmt::Extends(_) | Stmt::Include { .. } | Stmt::Import { .. } | Stmt::FromImport { .. } => {
                self.unknown = true;
            }
        }
    }

    fn macro_body(&mut self, node: &super::node::Macro) {
        node.params.iter().filter_map(|(_, default)| default.as_ref()).for_each(|default| self.expr(default));
        self.scoped(|walk| {
            for name in ["varargs", "kwargs", "caller"] {
                walk.defines(&name.into());
            }
            node.params.iter().for_each(|(name, _)| walk.defines(name));
            walk.body(&node.body);
        });
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Const(_) => {}
            Kind::Var(name) => {
                if &**name == "vars" {
                    self.unknown = true;
                } else if !self.own.iter().any(|own| own.contains(name)) {
                    self.names.insert(Arc::clone(name));
                }
            }
            Kind::Not(of) | Kind::Neg(of) => self.expr(of),
            Kind::Bin(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            Kind::Compare(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, expr)| self.expr(expr));
            }
            Kind::If { test, then, or } => {
                self.expr(test);
                self.expr(then);
                or.iter().for_each(|or| self.expr(or));
            }
            Kind::Filter { subject, args, .. } => {
                subject.iter().for_each(|subject| self.expr(subject));
                self.args(args);
            }
            Kind::Test { subject, args, .. } => {
                self.expr(subject);
                self.args(args);
            }
            Kind::Attr(of, name) => self.member(of, Some(name)),
            Kind::Item(of, key) => {
                let name = match &key.kind {
                    Kind::Const(Value::Str(name)) => Some(name),
                    _ => None,
                };
                self.member(of, name);
                self.expr(key);
            }
            Kind::Slice(of, parts) => {
                self.expr(of);
                parts.iter().flatten().for_each(|part| self.expr(part));
            }
            Kind::Call(of, args) => self.call(of, args),
            Kind::List(items) | Kind::Tuple(items) => items.iter().for_each(|item| self.expr(item)),
            Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
        }
    }

    /// `vars.x` and `vars['x']` read `x`.
    fn member(&mut self, of: &Expr, name: Option<&Arc<str>>) {
        match (&of.kind, name) {
            (Kind::Var(own), Some(name)) if &**own == "vars" => {
                self.names.insert(Arc::clone(name));
            }
            _ => self.expr(of),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            match arg {
                Arg::Pos(expr) | Arg::Named(_, expr) | Arg::Spread(expr) | Arg::SpreadNamed(expr) => self.expr(expr),
            }
        }
    }

    fn call(&mut self, of: &Expr, args: &[Arg]) {
        let function = match &of.kind {
            Kind::Var(name) => &**name,
            _ => "",
        };
        if matches!(function, "lookup" | "query" | "q") {
            let name = args.first().and_then(constant_text);
            match name.map(|name| name.strip_prefix("ansible.builtin.").unwrap_or(name)) {
                Some("vars") => {
                    for arg in args.iter().skip(1) {
                        match (arg, constant_text(arg)) {
                            (Arg::Pos(_), Some(name)) => {
                                self.names.insert(name.into());
                            }
                            (Arg::Named(..), _) => {}
                            _ => self.unknown = true,
                        }
                    }
                }
                // What the file reads is not seen here.
                Some("template" | "varnames") | None => self.unknown = true,
                Some("inventory_hostnames") => {
                    self.names.insert("groups".into());
                }
                Some(_) => {}
            }
        } else {
            self.expr(of);
        }
        self.args(args);
    }
}
