//! A lane delivers one partition's records to a group: keys concurrently, each key in order. A poison record delays the
//! others only until it is a dead letter.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{Kafka, wire::Delivered};
use crate::{Consumer, Death, Outcome, Record, deliver};
use comptoir_mesh::{
    context::{self, Context},
    error::Error,
    fail_points,
};

/// Records taken at once; their offset is committed together.
const BATCH: usize = 64;
/// Keys handled concurrently.
const CONCURRENCY: usize = 16;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// A topic's partition.
pub(super) type Place = (&'static str, i32);

/// A lane, as the group's loop sees it.
pub(super) struct Lane {
    /// Distinguishes this lane from earlier ones of the same partition.
    pub(super) generation: u64,
    pub(super) queue: UnboundedSender<Delivered>,
    /// The weight of waiting and running records.
    pub(super) weight: usize,
    /// The offset after its last record.
    pub(super) next: i64,
    pub(super) paused: bool,
    pub(super) revoked: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// Records whose effects are durable.
pub(super) struct Done {
    pub(super) place: Place,
    pub(super) generation: u64,
    /// The offset to continue from.
    pub(super) next: i64,
    pub(super) weight: usize,
}

/// The approximate size of a record in memory.
pub(super) fn weight(delivered: &Delivered) -> usize {
    1024 + delivered.payload.as_ref().map_or(0, Bytes::len)
}

/// The worker of a lane.
pub(super) struct Worker {
    pub(super) kafka: Kafka,
    pub(super) consumer: Arc<dyn Consumer>,
    pub(super) place: Place,
    pub(super) generation: u64,
    pub(super) done: UnboundedSender<Done>,
    /// The partition was revoked: running effects end, no others begin, and nothing is committed.
    pub(super) revoked: CancellationToken,
}

impl Worker {
    /// Handles records until the partition is revoked. `before` is the partition's earlier worker.
    pub(super) async fn run(self, mut queue: UnboundedReceiver<Delivered>, before: Option<JoinHandle<()>>) {
        if let Some(before) = before {
            let _ = before.await;
        }
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let got = self
                .revoked
                .run_until_cancelled(queue.recv_many(&mut batch, BATCH));
            if got.await.is_none_or(|count| count == 0) || !self.take(std::mem::take(&mut batch)).await {
                return;
            }
        }
    }

    /// Returns false if the partition was revoked meanwhile.
    async fn take(&self, batch: Vec<Delivered>) -> bool {
        let Some(next) = batch.last().map(|last| last.offset + 1) else {
            return true;
        };
        let weight = batch.iter().map(weight).sum();
        let mut by_key: HashMap<Option<Bytes>, Vec<Delivered>> = HashMap::new();
        for delivered in batch {
            by_key.entry(delivered.key.clone()).or_default().push(delivered);
        }
        // Waits for all of them, even if one fails: a running effect is not cancelled.
        let whole = futures::stream::iter(by_key.into_values())
            .map(|records| self.take_in_order(records))
            .buffer_unordered(CONCURRENCY)
            .fold(true, |all, whole| async move { all && whole })
            .await;
        if whole {
            let (place, generation) = (self.place, self.generation);
            // The receiving loop ends after its lanes.
            let _ = self.done.send(Done {
                place,
                generation,
                next,
                weight,
            });
        }
        whole
    }

    async fn take_in_order(&self, records: Vec<Delivered>) -> bool {
        for delivered in records {
            if self.revoked.is_cancelled() || !self.settle(&delivered).await {
                return false;
            }
            fail_points::hit("kafka.effect.after");
        }
        true
    }

    /// Settles a record: taken, or a dead letter. Returns false if the partition was revoked before that.
    async fn settle(&self, delivered: &Delivered) -> bool {
        let (record, trace) = match delivered.read() {
            Ok(read) => read,
            Err(death) => return self.bury(delivered, &death).await,
        };
        let mut context = Context::background(self.consumer.group());
        if let Some(trace) = trace {
            context.trace = trace.child();
        }
        context::scope(context, async {
            match self.deliver(&record).await {
                Some(Outcome::Taken | Outcome::Duplicate) => true,
                Some(Outcome::Dead(death)) => self.bury(delivered, &death).await,
                None => false,
            }
        })
        .await
    }

    /// Delivers the record, and retries transient failures for as long as they last; `None` if the partition was
    /// revoked before.
    async fn deliver(&self, record: &Record) -> Option<Outcome> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match deliver(&*self.consumer, record).await {
                Ok(outcome) => return Some(outcome),
                Err(_) => self.pause(&mut backoff).await?,
            }
        }
    }

    /// Writes a dead letter, however long that takes: the record is neither lost nor skipped.
    async fn bury(&self, delivered: &Delivered, death: &Death) -> bool {
        let ((topic, partition), group) = (self.place, self.consumer.group());
        let mut backoff = FIRST_BACKOFF;
        fail_points::hit("kafka.letter.before");
        while let Err(error) = self.kafka.bury(group, delivered, death).await {
            self.waits(&error);
            if self.pause(&mut backoff).await.is_none() {
                return false;
            }
        }
        fail_points::hit("kafka.letter.after");
        metrics::counter!("events_dead_lettered_total", "topic" => topic, "group" => group, "reason" => death.reason)
            .increment(1);
        tracing::error!(
            event.topic = topic,
            event.partition = partition,
            event.offset = delivered.offset,
            event.group = group,
            dead_letter.reason = death.reason,
            dead_letter.error = death.error,
            "a record was written as a dead letter"
        );
        true
    }

    fn waits(&self, error: &Error) {
        let (topic, partition) = self.place;
        tracing::warn!(event.topic = topic, event.partition = partition, error.cause = ?error,
            "a dead letter cannot be written, and its partition waits");
    }

    /// Waits, longer each time; `None` if the partition was revoked meanwhile.
    async fn pause(&self, backoff: &mut Duration) -> Option<()> {
        let wait = *backoff;
        *backoff = (wait * 2).min(MAX_BACKOFF);
        self.revoked.run_until_cancelled(tokio::time::sleep(wait)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::{Notify, mpsc};

    use super::{super::wire, *};
    use crate::ORDERS_TOPIC;
    use comptoir_mesh::config::KafkaSettings;
    use comptoir_mesh::{error::ErrorReason, testing::PATIENCE};

    /// Fails at one order's record, and takes another one's only when the test allows it.
    #[derive(Default)]
    struct Shop {
        failed: Notify,
        running: Notify,
        may_end: Notify,
        ended: Mutex<Vec<String>>,
    }

    #[async_trait::async_trait]
    impl Consumer for Shop {
        fn group(&self) -> &'static str {
            "shop"
        }

        fn topics(&self) -> &'static [&'static str] {
            &[ORDERS_TOPIC]
        }

        async fn consume(&self, record: &Record) -> Result<Outcome, Error> {
            if record.key == "fails" {
                self.failed.notify_one();
                return Err(Error::new(ErrorReason::DependencyUnavailable, "not now"));
            }
            self.running.notify_one();
            self.may_end.notified().await;
            self.ended.lock().unwrap().push(record.key.clone());
            Ok(Outcome::Taken)
        }

        async fn keep_dead_letter(&self, _: &Record, _: &Death) -> Result<(), Error> {
            Ok(())
        }
    }

    fn delivered(key: &str, offset: i64) -> Delivered {
        let record = Record {
            topic: ORDERS_TOPIC,
            key: key.to_owned(),
            id: format!("evt_{offset}"),
            sequence: 1,
            payload: Bytes::from_static(b"event"),
        };
        Delivered {
            topic: record.topic,
            partition: 0,
            offset,
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            headers: Some(wire::headers(&record)),
            payload: Some(record.payload),
        }
    }

    #[tokio::test]
    async fn an_effect_that_runs_when_the_partition_is_revoked_ends_though_another_one_failed() {
        let shop = Arc::new(Shop::default());
        let (done, mut finished) = mpsc::unbounded_channel();
        let revoked = CancellationToken::new();
        let worker = Worker {
            // There is no broker, and none is called.
            kafka: Kafka::client("127.0.0.1:1", KafkaSettings::default()).expect("settings are right"),
            consumer: shop.clone(),
            place: (ORDERS_TOPIC, 0),
            generation: 1,
            done,
            revoked: revoked.clone(),
        };
        let (queue, records) = mpsc::unbounded_channel();
        for (key, offset) in [("fails", 0), ("runs", 1)] {
            assert!(queue.send(delivered(key, offset)).is_ok());
        }
        let lane = tokio::spawn(worker.run(records, None));
        let work = async {
            shop.failed.notified().await;
            shop.running.notified().await;
            revoked.cancel();
            // The failed one gives up at once. The other one continues.
            tokio::task::yield_now().await;
            shop.may_end.notify_one();
            lane.await.expect("the lane does not panic");
        };
        tokio::time::timeout(PATIENCE, work).await.expect("the lane ends");
        assert_eq!(*shop.ended.lock().unwrap(), ["runs"], "an effect was broken off");
        assert!(
            finished.try_recv().is_err(),
            "an offset was committed past a record that was not taken"
        );
    }
}
