//! Methods of Python's text, lists, mappings, dates and lengths of time, as templates call them.

mod arguments;
mod bind;
mod dates;
mod lists;
mod maps;
mod text;

pub(super) use bind::{bind, call, has};
pub(super) use maps::pairs;
pub(super) use text::capitalize;
