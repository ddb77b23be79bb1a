//! Reports of a Kafka client: brokers lost or refusing (logged once), brokers reachable again, and the lag of a group.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Statistics, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
    types::RDKafkaErrorCode,
};
use serde::Deserialize;

/// The connection state of one client.
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

    /// Reads librdkafka's statistics: once a broker is connected, a loss is over.
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
    /// librdkafka logs each attempt to connect; what matters is reported by `error`.
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
            // About one broker, or the way to it.
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

/// The part of librdkafka's statistics that is read.
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
    /// Records between the committed offset and the end; -1 while unknown.
    #[serde(default)]
    pub(super) consumer_lag: i64,
}
