//! The catalog's domain events and their encoding.

use bytes::Bytes;
use comptoir_events::{CATALOG_TOPIC, Record};
use comptoir_proto::catalog::v1::{
    CatalogEvent, CategoryChanged, CategoryDeleted, ProductChanged, ProductDeleted, StockChanged,
    catalog_event::Payload,
};
use jiff::Timestamp;
use prost::Message as _;

use crate::convert;

/// The version consumers check.
const SCHEMA_VERSION: u32 = 1;

/// What happened to an aggregate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Announcement {
    /// The product's or category's id.
    pub(crate) aggregate_id: String,
    payload: Payload,
}

impl Announcement {
    pub(crate) fn product_changed(id: &str, slug: &str, previous_slug: Option<String>, version: i64) -> Self {
        let product_id = id.to_owned();
        let slug = slug.to_owned();
        Self::of(
            id,
            Payload::ProductChanged(ProductChanged {
                product_id,
                slug,
                previous_slug,
                version,
            }),
        )
    }

    pub(crate) fn product_deleted(id: &str, slug: &str) -> Self {
        let (product_id, slug) = (id.to_owned(), slug.to_owned());
        Self::of(id, Payload::ProductDeleted(ProductDeleted { product_id, slug }))
    }

    pub(crate) fn category_changed(id: &str) -> Self {
        Self::of(
            id,
            Payload::CategoryChanged(CategoryChanged {
                category_id: id.to_owned(),
            }),
        )
    }

    pub(crate) fn category_deleted(id: &str) -> Self {
        Self::of(
            id,
            Payload::CategoryDeleted(CategoryDeleted {
                category_id: id.to_owned(),
            }),
        )
    }

    pub(crate) fn stock_changed(product_id: &str, variant_ids: Vec<String>) -> Self {
        let changed = StockChanged {
            product_id: product_id.to_owned(),
            variant_ids,
        };
        Self::of(product_id, Payload::StockChanged(changed))
    }

    fn of(aggregate_id: &str, payload: Payload) -> Self {
        Self {
            aggregate_id: aggregate_id.to_owned(),
            payload,
        }
    }

    /// The event's bytes.
    pub(crate) fn encode(self, id: String, sequence: u64, at: Timestamp) -> Vec<u8> {
        let event = CatalogEvent {
            id,
            aggregate_id: self.aggregate_id,
            sequence,
            occurred_at: Some(convert::timestamp(at)),
            schema_version: SCHEMA_VERSION,
            payload: Some(self.payload),
        };
        event.encode_to_vec()
    }
}

/// A stored event on its way out.
pub(crate) fn record(key: String, id: String, sequence: u64, payload: Vec<u8>) -> Record {
    Record {
        topic: CATALOG_TOPIC,
        key,
        id,
        sequence,
        payload: Bytes::from(payload),
    }
}
