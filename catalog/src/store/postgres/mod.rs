//! The adapter for shops of several machines: PostgreSQL, shared by any number of replicas. A step of the port is one
//! transaction at READ COMMITTED that locks what it changes: first a reservation, then rows of stock in the order of their
//! ids, last the numbers of its events, so that steps wait for each other and seldom conflict. A step that conflicts with
//! another is retried.
//!
//! # Reading order
//!
//! [`connect`] (the pool, requirements on the server) → [`step`] → [`products`], [`categories`], [`stock`],
//! [`reservations`], [`media`] (the steps), [`reading`] and [`listing`] → [`log`] (the changes of other replicas).

mod categories;
mod connect;
mod listing;
mod log;
mod media;
mod products;
mod reading;
mod reservations;
mod step;
mod stock;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use comptoir_events::{Outbox, Record};
use comptoir_mesh::{Error, clock::Clock, env::ServerUrl, ids::Ids};
use jiff::Timestamp;
use sqlx::PgPool;
use tokio::sync::Notify;

use self::{log::Log, step::Work};
use super::{
    CategoryStore, Change, Changes, LowStock, MediaStore, Page, ProductPage, ProductStore, StockStore, Store,
    counts::Counts, rows::size,
};
use crate::{
    domain::{
        Adjustment, Category, CategoryDraft, Imported, ImportedProduct, Media, Movement, Product,
        ProductDraft, ProductQuery, Reservation, Stock,
    },
    events, fail_points,
};

/// The store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    ids: Ids,
    changes: Changes,
    counts: Arc<Counts>,
    announced: Arc<Notify>,
    log: Arc<Log>,
}

impl PostgresStore {
    /// Reaches the server and migrates the database. The store hears of other replicas once [`PostgresStore::follow`] is
    /// called.
    pub async fn open(
        server: &ServerUrl,
        connections: u32,
        clock: Arc<dyn Clock>,
        ids: Ids,
    ) -> anyhow::Result<Self> {
        let (pool, listening) = connect::connect(server, connections).await?;
        let changes = Changes::new();
        let counts: Arc<Counts> = Arc::default();
        let counted = Arc::clone(&counts);
        changes.before_answer(move |change| {
            if !matches!(change, Change::Stock(_)) {
                counted.forget();
            }
        });
        let log = Log::begin(&pool, listening).await?;
        Ok(Self {
            pool,
            clock,
            ids,
            changes,
            counts,
            announced: Arc::default(),
            log: Arc::new(log),
        })
    }
}

impl Store for PostgresStore {
    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[async_trait]
impl ProductStore for PostgresStore {
    async fn products(&self, ids: &[String]) -> Result<Vec<Product>, Error> {
        reading::products(&self.pool, ids).await
    }

    async fn product_by_slug(&self, slug: &str) -> Result<Option<Product>, Error> {
        reading::product_by_slug(&self.pool, slug).await
    }

    async fn products_of_variants(&self, variant_ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        reading::products_of_variants(&self.pool, variant_ids).await
    }

    async fn all_products(&self, after: Option<&str>, limit: usize) -> Result<Vec<Product>, Error> {
        reading::all_products(&self.pool, after, limit).await
    }

    async fn list_products(&self, query: &ProductQuery) -> Result<ProductPage, Error> {
        listing::products(&self.pool, &self.counts, query).await
    }

    async fn create_product(&self, draft: ProductDraft, actor: &str) -> Result<Product, Error> {
        self.step((draft, actor.to_owned()), |work, (draft, actor)| {
            Box::pin(async move { products::create(work, draft, "initial", &actor).await })
        })
        .await
    }

    async fn update_product(
        &self,
        id: &str,
        draft: ProductDraft,
        version: i64,
        actor: &str,
    ) -> Result<Product, Error> {
        let asked = (id.to_owned(), draft, version, actor.to_owned());
        self.step(asked, |work, (id, draft, version, actor)| {
            Box::pin(async move { products::update(work, &id, draft, version, &actor).await })
        })
        .await
    }

    async fn delete_product(&self, id: &str, actor: &str) -> Result<Product, Error> {
        self.step((id.to_owned(), actor.to_owned()), |work, (id, actor)| {
            Box::pin(async move { products::delete(work, &id, &actor).await })
        })
        .await
    }

