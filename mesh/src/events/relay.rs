//! The relay: publishes what the outbox holds, in order for each key, and again until it was taken.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt as _;
use tokio::time::Instant;

use super::{Outbox, Publisher, Record};
use crate::{context::Context, env::Env};

/// Entries read at once.
const BATCH: usize = 256;
/// Keys published side by side.
const CONCURRENCY: usize = 16;
/// How long an idle relay waits before it looks all the same: a notification may have been missed in a crash.
const IDLE: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The relay's crash points.
pub const FAIL_POINTS: &[&str] = &[
    "relay.publish.before",
    "relay.publish.after",
    "relay.done.before",
    "relay.done.after",
];

/// Spawns the relay between an outbox and a publisher; it ends when the process drains.
pub fn relay(env: &Env, outbox: Arc<dyn Outbox>, publisher: impl Publisher) {
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("relay", async move {
        let changed = outbox.changed();
        let mut backoff = FIRST_BACKOFF;
        while !shutdown.is_cancelled() {
            let context = Context::background("relay");
            let round = crate::context::scope(context, round(&*outbox, &publisher)).await;
            let wait = match round {
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
    });
}

enum Round {
    Empty,
    Progress,
    Failed,
}

async fn round(outbox: &dyn Outbox, publisher: &dyn Publisher) -> Round {
    let pending = match outbox.pending(BATCH).await {
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
    let started = Instant::now();
    let mut by_key: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in pending {
        by_key.entry(record.key.clone()).or_default().push(record);
    }
    let outcomes: Vec<(Vec<Record>, bool)> = futures::stream::iter(by_key.into_values())
        .map(|records| publish_in_order(publisher, records))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let failed = outcomes.iter().any(|(_, whole)| !whole);
    let published: Vec<Record> = outcomes.into_iter().flat_map(|(records, _)| records).collect();
    let none = published.is_empty();
    crate::faults::hit("relay.done.before");
    if let Err(error) = outbox.done(&published).await {
        tracing::warn!(error.cause = ?error, "published events cannot be noted as such and will be published again");
        return Round::Failed;
    }
    crate::faults::hit("relay.done.after");
    metrics::gauge!("outbox_pending", "topic" => topic).set(0.0);
    metrics::gauge!("outbox_lag_seconds", "topic" => topic).set(started.elapsed().as_secs_f64());
    if failed && none {
        Round::Failed
    } else {
        Round::Progress
    }
}

/// Publishes one key's records one after the other; gives those that were taken, and whether all were.
async fn publish_in_order(publisher: &dyn Publisher, records: Vec<Record>) -> (Vec<Record>, bool) {
    let mut published = Vec::with_capacity(records.len());
    for record in records {
        crate::faults::hit("relay.publish.before");
        if let Err(error) = publisher.publish(&record).await {
            tracing::warn!(event.id = record.id, error.cause = ?error, "an event was not taken and will be published again");
            return (published, false);
        }
        crate::faults::hit("relay.publish.after");
        published.push(record);
    }
    (published, true)
}
