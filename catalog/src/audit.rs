//! The audit of the catalogue's store. It only reads: a store that does not exist is an error.
//!
//! Each check is one statement, which sees the store at one moment and returns a sentence for each breach. Both databases
//! accept the same statements.

use std::str::FromStr as _;

use anyhow::Context as _;
use comptoir_mesh::{
    audit::{Breach, Invariant},
    env::Store,
};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use sqlx::{
    PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The store, open for reading.
pub enum Books {
    /// A file.
    Sqlite(SqlitePool),
    /// A database of a server.
    Postgres(PgPool),
}

comptoir_stores::from_row! {
    /// A line of a reservation; a reservation that was released before it was known has one without a variant.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReservedLine {
        /// The reservation's id, which is the order's.
        pub id: String,
        /// held, sold, released or expired.
        pub state: String,
        /// Of what.
        pub variant_id: Option<String>,
        /// How many units.
        pub quantity: Option<i32>,
    }
}

/// Opens the store where the settings say.
pub async fn open(location: &Store) -> anyhow::Result<Books> {
    match location {
        Store::Sqlite(file) => Ok(Books::Sqlite(comptoir_stores::sqlite::open_to_read(file).await?)),
        Store::Server(server) => {
            let pool = async {
                let options = PgConnectOptions::from_str(server.url.reveal())?
                    .application_name("comptoir-audit")
                    .options([("default_transaction_read_only", "on")]);
                PgPoolOptions::new()
                    .max_connections(2)
                    .connect_with(options)
                    .await
            };
            Ok(Books::Postgres(
                pool.await.with_context(|| server.setting.clone())?,
            ))
        }
    }
}

impl Books {
    /// Every breach that the catalogue's own store shows.
    pub async fn breaches(&self) -> anyhow::Result<Vec<Breach>> {
        let mut breaches = Vec::new();
        for (invariant, statement) in CHECKS {
            let found: Vec<String> = match self {
                Self::Sqlite(pool) => sqlx::query_scalar(statement).fetch_all(pool).await,
                Self::Postgres(pool) => sqlx::query_scalar(statement).fetch_all(pool).await,
            }
            .context("the catalogue's store")?;
            breaches.extend(found.into_iter().map(|what| Breach::new(invariant, what)));
        }
        Ok(breaches)
    }

    /// How many variants have stock.
    pub async fn variants(&self) -> anyhow::Result<i64> {
        let statement = "SELECT count(*) FROM stock";
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(statement).fetch_one(pool).await,
            Self::Postgres(pool) => sqlx::query_scalar(statement).fetch_one(pool).await,
        }
        .context("the catalogue's store")
    }

    /// Every line of every reservation, in the order of the reservations' ids.
    pub fn reservations(&self) -> BoxStream<'_, anyhow::Result<ReservedLine>> {
        let statement = "SELECT r.id, r.state, l.variant_id, l.quantity FROM reservations r
                         LEFT JOIN reservation_lines l ON l.reservation_id = r.id ORDER BY r.id, l.variant_id";
        let lines = match self {
            Self::Sqlite(pool) => sqlx::query_as(statement).fetch(pool),
            Self::Postgres(pool) => sqlx::query_as(statement).fetch(pool),
        };
        lines
            .map_err(|error| anyhow::Error::new(error).context("the catalogue's store"))
            .boxed()
    }
}

