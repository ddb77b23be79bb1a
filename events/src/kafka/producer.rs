//! The idempotent producer: every in-sync replica acknowledges what it sends.

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

/// Defaults of its configuration.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "1"),
    // The relay retries, and must not delay a drain for longer.
    ("message.timeout.ms", "8000"),
    ("request.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    ("message.max.bytes", "1179648"),
    ("queue.buffering.max.kbytes", "32768"),
];
/// Fixed properties.
pub(super) const FIXED: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // The partitioner of Java's clients, so that others may write the same topics.
    ("partitioner", "murmur2_random"),
];
/// How long to wait for a full queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Producer {
    config: ClientConfig,
    client: ArcSwap<FutureProducer<Link>>,
}

/// A message to send.
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: OwnedHeaders,
}

impl Producer {
    /// Creates the client; an error is a wrong configuration.
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

    /// An idempotent producer with a fatal error accepts nothing more: it is replaced.
    fn renew(&self, failed: &Arc<FutureProducer<Link>>, code: RDKafkaErrorCode, reason: &str) {
        tracing::warn!(kafka.code = %code, "the producer failed permanently and is replaced: {reason}");
        match self::client(&self.config) {
            Ok(client) => drop(self.client.compare_and_swap(failed, Arc::new(client))),
            Err(error) => tracing::error!(error.cause = %error, "a producer cannot be made"),
        }
    }
}

fn client(config: &ClientConfig) -> anyhow::Result<FutureProducer<Link>> {
    Ok(config.create_with_context(Link::new("producer"))?)
}

/// Why a message was not sent.
pub(super) enum KafkaFailure {
    /// Permanent.
    Refused(Error),
    /// Kafka did not acknowledge it; it may have stored it.
    Kafka(KafkaError),
}

impl KafkaFailure {
    /// Whether the topic is missing.
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
