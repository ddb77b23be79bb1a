//! Failed log-ins in SQLite: a row for each attempt and counter.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::{micros, timestamp};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::domain::attempt::{Attempt, Counter};
use crate::store::Attempts;

#[async_trait]
impl Attempts for Sqlite {
    async fn count_attempt(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let attempt = attempt.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(until) = full(tx, attempt.counters(), window, now).await? {
                        return Ok(Some(until));
                    }
                    for counter in attempt.counters() {
                        sqlx::query("INSERT INTO attempts (id, key, at) VALUES (?, ?, ?)")
                            .bind(&attempt.id)
                            .bind(&counter.key)
                            .bind(micros(now))
                            .execute(&mut *tx)
                            .await?;
                    }
                    Ok(None)
                })
            })
            .await
    }

    async fn blocked_until(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let mut connection = self.db.reader().acquire().await?;
        full(&mut connection, attempt.counters(), window, now).await
    }

    async fn forgive_attempt(&self, attempt: &Attempt) -> Result<(), Error> {
        let attempt = attempt.clone();
        self.db
            .write(move |tx| Box::pin(async move { forgive(tx, &attempt).await }))
            .await
    }
}

/// When all full counters will have room again; `None` when none is full.
async fn full(
    connection: &mut SqliteConnection,
    counters: impl Iterator<Item = &Counter> + Send,
    window: Duration,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let mut until = None;
    for counter in counters {
        // There is room once the limit-th newest attempt leaves the window.
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT at FROM attempts WHERE key = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?",
        )
        .bind(&counter.key)
        .bind(micros(now - window))
        .bind(i64::from(counter.limit) - 1)
        .fetch_optional(&mut *connection)
        .await?;
        until = until.max(oldest.map(|at| timestamp(at) + window));
    }
    Ok(until)
}

/// Takes back the attempt and all others of its account.
pub(super) async fn forgive(tx: &mut SqliteConnection, attempt: &Attempt) -> Result<(), Error> {
    sqlx::query("DELETE FROM attempts WHERE key = ?")
        .bind(&attempt.account.key)
        .execute(&mut *tx)
        .await?;
    if let Some(address) = &attempt.address {
        sqlx::query("DELETE FROM attempts WHERE key = ? AND id = ?")
            .bind(&address.key)
            .bind(&attempt.id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
