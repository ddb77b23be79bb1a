//! Carts in MongoDB. A cart is one document, and each change replaces it where its version is the one the change was made
//! on. A step that has to decide by what the cart says (a claim and its end) reads, decides and replaces, and does so again
//! on a conflict: of any number of claims one finds the version it read, the others then see its claim.

use async_trait::async_trait;
use comptoir_mesh::Error;
use comptoir_stores::sqlite::micros;
use jiff::Timestamp;
use mongodb::{Collection, Database, bson::doc};
use serde::{Deserialize, Serialize};

use super::{all, index, limit, sparse};
use crate::{
    domain::cart::{Cart, Claim, Claimed},
    store::CartStore,
};

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Claimed,
    Ordered,
    Merged,
}

/// A document, and what it is found by.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    state: State,
    /// Only while it is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_at: Option<i64>,
    created_at: i64,
    cart: Cart,
}

impl From<Cart> for Stored {
    fn from(cart: Cart) -> Self {
        let state = if cart.order_id.is_some() {
            State::Ordered
        } else if cart.claim.is_some() {
            State::Claimed
        } else if cart.merged_into.is_some() {
            State::Merged
        } else {
            State::Open
        };
        let claim = cart.claim.as_ref().filter(|_| state == State::Claimed);
        Self {
            id: cart.id.clone(),
            version: cart.version,
            customer_id: cart.customer_id.clone(),
            state,
            claimed_at: claim.map(|claim| micros(claim.at)),
            created_at: micros(cart.created_at),
            cart,
        }
    }
}

/// The carts of one database.
#[derive(Clone)]
pub struct MongoCarts {
    carts: Collection<Stored>,
}

impl MongoCarts {
    /// The carts of this database; makes their indexes.
    pub async fn open(database: &Database) -> mongodb::error::Result<Self> {
        let carts = database.collection("carts");
        carts
            .create_indexes([
                index(
                    "carts_active",
                    doc! { "customer_id": 1, "state": 1, "created_at": -1, "_id": -1 },
                ),
                sparse("carts_claimed", doc! { "claimed_at": 1 }),
            ])
            .await?;
        Ok(Self { carts })
    }

    /// Reads, changes and replaces a cart, and retries on conflicts; returns whether there was anything to change.
    async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut Cart) -> bool + Send + Sync,
    ) -> Result<bool, Error> {
        while let Some(mut cart) = self.cart(id).await? {
            if !change(&mut cart) {
                return Ok(false);
            }
            if self.replace_cart(&cart).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl CartStore for MongoCarts {
    async fn insert_cart(&self, cart: &Cart) -> Result<(), Error> {
        self.carts.insert_one(Stored::from(cart.clone())).await?;
        Ok(())
    }

    async fn cart(&self, id: &str) -> Result<Option<Cart>, Error> {
        let stored = self.carts.find_one(doc! { "_id": id }).await?;
        Ok(stored.map(|stored| stored.cart))
    }

    async fn active_cart(&self, customer_id: &str) -> Result<Option<Cart>, Error> {
        let stored = self
            .carts
            .find_one(doc! { "customer_id": customer_id, "state": "open" })
            .sort(doc! { "created_at": -1, "_id": -1 })
            .await?;
        Ok(stored.map(|stored| stored.cart))
    }

    async fn replace_cart(&self, cart: &Cart) -> Result<bool, Error> {
        let as_read = doc! { "_id": &cart.id, "version": cart.version - 1 };
        let done = self
            .carts
            .replace_one(as_read, Stored::from(cart.clone()))
            .await?;
        Ok(done.matched_count == 1)
    }

    async fn claim_cart(&self, id: &str, claim: &Claim) -> Result<Claimed, Error> {
        while let Some(cart) = self.cart(id).await? {
            let outcome = cart.try_claim(claim);
            let written = match &outcome {
                Claimed::Now(cart) => self.replace_cart(cart).await?,
                _ => true,
            };
            if written {
                return Ok(outcome);
            }
        }
        Ok(Claimed::Missing)
    }

    async fn release_claim(
        &self,
        id: &str,
        order_id: &str,
        used: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.change(id, |cart| cart.try_release(order_id, used, now))
            .await
    }

    async fn mark_ordered(&self, id: &str, order_id: &str, now: Timestamp) -> Result<bool, Error> {
        self.change(id, |cart| cart.try_mark_ordered(order_id, now)).await
    }

    async fn claimed_carts(&self, before: Timestamp, most: usize) -> Result<Vec<Cart>, Error> {
        let found = self
            .carts
            .find(doc! { "claimed_at": { "$lt": micros(before) } })
            .sort(doc! { "claimed_at": 1 })
            .limit(limit(most))
            .await;
        Ok(all(found).await?.into_iter().map(|stored| stored.cart).collect())
    }
}
