//! An order's document in MongoDB: what is written, what is read of it, and by what it is found.

use comptoir_mesh::Error;
use comptoir_proto::orders::v1::PaymentStatus;
use comptoir_stores::sqlite::micros;
use mongodb::bson::{Binary, Bson, Document, spec::BinarySubtype};
use serde::{Deserialize, Serialize};

use super::{contains, encode};
use crate::{
    domain::order::Order,
    store::orders::{Entry, OrderPage, search_text},
};

#[derive(Deserialize)]
pub(super) struct OrderRow {
    pub(super) order: Order,
}

#[derive(Deserialize)]
pub(super) struct IdRow {
    #[serde(rename = "_id")]
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct SaleRow {
    pub(super) placed_at: i64,
    pub(super) revenue: i64,
}

#[derive(Deserialize)]
pub(super) struct OutboxRow {
    #[serde(rename = "_id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) outbox: Vec<Waiting>,
}

/// An event in its order's document.
#[derive(Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) payload: Binary,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Numbers {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) next: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    #[serde(rename = "_id")]
    pub(super) name: String,
    pub(super) value: Binary,
}

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// What is written of an order besides its events: its document, and what it is found by.
pub(super) fn fields(order: &Order) -> Result<[(&'static str, Option<Bson>); 12], Error> {
    let awaiting = order.client_address.clone().filter(|_| order.awaits_action());
    Ok([
        ("revision", Some(order.revision.into())),
        ("state", Some(order.state.name().into())),
        ("number", order.number.clone().map(Bson::from)),
        ("customer_id", order.customer_id.clone().map(Bson::from)),
        (
            "payment_status",
            Some(order.payment.status().as_str_name().into()),
        ),
        (
            "fulfillment_status",
            Some(order.fulfillment_status().as_str_name().into()),
        ),
        ("placed_at", order.placed_at.map(micros).map(Bson::from)),
        ("due_at", order.due_at().map(micros).map(Bson::from)),
        ("awaiting_address", awaiting.map(Bson::from)),
        (
            "revenue",
            Some((order.payment.captured() - order.payment.refunded()).into()),
        ),
        ("search", Some(search_text(order).into())),
        ("order", Some(encode(order)?)),
    ])
}

pub(super) fn waiting(events: &[Entry]) -> Result<Vec<Bson>, Error> {
    let waiting = |event: &Entry| {
        encode(&Waiting {
            id: event.id.clone(),
            sequence: event.sequence,
            payload: binary(&event.payload),
        })
    };
    events.iter().map(waiting).collect()
}

/// What a list is narrowed to.
pub(super) fn filter(page: &OrderPage) -> Document {
    let mut filter = Document::new();
    let mut placed = Document::new();
    match page.state {
        Some(state) => {
            filter.insert("state", state.name());
        }
        // Any moment; an order that was never PLACED has none.
        None => {
            placed.insert("$gte", i64::MIN);
        }
    }
    if let Some(from) = page.placed_from {
        placed.insert("$gte", micros(from));
    }
    if let Some(to) = page.placed_to {
        placed.insert("$lt", micros(to));
    }
    if !placed.is_empty() {
        filter.insert("placed_at", placed);
    }
    if let Some(status) = page
        .payment_status
        .filter(|status| *status != PaymentStatus::Unspecified)
    {
        filter.insert("payment_status", status.as_str_name());
    }
    if let Some(status) = page.fulfillment_status {
        filter.insert("fulfillment_status", status.as_str_name());
    }
    if let Some(customer) = &page.customer_id {
        filter.insert("customer_id", customer);
    }
    if !page.query.is_empty() {
        filter.insert("search", contains(&page.query.to_lowercase()));
    }
    filter
}
