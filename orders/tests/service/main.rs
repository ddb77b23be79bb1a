//! The service through its generated clients, in process: a file for each behaviour.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

extern crate comptoir_mesh as mesh;

mod access;
mod accounts;
mod after_sale;
mod attach;
mod carts;
mod checkout;
mod discounts;
mod ordering;
mod payments;
mod stripe;
mod stripe_mock;
#[path = "../support/mod.rs"]
mod support;
mod update;
mod webhooks;
