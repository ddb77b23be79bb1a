//! A consumer group: a client per topic, and a lane per owned partition. Only this loop commits offsets, once a lane
//! reports that the effects are durable.
//!
//! Each topic has its own group on the brokers. A group of several topics assigns partitions by number only, so a
//! second member could get all partitions of one topic and none of another.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use futures::future::join_all;
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use super::{
    Kafka, PAUSE,
    lane::{Done, Lane, Place, Worker, weight},
    link::{Heartbeat, Link},
    watch::{Positions, Watch},
    wire::Delivered,
};
use crate::Consumer;
use comptoir_mesh::{env::Env, fail_points};

const DEFAULTS: &[(&str, &str)] = &[
    // How long a dead member keeps its partitions. Brokers refuse less by default.
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "1000"),
    ("queued.min.messages", "1000"),
    ("queued.max.messages.kbytes", "8192"),
];
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("partition.assignment.strategy", "cooperative-sticky"),
];
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// The bytes at which a lane's partition is paused, and resumed.
const HIGH: usize = 4 * 1024 * 1024;
const LOW: usize = 1024 * 1024;
/// How long the end waits for running effects.
const LAST_EFFECTS: Duration = Duration::from_secs(10);
/// The time-out of leaving the group.
const LEAVING: Duration = Duration::from_secs(5);

type Client = StreamConsumer<GroupContext>;

/// Reads for `consumer` until the process drains.
pub(super) fn spawn(kafka: &Kafka, env: &Env, consumer: &Arc<dyn Consumer>) {
    for topic in consumer.topics() {
        let group = Group {
            kafka: kafka.clone(),
            consumer: Arc::clone(consumer),
            topic,
            shutdown: env.shutdown.clone(),
            generation: 0,
        };
        env.tasks.spawn("consumer", group.run());
    }
}

struct Group {
    kafka: Kafka,
    consumer: Arc<dyn Consumer>,
    topic: &'static str,
    shutdown: CancellationToken,
    generation: u64,
}

impl Group {
    async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        let mut watch = Watch::default();
        while !shutdown.is_cancelled() {
            let there = shutdown.run_until_cancelled(self.kafka.topics_there());
            if there.await.is_none() {
                return;
            }
            let read = async { self.read(self.open()?, &mut watch).await };
            if let Err(error) = read.await {
                let name = self.consumer.group();
                tracing::warn!(event.group = name, event.topic = self.topic, error.cause = %error,
                    "a consumer failed and restarts");
            }
            shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }

    fn open(&self) -> Result<Arc<Client>, KafkaError> {
        let group = self.consumer.group();
        let id = format!("{group}.{}", self.topic);
        let context = GroupContext {
            link: Link::new(id.clone()),
            group,
            kafka: self.kafka.clone(),
            lanes: Mutex::default(),
            uncommitted: AtomicBool::new(false),
        };
        let mut config = self.kafka.config(DEFAULTS, FIXED);
        config.set("group.id", self.kafka.group_id(&id));
        let client: Client = config.create_with_context(context)?;
        client.subscribe(&[self.kafka.name(self.topic).as_str()])?;
        Ok(Arc::new(client))
    }

    /// Runs one client. An error ends the client.
    async fn read(&mut self, client: Arc<Client>, watch: &mut Watch) -> anyhow::Result<()> {
        let group = self.consumer.group();
        let (done, mut finished) = mpsc::unbounded_channel();
        let outcome = self.turn(&client, watch, &done, &mut finished).await;
        drop(done);
        self.end(&client, &mut finished).await;
        let leave = tokio::task::spawn_blocking(move || {
            // The library reports an error if there is nothing to commit.
            let _ = client.commit_consumer_state(CommitMode::Sync);
            drop(client);
        });
        if tokio::time::timeout(LEAVING, leave).await.is_err() {
            tracing::warn!(event.group = group, "timed out leaving the consumer group");
        }
        outcome
    }

    async fn turn(
        &mut self,
        client: &Arc<Client>,
        watch: &mut Watch,
        done: &UnboundedSender<Done>,
        finished: &mut UnboundedReceiver<Done>,
    ) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        let name = self.kafka.name(self.topic);
        let still = watch.stands_still(client, &name, || client.context().lanes().positions());
        tokio::pin!(still);
        let mut commit = tokio::time::interval(COMMIT_INTERVAL);
        commit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                partition = &mut still => bail!("partition {partition} has records and is not read"),
                received = client.recv() => match received {
                    Ok(message) => {
                        if let Some(topic) = self.kafka.topic(message.topic()) {
                            self.dispatch(client, Delivered::new(topic, &message), done);
                        }
                    }
                    Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
                    Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                        self.kafka.0.topics.doubt();
                        return Err(error.into());
                    }
                    Err(error) => {
                        tracing::debug!(error.cause = %error, "a consumer's trouble that passes");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                },
                Some(done) = finished.recv() => note(client, &done),
                _ = commit.tick() => client.context().commit(&**client),
            }
        }
    }

    fn dispatch(&mut self, client: &Client, delivered: Delivered, done: &UnboundedSender<Done>) {
        let place = (delivered.topic, delivered.partition);
        let mut lanes = client.context().lanes();
        let Lanes { owned, ending } = &mut *lanes;
        let lane = owned.entry(place).or_default().get_or_insert_with(|| {
            self.generation += 1;
            self.lane(place, done, ending.remove(&place))
        });
        lane.weight += weight(&delivered);
        lane.next = delivered.offset + 1;
        if lane.queue.send(delivered).is_err() {
            tracing::error!(event.topic = place.0, event.partition = place.1, "a lane is gone");
        }
        if lane.weight > HIGH && !lane.paused {
            lane.paused = client
                .pause(&client.context().list(place, Offset::Invalid))
                .is_ok();
        }
    }

    /// Waits for running effects, and records those that ended.
    async fn end(&self, client: &Client, finished: &mut UnboundedReceiver<Done>) {
        let running = client.context().lanes().end();
        if tokio::time::timeout(LAST_EFFECTS, join_all(running))
            .await
            .is_err()
        {
            let group = self.consumer.group();
            tracing::warn!(
                event.group = group,
                "an event's effect did not end in time, and the event comes again"
            );
        }
        while let Ok(done) = finished.try_recv() {
            note(client, &done);
        }
    }

    fn lane(&self, place: Place, done: &UnboundedSender<Done>, before: Option<JoinHandle<()>>) -> Lane {
        let (queue, records) = mpsc::unbounded_channel();
        let revoked = CancellationToken::new();
        let worker = Worker {
            kafka: self.kafka.clone(),
            consumer: self.consumer.clone(),
            place,
            generation: self.generation,
            done: done.clone(),
            revoked: revoked.clone(),
        };
        Lane {
            generation: self.generation,
            queue,
            weight: 0,
            next: 0,
            paused: false,
            revoked,
            task: tokio::spawn(worker.run(records, before)),
        }
    }
}

