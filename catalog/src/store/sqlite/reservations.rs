//! Reservations: held → sold, released or expired. The units of a held reservation count as reserved. The step that needs
//! its units, or the sweeper, expires a reservation whose time is over.

use std::collections::BTreeMap;

use comptoir_mesh::Error;
use comptoir_stores::sqlite::timestamp;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, SqliteExecutor};

use super::{Work, json, stock};
use crate::{
    domain::{Reservation, ReservationLine},
    error::not_found,
    events::Announcement,
    store::{
        Change,
        refusals::{self, RequestedVariant, Titles, invalid_state},
        rows::size,
    },
};

/// Who moves stock for an order.
const ORDERS: &str = "orders";

comptoir_stores::from_row! {
    /// A line of a stored reservation.
    #[derive(Clone)]
    struct Line {
        variant_id: String,
        quantity: i32,
        product_id: String,
        removed: bool,
    }
}

pub(super) async fn reserve(work: &mut Work<'_>, reservation: Reservation) -> Result<Timestamp, Error> {
    let now = work.database_time().await?;
    if let Some((state, expires_at)) = stored(work, &reservation.id).await? {
        let stored = lines(work, &reservation.id).await?.into_iter();
        let stored: Vec<_> = stored.map(|line| (line.variant_id, line.quantity)).collect();
        return refusals::repeated(&reservation, &state, &stored, timestamp(expires_at));
    }
    let titles = refusals::for_sale(
        &reservation.lines,
        &requested_variants(work, &reservation.lines).await?,
    )?;
    let touched = take(work, &reservation.lines, &titles, false).await?;
    let ttl = i64::try_from(reservation.ttl.as_micros()).unwrap_or(i64::MAX);
    let expires_at = now.saturating_add(ttl);
    insert(work, &reservation.id, "held", expires_at).await?;
    for line in &reservation.lines {
        sqlx::query(
            "INSERT INTO reservation_lines (reservation_id, variant_id, quantity) VALUES (?1, ?2, ?3)",
        )
        .bind(&reservation.id)
        .bind(&line.variant_id)
        .bind(line.quantity)
        .execute(&mut *work.tx)
        .await?;
    }
    announce(work, touched).await?;
    Ok(timestamp(expires_at))
}

pub(super) async fn confirm(work: &mut Work<'_>, id: String) -> Result<(), Error> {
    let (state, _) = stored(work, &id).await?.ok_or_else(|| not_found("reservation"))?;
    let lines = lines(work, &id).await?;
    match state.as_str() {
        "sold" => return Ok(()),
        "released" => return Err(invalid_state("The reservation was released.")),
        // Its time is over but it has not expired yet: the units are still its own.
        "held" => {
            for line in &lines {
                sqlx::query(
                    "UPDATE stock SET on_hand = on_hand - ?2, reserved = reserved - ?2 WHERE variant_id = ?1",
                )
                .bind(&line.variant_id)
                .bind(line.quantity)
                .execute(&mut *work.tx)
                .await?;
                work.changes.push(Change::Stock(line.product_id.clone()));
            }
        }
        _ => {
            let again: Vec<_> = lines
                .iter()
                .enumerate()
                .map(|(place, line)| line.requested_variants(place))
                .collect();
            let titles = refusals::titles(&requested_variants(work, &again).await?);
            let touched = take(work, &again, &titles, true).await?;
            announce(work, touched).await?;
        }
    }
    for line in &lines {
        stock::enter(work, &line.variant_id, -line.quantity, "sold", ORDERS, Some(&id)).await?;
    }
    set_state(work, &id, "sold").await
}

pub(super) async fn release(work: &mut Work<'_>, id: String, reason: String) -> Result<(), Error> {
    let Some((state, _)) = stored(work, &id).await? else {
        let now = work.database_time().await?;
        return insert(work, &id, "released", now).await;
    };
    match state.as_str() {
        "released" => return Ok(()),
        "held" => let_go(work, &id).await?,
        "sold" => put_back(work, &id, if reason.is_empty() { "returned" } else { &reason }).await?,
        // It has expired: its units are free already.
        _ => {}
    }
    set_state(work, &id, "released").await
}

