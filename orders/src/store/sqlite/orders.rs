//! Orders in SQLite: the document as JSON, the columns it is searched by beside it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_proto::orders::v1::PaymentStatus;
use comptoir_stores::sqlite::{Sqlite, micros, timestamp};
use jiff::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};
use tokio::sync::Notify;

use crate::{
    domain::order::{Order, State},
    store::orders::{Entry, OrderPage, OrderStore, Sale, search_text, sort_time},
};

/// The orders of one database file.
#[derive(Clone, Debug)]
pub struct SqliteOrders {
    db: Sqlite,
    changed: Arc<Notify>,
}

impl SqliteOrders {
    /// The orders of this file, which is migrated already.
    pub fn new(db: Sqlite) -> Self {
        Self {
            db,
            changed: Arc::default(),
        }
    }

    /// Writes the row and its events in one step; the statement decides by the revision.
    async fn write(&self, order: &Order, events: &[Entry], statement: &'static str) -> Result<bool, Error> {
        let row = Row::of(order)?;
        let announced = !events.is_empty();
        let events = events.to_vec();
        let written = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let written = row.write(tx, statement).await?;
                    if written {
                        for event in &events {
                            insert_event(tx, event).await?;
                        }
                    }
                    Ok(written)
                })
            })
            .await?;
        if written && announced {
            self.changed.notify_one();
        }
        Ok(written)
    }
}

const INSERT: &str = "INSERT INTO orders (id, revision, state, number, customer_id, payment_status, fulfillment_status, sort_at, \
     placed_at, due_at, awaiting_address, revenue, search, document) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (id) DO NOTHING";
const REPLACE: &str = "UPDATE orders SET revision = ?2, state = ?3, number = ?4, customer_id = ?5, payment_status = ?6, \
     fulfillment_status = ?7, sort_at = ?8, placed_at = ?9, due_at = ?10, awaiting_address = ?11, revenue = ?12, search = ?13, \
     document = ?14 WHERE id = ?1 AND revision = ?2 - 1";

/// A document and what is read out of it.
struct Row {
    id: String,
    revision: i64,
    state: &'static str,
    number: Option<String>,
    customer_id: Option<String>,
    payment_status: i32,
    fulfillment_status: i32,
    sort_at: i64,
    placed_at: Option<i64>,
    due_at: Option<i64>,
    awaiting_address: Option<String>,
    revenue: i64,
    search: String,
    document: String,
}

impl Row {
    fn of(order: &Order) -> Result<Self, Error> {
        Ok(Self {
            id: order.id.clone(),
            revision: order.revision,
            state: order.state.name(),
            number: order.number.clone(),
            customer_id: order.customer_id.clone(),
            payment_status: order.payment.status() as i32,
            fulfillment_status: order.fulfillment_status() as i32,
            sort_at: micros(sort_time(order)),
            placed_at: order.placed_at.map(micros),
            due_at: order.due_at().map(micros),
            awaiting_address: order.client_address.clone().filter(|_| order.awaits_action()),
            revenue: order.payment.captured() - order.payment.refunded(),
            search: search_text(order),
            document: serde_json::to_string(order).map_err(Error::internal)?,
        })
    }

