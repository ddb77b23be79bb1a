//! What the service asks of its store. One method is one atomic business step, so no transaction leaks out, and each is
//! possible on single documents alone: compare-and-set on a version, guarded updates, unique indexes.

#[cfg(test)]
mod contract;
pub mod mongo;
pub mod orders;
pub mod sqlite;
pub mod webhooks;

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use comptoir_mesh::{Error, env::Store};
use jiff::Timestamp;

use crate::domain::{
    cart::{Cart, Claim, Claimed},
    discount::{Counted, Discount, Use},
};

pub use self::{orders::OrderStore, webhooks::WebhookStore};

/// Everything the service keeps.
#[derive(Clone)]
pub struct Stores {
    pub carts: Arc<dyn CartStore>,
    pub discounts: Arc<dyn DiscountStore>,
    pub orders: Arc<dyn OrderStore>,
    pub webhooks: Arc<dyn WebhookStore>,
}

/// Opens the stores where the settings say.
pub async fn open(location: &Store) -> anyhow::Result<Stores> {
    match location {
        Store::Sqlite(file) => sqlite::open(file).await.context("COMPTOIR_ORDERS_STORE"),
        Store::Server(server) => mongo::open(server).await,
    }
}

/// Carts, a document each.
#[async_trait]
pub trait CartStore: Send + Sync {
    /// Adds a cart, whose id is new.
    async fn insert_cart(&self, cart: &Cart) -> Result<(), Error>;

    /// Reads a cart.
    async fn cart(&self, id: &str) -> Result<Option<Cart>, Error>;

    /// The customer's newest open cart: not one that is being ordered, was placed, or went into another.
    async fn active_cart(&self, customer_id: &str) -> Result<Option<Cart>, Error>;

    /// Replaces the cart if its version still is `cart.version - 1`, and says whether it did.
    async fn replace_cart(&self, cart: &Cart) -> Result<bool, Error>;

    /// Writes the claim while the cart has none: [`Cart::try_claim`] as one atomic step.
    async fn claim_cart(&self, id: &str, claim: &Claim) -> Result<Claimed, Error>;

    /// Takes the claim off that stands for `order_id`, if it does and the order was not placed, and says whether it did.
    /// `used`: the key had a definite refusal and stays used; otherwise the claim leaves no trace.
    async fn release_claim(
        &self,
        id: &str,
        order_id: &str,
        used: bool,
        now: Timestamp,
    ) -> Result<bool, Error>;

    /// Notes for good that the claim's order was placed. `false` when the cart has no claim for it, or has it noted already.
    async fn mark_ordered(&self, id: &str, order_id: &str, now: Timestamp) -> Result<bool, Error>;

    /// Carts claimed before `before` and neither placed nor released, oldest claim first.
    async fn claimed_carts(&self, before: Timestamp, limit: usize) -> Result<Vec<Cart>, Error>;
}

/// Discounts, a document each with its uses.
#[async_trait]
pub trait DiscountStore: Send + Sync {
    /// Adds a discount; `false` when its code is another's, without regard to case.
    async fn insert_discount(&self, discount: &Discount) -> Result<bool, Error>;

    /// Reads a discount.
    async fn discount(&self, id: &str) -> Result<Option<Counted>, Error>;

    /// Reads the discount of each code there is, and how often it was used under any of these names of a customer. The codes
    /// are folded.
    async fn discounts_by_code(&self, codes: &[String], customers: &[String]) -> Result<Vec<Found>, Error>;

    /// Replaces what a discount says if its version still is `discount.version - 1`. Its uses stay.
    async fn replace_discount(&self, discount: &Discount) -> Result<Replaced, Error>;

    /// Removes a discount and gives it as it was.
    async fn delete_discount(&self, id: &str) -> Result<Option<Counted>, Error>;

    /// Discounts, newest first.
    async fn discounts(&self, page: &DiscountPage) -> Result<(Vec<Counted>, i64), Error>;

    /// Counts the discount for an order, in one guarded update: if it counts already that is that, else if the limits
    /// (of all uses and of this customer's) allow one more. `customers` are the names of one customer, the first being the
    /// user's id, or a guest's normalised e-mail: the use counts under each, and a use under any of them is the customer's.
    async fn use_discount(&self, id: &str, order_id: &str, customers: &[String]) -> Result<Use, Error>;

    /// Takes an order's use back; repeating it changes nothing. An order without one is noted, so that a use that comes
    /// late is [`Use::GivenBack`].
    async fn give_back_discount(&self, id: &str, order_id: &str) -> Result<(), Error>;
}

/// A discount found by its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub discount: Discount,
    pub times_used: i64,
    /// Under any name of the customer asked about; 0 without one.
    pub times_used_by_customer: i64,
}

/// The result of replacing a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    Done,
    /// A conflict, or it was deleted: read it again.
    Stale,
    /// The new code is another discount's.
    CodeTaken,
}

/// Which discounts to list.
#[derive(Clone, Debug, Default)]
pub struct DiscountPage {
    /// Part of a code, folded; empty is all.
    pub query: String,
    /// Behind which (created at, id) to go on.
    pub after: Option<(Timestamp, String)>,
    pub limit: usize,
}

/// An order, with the data stored with its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The document.
    pub order: crate::domain::order::Order,
    /// Its revenue in reports, in minor units.
    pub revenue: i64,
    /// The sequences of its unpublished events, in order.
    pub waiting: Vec<i64>,
}
