//! Takes events in: each is recorded with the messages it asks for in one durable step, once. What can never be taken is put
//! aside as a dead letter, and the next record has its turn.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use comptoir_events::{AUTH_TOPIC, Consumer, Death, ORDERS_TOPIC, Outcome, Record};
use comptoir_mesh::clock::Clock;
use comptoir_mesh::error::Error;
use comptoir_mesh::fail_points;
use futures::FutureExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use ulid::Ulid;

use crate::domain::record::{DeadLetter, DeadReason, InboxEntry, digest};
use crate::plan::{Event, MAX_PAYLOAD, Refused, decode, plan};
use crate::store::{Recorded, Store};

/// How often an event is tried that cannot be worked with.
const ATTEMPTS: u32 = 3;

/// The consumer group `notifier`.
pub struct Inbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl Inbox {
    /// `wake` is notified when something is to be sent.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, wake: Arc<Notify>) -> Self {
        Self { store, clock, wake }
    }

    /// One try. The inner error is the event's own fault.
    async fn record(&self, record: &Record, event: &Event) -> Result<Result<Outcome, Refused>, Error> {
        let now = self.clock.now();
        let deliveries = match plan(event, now) {
            Ok(deliveries) => deliveries,
            Err(error) => {
                return Ok(Err(Refused {
                    reason: DeadReason::HandlerFailed,
                    error,
                }));
            }
        };
        let anything = !deliveries.is_empty();
        let entry = InboxEntry {
            event_id: record.id.clone(),
            topic: record.topic.to_owned(),
            body_sha256: digest(&record.payload),
            received_at: now,
        };
        fail_points::hit("notifier.record.before");
        let recorded = self.store.record(entry, deliveries).await?;
        fail_points::hit("notifier.record.after");
        Ok(match recorded {
            Recorded::New => {
                if anything {
                    self.wake.notify_one();
                }
                Ok(Outcome::Taken)
            }
            Recorded::Duplicate => Ok(Outcome::Duplicate),
            Recorded::Conflict => Err(Refused {
                reason: DeadReason::IdConflict,
                error: "the event's id came before with another body",
            }),
        })
    }

    async fn bury(&self, record: &Record, refused: Refused) -> Result<Outcome, Error> {
        let Refused { reason, error } = refused;
        let payload = if record.payload.len() > MAX_PAYLOAD {
            vec![]
        } else {
            record.payload.to_vec()
        };
        let letter = DeadLetter {
            id: letter_id(record, reason),
            topic: record.topic.to_owned(),
            key: record.key.clone(),
            event_id: record.id.clone(),
            sequence: record.sequence,
            reason,
            error: error.to_owned(),
            payload,
            received_at: self.clock.now(),
        };
        fail_points::hit("notifier.bury.before");
        let new = self.store.bury(letter).await?;
        fail_points::hit("notifier.bury.after");
        if new {
            metrics::counter!("dead_letters_total", "topic" => record.topic, "reason" => reason.as_str())
                .increment(1);
            tracing::error!(
                event.id = record.id,
                event.topic = record.topic,
                event.sequence = record.sequence,
                dead_letter.reason = reason.as_str(),
                dead_letter.error = error,
                "an event was put aside as a dead letter"
            );
        }
        Ok(Outcome::Dead(Death {
            reason: reason.as_str(),
            error,
        }))
    }
}

#[async_trait]
impl Consumer for Inbox {
    fn group(&self) -> &'static str {
        "notifier"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[AUTH_TOPIC, ORDERS_TOPIC]
    }

    async fn consume(&self, record: &Record) -> Result<Outcome, Error> {
        let event = match decode(record) {
            Ok(event) => event,
            Err(refused) => return self.bury(record, refused).await,
        };
        for attempt in 1..=ATTEMPTS {
            // A defect that panics on one event must not take the process, or the partition, with it.
            match AssertUnwindSafe(self.record(record, &event)).catch_unwind().await {
                Ok(Ok(Ok(outcome))) => return Ok(outcome),
                Ok(Ok(Err(refused))) if refused.reason == DeadReason::IdConflict || attempt == ATTEMPTS => {
                    return self.bury(record, refused).await;
                }
                // The store is out of reach: nothing is wrong with the event, which comes again.
                Ok(Err(error)) if error.passes_by_itself() => return Err(error),
                Ok(Err(error)) if attempt == ATTEMPTS => {
                    tracing::error!(event.id = record.id, event.topic = record.topic, error.cause = ?error, "an event cannot be recorded");
                }
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
        let refused = Refused {
            reason: DeadReason::HandlerFailed,
            error: "the event could not be handled",
        };
        self.bury(record, refused).await
    }
}

/// The same for the same record, so that a poison record that comes again is one letter.
fn letter_id(record: &Record, reason: DeadReason) -> String {
    let mut hash = Sha256::new();
    for part in [record.topic, &record.key, &record.id, reason.as_str()] {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.chain_update(digest(&record.payload)).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    format!("dead_{}", Ulid::from(u128::from_be_bytes(half)))
}
