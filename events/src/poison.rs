//! Poison events, for the bus and Kafka alike: the attempts at a record, and when it becomes a dead letter.

use std::{panic::AssertUnwindSafe, time::Duration};

use comptoir_mesh::error::Error;
use futures::FutureExt as _;

use crate::{Consumer, Death, Outcome, Record};

/// Attempts at a record whose consumer fails with an error that is not transient.
const ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(50);

/// Delivers a record to a consumer until its effect is durable or the consumer has stored it as a dead letter.
///
/// # Errors
/// A transient one, or one of keeping the dead letter: the record has to be delivered again later.
pub async fn deliver(consumer: &dyn Consumer, record: &Record) -> Result<Outcome, Error> {
    let death = match attempt(consumer, record).await? {
        Ok(outcome) => return Ok(outcome),
        Err(death) => death,
    };
    caught(consumer.keep_dead_letter(record, &death))
        .await
        .inspect_err(|error| {
            tracing::warn!(
                event.id = record.id,
                event.topic = record.topic,
                event.group = consumer.group(),
                error.cause = ?error,
                "a consumer cannot keep a dead letter; the event will be delivered again"
            );
        })?;
    count(consumer, record, "dead");
    Ok(Outcome::Dead(death))
}

async fn attempt(consumer: &dyn Consumer, record: &Record) -> Result<Result<Outcome, Death>, Error> {
    for attempt in 1..=ATTEMPTS {
        let error = match caught(consumer.consume(record)).await {
            Ok(Outcome::Dead(death)) => return Ok(Err(death)),
            Ok(outcome) => {
                let duplicate = outcome == Outcome::Duplicate;
                count(consumer, record, if duplicate { "duplicate" } else { "taken" });
                return Ok(Ok(outcome));
            }
            Err(error) => error,
        };
        count(consumer, record, "error");
        tracing::warn!(
            event.id = record.id,
            event.topic = record.topic,
            event.group = consumer.group(),
            error.cause = ?error,
            "a consumer failed at an event; it will be retried"
        );
        if error.passes_by_itself() {
            return Err(error);
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(BACKOFF * attempt).await;
        }
    }
    Ok(Err(Death {
        reason: "HANDLER_FAILED",
        error: "the event could not be handled",
    }))
}

/// A panic on one event must not take the process, or the partition, with it.
async fn caught<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(call)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal(anyhow::anyhow!("the consumer panicked"))))
}

fn count(consumer: &dyn Consumer, record: &Record, outcome: &'static str) {
    metrics::counter!("events_consumed_total", "topic" => record.topic, "group" => consumer.group(), "outcome" => outcome)
        .increment(1);
}
