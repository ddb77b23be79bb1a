//! The REST API over services that answer as a test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod auth;
mod carts;
mod catalogue;
mod document;
mod fakes;
mod harness;
mod orders;
