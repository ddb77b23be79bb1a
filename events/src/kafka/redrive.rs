//! Redrive: publishes dead letters to their topic again.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::KafkaError,
    message::OwnedHeaders,
    metadata::MetadataTopic,
};

use super::{
    Kafka,
    link::Link,
    producer::Message,
    topics::dead_letter_topic,
    wire::{self, Delivered, dead},
};
use crate::TOPICS;
use comptoir_mesh::config::KafkaSettings;
use comptoir_mesh::error::Error;

/// The group whose offsets record what was redriven.
const GROUP: &str = "redrive";
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("enable.partition.eof", "true"),
];
const TIMEOUT: Duration = Duration::from_secs(10);

type Client = StreamConsumer<Link>;

/// Publishes the present dead letters of `topic` that were not redriven before, and returns how many. Consumers
/// recognise an event by its id, so that one that is redriven twice, as after a crash, has one effect.
pub async fn redrive(brokers: &str, settings: KafkaSettings, topic: &str) -> anyhow::Result<u64> {
    let source = topic.strip_suffix(".dlq").unwrap_or(topic);
    let Some(topic) = TOPICS.into_iter().find(|topic| *topic == source) else {
        bail!("{source} is not one of the topics {}", TOPICS.join(", "));
    };
    let kafka = Kafka::client(brokers, settings)?;
    let ensured = kafka.0.topics.ensure().await;
    ensured.context("KAFKA_BROKERS: the brokers cannot be used")?;
    Redrive::new(kafka, topic)?.run().await
}

struct Redrive {
    kafka: Kafka,
    client: std::sync::Arc<Client>,
    topic: &'static str,
    source: String,
    dead_letters: String,
}

impl Redrive {
    fn new(kafka: Kafka, topic: &'static str) -> anyhow::Result<Self> {
        let mut config = kafka.config(&[], FIXED);
        config.set("group.id", kafka.group_id(GROUP));
        let source = kafka.name(topic);
        Ok(Self {
            client: std::sync::Arc::new(config.create_with_context(Link::new(GROUP))?),
            dead_letters: dead_letter_topic(&source),
            kafka,
            topic,
            source,
        })
    }

    async fn run(self) -> anyhow::Result<u64> {
        let mut ends = self.begin().await?;
        let mut count = 0;
        while !ends.is_empty() {
            let received = tokio::time::timeout(TIMEOUT, self.client.recv()).await;
            let message = match received.context("the dead letters cannot be read: no answer")? {
                Ok(message) => message,
                Err(KafkaError::PartitionEOF(partition)) => {
                    ends.remove(&partition);
                    continue;
                }
                Err(error) => return Err(error).context("the dead letters cannot be read"),
            };
            let (partition, offset) = (message.partition(), message.offset());
            let Some(end) = ends.get(&partition).copied().filter(|end| offset < *end) else {
                // Written since the redrive began, perhaps because of it.
                ends.remove(&partition);
                continue;
            };
            self.send_back(Delivered::new(self.topic, &message)).await?;
            count += 1;
            self.commit(partition, offset + 1).await?;
            if offset + 1 == end {
                ends.remove(&partition);
            }
        }
        let client = self.client;
        tokio::task::spawn_blocking(move || drop(client)).await?;
        Ok(count)
    }

    /// Assigns what was not redriven yet, and returns the end of each such partition.
    async fn begin(&self) -> anyhow::Result<BTreeMap<i32, i64>> {
        let (client, dead_letters) = (self.client.clone(), self.dead_letters.clone());
        tokio::task::spawn_blocking(move || {
            let metadata = client.fetch_metadata(Some(&dead_letters), TIMEOUT)?;
            let mut asked = TopicPartitionList::new();
            for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
                asked.add_partition(&dead_letters, partition.id());
            }
            let committed = client.committed_offsets(asked, TIMEOUT)?;
            let (mut ends, mut assigned) = (BTreeMap::new(), TopicPartitionList::new());
            for element in committed.elements() {
                let (first, end) = client.fetch_watermarks(&dead_letters, element.partition(), TIMEOUT)?;
                let next = match element.offset() {
                    Offset::Offset(next) => next.max(first),
                    _ => first,
                };
                if next < end {
                    assigned.add_partition_offset(
                        &dead_letters,
                        element.partition(),
                        Offset::Offset(next),
                    )?;
                    ends.insert(element.partition(), end);
                }
            }
            client.assign(&assigned)?;
            Ok(ends)
        })
        .await?
    }

    /// Publishes a dead letter to its source, without the headers of dead letters.
    async fn send_back(&self, delivered: Delivered) -> anyhow::Result<()> {
        let headers = delivered.headers.as_ref().map(wire::texts).unwrap_or_default();
        let kept = headers
            .iter()
            .filter(|(key, _)| !dead::ALL.contains(&key.as_str()))
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                wire::insert(headers, key, value)
            });
        let sent = self.kafka.0.producer.send(Message {
            topic: &self.source,
            key: delivered.key.as_deref(),
            payload: delivered.payload.as_deref(),
            headers: kept,
        });
        sent.await
            .map_err(Error::from)
            .context("a record cannot be sent back")
    }

    async fn commit(&self, partition: i32, next: i64) -> anyhow::Result<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&self.dead_letters, partition, Offset::Offset(next))?;
        let client = self.client.clone();
        let committed =
            tokio::task::spawn_blocking(move || client.commit(&offsets, CommitMode::Sync)).await?;
        committed.context("what went back cannot be noted")
    }
}
