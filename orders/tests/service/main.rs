//! The service through its generated clients, in process: a file for each behaviour.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

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
mod support;
mod update;
mod webhooks;
