//! The stores on MongoDB, by the atomicity of single documents alone: every write of a business step is one write of one
//! document, by compare-and-set on its version, revision or turn. There are no transactions and no change streams, so a
//! single server does as well as a replica set.
//!
//! - **carts**: a document each, replaced where its version still is the one that was read.
//! - **discounts**: a document each with the count of its uses; `discount_uses` says for which orders. How a crash between the
//!   two loses nothing is explained in `discounts`.
//! - **orders**: a document each, its events in it until they are published, so that both are one write.
//! - **`webhook_events`**: a document each, of what payment providers told.
//! - **`order_numbers`**: one document, whose count is only ever raised.
//! - **`order_secrets`**: a document each, never changed.
//!
//! A document is BSON that can be read: amounts are 64 bit integers of minor units, moments within a document RFC 3339 text
//! as in the domain. Beside it stands what it is found by, with moments as 64 bit microseconds; a field that has no value is
//! left out, which keeps it out of a sparse index. Filters hold typed values only: what a request says is never an operator.

mod books;
mod carts;
#[cfg(test)]
mod crash_tests;
mod discounts;
mod order_document;
mod orders;
mod webhooks;

use std::sync::Arc;

use anyhow::Context as _;
use comptoir_mesh::{Error, env::ServerUrl};
use futures::TryStreamExt as _;
use mongodb::{
    Cursor, Database, IndexModel,
    bson::{Bson, Document, doc, serialize_to_bson},
    options::IndexOptions,
};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::books::books;
pub use self::{carts::MongoCarts, discounts::MongoDiscounts, orders::MongoOrders, webhooks::MongoWebhooks};
use super::Stores;

/// Opens the server's database, and makes the indexes that are missing.
pub async fn open(server: &ServerUrl) -> anyhow::Result<Stores> {
    let database = comptoir_stores::mongo::open(server).await?;
    prepare(&database)
        .await
        .with_context(|| format!("{}: the indexes of the orders cannot be made", server.setting))
}

async fn prepare(database: &Database) -> mongodb::error::Result<Stores> {
    Ok(Stores {
        carts: Arc::new(MongoCarts::open(database).await?),
        discounts: Arc::new(MongoDiscounts::open(database).await?),
        orders: Arc::new(MongoOrders::open(database).await?),
        webhooks: Arc::new(MongoWebhooks::open(database).await?),
    })
}

/// An index. Its name is part of the schema: the server tells a broken unique one by it.
fn index(name: &str, keys: Document) -> IndexModel {
    with(name, keys, |options| options)
}

/// An index of the documents that have the field.
fn sparse(name: &str, keys: Document) -> IndexModel {
    with(name, keys, |mut options| {
        options.sparse = Some(true);
        options
    })
}

fn unique(name: &str, keys: Document) -> IndexModel {
    with(name, keys, |mut options| {
        options.unique = Some(true);
        options
    })
}

fn with(name: &str, keys: Document, change: impl FnOnce(IndexOptions) -> IndexOptions) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).build();
    IndexModel::builder().keys(keys).options(change(options)).build()
}

fn encode<T: Serialize>(document: &T) -> Result<Bson, Error> {
    serialize_to_bson(document).map_err(Error::internal)
}

async fn all<T>(cursor: mongodb::error::Result<Cursor<T>>) -> Result<Vec<T>, Error>
where
    T: DeserializeOwned + Unpin + Send + Sync + 'static,
{
    Ok(cursor?.try_collect().await?)
}

/// How many documents a query gives; the server takes 0 for no limit.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).max(1)
}

/// What comes behind (`at`, `id`) in a list sorted by `time` and id, newest first. The first condition is the one an index
/// serves, the second decides where moments are equal.
fn behind(time: &str, at: i64, id: &str) -> Document {
    doc! { time: { "$lte": at }, "$or": [{ time: { "$lt": at } }, { "_id": { "$lt": id } }] }
}

/// That a text contains `part`, taken literally.
fn contains(part: &str) -> Document {
    let mut pattern = String::with_capacity(part.len());
    for character in part.chars() {
        match character {
            // The server takes no pattern with a NUL in it.
            '\0' => pattern.push_str("\\x00"),
            '\\' | '^' | '$' | '.' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}' => {
                pattern.push('\\');
                pattern.push(character);
            }
            other => pattern.push(other),
        }
    }
    doc! { "$regex": pattern }
}
