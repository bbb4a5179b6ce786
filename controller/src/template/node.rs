//! A compiled template: what the interpreter walks. It owns its text, so that it can be kept and shared.

use crate::yaml::Value;
use std::sync::Arc;

/// Line and column in the template's text, from 1.
pub(super) type At = (usize, usize);

/// A compiled template.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) body: Vec<Stmt>,
    /// Newlines at the end of the source: a text result gets them back.
    pub(super) trailing_newlines: usize,
}

#[derive(Debug)]
pub(super) enum Stmt {
    Text(Arc<str>),
    Emit(Expr),
    For(Arc<For>),
    If { test: Expr, then: Vec<Stmt>, or: Vec<Stmt> },
    With { bind: Vec<(Target, Expr)>, body: Vec<Stmt> },
    Set { target: Target, value: Expr },
    SetBlock { target: Target, filter: Option<Expr>, body: Vec<Stmt> },
    FilterBlock { filter: Expr, body: Vec<Stmt> },
    Scoped(Vec<Stmt>),
    Block { name: Arc<str>, body: Arc<Vec<Stmt>> },
    Extends(Expr),
    Include { name: Expr, ignore_missing: bool },
    Import { name: Expr, target: Target },
    FromImport { name: Expr, names: Vec<(Arc<str>, Arc<str>)> },
    Macro(Arc<Macro>),
    CallBlock { call: Expr, caller: Arc<Macro> },
    Continue,
    Break,
    Do(Expr),
}

#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) iter: Expr,
    pub(super) filter: Option<Expr>,
    pub(super) recursive: bool,
    pub(super) body: Vec<Stmt>,
    pub(super) or: Vec<Stmt>,
}

#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: Arc<str>,
    /// Names; the last ones may have defaults.
    pub(super) params: Vec<(Arc<str>, Option<Expr>)>,
    pub(super) body: Vec<Stmt>,
}

/// What is assigned to.
#[derive(Debug)]
pub(super) enum Target {
    Name(Arc<str>),
    Attr(Box<Expr>, Arc<str>),
    Unpack(Vec<Target>),
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) at: At,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Var(Arc<str>),
    Const(Value),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    Bin(Bin, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Cmp, Expr)>),
    If {
        test: Box<Expr>,
        then: Box<Expr>,
        or: Option<Box<Expr>>,
    },
    /// `subject` is `None` inside `{% filter %}`.
    Filter {
        name: Arc<str>,
        subject: Option<Box<Expr>>,
        args: Vec<Arg>,
    },
    Test {
        name: Arc<str>,
        subject: Box<Expr>,
        args: Vec<Arg>,
    },
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Call(Box<Expr>, Vec<Arg>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

#[derive(Debug)]
pub(super) enum Arg {
    Pos(Expr),
    Named(Arc<str>, Expr),
    Spread(Expr),
    SpreadNamed(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bin {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}