const CHECKS: [(Invariant, &str); 8] = [
    (
        Invariant::NoOversell,
        "SELECT 'variant ' || variant_id || ': ' || on_hand || ' units on hand, ' || reserved || ' of them held'
         FROM stock WHERE reserved < 0 OR on_hand < reserved",
    ),
    (
        Invariant::NoOversell,
        "SELECT 'variant ' || t.variant_id || ': ' || t.units || ' units held and sold, '
                || COALESCE(r.units, 0) || ' received'
         FROM (SELECT l.variant_id, SUM(l.quantity) AS units
               FROM reservation_lines l JOIN reservations h ON h.id = l.reservation_id
               WHERE h.state IN ('held', 'sold') GROUP BY l.variant_id) t
         LEFT JOIN (SELECT variant_id, SUM(delta) AS units FROM stock_movements WHERE order_id IS NULL
                    GROUP BY variant_id) r ON r.variant_id = t.variant_id
         WHERE t.units > COALESCE(r.units, 0)",
    ),
    (
        Invariant::HoldsEndOnce,
        "SELECT 'variant ' || s.variant_id || ': ' || s.reserved || ' units held, and ' || COALESCE(h.units, 0)
                || ' in its holds'
         FROM stock s
         LEFT JOIN (SELECT l.variant_id, SUM(l.quantity) AS units
                    FROM reservation_lines l JOIN reservations r ON r.id = l.reservation_id
                    WHERE r.state = 'held' GROUP BY l.variant_id) h ON h.variant_id = s.variant_id
         WHERE s.reserved <> COALESCE(h.units, 0)",
    ),
    // Nothing is put back into a variant that was removed: its units left the house with it.
    (
        Invariant::HoldsEndOnce,
        "SELECT 'reservation ' || r.id || ', ' || r.state || ': the ledger has ' || COALESCE(m.units, 0)
                || ' units of variant ' || l.variant_id || ' for ' || l.quantity
         FROM reservation_lines l
         JOIN reservations r ON r.id = l.reservation_id
         JOIN stock s ON s.variant_id = l.variant_id
         LEFT JOIN (SELECT order_id, variant_id, SUM(delta) AS units FROM stock_movements
                    WHERE order_id IS NOT NULL GROUP BY order_id, variant_id) m
                ON m.order_id = r.id AND m.variant_id = l.variant_id
         WHERE COALESCE(m.units, 0) <> CASE WHEN r.state = 'sold' THEN -l.quantity ELSE 0 END
           AND NOT (s.removed AND r.state IN ('released', 'expired') AND COALESCE(m.units, 0) = -l.quantity)",
    ),
    (
        Invariant::HoldsEndOnce,
        "SELECT 'variant ' || m.variant_id || ': the ledger names order ' || m.order_id || ', which reserved none of it'
         FROM stock_movements m
         LEFT JOIN reservation_lines l ON l.reservation_id = m.order_id AND l.variant_id = m.variant_id
         WHERE m.order_id IS NOT NULL AND l.reservation_id IS NULL",
    ),
    (
        Invariant::LedgerIsStock,
        "SELECT 'variant ' || s.variant_id || ': ' || s.on_hand || ' units on hand, and ' || COALESCE(m.units, 0)
                || ' by the ledger'
         FROM stock s
         LEFT JOIN (SELECT variant_id, SUM(delta) AS units FROM stock_movements GROUP BY variant_id) m
                ON m.variant_id = s.variant_id
         WHERE s.on_hand <> COALESCE(m.units, 0)",
    ),
    // Events are taken out in their order, so those that wait are an aggregate's last ones.
    (
        Invariant::EveryChangeIsTold,
        "SELECT o.aggregate_id || ': ' || o.waiting || ' events wait, from ' || o.first || ' to ' || o.last || ', of '
                || COALESCE(q.sequence, 0)
         FROM (SELECT aggregate_id, count(*) AS waiting, min(sequence) AS first, max(sequence) AS last
               FROM outbox GROUP BY aggregate_id) o
         LEFT JOIN sequences q ON q.aggregate_id = o.aggregate_id
         WHERE o.last <> COALESCE(q.sequence, 0) OR o.waiting <> o.last - o.first + 1",
    ),
    (
        Invariant::EveryChangeIsTold,
        "SELECT 'product ' || p.id || ': version ' || p.version || ', and ' || COALESCE(q.sequence, 0) || ' events'
         FROM products p LEFT JOIN sequences q ON q.aggregate_id = p.id WHERE COALESCE(q.sequence, 0) < p.version",
    ),
];
