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

/// All writes. Expected refusals are in `userErrors`; other failures are errors.
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