/// Stores the offset to be committed, if the partition is still this lane's.
fn note(client: &Client, done: &Done) {
    let context = client.context();
    let mut lanes = context.lanes();
    let lane = lanes.owned.get_mut(&done.place).and_then(Option::as_mut);
    let Some(lane) = lane.filter(|lane| lane.generation == done.generation) else {
        return;
    };
    lane.weight -= done.weight;
    match client.store_offsets(&context.list(done.place, Offset::Offset(done.next))) {
        Ok(()) => context.uncommitted.store(true, Ordering::Relaxed),
        Err(error) => tracing::debug!(error.cause = %error, "an offset is not ours to store any more"),
    }
    if lane.paused && lane.weight < LOW {
        lane.paused = client.resume(&context.list(done.place, Offset::Invalid)).is_err();
    }
}

/// The state of the client's callbacks. They run within the loop's poll, on its task.
struct GroupContext {
    link: Link,
    group: &'static str,
    kafka: Kafka,
    lanes: Mutex<Lanes>,
    /// Whether offsets were stored since the last commit.
    uncommitted: AtomicBool,
}

impl GroupContext {
    /// The callbacks run within the loop's poll, on its task, so the lock is never held for long.
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, (topic, partition): Place, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(1);
        // Fails only for invalid offsets.
        let _ = list.add_partition_offset(&self.kafka.name(topic), partition, offset);
        list
    }

    fn commit(&self, client: &impl rdkafka::consumer::Consumer<Self>) {
        if self.uncommitted.swap(false, Ordering::Relaxed) {
            fail_points::hit("kafka.commit.before");
            if let Err(error) = client.commit_consumer_state(CommitMode::Async) {
                tracing::debug!(error.cause = %error, "nothing was committed");
            }
        }
    }

    fn places(&self, partitions: &TopicPartitionList) -> Vec<Place> {
        let elements = partitions.elements();
        let places = elements
            .iter()
            .filter_map(|element| Some((self.kafka.topic(element.topic())?, element.partition())));
        places.collect()
    }

    fn lag(&self, (topic, partition): Place, lag: f64) {
        metrics::gauge!("events_consumer_lag", "topic" => topic, "group" => self.group,
            "partition" => partition.to_string())
        .set(lag);
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.link.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Heartbeat>(statistics) else {
            return;
        };
        self.link.heard(&statistics);
        for (name, topic) in &statistics.topics {
            for (partition, state) in &topic.partitions {
                let place = self.kafka.topic(name).map(|topic| (topic, *partition));
                if let Some(place) = place.filter(|place| self.lanes().owned.contains_key(place))
                    && state.consumer_lag >= 0
                {
                    self.lag(place, state.consumer_lag as f64);
                }
            }
        }
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            // Sent before the partitions are released.
            if !client.assignment_lost() {
                self.commit(client);
            }
            for place in self.places(partitions) {
                self.lanes().revoke(place);
                self.lag(place, 0.0);
            }
        }
    }

    fn post_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            for place in self.places(partitions) {
                self.lanes().owned.entry(place).or_default();
            }
            // A partition that was paused when it was revoked must not stay paused.
            let _ = client.resume(partitions);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(error.cause = %error, "a commit failed");
            self.uncommitted.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Lanes {
    /// The assigned partitions; a lane begins with its first record.
    owned: HashMap<Place, Option<Lane>>,
    /// Workers of revoked partitions: if a partition is assigned again, its next worker begins after this one has
    /// ended.
    ending: HashMap<Place, JoinHandle<()>>,
}

impl Lanes {
    fn revoke(&mut self, place: Place) {
        if let Some(lane) = self.owned.remove(&place).flatten() {
            lane.revoked.cancel();
            self.ending.insert(place, lane.task);
        }
    }

    /// The next offset of each partition that is not paused.
    fn positions(&self) -> Positions {
        let lanes = self
            .owned
            .iter()
            .map(|((_, partition), lane)| (*partition, lane.as_ref()));
        lanes
            .filter(|(_, lane)| lane.is_none_or(|lane| !lane.paused))
            .map(|(partition, lane)| (partition, lane.map(|lane| lane.next)))
            .collect()
    }

    /// Ends every lane, and returns what still runs. The partitions stay assigned until the client leaves.
    fn end(&mut self) -> Vec<JoinHandle<()>> {
        let lanes = self.owned.values_mut().flatten();
        let running = lanes.map(|lane| {
            lane.revoked.cancel();
            std::mem::replace(&mut lane.task, tokio::spawn(async {}))
        });
        running.collect()
    }
}

#[cfg(test)]
mod tests;
