//! The door to minijinja: its lexer and parser read Jinja2, and its syntax tree becomes a [`Program`] here.
//!
//! Only the front half of minijinja is used. Its virtual machine cannot be told Ansible's rules: undefined names that may be
//! chained but not used, results that keep their type, lists that `append` changes, comparisons of unlike types that fail,
//! variables that are templates themselves. The interpreter beside this file knows them.

use super::error::{Fault, Outcome};
use super::literal::{self, Delimiters};
use super::node::{Arg, At, Bin, Cmp, Expr, For, Kind, Macro, Program, Stmt, Target};
use crate::yaml::Value;
use minijinja::machinery::{Span, ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;
use std::sync::Arc;

/// How a text is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Syntax {
    pub(super) delimiters: Delimiters,
    pub(super) trim_blocks: bool,
    pub(super) lstrip_blocks: bool,
    /// Template files: Python's escapes in string literals.
    pub(super) python_escapes: bool,
}

impl Default for Syntax {
    /// That of playbook values.
    fn default() -> Self {
        Self { delimiters: Delimiters::default(), trim_blocks: true, lstrip_blocks: false, python_escapes: false }
    }
}

impl Syntax {
    fn config(&self) -> Outcome<SyntaxConfig> {
        let Delimiters { block, variable, comment } = &self.delimiters;
        SyntaxConfig::builder()
            .block_delimiters(block.0.clone(), block.1.clone())
            .variable_delimiters(variable.0.clone(), variable.1.clone())
            .comment_delimiters(comment.0.clone(), comment.1.clone())
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            .keep_trailing_newline(false)
            .build()
            .map_err(|error| Fault::syntax(error.to_string()))
    }
}

/// Compiles a template.
pub(super) fn template(source: &str, syntax: &Syntax) -> Outcome<Program> {
    let hidden = literal::hide(source, &syntax.delimiters);
    let text = hidden.as_deref().unwrap_or(source);
    let tree = parse(text, "template", syntax.config()?).map_err(|error| fault(&error, text))?;
    let lower = Lower { python_escapes: syntax.python_escapes };
    let body = match &tree {
        ast::Stmt::Template(root) => lower.body(&root.children)?,
        other => vec![lower.stmt(other)?],
    };
    Ok(Program { body, trailing_newlines: source.len() - source.trim_end_matches('\n').len() })
}

/// Compiles an expression without delimiters.
pub(super) fn expression(source: &str) -> Outcome<Expr> {
    let hidden = literal::hide_expression(source);
    let text = hidden.as_deref().unwrap_or(source);
    let tree = parse_expr(text).map_err(|error| fault(&error, text))?;
    Lower { python_escapes: false }.expr(&tree)
}

fn fault(error: &minijinja::Error, text: &str) -> Fault {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let fault = Fault::syntax(format!("syntax error in template: {message}"));
    let offset = error.range().map(|range| range.start);
    match (offset.and_then(|offset| text.get(..offset)), error.line()) {
        (Some(before), _) => {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            fault.at((line, column))
        }
        (None, Some(line)) => fault.at((line, 1)),
        (None, None) => fault,
    }
}

struct Lower {
    python_escapes: bool,
}

fn at(span: Span) -> At {
    (usize::from(span.start_line), usize::from(span.start_col) + 1)
}

