//! Reservations: held → sold, released or expired. The units of a held reservation count as reserved. The step that needs
//! its units, or the sweeper of any replica, expires a reservation whose time is over.
//!
//! A reservation is locked before its rows of stock, and those in the order of their ids.

use std::collections::BTreeMap;

use comptoir_mesh::Error;
use comptoir_stores::sqlite::timestamp;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgExecutor};

use super::{Work, stock};
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
/// The most reservations that one step expires to free units.
const ROOM: usize = 1000;

/// The database's clock, in microseconds: reservations expire by it.
macro_rules! now {
    () => {
        "(extract(epoch from statement_timestamp()) * 1000000)::bigint"
    };
}

/// The reservations whose time is over, as a table of a statement. There are few of them, while a variant may have been
/// reserved a million times; OFFSET 0 keeps the planner from starting with the variant.
macro_rules! over {
    () => {
        concat!(
            "WITH over AS MATERIALIZED (SELECT id FROM reservations WHERE state = 'held' AND expires_at <= ",
            now!(),
            ") "
        )
    };
}

comptoir_stores::from_row! {
    /// A line of a stored reservation.
    #[derive(Clone)]
    struct Line {
        reservation_id: String,
        variant_id: String,
        quantity: i32,
    }
}

pub(super) async fn reserve(work: &mut Work, reservation: Reservation) -> Result<Timestamp, Error> {
    let ttl = i64::try_from(reservation.ttl.as_micros()).unwrap_or(i64::MAX / 2);
    // One of several with the same id goes on; the others wait here for what becomes of it.
    let held: Option<i64> = sqlx::query_scalar(concat!(
        "INSERT INTO reservations (id, state, expires_at) VALUES ($1, 'held', ",
        now!(),
        " + $2) ON CONFLICT (id) DO NOTHING RETURNING expires_at"
    ))
    .bind(&reservation.id)
    .bind(ttl)
    .fetch_optional(&mut *work.tx)
    .await?;
    let Some(expires_at) = held else {
        return repeated(work, &reservation).await;
    };
    let titles = refusals::for_sale(
        &reservation.lines,
        &requested_variants(work, &reservation.lines).await?,
    )?;
    let touched = take(work, &reservation.lines, &titles, false).await?;
    let lines = reservation.lines.into_iter();
    let (variants, quantities): (Vec<String>, Vec<i32>) =
        lines.map(|line| (line.variant_id, line.quantity)).unzip();
    sqlx::query(
        "INSERT INTO reservation_lines (reservation_id, variant_id, quantity)
         SELECT $1, * FROM UNNEST($2::text[], $3::integer[])",
    )
    .bind(&reservation.id)
    .bind(variants)
    .bind(quantities)
    .execute(&mut *work.tx)
    .await?;
    announce(work, touched);
    Ok(timestamp(expires_at))
}

async fn repeated(work: &mut Work, reservation: &Reservation) -> Result<Timestamp, Error> {
    let (state, ends): (String, i64) =
        sqlx::query_as("SELECT state, expires_at FROM reservations WHERE id = $1")
            .bind(&reservation.id)
            .fetch_one(&mut *work.tx)
            .await?;
    let stored = lines(work, &reservation.id).await?.into_iter();
    let stored: Vec<_> = stored.map(|line| (line.variant_id, line.quantity)).collect();
    refusals::repeated(reservation, &state, &stored, timestamp(ends))
}

pub(super) async fn confirm(work: &mut Work, id: String) -> Result<(), Error> {
    let state = locked_state(work, &id)
        .await?
        .ok_or_else(|| not_found("reservation"))?;
    let lines = match state.as_str() {
        "sold" => return Ok(()),
        "released" => return Err(invalid_state("The reservation was released.")),
        _ => lines(work, &id).await?,
    };
    if state == "held" {
        // Its time is over but it has not expired yet: the units are still its own.
        for line in &lines {
            let product_id = sqlx::query_scalar(
                "UPDATE stock SET on_hand = on_hand - $2, reserved = reserved - $2 WHERE variant_id = $1
                 RETURNING product_id",
            )
            .bind(&line.variant_id)
            .bind(line.quantity)
            .fetch_one(&mut *work.tx)
            .await?;
            work.changes.push(Change::Stock(product_id));
        }
    } else {
        let again: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(place, line)| line.requested_variants(place))
            .collect();
        let titles = refusals::titles(&requested_variants(work, &again).await?);
        let touched = take(work, &again, &titles, true).await?;
        announce(work, touched);
    }
    let sold = lines.into_iter().map(|line| (line.variant_id, -line.quantity));
    stock::enter(work, sold.collect::<Vec<_>>(), "sold", ORDERS, Some(&id)).await?;
    set_state(work, &[id], "sold").await
}

