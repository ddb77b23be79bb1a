//! The embedded adapter: SQLite, one writer. A step of the port is one savepoint; steps that arrive together share a
//! commit.

mod categories;
mod media;
mod products;
mod reading;
mod reservations;
mod stock;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use comptoir_events::{Outbox, Record};
use comptoir_mesh::{Error, clock::Clock, context, ids::Ids};
use comptoir_stores::sqlite::Sqlite;
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use tokio::sync::Notify;

use super::{
    CategoryStore, Change, Changes, LowStock, MediaStore, Page, ProductPage, ProductStore, StockStore, Store,
    counts::Counts, rows::size,
};
use crate::{
    domain::{
        Adjustment, Category, CategoryDraft, Imported, ImportedProduct, Media, Movement, Product,
        ProductDraft, ProductQuery, Reservation, Stock,
    },
    events::{self, Announcement},
    fail_points,
};

/// The store in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    db: Sqlite,
    clock: Arc<dyn Clock>,
    ids: Ids,
    changes: Changes,
    counts: Arc<Counts>,
    announced: Arc<Notify>,
}

/// A running business step: its transaction, and the changes to report after the commit.
struct Work<'c> {
    tx: &'c mut SqliteConnection,
    ids: Ids,
    /// For time stamps people read; holds end by the database's clock.
    now: Timestamp,
    changes: Vec<Change>,
    announced: bool,
}

impl SqliteStore {
    /// Opens the file, makes it when missing, and migrates it.
    pub async fn open(location: &str, clock: Arc<dyn Clock>, ids: Ids) -> anyhow::Result<Self> {
        let db = Sqlite::open(
            location,
            &comptoir_stores::migrations!("sqlite": "0001_catalog", "0002_refused_adjustments"),
        )
        .await?;
        Ok(Self {
            db,
            clock,
            ids,
            changes: Changes::new(),
            counts: Arc::default(),
            announced: Arc::default(),
        })
    }

    /// Runs a step in a task of its own: a caller that goes away does not keep others from hearing of the commit.
    async fn step<T, F>(&self, step: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w, 'c> FnOnce(&'w mut Work<'c>) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        let (ids, now) = (self.ids.clone(), self.clock.now());
        let store = self.clone();
        let task = async move {
            let (value, changes, announced) = store
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        let mut work = Work {
                            tx,
                            ids,
                            now,
                            changes: Vec::new(),
                            announced: false,
                        };
                        let value = step(&mut work).await?;
                        Ok((value, work.changes, work.announced))
                    })
                })
                .await?;
            if changes.iter().any(|change| !matches!(change, Change::Stock(_))) {
                store.counts.forget();
            }
            store.changes.report(changes);
            if announced {
                store.announced.notify_one();
            }
            Ok(value)
        };
        context::spawn(task).await.map_err(Error::internal)?
    }
}

impl Work<'_> {
    /// Writes an event beside the change it announces, under its aggregate's next number.
    async fn announce(&mut self, announcement: Announcement) -> Result<(), Error> {
        let sequence: i64 = sqlx::query_scalar(
            "INSERT INTO sequences (aggregate_id, sequence) VALUES (?1, 1)
             ON CONFLICT (aggregate_id) DO UPDATE SET sequence = sequence + 1 RETURNING sequence",
        )
        .bind(&announcement.aggregate_id)
        .fetch_one(&mut *self.tx)
        .await?;
        let id = self.ids.new_id("evt_");
        let key = announcement.aggregate_id.clone();
        let payload = announcement.encode(id.clone(), sequence.unsigned_abs(), self.now);
        sqlx::query("INSERT INTO outbox (id, aggregate_id, sequence, payload) VALUES (?1, ?2, ?3, ?4)")
            .bind(id)
            .bind(key)
            .bind(sequence)
            .bind(payload)
            .execute(&mut *self.tx)
            .await?;
        self.announced = true;
        Ok(())
    }

    /// The database's own clock, in microseconds: what holds end by.
    async fn database_time(&mut self) -> Result<i64, Error> {
        let millis: i64 = sqlx::query_scalar("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(millis * 1000)
    }
}

/// The ids as one JSON parameter for `json_each`, so that a list of any length is the same prepared statement.
fn json(ids: &[String]) -> String {
    // A list of strings always has a JSON form.
    serde_json::to_string(ids).unwrap_or_default()
}

impl Store for SqliteStore {
    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[async_trait]
impl ProductStore for SqliteStore {
    async fn products(&self, ids: &[String]) -> Result<Vec<Product>, Error> {
        reading::products(self.db.reader(), ids).await
    }

    async fn product_by_slug(&self, slug: &str) -> Result<Option<Product>, Error> {
        reading::product_by_slug(self.db.reader(), slug).await
    }

    async fn products_of_variants(&self, variant_ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        reading::products_of_variants(self.db.reader(), variant_ids).await
    }

    async fn all_products(&self, after: Option<&str>, limit: usize) -> Result<Vec<Product>, Error> {
        reading::all_products(self.db.reader(), after, limit).await
    }

    async fn list_products(&self, query: &ProductQuery) -> Result<ProductPage, Error> {
        reading::list_products(self.db.reader(), &self.counts, query).await
    }

