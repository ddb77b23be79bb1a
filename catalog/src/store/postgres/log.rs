//! The log of changes: each step writes what it changed in its transaction, and every replica reads the changes of the
//! others, to remove them from its caches.
//!
//! Rows become visible in another order than they are numbered. A reader therefore compares the database's snapshots, which
//! list the transactions that have ended: it reads the rows of those in this snapshot that were not in the one before. A long
//! transaction elsewhere makes no difference.
//! NOTIFY wakes the reader. It is sent apart from the commits, because commits with a notification wait for each other. As a
//! notification can get lost, the reader also reads twice a second without one.

use std::{sync::Arc, time::Duration};

use comptoir_mesh::{Env, Error};
use moka::sync::Cache;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{sync::Notify, time::Instant};

use super::PostgresStore;
use crate::store::{Change, rows::size};

/// How often the log is read when nothing wakes the reader.
const INTERVAL: Duration = Duration::from_millis(500);
/// Between two notifications: a busy replica sends one for many commits.
const GATHER: Duration = Duration::from_millis(20);
/// With more rows at once, the reader reports that everything changed.
const MANY: usize = 10_000;
/// A reader that did not read for this long reports that everything changed.
const AWAY: Duration = Duration::from_secs(300);
/// Rows are kept for twice as long, in seconds.
const KEPT: f64 = 600.0;
const PRUNE: Duration = Duration::from_secs(60);
/// The rows that one statement deletes.
const PRUNED: usize = 20_000;
/// How long a replica remembers that it reported its own step.
const REPORTED_FOR: Duration = Duration::from_secs(60);
const CHANNEL: &str = "comptoir_catalog";

/// What a replica knows of the log.
pub(super) struct Log {
    /// The transactions that had ended when the store was opened.
    begin: Snapshot,
    /// Steps of this process, which it reports without the log.
    reported: Cache<i64, ()>,
    /// There are changes to notify the others of.
    committed: Notify,
    listening: PgConnectOptions,
}

/// Where a reader is.
struct Place {
    /// The rows of what had ended by then were read.
    snapshot: Snapshot,
    read_at: Instant,
}

/// What transactions have ended: those before `end`, but for some that are under way.
#[derive(Clone)]
struct Snapshot {
    /// As PostgreSQL writes it, `BEGIN:END:UNDER_WAY,…`.
    text: String,
    end: u64,
    under_way: Vec<String>,
}

comptoir_stores::from_row! {
    struct Row {
        step: i64,
        kind: String,
        id: String,
    }
}

impl Log {
    /// Reads the commits from now on.
    pub(super) async fn begin(pool: &PgPool, listening: PgConnectOptions) -> Result<Self, Error> {
        Ok(Self {
            begin: Snapshot::now(pool).await?,
            reported: Cache::builder()
                .max_capacity(1_000_000)
                .time_to_live(REPORTED_FOR)
                .build(),
            committed: Notify::new(),
            listening,
        })
    }

    /// Notes that this process reports the step without the log.
    pub(super) fn mark_reported(&self, step: i64) {
        self.reported.insert(step, ());
    }

    /// Removes the note: the step may not have been committed.
    pub(super) fn forget(&self, step: i64) {
        self.reported.invalidate(&step);
    }

    /// Notifies the other replicas.
    pub(super) fn notify(&self) {
        self.committed.notify_one();
    }
}

impl PostgresStore {
    /// Reports the changes of other replicas, from now on until the process drains.
    pub fn follow(&self, env: &Env) {
        let woken = Arc::new(Notify::new());
        let (store, wake) = (self.clone(), Arc::clone(&woken));
        spawn(env, "changes", async move { store.read_on(&wake).await });
        let log = Arc::clone(&self.log);
        spawn(env, "listener", async move { log.listen(&woken).await });
        let store = self.clone();
        spawn(env, "notifier", async move { store.notify_others().await });
    }

    async fn read_on(&self, woken: &Notify) {
        let mut place = Place {
            snapshot: self.log.begin.clone(),
            read_at: Instant::now(),
        };
        let mut pruned = Instant::now();
        loop {
            if let Err(error) = self.read(&mut place).await {
                tracing::warn!(error.cause = ?error, "the log of changes cannot be read");
                tokio::time::sleep(INTERVAL).await;
                continue;
            }
            if pruned.elapsed() > PRUNE {
                pruned = Instant::now();
                if let Err(error) = prune(&self.pool).await {
                    tracing::warn!(error.cause = ?error, "old rows of the log of changes cannot be removed");
                }
            }
            let _ = tokio::time::timeout(INTERVAL, woken.notified()).await;
        }
    }

