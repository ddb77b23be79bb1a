//! Discounts in SQLite. The uses are rows beside the document, since they can be many.

use async_trait::async_trait;
use comptoir_mesh::Error;
use comptoir_stores::sqlite::{Sqlite, micros};
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{decode, encode};
use crate::{
    domain::discount::{Counted, Discount, Use, fold},
    store::{DiscountPage, DiscountStore, Found, Replaced},
};

comptoir_stores::from_row! {
    struct Row {
        document: String,
        times_used: i64,
    }
}

impl Row {
    fn into_domain(self) -> Result<Counted, Error> {
        Ok(Counted {
            discount: decode(&self.document)?,
            times_used: self.times_used,
        })
    }
}

/// Whether another discount has the code.
async fn is_taken(tx: &mut SqliteConnection, discount: &Discount) -> Result<bool, Error> {
    let other: Option<i64> = sqlx::query_scalar("SELECT 1 FROM discounts WHERE code = ? AND id <> ?")
        .bind(fold(&discount.code))
        .bind(&discount.id)
        .fetch_optional(tx)
        .await?;
    Ok(other.is_some())
}

async fn read(tx: &mut SqliteConnection, id: &str) -> Result<Option<Counted>, Error> {
    let row: Option<Row> = sqlx::query_as("SELECT document, times_used FROM discounts WHERE id = ?")
        .bind(id)
        .fetch_optional(tx)
        .await?;
    row.map(Row::into_domain).transpose()
}

/// Whether the order counts already: `Some(true)` when it was given back.
async fn given_back(tx: &mut SqliteConnection, id: &str, order_id: &str) -> Result<Option<bool>, Error> {
    Ok(
        sqlx::query_scalar("SELECT given_back FROM discount_uses WHERE discount_id = ? AND order_id = ?")
            .bind(id)
            .bind(order_id)
            .fetch_optional(tx)
            .await?,
    )
}

async fn count(tx: &mut SqliteConnection, id: &str, by: i64) -> Result<(), Error> {
    sqlx::query("UPDATE discounts SET times_used = times_used + ? WHERE id = ?")
        .bind(by)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Orders that a discount counts for under any of these names, which are a JSON array.
const BY_CUSTOMER: &str = "SELECT COUNT(DISTINCT order_id) FROM discount_customers JOIN discount_uses USING (discount_id, order_id) \
     WHERE discount_id = ?1 AND discount_customers.customer IN (SELECT value FROM json_each(?2)) AND given_back = 0";

async fn used_by<'a>(
    executor: impl SqliteExecutor<'a>,
    id: &str,
    customers: &[String],
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(BY_CUSTOMER)
        .bind(id)
        .bind(encode(&customers)?)
        .fetch_one(executor)
        .await?)
}

async fn use_once(
    tx: &mut SqliteConnection,
    id: &str,
    order_id: &str,
    customers: &[String],
) -> Result<Use, Error> {
    let Some(Counted { discount, times_used }) = read(tx, id).await? else {
        return Ok(Use::Missing);
    };
    match given_back(tx, id, order_id).await? {
        Some(false) => return Ok(Use::Counted),
        Some(true) => return Ok(Use::GivenBack),
        None => {}
    }
    if discount
        .usage_limit
        .is_some_and(|limit| times_used >= i64::from(limit))
    {
        return Ok(Use::LimitReached);
    }
    if let Some(limit) = discount.usage_limit_per_customer
        && used_by(&mut *tx, id, customers).await? >= i64::from(limit)
    {
        return Ok(Use::CustomerLimitReached);
    }
    sqlx::query("INSERT INTO discount_uses (discount_id, order_id, customer) VALUES (?, ?, ?)")
        .bind(id)
        .bind(order_id)
        .bind(customers.first().map_or("", String::as_str))
        .execute(&mut *tx)
        .await?;
    for customer in customers {
        sqlx::query(
            "INSERT OR IGNORE INTO discount_customers (discount_id, customer, order_id) VALUES (?, ?, ?)",
        )
        .bind(id)
        .bind(customer)
        .bind(order_id)
        .execute(&mut *tx)
        .await?;
    }
    count(tx, id, 1).await?;
    Ok(Use::Counted)
}

async fn give_back(tx: &mut SqliteConnection, id: &str, order_id: &str) -> Result<(), Error> {
    match given_back(tx, id, order_id).await? {
        Some(true) => Ok(()),
        Some(false) => {
            sqlx::query("UPDATE discount_uses SET given_back = 1 WHERE discount_id = ? AND order_id = ?")
                .bind(id)
                .bind(order_id)
                .execute(&mut *tx)
                .await?;
            count(tx, id, -1).await
        }
        None => {
            // Nothing to give back of a discount that is gone.
            sqlx::query(
                "INSERT INTO discount_uses (discount_id, order_id, customer, given_back) \
                 SELECT id, ?, '', 1 FROM discounts WHERE id = ?",
            )
            .bind(order_id)
            .bind(id)
            .execute(tx)
            .await?;
            Ok(())
        }
    }
}

