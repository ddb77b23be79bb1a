//! One business step: a transaction, done again when it met another one, and told once it is committed.

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

/// How often a step is tried that others get in the way of.
const TRIES: u32 = 8;
/// Before the second try; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(5);

/// A business step under way: what it writes, and what is told once it is committed.
pub(super) struct Work {
    pub(super) tx: PgTransaction<'static>,
    pub(super) ids: Ids,
    /// For time stamps people read; holds end by the database's clock.
    pub(super) now: Timestamp,
    pub(super) changes: Vec<Change>,
    /// Variants whose units are missing while holds on them are over: when the step fails, these are ended and it is tried
    /// again. Within the step that would lock their reservations after rows of stock, and so the wrong way round.
    pub(super) in_the_way: Vec<String>,
    announcements: Vec<Announcement>,
}

/// Why a step came to nothing.
struct Failure {
    error: Error,
    again: Again,
}

/// What makes another try worth it.
enum Again {
    No,
    /// Another step was in its way, or the connection was lost before the commit.
    Soon,
    /// Holds on these variants are over, and have to be ended first.
    AfterEnding(Vec<String>),
}

impl PostgresStore {
    /// Runs a step in a task of its own: a caller that goes away does not keep others from hearing of the commit.
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
            in_the_way: Vec::new(),
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
                // What it wrote goes with the connection, if that is lost.
                let _ = work.tx.rollback().await;
                if work.in_the_way.is_empty() {
                    return Err(Failure::of(error));
                }
                let again = Again::AfterEnding(work.in_the_way);
                Err(Failure { error, again })
            }
        }
    }

    async fn commit(&self, work: Work, number: i64) -> Result<(), Failure> {
        // Noted first: once it is committed the log may be read at any time.
        self.log.telling(number);
        let committed = work.tx.commit().await;
        if committed.is_err() {
            // A commit without an answer may have happened, or happens only now: then the log tells it once more.
            self.log.forget(number);
        } else if !work.changes.is_empty() {
            self.log.notify();
        }
        self.changes.tell(work.changes);
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
    /// An event of the change that the step makes.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        self.announcements.push(announcement);
    }

    /// Writes events under their aggregates' next numbers, and the log of changes, beside what they are about: last, because
    /// nobody else gets a number of these aggregates until the commit.
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
    /// Before the commit nothing has happened, so that what others are the reason of can be tried again. A unique or foreign
    /// key that is missed is one of them: the step looked before another one committed.
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

/// Serialization failed, deadlock, unique or foreign key missed, server shutting down.
fn is_passing(error: &dyn DatabaseError) -> bool {
    matches!(
        error.code().as_deref(),
        Some("40001" | "40P01" | "23505" | "23503" | "57P01" | "57P02" | "57P03")
    )
}
