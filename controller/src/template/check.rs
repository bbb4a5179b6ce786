//! What can be said of a template before it is rendered: does it parse, are its filters, tests and lookups known?

use super::engine::Engine;
use super::error::TemplateError;
use super::interpreter::{constant_text, place_in, place_of};
use super::node::{Arg, Expr, Kind, Stmt, Target};
use super::{filters, globals, lookups, tests};
use crate::yaml::{Diagnostic, Origin, TemplateText, Value, nearest};

/// An unknown name: what it is of, the name, the nearest known one, and where.
struct Unknown {
    what: &'static str,
    name: String,
    near: Option<String>,
    at: (usize, usize),
}

impl Engine {
    /// Syntax errors, and names of filters, tests and lookups nobody knows, in every template of a value.
    pub fn check(&self, value: &Value) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        self.check_into(value, &mut out);
        out
    }

    /// The same for conditions: text without braces, or a list of it. `origin` is where a text stands, if it is known.
    pub fn check_condition(&self, value: &Value, origin: Option<&Origin>) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        match value {
            Value::List(items) => out.extend(items.iter().flat_map(|item| self.check_condition(item, origin))),
            Value::Str(text) => out.extend(self.check_expression(text, origin)),
            other => self.check_into(other, &mut out),
        }
        out
    }

    /// The same for one expression without braces.
    pub fn check_expression(&self, text: &str, origin: Option<&Origin>) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let template = TemplateText { source: text.to_owned(), origin: origin.cloned() };
        match super::parse::expression(text.trim()) {
            Ok(expr) => {
                let mut found = Vec::new();
                expr_names(&expr, &mut found);
                report(&template, found, &mut out);
            }
            Err(fault) => out.push(failed(fault.resolve(|at| place_of(&template, at)).into(), &template)),
        }
        out
    }

    /// Syntax errors, and unknown names, in a template file.
    pub fn check_file(&self, text: &str, file: &std::path::Path) -> Vec<Diagnostic> {
        let options = super::file::FileOptions::default();
        let mut out = Vec::new();
        let (options, body, skipped) = match super::file::split_header(text, &options) {
            Ok(parts) => parts,
            Err(fault) => {
                let error: TemplateError = fault.resolve(|at| Some(place_in(file, 0, at))).into();
                out.push(Diagnostic::error(error.origin, error.message));
                return out;
            }
        };
        match self.file_program(body, options.syntax(true)) {
            Ok(program) => {
                let mut found = Vec::new();
                body_names(&program.body, &mut found);
                for name in found {
                    let place = place_in(file, skipped, Some(name.at));
                    let error = Diagnostic::error(Some(place), format!("there is no {} `{}`", name.what, name.name));
                    out.push(match name.near {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None => error,
                    });
                }
            }
            Err(fault) => {
                let error: TemplateError = fault.resolve(|at| Some(place_in(file, skipped, at))).into();
                out.push(Diagnostic::error(error.origin, error.message));
            }
        }
        out
    }

    fn check_into(&self, value: &Value, out: &mut Vec<Diagnostic>) {
        match value {
            Value::Template(template) => match self.program(&template.source) {
                Ok(program) => {
                    let mut found = Vec::new();
                    body_names(&program.body, &mut found);
                    report(template, found, out);
                }
                Err(fault) => out.push(failed(fault.resolve(|at| place_of(template, at)).into(), template)),
            },
            Value::List(items) => items.iter().for_each(|item| self.check_into(item, out)),
            Value::Map(map) => map.values().for_each(|item| self.check_into(item, out)),
            _ => {}
        }
    }
}

fn failed(error: TemplateError, template: &TemplateText) -> Diagnostic {
    Diagnostic::error(error.origin.or_else(|| template.origin.clone()), error.message)
}

fn report(template: &TemplateText, found: Vec<Unknown>, out: &mut Vec<Diagnostic>) {
    for unknown in found {
        let origin = place_of(template, Some(unknown.at));
        let diagnostic = Diagnostic::error(origin, format!("no {} named '{}'", unknown.what, unknown.name))
            .length(unknown.name.chars().count());
        out.push(match unknown.near {
            Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
            None => diagnostic,
        });
    }
}