    async fn create_product(&self, draft: ProductDraft, actor: &str) -> Result<Product, Error> {
        let actor = actor.to_owned();
        self.step(move |work| Box::pin(async move { products::create(work, draft, "initial", &actor).await }))
            .await
    }

    async fn update_product(
        &self,
        id: &str,
        draft: ProductDraft,
        version: i64,
        actor: &str,
    ) -> Result<Product, Error> {
        let (id, actor) = (id.to_owned(), actor.to_owned());
        self.step(move |work| {
            Box::pin(async move { products::update(work, &id, draft, version, &actor).await })
        })
        .await
    }

    async fn delete_product(&self, id: &str, actor: &str) -> Result<Product, Error> {
        let (id, actor) = (id.to_owned(), actor.to_owned());
        self.step(move |work| Box::pin(async move { products::delete(work, &id, &actor).await }))
            .await
    }

    async fn import_product(&self, imported: ImportedProduct, actor: &str) -> Result<Imported, Error> {
        let actor = actor.to_owned();
        self.step(move |work| Box::pin(async move { products::import(work, &imported, &actor).await }))
            .await
    }
}

#[async_trait]
impl CategoryStore for SqliteStore {
    async fn categories(&self) -> Result<Vec<Category>, Error> {
        categories::all(self.db.reader()).await
    }

    async fn create_category(&self, draft: CategoryDraft) -> Result<Category, Error> {
        self.step(move |work| Box::pin(categories::create(work, draft)))
            .await
    }

    async fn update_category(&self, id: &str, draft: CategoryDraft) -> Result<Category, Error> {
        let id = id.to_owned();
        self.step(move |work| Box::pin(categories::update(work, id, draft)))
            .await
    }

    async fn delete_category(&self, id: &str) -> Result<Category, Error> {
        let id = id.to_owned();
        self.step(move |work| Box::pin(categories::delete(work, id)))
            .await
    }
}

#[async_trait]
impl MediaStore for SqliteStore {
    async fn put_media(&self, media: Media) -> Result<(), Error> {
        self.step(move |work| Box::pin(media::put(work, media))).await
    }

    async fn media(&self, id: &str) -> Result<Option<Media>, Error> {
        media::get(self.db.reader(), id).await
    }

    async fn media_sizes(&self, ids: &[String]) -> Result<Vec<(String, u32, u32)>, Error> {
        media::sizes(self.db.reader(), ids).await
    }
}

#[async_trait]
impl StockStore for SqliteStore {
    async fn stock(&self, variant_ids: &[String]) -> Result<Vec<Stock>, Error> {
        stock::of(self.db.reader(), variant_ids).await
    }

    async fn adjust_stock(&self, adjustment: Adjustment) -> Result<String, Error> {
        self.step(move |work| Box::pin(stock::adjust(work, adjustment)))
            .await?
    }

    async fn reserve_stock(&self, reservation: Reservation) -> Result<Timestamp, Error> {
        fail_points::hit("catalog.reserve.before");
        let reserved = self
            .step(move |work| Box::pin(reservations::reserve(work, reservation)))
            .await;
        fail_points::hit("catalog.reserve.after");
        reserved
    }

    async fn confirm_reservation(&self, reservation_id: &str) -> Result<(), Error> {
        let id = reservation_id.to_owned();
        fail_points::hit("catalog.confirm.before");
        let confirmed = self
            .step(move |work| Box::pin(reservations::confirm(work, id)))
            .await;
        fail_points::hit("catalog.confirm.after");
        confirmed
    }

    async fn release_reservation(&self, reservation_id: &str, reason: &str) -> Result<(), Error> {
        let (id, reason) = (reservation_id.to_owned(), reason.to_owned());
        fail_points::hit("catalog.release.before");
        let released = self
            .step(move |work| Box::pin(reservations::release(work, id, reason)))
            .await;
        fail_points::hit("catalog.release.after");
        released
    }

    async fn expire_reservations(&self, limit: usize) -> Result<usize, Error> {
        if !reservations::any_ended(self.db.reader()).await? {
            return Ok(0);
        }
        self.step(move |work| Box::pin(reservations::expire(work, limit)))
            .await
    }

    async fn movements(
        &self,
        variant_id: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Movement>, Error> {
        stock::movements(self.db.reader(), variant_id, before, limit).await
    }

    async fn low_stock(
        &self,
        threshold: i32,
        after: Option<(i32, String)>,
        limit: usize,
    ) -> Result<Page<LowStock>, Error> {
        stock::low(self.db.reader(), threshold, after, limit).await
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        let rows: Vec<(String, String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT aggregate_id, id, sequence, payload FROM outbox ORDER BY position LIMIT ?1",
        )
        .bind(size(limit))
        .fetch_all(self.db.reader())
        .await?;
        let record = |(key, id, sequence, payload): (String, String, i64, Vec<u8>)| {
            events::record(key, id, sequence.unsigned_abs(), payload)
        };
        Ok(rows.into_iter().map(record).collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        self.step(move |work| {
            Box::pin(async move {
                sqlx::query("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?1))")
                    .bind(json(&ids))
                    .execute(&mut *work.tx)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.announced)
    }
}
