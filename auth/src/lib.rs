#![doc = include_str!("../README.md")]
//! ## The modules, lowest first
//!
//! [`config`], `domain` (types and decisions), `fail_points`, `policy`, `hasher` → `store` (the port, an adapter for SQLite and
//! one for MongoDB, its contract) → `auth` (what the handlers share) → `convert` (requests and answers) → `service` (a handler
//! file for each noun) → `start`.

mod auth;
pub mod config;
mod convert;
mod domain;
mod fail_points;
mod hasher;
mod policy;
mod service;
mod start;
mod store;

pub use self::{auth::Auth, config::Config, fail_points::FAIL_POINTS, policy::POLICY, start::start};
