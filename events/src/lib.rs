#![doc = include_str!("../README.md")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use comptoir_mesh::error::Error;

pub use self::{
    broker::Broker,
    bus::Bus,
    kafka::{Kafka, redrive},
    listener::{Heard, Listener},
    poison::deliver,
    relay::{FAIL_POINTS, relay},
};

mod broker;
mod bus;
pub mod kafka;
mod listener;
mod poison;
mod relay;

/// Events of the auth service.
pub const AUTH_TOPIC: &str = "comptoir.auth.v1";
/// Events of the catalog service.
pub const CATALOG_TOPIC: &str = "comptoir.catalog.v1";
/// Events of the orders service.
pub const ORDERS_TOPIC: &str = "comptoir.orders.v1";

/// All of them.
const TOPICS: [&str; 3] = [AUTH_TOPIC, CATALOG_TOPIC, ORDERS_TOPIC];

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
    /// Takes the lease on relaying for so long, renews it, or with zero gives it up; false while another holds it. A store of
    /// one process has nobody to ask.
    async fn lease(&self, _holder: &str, _for: Duration) -> Result<bool, Error> {
        Ok(true)
    }
    /// Notified after a commit that wrote entries.
    fn changed(&self) -> Arc<Notify>;
}

/// Takes records to every consumer group.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Returns once the record cannot be lost any more: taken by every group, or acknowledged by the broker.
    async fn publish(&self, record: &Record) -> Result<(), Error>;
}

/// What became of a record that a group has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is durable now; a record that asks for none is taken too.
    Taken,
    /// It came before, and its effect was durable already.
    Duplicate,
    /// It can never be taken, and is put aside.
    Dead(Death),
}

/// Why a record can never be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// A name for metrics and headers: `DECODE_ERROR`.
    pub reason: &'static str,
    /// A sentence. It is shown to operators, so it holds nothing of the event's.
    pub error: &'static str,
}

/// A consumer group: every record reaches it at least once.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// The group's name.
    fn group(&self) -> &'static str;
    /// What it reads.
    fn topics(&self) -> &'static [&'static str];
    /// Takes a record; returns once its effect is durable. An error that passes by itself brings it again; after a few attempts
    /// with any other, or a panic, the record is a dead letter.
    async fn consume(&self, record: &Record) -> Result<Outcome, Error>;
    /// Keeps a record that can never be taken, where operators find it. Kafka keeps it in the topic's `.dlq` too.
    async fn keep_dead_letter(&self, record: &Record, death: &Death) -> Result<(), Error>;
}
