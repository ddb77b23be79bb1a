//! A broker for one test, with its own topics and groups.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use comptoir_events::{Broker, Bus, Kafka, Publisher as _, Record};
use comptoir_mesh::config::KafkaSettings;
use comptoir_mesh::testing::{PATIENCE, TestEnv, server};
use rdkafka::{
    ClientConfig, Message as _,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{Consumer as _, StreamConsumer},
    message::{Headers as _, OwnedHeaders, OwnedMessage},
    producer::{FutureProducer, FutureRecord},
};

use crate::group::Group;

/// Longer than the forming of a group takes.
pub(crate) const FORMING: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) test: TestEnv,
    pub(crate) broker: Broker,
    pub(crate) kafka: Option<Server>,
}

/// Kafka, as seen from outside.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) brokers: String,
    pub(crate) settings: KafkaSettings,
}

impl World {
    /// The brokers that the test `name` runs on.
    pub(crate) fn each(name: &str) -> Vec<Self> {
        let bus = Self {
            test: TestEnv::new(),
            broker: Bus::new().into(),
            kafka: None,
        };
        std::iter::once(bus).chain(Self::kafka(name)).collect()
    }

    pub(crate) fn kafka(name: &str) -> Option<Self> {
        let brokers = server("KAFKA_BROKERS", name)?;
        let test = TestEnv::new();
        let settings = KafkaSettings {
            prefix: format!("test-{}.", test.env.ids.ulid()),
            partitions: 3,
            ..KafkaSettings::default()
        };
        Some(Self::on(Server { brokers, settings }))
    }

    /// Another process on the same topics.
    pub(crate) fn on(server: Server) -> Self {
        let test = TestEnv::new();
        let kafka = Kafka::open(&test.env, &server.brokers, server.settings.clone()).unwrap();
        Self {
            test,
            broker: kafka.into(),
            kafka: Some(server),
        }
    }

    pub(crate) fn server(&self) -> Server {
        self.kafka.clone().unwrap()
    }

    pub(crate) fn register(&self, group: &Arc<Group>) {
        self.broker.register(&self.test.env, group.clone());
    }

    /// Publishes as a relay does, until it is acknowledged.
    pub(crate) async fn publish(&self, record: &Record) {
        while self.broker.publish(record).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the process.
    pub(crate) async fn stop(&self) {
        self.test.env.shutdown.cancel();
        let finished = self.test.env.tasks.finished();
        let finished = tokio::time::timeout(PATIENCE, finished);
        finished.await.expect("the tasks end");
    }

    /// Ends the process and removes its topics.
    pub(crate) async fn end(self) {
        self.stop().await;
        if let Some(server) = &self.kafka {
            server.remove().await;
        }
    }
}

impl Server {
    pub(crate) fn name(&self, topic: &str) -> String {
        format!("{}{topic}", self.settings.prefix)
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    async fn remove(&self) {
        let topics = ["auth", "catalog", "orders"].map(|name| self.name(&format!("comptoir.{name}.v1")));
        let dead_letters = topics.clone().map(|topic| format!("{topic}.dlq"));
        let names: Vec<&str> = topics.iter().chain(&dead_letters).map(String::as_str).collect();
        let _ = self.admin().delete_topics(&names, &AdminOptions::new()).await;
    }

    /// Writes to a topic like any other client.
    pub(crate) async fn write(&self, topic: &str, key: &str, payload: &[u8], headers: OwnedHeaders) {
        let producer: FutureProducer = self.config().create().unwrap();
        let name = self.name(topic);
        let record = FutureRecord::to(&name).key(key).payload(payload).headers(headers);
        producer.send(record, Duration::from_secs(5)).await.unwrap();
    }

    /// The dead letters of a topic, once there are this many.
    pub(crate) async fn dead_letters(&self, topic: &str, count: usize) -> Vec<Letter> {
        let mut config = self.config();
        config.set("group.id", format!("{}reader-{count}", self.settings.prefix));
        config.set("auto.offset.reset", "earliest");
        let reader: StreamConsumer = config.create().unwrap();
        reader.subscribe(&[&format!("{}.dlq", self.name(topic))]).unwrap();
        let mut dead_letters = Vec::new();
        let found = async {
            while dead_letters.len() < count {
                dead_letters.push(Letter(reader.recv().await.unwrap().detach()));
            }
        };
        let found = tokio::time::timeout(FORMING, found).await;
        assert!(found.is_ok(), "{} of {count} dead letters", dead_letters.len());
        dead_letters
    }
}

/// A dead letter.
pub(crate) struct Letter(pub(crate) OwnedMessage);

impl Letter {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = self.0.headers()?;
        let header = headers.iter().find(|header| header.key == name)?;
        Some(String::from_utf8(header.value?.to_vec()).unwrap())
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.0.payload().unwrap_or_default()
    }
}

pub(crate) fn record(topic: &'static str, key: &str, sequence: u64) -> Record {
    Record {
        topic,
        key: key.to_owned(),
        id: format!("evt_{key}_{sequence}"),
        sequence,
        payload: Bytes::from(format!("{key} {sequence}")),
    }
}