    /// Reports the commits since the position, and advances it.
    async fn read(&self, place: &mut Place) -> Result<(), Error> {
        let now = Snapshot::now(&self.pool).await?;
        let rows = rows(&self.pool, &place.snapshot, &now).await?;
        // A server that was put back to an earlier state gives the same numbers to other transactions.
        let is_other = now.end < place.snapshot.end;
        let mut changes = Vec::new();
        if is_other || rows.len() > MANY || place.read_at.elapsed() > AWAY {
            changes.push(Change::Everything);
        } else {
            let foreign = rows
                .iter()
                .filter(|row| !self.log.reported.contains_key(&row.step));
            changes.extend(foreign.filter_map(change));
        }
        *place = Place {
            snapshot: now,
            read_at: Instant::now(),
        };
        if !changes.is_empty() {
            self.changes.report(changes);
            // Their events too: this replica's relay may be the one that publishes.
            self.announced.notify_one();
        }
        Ok(())
    }

    /// Sends a notification for what was committed, one for all that comes close together.
    async fn notify_others(&self) {
        loop {
            self.log.committed.notified().await;
            let sent = sqlx::query("SELECT pg_notify($1, '')")
                .bind(CHANNEL)
                .execute(&self.pool)
                .await;
            if let Err(error) = sent {
                tracing::debug!(error.cause = %error, "others were not notified and will look by themselves");
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}

impl Log {
    /// Wakes the reader at each notification.
    async fn listen(&self, woken: &Notify) {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(self.listening.clone());
        loop {
            if let Err(error) = wake(&pool, woken).await {
                tracing::debug!(error.cause = %error, "notifications of the database are not heard; it is asked instead");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn wake(pool: &PgPool, woken: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        woken.notify_one();
    }
}

fn spawn(env: &Env, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let shutdown = env.shutdown.clone();
    env.tasks.spawn(name, async move {
        shutdown.run_until_cancelled(task).await;
    });
}

impl Snapshot {
    /// What has ended, anywhere on the server.
    async fn now(pool: &PgPool) -> Result<Self, Error> {
        let text: String = sqlx::query_scalar("SELECT pg_current_snapshot()::text")
            .fetch_one(pool)
            .await?;
        Self::parse(text)
            .ok_or_else(|| Error::internal(anyhow::anyhow!("the database's snapshot cannot be read")))
    }

    fn parse(text: String) -> Option<Self> {
        let mut parts = text.split(':').skip(1);
        let end = parts.next()?.parse().ok()?;
        let under_way = parts.next()?.split(',').filter(|id| !id.is_empty());
        let under_way = under_way.map(str::to_owned).collect();
        Some(Self { text, end, under_way })
    }
}

/// The rows of what `now` has as ended and `before` had not. They are found by their index: it knows what was under way.
async fn rows(pool: &PgPool, before: &Snapshot, now: &Snapshot) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as(
        "SELECT step, kind, id FROM changes
         WHERE (transaction >= $1::text::xid8 OR transaction = ANY ($2::text[]::xid8[]))
           AND pg_visible_in_snapshot(transaction, $3::text::pg_snapshot)
         ORDER BY position LIMIT $4",
    )
    .bind(before.end.to_string())
    .bind(&before.under_way)
    .bind(&now.text)
    .bind(size(MANY + 1))
    .fetch_all(pool)
    .await?)
}

async fn prune(pool: &PgPool) -> Result<(), Error> {
    loop {
        let pruned = sqlx::query(
            "DELETE FROM changes WHERE position IN (
                 SELECT position FROM changes WHERE at < now() - make_interval(secs => $1)
                 ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(KEPT)
        .bind(size(PRUNED))
        .execute(pool)
        .await?;
        if pruned.rows_affected() < PRUNED as u64 {
            return Ok(());
        }
    }
}

/// A change as the log has it: its kind, and whose.
pub(super) fn row(change: &Change) -> (&'static str, &str) {
    match change {
        Change::Product(id) => ("product", id),
        Change::ProductDeleted(id) => ("product deleted", id),
        Change::Stock(id) => ("stock", id),
        // No step changes everything; what it means for others is the same.
        Change::Categories | Change::Everything => ("categories", ""),
    }
}

fn change(row: &Row) -> Option<Change> {
    match row.kind.as_str() {
        "product" => Some(Change::Product(row.id.clone())),
        "product deleted" => Some(Change::ProductDeleted(row.id.clone())),
        "stock" => Some(Change::Stock(row.id.clone())),
        "categories" => Some(Change::Categories),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read_as_the_database_writes_it() {
        let parse = |text: &str| {
            Snapshot::parse(text.to_owned()).map(|snapshot| (snapshot.end, snapshot.under_way.join(" ")))
        };
        assert_eq!(parse("800:800:"), Some((800, String::new())));
        assert_eq!(parse("795:800:795,797"), Some((800, "795 797".to_owned())));
        assert_eq!(parse("795"), None);
    }
}
