//! The events about an order. They are written in the same write as the change, numbered per order without gaps, and
//! published by the relay.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_events::{ORDERS_TOPIC, Outbox, Record};
use comptoir_mesh::{Env, Error};
use comptoir_proto::orders::v1::{OrderEvent, order_event::Payload};
use prost::Message as _;
use tokio::sync::Notify;

use crate::{
    convert::{order::to_proto, to_timestamp},
    domain::order::Order,
    store::orders::{Entry, OrderStore},
};

/// The version of the events' schema.
const SCHEMA_VERSION: u32 = 1;

/// Numbers and encodes the order's next events, each with the order after the change.
pub(crate) fn entries(order: &mut Order, payloads: Vec<Payload>, env: &Env) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(payloads.len());
    for payload in payloads {
        order.events += 1;
        let event = OrderEvent {
            id: env.ids.new_id("evt_"),
            aggregate_id: order.id.clone(),
            sequence: order.events,
            occurred_at: Some(to_timestamp(env.clock.now())),
            schema_version: SCHEMA_VERSION,
            order: Some(to_proto(order, None)),
            payload: Some(payload),
        };
        entries.push(Entry {
            payload: Bytes::from(event.encode_to_vec()),
            id: event.id,
            order_id: event.aggregate_id,
            sequence: event.sequence,
        });
    }
    entries
}

/// The outbox of the orders' store.
pub(crate) struct OrderOutbox(pub(crate) Arc<dyn OrderStore>);

#[async_trait]
impl Outbox for OrderOutbox {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        let entries = self.0.pending_events(limit).await?;
        let record = |entry: Entry| Record {
            topic: ORDERS_TOPIC,
            key: entry.order_id,
            id: entry.id,
            sequence: entry.sequence,
            payload: entry.payload,
        };
        Ok(entries.into_iter().map(record).collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        let published: Vec<_> = records
            .iter()
            .map(|record| (record.key.clone(), record.sequence))
            .collect();
        self.0.events_done(&published).await
    }

    async fn lease(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        self.0.lease_events(holder, length).await
    }

    fn changed(&self) -> Arc<Notify> {
        self.0.events_changed()
    }
}
