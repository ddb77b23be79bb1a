//! Orders as an audit reads them.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use mongodb::{Database, bson::doc};
use serde::Deserialize;

use crate::{domain::order::Order, store::Book};

#[derive(Deserialize)]
struct BookRow {
    order: Order,
    revenue: i64,
    #[serde(default)]
    outbox: Vec<WaitingRow>,
}

#[derive(Deserialize)]
struct WaitingRow {
    sequence: i64,
}

/// Every order with what stands beside its document, in the order of their ids.
pub(crate) fn books(database: &Database) -> BoxStream<'_, anyhow::Result<Book>> {
    let rows = async {
        let orders = database.collection::<BookRow>("orders");
        let found = orders
            .find(doc! {})
            .sort(doc! { "_id": 1 })
            .projection(doc! { "order": 1, "revenue": 1, "outbox.sequence": 1 })
            .await?;
        anyhow::Ok(found.map_err(anyhow::Error::from))
    };
    let book = |row: BookRow| Book {
        order: row.order,
        revenue: row.revenue,
        waiting: row.outbox.iter().map(|waiting| waiting.sequence).collect(),
    };
    futures::stream::once(rows)
        .try_flatten()
        .map_ok(book)
        .map_err(|error| error.context("the orders' store"))
        .boxed()
}