/// Whether the time of a reservation is over. The sweeper asks each second, so this does not use the writer.
pub(super) async fn any_ended(db: impl SqliteExecutor<'_>) -> Result<bool, Error> {
    let ended = "SELECT EXISTS (SELECT 1 FROM reservations
                 WHERE state = 'held' AND expires_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000)";
    Ok(sqlx::query_scalar(ended).fetch_one(db).await?)
}

pub(super) async fn expire(work: &mut Work<'_>, limit: usize) -> Result<usize, Error> {
    let now = work.database_time().await?;
    let ended: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM reservations WHERE state = 'held' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
    )
    .bind(now)
    .bind(size(limit))
    .fetch_all(&mut *work.tx)
    .await?;
    for id in &ended {
        end(work, id).await?;
    }
    Ok(ended.len())
}

/// Expires the reservations of the variant whose time is over. Returns how many of its units became free.
pub(super) async fn expire_of(work: &mut Work<'_>, variant_id: &str) -> Result<i32, Error> {
    let now = work.database_time().await?;
    let ended: Vec<(String, i32)> = sqlx::query_as(
        "SELECT r.id, l.quantity FROM reservations r JOIN reservation_lines l ON l.reservation_id = r.id
         WHERE r.state = 'held' AND r.expires_at <= ?1 AND l.variant_id = ?2",
    )
    .bind(now)
    .bind(variant_id)
    .fetch_all(&mut *work.tx)
    .await?;
    let mut freed = 0;
    for (id, quantity) in ended {
        end(work, &id).await?;
        freed += quantity;
    }
    Ok(freed)
}

async fn end(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    let_go(work, id).await?;
    set_state(work, id, "expired").await
}

/// Frees reserved units. Those of a deleted variant are gone.
async fn let_go(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    let lines = lines(work, id).await?;
    let mut touched = Touched::new();
    for line in lines {
        let kept = if line.removed { line.quantity } else { 0 };
        sqlx::query(
            "UPDATE stock SET reserved = reserved - ?2, on_hand = on_hand - ?3 WHERE variant_id = ?1",
        )
        .bind(&line.variant_id)
        .bind(line.quantity)
        .bind(kept)
        .execute(&mut *work.tx)
        .await?;
        if line.removed {
            stock::enter(
                work,
                &line.variant_id,
                -line.quantity,
                "removed",
                ORDERS,
                Some(id),
            )
            .await?;
        } else {
            touched.entry(line.product_id).or_default().push(line.variant_id);
        }
    }
    announce(work, touched).await
}

/// Puts sold units back on hand, except those of deleted variants.
async fn put_back(work: &mut Work<'_>, id: &str, reason: &str) -> Result<(), Error> {
    let lines = lines(work, id).await?;
    let mut touched = Touched::new();
    for line in lines.into_iter().filter(|line| !line.removed) {
        let put = sqlx::query(
            "UPDATE stock SET on_hand = on_hand + ?2 WHERE variant_id = ?1 AND on_hand <= ?3 - ?2",
        )
        .bind(&line.variant_id)
        .bind(line.quantity)
        .bind(i32::MAX)
        .execute(&mut *work.tx)
        .await?;
        if put.rows_affected() == 1 {
            stock::enter(work, &line.variant_id, line.quantity, reason, ORDERS, Some(id)).await?;
            touched.entry(line.product_id).or_default().push(line.variant_id);
        }
    }
    announce(work, touched).await
}

/// Product id → those of its variants whose available units changed.
type Touched = BTreeMap<String, Vec<String>>;

async fn announce(work: &mut Work<'_>, touched: Touched) -> Result<(), Error> {
    for (product_id, variant_ids) in touched {
        work.announce(Announcement::stock_changed(&product_id, variant_ids))
            .await?;
        work.changes.push(Change::Stock(product_id));
    }
    Ok(())
}