pub(super) async fn release(work: &mut Work, id: String, reason: String) -> Result<(), Error> {
    // An unknown reservation is stored as released. This waits for a step that is creating it.
    let noted = sqlx::query(concat!(
        "INSERT INTO reservations (id, state, expires_at) VALUES ($1, 'released', ",
        now!(),
        ") ON CONFLICT (id) DO NOTHING"
    ))
    .bind(&id)
    .execute(&mut *work.tx)
    .await?;
    if noted.rows_affected() == 1 {
        return Ok(());
    }
    let state = locked_state(work, &id).await?.unwrap_or_default();
    match state.as_str() {
        "released" => return Ok(()),
        "held" => {
            let lines = lines(work, &id).await?;
            let_go(work, lines).await?;
        }
        "sold" => put_back(work, &id, if reason.is_empty() { "returned" } else { &reason }).await?,
        // It has expired: its units are free already.
        _ => {}
    }
    set_state(work, &[id], "released").await
}

/// Whether the time of a reservation is over. The sweeper asks each second, and usually there is none.
pub(super) async fn any_ended(db: impl PgExecutor<'_>) -> Result<bool, Error> {
    let ended = concat!(
        "SELECT EXISTS (SELECT 1 FROM reservations WHERE state = 'held' AND expires_at <= ",
        now!(),
        ")"
    );
    Ok(sqlx::query_scalar(ended).fetch_one(db).await?)
}

/// Expires reservations whose time is over, except those that another replica has locked.
pub(super) async fn expire(work: &mut Work, limit: usize) -> Result<usize, Error> {
    let over: Vec<String> = sqlx::query_scalar(concat!(
        "SELECT id FROM reservations WHERE state = 'held' AND expires_at <= ",
        now!(),
        " ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED"
    ))
    .bind(size(limit))
    .fetch_all(&mut *work.tx)
    .await?;
    let ended = over.len();
    end(work, over).await?;
    Ok(ended)
}

/// Whether the variant, whose row is locked, has reservations whose time is over and which have not expired.
pub(super) async fn any_over(work: &mut Work, variant_id: &str) -> Result<bool, Error> {
    let over = concat!(
        over!(),
        "SELECT EXISTS (SELECT 1 FROM over, LATERAL (
             SELECT 1 FROM reservation_lines l WHERE l.reservation_id = over.id AND l.variant_id = $1 OFFSET 0) line)"
    );
    Ok(sqlx::query_scalar(over)
        .bind(variant_id)
        .fetch_one(&mut *work.tx)
        .await?)
}

/// Expires the reservations of these variants whose time is over, and waits for those that another step has locked.
pub(super) async fn end_of(work: &mut Work, variants: Vec<String>) -> Result<(), Error> {
    let over: Vec<String> = sqlx::query_scalar(concat!(
        over!(),
        "SELECT id FROM reservations WHERE state = 'held' AND id IN (
             SELECT over.id FROM over, LATERAL (
                 SELECT 1 FROM reservation_lines l
                 WHERE l.reservation_id = over.id AND l.variant_id = ANY($1) OFFSET 0) line)
         ORDER BY id LIMIT $2 FOR UPDATE"
    ))
    .bind(variants)
    .bind(size(ROOM))
    .fetch_all(&mut *work.tx)
    .await?;
    end(work, over).await
}

/// Expires locked reservations.
async fn end(work: &mut Work, ids: Vec<String>) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let lines: Vec<Line> = sqlx::query_as(
        "SELECT reservation_id, variant_id, quantity FROM reservation_lines WHERE reservation_id = ANY($1)
         ORDER BY variant_id, reservation_id",
    )
    .bind(&ids)
    .fetch_all(&mut *work.tx)
    .await?;
    let_go(work, lines).await?;
    set_state(work, &ids, "expired").await
}

/// Frees the reserved units of lines in the order of variants. Those of a deleted variant are gone.
async fn let_go(work: &mut Work, lines: Vec<Line>) -> Result<(), Error> {
    let mut touched = Touched::new();
    for of_variant in lines.chunk_by(|one, other| one.variant_id == other.variant_id) {
        let units: i32 = of_variant.iter().map(|line| line.quantity).sum();
        let variant_id = &of_variant[0].variant_id;
        let (product_id, removed): (String, bool) = sqlx::query_as(
            "UPDATE stock SET reserved = reserved - $2, on_hand = on_hand - CASE WHEN removed THEN $2 ELSE 0 END
             WHERE variant_id = $1 RETURNING product_id, removed",
        )
        .bind(variant_id)
        .bind(units)
        .fetch_one(&mut *work.tx)
        .await?;
        if removed {
            for line in of_variant {
                let gone = [(line.variant_id.clone(), -line.quantity)];
                stock::enter(work, gone, "removed", ORDERS, Some(&line.reservation_id)).await?;
            }
        } else {
            touched.entry(product_id).or_default().push(variant_id.clone());
        }
    }
    announce(work, touched);
    Ok(())
}

