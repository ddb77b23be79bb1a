#![doc = include_str!("../README.md")]
//! # Reading order
//!
//! `service` (a file for each noun of the contracts) → `convert` (what is checked of a request) → `domain` → `store`
//! (the port, an adapter for SQLite and one for PostgreSQL, the suite both pass); beside them `search` and `import`.

pub mod audit;
mod cache;
mod config;
mod convert;
pub mod domain;
mod error;
mod events;
mod import;
mod picture;
mod policy;
pub mod search;
mod service;
mod start;
pub mod store;

pub use config::Config;
pub use policy::POLICY;
pub use start::{FAIL_POINTS, start};
