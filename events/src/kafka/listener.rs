//! A listener reads all partitions from now on, in its own group, without stored offsets. It reports when records may
//! have been missed, also at its beginning, since it learns the end of each partition only after a moment.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
};
use tokio::{sync::broadcast, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    Kafka, PAUSE,
    link::Link,
    watch::{Positions, Watch},
    wire::Delivered,
};
use crate::{Heard, Listener, bus::LISTENER_CAPACITY};
use comptoir_mesh::env::Env;

const DEFAULTS: &[(&str, &str)] = &[
    ("queued.min.messages", "1000"),
    ("queued.max.messages.kbytes", "8192"),
];
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Then records were missed, and the listener has to report it.
    ("auto.offset.reset", "error"),
];
/// The interval at which new partitions are looked for.
const LOOK: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

type Client = StreamConsumer<Link>;

/// Reads a topic until the process drains or the last listener is dropped.
pub(super) fn spawn(kafka: Kafka, env: &Env, topic: &'static str) -> Listener {
    let (heard, listener) = broadcast::channel(LISTENER_CAPACITY);
    let reader = Reader {
        name: kafka.name(topic),
        // Never joined: a reader must have a group.
        group: kafka.group_id(&env.ids.new_id("listener_")),
        kafka,
        topic,
        heard,
    };
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("listener", async move {
        shutdown.run_until_cancelled(reader.run(&shutdown)).await;
    });
    Listener {
        topic,
        heard: listener,
    }
}

struct Reader {
    kafka: Kafka,
    topic: &'static str,
    name: String,
    group: String,
    heard: broadcast::Sender<Heard>,
}

/// Why reading ended.
enum Ended {
    /// There is no listener left.
    Unheard,
    /// The end is unknown: the brokers are unreachable, or the topic is so new that they have not agreed on it.
    NotYet(KafkaError),
    /// It cannot continue from its offset.
    Lost(KafkaError),
    /// A partition has records but is not read.
    Still(i32),
}

impl Reader {
    async fn run(&self, shutdown: &CancellationToken) {
        let mut watch = Watch::default();
        while !shutdown.is_cancelled() {
            self.kafka.topics_there().await;
            match self.read(&mut watch).await {
                Ended::Unheard => return,
                Ended::NotYet(error) => {
                    tracing::debug!(event.topic = self.topic, error.cause = %error, "a listener cannot begin yet");
                }
                Ended::Lost(error) => {
                    self.kafka.0.topics.doubt();
                    tracing::warn!(event.topic = self.topic, error.cause = %error, "a listener lost its offset and restarts");
                }
                Ended::Still(partition) => {
                    tracing::warn!(
                        event.topic = self.topic,
                        event.partition = partition,
                        "a listener stood still and restarts"
                    );
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&self, watch: &mut Watch) -> Ended {
        let mut config = self.kafka.config(DEFAULTS, FIXED);
        config.set("group.id", &self.group);
        let client: Arc<Client> =
            match config.create_with_context(Link::new(format!("listener {}", self.topic))) {
                Ok(client) => Arc::new(client),
                Err(error) => return Ended::NotYet(error),
            };
        let ended = self.follow(&client, watch).await;
        // Dropped on another thread: it waits until the client has closed.
        drop(tokio::task::spawn_blocking(move || drop(client)));
        ended
    }

    async fn follow(&self, client: &Arc<Client>, watch: &mut Watch) -> Ended {
        let positions = match self.begin(client).await {
            Ok(positions) => Mutex::new(positions),
            Err(error) => return Ended::NotYet(error),
        };
        if self.heard.send(Heard::Missed).is_err() {
            return Ended::Unheard;
        }
        let positions = || positions.lock().unwrap_or_else(PoisonError::into_inner);
        let still = watch.stands_still(client, &self.name, || positions().clone());
        tokio::pin!(still);
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let received = tokio::select! {
                received = client.recv() => received,
                partition = &mut still => return Ended::Still(partition),
                _ = look.tick() => {
                    let known = positions().len();
                    match self.added(client, known).await {
                        Ok(new) => positions().extend(new),
                        Err(error) => tracing::debug!(error.cause = %error, "partitions cannot be looked at"),
                    }
                    continue;
                }
            };
            let heard = match received {
                // An unknown failure.
                Ok(message) => {
                    let delivered = Delivered::new(self.topic, &message);
                    positions().insert(delivered.partition, Some(delivered.offset + 1));
                    delivered
                        .read()
                        .map_or(Heard::Missed, |(record, _)| Heard::Record(record))
                }
                Err(error) if loses_place(&error) => return Ended::Lost(error),
                Err(error) => {
                    tracing::debug!(error.cause = %error, "a listener's trouble that passes");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            if self.heard.send(heard).is_err() {
                return Ended::Unheard;
            }
        }
    }

    /// Assigns every partition at its end.
    async fn begin(&self, client: &Arc<Client>) -> Result<Positions, KafkaError> {
        let (client, name) = (client.clone(), self.name.clone());
        blocking(move || {
            let partitions = count(&client, &name)?;
            let (mut ends, mut positions) = (TopicPartitionList::new(), Positions::new());
            for partition in 0..partitions {
                let (_, end) = client.fetch_watermarks(&name, partition, TIMEOUT)?;
                ends.add_partition_offset(&name, partition, Offset::Offset(end))?;
                positions.insert(partition, Some(end));
            }
            client.assign(&ends)?;
            Ok(positions)
        })
        .await
    }

    /// Adds new partitions, from their beginning.
    async fn added(&self, client: &Arc<Client>, known: usize) -> Result<Positions, KafkaError> {
        let (client, name) = (client.clone(), self.name.clone());
        blocking(move || {
            let partitions = count(&client, &name)?;
            let mut new = TopicPartitionList::new();
            for partition in (0..partitions).skip(known) {
                new.add_partition_offset(&name, partition, Offset::Beginning)?;
            }
            if new.count() > 0 {
                client.incremental_assign(&new)?;
            }
            let new = new.elements().into_iter();
            Ok(new.map(|element| (element.partition(), None)).collect())
        })
        .await
    }
}

fn count(client: &Client, name: &str) -> Result<i32, KafkaError> {
    let metadata = client.fetch_metadata(Some(name), TIMEOUT)?;
    let partitions = metadata
        .topics()
        .first()
        .map_or(0, |topic| topic.partitions().len());
    match i32::try_from(partitions) {
        Ok(0) | Err(_) => Err(KafkaError::MetadataFetch(
            rdkafka::types::RDKafkaErrorCode::UnknownTopicOrPartition,
        )),
        Ok(partitions) => Ok(partitions),
    }
}

fn loses_place(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(
                Code::AutoOffsetReset
                    | Code::OffsetOutOfRange
                    | Code::UnknownTopicOrPartition
                    | Code::UnknownPartition
            )
        )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(KafkaError::Canceled))
}
