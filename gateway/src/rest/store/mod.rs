//! `/store`: the routes of a storefront.

pub(crate) mod cart_input;
pub(crate) mod carts;
pub(crate) mod complete;
pub(crate) mod events;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod shop;
