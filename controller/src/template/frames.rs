//! The names a template gives itself, and what it has written so far.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::text;
use super::val::Val;
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
        self.0
            .iter()
            .rev()
            .find_map(|frame| frame.borrow().iter().find(|(own, _)| **own == *name).map(|(_, value)| value.clone()))
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
    pub(super) fn push(&mut self, interpreter: &Interpreter<'_>, value: Val) -> Outcome<()> {
        let value = match value {
            Val::Undefined(missing) if missing.silent => Val::from(""),
            value => value.defined()?,
        };
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

    pub(super) fn finish(self) -> Val {
        if self.many { Val::from(self.text) } else { self.first.unwrap_or(Val::Null) }
    }
}

/// Jinja drops the last newline of a template; a text result gets back those it lacks.
pub(super) fn with_newlines(value: Val, wanted: usize) -> Val {
    match value {
        Val::Str(text) if wanted > 0 => {
            let present = text.len() - text.trim_end_matches('\n').len();
            if present >= wanted {
                Val::Str(text)
            } else {
                Val::from(format!("{text}{}", "\n".repeat(wanted - present)))
            }
        }
        other => other,
    }
}
