//! Orders in MongoDB.
//!
//! An order is one document with the events that wait to be published, so that a change and what announces it are one
//! write: an insert, or an update where the revision still is the one the change was made on. Events are appended, and
//! revisions follow one another, so an order's events stand in the order of their sequence, and none can be published
//! before an earlier one was taken.
//!
//! `outbox_since` is there while events wait, and says since when; the relay's index holds these orders alone. It goes in
//! the write that takes the last event out. Where two relays together took the last ones out, neither saw so, and the mark
//! stays until the next look at what waits takes it away, unless new events came.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_stores::{
    mongo::{Lease, is_duplicate},
    sqlite::{micros, timestamp},
};
use futures::{StreamExt as _, TryStreamExt as _, stream, try_join};
use jiff::Timestamp;
use mongodb::{
    Collection, Database,
    bson::{Document, doc},
    options::ReturnDocument,
};
use tokio::sync::Notify;

use super::{
    all, behind, index, limit,
    order_document::{IdRow, Numbers, OrderRow, OutboxRow, SaleRow, Secret, binary, fields, filter, waiting},
    sparse, with,
};
use crate::{
    domain::order::{Order, State},
    store::orders::{Entry, OrderPage, OrderStore, Sale, sort_time},
};

/// The first order number.
const FIRST_NUMBER: i64 = 1_001;
/// The one document of the numbers.
const NUMBERS: &str = "orders";
/// Orders whose events are noted as published side by side.
const CONCURRENCY: usize = 16;

/// The orders of one database.
#[derive(Clone)]
pub struct MongoOrders {
    orders: Collection<Document>,
    numbers: Collection<Numbers>,
    secrets: Collection<Secret>,
    lease: Arc<Lease>,
    changed: Arc<Notify>,
}

impl MongoOrders {
    /// The orders of this database; makes their indexes, and the count of numbers.
    pub async fn open(database: &Database) -> mongodb::error::Result<Self> {
        let orders: Collection<Document> = database.collection("orders");
        orders
            .create_indexes([
                with("orders_number", doc! { "number": 1 }, |mut options| {
                    options.unique = Some(true);
                    options.sparse = Some(true);
                    options
                }),
                sparse("orders_due", doc! { "due_at": 1 }),
                sparse("orders_awaiting", doc! { "awaiting_address": 1 }),
                sparse("orders_outbox", doc! { "outbox_since": 1 }),
                index("orders_placed", doc! { "placed_at": -1, "_id": -1 }),
                index("orders_state", doc! { "state": 1, "sort_at": -1, "_id": -1 }),
                index(
                    "orders_customer",
                    doc! { "customer_id": 1, "placed_at": -1, "_id": -1 },
                ),
            ])
            .await?;
        let numbers: Collection<Numbers> = database.collection("order_numbers");
        let first = Numbers {
            id: NUMBERS.to_owned(),
            next: FIRST_NUMBER,
        };
        match numbers.insert_one(first).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            orders,
            numbers,
            secrets: database.collection("order_secrets"),
            lease: Arc::new(Lease::new(database, "relay")),
            changed: Arc::default(),
        })
    }

    fn notify_if(&self, written: bool, events: &[Entry]) -> bool {
        if written && !events.is_empty() {
            self.changed.notify_one();
        }
        written
    }

    /// Takes these events of an order out.
    async fn take_out(&self, order_id: String, sequences: Vec<i64>) -> Result<(), Error> {
        let no_other = doc! { "$not": { "$elemMatch": { "sequence": { "$nin": &sequences } } } };
        let emptied = self
            .orders
            .update_one(
                doc! { "_id": &order_id, "outbox": no_other },
                doc! { "$set": { "outbox": [] }, "$unset": { "outbox_since": "" } },
            )
            .await?;
        if emptied.matched_count == 0 {
            self.orders
                .update_one(
                    doc! { "_id": order_id },
                    doc! { "$pull": { "outbox": { "sequence": { "$in": sequences } } } },
                )
                .await?;
        }
        Ok(())
    }

    /// Takes away the mark of an order none of whose events wait.
    async fn unmark(&self, order_id: &str) -> Result<(), Error> {
        self.orders
            .update_one(
                doc! { "_id": order_id, "outbox": { "$size": 0 } },
                doc! { "$unset": { "outbox_since": "" } },
            )
            .await?;
        Ok(())
    }
}

