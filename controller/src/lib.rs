//! The Luthier controller, room by room in reading order.

pub mod cli;

pub mod compare;
pub mod draw;
pub mod history;
pub mod output;
pub mod plan;
pub mod rollout;

pub mod catalog;
pub mod session;
pub mod template;

pub mod config;
pub mod inventory;
pub mod playbook;
pub mod vault;

pub mod event;
pub mod yaml;
