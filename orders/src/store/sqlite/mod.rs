//! The embedded store. A document is JSON beside the columns it is found by.

mod books;
mod carts;
mod discounts;
mod orders;
mod webhooks;

use std::sync::Arc;

use comptoir_mesh::Error;
use comptoir_stores::sqlite::Sqlite;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::migrate::Migrator;

pub(crate) use self::books::books;
pub use self::{
    carts::SqliteCarts, discounts::SqliteDiscounts, orders::SqliteOrders, webhooks::SqliteWebhooks,
};
use super::Stores;

fn migrations() -> Migrator {
    comptoir_stores::migrations!(
        "sqlite": "0001_carts", "0002_discounts", "0010_orders", "0011_webhook_events", "0012_discount_customers"
    )
}

/// Opens the file, and makes or migrates it. `location` is a path or `sqlite://PATH`.
pub async fn open(location: &str) -> anyhow::Result<Stores> {
    let db = Sqlite::open(location, &migrations()).await?;
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use comptoir_stores::sqlite::Sqlite;

    use crate::domain::discount::Use;

    /// A file as the version before wrote it: uses by one name each, of a guest and of an account whose order has an address.
    const BEFORE: &str = r#"
        INSERT INTO discounts (id, version, code, times_used, created_at, document) VALUES ('disc_1', 1, 'ONCE', 2, 0, '{
            "id": "disc_1", "version": 1, "code": "ONCE", "kind": { "Fixed": 100 }, "currency": "EUR", "usage_limit_per_customer": 1,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z" }');
        INSERT INTO orders (id, revision, state, payment_status, fulfillment_status, sort_at, revenue, search, document)
            VALUES ('order_1', 1, 'CONFIRMED', 3, 1, 0, 0, '', '{ "contents": { "email": "Ada@Example.org" } }');
        INSERT INTO orders (id, revision, state, payment_status, fulfillment_status, sort_at, revenue, search, document)
            VALUES ('order_3', 1, 'FAILED', 3, 1, 0, 0, '', '{ "contents": null }');
        INSERT INTO discount_uses (discount_id, order_id, customer) VALUES ('disc_1', 'order_1', 'user_1');
        INSERT INTO discount_uses (discount_id, order_id, customer) VALUES ('disc_1', 'order_2', 'bob@example.org');
        INSERT INTO discount_uses (discount_id, order_id, customer, given_back) VALUES ('disc_1', 'order_3', '', 1);
    "#;

    #[tokio::test]
    async fn uses_that_earlier_versions_recorded_keep_counting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.db");
        let path = path.to_str().unwrap();
        let mut before = super::migrations();
        let old = before.iter().filter(|migration| migration.version < 12);
        before.migrations = Cow::Owned(old.cloned().collect());
        let db = Sqlite::open(path, &before).await.unwrap();
        db.write(|tx| {
            Box::pin(async move {
                sqlx::raw_sql(BEFORE).execute(tx).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        drop(db);
        let discounts = super::open(path).await.unwrap().discounts;
        for (name, used) in [
            ("user_1", Use::CustomerLimitReached),
            ("ada@example.org", Use::CustomerLimitReached),
            ("bob@example.org", Use::CustomerLimitReached),
            ("carol@example.org", Use::Counted),
        ] {
            let again = discounts
                .use_discount("disc_1", "order_4", &[name.to_owned()])
                .await;
            assert_eq!(again.unwrap(), used, "{name}");
        }
    }
}