fn body_names(body: &[Stmt], out: &mut Vec<Unknown>) {
    for stmt in body {
        match stmt {
            Stmt::Text(_) | Stmt::Continue | Stmt::Break => {}
            Stmt::Emit(expr) | Stmt::Do(expr) | Stmt::Extends(expr) => expr_names(expr, out),
            Stmt::For(node) => {
                expr_names(&node.iter, out);
                node.filter.iter().for_each(|filter| expr_names(filter, out));
                body_names(&node.body, out);
                body_names(&node.or, out);
            }
            Stmt::If { test, then, or } => {
                expr_names(test, out);
                body_names(then, out);
                body_names(or, out);
            }
            Stmt::With { bind, body } => {
                bind.iter().for_each(|(_, value)| expr_names(value, out));
                body_names(body, out);
            }
            Stmt::Set { value, target } => {
                expr_names(value, out);
                if let Target::Attr(of, _) = target {
                    expr_names(of, out);
                }
            }
            Stmt::SetBlock { filter, body, .. } => {
                filter.iter().for_each(|filter| expr_names(filter, out));
                body_names(body, out);
            }
            Stmt::FilterBlock { filter, body } => {
                expr_names(filter, out);
                body_names(body, out);
            }
            Stmt::Scoped(body) => body_names(body, out),
            Stmt::Block { body, .. } => body_names(body, out),
            Stmt::Include { name, .. } | Stmt::Import { name, .. } | Stmt::FromImport { name, .. } => {
                expr_names(name, out)
            }
            Stmt::Macro(node) => {
                node.params.iter().filter_map(|(_, default)| default.as_ref()).for_each(|d| expr_names(d, out));
                body_names(&node.body, out);
            }
            Stmt::CallBlock { call, caller } => {
                expr_names(call, out);
                body_names(&caller.body, out);
            }
        }
    }
}

fn expr_names(expr: &Expr, out: &mut Vec<Unknown>) {
    let unknown = |what, name: &str, near: Option<&str>| Unknown {
        what,
        name: name.to_owned(),
        near: near.map(str::to_owned),
        at: expr.at,
    };
    match &expr.kind {
        Kind::Const(_) | Kind::Var(_) => {}
        Kind::Not(of) | Kind::Neg(of) | Kind::Attr(of, _) => expr_names(of, out),
        Kind::Bin(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) | Kind::Item(a, b) => {
            expr_names(a, out);
            expr_names(b, out);
        }
        Kind::Compare(first, rest) => {
            expr_names(first, out);
            rest.iter().for_each(|(_, expr)| expr_names(expr, out));
        }
        Kind::If { test, then, or } => {
            expr_names(test, out);
            expr_names(then, out);
            or.iter().for_each(|or| expr_names(or, out));
        }
        Kind::Filter { name, subject, args } => {
            subject.iter().for_each(|subject| expr_names(subject, out));
            if filters::find(name).is_none() {
                out.push(unknown("filter", name, nearest(name, filters::names())));
            }
            if matches!(&**name, "map" | "select" | "reject" | "selectattr" | "rejectattr") {
                plugin_named(name, args, &unknown, out);
            }
            args_names(args, out);
        }
        Kind::Test { name, subject, args } => {
            expr_names(subject, out);
            if tests::find(name).is_none() {
                out.push(unknown("test", name, nearest(name, tests::names())));
            }
            args_names(args, out);
        }
        Kind::Slice(of, parts) => {
            expr_names(of, out);
            parts.iter().flatten().for_each(|part| expr_names(part, out));
        }
        Kind::Call(of, args) => {
            expr_names(of, out);
            if matches!(&of.kind, Kind::Var(name) if matches!(&**name, "lookup" | "query" | "q"))
                && let Some(name) = args.first().and_then(constant_text)
            {
                let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
                if !lookups::names().any(|known| known == name) {
                    out.push(unknown("lookup", name, nearest(name, lookups::names())));
                }
            }
            args_names(args, out);
        }
        Kind::List(items) | Kind::Tuple(items) => items.iter().for_each(|item| expr_names(item, out)),
        Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            expr_names(key, out);
            expr_names(value, out);
        }),
    }
}

/// Filters and tests named by text: `map('basename')`, `selectattr('x', 'defined')`.
fn plugin_named(
    filter: &str,
    args: &[Arg],
    unknown: &impl Fn(&'static str, &str, Option<&str>) -> Unknown,
    out: &mut Vec<Unknown>,
) {
    let Some(name) = args.get(usize::from(filter.ends_with("attr"))).and_then(constant_text) else { return };
    let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    if filter == "map" {
        if filters::find(name).is_none() {
            out.push(unknown("filter", name, nearest(name, filters::names())));
        }
    } else if tests::find(name).is_none() {
        out.push(unknown("test", name, nearest(name, tests::names())));
    }
}

fn args_names(args: &[Arg], out: &mut Vec<Unknown>) {
    for arg in args {
        match arg {
            Arg::Pos(expr) | Arg::Named(_, expr) | Arg::Spread(expr) | Arg::SpreadNamed(expr) => expr_names(expr, out),
        }
    }
}

/// Names that exist without any variable, for checks of variables elsewhere.
pub fn global_names() -> &'static [&'static str] {
    globals::NAMES
}
