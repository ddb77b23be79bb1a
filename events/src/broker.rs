//! The broker of a process.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Bus, Consumer, Kafka, Listener, Publisher, Record};
use comptoir_mesh::{env::Env, error::Error};

/// A broker of events. Cheap to clone.
#[derive(Clone)]
pub enum Broker {
    /// Within the process.
    Bus(Bus),
    /// Between processes.
    Kafka(Kafka),
}

impl Broker {
    /// The broker in the settings; `None` without one.
    pub fn configured(env: &Env) -> anyhow::Result<Option<Self>> {
        let servers = &env.servers;
        let brokers = servers.kafka_brokers.as_deref();
        brokers
            .map(|brokers| Ok(Self::Kafka(Kafka::open(env, brokers, servers.kafka.clone())?)))
            .transpose()
    }

    /// Adds a consumer group. On the bus, before the first relay starts.
    pub fn register(&self, env: &Env, consumer: Arc<dyn Consumer>) {
        match self {
            Self::Bus(bus) => bus.register(consumer),
            Self::Kafka(kafka) => kafka.register(env, &consumer),
        }
    }

    /// A topic's records from now on, for what every replica has to know: caches, indexes, followers.
    pub fn listen(&self, env: &Env, topic: &'static str) -> Listener {
        match self {
            Self::Bus(bus) => bus.listen(topic),
            Self::Kafka(kafka) => kafka.listen(env, topic),
        }
    }
}

impl From<Bus> for Broker {
    fn from(bus: Bus) -> Self {
        Self::Bus(bus)
    }
}

impl From<Kafka> for Broker {
    fn from(kafka: Kafka) -> Self {
        Self::Kafka(kafka)
    }
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        match self {
            Self::Bus(bus) => bus.publish(record).await,
            Self::Kafka(kafka) => kafka.publish(record).await,
        }
    }
}