impl Lower {
    fn body(&self, stmts: &[ast::Stmt<'_>]) -> Outcome<Vec<Stmt>> {
        stmts.iter().map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&self, stmt: &ast::Stmt<'_>) -> Outcome<Stmt> {
        Ok(match stmt {
            ast::Stmt::Template(node) => Stmt::Scoped(self.body(&node.children)?),
            ast::Stmt::EmitExpr(node) => Stmt::Emit(self.expr(&node.expr)?),
            ast::Stmt::EmitRaw(node) => Stmt::Text(node.raw.into()),
            ast::Stmt::ForLoop(node) => Stmt::For(Arc::new(For {
                target: self.target(&node.target)?,
                iter: self.expr(&node.iter)?,
                filter: node.filter_expr.as_ref().map(|expr| self.expr(expr)).transpose()?,
                recursive: node.recursive,
                body: self.body(&node.body)?,
                or: self.body(&node.else_body)?,
            })),
            ast::Stmt::IfCond(node) => Stmt::If {
                test: self.expr(&node.expr)?,
                then: self.body(&node.true_body)?,
                or: self.body(&node.false_body)?,
            },
            ast::Stmt::WithBlock(node) => Stmt::With {
                bind: node
                    .assignments
                    .iter()
                    .map(|(target, value)| Ok((self.target(target)?, self.expr(value)?)))
                    .collect::<Outcome<_>>()?,
                body: self.body(&node.body)?,
            },
            ast::Stmt::Set(node) => Stmt::Set { target: self.target(&node.target)?, value: self.expr(&node.expr)? },
            ast::Stmt::SetBlock(node) => Stmt::SetBlock {
                target: self.target(&node.target)?,
                filter: node.filter.as_ref().map(|expr| self.expr(expr)).transpose()?,
                body: self.body(&node.body)?,
            },
            // Nothing is escaped for HTML here, so the switch has nothing to switch.
            ast::Stmt::AutoEscape(node) => Stmt::Scoped(self.body(&node.body)?),
            ast::Stmt::FilterBlock(node) => {
                Stmt::FilterBlock { filter: self.expr(&node.filter)?, body: self.body(&node.body)? }
            }
            ast::Stmt::Block(node) => Stmt::Block { name: node.name.into(), body: Arc::new(self.body(&node.body)?) },
            ast::Stmt::Extends(node) => Stmt::Extends(self.expr(&node.name)?),
            ast::Stmt::Include(node) => {
                Stmt::Include { name: self.expr(&node.name)?, ignore_missing: node.ignore_missing }
            }
            ast::Stmt::Import(node) => Stmt::Import { name: self.expr(&node.expr)?, target: self.target(&node.name)? },
            ast::Stmt::FromImport(node) => Stmt::FromImport {
                name: self.expr(&node.expr)?,
                names: node
                    .names
                    .iter()
                    .filter_map(|(name, alias)| {
                        let name = var_name(name)?;
                        Some((name.into(), alias.as_ref().and_then(var_name).unwrap_or(name).into()))
                    })
                    .collect(),
            },
            ast::Stmt::Macro(node) => Stmt::Macro(self.macro_of(node)?),
            ast::Stmt::CallBlock(node) => Stmt::CallBlock {
                call: self.call(&node.call, node.call.span())?,
                caller: self.macro_of(&node.macro_decl)?,
            },
            ast::Stmt::Continue(_) => Stmt::Continue,
            ast::Stmt::Break(_) => Stmt::Break,
            ast::Stmt::Do(node) => Stmt::Do(self.call(&node.call, node.call.span())?),
        })
    }

    fn macro_of(&self, node: &ast::Macro<'_>) -> Outcome<Arc<Macro>> {
        let plain = node.args.len().saturating_sub(node.defaults.len());
        let mut params = Vec::with_capacity(node.args.len());
        for (index, name) in node.args.iter().enumerate() {
            let default = index.checked_sub(plain).and_then(|index| node.defaults.get(index));
            params.push((var_name(name).unwrap_or_default().into(), default.map(|expr| self.expr(expr)).transpose()?));
        }
        Ok(Arc::new(Macro { name: node.name.into(), params, body: self.body(&node.body)? }))
    }

    fn target(&self, expr: &ast::Expr<'_>) -> Outcome<Target> {
        Ok(match expr {
            ast::Expr::Var(var) => Target::Name(var.id.into()),
            ast::Expr::GetAttr(attr) => Target::Attr(Box::new(self.expr(&attr.expr)?), attr.name.into()),
            ast::Expr::List(list) => {
                Target::Unpack(list.items.iter().map(|item| self.target(item)).collect::<Outcome<_>>()?)
            }
            ast::Expr::Tuple(tuple) => {
                Target::Unpack(tuple.items.iter().map(|item| self.target(item)).collect::<Outcome<_>>()?)
            }
            other => {
                return Err(Fault::syntax(format!("cannot assign to a {}", other.description())).at(at(other.span())));
            }
        })
    }

    fn boxed(&self, expr: &ast::Expr<'_>) -> Outcome<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn list(&self, items: &[ast::Expr<'_>]) -> Outcome<Vec<Expr>> {
        items.iter().map(|item| self.expr(item)).collect()
    }

    fn call(&self, call: &ast::Call<'_>, span: Span) -> Outcome<Expr> {
        Ok(Expr { at: at(span), kind: Kind::Call(self.boxed(&call.expr)?, self.args(&call.args)?) })
    }

