//! Jinja tests (`x is defined`): one file a group, one table a file.

mod compare;
mod files;
mod results;
mod table;
mod types;
mod versions;

pub(super) use table::{find, names};

/// All groups.
const GROUPS: &[&[(&str, table::Test)]] =
    &[types::TESTS, compare::TESTS, results::TESTS, versions::TESTS, files::TESTS];
