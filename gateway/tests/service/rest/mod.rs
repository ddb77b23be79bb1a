//! The REST API over fake services.

mod admin;
mod auth;
mod carts;
mod catalogue;
mod document;
mod orders;
