//! Carts in SQLite.

use async_trait::async_trait;
use comptoir_mesh::Error;
use comptoir_stores::sqlite::{Sqlite, micros};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{decode, encode};
use crate::{
    domain::cart::{Cart, Claim, Claimed},
    store::CartStore,
};

const OPEN: i64 = 0;
const CLAIMED: i64 = 1;
const ORDERED: i64 = 2;
const MERGED: i64 = 3;

fn state(cart: &Cart) -> i64 {
    if cart.order_id.is_some() {
        ORDERED
    } else if cart.claim.is_some() {
        CLAIMED
    } else if cart.merged_into.is_some() {
        MERGED
    } else {
        OPEN
    }
}

async fn read(tx: &mut SqliteConnection, id: &str) -> Result<Option<Cart>, Error> {
    let document: Option<String> = sqlx::query_scalar("SELECT document FROM carts WHERE id = ?")
        .bind(id)
        .fetch_optional(tx)
        .await?;
    document.as_deref().map(decode).transpose()
}

/// Writes the cart over its last version; whether that was still there.
async fn replace(tx: &mut SqliteConnection, cart: &Cart) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE carts SET version = ?, customer_id = ?, state = ?, claimed_at = ?, document = ? \
         WHERE id = ? AND version = ?",
    )
    .bind(cart.version)
    .bind(&cart.customer_id)
    .bind(state(cart))
    .bind(cart.claim.as_ref().map(|claim| micros(claim.at)))
    .bind(encode(cart)?)
    .bind(&cart.id)
    .bind(cart.version - 1)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The carts of one database file.
#[derive(Clone, Debug)]
pub struct SqliteCarts {
    db: Sqlite,
}

impl SqliteCarts {
    /// The carts of this file, which is migrated already.
    pub fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl CartStore for SqliteCarts {
    async fn insert_cart(&self, cart: &Cart) -> Result<(), Error> {
        let cart = cart.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO carts (id, version, customer_id, state, claimed_at, created_at, document) \
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )
                    .bind(&cart.id)
                    .bind(cart.version)
                    .bind(&cart.customer_id)
                    .bind(state(&cart))
                    .bind(cart.claim.as_ref().map(|claim| micros(claim.at)))
                    .bind(micros(cart.created_at))
                    .bind(encode(&cart)?)
                    .execute(tx)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    async fn cart(&self, id: &str) -> Result<Option<Cart>, Error> {
        let document: Option<String> = sqlx::query_scalar("SELECT document FROM carts WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        document.as_deref().map(decode).transpose()
    }

    async fn active_cart(&self, customer_id: &str) -> Result<Option<Cart>, Error> {
        let document: Option<String> = sqlx::query_scalar(
            "SELECT document FROM carts WHERE customer_id = ? AND state = 0 \
             ORDER BY created_at DESC, id DESC LIMIT 1",
        )
        .bind(customer_id)
        .fetch_optional(self.db.reader())
        .await?;
        document.as_deref().map(decode).transpose()
    }

    async fn replace_cart(&self, cart: &Cart) -> Result<bool, Error> {
        let cart = cart.clone();
        self.db
            .write(move |tx| Box::pin(async move { replace(tx, &cart).await }))
            .await
    }

    async fn claim_cart(&self, id: &str, claim: &Claim) -> Result<Claimed, Error> {
        let (id, claim) = (id.to_owned(), claim.clone());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(cart) = read(tx, &id).await? else {
                        return Ok(Claimed::Missing);
                    };
                    let outcome = cart.try_claim(&claim);
                    if let Claimed::Now(cart) = &outcome {
                        replace(tx, cart).await?;
                    }
                    Ok(outcome)
                })
            })
            .await
    }

    async fn release_claim(
        &self,
        id: &str,
        order_id: &str,
        used: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let order_id = order_id.to_owned();
        self.change(id, move |cart| cart.try_release(&order_id, used, now))
            .await
    }

    async fn mark_ordered(&self, id: &str, order_id: &str, now: Timestamp) -> Result<bool, Error> {
        let order_id = order_id.to_owned();
        self.change(id, move |cart| cart.try_mark_ordered(&order_id, now))
            .await
    }

    async fn claimed_carts(&self, before: Timestamp, limit: usize) -> Result<Vec<Cart>, Error> {
        let documents: Vec<String> = sqlx::query_scalar(
            "SELECT document FROM carts WHERE state = 1 AND claimed_at < ? ORDER BY claimed_at LIMIT ?",
        )
        .bind(micros(before))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.db.reader())
        .await?;
        documents.iter().map(|document| decode(document)).collect()
    }
}

impl SqliteCarts {
    /// Reads, changes and writes a cart in one step; whether there was anything to change.
    async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Cart) -> bool + Send + 'static,
    ) -> Result<bool, Error> {
        let id = id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(mut cart) = read(tx, &id).await? else {
                        return Ok(false);
                    };
                    if change(&mut cart) {
                        replace(tx, &cart).await
                    } else {
                        Ok(false)
                    }
                })
            })
            .await
    }
}
