#![doc = include_str!("../README.md")]
//! # Reading order
//!
//! `service` (a file for each noun of the contracts) → `convert` (what is checked of a request) → `carts` (what buyers do to
//! them) → `quote` (what they come to) → `checkout` (how one becomes an order) → `payment` (the port to providers) → `domain`
//! → `store` (the port, an adapter for SQLite and one for MongoDB, the suite every adapter passes).

extern crate comptoir_mesh as mesh;

mod accounts;
pub mod audit;
mod cancel;
mod carts;
mod checkout;
mod config;
mod convert;
#[cfg(test)]
mod crash_tests;
pub mod domain;
mod drive;
mod fulfill;
mod keys;
#[cfg(test)]
mod lease_tests;
mod machine;
mod outbox;
pub mod payment;
#[cfg(test)]
mod peer_tests;
mod points;
mod policy;
mod quote;
mod refund;
mod requests;
mod sales;
mod service;
mod start;
pub mod store;
#[cfg(test)]
#[path = "../tests/support"]
mod support {
    pub(crate) mod mongo;
}
mod sweeper;
mod watch;
mod webhooks;

pub use config::{Config, StripeSettings};
pub use points::FAIL_POINTS;
pub use policy::POLICY;
pub use start::{Peers, start};
