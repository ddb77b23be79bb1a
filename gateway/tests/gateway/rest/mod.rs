//! The REST API over services that answer as a test says.

mod admin;
mod auth;
mod carts;
mod catalogue;
mod document;
mod orders;
