//! Events between the services: the outbox that a store keeps, the relay that empties it, and the ports on both sides of a
//! broker. [`Bus`] is the embedded broker: it hands records to the consumers of its own process.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Error;

pub use self::{
    bus::Bus,
    relay::{FAIL_POINTS, relay},
};

mod bus;
mod relay;

/// Events of the auth service.
pub const AUTH_TOPIC: &str = "comptoir.auth.v1";
/// Events of the catalog service.
pub const CATALOG_TOPIC: &str = "comptoir.catalog.v1";
/// Events of the orders service.
pub const ORDERS_TOPIC: &str = "comptoir.orders.v1";

/// One event on its way. What the payload holds is kept out of logs, traces and metrics.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// One of the topics above.
    pub topic: &'static str,
    /// The aggregate's id: records of one key are taken in the order of their sequence.
    pub key: String,
    /// The event's id, the same at each delivery.
    pub id: String,
    /// Counts the key's records from 1 without gaps.
    pub sequence: u64,
    /// The encoded `AuthEvent`, `CatalogEvent` or `OrderEvent`.
    pub payload: Bytes,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {} #{})", self.topic, self.id, self.sequence)
    }
}

/// Where a store keeps the events of what it committed, until they are published.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// The oldest entries that were not published, those of one key in the order of their sequence.
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error>;
    /// Notes that these were published.
    async fn done(&self, records: &[Record]) -> Result<(), Error>;
    /// Notified after a commit that wrote entries.
    fn changed(&self) -> Arc<Notify>;
}

/// Takes records to every consumer group.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Returns once the record cannot be lost any more: taken by every group, or acknowledged by the broker.
    async fn publish(&self, record: &Record) -> Result<(), Error>;
}

/// A consumer group: every record reaches it at least once.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// The group's name.
    fn group(&self) -> &'static str;
    /// What it reads.
    fn topics(&self) -> &'static [&'static str];
    /// Takes a record; returns once its effect is durable. An error brings it again, so a record that can never be taken is
    /// the consumer's to put aside.
    async fn consume(&self, record: &Record) -> Result<(), Error>;
}