    async fn import_product(&self, imported: ImportedProduct, actor: &str) -> Result<Imported, Error> {
        self.step(
            (Arc::new(imported), actor.to_owned()),
            |work, (imported, actor)| {
                Box::pin(async move { products::import(work, &imported, &actor).await })
            },
        )
        .await
    }
}

#[async_trait]
impl CategoryStore for PostgresStore {
    async fn categories(&self) -> Result<Vec<Category>, Error> {
        categories::all(&self.pool).await
    }

    async fn create_category(&self, draft: CategoryDraft) -> Result<Category, Error> {
        self.step(draft, |work, draft| Box::pin(categories::create(work, draft)))
            .await
    }

    async fn update_category(&self, id: &str, draft: CategoryDraft) -> Result<Category, Error> {
        self.step((id.to_owned(), draft), |work, (id, draft)| {
            Box::pin(categories::update(work, id, draft))
        })
        .await
    }

    async fn delete_category(&self, id: &str) -> Result<Category, Error> {
        self.step(id.to_owned(), |work, id| Box::pin(categories::delete(work, id)))
            .await
    }
}

#[async_trait]
impl MediaStore for PostgresStore {
    async fn put_media(&self, media: Media) -> Result<(), Error> {
        media::put(&self.pool, &media).await
    }

    async fn media(&self, id: &str) -> Result<Option<Media>, Error> {
        media::get(&self.pool, id).await
    }

    async fn media_sizes(&self, ids: &[String]) -> Result<Vec<(String, u32, u32)>, Error> {
        media::sizes(&self.pool, ids).await
    }
}

#[async_trait]
impl StockStore for PostgresStore {
    async fn stock(&self, variant_ids: &[String]) -> Result<Vec<Stock>, Error> {
        stock::of(&self.pool, variant_ids).await
    }

    async fn adjust_stock(&self, adjustment: Adjustment) -> Result<String, Error> {
        self.step(adjustment, |work, adjustment| {
            Box::pin(stock::adjust(work, adjustment))
        })
        .await?
    }

    async fn reserve_stock(&self, reservation: Reservation) -> Result<Timestamp, Error> {
        fail_points::hit("catalog.reserve.before");
        let reserved = self
            .step(reservation, |work, reservation| {
                Box::pin(reservations::reserve(work, reservation))
            })
            .await;
        fail_points::hit("catalog.reserve.after");
        reserved
    }

    async fn confirm_reservation(&self, reservation_id: &str) -> Result<(), Error> {
        fail_points::hit("catalog.confirm.before");
        let confirmed = self
            .step(reservation_id.to_owned(), |work, id| {
                Box::pin(reservations::confirm(work, id))
            })
            .await;
        fail_points::hit("catalog.confirm.after");
        confirmed
    }

    async fn release_reservation(&self, reservation_id: &str, reason: &str) -> Result<(), Error> {
        fail_points::hit("catalog.release.before");
        let asked = (reservation_id.to_owned(), reason.to_owned());
        let released = self
            .step(asked, |work, (id, reason)| {
                Box::pin(reservations::release(work, id, reason))
            })
            .await;
        fail_points::hit("catalog.release.after");
        released
    }

    async fn expire_reservations(&self, limit: usize) -> Result<usize, Error> {
        if !reservations::any_ended(&self.pool).await? {
            return Ok(0);
        }
        self.step(limit, |work, limit| Box::pin(reservations::expire(work, limit)))
            .await
    }

    async fn movements(
        &self,
        variant_id: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Movement>, Error> {
        listing::movements(&self.pool, variant_id, before, limit).await
    }

    async fn low_stock(
        &self,
        threshold: i32,
        after: Option<(i32, String)>,
        limit: usize,
    ) -> Result<Page<LowStock>, Error> {
        listing::low_stock(&self.pool, threshold, after, limit).await
    }
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        let rows: Vec<(String, String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT aggregate_id, id, sequence, payload FROM outbox ORDER BY position LIMIT $1",
        )
        .bind(size(limit))
        .fetch_all(&self.pool)
        .await?;
        let record = |(key, id, sequence, payload): (String, String, i64, Vec<u8>)| {
            events::record(key, id, sequence.unsigned_abs(), payload)
        };
        Ok(rows.into_iter().map(record).collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)")
            .bind(ids)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn lease(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        let taken = sqlx::query(
            "INSERT INTO leases (name, holder, until) \
             VALUES ('relay', $1, clock_timestamp() + $2 * interval '1 microsecond') \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
             WHERE leases.holder = excluded.holder OR leases.until <= clock_timestamp()",
        )
        .bind(holder)
        .bind(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.announced)
    }
}
