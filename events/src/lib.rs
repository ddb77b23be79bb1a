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

/// One event, as it is published. Its payload is kept out of logs, traces and metrics.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// One of the topics above.
    pub topic: &'static str,
    /// The aggregate's id: records of one key are consumed in the order of their sequence.
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

/// A store's events, from their commit until they are published.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// The oldest unpublished entries, those of one key in the order of their sequence.
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error>;
    /// Records that these were published.
    async fn done(&self, records: &[Record]) -> Result<(), Error>;
    /// Takes or renews the lease on relaying, or releases it if the duration is zero; false while another process holds
    /// it. A store of a single process needs no lease.
    async fn lease(&self, _holder: &str, _for: Duration) -> Result<bool, Error> {
        Ok(true)
    }
    /// Notified after each commit that wrote entries.
    fn changed(&self) -> Arc<Notify>;
}

/// Publishes records to every consumer group.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Returns once the record can no longer be lost: taken by every group, or acknowledged by the broker.
    async fn publish(&self, record: &Record) -> Result<(), Error>;
}

/// The result of consuming a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is durable now, or it has no effect.
    Taken,
    /// It was delivered before, and its effect is durable.
    Duplicate,
    /// It can never be handled: a dead letter.
    Dead(Death),
}

/// Why a record can never be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// A name for metrics and headers: `DECODE_ERROR`.
    pub reason: &'static str,
    /// A sentence for operators, without any content of the event.
    pub error: &'static str,
}

/// A consumer group: every record reaches it at least once.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// The group's name.
    fn group(&self) -> &'static str;
    /// The topics it reads.
    fn topics(&self) -> &'static [&'static str];
    /// Handles a record; returns once its effect is durable. After a transient error the record is delivered again;
    /// after a few attempts with another error, or a panic, it is a dead letter.
    async fn consume(&self, record: &Record) -> Result<Outcome, Error>;
    /// Stores a dead letter where operators find it. Kafka has it in the topic's `.dlq` too.
    async fn keep_dead_letter(&self, record: &Record, death: &Death) -> Result<(), Error>;
}
