//! The topic of a cluster's orders, and its dead letters.

use std::time::Duration;

use comptoir_events::ORDERS_TOPIC;
use comptoir_proto::orders::v1::OrderEvent;
use prost::Message as _;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::OwnedMessage,
    producer::{FutureProducer, FutureRecord},
};

use crate::{cluster::Cluster, shop::eventually};

/// How long the brokers may take for one answer.
const ANSWER: Duration = Duration::from_secs(60);

/// The topic of a cluster's orders.
pub struct OrdersTopic {
    /// Its name.
    pub name: String,
    /// The name of its dead letters' topic.
    pub dead_letters: String,
    config: ClientConfig,
}

impl OrdersTopic {
    /// The topic of this cluster.
    pub fn of(cluster: &Cluster) -> Self {
        let prefix = cluster.setting("COMPTOIR_KAFKA_PREFIX");
        let name = format!("{prefix}{ORDERS_TOPIC}");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.setting("KAFKA_BROKERS"));
        config.set("group.id", format!("{prefix}outside"));
        config.set("enable.auto.commit", "false");
        Self {
            dead_letters: format!("{name}.dlq"),
            name,
            config,
        }
    }

    /// Writes a record; returns its partition and offset.
    pub async fn write(&self, record: FutureRecord<'_, [u8], [u8]>) -> (i32, i64) {
        let producer: FutureProducer = self.config.create().expect("a producer");
        let written = producer.send(record, ANSWER).await.expect("it is taken");
        (written.partition, written.offset)
    }

    /// The records of one of the topics, and the number of its partitions.
    pub async fn read(&self, topic: &str) -> (i32, Vec<OwnedMessage>) {
        let (config, topic) = (self.config.clone(), topic.to_owned());
        let reading = move || {
            let consumer: BaseConsumer = config.create().unwrap();
            let metadata = consumer.fetch_metadata(Some(&topic), ANSWER).unwrap();
            let partitions = i32::try_from(metadata.topics()[0].partitions().len()).unwrap();
            let (mut assigned, mut count) = (TopicPartitionList::new(), 0);
            for partition in 0..partitions {
                let (first, end) = consumer.fetch_watermarks(&topic, partition, ANSWER).unwrap();
                count += end - first;
                let offset = Offset::Offset(first);
                assigned.add_partition_offset(&topic, partition, offset).unwrap();
            }
            consumer.assign(&assigned).unwrap();
            let next = |_| consumer.poll(ANSWER).expect("a record").unwrap().detach();
            (partitions, (0..count).map(next).collect())
        };
        tokio::task::spawn_blocking(reading).await.unwrap()
    }

    /// The dead letters, once there are this many.
    pub async fn dead_letters(&self, count: usize) -> Vec<OwnedMessage> {
        let found = eventually("the dead letters are there", ANSWER, || async {
            let (_, found) = self.read(&self.dead_letters).await;
            (found.len() >= count).then_some(found)
        })
        .await;
        assert_eq!(found.len(), count, "{found:#?}");
        found
    }

    /// The events of orders in the topic.
    pub async fn events(&self) -> Vec<(OrderEvent, OwnedMessage)> {
        let (_, all) = self.read(&self.name).await;
        let event = |message: OwnedMessage| {
            let event = OrderEvent::decode(message.payload()?).ok()?;
            (event.schema_version == 1).then_some((event, message))
        };
        all.into_iter().filter_map(event).collect()
    }
}
