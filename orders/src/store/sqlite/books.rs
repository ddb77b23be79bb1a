//! Orders as an audit reads them.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use sqlx::SqlitePool;

use super::decode;
use crate::store::Book;

/// Every order with its stored data, sorted by id.
pub(crate) fn books(pool: &SqlitePool) -> BoxStream<'_, anyhow::Result<Book>> {
    let rows = sqlx::query_as::<_, (String, i64, String)>(
        "SELECT document, revenue,
                (SELECT json_group_array(sequence ORDER BY sequence) FROM order_events WHERE order_id = orders.id)
         FROM orders ORDER BY id",
    );
    rows.fetch(pool)
        .map_err(|error| anyhow::Error::new(error).context("the orders' store"))
        .and_then(async |(document, revenue, waiting)| {
            Ok(Book {
                order: decode(&document)?,
                revenue,
                waiting: serde_json::from_str(&waiting)?,
            })
        })
        .boxed()
}
