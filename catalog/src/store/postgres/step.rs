//! One business step: a transaction that is retried when it conflicts with another one, and reported after its commit.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use comptoir_mesh::{Error, context, ids::Ids};
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::{PgTransaction, error::DatabaseError};

use super::{PostgresStore, log, reservations};
use crate::{events::Announcement, store::Change};

/// How often a step is tried that conflicts with others.
const TRIES: u32 = 8;
/// Before the second try; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(5);

/// A running business step: its transaction, and the changes to report after the commit.
pub(super) struct Work {
    pub(super) tx: PgTransaction<'static>,
    pub(super) ids: Ids,
    /// For time stamps that people read. Reservations expire by the database's clock.
    pub(super) now: Timestamp,
    pub(super) changes: Vec<Change>,
    /// Variants with too few units whose reservations' time is over. When the step fails, these reservations are expired and
    /// it is retried. The step itself cannot expire them: it would lock reservations after rows of stock, the wrong order.
    pub(super) blocked_variants: Vec<String>,
    announcements: Vec<Announcement>,
}

/// Why a step failed.
struct Failure {
    error: Error,
    again: Again,
}

/// Whether to retry.
enum Again {
    No,
    /// The step conflicted with another, or the connection was lost before the commit.
    Soon,
    /// The reservations of these variants whose time is over have to be expired first.
    AfterEnding(Vec<String>),
}

impl PostgresStore {
    /// Runs a step in its own task, so that its commit is reported even if the caller goes away.
    pub(super) async fn step<A, T, F>(&self, asked: A, step: F) -> Result<T, Error>
    where
        A: Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: for<'w> Fn(&'w mut Work, A) -> BoxFuture<'w, Result<T, Error>> + Send + Sync + 'static,
    {
        let store = self.clone();
        context::spawn(async move { store.repeat(asked, step).await })
            .await
            .map_err(Error::internal)?
    }

    async fn repeat<A, T, F>(&self, asked: A, step: F) -> Result<T, Error>
    where
        A: Clone,
        F: for<'w> Fn(&'w mut Work, A) -> BoxFuture<'w, Result<T, Error>>,
    {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let Failure { error, again } = match self.attempt(|work| step(work, asked.clone())).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if tries == TRIES {
                return Err(error);
            }
            match again {
                Again::No => return Err(error),
                Again::Soon => {
                    tokio::time::sleep(pause.mul_f64(0.5 + self.ids.jitter())).await;
                    pause *= 2;
                }
                Again::AfterEnding(variants) => {
                    let ended = self.attempt(|work| Box::pin(reservations::end_of(work, variants)));
                    ended.await.map_err(|failure| failure.error)?;
                }
            }
            tries += 1;
        }
    }

    async fn attempt<T>(
        &self,
        step: impl for<'w> FnOnce(&'w mut Work) -> BoxFuture<'w, Result<T, Error>>,
    ) -> Result<T, Failure> {
        let tx = self
            .pool
            .begin()
            .await
            .map_err(|error| Failure::of(error.into()))?;
        let mut work = Work {
            tx,
            ids: self.ids.clone(),
            now: self.clock.now(),
            changes: Vec::new(),
            blocked_variants: Vec::new(),
            announcements: Vec::new(),
        };
        let number = i64::from_be_bytes(self.ids.secret());
        let done = match step(&mut work).await {
            Ok(value) => work.write_down(number).await.map(|()| value),
            Err(error) => Err(error),
        };
        match done {
            Ok(value) => self.commit(work, number).await.map(|()| value),
            Err(error) => {
                // If the connection is lost, the server rolls back.
                let _ = work.tx.rollback().await;
                if work.blocked_variants.is_empty() {
                    return Err(Failure::of(error));
                }
                let again = Again::AfterEnding(work.blocked_variants);
                Err(Failure { error, again })
            }
        }
    }

    async fn commit(&self, work: Work, number: i64) -> Result<(), Failure> {
        // Noted first: the log may be read at any time after the commit.
        self.log.mark_reported(number);
        let committed = work.tx.commit().await;
        if committed.is_err() {
            // A commit without an answer may have happened, or happen later: then the log reports it once more.
            self.log.forget(number);
        } else if !work.changes.is_empty() {
            self.log.notify();
        }
        self.changes.report(work.changes);
        if !work.announcements.is_empty() {
            self.announced.notify_one();
        }
        committed.map_err(|error| Failure {
            error: Error::unavailable(anyhow::anyhow!("commit failed: {error}")),
            again: Again::No,
        })
    }
}

