//! What a client of the broker tells of itself: that it lost the brokers or is refused by them, once, that it has them back, and
//! how far behind a group is.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Statistics, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
    types::RDKafkaErrorCode,
};
use serde::Deserialize;

/// The link of one client.
pub(super) struct Link {
    client: String,
    lost: AtomicBool,
    refused: AtomicBool,
}

impl Link {
    pub(super) fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            lost: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }
    }

    /// Takes librdkafka's statistics: where a broker is connected, a loss is over.
    pub(super) fn heard(&self, statistics: &Heartbeat) {
        let connected = statistics.brokers.values().any(|broker| broker.state == "UP");
        if !connected {
            return;
        }
        self.refused.store(false, Ordering::Relaxed);
        if self.lost.swap(false, Ordering::Relaxed) {
            tracing::info!(kafka.client = self.client, "Kafka is back");
        }
    }
}

impl ClientContext for Link {
    /// librdkafka tells of each try to connect; what matters of it comes by `error`.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(kafka.client = self.client, kafka.facility = facility, "{message}");
    }

    fn stats(&self, _statistics: Statistics) {}

    fn stats_raw(&self, statistics: &[u8]) {
        if let Ok(statistics) = serde_json::from_slice(statistics) {
            self.heard(&statistics);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        setting = "KAFKA_BROKERS",
                        kafka.client = self.client,
                        "Kafka cannot be reached; trying until it can"
                    );
                }
            }
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                if !self.refused.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        setting = "COMPTOIR_KAFKA_PROPERTIES",
                        kafka.client = self.client,
                        "Kafka refuses the connection; trying until it does not: {reason}"
                    );
                }
            }
            // Of one broker, or on the way to it.
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::AutoOffsetReset,
            ) => tracing::debug!(kafka.client = self.client, "{reason}"),
            _ => tracing::warn!(kafka.client = self.client, error.cause = %error, "Kafka: {reason}"),
        }
    }
}

impl ConsumerContext for Link {}

/// What is read of librdkafka's statistics.
#[derive(Deserialize)]
pub(super) struct Heartbeat {
    #[serde(default)]
    brokers: HashMap<String, BrokerState>,
    #[serde(default)]
    pub(super) topics: HashMap<String, TopicState>,
}

#[derive(Deserialize)]
struct BrokerState {
    state: String,
}

#[derive(Deserialize)]
pub(super) struct TopicState {
    #[serde(default)]
    pub(super) partitions: HashMap<i32, PartitionState>,
}

#[derive(Deserialize)]
pub(super) struct PartitionState {
    /// Records between what was committed and the end; -1 while it is not known.
    #[serde(default)]
    pub(super) consumer_lag: i64,
}