    fn args(&self, args: &[ast::CallArg<'_>]) -> Outcome<Vec<Arg>> {
        args.iter()
            .map(|arg| {
                Ok(match arg {
                    ast::CallArg::Pos(expr) => Arg::Pos(self.expr(expr)?),
                    ast::CallArg::Kwarg(name, expr) => Arg::Named((*name).into(), self.expr(expr)?),
                    ast::CallArg::PosSplat(expr) => Arg::Spread(self.expr(expr)?),
                    ast::CallArg::KwargSplat(expr) => Arg::SpreadNamed(self.expr(expr)?),
                })
            })
            .collect()
    }

    fn expr(&self, expr: &ast::Expr<'_>) -> Outcome<Expr> {
        let place = at(expr.span());
        let kind = match expr {
            ast::Expr::Var(node) => Kind::Var(node.id.into()),
            ast::Expr::Const(node) => Kind::Const(self.constant(&node.value).map_err(|fault| fault.at(place))?),
            ast::Expr::Slice(node) => {
                let part = |part: &Option<ast::Expr<'_>>| part.as_ref().map(|expr| self.boxed(expr)).transpose();
                Kind::Slice(self.boxed(&node.expr)?, [part(&node.start)?, part(&node.stop)?, part(&node.step)?])
            }
            ast::Expr::UnaryOp(node) => {
                let operand = self.boxed(&node.expr)?;
                match node.op {
                    ast::UnaryOpKind::Not => Kind::Not(operand),
                    ast::UnaryOpKind::Neg => Kind::Neg(operand),
                }
            }
            ast::Expr::BinOp(node) => self.binary(node)?,
            ast::Expr::Compare(node) => Kind::Compare(
                self.boxed(&node.expr)?,
                node.ops.iter().map(|op| Ok((compare(op.op), self.expr(&op.expr)?))).collect::<Outcome<_>>()?,
            ),
            ast::Expr::IfExpr(node) => Kind::If {
                test: self.boxed(&node.test_expr)?,
                then: self.boxed(&node.true_expr)?,
                or: node.false_expr.as_ref().map(|expr| self.boxed(expr)).transpose()?,
            },
            ast::Expr::Filter(node) => Kind::Filter {
                name: plain_name(node.name),
                subject: node.expr.as_ref().map(|expr| self.boxed(expr)).transpose()?,
                args: self.args(&node.args)?,
            },
            ast::Expr::Test(node) => Kind::Test {
                name: plain_name(node.name),
                subject: self.boxed(&node.expr)?,
                args: self.args(&node.args)?,
            },
            ast::Expr::GetAttr(node) => Kind::Attr(self.boxed(&node.expr)?, node.name.into()),
            ast::Expr::GetItem(node) => Kind::Item(self.boxed(&node.expr)?, self.boxed(&node.subscript_expr)?),
            ast::Expr::Call(node) => return self.call(node, node.span()),
            ast::Expr::List(node) => Kind::List(self.list(&node.items)?),
            ast::Expr::Tuple(node) => Kind::Tuple(self.list(&node.items)?),
            ast::Expr::Map(node) => Kind::Map(
                node.keys
                    .iter()
                    .zip(&node.values)
                    .map(|(key, value)| Ok((self.expr(key)?, self.expr(value)?)))
                    .collect::<Outcome<_>>()?,
            ),
        };
        Ok(Expr { at: place, kind })
    }

    fn binary(&self, node: &ast::BinOp<'_>) -> Outcome<Kind> {
        use ast::BinOpKind as Op;
        let left = self.boxed(&node.left)?;
        let right = self.boxed(&node.right)?;
        let compare = |op, left, right: Box<Expr>| Ok(Kind::Compare(left, vec![(op, *right)]));
        let op = match node.op {
            Op::Eq => return compare(Cmp::Eq, left, right),
            Op::Ne => return compare(Cmp::Ne, left, right),
            Op::Lt => return compare(Cmp::Lt, left, right),
            Op::Lte => return compare(Cmp::Le, left, right),
            Op::Gt => return compare(Cmp::Gt, left, right),
            Op::Gte => return compare(Cmp::Ge, left, right),
            Op::In => return compare(Cmp::In, left, right),
            Op::ScAnd => return Ok(Kind::And(left, right)),
            Op::ScOr => return Ok(Kind::Or(left, right)),
            Op::Add => Bin::Add,
            Op::Sub => Bin::Sub,
            Op::Mul => Bin::Mul,
            Op::Div => Bin::Div,
            Op::FloorDiv => Bin::FloorDiv,
            Op::Rem => Bin::Rem,
            Op::Pow => Bin::Pow,
            Op::Concat => Bin::Concat,
        };
        Ok(Kind::Bin(op, left, right))
    }

    fn constant(&self, value: &minijinja::Value) -> Outcome<Value> {
        use minijinja::value::ValueKind;
        Ok(match value.kind() {
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::Number if value.is_integer() => {
                i128::try_from(value.clone()).map(Value::Int).map_err(|_| Fault::syntax("whole number is too large"))?
            }
            ValueKind::Number => Value::Float(f64::try_from(value.clone()).map_err(|e| Fault::syntax(e.to_string()))?),
            ValueKind::String => Value::str(literal::read(value.as_str().unwrap_or_default(), self.python_escapes)?),
            _ => Value::Null,
        })
    }
}

fn compare(op: ast::CompareOpKind) -> Cmp {
    match op {
        ast::CompareOpKind::Eq => Cmp::Eq,
        ast::CompareOpKind::Ne => Cmp::Ne,
        ast::CompareOpKind::Lt => Cmp::Lt,
        ast::CompareOpKind::Lte => Cmp::Le,
        ast::CompareOpKind::Gt => Cmp::Gt,
        ast::CompareOpKind::Gte => Cmp::Ge,
        ast::CompareOpKind::In => Cmp::In,
        ast::CompareOpKind::NotIn => Cmp::NotIn,
    }
}

fn var_name<'a>(expr: &ast::Expr<'a>) -> Option<&'a str> {
    match expr {
        ast::Expr::Var(var) => Some(var.id),
        _ => None,
    }
}

/// Filters and tests of Ansible itself may be written with their collection's name.
fn plain_name(name: &str) -> Arc<str> {
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(&name).into()
}
