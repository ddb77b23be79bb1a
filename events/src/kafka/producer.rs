//! The idempotent producer: what it takes was acknowledged by every replica in sync.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    message::OwnedHeaders,
    producer::{FutureProducer, FutureRecord, Producer as _},
    types::RDKafkaErrorCode,
};

use super::{
    link::Link,
    wire::{self, Delivered, MAX_PAYLOAD, dead},
};
use crate::{Death, Record};
use comptoir_mesh::error::Error;

/// What its configuration begins with.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "1"),
    // The relay tries again, and is not to hold a drain for longer.
    ("message.timeout.ms", "8000"),
    ("request.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    ("message.max.bytes", "1179648"),
    ("queue.buffering.max.kbytes", "32768"),
];
/// What no setting changes.
pub(super) const FIXED: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // As Java's clients place keys, so that others may write the same topics.
    ("partitioner", "murmur2_random"),
];
/// How long a full queue may stay full.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Producer {
    config: ClientConfig,
    client: ArcSwap<FutureProducer<Link>>,
}

/// What is sent.
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: OwnedHeaders,
}

impl Producer {
    /// Makes the client; an error is one of its configuration.
    pub(super) fn new(config: ClientConfig) -> anyhow::Result<Self> {
        let client = ArcSwap::from_pointee(client(&config)?);
        Ok(Self { config, client })
    }

    /// Returns once the record is acknowledged.
    pub(super) async fn publish(&self, topic: &str, record: &Record) -> Result<(), KafkaFailure> {
        if record.payload.len() > MAX_PAYLOAD {
            let size = record.payload.len();
            let cause = anyhow!("event {} of {size} bytes is larger than 1 MiB", record.id);
            return Err(KafkaFailure::Refused(Error::internal(cause)));
        }
        self.send(Message {
            topic,
            key: Some(record.key.as_bytes()),
            payload: Some(&record.payload),
            headers: wire::headers(record),
        })
        .await
    }

    /// Returns once the dead letter is acknowledged.
    pub(super) async fn bury(
        &self,
        topic: &str,
        source: &str,
        group: &str,
        delivered: &Delivered,
        death: &Death,
    ) -> Result<(), KafkaFailure> {
        let (partition, offset) = (delivered.partition.to_string(), delivered.offset.to_string());
        let headers = [
            (dead::REASON, death.reason),
            (dead::ERROR, death.error),
            (dead::GROUP, group),
            (dead::TOPIC, source),
            (dead::PARTITION, &partition),
            (dead::OFFSET, &offset),
        ]
        .into_iter()
        .fold(
            delivered.headers.clone().unwrap_or_default(),
            |headers, (key, value)| wire::insert(headers, key, value),
        );
        self.send(Message {
            topic,
            key: delivered.key.as_deref(),
            payload: delivered.payload.as_deref(),
            headers,
        })
        .await
    }

    pub(super) async fn send(&self, message: Message<'_>) -> Result<(), KafkaFailure> {
        let client = self.client.load_full();
        let mut record = FutureRecord::<[u8], [u8]>::to(message.topic).headers(message.headers);
        record.key = message.key;
        record.payload = message.payload;
        let Err((error, _)) = client.send(record, QUEUE_TIMEOUT).await else {
            return Ok(());
        };
        if let Some((code, reason)) = client.client().fatal_error() {
            self.renew(&client, code, &reason);
        }
        Err(KafkaFailure::Kafka(error))
    }

    /// An idempotent producer that lost count of what it sent takes nothing any more: another one begins.
    fn renew(&self, failed: &Arc<FutureProducer<Link>>, code: RDKafkaErrorCode, reason: &str) {
        tracing::warn!(kafka.code = %code, "the producer failed for good and is made anew: {reason}");
        match self::client(&self.config) {
            Ok(client) => drop(self.client.compare_and_swap(failed, Arc::new(client))),
            Err(error) => tracing::error!(error.cause = %error, "a producer cannot be made"),
        }
    }
}

fn client(config: &ClientConfig) -> anyhow::Result<FutureProducer<Link>> {
    Ok(config.create_with_context(Link::new("producer"))?)
}

/// Why something was not sent.
pub(super) enum KafkaFailure {
    /// It never will be.
    Refused(Error),
    /// Kafka did not take it; whether it did is not always known.
    Kafka(KafkaError),
}

impl KafkaFailure {
    /// Whether the topic is not there.
    pub(super) fn is_unknown_topic(&self) -> bool {
        let Self::Kafka(error) = self else { return false };
        matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
        )
    }
}

impl From<KafkaFailure> for Error {
    fn from(failure: KafkaFailure) -> Self {
        match failure {
            KafkaFailure::Refused(error) => error,
            KafkaFailure::Kafka(error) => Error::unavailable(error),
        }
    }
}
