//! Types that are valid by construction, and rules over them. No async, no transport, no store.

pub mod address;
pub mod cart;
pub mod delivery;
pub mod discount;
pub mod edit;
pub mod order;
mod order_contents;
mod order_fulfillment;
mod order_payment;
mod order_requests;
mod order_state;
pub mod pricing;
pub mod tax;
pub mod webhook;
