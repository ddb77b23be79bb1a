#![doc = include_str!("../README.md")]
//! ## The modules, lowest first
//!
//! `domain` (types and decisions) → `config`, `policy`, `fail_points` → `store` (the ports, an adapter for SQLite and one for
//! MongoDB, the contract of both) → `audit` → `keys` (ids and tokens derived from a secret) → `accounts`, `quote` (prices) →
//! `convert` (requests and answers) → `payment` (the port to providers) → `carts` → `engine` (moves an order from step to step) →
//! `sales`, `webhooks` → `service` (a handler file for each noun) → `start`.

mod accounts;
pub mod audit;
mod carts;
mod config;
mod convert;
pub mod domain;
mod engine;
mod fail_points;
mod keys;
pub mod payment;
mod policy;
mod quote;
mod sales;
mod service;
mod start;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod webhooks;

pub use self::{
    config::{Config, StripeSettings},
    fail_points::FAIL_POINTS,
    policy::POLICY,
    start::{Peers, start},
};
