//! The broker that a process's services are given.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Bus, Consumer, Listener, Publisher, Record};
use crate::{env::Env, error::Error};

/// Where events go and come from. Cheap to clone.
#[derive(Clone)]
pub enum Broker {
    /// Within the process.
    Bus(Bus),
}

impl Broker {
    /// The broker that the settings name; `None` where they name none.
    #[expect(clippy::unnecessary_wraps, reason = "the broker's client comes next")]
    pub fn configured(_env: &Env) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }

    /// Adds a consumer group. On the bus, before the first relay starts.
    pub fn register(&self, _env: &Env, consumer: Arc<dyn Consumer>) {
        match self {
            Self::Bus(bus) => bus.register(consumer),
        }
    }

    /// A topic's records from now on, for what every replica has to hear: caches, indexes, watchers.
    pub fn listen(&self, _env: &Env, topic: &'static str) -> Listener {
        match self {
            Self::Bus(bus) => bus.listen(topic),
        }
    }
}

impl From<Bus> for Broker {
    fn from(bus: Bus) -> Self {
        Self::Bus(bus)
    }
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        match self {
            Self::Bus(bus) => bus.publish(record).await,
        }
    }
}