/// Takes the units of all lines, or refuses and names how many units each short line has. With `sell` the units leave the
/// stock on hand; otherwise they are reserved.
async fn take(
    work: &mut Work<'_>,
    lines: &[ReservationLine],
    titles: &Titles,
    sell: bool,
) -> Result<Touched, Error> {
    let (mut touched, mut short) = (Touched::new(), Vec::new());
    for line in lines {
        let mut taken = take_line(work, line, sell).await?;
        if taken.is_none() && expire_of(work, &line.variant_id).await? > 0 {
            taken = take_line(work, line, sell).await?;
        }
        match taken {
            Some(product_id) => touched
                .entry(product_id)
                .or_default()
                .push(line.variant_id.clone()),
            None => short.push(refusals::short(line, left(work, &line.variant_id).await?, titles)),
        }
    }
    if short.is_empty() {
        Ok(touched)
    } else {
        Err(Error::violations(short))
    }
}

async fn take_line(work: &mut Work<'_>, line: &ReservationLine, sell: bool) -> Result<Option<String>, Error> {
    let column = if sell {
        "on_hand = on_hand -"
    } else {
        "reserved = reserved +"
    };
    let sql = format!(
        "UPDATE stock SET {column} ?2 WHERE variant_id = ?1 AND removed = 0 AND on_hand - reserved >= ?2
         RETURNING product_id"
    );
    // One of two fixed texts.
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&line.variant_id)
        .bind(line.quantity)
        .fetch_optional(&mut *work.tx)
        .await?)
}

async fn left(work: &mut Work<'_>, variant_id: &str) -> Result<i32, Error> {
    let left: Option<i32> =
        sqlx::query_scalar("SELECT on_hand - reserved FROM stock WHERE variant_id = ?1 AND removed = 0")
            .bind(variant_id)
            .fetch_optional(&mut *work.tx)
            .await?;
    Ok(left.unwrap_or_default())
}

async fn requested_variants(
    work: &mut Work<'_>,
    lines: &[ReservationLine],
) -> Result<Vec<RequestedVariant>, Error> {
    let ids: Vec<String> = lines.iter().map(|line| line.variant_id.clone()).collect();
    Ok(sqlx::query_as(
        "SELECT v.id, json_extract(p.content, '$.title') AS title, p.status = 'active' AS active
         FROM variants v JOIN products p ON p.id = v.product_id
         WHERE v.id IN (SELECT value FROM json_each(?1))",
    )
    .bind(json(&ids))
    .fetch_all(&mut *work.tx)
    .await?)
}

async fn stored(work: &mut Work<'_>, id: &str) -> Result<Option<(String, i64)>, Error> {
    Ok(
        sqlx::query_as("SELECT state, expires_at FROM reservations WHERE id = ?1")
            .bind(id)
            .fetch_optional(&mut *work.tx)
            .await?,
    )
}

async fn lines(work: &mut Work<'_>, id: &str) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as(
        "SELECT l.variant_id, l.quantity, s.product_id, s.removed
         FROM reservation_lines l JOIN stock s ON s.variant_id = l.variant_id
         WHERE l.reservation_id = ?1 ORDER BY l.variant_id",
    )
    .bind(id)
    .fetch_all(&mut *work.tx)
    .await?)
}

async fn insert(work: &mut Work<'_>, id: &str, state: &str, expires_at: i64) -> Result<(), Error> {
    sqlx::query("INSERT INTO reservations (id, state, expires_at) VALUES (?1, ?2, ?3)")
        .bind(id)
        .bind(state)
        .bind(expires_at)
        .execute(&mut *work.tx)
        .await?;
    Ok(())
}

async fn set_state(work: &mut Work<'_>, id: &str, state: &str) -> Result<(), Error> {
    sqlx::query("UPDATE reservations SET state = ?2 WHERE id = ?1")
        .bind(id)
        .bind(state)
        .execute(&mut *work.tx)
        .await?;
    Ok(())
}

impl Line {
    fn requested_variants(&self, place: usize) -> ReservationLine {
        ReservationLine {
            variant_id: self.variant_id.clone(),
            quantity: self.quantity,
            place,
        }
    }
}