/// Puts sold units back on hand, except those of deleted variants.
async fn put_back(work: &mut Work, id: &str, reason: &str) -> Result<(), Error> {
    let mut touched = Touched::new();
    let mut back = Vec::new();
    for line in lines(work, id).await? {
        let product_id: Option<String> = sqlx::query_scalar(
            "UPDATE stock SET on_hand = on_hand + $2
             WHERE variant_id = $1 AND NOT removed AND on_hand <= $3 - $2 RETURNING product_id",
        )
        .bind(&line.variant_id)
        .bind(line.quantity)
        .bind(i32::MAX)
        .fetch_optional(&mut *work.tx)
        .await?;
        if let Some(product_id) = product_id {
            back.push((line.variant_id.clone(), line.quantity));
            touched.entry(product_id).or_default().push(line.variant_id);
        }
    }
    stock::enter(work, back, reason, ORDERS, Some(id)).await?;
    announce(work, touched);
    Ok(())
}

/// Product id → those of its variants whose available units changed.
type Touched = BTreeMap<String, Vec<String>>;

fn announce(work: &mut Work, touched: Touched) {
    for (product_id, variant_ids) in touched {
        work.announce(Announcement::stock_changed(&product_id, variant_ids));
        work.changes.push(Change::Stock(product_id));
    }
}

/// Takes the units of all lines, or refuses and names how many units each short line has. With `sell` the units leave the
/// stock on hand; otherwise they are reserved.
async fn take(
    work: &mut Work,
    lines: &[ReservationLine],
    titles: &Titles,
    sell: bool,
) -> Result<Touched, Error> {
    let (mut touched, mut short) = (Touched::new(), Vec::new());
    for line in lines {
        let mut taken = take_line(work, line, sell).await?;
        if taken.is_none() {
            // Read again under its lock, so that no other step frees units or expires a reservation meanwhile.
            let left = locked_units(work, &line.variant_id).await?;
            if left >= line.quantity {
                taken = take_line(work, line, sell).await?;
            } else {
                short.push(refusals::short(line, left, titles));
                if any_over(work, &line.variant_id).await? {
                    work.blocked_variants.push(line.variant_id.clone());
                }
            }
        }
        if let Some(product_id) = taken {
            touched
                .entry(product_id)
                .or_default()
                .push(line.variant_id.clone());
        }
    }
    if short.is_empty() {
        Ok(touched)
    } else {
        Err(Error::violations(short))
    }
}

async fn take_line(work: &mut Work, line: &ReservationLine, sell: bool) -> Result<Option<String>, Error> {
    let column = if sell {
        "on_hand = on_hand -"
    } else {
        "reserved = reserved +"
    };
    let sql = format!(
        "UPDATE stock SET {column} $2 WHERE variant_id = $1 AND NOT removed AND on_hand - reserved >= $2
         RETURNING product_id"
    );
    // One of two fixed texts.
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&line.variant_id)
        .bind(line.quantity)
        .fetch_optional(&mut *work.tx)
        .await?)
}

async fn locked_units(work: &mut Work, variant_id: &str) -> Result<i32, Error> {
    let left: Option<i32> = sqlx::query_scalar(
        "SELECT on_hand - reserved FROM stock WHERE variant_id = $1 AND NOT removed FOR UPDATE",
    )
    .bind(variant_id)
    .fetch_optional(&mut *work.tx)
    .await?;
    Ok(left.unwrap_or_default())
}

async fn requested_variants(
    work: &mut Work,
    lines: &[ReservationLine],
) -> Result<Vec<RequestedVariant>, Error> {
    let ids: Vec<&str> = lines.iter().map(|line| line.variant_id.as_str()).collect();
    Ok(sqlx::query_as(
        "SELECT v.id, p.content ->> 'title' AS title, p.status = 'active' AS active
         FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(&mut *work.tx)
    .await?)
}

/// The reservation's state, locked until the commit.
async fn locked_state(work: &mut Work, id: &str) -> Result<Option<String>, Error> {
    Ok(
        sqlx::query_scalar("SELECT state FROM reservations WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *work.tx)
            .await?,
    )
}

async fn lines(work: &mut Work, id: &str) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as(
        "SELECT reservation_id, variant_id, quantity FROM reservation_lines WHERE reservation_id = $1
         ORDER BY variant_id",
    )
    .bind(id)
    .fetch_all(&mut *work.tx)
    .await?)
}

async fn set_state(work: &mut Work, ids: &[String], state: &str) -> Result<(), Error> {
    sqlx::query("UPDATE reservations SET state = $2 WHERE id = ANY($1)")
        .bind(ids)
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