/// The discounts of one database file.
#[derive(Clone, Debug)]
pub struct SqliteDiscounts {
    db: Sqlite,
}

impl SqliteDiscounts {
    /// The discounts of this file, which is migrated already.
    pub fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl DiscountStore for SqliteDiscounts {
    async fn insert_discount(&self, discount: &Discount) -> Result<bool, Error> {
        let discount = discount.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if is_taken(tx, &discount).await? {
                        return Ok(false);
                    }
                    sqlx::query(
                        "INSERT INTO discounts (id, version, code, created_at, document) VALUES (?, ?, ?, ?, ?)",
                    )
                    .bind(&discount.id)
                    .bind(discount.version)
                    .bind(fold(&discount.code))
                    .bind(micros(discount.created_at))
                    .bind(encode(&discount)?)
                    .execute(tx)
                    .await?;
                    Ok(true)
                })
            })
            .await
    }

    async fn discount(&self, id: &str) -> Result<Option<Counted>, Error> {
        let row: Option<Row> = sqlx::query_as("SELECT document, times_used FROM discounts WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(Row::into_domain).transpose()
    }

    async fn discounts_by_code(&self, codes: &[String], customers: &[String]) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        // A cart has few codes; each is one look into the unique index.
        for code in codes {
            let row: Option<Row> =
                sqlx::query_as("SELECT document, times_used FROM discounts WHERE code = ?")
                    .bind(code)
                    .fetch_optional(self.db.reader())
                    .await?;
            if let Some(row) = row {
                let Counted { discount, times_used } = row.into_domain()?;
                let times_used_by_customer = if customers.is_empty() {
                    0
                } else {
                    used_by(self.db.reader(), &discount.id, customers).await?
                };
                found.push(Found {
                    discount,
                    times_used,
                    times_used_by_customer,
                });
            }
        }
        Ok(found)
    }

    async fn replace_discount(&self, discount: &Discount) -> Result<Replaced, Error> {
        let discount = discount.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if is_taken(tx, &discount).await? {
                        return Ok(Replaced::CodeTaken);
                    }
                    let done = sqlx::query(
                        "UPDATE discounts SET version = ?, code = ?, document = ? WHERE id = ? AND version = ?",
                    )
                    .bind(discount.version)
                    .bind(fold(&discount.code))
                    .bind(encode(&discount)?)
                    .bind(&discount.id)
                    .bind(discount.version - 1)
                    .execute(tx)
                    .await?;
                    Ok(if done.rows_affected() == 1 { Replaced::Done } else { Replaced::Stale })
                })
            })
            .await
    }

    async fn delete_discount(&self, id: &str) -> Result<Option<Counted>, Error> {
        let id = id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let was = read(tx, &id).await?;
                    sqlx::query("DELETE FROM discounts WHERE id = ?")
                        .bind(&id)
                        .execute(tx)
                        .await?;
                    Ok(was)
                })
            })
            .await
    }

    async fn discounts(&self, page: &DiscountPage) -> Result<(Vec<Counted>, i64), Error> {
        let (before, before_id) = match &page.after {
            Some((at, id)) => (micros(*at), id.as_str()),
            None => (i64::MAX, ""),
        };
        // instr takes every character of the query literally.
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT document, times_used FROM discounts \
             WHERE (created_at, id) < (?, ?) AND (? = '' OR instr(code, ?) > 0) \
             ORDER BY created_at DESC, id DESC LIMIT ?",
        )
        .bind(before)
        .bind(before_id)
        .bind(&page.query)
        .bind(&page.query)
        .bind(i64::try_from(page.limit).unwrap_or(i64::MAX))
        .fetch_all(self.db.reader())
        .await?;
        let total = sqlx::query_scalar("SELECT COUNT(*) FROM discounts WHERE ? = '' OR instr(code, ?) > 0")
            .bind(&page.query)
            .bind(&page.query)
            .fetch_one(self.db.reader())
            .await?;
        Ok((
            rows.into_iter().map(Row::into_domain).collect::<Result<_, _>>()?,
            total,
        ))
    }

    async fn use_discount(&self, id: &str, order_id: &str, customers: &[String]) -> Result<Use, Error> {
        let (id, order_id, customers) = (id.to_owned(), order_id.to_owned(), customers.to_owned());
        self.db
            .write(move |tx| Box::pin(async move { use_once(tx, &id, &order_id, &customers).await }))
            .await
    }

    async fn give_back_discount(&self, id: &str, order_id: &str) -> Result<(), Error> {
        let (id, order_id) = (id.to_owned(), order_id.to_owned());
        self.db
            .write(move |tx| Box::pin(async move { give_back(tx, &id, &order_id).await }))
            .await
    }
}
