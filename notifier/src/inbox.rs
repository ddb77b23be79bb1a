//! Consumes events: each is recorded once, with its deliveries, in one durable step. A record that can never be handled
//! is kept as a dead letter, and the next one is consumed.

use std::sync::Arc;

use async_trait::async_trait;
use comptoir_events::{AUTH_TOPIC, Consumer, Death, ORDERS_TOPIC, Outcome, Record};
use comptoir_mesh::clock::Clock;
use comptoir_mesh::error::Error;
use comptoir_mesh::fail_points;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use ulid::Ulid;

use crate::domain::record::{DeadLetter, DeadReason, InboxEntry, digest};
use crate::plan::{MAX_PAYLOAD, Refused, decode, plan};
use crate::store::{Recorded, Store};

/// The consumer group `notifier`.
pub struct Inbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl Inbox {
    /// `wake` is notified when a delivery is due.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, wake: Arc<Notify>) -> Self {
        Self { store, clock, wake }
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
        let now = self.clock.now();
        let planned = decode(record).and_then(|event| plan(&event, now).map_err(unhandled));
        let deliveries = match planned {
            Ok(deliveries) => deliveries,
            Err(refused) => return Ok(refused.into()),
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
                Outcome::Taken
            }
            Recorded::Duplicate => Outcome::Duplicate,
            Recorded::Conflict => Refused {
                reason: DeadReason::IdConflict,
                error: "the event's id was recorded before with another body",
            }
            .into(),
        })
    }

    async fn keep_dead_letter(&self, record: &Record, death: &Death) -> Result<(), Error> {
        let payload = if record.payload.len() > MAX_PAYLOAD {
            vec![]
        } else {
            record.payload.to_vec()
        };
        let reason = DeadReason::from_name(death.reason).unwrap_or(DeadReason::HandlerFailed);
        let letter = DeadLetter {
            id: letter_id(record, reason),
            topic: record.topic.to_owned(),
            key: record.key.clone(),
            event_id: record.id.clone(),
            sequence: record.sequence,
            reason,
            error: death.error.to_owned(),
            payload,
            received_at: self.clock.now(),
        };
        fail_points::hit("notifier.bury.before");
        let new = self.store.keep_dead_letter(letter).await?;
        fail_points::hit("notifier.bury.after");
        if new {
            metrics::counter!("dead_letters_total", "topic" => record.topic, "reason" => reason.as_str())
                .increment(1);
            tracing::error!(
                event.id = record.id,
                event.topic = record.topic,
                event.sequence = record.sequence,
                dead_letter.reason = reason.as_str(),
                dead_letter.error = death.error,
                "an event was kept as a dead letter"
            );
        }
        Ok(())
    }
}

impl From<Refused> for Outcome {
    fn from(Refused { reason, error }: Refused) -> Self {
        Self::Dead(Death {
            reason: reason.as_str(),
            error,
        })
    }
}

fn unhandled(error: &'static str) -> Refused {
    Refused {
        reason: DeadReason::HandlerFailed,
        error,
    }
}

/// Derived from the record, so that a poison record that is delivered twice is one dead letter.
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
