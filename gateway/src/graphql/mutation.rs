//! The root of mutations.

use async_graphql::MergedObject;

use super::account::AccountMutation;
use super::cart_mutations::CartMutation;
use super::checkout::CheckoutMutation;
use super::delivery::DeliveryMutation;
use super::discount::DiscountMutation;
use super::order_mutations::OrderMutation;
use super::product_inputs::{CategoryMutation, ProductMutation};
use super::stock::StockMutation;

/// Everything that changes something. Expected refusals are `userErrors`; everything else is an error.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    AccountMutation,
    CartMutation,
    CheckoutMutation,
    OrderMutation,
    ProductMutation,
    CategoryMutation,
    StockMutation,
    DiscountMutation,
    DeliveryMutation,
);
