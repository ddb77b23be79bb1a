//! What the service asks of the store of its orders: a document each, replaced by compare-and-set, with the events that
//! announce a change kept in the same atomic write.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_proto::orders::v1::{FulfillmentStatus, PaymentStatus};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::order::{Order, State};

/// Orders, a document each, and the events that wait to be published.
#[async_trait]
pub trait OrderStore: Send + Sync {
    /// Adds an order with its events, and says whether it did: `false` when the id is there already.
    async fn insert_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error>;

    /// Replaces the order if its revision still is `order.revision - 1`, adds the events in the same write, and says whether
    /// it did.
    async fn replace_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error>;

    /// Reads an order.
    async fn order(&self, id: &str) -> Result<Option<Order>, Error>;

    /// Ids of orders that are due at `now`, the longest waiting first.
    async fn due_orders(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, Error>;

    /// How many orders of this client address hold units and await a bank's action.
    async fn awaiting_holds(&self, client_address: &str) -> Result<u64, Error>;

    /// A page of orders, newest first, and how many there are in all pages.
    async fn orders(&self, page: &OrderPage) -> Result<(Vec<Order>, i64), Error>;

    /// What was sold by orders placed from `from` to before `to`, but for those that were canceled.
    async fn sales(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Sale>, Error>;

    /// Takes `count` order numbers for good, and gives the first of them; no other caller ever gets one of them.
    async fn take_numbers(&self, count: u32) -> Result<u64, Error>;

    /// The secret of this name: `candidate`, unless one is there already.
    async fn secret(&self, name: &str, candidate: &[u8]) -> Result<Vec<u8>, Error>;

    /// The oldest events that were not published, those of one order in the order of their sequence, and none of an order
    /// whose earlier ones are left out.
    async fn pending_events(&self, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Notes that these (order id, sequence) were published.
    async fn events_done(&self, published: &[(String, u64)]) -> Result<(), Error>;

    /// As `Outbox::lease`.
    async fn lease_events(&self, _holder: &str, _for: Duration) -> Result<bool, Error> {
        Ok(true)
    }

    /// Notified after a commit that wrote events.
    fn events_changed(&self) -> Arc<Notify>;
}

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Begins with `evt_`.
    pub id: String,
    /// The order's.
    pub order_id: String,
    /// Counts the order's events from 1 without gaps.
    pub sequence: u64,
    /// The encoded `OrderEvent`.
    pub payload: Bytes,
}

/// Which orders to list.
#[derive(Debug, Clone, Default)]
pub struct OrderPage {
    /// Without one, only orders that were PLACED once.
    pub state: Option<State>,
    /// Those of this status.
    pub payment_status: Option<PaymentStatus>,
    /// Those of this status.
    pub fulfillment_status: Option<FulfillmentStatus>,
    /// Inclusive.
    pub placed_from: Option<Timestamp>,
    /// Exclusive.
    pub placed_to: Option<Timestamp>,
    /// Those of this customer.
    pub customer_id: Option<String>,
    /// Part of a number, e-mail or name, without regard to case; empty is all.
    pub query: String,
    /// Behind which (sort time, id) to go on.
    pub after: Option<(Timestamp, String)>,
    /// How many at most.
    pub limit: usize,
}

/// What an order brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Captured less refunded, in minor units.
    pub revenue: i64,
}

/// By what time an order is listed: when it was placed, or made where it never was.
pub fn sort_time(order: &Order) -> Timestamp {
    order.placed_at.unwrap_or(order.created_at)
}

/// What [`OrderPage::query`] is looked for in: number, e-mail and names, lower case.
pub fn search_text(order: &Order) -> String {
    let mut text = order.number.clone().unwrap_or_default();
    if let Some(contents) = &order.contents {
        for part in [
            contents.email.as_str(),
            &full_name(&contents.delivery_address),
            &full_name(&contents.billing_address),
        ] {
            text.push('\n');
            text.push_str(part);
        }
    }
    text.to_lowercase()
}

fn full_name(address: &crate::domain::address::Address) -> String {
    format!("{} {}", address.first_name, address.last_name)
}