#[async_trait]
impl OrderStore for MongoOrders {
    async fn insert_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error> {
        let mut document = doc! { "_id": &order.id, "sort_at": micros(sort_time(order)) };
        for (name, value) in fields(order)? {
            if let Some(value) = value {
                document.insert(name, value);
            }
        }
        document.insert("outbox", waiting(events)?);
        if !events.is_empty() {
            document.insert("outbox_since", micros(order.updated_at));
        }
        match self.orders.insert_one(document).await {
            Ok(_) => Ok(self.notify_if(true, events)),
            Err(error) if is_duplicate(&error).as_deref() == Some("_id_") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn replace_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error> {
        let mut set = doc! { "sort_at": micros(sort_time(order)) };
        let mut unset = Document::new();
        for (name, value) in fields(order)? {
            match value {
                Some(value) => set.insert(name, value),
                None => unset.insert(name, ""),
            };
        }
        let mut change = doc! { "$set": set };
        if !unset.is_empty() {
            change.insert("$unset", unset);
        }
        if !events.is_empty() {
            change.insert("$push", doc! { "outbox": { "$each": waiting(events)? } });
            change.insert("$min", doc! { "outbox_since": micros(order.updated_at) });
        }
        let as_read = doc! { "_id": &order.id, "revision": order.revision - 1 };
        let done = self.orders.update_one(as_read, change).await?;
        Ok(self.notify_if(done.matched_count == 1, events))
    }

    async fn order(&self, id: &str) -> Result<Option<Order>, Error> {
        let orders = self.orders.clone_with_type::<OrderRow>();
        let row = orders
            .find_one(doc! { "_id": id })
            .projection(doc! { "order": 1 })
            .await?;
        Ok(row.map(|row| row.order))
    }

    async fn due_orders(&self, now: Timestamp, most: usize) -> Result<Vec<String>, Error> {
        let orders = self.orders.clone_with_type::<IdRow>();
        let found = orders
            .find(doc! { "due_at": { "$lte": micros(now) } })
            .sort(doc! { "due_at": 1 })
            .limit(limit(most))
            .projection(doc! { "_id": 1 });
        Ok(all(found.await).await?.into_iter().map(|row| row.id).collect())
    }

    async fn awaiting_holds(&self, client_address: &str) -> Result<u64, Error> {
        let awaiting = doc! { "awaiting_address": client_address };
        Ok(self.orders.count_documents(awaiting).await?)
    }

    async fn orders(&self, page: &OrderPage) -> Result<(Vec<Order>, i64), Error> {
        let filter = filter(page);
        // An order that was PLACED is listed by when it was, and that has an index of its own.
        let time = if page.state.is_some() {
            "sort_at"
        } else {
            "placed_at"
        };
        let mut rest = vec![filter.clone()];
        if let Some((at, id)) = &page.after {
            rest.push(behind(time, micros(*at), id));
        }
        let orders = self.orders.clone_with_type::<OrderRow>();
        let found = async {
            let found = orders
                .find(doc! { "$and": rest })
                .sort(doc! { time: -1, "_id": -1 })
                .limit(limit(page.limit))
                .projection(doc! { "order": 1 });
            all(found.await).await
        };
        let total = async { Ok(self.orders.count_documents(filter).await?) };
        let (found, total) = try_join!(found, total)?;
        Ok((
            found.into_iter().map(|row| row.order).collect(),
            i64::try_from(total).unwrap_or(i64::MAX),
        ))
    }

    async fn sales(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Sale>, Error> {
        let orders = self.orders.clone_with_type::<SaleRow>();
        let placed = doc! {
            "placed_at": { "$gte": micros(from), "$lt": micros(to) },
            "state": { "$ne": State::Canceled.name() },
        };
        let found = orders
            .find(placed)
            .sort(doc! { "placed_at": 1, "_id": 1 })
            .projection(doc! { "_id": 0, "placed_at": 1, "revenue": 1 });
        let sale = |row: SaleRow| Sale {
            placed_at: timestamp(row.placed_at),
            revenue: row.revenue,
        };
        Ok(all(found.await).await?.into_iter().map(sale).collect())
    }

    async fn take_numbers(&self, count: u32) -> Result<u64, Error> {
        let taken = self
            .numbers
            .find_one_and_update(
                doc! { "_id": NUMBERS },
                doc! { "$inc": { "next": i64::from(count) } },
            )
            .return_document(ReturnDocument::Before)
            .await?;
        let taken =
            taken.ok_or_else(|| Error::internal(anyhow::anyhow!("the count of order numbers is gone")))?;
        u64::try_from(taken.next).map_err(Error::internal)
    }

    async fn secret(&self, name: &str, candidate: &[u8]) -> Result<Vec<u8>, Error> {
        let wanted = || self.secrets.find_one(doc! { "_id": name });
        if let Some(secret) = wanted().await? {
            return Ok(secret.value.bytes);
        }
        let made = Secret {
            name: name.to_owned(),
            value: binary(candidate),
        };
        match self.secrets.insert_one(made).await {
            Ok(_) => return Ok(candidate.to_vec()),
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        let secret = wanted().await?;
        let secret = secret.ok_or_else(|| Error::internal(anyhow::anyhow!("the secret {name} is gone")))?;
        Ok(secret.value.bytes)
    }

    async fn pending_events(&self, most: usize) -> Result<Vec<Entry>, Error> {
        let orders = self.orders.clone_with_type::<OutboxRow>();
        let found = orders
            .find(doc! { "outbox_since": { "$gte": i64::MIN } })
            .sort(doc! { "outbox_since": 1 })
            .limit(limit(most))
            .batch_size(u32::try_from(most).unwrap_or(u32::MAX))
            .projection(doc! { "outbox": 1 });
        let mut entries = Vec::new();
        for OutboxRow { id, outbox } in all(found.await).await? {
            if outbox.is_empty() {
                self.unmark(&id).await?;
            }
            entries.extend(outbox.into_iter().map(|waiting| Entry {
                id: waiting.id,
                order_id: id.clone(),
                sequence: waiting.sequence,
                payload: Bytes::from(waiting.payload.bytes),
            }));
        }
        entries.truncate(most);
        Ok(entries)
    }

    async fn events_done(&self, published: &[(String, u64)]) -> Result<(), Error> {
        let mut by_order: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (order_id, sequence) in published {
            let sequence = i64::try_from(*sequence).map_err(Error::internal)?;
            by_order.entry(order_id.clone()).or_default().push(sequence);
        }
        stream::iter(by_order)
            .map(|(order_id, sequences)| self.take_out(order_id, sequences))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn lease_events(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        self.lease.take(holder, length).await
    }

    fn events_changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }
}
