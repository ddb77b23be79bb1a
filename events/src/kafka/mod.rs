//! Kafka: the broker between processes.
//!
//! `topics` → `producer` → `consumer` and `lane` (groups) → `listener` (what every replica hears) → `redrive`.
//! `wire` is the format of records, `link` reports on clients, `watch` finds partitions that stand still.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rdkafka::{ClientConfig, error::KafkaError};

pub use self::redrive::redrive;
use self::{
    producer::{KafkaFailure, Producer},
    topics::{Topics, dead_letter_topic},
    wire::Delivered,
};
use super::{Consumer, Death, Listener, Publisher, Record, TOPICS};
use comptoir_mesh::{
    config::{self, KafkaSettings},
    env::Env,
    error::Error,
};

mod consumer;
mod lane;
mod link;
mod listener;
mod producer;
mod redrive;
mod topics;
mod watch;
mod wire;

/// The fail points between Kafka and a group.
pub const FAIL_POINTS: &[&str] = &[
    "kafka.effect.after",
    "kafka.letter.before",
    "kafka.letter.after",
    "kafka.commit.before",
];

/// The configuration that all clients begin with.
const DEFAULTS: &[(&str, &str)] = &[
    ("client.id", "comptoir"),
    ("reconnect.backoff.ms", "50"),
    // Ten seconds by default: events should flow sooner after the brokers are back.
    ("reconnect.backoff.max.ms", "1000"),
    ("log.connection.close", "false"),
    ("socket.keepalive.enable", "true"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    // The machine's certificates, wherever they are; a vendored OpenSSL has no default path.
    #[cfg(feature = "kafka-tls")]
    ("ssl.ca.location", "probe"),
];
/// The pause between attempts that need the brokers.
const PAUSE: Duration = Duration::from_millis(500);

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

struct Inner {
    brokers: String,
    settings: KafkaSettings,
    topics: Topics,
    producer: Producer,
}

impl Kafka {
    /// The broker at these addresses (`HOST:PORT`, separated by commas). It need not be reachable yet: its topics are
    /// created once it is. An error names the wrong setting.
    pub fn open(env: &Env, brokers: &str, settings: KafkaSettings) -> anyhow::Result<Self> {
        let kafka = Self::client(brokers, settings)?;
        let (this, shutdown) = (kafka.clone(), env.shutdown.clone());
        env.tasks.spawn("kafka-topics", async move {
            let _ = shutdown.run_until_cancelled(this.topics_there()).await;
        });
        Ok(kafka)
    }

    fn client(brokers: &str, settings: KafkaSettings) -> anyhow::Result<Self> {
        let brokers = config::brokers(brokers)?;
        let config = |defaults, fixed| configuration(&brokers, &settings, defaults, fixed);
        let topics = Topics::new(config(&[], &[]), settings.clone());
        let producer = Producer::new(config(producer::DEFAULTS, producer::FIXED))
            .map_err(|error| anyhow::anyhow!("COMPTOIR_KAFKA_PROPERTIES: {}", not_taken(&error)))?;
        Ok(Self(Arc::new(Inner {
            topics,
            producer,
            brokers,
            settings,
        })))
    }

    /// Adds a consumer group, which reads until the process drains.
    pub(super) fn register(&self, env: &Env, consumer: &Arc<dyn Consumer>) {
        consumer::spawn(self, env, consumer);
    }

    /// A topic's records from now on.
    pub(super) fn listen(&self, env: &Env, topic: &'static str) -> Listener {
        listener::spawn(self.clone(), env, topic)
    }

    /// Writes a dead letter; returns once it is acknowledged.
    async fn bury(&self, group: &str, delivered: &Delivered, death: &Death) -> Result<(), Error> {
        self.0.topics.ensure().await.map_err(Error::unavailable)?;
        let source = self.name(delivered.topic);
        let dead_letters = dead_letter_topic(&source);
        let buried = self
            .0
            .producer
            .bury(&dead_letters, &source, group, delivered, death);
        buried.await.map_err(|failure| self.failed(failure))
    }

    /// Waits until the topics exist, however long the brokers are unreachable.
    async fn topics_there(&self) {
        while let Err(error) = self.0.topics.ensure().await {
            tracing::debug!(error.cause = %format!("{error:#}"), "the topics cannot be looked at yet");
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn failed(&self, failure: KafkaFailure) -> Error {
        if failure.is_unknown_topic() {
            self.0.topics.doubt();
        }
        failure.into()
    }

    /// A topic's name on the brokers.
    fn name(&self, topic: &str) -> String {
        format!("{}{topic}", self.0.settings.prefix)
    }

    /// The topic with this name on the brokers.
    fn topic(&self, name: &str) -> Option<&'static str> {
        let name = name.strip_prefix(&self.0.settings.prefix)?;
        TOPICS.into_iter().find(|topic| *topic == name)
    }

    /// A group's id on the brokers.
    fn group_id(&self, group: &str) -> String {
        format!("{}comptoir.{group}", self.0.settings.prefix)
    }

    fn config(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        configuration(&self.0.brokers, &self.0.settings, defaults, fixed)
    }
}

/// The property that the client refuses, without its value, which may be a password.
fn not_taken(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(KafkaError::ClientConfig(_, _, key, _)) => format!("the client does not take {key}"),
        _ => format!("the client does not take them: {error}"),
    }
}

/// The defaults, then the settings, then the fixed properties.
fn configuration(
    brokers: &str,
    settings: &KafkaSettings,
    defaults: &[(&str, &str)],
    fixed: &[(&str, &str)],
) -> ClientConfig {
    let always = [("bootstrap.servers", brokers), ("statistics.interval.ms", "5000")];
    let mut config = ClientConfig::new();
    let properties = DEFAULTS.iter().chain(defaults).copied();
    let fixed = fixed.iter().copied().chain(always);
    for (key, value) in properties.chain(settings.properties.iter()).chain(fixed) {
        config.set(key, value);
    }
    config
}

#[async_trait]
impl Publisher for Kafka {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        self.0.topics.ensure().await.map_err(Error::unavailable)?;
        let published = self.0.producer.publish(&self.name(record.topic), record).await;
        published.map_err(|failure| self.failed(failure))
    }
}
