//! The service through its generated clients, in process: a file for each behaviour.

extern crate comptoir_mesh as mesh;

mod attach;
mod carts;
mod discounts;
mod ordering;
#[path = "../support/mod.rs"]
mod support;
mod update;
