//! Lookups: what a template fetches from the controller. One file a group, one table a file.

mod call;
mod environment;
mod files;
mod lists;
mod password;
mod sequence;
mod tables;
mod variables;

pub(super) use call::{lookup, names};

/// All groups.
const GROUPS: &[&[(&str, call::Lookup)]] = &[
    files::LOOKUPS,
    environment::LOOKUPS,
    variables::LOOKUPS,
    lists::LOOKUPS,
    sequence::LOOKUPS,
    tables::LOOKUPS,
    password::LOOKUPS,
];
