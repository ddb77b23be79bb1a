//! The REST API over services that answer as a test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod auth;
mod carts;
mod catalogue;
mod document;
#[path = "../support/fakes.rs"]
#[expect(dead_code, reason = "the tests of the schema use the rest")]
mod fakes;
mod harness;
mod orders;
