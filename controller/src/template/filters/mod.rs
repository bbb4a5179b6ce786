//! Filters: one file a group, one table a file.

mod addresses;
pub(super) mod crypt;
mod data;
mod dicts;
mod encoding;
mod hashes;
mod lists;
mod mersenne;
mod numbers;
mod paths;
mod queries;
mod random;
mod regexes;
mod select;
mod sets;
mod table;
mod text;
mod times;
mod types;

pub(super) use dicts::each_subelement;
pub(super) use lists::{cross, rows_of};
pub(super) use mersenne::Mersenne;
pub(super) use paths::{glob, matches};
pub(super) use random::below;
pub(super) use table::{Filter, find, names};

/// All groups.
const GROUPS: &[&[(&str, Filter)]] = &[
    types::FILTERS,
    text::FILTERS,
    regexes::FILTERS,
    lists::FILTERS,
    sets::FILTERS,
    select::FILTERS,
    dicts::FILTERS,
    numbers::FILTERS,
    random::FILTERS,
    paths::FILTERS,
    data::FILTERS,
    hashes::FILTERS,
    queries::FILTERS,
    addresses::FILTERS,
    times::FILTERS,
];
