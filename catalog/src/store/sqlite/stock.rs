//! Units on hand and the ledger of their movements.

use comptoir_mesh::{Error, error::Reason as _};
use comptoir_stores::sqlite::micros;
use sqlx::{SqliteExecutor, SqlitePool};

use super::{Work, json, reservations};
use crate::{
    domain::{Adjustment, Movement, Stock, Variant},
    error::not_found,
    events::Announcement,
    store::{
        Change, LowStock, Page,
        refusals::{self, Earlier},
        rows::{MovementRow, page, size},
    },
};

pub(super) async fn of(db: impl SqliteExecutor<'_>, variant_ids: &[String]) -> Result<Vec<Stock>, Error> {
    let rows: Vec<(String, i32, i32)> = sqlx::query_as(
        "SELECT variant_id, on_hand, reserved FROM stock
         WHERE removed = 0 AND variant_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(json(variant_ids))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Stock::from).collect())
}

/// The first stock of a new variant.
pub(super) async fn open(
    work: &mut Work<'_>,
    product_id: &str,
    variant: &Variant,
    reason: &str,
    actor: &str,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO stock (variant_id, product_id, on_hand) VALUES (?1, ?2, ?3)")
        .bind(&variant.id)
        .bind(product_id)
        .bind(variant.on_hand)
        .execute(&mut *work.tx)
        .await?;
    if variant.on_hand != 0 {
        enter(work, &variant.id, variant.on_hand, reason, actor, None).await?;
    }
    Ok(())
}

/// Changes the units on hand and writes an entry of the ledger.
pub(super) async fn enter(
    work: &mut Work<'_>,
    variant_id: &str,
    delta: i32,
    reason: &str,
    actor: &str,
    order_id: Option<&str>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stock_movements (id, variant_id, delta, reason, actor, order_id, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(work.ids.new_id("mov_"))
    .bind(variant_id)
    .bind(delta)
    .bind(reason)
    .bind(actor)
    .bind(order_id)
    .bind(micros(work.now))
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

/// The inner result is a refusal that is stored.
pub(super) async fn adjust(
    work: &mut Work<'_>,
    adjustment: Adjustment,
) -> Result<Result<String, Error>, Error> {
    let stock: Option<(String, i32, i32)> = sqlx::query_as(
        "SELECT product_id, on_hand, reserved FROM stock WHERE variant_id = ?1 AND removed = 0",
    )
    .bind(&adjustment.variant_id)
    .fetch_optional(&mut *work.tx)
    .await?;
    let (product_id, on_hand, mut reserved) = stock.ok_or_else(|| not_found("variant"))?;
    if let Some(earlier) = earlier(work, &adjustment).await? {
        return Ok(earlier.answer(&adjustment).map(|()| product_id));
    }
    if on_hand.saturating_add(adjustment.delta) < reserved {
        reserved -= reservations::expire_of(work, &adjustment.variant_id).await?;
    }
    let adjusted = refusals::adjusted(&adjustment, on_hand, reserved);
    note(work, &adjustment, adjusted.as_ref().err()).await?;
    let after = match adjusted {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal)),
    };
    sqlx::query("UPDATE stock SET on_hand = ?2 WHERE variant_id = ?1")
        .bind(&adjustment.variant_id)
        .bind(after)
        .execute(&mut *work.tx)
        .await?;
    let Adjustment {
        variant_id,
        delta,
        reason,
        actor,
        ..
    } = &adjustment;
    enter(work, variant_id, *delta, reason, actor, None).await?;
    work.announce(Announcement::stock_changed(&product_id, vec![variant_id.clone()]))
        .await?;
    work.changes.push(Change::Stock(product_id.clone()));
    Ok(Ok(product_id))
}

/// The stored adjustment with the same key.
async fn earlier(work: &mut Work<'_>, adjustment: &Adjustment) -> Result<Option<Earlier>, Error> {
    Ok(sqlx::query_as(
        "SELECT delta, reason, refusal_code, refusal FROM stock_adjustments
         WHERE variant_id = ?1 AND actor = ?2 AND request_id = ?3",
    )
    .bind(&adjustment.variant_id)
    .bind(&adjustment.actor)
    .bind(&adjustment.request_id)
    .fetch_optional(&mut *work.tx)
    .await?)
}

/// Stores the adjustment and its result, for a repeated call.
async fn note(work: &mut Work<'_>, adjustment: &Adjustment, refusal: Option<&Error>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stock_adjustments (variant_id, actor, request_id, delta, reason, refusal_code, refusal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&adjustment.variant_id)
    .bind(&adjustment.actor)
    .bind(&adjustment.request_id)
    .bind(adjustment.delta)
    .bind(&adjustment.reason)
    .bind(refusal.map(|refusal| refusal.reason().code()))
    .bind(refusal.map(Error::message))
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

pub(super) async fn movements(
    db: &SqlitePool,
    variant_id: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Page<Movement>, Error> {
    let rows: Vec<MovementRow> = sqlx::query_as(
        "SELECT id, position, delta, reason, actor, order_id, created_at FROM stock_movements
         WHERE variant_id = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3",
    )
    .bind(variant_id)
    .bind(before.unwrap_or(i64::MAX))
    .bind(size(limit + 1))
    .fetch_all(db)
    .await?;
    let total = sqlx::query_scalar("SELECT count(*) FROM stock_movements WHERE variant_id = ?1")
        .bind(variant_id)
        .fetch_one(db)
        .await?;
    Ok(page(rows, limit, total))
}

pub(super) async fn low(
    db: &SqlitePool,
    threshold: i32,
    after: Option<(i32, String)>,
    limit: usize,
) -> Result<Page<LowStock>, Error> {
    let (units, variant_id) = after.unwrap_or((i32::MIN, String::new()));
    let rows: Vec<(String, String, i32)> = sqlx::query_as(
        "SELECT variant_id, product_id, on_hand - reserved FROM stock
         WHERE removed = 0 AND (on_hand - reserved) <= ?1 AND ((on_hand - reserved), variant_id) > (?2, ?3)
         ORDER BY (on_hand - reserved), variant_id LIMIT ?4",
    )
    .bind(threshold)
    .bind(units)
    .bind(variant_id)
    .bind(size(limit + 1))
    .fetch_all(db)
    .await?;
    let total =
        sqlx::query_scalar("SELECT count(*) FROM stock WHERE removed = 0 AND (on_hand - reserved) <= ?1")
            .bind(threshold)
            .fetch_one(db)
            .await?;
    Ok(page(rows, limit, total))
}
