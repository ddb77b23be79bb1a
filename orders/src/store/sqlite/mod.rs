//! The embedded store. A document is JSON beside the columns it is found by.

mod books;
mod carts;
mod discounts;
mod orders;
mod webhooks;

use std::sync::Arc;

use mesh::{Error, sqlite::Sqlite};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::books::books;
pub use self::{
    carts::SqliteCarts, discounts::SqliteDiscounts, orders::SqliteOrders, webhooks::SqliteWebhooks,
};
use super::Stores;

/// Opens the file, and makes or migrates it. `location` is a path or `sqlite://PATH`.
pub async fn open(location: &str) -> anyhow::Result<Stores> {
    let db = Sqlite::open(location, &sqlx::migrate!("migrations/sqlite")).await?;
    Ok(Stores {
        carts: Arc::new(SqliteCarts::new(db.clone())),
        discounts: Arc::new(SqliteDiscounts::new(db.clone())),
        orders: Arc::new(SqliteOrders::new(db.clone())),
        webhooks: Arc::new(SqliteWebhooks::new(db)),
    })
}

fn encode<T: Serialize>(document: &T) -> Result<String, Error> {
    serde_json::to_string(document).map_err(Error::internal)
}

fn decode<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(Error::internal)
}
