#![doc = include_str!("../README.md")]
//! # The modules, lowest first
//!
//! - [`audit`] (the checks of a stopped catalog's books), `config`, [`domain`], `error`, `fail_points`, `policy`
//! - `convert`: checks a request and converts between messages and domain types
//! - `picture`: decodes uploaded pictures
//! - `events`: the catalog's domain events
//! - [`store`]: the port, its adapters for SQLite and PostgreSQL, and the suite that both pass
//! - `cache`: products in memory
//! - `import`: product files in CSV
//! - [`search`]: the index in memory
//! - `service`: the gRPC handlers, a file for each noun of the contracts
//! - `start`: puts the service together

pub mod audit;
mod cache;
mod config;
mod convert;
pub mod domain;
mod error;
mod events;
mod fail_points;
mod import;
mod picture;
mod policy;
pub mod search;
mod service;
mod start;
pub mod store;

pub use config::Config;
pub use fail_points::FAIL_POINTS;
pub use policy::POLICY;
pub use start::start;
