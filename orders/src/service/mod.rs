//! The gRPC handlers, a file for each noun: who calls, what is asked, one call, the answer.

mod cart;
mod discount;
mod order;
mod payment;
mod sandbox;

pub(crate) use self::{
    cart::CartHandler, discount::DiscountHandler, order::OrderHandler, payment::PaymentHandler,
    sandbox::SandboxHandler,
};
