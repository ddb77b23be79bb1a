//! `/store`: what a shop's front needs.

pub(crate) mod cart_input;
pub(crate) mod carts;
pub(crate) mod complete;
pub(crate) mod events;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod shop;