    async fn write(self, tx: &mut SqliteConnection, statement: &'static str) -> Result<bool, Error> {
        let done = sqlx::query(statement)
            .bind(self.id)
            .bind(self.revision)
            .bind(self.state)
            .bind(self.number)
            .bind(self.customer_id)
            .bind(self.payment_status)
            .bind(self.fulfillment_status)
            .bind(self.sort_at)
            .bind(self.placed_at)
            .bind(self.due_at)
            .bind(self.awaiting_address)
            .bind(self.revenue)
            .bind(self.search)
            .bind(self.document)
            .execute(tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

async fn insert_event(tx: &mut SqliteConnection, event: &Entry) -> Result<(), Error> {
    sqlx::query("INSERT INTO order_events (id, order_id, sequence, payload) VALUES (?, ?, ?, ?)")
        .bind(&event.id)
        .bind(&event.order_id)
        .bind(i64::try_from(event.sequence).map_err(Error::internal)?)
        .bind(event.payload.as_ref())
        .execute(tx)
        .await?;
    Ok(())
}

fn parse(document: &str) -> Result<Order, Error> {
    serde_json::from_str(document).map_err(Error::internal)
}

#[async_trait]
impl OrderStore for SqliteOrders {
    async fn insert_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error> {
        self.write(order, events, INSERT).await
    }

    async fn replace_order(&self, order: &Order, events: &[Entry]) -> Result<bool, Error> {
        self.write(order, events, REPLACE).await
    }

    async fn order(&self, id: &str) -> Result<Option<Order>, Error> {
        let document: Option<String> = sqlx::query_scalar("SELECT document FROM orders WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        document.as_deref().map(parse).transpose()
    }

    async fn due_orders(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, Error> {
        Ok(sqlx::query_scalar(
            "SELECT id FROM orders WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?",
        )
        .bind(micros(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.db.reader())
        .await?)
    }

    async fn awaiting_holds(&self, client_address: &str) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE awaiting_address = ?")
            .bind(client_address)
            .fetch_one(self.db.reader())
            .await?;
        Ok(count.unsigned_abs())
    }

    async fn orders(&self, page: &OrderPage) -> Result<(Vec<Order>, i64), Error> {
        let mut count = QueryBuilder::new("SELECT count(*) FROM orders WHERE ");
        filter(&mut count, page);
        let total: i64 = count.build_query_scalar().fetch_one(self.db.reader()).await?;
        let mut select = QueryBuilder::new("SELECT document FROM orders WHERE ");
        filter(&mut select, page);
        if let Some((at, id)) = &page.after {
            select
                .push(" AND (sort_at, id) < (")
                .push_bind(micros(*at))
                .push(", ")
                .push_bind(id.clone())
                .push(")");
        }
        select
            .push(" ORDER BY sort_at DESC, id DESC LIMIT ")
            .push_bind(i64::try_from(page.limit).unwrap_or(i64::MAX));
        let documents: Vec<String> = select.build_query_scalar().fetch_all(self.db.reader()).await?;
        let orders = documents
            .iter()
            .map(|document| parse(document))
            .collect::<Result<_, _>>()?;
        Ok((orders, total))
    }

    async fn sales(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Sale>, Error> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT placed_at, revenue FROM orders WHERE placed_at IS NOT NULL AND sort_at >= ? AND sort_at < ? AND state <> ? \
             ORDER BY sort_at",
        )
        .bind(micros(from))
        .bind(micros(to))
        .bind(State::Canceled.name())
        .fetch_all(self.db.reader())
        .await?;
        Ok(rows
            .into_iter()
            .map(|(at, revenue)| Sale {
                placed_at: timestamp(at),
                revenue,
            })
            .collect())
    }

    async fn take_numbers(&self, count: u32) -> Result<u64, Error> {
        let next: i64 = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    Ok(
                        sqlx::query_scalar("UPDATE order_numbers SET next = next + ? RETURNING next")
                            .bind(i64::from(count))
                            .fetch_one(tx)
                            .await?,
                    )
                })
            })
            .await?;
        Ok(next.unsigned_abs() - u64::from(count))
    }

    async fn secret(&self, name: &str, candidate: &[u8]) -> Result<Vec<u8>, Error> {
        let (name, candidate) = (name.to_owned(), candidate.to_owned());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO order_secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                    )
                    .bind(&name)
                    .bind(candidate)
                    .execute(&mut *tx)
                    .await?;
                    Ok(
                        sqlx::query_scalar("SELECT value FROM order_secrets WHERE name = ?")
                            .bind(&name)
                            .fetch_one(tx)
                            .await?,
                    )
                })
            })
            .await
    }

    async fn pending_events(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows: Vec<(String, String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT id, order_id, sequence, payload FROM order_events ORDER BY position LIMIT ?",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.db.reader())
        .await?;
        let entry = |(id, order_id, sequence, payload): (String, String, i64, Vec<u8>)| Entry {
            id,
            order_id,
            sequence: sequence.unsigned_abs(),
            payload: Bytes::from(payload),
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn events_done(&self, published: &[(String, u64)]) -> Result<(), Error> {
        if published.is_empty() {
            return Ok(());
        }
        let published = published.to_vec();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    for (order_id, sequence) in published {
                        sqlx::query("DELETE FROM order_events WHERE order_id = ? AND sequence = ?")
                            .bind(order_id)
                            .bind(i64::try_from(sequence).map_err(Error::internal)?)
                            .execute(&mut *tx)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    fn events_changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }
}

fn filter(query: &mut QueryBuilder<sqlx::Sqlite>, page: &OrderPage) {
    match page.state {
        Some(state) => query.push("state = ").push_bind(state.name()),
        None => query.push("placed_at IS NOT NULL"),
    };
    if let Some(status) = page
        .payment_status
        .filter(|status| *status != PaymentStatus::Unspecified)
    {
        query.push(" AND payment_status = ").push_bind(status as i32);
    }
    if let Some(status) = page.fulfillment_status {
        query.push(" AND fulfillment_status = ").push_bind(status as i32);
    }
    if let Some(from) = page.placed_from {
        query.push(" AND placed_at >= ").push_bind(micros(from));
    }
    if let Some(to) = page.placed_to {
        query.push(" AND placed_at < ").push_bind(micros(to));
    }
    if let Some(customer) = &page.customer_id {
        query.push(" AND customer_id = ").push_bind(customer.clone());
    }
    if !page.query.is_empty() {
        // instr, not LIKE: what is looked for is taken literally.
        query
            .push(" AND instr(search, ")
            .push_bind(page.query.to_lowercase())
            .push(") > 0");
    }
}
