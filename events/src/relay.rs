//! The relay: publishes the outbox's events, in order for each key, with retries until each is acknowledged. Of several
//! replicas on one store, the one with the outbox's lease relays.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use tokio::time::Instant;
use ulid::Ulid;

use super::{Outbox, Publisher, Record};
use comptoir_mesh::{
    clock::Clock,
    context::Context,
    env::Env,
    error::{Error, ErrorReason},
};

/// Entries read at once.
const BATCH: usize = 256;
/// Keys published concurrently.
const CONCURRENCY: usize = 16;
/// How long an idle relay waits before it reads the outbox without a notification: another replica may have written
/// entries, or a crash may have lost the notification.
const IDLE: Duration = Duration::from_millis(250);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// How long another replica waits for a dead one.
const LEASE: Duration = Duration::from_secs(5);
const RENEW: Duration = Duration::from_secs(1);

/// The relay's fail points.
pub const FAIL_POINTS: &[&str] = &[
    "relay.publish.before",
    "relay.publish.after",
    "relay.done.before",
    "relay.done.after",
];

/// Spawns the relay between an outbox and a publisher; it ends when the process drains.
pub fn relay(env: &Env, outbox: Arc<dyn Outbox>, publisher: impl Publisher) {
    let shutdown = env.shutdown.clone();
    let mut relay = Relay {
        holder: env.ids.new_id("relay_"),
        outbox,
        publisher,
        clock: env.clock.clone(),
        leased: None,
    };
    env.tasks.spawn("relay", async move {
        let changed = relay.outbox.changed();
        let mut backoff = FIRST_BACKOFF;
        while !shutdown.is_cancelled() {
            let wait = match relay.turn().await {
                Round::Progress => {
                    backoff = FIRST_BACKOFF;
                    continue;
                }
                Round::Empty => {
                    backoff = FIRST_BACKOFF;
                    IDLE
                }
                Round::Failed => {
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    backoff
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = changed.notified(), if wait == IDLE => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        relay.give_up().await;
    });
}

enum Round {
    /// No work, or another replica has the lease.
    Empty,
    Progress,
    Failed,
}

struct Relay<P> {
    holder: String,
    outbox: Arc<dyn Outbox>,
    publisher: P,
    clock: Arc<dyn Clock>,
    /// When the held lease was requested.
    leased: Option<Instant>,
}

impl<P: Publisher> Relay<P> {
    /// A round under the lease. It ends at once if the lease is lost: what it published but did not record is published
    /// again, and consumers recognise it by the events' ids.
    async fn turn(&mut self) -> Round {
        if self.leased.is_none_or(|at| at.elapsed() >= RENEW) {
            // A store that never answers would block events for ever.
            self.leased = match tokio::time::timeout(LEASE, self.lease()).await {
                Ok(Ok(Some(at))) => Some(at),
                Ok(Ok(None)) => return Round::Empty,
                Ok(Err(error)) => {
                    tracing::warn!(error.cause = ?error, "the outbox cannot be read");
                    return Round::Failed;
                }
                Err(_) => {
                    tracing::warn!("the outbox's store does not answer");
                    return Round::Failed;
                }
            };
        }
        let leased = self.leased.unwrap_or_else(Instant::now);
        let round = comptoir_mesh::context::scope(Context::background("relay"), self.round());
        tokio::select! {
            round = round => round,
            () = self.hold(leased) => {
                tracing::warn!("the lease on the outbox was lost");
                self.leased = None;
                Round::Empty
            }
        }
    }

    /// Takes the lease if there are events to publish, and returns when it was requested.
    async fn lease(&self) -> Result<Option<Instant>, Error> {
        if self.outbox.pending(1).await?.is_empty() {
            return Ok(None);
        }
        let asked = Instant::now();
        let leased = self.outbox.lease(&self.holder, LEASE).await?;
        Ok(leased.then_some(asked))
    }

    /// Returns once the lease is lost: another process has it, or it could not be renewed in time.
    async fn hold(&self, mut held: Instant) {
        while held.elapsed() < LEASE {
            tokio::time::sleep(RENEW).await;
            let asked = Instant::now();
            match tokio::time::timeout(2 * RENEW, self.outbox.lease(&self.holder, LEASE)).await {
                Ok(Ok(true)) => held = asked,
                Ok(Ok(false)) => return,
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    /// Releases the lease, so that another replica need not wait for its end.
    async fn give_up(&self) {
        if self.leased.is_none() {
            return;
        }
        let given = self.outbox.lease(&self.holder, Duration::ZERO);
        if let Ok(Err(error)) = tokio::time::timeout(RENEW, given).await {
            tracing::debug!(error.cause = ?error, "the outbox's lease was not released and expires");
        }
    }

    async fn round(&self) -> Round {
        let pending = match self.outbox.pending(BATCH).await {
            Ok(pending) => pending,
            Err(error) => {
                tracing::warn!(error.cause = ?error, "the outbox cannot be read");
                return Round::Failed;
            }
        };
        let Some(topic) = pending.first().map(|record| record.topic) else {
            return Round::Empty;
        };
        metrics::gauge!("outbox_pending", "topic" => topic).set(pending.len() as f64);
        metrics::gauge!("outbox_lag_seconds", "topic" => topic).set(self.age(&pending));
        let mut by_key: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for record in pending {
            by_key.entry(record.key.clone()).or_default().push(record);
        }
        let away = AtomicBool::new(false);
        let outcomes: Vec<(Vec<Record>, bool)> = futures::stream::iter(by_key.into_values())
            .map(|records| self.publish_in_order(records, &away))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let failed = outcomes.iter().any(|(_, whole)| !whole);
        let published: Vec<Record> = outcomes.into_iter().flat_map(|(records, _)| records).collect();
        let none = published.is_empty();
        comptoir_mesh::fail_points::hit("relay.done.before");
        if let Err(error) = self.outbox.done(&published).await {
            tracing::warn!(error.cause = ?error, "published events cannot be noted as such and will be published again");
            return Round::Failed;
        }
        comptoir_mesh::fail_points::hit("relay.done.after");
        if failed {
            return if none { Round::Failed } else { Round::Progress };
        }
        metrics::gauge!("outbox_pending", "topic" => topic).set(0.0);
        metrics::gauge!("outbox_lag_seconds", "topic" => topic).set(0.0);
        Round::Progress
    }

    /// The seconds since the oldest of these was created: an event's id begins with its time.
    fn age(&self, pending: &[Record]) -> f64 {
        let made = pending.iter().filter_map(|record| {
            let (_, ulid) = record.id.rsplit_once('_')?;
            i64::try_from(Ulid::from_string(ulid).ok()?.timestamp_ms()).ok()
        });
        let now = self.clock.now().as_millisecond();
        made.min()
            .map_or(0.0, |oldest| (now - oldest).max(0) as f64 / 1000.0)
    }

    /// Publishes one key's records in order; returns those that were acknowledged, and whether all were. If the
    /// publisher is unreachable (`away`), the rest is left to the next round.
    async fn publish_in_order(&self, records: Vec<Record>, away: &AtomicBool) -> (Vec<Record>, bool) {
        let mut published = Vec::with_capacity(records.len());
        for record in records {
            if away.load(Ordering::Relaxed) {
                return (published, false);
            }
            comptoir_mesh::fail_points::hit("relay.publish.before");
            if let Err(error) = self.publisher.publish(&record).await {
                tracing::warn!(event.id = record.id, error.cause = ?error, "an event was not taken and will be published again");
                away.fetch_or(
                    error.reason() == ErrorReason::DependencyUnavailable,
                    Ordering::Relaxed,
                );
                return (published, false);
            }
            comptoir_mesh::fail_points::hit("relay.publish.after");
            published.push(record);
        }
        (published, true)
    }
}