impl Work {
    /// Adds an event of the change that the step makes.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        self.announcements.push(announcement);
    }

    /// Writes the log of changes, and the events with their aggregates' next numbers. This comes last in a step, because no
    /// other step gets a number of these aggregates until the commit.
    async fn write_down(&mut self, number: i64) -> Result<(), Error> {
        if !self.announcements.is_empty() {
            self.write_events().await?;
        }
        let (mut kinds, mut ids) = (Vec::new(), Vec::new());
        for (place, change) in self.changes.iter().enumerate() {
            if !self.changes[..place].contains(change) {
                let (kind, id) = log::row(change);
                kinds.push(kind);
                ids.push(id);
            }
        }
        if !kinds.is_empty() {
            sqlx::query(
                "INSERT INTO changes (step, kind, id) SELECT $1, * FROM UNNEST($2::text[], $3::text[])",
            )
            .bind(number)
            .bind(kinds)
            .bind(ids)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    async fn write_events(&mut self) -> Result<(), Error> {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for announcement in &self.announcements {
            *counts.entry(&announcement.aggregate_id).or_default() += 1;
        }
        let (aggregates, counts): (Vec<&str>, Vec<i64>) = counts.into_iter().unzip();
        // In the order of aggregates, as every step locks them.
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "INSERT INTO sequences (aggregate_id, sequence)
             SELECT * FROM UNNEST($1::text[], $2::bigint[]) AS asked (id, count) ORDER BY id COLLATE \"C\"
             ON CONFLICT (aggregate_id) DO UPDATE SET sequence = sequences.sequence + excluded.sequence
             RETURNING aggregate_id, sequence",
        )
        .bind(&aggregates)
        .bind(&counts)
        .fetch_all(&mut *self.tx)
        .await?;
        let last: HashMap<String, i64> = rows.into_iter().collect();
        let counts = aggregates.iter().zip(counts);
        let mut next: HashMap<&str, i64> = counts
            .map(|(id, count)| (*id, last.get(*id).copied().unwrap_or_default() - count + 1))
            .collect();
        let (mut ids, mut keys, mut sequences, mut payloads) = (vec![], vec![], vec![], vec![]);
        for announcement in &self.announcements {
            let key = announcement.aggregate_id.as_str();
            let sequence = next.entry(key).or_default();
            let id = self.ids.new_id("evt_");
            payloads.push(
                announcement
                    .clone()
                    .encode(id.clone(), sequence.unsigned_abs(), self.now),
            );
            ids.push(id);
            keys.push(key);
            sequences.push(*sequence);
            *sequence += 1;
        }
        sqlx::query(
            "INSERT INTO outbox (id, aggregate_id, sequence, payload)
             SELECT id, aggregate_id, sequence, payload
             FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
                  AS event (id, aggregate_id, sequence, payload, place)
             ORDER BY place",
        )
        .bind(ids)
        .bind(keys)
        .bind(sequences)
        .bind(payloads)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }
}

impl Failure {
    /// Nothing has happened before the commit, so that a step that conflicted with another can be retried. A violated unique
    /// or foreign key is such a conflict: the step read before another one committed.
    fn of(error: Error) -> Self {
        let cause = error
            .cause()
            .and_then(|cause| cause.downcast_ref::<sqlx::Error>());
        let again = match cause {
            Some(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            Some(sqlx::Error::Database(database)) => is_passing(&**database),
            _ => false,
        };
        let again = if again { Again::Soon } else { Again::No };
        Self { error, again }
    }
}

/// Serialization failed, deadlock, unique or foreign key violated, server shutting down.
fn is_passing(error: &dyn DatabaseError) -> bool {
    matches!(
        error.code().as_deref(),
        Some("40001" | "40P01" | "23505" | "23503" | "57P01" | "57P02" | "57P03")
    )
}
