//! Units on hand and the ledger of their movements.

use std::collections::HashMap;

use comptoir_mesh::{Error, error::Reason as _};
use comptoir_stores::sqlite::micros;
use sqlx::PgPool;

use super::{Work, reservations};
use crate::{
    domain::{Adjustment, Stock, Variant},
    error::not_found,
    events::Announcement,
    store::{
        Change,
        refusals::{self, Earlier},
    },
};

pub(super) async fn of(db: &PgPool, variant_ids: &[String]) -> Result<Vec<Stock>, Error> {
    let rows: Vec<(String, i32, i32)> = sqlx::query_as(
        "SELECT variant_id, on_hand, reserved FROM stock WHERE variant_id = ANY($1) AND NOT removed",
    )
    .bind(variant_ids)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Stock::from).collect())
}

/// The first stock of new variants.
pub(super) async fn open(
    work: &mut Work,
    product_id: &str,
    variants: &[&Variant],
    reason: &str,
    actor: &str,
) -> Result<(), Error> {
    if variants.is_empty() {
        return Ok(());
    }
    let (ids, units): (Vec<&str>, Vec<i32>) = variants
        .iter()
        .map(|variant| (variant.id.as_str(), variant.on_hand))
        .unzip();
    sqlx::query(
        "INSERT INTO stock (product_id, variant_id, on_hand) SELECT $1, * FROM UNNEST($2::text[], $3::integer[])",
    )
    .bind(product_id)
    .bind(ids)
    .bind(units)
    .execute(&mut *work.tx)
    .await?;
    let entry = |variant: &&'_ Variant| (variant.id.clone(), variant.on_hand);
    enter(work, variants.iter().map(entry), reason, actor, None).await
}

/// Changes the units on hand and writes the ledger: (variant id, units) of each variant whose row is locked.
pub(super) async fn enter(
    work: &mut Work,
    entries: impl IntoIterator<Item = (String, i32)>,
    reason: &str,
    actor: &str,
    order_id: Option<&str>,
) -> Result<(), Error> {
    let moved = entries.into_iter().filter(|(_, delta)| *delta != 0);
    let (variants, deltas): (Vec<String>, Vec<i32>) = moved.unzip();
    if variants.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = variants.iter().map(|_| work.ids.new_id("mov_")).collect();
    sqlx::query(
        "INSERT INTO stock_movements (reason, actor, order_id, created_at, id, variant_id, delta)
         SELECT $1, $2, $3, $4, * FROM UNNEST($5::text[], $6::text[], $7::integer[])",
    )
    .bind(reason)
    .bind(actor)
    .bind(order_id)
    .bind(micros(work.now))
    .bind(ids)
    .bind(variants)
    .bind(deltas)
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

/// Deletes variants. Their rows of stock stay for their reserved units. Returns the (on hand, reserved) that each had.
pub(super) async fn remove(
    work: &mut Work,
    variants: &[&Variant],
    reason: &str,
    actor: &str,
) -> Result<HashMap<String, (i32, i32)>, Error> {
    let ids: Vec<&str> = variants.iter().map(|variant| variant.id.as_str()).collect();
    let had: Vec<(String, i32, i32)> = sqlx::query_as(
        "SELECT variant_id, on_hand, reserved FROM stock WHERE variant_id = ANY($1)
         ORDER BY variant_id FOR UPDATE",
    )
    .bind(&ids)
    .fetch_all(&mut *work.tx)
    .await?;
    sqlx::query("UPDATE stock SET on_hand = reserved, removed = true WHERE variant_id = ANY($1)")
        .bind(&ids)
        .execute(&mut *work.tx)
        .await?;
    let left = had
        .iter()
        .map(|(id, on_hand, reserved)| (id.clone(), reserved - on_hand));
    enter(work, left.collect::<Vec<_>>(), reason, actor, None).await?;
    let had = had.into_iter();
    Ok(had
        .map(|(id, on_hand, reserved)| (id, (on_hand, reserved)))
        .collect())
}

/// The inner result is a refusal that is stored.
pub(super) async fn adjust(work: &mut Work, adjustment: Adjustment) -> Result<Result<String, Error>, Error> {
    let stock: Option<(String, i32, i32)> = sqlx::query_as(
        "SELECT product_id, on_hand, reserved FROM stock WHERE variant_id = $1 AND NOT removed FOR UPDATE",
    )
    .bind(&adjustment.variant_id)
    .fetch_optional(&mut *work.tx)
    .await?;
    let (product_id, on_hand, reserved) = stock.ok_or_else(|| not_found("variant"))?;
    if let Some(earlier) = earlier(work, &adjustment).await? {
        return Ok(earlier.answer(&adjustment).map(|()| product_id));
    }
    let after = match refusals::adjusted(&adjustment, on_hand, reserved) {
        Ok(after) => after,
        Err(refusal) if reservations::any_over(work, &adjustment.variant_id).await? => {
            work.blocked_variants.push(adjustment.variant_id);
            return Err(refusal);
        }
        Err(refusal) => {
            note(work, &adjustment, Some(&refusal)).await?;
            return Ok(Err(refusal));
        }
    };
    note(work, &adjustment, None).await?;
    sqlx::query("UPDATE stock SET on_hand = $2 WHERE variant_id = $1")
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
    } = adjustment;
    enter(work, [(variant_id.clone(), delta)], &reason, &actor, None).await?;
    work.announce(Announcement::stock_changed(&product_id, vec![variant_id]));
    work.changes.push(Change::Stock(product_id.clone()));
    Ok(Ok(product_id))
}

/// The stored adjustment with the same key.
async fn earlier(work: &mut Work, adjustment: &Adjustment) -> Result<Option<Earlier>, Error> {
    Ok(sqlx::query_as(
        "SELECT delta, reason, refusal_code, refusal FROM stock_adjustments
         WHERE variant_id = $1 AND actor = $2 AND request_id = $3",
    )
    .bind(&adjustment.variant_id)
    .bind(&adjustment.actor)
    .bind(&adjustment.request_id)
    .fetch_optional(&mut *work.tx)
    .await?)
}

/// Stores the adjustment and its result, for a repeated call.
async fn note(work: &mut Work, adjustment: &Adjustment, refusal: Option<&Error>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stock_adjustments (variant_id, actor, request_id, delta, reason, refusal_code, refusal)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
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
